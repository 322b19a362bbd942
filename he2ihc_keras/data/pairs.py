"""Folders of paired patches: which H&E image belongs to which IHC image.

Four layouts are in use for virtual staining, and all four are recognised (`LAYOUTS`).
`find_pairs` lists the pairs of a folder, `inspect` decodes every image as well and
tells every problem at once, before a training run meets the first.
"""

import csv
import dataclasses
import hashlib
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from he2ihc_keras.data.images import (
    IMAGE_SUFFIXES,
    image_size,
    read_image,
    whole_file,
)

SPLITS = ("train", "val", "test")
LEVELS = ("0", "1+", "2+", "3+")

_COLUMNS = ("split", "level", "he", "ihc", "side_by_side")
# BCI names a patch NUMBER_split_LEVEL. A bare "_0" is not taken for a level: it is
# how the names of many tile grids end.
_LEVEL = re.compile(r"_([123]\+)$|_(?:train|val|test)_(0)$")
# File names that are not UTF-8 survive the way to a CSV file and back.
_FILE_NAMES = {"encoding": "utf-8", "errors": "surrogateescape"}
# What lies in folders of images and is nobody's missing patch.
_LITTER_SUFFIXES = (".txt", ".md", ".csv", ".json", ".ini", ".db")
_SHOWN = 20


@dataclass(frozen=True)
class Pair:
    """A registered pair: an H&E patch and the IHC patch of the same place.

    Attributes:
        he: File of the H&E patch.
        ihc: File of the IHC patch; the same file if `side_by_side`.
        split: "train", "val" or "test".
        level: HER2 level of the slide ("0", "1+", "2+" or "3+") where the file name
            has it, else `None`. It is the slide's level, not the patch's.
        side_by_side: Whether one file holds both, H&E in its left half.
    """

    he: Path
    ihc: Path
    split: str
    level: str | None = None
    side_by_side: bool = False

    @property
    def name(self) -> str:
        """File name of the H&E patch without its suffix."""
        return self.he.stem


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
        """Folders of the H&E and of the IHC images of a split."""
        return root / self.he.format(split), root / self.ihc.format(split)

    def fits(self, root: Path) -> bool:
        """Whether some split of `root` has images where this layout puts them."""
        folders = [f for split in SPLITS for f in self.folders(root, split)]
        images = [image for folder in folders for image in _images(folder)]
        return _are_wide(images) if self.side_by_side else bool(images)


LAYOUTS = (
    Layout("BCI", "HE/{}", "IHC/{}"),
    Layout("BCI challenge", "{}/HE", "{}/IHC"),
    Layout("MIST", "{}A", "{}B"),
    Layout("pix2pix", "{}", "{}"),
)


