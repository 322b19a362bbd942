"""Folders of paired patches: which H&E image belongs to which IHC image.

Four layouts are in use for virtual staining, and all four are recognised (`LAYOUTS`).
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from he2ihc_keras.data.images import IMAGE_SUFFIXES, image_size
from he2ihc_keras.data.pairs import SPLITS, Pair, level_of

# What lies in folders of images and is nobody's missing patch.
_LITTER_SUFFIXES = (".txt", ".md", ".csv", ".json", ".ini", ".db")
SHOWN = 20


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
class Finding:
    """What the names in a data folder tell.

    Attributes:
        root: The folder that has the layout.
        layout: The layout recognised, one of `LAYOUTS`.
        pairs: By split, then by name.
        problems: Images without a partner, and names that stand twice.
        ignored: Files beside the images that are neither images nor litter.
        validation_is_cut: Whether "val" was cut from the training images.
    """

    root: Path
    layout: Layout
    pairs: tuple[Pair, ...]
    problems: tuple[str, ...]
    ignored: tuple[Path, ...]
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


def find_pairs(
    root: str | Path,
    *,
    validation_fraction: float = 0.1,
    seed: int = 0,
    unpaired: bool = False,
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
        unpaired: Take images without partners too. A split in which each name stands
            in both folders is of pairs; in another one no image is of a pair, whatever
            names it shares: its folders may hold unequal numbers.

    Returns:
        The pairs, by split, then by name; of a split without pairs, the H&E first.

    Raises:
        ValueError: If no layout, or more than one, is recognised; or with the list of
            the images that have no partner or share a name.
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
            ignored += _ignored(folder)
    cut = _with_validation(pairs, validation_fraction, seed)
    return Finding(
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
    root: Path, layout: Layout, split: str, unpaired: bool
) -> tuple[list[Pair], list[str]]:
    he_folder, ihc_folder = layout.folders(root, split)
    he, problems = _by_name(he_folder)
    if layout.side_by_side:
        ihc = he
    else:
        ihc, ihc_problems = _by_name(ihc_folder)
        problems += ihc_problems
        if unpaired and he.keys() != ihc.keys():
            return _alone(he, ihc, split), problems
        problems += _without_partner(he, "H&E", ihc_folder, ihc, "IHC")
        problems += _without_partner(ihc, "IHC", he_folder, he, "H&E")
    pairs = [
        Pair(he[name], ihc[name], split, level_of(name), layout.side_by_side)
        for name in sorted(he.keys() & ihc.keys())
    ]
    return pairs, problems


def _alone(he: dict[str, Path], ihc: dict[str, Path], split: str) -> list[Pair]:
    """The images of a split without pairs."""
    return [
        *(Pair(he[name], None, split, level_of(name)) for name in sorted(he)),
        *(Pair(None, ihc[name], split, level_of(name)) for name in sorted(ihc)),
    ]


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
    if images and images.keys().isdisjoint(partners):
        folder = next(iter(images.values())).parent
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


def _with_validation(pairs: list[Pair], fraction: float, seed: int) -> list[Pair]:
    if fraction == 0 or any(p.split == "val" for p in pairs):
        return pairs
    train = [i for i, pair in enumerate(pairs) if pair.split == "train"]
    # Of H&E and IHC that stand alone, the same share of each
    kinds = {i: (pairs[i].he is None, pairs[i].ihc is None) for i in train}
    chosen = set()
    for kind in set(kinds.values()):
        of_kind = [i for i in train if kinds[i] == kind]
        chosen |= _chosen(of_kind, fraction, seed)
    cut = [
        dataclasses.replace(pair, split="val") if i in chosen else pair
        for i, pair in enumerate(pairs)
    ]
    return sorted(cut, key=lambda pair: SPLITS.index(pair.split))


def _chosen(train: list[int], fraction: float, seed: int) -> set[int]:
    """At least one, and not all of them."""
    count = min(max(1, round(fraction * len(train))), len(train) - 1)
    return set(np.random.default_rng(seed).permutation(train)[:count].tolist())


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
    seen = [_seen(root, "."), *(_seen(f, f"{f.name}/") for f in _subfolders(root))]
    for folder in _subfolders(root):
        seen += [_seen(f, f"{folder.name}/{f.name}/") for f in _subfolders(folder)]
    lines = [f"No paired images recognised in {root}. It holds:"]
    lines.append(shortened(seen[:SHOWN], len(seen), "\n"))
    lines.append("Expected one of (val and test may be missing):")
    lines += [f"  {layout.name}: {layout}" for layout in LAYOUTS]
    parent = root.absolute().parent
    if any(layout.fits(parent) for layout in LAYOUTS):
        lines.append(f"{parent} is such a folder. Did you mean that?")
    return "\n".join(lines)


def _seen(folder: Path, name: str) -> str:
    return f"  {name}: {_counted(len(_images(folder)), 'image')}"
