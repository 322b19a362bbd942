"""Registered pairs: what they are, how they are read and recorded."""

import csv
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from he2ihc_keras.data.folders import name_of
from he2ihc_keras.data.images import read_image
from he2ihc_keras.files import whole_file

SPLITS = ("train", "val", "test")
LEVELS = ("0", "1+", "2+", "3+")

_COLUMNS = ("split", "level", "he", "ihc", "side_by_side")
_LATER = ("he_sha256", "ihc_sha256", "folder")  # 0.1 wrote none
# BCI names a patch NUMBER_split_LEVEL. A bare "_0" is not taken for a level: it is
# how the names of many tile grids end.
_LEVEL = re.compile(r"_([123]\+)$|_(?:train|val|test)_(0)$")
# slide_row_column, as MIST names its patches: 14M2102785_23_16; it may tell the stain
_MIST = re.compile(r"^(\d+M\d+)_\d+_\d+(?:[-_. ](?i:he|h&e|ihc|her2|A|B))?$")
# File names that are not UTF-8 survive the way to a CSV file and back.
_FILE_NAMES = {"encoding": "utf-8", "errors": "surrogateescape"}


@dataclass(frozen=True)
class Pair:
    """A registered pair: an H&E patch and the IHC patch of the same place.

    In data without pairs, an image stands alone: what would be its partner is `None`.

    Attributes:
        he: File of the H&E patch.
        ihc: File of the IHC patch; the same file if `side_by_side`.
        split: "train", "val" or "test".
        level: HER2 level of the slide ("0", "1+", "2+" or "3+") where the file name
            has it, else `None`. It is the slide's level, not the patch's.
        side_by_side: Whether one file holds both, H&E in its left half.
        he_sha256: Digest of the H&E file, in hexadecimal; "" where it is not known.
        ihc_sha256: That of the IHC file.
        folder: Where in the folder of its split it lies: `slide_7`; "" for the folder
            itself.
    """

    he: Path | None
    ihc: Path | None
    split: str
    level: str | None = None
    side_by_side: bool = False
    he_sha256: str = field(default="", compare=False)
    ihc_sha256: str = field(default="", compare=False)
    folder: str = ""

    @property
    def name(self) -> str:
        """File name of the H&E patch, or of one that is alone, without its suffix.

        After that of its subfolder, if it lies in one: `slide_7/tile_3`.
        """
        stem = name_of(self.files[0])
        return f"{self.folder}/{stem}" if self.folder else stem

    @property
    def slide(self) -> str | None:
        """The slide that it was cut from, where its name tells: see `slide_of`."""
        return slide_of(self.name)

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that it has: H&E and IHC, once if they are one."""
        found = (file for file in (self.he, self.ihc) if file is not None)
        return tuple(dict.fromkeys(found))

    @property
    def is_whole(self) -> bool:
        """Whether it is a pair, and not an image that stands alone."""
        return self.he is not None and self.ihc is not None


def whole(pairs: Iterable[Pair]) -> list[Pair]:
    """Those that are pairs, and not images that stand alone."""
    return [pair for pair in pairs if pair.is_whole]


def slide_of(name: str) -> str | None:
    """The slide that an image's name tells: its subfolder, or MIST's way of naming.

    Args:
        name: That of a pair: "slide_7" of `slide_7/tile_3`, "14M2102785" of
            `14M2102785_23_16`.

    Returns:
        The slide, or `None` where the name tells none.
    """
    folder, _, stem = name.rpartition("/")
    match = _MIST.search(stem)
    return folder or (match[1] if match else None)


def level_of(name: str) -> str | None:
    """HER2 level that ends a BCI file name: "1+" of `00901_test_1+`, or `None`.

    Args:
        name: A file name without its suffix.
    """
    match = _LEVEL.search(name)
    return match and (match[1] or match[2])


def read_pair(pair: Pair) -> tuple[np.ndarray, np.ndarray]:
    """Read the H&E and the IHC patch of a pair.

    Returns:
        Two arrays, uint8 in [0, 255], `(height, width, 3)`, of one size.

    Raises:
        ValueError: If a file cannot be read, the two sizes differ, or the width of a
            side-by-side image is odd.
    """
    if pair.side_by_side:
        return _halves(pair.he)
    he, ihc = read_image(pair.he), read_image(pair.ihc)
    if he.shape != ihc.shape:
        raise ValueError(
            f"{pair.he} is {size_text(he.shape)} but its IHC partner {pair.ihc} is "
            f"{size_text(ihc.shape)}. A registered pair has one size."
        )
    return he, ihc


def read_stain(pair: Pair, stain: str) -> np.ndarray:
    """Read one patch of a pair, or an image that stands alone.

    Args:
        pair: The pair.
        stain: "he" or "ihc".

    Returns:
        uint8 in [0, 255], `(height, width, 3)`.

    Raises:
        ValueError: If the file cannot be read, or the width of a side-by-side image is
            odd.
    """
    if pair.side_by_side:
        return _halves(pair.he)[("he", "ihc").index(stain)]
    return read_image(getattr(pair, stain))


def write_pairs_csv(path: str | Path, pairs: Iterable[Pair]) -> None:
    """Record pairs with absolute paths, so that a resumed run uses the same ones."""
    with whole_file(path) as temporary:
        with open(temporary, "w", newline="", **_FILE_NAMES) as file:
            writer = csv.writer(file)
            writer.writerow((*_COLUMNS, *_LATER))
            writer.writerows(_row(pair) for pair in pairs)


def read_pairs_csv(path: str | Path, *, moved: bool = False) -> list[Pair]:
    """Read what `write_pairs_csv` wrote.

    Args:
        path: The file.
        moved: Whether the images may lie elsewhere by now; they are not looked for.

    Raises:
        ValueError: If the file has other columns or a row that is no pair, or an image
            it lists is no longer there.
    """
    with open(path, newline="", **_FILE_NAMES) as file:
        header, *rows = list(csv.reader(file)) or [[]]
    if tuple(header) not in [(*_COLUMNS, *_LATER[:count]) for count in (0, 2, 3)]:
        expected = ", ".join((*_COLUMNS, *_LATER))
        raise ValueError(
            f"{path} is not a list of pairs. Expected the columns {expected}. "
            f"Received: {', '.join(header) or 'an empty file'}."
        )
    pairs = [_pair(row, f"{path}, line {line}") for line, row in enumerate(rows, 2)]
    if not moved:
        _check_are_there(pairs, path)
    return pairs


def _check_are_there(pairs, path):
    images = dict.fromkeys(image for pair in pairs for image in pair.files)
    gone = [image for image in images if not image.is_file()]
    if gone:
        raise ValueError(
            f"{len(gone)} of the {len(images)} images that {path} lists are gone, the "
            f"first of them {gone[0]}. Put them back where they were, or say with "
            "--data where they are."
        )


def size_text(shape: Sequence[int]) -> str:
    """Width x height of an image, as people say it."""
    height, width = shape[:2]
    return f"{width} x {height}"


def _halves(path: Path) -> tuple[np.ndarray, np.ndarray]:
    image = read_image(path)
    width = image.shape[1]
    if width % 2:
        raise ValueError(
            f"{path} is {size_text(image.shape)}, an odd width. Expected H&E in the "
            "left half and IHC in the right half, of one width."
        )
    return image[:, : width // 2], image[:, width // 2 :]


def _row(pair: Pair) -> tuple[str, ...]:
    he, ihc = (str(f.absolute()) if f else "" for f in (pair.he, pair.ihc))
    side_by_side = "yes" if pair.side_by_side else "no"
    later = pair.he_sha256, pair.ihc_sha256, pair.folder
    return pair.split, pair.level or "", he, ihc, side_by_side, *later


def _pair(row: list[str], place: str) -> Pair:
    match row:
        case [
            ("train" | "val" | "test") as split,
            level,
            he,
            ihc,
            ("yes" | "no") as one,
            *later,
        ] if len(later) <= len(_LATER) and (he or ihc):
            he, ihc = (Path(file) if file else None for file in (he, ihc))
            return Pair(he, ihc, split, level or None, one == "yes", *later)
    raise ValueError(
        f"{place} is not a pair. Expected {', '.join(_COLUMNS)}, with split train, val "
        f"or test and side_by_side yes or no. Received: {', '.join(row)}."
    )
