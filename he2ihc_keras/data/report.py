"""A data folder looked through: what it holds, and all that is wrong with it.

Every image is decoded once, and every problem told at once, before a training run meets
the first.
"""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from he2ihc_keras.data.digests import with_digest
from he2ihc_keras.data.find import SHOWN, Finding, scan, shortened
from he2ihc_keras.data.images import read_image
from he2ihc_keras.data.pairs import (
    LEVELS,
    SPLITS,
    Pair,
    read_pair,
    read_stain,
    size_text,
)
from he2ihc_keras.data.readers import Progress, of_each
from he2ihc_keras.data.sizes import too_small


@dataclass(frozen=True)
class DataReport(Finding):
    """What a data folder holds, and everything that is wrong with it.

    Attributes:
        sizes: Number of pairs of each `(height, width)`.
    """

    sizes: dict[tuple[int, int], int]

    def counts(self) -> dict[str, Counter]:
        """Count pairs: `counts()["train"]["2+"]`; the key is `None` without level."""
        return {
            split: Counter(pair.level for pair in self.pairs if pair.split == split)
            for split in SPLITS
        }

    def counts_text(self) -> str:
        """How many pairs each split has, or H&E and IHC where they stand alone."""
        texts = []
        for split, levels in self.counts().items():
            pairs = [pair for pair in self.pairs if pair.split == split]
            if all(pair.is_whole for pair in pairs):
                texts.append(f"{levels.total()} {split}")
            else:
                he = sum(pair.he is not None for pair in pairs)
                texts.append(f"{he} H&E and {len(pairs) - he} IHC {split}")
        return ", ".join(texts)

    def text(self) -> str:
        """Render the report for a terminal."""
        lines = [f"{self.root}: {self.layout.name} layout, {self.layout}", ""]
        lines += self._table()
        if self.sizes:
            lines += ["", f"Size (width x height): {self._sizes()}"]
        if self.ignored:
            suffixes = ", ".join(sorted({f.suffix or f.name for f in self.ignored}))
            lines += ["", f"Ignored, not images: {len(self.ignored)} ({suffixes})"]
        if self.not_taken:
            lines += ["", self.not_taken_text()]
        return "\n".join([*lines, "", self.problem_text()])

    def _table(self) -> list[str]:
        columns = [
            level for level in LEVELS if any(p.level == level for p in self.pairs)
        ]
        all_whole = all(pair.is_whole for pair in self.pairs)
        rows = [("split", "pairs" if all_whole else "images", *columns)]
        for split, levels in self.counts().items():
            rows.append((split, levels.total(), *(levels[c] for c in columns)))
        lines = [f"{row[0]:<6}" + "".join(f"{n:>7}" for n in row[1:]) for row in rows]
        if self.validation_is_cut:
            lines[1 + SPLITS.index("val")] += "   (cut from train)"
        return lines

    def _sizes(self) -> str:
        common_first = sorted(self.sizes.items(), key=lambda item: (-item[1], item[0]))
        shown = [f"{size_text(size)} ({count})" for size, count in common_first[:SHOWN]]
        return shortened(shown, len(common_first), ", ")


def inspect(
    root: str | Path,
    *,
    patch_size: int | None = None,
    resize: bool = False,
    validation_fraction: float = 0.1,
    seed: int = 0,
    unpaired: bool = False,
    progress: Progress = None,
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
        unpaired: As for `find_pairs`.
        progress: Called with the number of pairs done and of all pairs.

    Returns:
        The report, whose pairs have digests; `raise_if_problems` turns it into an
        error.

    Raises:
        ValueError: If no layout, or more than one, is recognised.
    """
    finding = scan(Path(root), validation_fraction, seed, unpaired)
    looks = of_each(_look, finding.pairs, progress)
    problems = [*finding.problems, *_no_training_pairs(finding)]
    problems += [problem for look in looks for problem in look.problems]
    problems += _leakage(finding.pairs, looks)
    if patch_size is not None and not resize:
        sizes = [look.size for look in looks]
        problems += too_small(finding.pairs, sizes, patch_size)
    sizes = Counter(look.size for look in looks if look.size)
    found = {"pairs": tuple(look.pair for look in looks), "problems": tuple(problems)}
    return DataReport(**{**vars(finding), **found}, sizes=dict(sizes))


@dataclass(frozen=True)
class _Look:
    """What decoding a pair told: size, digest of the H&E pixels, problems."""

    pair: Pair
    size: tuple[int, int] | None = None
    digest: bytes | None = None
    problems: tuple[str, ...] = ()


def _look(pair: Pair) -> _Look:
    try:
        he, _ = read_pair(pair) if pair.is_whole else (_read_alone(pair), None)
    except ValueError as error:
        return _Look(pair, problems=_unreadable(pair) or (str(error),))
    # Of the files too, now that the system holds them: a run records them.
    return _Look(with_digest(pair), he.shape[:2], _digest(he))


def _read_alone(pair: Pair) -> np.ndarray:
    return read_stain(pair, "he" if pair.he else "ihc")


def _unreadable(pair: Pair) -> tuple[str, ...]:
    problems = []
    for path in pair.files:
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


def _no_training_pairs(finding: Finding) -> list[str]:
    train = [pair for pair in finding.pairs if pair.split == "train"]
    if any(pair.he for pair in train) and any(pair.ihc for pair in train):
        return []
    he, ihc = finding.layout.folders(finding.root, "train")
    where = he if he == ihc else f"{he} and {ihc}"
    return [f"There is no training pair. Put paired images in {where}."]


def _leakage(pairs: Sequence[Pair], looks: Sequence[_Look]) -> list[str]:
    first, problems = {}, []
    for pair, look in zip(pairs, looks, strict=True):
        if look.digest is None:
            continue
        other = first.setdefault(look.digest, pair)
        if other.split != pair.split:
            problems.append(
                f"{other.files[0]} ({other.split}) and {pair.files[0]} ({pair.split}) "
                "are one image, pixel for pixel. What is scored must not have been "
                "trained on: remove one of them."
            )
    return problems
