"""Which generated image belongs to which real one, as any method left them on disk."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from he2ihc_keras.scoring.results.endings import match_he, match_names
from he2ihc_keras.scoring.results.files import (
    FAKE_IHC,
    HE,
    IHC,
    ImageFile,
    ImageSet,
    ImageSets,
    ResultFiles,
)
from he2ihc_keras.scoring.results.layouts import ResultFolder, open_folder
from he2ihc_keras.scoring.results.problems import (
    doubled_texts,
    lacking_text,
    names_text,
    size_of,
    sizes_text,
    unreadable_text,
)


@dataclass(frozen=True)
class Results:
    """What `find_results` found.

    Attributes:
        rows: A row a patch, by name.
        layout: What was recognised, in words for whom the scores are for.
    """

    rows: tuple[ResultFiles, ...]
    layout: str


def find_results(
    predicted: Path,
    target: Path | None = None,
    *,
    he: Path | None = None,
    same_size: bool = True,
    panels: Sequence[str] | None = None,
) -> Results:
    """Find the generated, the real and the H&E image of each patch.

    Recognised are two folders of the same names (suffixes may differ, and each side may
    add an ending, see `match_names`); results of pix2pix, CycleGAN, CUT and ASP, for
    which `target` may be left out; and targets twice as wide as the generated images,
    which hold `H&E | IHC` as pix2pix's combine_A_and_B writes them. Nothing is decoded.

    Which of several images in a generated file is which cannot be seen: pix2pix's
    forks write H&E, generated, real as often as H&E, real, generated. `panels` says.

    Args:
        predicted: Folder of generated IHC, or of results: `results/NAME`, its
            `test_EPOCH` or the `images` in that.
        target: Folder of real IHC, or of results that hold it. It takes the place of
            the real IHC in `predicted`.
        he: Folder of H&E patches, which may hold others too. Without it, the H&E that
            lie beside the generated or the real IHC are taken.
        same_size: Whether the images of a name must have one size. If not, they must
            still have one shape.
        panels: Roles of the images side by side in each generated file, from the left:
            `("he", "fake_ihc", "ihc")`.

    Returns:
        A row for every generated and every real image; never for some of them.

    Raises:
        ValueError: With all problems of names and sizes in one message; or if nothing,
            or more than one set of results, is recognised.
    """
    theirs = open_folder(Path(predicted), FAKE_IHC, panels)
    real = open_folder(Path(target), IHC) if target else theirs
    sets, endings = _matched(theirs, real, he)
    rows = sets.rows()
    # Images with a label are one a file, whatever their width.
    if side_by_side := not real.layout and _are_side_by_side(rows):
        rows = [_halved(row) for row in rows]
    problems = [
        *doubled_texts(sets),
        names_text(sets, {x.path: x.unlabelled for x in (theirs, real)}),
        unreadable_text(rows),
        sizes_text(rows, same_size=same_size),
    ]
    if any(problems):
        raise ValueError("\n".join(filter(None, problems)))
    return Results(tuple(rows), _layout(theirs, real, endings, side_by_side))


def _matched(
    theirs: ResultFolder, real: ResultFolder, he: Path | None
) -> tuple[ImageSets, str]:
    fake_ihc, ihc, endings = match_names(_set_of(theirs, FAKE_IHC), _set_of(real, IHC))
    if he:
        patches = match_he(_set_of(open_folder(Path(he), HE), HE), ihc.files.keys())
    else:
        beside = _he_beside(theirs, FAKE_IHC, fake_ihc)
        patches = beside or _he_beside(real, IHC, ihc)
    return ImageSets(fake_ihc, ihc, patches), endings


def _set_of(folder: ResultFolder, role: str) -> ImageSet:
    if role not in folder.sets:
        raise ValueError(lacking_text(folder.path, folder.layout, role))
    return folder.sets[role]


def _he_beside(folder: ResultFolder, role: str, renamed: ImageSet) -> ImageSet | None:
    """Give the H&E of a folder the names that its images of `role` have got."""
    if HE not in folder.sets:
        return None
    he, names = folder.sets[HE], folder.sets[role].files
    old_names = {file: name for name, file in names.items()}
    files = {
        name: he.files[old_names[file]]
        for name, file in renamed.files.items()
        if old_names[file] in he.files
    }
    return he._replace(files=files)


def _layout(theirs, real, endings, side_by_side) -> str:
    folders = dict.fromkeys(folder.layout for folder in (theirs, real))
    if not any(folders):
        folders = {"two folders, paired by name": None}
    said = [
        *folders,
        f"not counting {endings}" if endings else "",
        "targets hold H&E | IHC side by side" if side_by_side else "",
    ]
    return "; ".join(filter(None, said))


# Side by side


def _are_side_by_side(rows: Sequence[ResultFiles]) -> bool:
    """Whether all targets are twice as wide as what was generated, but no H&E is."""
    return bool(rows) and all(_is_side_by_side(row) for row in rows)


def _is_side_by_side(row: ResultFiles) -> bool:
    size, whole = size_of(row.fake_ihc), size_of(row.ihc)
    if not size or whole != (size[0], 2 * size[1]):
        return False
    return not row.he or row.he == row.ihc or size_of(row.he) != whole


def _halved(row: ResultFiles) -> ResultFiles:
    # H&E left and IHC right, as `he2ihc_keras.data.find_pairs` reads such files too.
    left, right = (ImageFile(row.ihc.path, part, 2) for part in range(2))
    he = left if row.he in (None, row.ihc) else row.he
    return row._replace(ihc=right, he=he)
