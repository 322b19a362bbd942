"""What a folder of results holds: which images, of which role, under which names.

pix2pix, CycleGAN and what descends from them write `results/NAME/test_EPOCH/images`:
`x_fake_B.png`, `x_real_B.png` and `x_real_A.png` in one folder, or, as CUT and ASP do,
`fake_B/x.png`, `real_B/x.png` and `real_A/x.png`. Whatever the `--direction`, A is what
the generator was given and B what it should give.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from he2ihc_keras.data.folders import image_files, name_of, problems_in, subfolders
from he2ihc_keras.data.images import IMAGE_SUFFIXES
from he2ihc_keras.scoring.results.files import (
    FAKE_IHC,
    HE,
    IHC,
    ROLES,
    ImageFile,
    ImageSet,
)
from he2ihc_keras.scoring.results.problems import shortened

LABELS = {FAKE_IHC: "fake_B", IHC: "real_B", HE: "real_A"}
# CycleGAN's way back, and what it and CUT make of an image that needs no change.
OTHER_LABELS = ("fake_A", "rec_A", "rec_B", "idt_A", "idt_B")
# Of pix2pix's `--model test`, which calls its input "real": an H&E, not the real IHC.
_ONE_SIDED = ("fake", "real")
_ALL_LABELS = (*LABELS.values(), *OTHER_LABELS)


class ResultFolder(NamedTuple):
    """What a folder holds.

    Attributes:
        path: Where the images lie, at or below the folder that was given.
        sets: The images of each role that was recognised.
        layout: What was recognised, in words; "" for a plain folder of images.
        unlabelled: File names of images without a label, where others have one.
    """

    path: Path
    sets: dict[str, ImageSet]
    layout: str = ""
    unlabelled: tuple[str, ...] = ()


def open_folder(
    folder: Path, role: str, panels: Sequence[str] | None = None
) -> ResultFolder:
    """Find the images at `folder`, in `images` or in a single `test_EPOCH/images`.

    Args:
        folder: A folder of images, or of results.
        role: What its images are where they carry no label.
        panels: Roles of the images side by side in each file, from the left.

    Raises:
        ValueError: If there is no image, or images of several tests; or with a list of
            links to nothing.
    """
    path = _images_folder(folder)
    if panels:
        return _of_panels(path, panels)
    if labelled := _in_label_folders(path):
        return _of_labels(path, labelled, image_files(path), in_folders=True)
    labelled = _by_label(image_files(path))
    unlabelled = labelled.pop("", [])
    if len(labelled) > 1:
        return _of_labels(path, labelled, unlabelled, in_folders=False)
    return ResultFolder(path, {role: image_set(str(path), image_files(path))})


def image_set(
    place: str,
    paths: Sequence[Path],
    *,
    ending: str = "",
    part: int = 0,
    parts: int = 1,
) -> ImageSet:
    """Images by name, without an `ending` that all stems have."""
    files, doubled = {}, []
    for path in paths:
        name = name_of(path).removesuffix(ending)
        first = files.setdefault(name, ImageFile(path, part, parts))
        if first.path != path:
            doubled.append(f"{first.path.name} and {path.name}")
    return ImageSet(place, files, tuple(doubled))


# Where the images lie


def _images_folder(folder: Path) -> Path:
    if not folder.is_dir():
        raise ValueError(f"{folder} is not a folder. Give a folder of images.")
    inner = [path / "images" for path in subfolders(folder)]
    for candidates in ([folder], [folder / "images"], inner):
        found = [path for path in candidates if _holds_images(path)]
        if len(found) > 1:
            tests = shortened([str(path.relative_to(folder)) for path in found])
            raise ValueError(
                f"{folder} holds the images of {len(found)} tests. Give one of its "
                f"folders: {tests}."
            )
        if found:
            _check_files(found[0])
            return found[0]
    raise ValueError(_nothing_in(folder))


def _check_files(path: Path) -> None:
    folders = (path, *(path / label for label in _ALL_LABELS))
    if problems := [problem for f in folders for problem in problems_in(f)]:
        raise ValueError("\n".join(problems))


def _holds_images(path: Path) -> bool:
    if not path.is_dir():
        return False
    return bool(image_files(path) or _in_label_folders(path) or [*problems_in(path)])


def _nothing_in(folder: Path) -> str:
    message = f"{folder} holds no image ({', '.join(sorted(IMAGE_SUFFIXES))})."
    inner = [path.name for path in subfolders(folder)]
    return message + (f" Give one of its folders: {', '.join(inner)}." if inner else "")


# What they are


def _in_label_folders(path: Path) -> dict[str, list[Path]]:
    folders = {label: path / label for label in _ALL_LABELS}
    found = {x: image_files(folder) for x, folder in folders.items() if folder.is_dir()}
    return {label: images for label, images in found.items() if images}


def _by_label(paths: Sequence[Path]) -> dict[str, list[Path]]:
    labelled: dict[str, list[Path]] = {}
    for path in paths:
        labels = (x for x in (*_ALL_LABELS, *_ONE_SIDED) if path.stem.endswith(f"_{x}"))
        labelled.setdefault(next(labels, ""), []).append(path)
    return labelled


def _of_labels(
    path: Path,
    labelled: dict[str, list[Path]],
    unlabelled: Sequence[Path],
    *,
    in_folders: bool,
) -> ResultFolder:
    labels = dict(LABELS)
    if LABELS[FAKE_IHC] not in labelled and "fake" in labelled:
        labels[FAKE_IHC] = "fake"
    used = {role: label for role, label in labels.items() if label in labelled}
    sets = {}
    for role, label in used.items():
        place = str(path / label) if in_folders else f"{path} (x_{label})"
        ending = "" if in_folders else f"_{label}"
        sets[role] = image_set(place, labelled[label], ending=ending)
    return ResultFolder(
        path,
        sets,
        _layout(path, labelled, used.values(), in_folders=in_folders),
        tuple(image.name for image in unlabelled),
    )


def _layout(path, labelled, used, *, in_folders) -> str:
    program, pattern = ("CUT", "{}/x") if in_folders else ("pix2pix", "x_{}")
    shown = ", ".join(pattern.format(label) for label in used)
    layout = f"{program} results in {path}: {shown}"
    ignored = [f"{len(labelled[x])} {x}" for x in labelled if x not in used]
    return layout + (f" (ignored: {', '.join(sorted(ignored))})" if ignored else "")


def _of_panels(path: Path, panels: Sequence[str]) -> ResultFolder:
    if FAKE_IHC not in panels or len(set(panels) & set(ROLES)) != len(panels):
        raise ValueError(
            f"`panels` must name each image of a file once, with {FAKE_IHC!r} among "
            f"them and nothing but {', '.join(map(repr, ROLES))}. "
            f"Received: {', '.join(map(repr, panels))}."
        )
    images = image_files(path)
    if not images:
        raise ValueError(_nothing_in(path))
    sets = {
        role: image_set(str(path), images, part=part, parts=len(panels))
        for part, role in enumerate(panels)
    }
    return ResultFolder(path, sets, f"{' | '.join(panels)} side by side in {path}")