@dataclass(frozen=True)
class DataReport:
    """What a data folder holds, and everything that is wrong with it.

    Attributes:
        root: The folder that has the layout.
        layout: The layout recognised, one of `LAYOUTS`.
        pairs: By split, then by name.
        problems: One sentence or more each, naming the file and what to do.
        ignored: Files beside the images that are neither images nor litter.
        validation_is_cut: Whether "val" was cut from the training images.
        sizes: Number of pairs of each `(height, width)`; empty if not decoded.
    """

    root: Path
    layout: Layout
    pairs: tuple[Pair, ...]
    problems: tuple[str, ...] = ()
    ignored: tuple[Path, ...] = ()
    validation_is_cut: bool = False
    sizes: dict[tuple[int, int], int] = dataclasses.field(default_factory=dict)

    def counts(self) -> dict[str, Counter]:
        """Count pairs: `counts()["train"]["2+"]`; the key is `None` without level."""
        return {
            split: Counter(pair.level for pair in self.pairs if pair.split == split)
            for split in SPLITS
        }

    def text(self) -> str:
        """Render the report for a terminal."""
        lines = [f"{self.root}: {self.layout.name} layout, {self.layout}", ""]
        lines += self._table()
        if self.sizes:
            lines += ["", f"Size (width x height): {self._sizes()}"]
        if self.ignored:
            suffixes = ", ".join(sorted({f.suffix or f.name for f in self.ignored}))
            lines += ["", f"Ignored, not images: {len(self.ignored)} ({suffixes})"]
        return "\n".join([*lines, "", self._problem_text()])

    def raise_if_problems(self) -> None:
        """Raise one `ValueError` that lists the problems, if there are any."""
        if self.problems:
            raise ValueError(f"{self.root}: {self._problem_text()}")

    def _table(self) -> list[str]:
        columns = [
            level for level in LEVELS if any(p.level == level for p in self.pairs)
        ]
        rows = [("split", "pairs", *columns)]
        for split, levels in self.counts().items():
            rows.append((split, levels.total(), *(levels[c] for c in columns)))
        lines = [f"{row[0]:<6}" + "".join(f"{n:>7}" for n in row[1:]) for row in rows]
        if self.validation_is_cut:
            lines[1 + SPLITS.index("val")] += "   (cut from train)"
        return lines

    def _sizes(self) -> str:
        common_first = sorted(self.sizes.items(), key=lambda item: (-item[1], item[0]))
        shown = [
            f"{_size_text(size)} ({count})" for size, count in common_first[:_SHOWN]
        ]
        return _shortened(shown, len(common_first), ", ")

    def _problem_text(self) -> str:
        count = len(self.problems)
        if not count:
            return "No problem found."
        heading = "1 problem:" if count == 1 else f"{count} problems:"
        bullets = [f"- {problem}" for problem in self.problems[:_SHOWN]]
        return f"{heading}\n{_shortened(bullets, count, chr(10))}"


def find_pairs(
    root: str | Path, *, validation_fraction: float = 0.1, seed: int = 0
) -> list[Pair]:
    """List the pairs of a data folder, in one of the layouts of `LAYOUTS`.

    The folder decides the split, whatever the file name says. Without a "val" split,
    one is cut from the training images: a choice by `seed` that depends on nothing
    but the names. (Names do not tell the slide, so patches of one slide may fall on
    both sides.) A split that the folder lacks is simply not there: MIST has no "test".

    No image is decoded; `inspect` does that.

    Args:
        root: The folder with the layout, or one that holds exactly one such folder.
        validation_fraction: Part of the training images to cut, in [0, 1); at least
            one image is cut and one is left. 0 cuts none.
        seed: Seed of the cut.

    Returns:
        The pairs, by split, then by name.

    Raises:
        ValueError: If no layout, or more than one, is recognised; or with the list of
            the images that have no partner or share a name.
    """
    report = _scan(Path(root), validation_fraction, seed)
    report.raise_if_problems()
    return list(report.pairs)


def inspect(
    root: str | Path,
    *,
    patch_size: int | None = None,
    resize: bool = False,
    validation_fraction: float = 0.1,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> DataReport:
    """Decode every image of a data folder and report all that is wrong with it.

    Found beyond what `find_pairs` finds: unreadable and truncated files, partners of
    different sizes, images smaller than a patch, no training pairs, and leakage (one
    H&E image, pixel for pixel, in two splits).

    Args:
        root: As for `find_pairs`.
        patch_size: Side of the square that training crops, in pixels.
        resize: Whether images are resized before they are cropped; their size is then
            of no matter.
        validation_fraction: As for `find_pairs`.
        seed: As for `find_pairs`.
        progress: Called with the number of pairs done and of all pairs.

    Returns:
        The report; `raise_if_problems` turns it into an error.

    Raises:
        ValueError: If no layout, or more than one, is recognised.
    """
    report = _scan(Path(root), validation_fraction, seed)
    looks = _look_at_all(report.pairs, progress)
    problems = [*report.problems, *_no_training_pairs(report)]
    problems += [problem for look in looks for problem in look.problems]
    problems += _leakage(report.pairs, looks)
    if patch_size is not None and not resize:
        problems += _too_small(report.pairs, looks, patch_size)
    sizes = Counter(look.size for look in looks if look.size)
    return dataclasses.replace(report, problems=tuple(problems), sizes=dict(sizes))


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
            f"{pair.he} is {_size_text(he.shape)} but its IHC partner {pair.ihc} is "
            f"{_size_text(ihc.shape)}. A registered pair has one size."
        )
    return he, ihc


