"""Folders of paired patches: which H&E image belongs to which IHC image.

The layouts that are in use for virtual staining are recognised (`LAYOUTS`).
"""

import itertools
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from he2ihc_keras.data.cut import with_validation
from he2ihc_keras.data.folders import (
    image_files,
    name_of,
    other_files,
    problems_in,
    subfolders,
)
from he2ihc_keras.data.images import image_size
from he2ihc_keras.data.pairs import SPLITS, Pair, level_of

SHOWN = 20
# What names say of the stain, at their beginning or their end: HE_1, 1-he, 1_A
_HE_MARKS, _IHC_MARKS = ("he", "h&e", "A"), ("ihc", "her2", "B")
# How people call the folder of a split; the first is the layouts' own.
_SPELLINGS = {"val": ("val", "valid", "validation")}


@dataclass(frozen=True)
class Layout:
    """Where a data set keeps the images of a split; `{}` stands for the split."""

    name: str
    he: str
    ihc: str

    @property
    def side_by_side(self) -> bool:
        """Whether H&E and IHC are the halves of one image."""
        return self.he == self.ihc

    def __str__(self) -> str:
        splits = "{train,val,test}"
        he, ihc = self.he.format(splits), self.ihc.format(splits)
        if self.side_by_side:
            return (
                f"{he}/x.png, wider than tall: H&E in the left half, IHC in the right"
            )
        return f"H&E in {he}/x.png, IHC in {ihc}/x.png"

    def folders(self, root: Path, split: str) -> tuple[Path, Path]:
        """Folders of the H&E and of the IHC images of a split, as they are spelled."""
        spelled = [
            (root / self.he.format(name), root / self.ihc.format(name))
            for name in _SPELLINGS.get(split, (split,))
        ]
        there = (both for both in spelled if any(folder.is_dir() for folder in both))
        return next(there, spelled[0])

    def fits(self, root: Path, *, below: bool = False) -> bool:
        """Whether some split of `root` has images where this layout puts them.

        Args:
            root: The folder.
            below: Whether they may lie in subfolders, one for each slide.
        """
        folders = [f for split in SPLITS for f in self.folders(root, split)]
        images = [image for f in folders for image in image_files(f, below=below)]
        return _are_wide(images) if self.side_by_side else bool(images)


LAYOUTS = (
    Layout("BCI", "HE/{}", "IHC/{}"),
    Layout("BCI challenge", "{}/HE", "{}/IHC"),
    Layout("HER2match", "HE_20x/{}", "IHC_20x/{}"),
    Layout("MIST", "{}A", "{}B"),
    Layout("pix2pix", "{}", "{}"),
)


@dataclass(frozen=True)
class Finding:
    """What the names in a data folder tell.

    Attributes:
        root: The folder that has the layout.
        layout: The layout recognised, one of `LAYOUTS`.
        pairs: By split, then by name.
        problems: Images without a partner, names that stand twice, links to nothing.
        ignored: Files beside the images that are neither images nor litter.
        not_taken: Folders of images that belong to no split, and how many they hold.
        validation_is_cut: Whether "val" was cut from the training images.
    """

    root: Path
    layout: Layout
    pairs: tuple[Pair, ...]
    problems: tuple[str, ...]
    ignored: tuple[Path, ...]
    not_taken: tuple[tuple[Path, int], ...]
    validation_is_cut: bool

    def raise_if_problems(self) -> None:
        """Raise one `ValueError` that lists the problems, if there are any."""
        if self.problems:
            raise ValueError(f"{self.root}: {self.problem_text()}")

    def problem_text(self) -> str:
        """Render the problems for a terminal, the first twenty of them."""
        count = len(self.problems)
        if not count:
            return "No problem found."
        heading = "1 problem:" if count == 1 else f"{count} problems:"
        bullets = [f"- {problem}" for problem in self.problems[:SHOWN]]
        return f"{heading}\n{shortened(bullets, count, chr(10))}"

    def not_taken_text(self) -> str:
        """Say which folders of images belong to no split; "" where there is none."""
        if not self.not_taken:
            return ""
        bullets = [
            f"- {folder}: {_counted(count, 'image')}"
            for folder, count in self.not_taken[:SHOWN]
        ]
        heading = f"Not taken, as they belong to no split of {self.layout}:"
        return f"{heading}\n{shortened(bullets, len(self.not_taken), chr(10))}"


