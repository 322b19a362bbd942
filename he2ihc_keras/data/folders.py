"""What a folder of images holds: the one listing that every command looks at."""

import os
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from he2ihc_keras.data.images import IMAGE_SUFFIXES

# What lies beside images and is nobody's missing patch.
_LITTER_SUFFIXES = (".txt", ".md", ".csv", ".json", ".ini", ".db")


def image_files(folder: Path, *, below: bool = False) -> list[Path]:
    """Images of a folder by their names, but for what is hidden.

    Args:
        folder: The folder; one that is not there holds none.
        below: Whether those of its subfolders are taken too.
    """
    entries = _entries(folder, below=below)
    return [f for f in entries if _is_called_an_image(f) and f.is_file()]


def subfolders(folder: Path) -> list[Path]:
    """Its folders by their names, but for what is hidden."""
    return [f for f in _entries(folder) if f.is_dir()]


def other_files(folder: Path) -> list[Path]:
    """Files in it and below that are neither images nor litter."""
    known = (*IMAGE_SUFFIXES, *_LITTER_SUFFIXES)
    entries = _entries(folder, below=True)
    return [f for f in entries if f.suffix.lower() not in known and f.is_file()]


def problems_in(folder: Path, *, below: bool = False) -> Iterator[str]:
    """What is called like an image and is no file, a sentence each."""
    for entry in _entries(folder, below=below):
        if not _is_called_an_image(entry) or entry.is_file() or entry.is_dir():
            continue
        if entry.is_symlink():
            yield (
                f"{entry} is a link to {os.readlink(entry)}, where nothing is. Fetch "
                "the images (`dvc pull`, `git annex get`), or remove the link."
            )
        else:
            yield f"{entry} is neither a file nor a folder. Remove it."


def name_of(image: Path, folder: Path | None = None) -> str:
    """By which partners are found: the name without suffix, in one form of Unicode.

    macOS decomposes letters (NFD) where others compose them; all names are composed.

    Args:
        image: The file.
        folder: Above it; the name then begins with the subfolders between them.
    """
    path = Path(image.name) if folder is None else image.relative_to(folder)
    return unicodedata.normalize("NFC", path.with_suffix("").as_posix())


def _is_called_an_image(entry: Path) -> bool:
    return entry.suffix.lower() in IMAGE_SUFFIXES


def _entries(folder: Path, *, below: bool = False, above=frozenset()) -> list[Path]:
    if not folder.is_dir():
        return []
    found = sorted(f for f in folder.iterdir() if not f.name.startswith("."))
    if below:
        here = folder.resolve()
        above = above | {here, *here.parents}
        for inner in [f for f in found if f.is_dir()]:
            if inner.resolve() not in above:  # a circle of links would never end
                found += _entries(inner, below=True, above=above)
    return found