def write_pairs_csv(path: str | Path, pairs: Iterable[Pair]) -> None:
    """Record pairs with absolute paths, so that a resumed run uses the same ones."""
    with whole_file(path) as temporary:
        with open(temporary, "w", newline="", **_FILE_NAMES) as file:
            writer = csv.writer(file)
            writer.writerow(_COLUMNS)
            writer.writerows(_row(pair) for pair in pairs)


def read_pairs_csv(path: str | Path) -> list[Pair]:
    """Read what `write_pairs_csv` wrote.

    Raises:
        ValueError: If the file has other columns or a row that is no pair, or an image
            it lists is no longer there.
    """
    with open(path, newline="", **_FILE_NAMES) as file:
        header, *rows = list(csv.reader(file)) or [[]]
    if tuple(header) != _COLUMNS:
        raise ValueError(
            f"{path} is not a list of pairs. Expected the columns "
            f"{', '.join(_COLUMNS)}. Received: {', '.join(header) or 'an empty file'}."
        )
    pairs = [_pair(row, f"{path}, line {line}") for line, row in enumerate(rows, 2)]
    images = dict.fromkeys(image for pair in pairs for image in (pair.he, pair.ihc))
    gone = [image for image in images if not image.is_file()]
    if gone:
        raise ValueError(
            f"{len(gone)} of the {len(images)} images that {path} lists are gone, the "
            f"first of them {gone[0]}. Put them back where they were."
        )
    return pairs


# Finding


def _scan(root: Path, validation_fraction: float, seed: int) -> DataReport:
    if not 0 <= validation_fraction < 1:
        raise ValueError(
            "`validation_fraction` must be at least 0 and less than 1. "
            f"Received: {validation_fraction}."
        )
    root, layout = _recognise(root)
    pairs, problems, ignored = [], [], []
    for split in SPLITS:
        found, wrong = _pairs_of_split(root, layout, split)
        pairs += found
        problems += wrong
        for folder in dict.fromkeys(layout.folders(root, split)):
            ignored += _ignored(folder)
    cut = _with_validation(pairs, validation_fraction, seed)
    return DataReport(
        root, layout, tuple(cut), tuple(problems), tuple(ignored), cut != pairs
    )


def _recognise(root: Path) -> tuple[Path, Layout]:
    if not root.is_dir():
        raise ValueError(f"{root} is not a folder. Give the folder of paired images.")
    # The folder itself, else a folder in it (a zip file unpacks to one).
    for candidates in ([root], _subfolders(root)):
        found = [
            (f, layout) for f in candidates for layout in LAYOUTS if layout.fits(f)
        ]
        if len(found) > 1:
            raise ValueError(_ambiguous_text(root, found))
        if found:
            return found[0]
    raise ValueError(_unrecognised_text(root))


def _pairs_of_split(
    root: Path, layout: Layout, split: str
) -> tuple[list[Pair], list[str]]:
    he_folder, ihc_folder = layout.folders(root, split)
    he, problems = _by_name(he_folder)
    if layout.side_by_side:
        ihc = he
    else:
        ihc, ihc_problems = _by_name(ihc_folder)
        problems += ihc_problems
        problems += _without_partner(he, "H&E", ihc_folder, ihc, "IHC")
        problems += _without_partner(ihc, "IHC", he_folder, he, "H&E")
    pairs = [
        Pair(he[name], ihc[name], split, _level(name), layout.side_by_side)
        for name in sorted(he.keys() & ihc.keys())
    ]
    return pairs, problems