def find_pairs(
    root: str | Path,
    *,
    validation_fraction: float = 0.1,
    seed: int = 0,
    unpaired: bool = False,
) -> list[Pair]:
    """List the pairs of a data folder, in one of the layouts of `LAYOUTS`.

    The folder decides the split, whatever the file name says; "val" may be called
    "valid" or "validation". Images may lie in subfolders of it, which are taken for
    slides; partners then lie in subfolders of one name. Names are compared in one form
    of Unicode (NFC): macOS and Windows write another each. Where no name is the same,
    and all tell their stain (`HE_1` and `IHC_1`, `1_A` and `1_B`), that is left out.

    Without a "val" split, one is cut from the training images: a choice by `seed` that
    depends on nothing but the names. It is of whole slides where each name tells one
    (`Pair.slide`), of less than the fraction where they do not come out; else patches
    of one slide may fall on both sides. A split that the folder lacks is simply not
    there: MIST has no "test".

    No image is decoded; `inspect` does that.

    Args:
        root: The folder with the layout, or one that holds exactly one such folder.
        validation_fraction: Part of the training images to cut, in [0, 1); at least
            one image is cut and one is left. 0 cuts none.
        seed: Seed of the cut.
        unpaired: Take images without partners too. A split in which each name stands
            in both folders is of pairs; in another one no image is of a pair, whatever
            names it shares: its folders may hold unequal numbers.

    Returns:
        The pairs, by split, then by name; of a split without pairs, the H&E first.

    Raises:
        ValueError: If no layout, or more than one, is recognised; or with the list of
            the images that have no partner, share a name or are links to nothing.
    """
    finding = scan(Path(root), validation_fraction, seed, unpaired)
    finding.raise_if_problems()
    return list(finding.pairs)


def scan(
    root: Path, validation_fraction: float, seed: int, unpaired: bool = False
) -> Finding:
    """As `find_pairs`, but problems are listed and not raised."""
    if not 0 <= validation_fraction < 1:
        raise ValueError(
            "`validation_fraction` must be at least 0 and less than 1. "
            f"Received: {validation_fraction}."
        )
    root, layout = _recognise(root)
    pairs, problems, ignored = [], [], []
    for split in SPLITS:
        found, wrong = _pairs_of_split(root, layout, split, unpaired)
        pairs += found
        problems += wrong
        for folder in dict.fromkeys(layout.folders(root, split)):
            ignored += other_files(folder)
            problems += problems_in(folder, below=True)
    cut = with_validation(pairs, validation_fraction, seed)
    not_taken = tuple(_not_taken(root, layout))
    found = map(tuple, (cut, problems, ignored))
    return Finding(root, layout, *found, not_taken, cut != pairs)


def _recognise(root: Path) -> tuple[Path, Layout]:
    if not root.is_dir():
        raise ValueError(f"{root} is not a folder. Give the folder of paired images.")
    # The folder itself, else a folder in it (a zip file unpacks to one).
    places = [root], subfolders(root)
    for below, candidates in itertools.product((False, True), places):
        found = [
            (folder, layout)
            for folder in candidates
            for layout in LAYOUTS
            if layout.fits(folder, below=below)
        ]
        if below and len(found) > 1:  # a split's folder is above every layout's
            found = [(f, layout) for f, layout in found if not layout.side_by_side]
        if len(found) > 1:
            raise ValueError(_ambiguous_text(root, found))
        if found:
            return found[0]
    raise ValueError(_unrecognised_text(root))


def _pairs_of_split(
    root: Path, layout: Layout, split: str, unpaired: bool
) -> tuple[list[Pair], list[str]]:
    he_folder, ihc_folder = layout.folders(root, split)
    # Beside images that hold both, those of a subfolder are something else.
    below = not (layout.side_by_side and image_files(he_folder))
    he, problems = _by_name(he_folder, below=below)
    if layout.side_by_side:
        ihc = he
    else:
        ihc, ihc_problems = _by_name(ihc_folder)
        problems += ihc_problems
        he, ihc = _without_stain(he, ihc)
        if unpaired and he.keys() != ihc.keys():
            return _alone(he, ihc, split), problems
        problems += _without_partner(he, "H&E", ihc_folder, ihc, "IHC")
        problems += _without_partner(ihc, "IHC", he_folder, he, "H&E")
    pairs = [
        _pair(name, he[name], ihc[name], split, layout.side_by_side)
        for name in sorted(he.keys() & ihc.keys())
    ]
    return pairs, problems


def _without_stain(he, ihc):
    """Images by names that do not tell the stain, if only those have partners."""
    if not he.keys().isdisjoint(ihc):
        return he, ihc
    short_he, short_ihc = _unmarked(he, _HE_MARKS), _unmarked(ihc, _IHC_MARKS)
    are_pairs = not short_he.keys().isdisjoint(short_ihc)
    return (short_he, short_ihc) if are_pairs else (he, ihc)


def _unmarked(images: dict[str, Path], marks: Sequence[str]) -> dict[str, Path]:
    """Images by their names without the mark that all have; as they were, if none."""
    for mark in map(re.escape, marks):
        at_ends = rf"(?:^|(?<=/)){mark}[-_. ](?=[^/]*$)|[-_. ]{mark}$"
        pattern = re.compile(at_ends, re.IGNORECASE)
        found = {pattern.sub("", name, 1): image for name, image in images.items()}
        if len(found) == len(images) and images.keys().isdisjoint(found):
            return found
    return images


def _alone(he: dict[str, Path], ihc: dict[str, Path], split: str) -> list[Pair]:
    """The images of a split without pairs."""
    return [
        *(_pair(name, he[name], None, split) for name in sorted(he)),
        *(_pair(name, None, ihc[name], split) for name in sorted(ihc)),
    ]


def _pair(name, he, ihc, split, side_by_side=False):
    folder = name.rpartition("/")[0]
    return Pair(he, ihc, split, level_of(name), side_by_side, folder=folder)


def _by_name(folder: Path, *, below: bool = True) -> tuple[dict[str, Path], list[str]]:
    """Images by their place in the folder of a split, without suffix."""
    images, problems = {}, []
    for image in image_files(folder, below=below):
        name = name_of(image, folder)
        first = images.setdefault(name, image)
        if first != image:
            problems.append(
                f"{first} and {image} share the name {name!r}, by which partners are "
                "found. Keep one of them."
            )
    return images, problems


def _not_taken(root: Path, layout: Layout) -> Iterator[tuple[Path, int]]:
    """Folders of images outside those of the splits, where the splits' are."""
    taken = {f for split in SPLITS for f in layout.folders(root, split)}
    beside = {f.parent for f in taken} | {root}
    if layout.side_by_side:
        beside |= {folder for folder in taken if image_files(folder)}
    for folder in sorted({f for place in beside for f in subfolders(place)}):
        holds_taken = any(folder in f.parents for f in taken)
        if folder not in taken and not holds_taken:
            if images := image_files(folder, below=True):
                yield folder, len(images)


def _without_partner(
    images: dict[str, Path],
    stain: str,
    partner_folder: Path,
    partners: dict[str, Path],
    partner_stain: str,
) -> list[str]:
    if images and not partners:
        folder = _shared_folder(images.values())
        return [
            f"{folder} holds {_counted(len(images), f'{stain} image')}, but "
            f"{partner_folder}, for their {partner_stain} partners, holds none. "
            f"Add the partners, or remove {folder}."
        ]
    if images and images.keys().isdisjoint(partners):
        folder = _shared_folder(images.values())
        return [
            f"None of the {_counted(len(images), f'{stain} image')} in {folder} has "
            f"its {partner_stain} partner, of the same name, in {partner_folder}. "
            "Rename them. CycleGAN needs no partners: `he2ihc-keras check DATA "
            "--unpaired`, `train cyclegan`."
        ]
    return [
        f"{images[name]} has no {partner_stain} partner in {partner_folder}. "
        "Add it, or remove the image."
        for name in sorted(images.keys() - partners.keys())
    ]


def _shared_folder(images: Iterable[Path]) -> Path:
    return Path(os.path.commonpath({image.parent for image in images}))


def _are_wide(images: Sequence[Path]) -> bool:
    # `BCI/HE` given instead of `BCI` looks like a folder of side-by-side images, but
    # two patches side by side are wider than tall. The first readable image decides.
    for image in images:
        try:
            height, width = image_size(image)
        except ValueError:
            continue
        return width > height
    return bool(images)


# Words


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def shortened(shown: list[str], count: int, separator: str) -> str:
    """Join what is shown, and say how many more there are."""
    more = [f"... and {count - len(shown)} more"] if count > len(shown) else []
    return separator.join([*shown, *more])


def _ambiguous_text(root: Path, found: Sequence[tuple[Path, Layout]]) -> str:
    lines = [f"  {folder}: {layout.name}" for folder, layout in found]
    return "\n".join(
        [f"{root} can be read as more than one data set. Give the folder of one:"]
        + [shortened(lines[:SHOWN], len(lines), "\n")]
    )


def _unrecognised_text(root: Path) -> str:
    seen = [_seen(root, "."), *(_seen(f, f"{f.name}/") for f in subfolders(root))]
    for folder in subfolders(root):
        seen += [_seen(f, f"{folder.name}/{f.name}/") for f in subfolders(folder)]
    lines = [f"No paired images recognised in {root}. It holds:"]
    lines.append(shortened(seen[:SHOWN], len(seen), "\n"))
    lines.append("Expected one of (val and test may be missing):")
    lines += [f"  {layout.name}: {layout}" for layout in LAYOUTS]
    if any("\\" in entry.name for entry in root.iterdir()):
        lines.append(
            "Names there hold backslashes: a zip file of Windows was unpacked as if "
            "they were letters. Unpack it with `unzip` or `7z x`."
        )
    inner = [f for place in subfolders(root) for f in (place, *subfolders(place))]
    near = [root, *inner]
    if problems := [problem for folder in near for problem in problems_in(folder)]:
        lines.append(shortened(problems[:SHOWN], len(problems), "\n"))
    parent = root.absolute().parent
    if any(layout.fits(parent) for layout in LAYOUTS):
        lines.append(f"{parent} is such a folder. Did you mean that?")
    return "\n".join(lines)


def _seen(folder: Path, name: str) -> str:
    return f"  {name}: {_counted(len(image_files(folder)), 'image')}"