def _by_name(folder: Path) -> tuple[dict[str, Path], list[str]]:
    images, problems = {}, []
    for image in _images(folder):
        first = images.setdefault(image.stem, image)
        if first != image:
            problems.append(
                f"{first} and {image} share the name {image.stem!r}, by which partners "
                "are found. Keep one of them."
            )
    return images, problems


def _without_partner(
    images: dict[str, Path],
    stain: str,
    partner_folder: Path,
    partners: dict[str, Path],
    partner_stain: str,
) -> list[str]:
    if images and not partners:
        folder = next(iter(images.values())).parent
        return [
            f"{folder} holds {_counted(len(images), f'{stain} image')}, but "
            f"{partner_folder}, for their {partner_stain} partners, holds none. "
            f"Add the partners, or remove {folder}."
        ]
    return [
        f"{images[name]} has no {partner_stain} partner in {partner_folder}. "
        "Add it, or remove the image."
        for name in sorted(images.keys() - partners.keys())
    ]


def _with_validation(pairs: list[Pair], fraction: float, seed: int) -> list[Pair]:
    train = [i for i, pair in enumerate(pairs) if pair.split == "train"]
    if fraction == 0 or len(train) < 2 or any(p.split == "val" for p in pairs):
        return pairs
    count = min(max(1, round(fraction * len(train))), len(train) - 1)
    chosen = set(np.random.default_rng(seed).permutation(train)[:count].tolist())
    cut = [
        dataclasses.replace(pair, split="val") if i in chosen else pair
        for i, pair in enumerate(pairs)
    ]
    return sorted(cut, key=lambda pair: SPLITS.index(pair.split))


def _level(name: str) -> str | None:
    match = _LEVEL.search(name)
    return match and (match[1] or match[2])


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


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    visible = (f for f in folder.iterdir() if not f.name.startswith("."))
    return sorted(f for f in visible if f.is_file())


def _subfolders(folder: Path) -> list[Path]:
    visible = (f for f in folder.iterdir() if not f.name.startswith("."))
    return sorted(f for f in visible if f.is_dir())


def _images(folder: Path) -> list[Path]:
    return [f for f in _files(folder) if f.suffix.lower() in IMAGE_SUFFIXES]


def _ignored(folder: Path) -> list[Path]:
    known = (*IMAGE_SUFFIXES, *_LITTER_SUFFIXES)
    return [f for f in _files(folder) if f.suffix.lower() not in known]


# Decoding


@dataclass(frozen=True)
class _Look:
    """What decoding a pair told: size, digest of the H&E pixels, problems."""

    size: tuple[int, int] | None = None
    digest: bytes | None = None
    problems: tuple[str, ...] = ()


def _look_at_all(
    pairs: Sequence[Pair], progress: Callable[[int, int], None] | None
) -> list[_Look]:
    looks = []
    # Pillow decodes, and hashlib hashes, without Python's lock.
    threads = min(max(2, os.cpu_count() or 1), 16)
    with ThreadPoolExecutor(threads) as pool:
        for look in pool.map(_look, pairs):
            looks.append(look)
            if progress:
                progress(len(looks), len(pairs))
    return looks


def _look(pair: Pair) -> _Look:
    try:
        he, _ = read_pair(pair)
    except ValueError as error:
        return _Look(problems=_unreadable(pair) or (str(error),))
    return _Look(he.shape[:2], _digest(he))


def _unreadable(pair: Pair) -> tuple[str, ...]:
    problems = []
    for path in dict.fromkeys((pair.he, pair.ihc)):
        try:
            read_image(path)
        except ValueError as error:
            problems.append(str(error))
    return tuple(problems)


def _digest(image: np.ndarray) -> bytes | None:
    # Two patches of one flat colour (blank glass) are alike without being a leak.
    if (image == image[0, 0]).all():
        return None
    pixels = hashlib.sha256(np.ascontiguousarray(image))
    pixels.update(repr(image.shape).encode())
    return pixels.digest()


def _halves(path: Path) -> tuple[np.ndarray, np.ndarray]:
    image = read_image(path)
    width = image.shape[1]
    if width % 2:
        raise ValueError(
            f"{path} is {_size_text(image.shape)}, an odd width. Expected H&E in the "
            "left half and IHC in the right half, of one width."
        )
    return image[:, : width // 2], image[:, width // 2 :]


def _no_training_pairs(report: DataReport) -> list[str]:
    if any(pair.split == "train" for pair in report.pairs):
        return []
    he, ihc = report.layout.folders(report.root, "train")
    where = he if he == ihc else f"{he} and {ihc}"
    return [f"There is no training pair. Put paired images in {where}."]


def _too_small(
    pairs: Sequence[Pair], looks: Sequence[_Look], patch_size: int
) -> list[str]:
    patch = _size_text((patch_size, patch_size))
    return [
        f"{'Each half of ' if pair.side_by_side else ''}{pair.he} is "
        f"{_size_text(look.size)}, smaller than a patch of {patch}. "
        "Lower `patch_size`, resize the images, or remove it."
        for pair, look in zip(pairs, looks, strict=True)
        if look.size and min(look.size) < patch_size
    ]


def _leakage(pairs: Sequence[Pair], looks: Sequence[_Look]) -> list[str]:
    first, problems = {}, []
    for pair, look in zip(pairs, looks, strict=True):
        if look.digest is None:
            continue
        other = first.setdefault(look.digest, pair)
        if other.split != pair.split:
            problems.append(
                f"{other.he} ({other.split}) and {pair.he} ({pair.split}) are one "
                "image, pixel for pixel. What is scored must not have been trained "
                "on: remove one of them."
            )
    return problems


# Recording


def _row(pair: Pair) -> tuple[str, ...]:
    he, ihc = pair.he.absolute(), pair.ihc.absolute()
    side_by_side = "yes" if pair.side_by_side else "no"
    return pair.split, pair.level or "", str(he), str(ihc), side_by_side


def _pair(row: list[str], place: str) -> Pair:
    match row:
        case [
            ("train" | "val" | "test") as split,
            level,
            he,
            ihc,
            ("yes" | "no") as one,
        ]:
            return Pair(Path(he), Path(ihc), split, level or None, one == "yes")
    raise ValueError(
        f"{place} is not a pair. Expected {', '.join(_COLUMNS)}, with split train, val "
        f"or test and side_by_side yes or no. Received: {', '.join(row)}."
    )


# Words


def _size_text(shape: Sequence[int]) -> str:
    height, width = shape[:2]
    return f"{width} x {height}"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _shortened(shown: list[str], count: int, separator: str) -> str:
    more = [f"... and {count - len(shown)} more"] if count > len(shown) else []
    return separator.join([*shown, *more])


def _ambiguous_text(root: Path, found: Sequence[tuple[Path, Layout]]) -> str:
    lines = [f"  {folder}: {layout.name}" for folder, layout in found]
    return "\n".join(
        [f"{root} can be read as more than one data set. Give the folder of one:"]
        + [_shortened(lines[:_SHOWN], len(lines), "\n")]
    )


def _unrecognised_text(root: Path) -> str:
    seen = [_seen(root, "."), *(_seen(f, f"{f.name}/") for f in _subfolders(root))]
    for folder in _subfolders(root):
        seen += [_seen(f, f"{folder.name}/{f.name}/") for f in _subfolders(folder)]
    lines = [f"No paired images recognised in {root}. It holds:"]
    lines.append(_shortened(seen[:_SHOWN], len(seen), "\n"))
    lines.append("Expected one of (val and test may be missing):")
    lines += [f"  {layout.name}: {layout}" for layout in LAYOUTS]
    parent = root.absolute().parent
    if any(layout.fits(parent) for layout in LAYOUTS):
        lines.append(f"{parent} is such a folder. Did you mean that?")
    return "\n".join(lines)


def _seen(folder: Path, name: str) -> str:
    return f"  {name}: {_counted(len(_images(folder)), 'image')}"
