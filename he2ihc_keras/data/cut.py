"""A validation split, cut from the training images where a data set has none."""

import dataclasses
import itertools
from collections.abc import Sequence

import numpy as np

from he2ihc_keras.data.pairs import SPLITS, Pair


def with_validation(pairs: list[Pair], fraction: float, seed: int) -> list[Pair]:
    """The pairs, of whose training images some are "val" now.

    Whole slides are taken where each name tells one, no more than the fraction but for
    the smallest, where that has no more than half of all images; else single images, of
    H&E and IHC that stand alone the same share. At least one of each is taken and left.

    Args:
        pairs: Those of all splits; where some are "val" already, nothing is cut.
        fraction: Part of the training images, in [0, 1); 0 cuts none.
        seed: Of the choice, which follows from nothing else but the names.
    """
    if fraction == 0 or any(pair.split == "val" for pair in pairs):
        return pairs
    kinds: dict[tuple[bool, bool], list[int]] = {}
    for i, pair in enumerate(pairs):
        if pair.split == "train":
            kinds.setdefault((pair.he is None, pair.ihc is None), []).append(i)
    groups = list(kinds.values())
    chosen = _of_slides(pairs, sorted(itertools.chain(*groups)), fraction, seed)
    if not all(0 < len(chosen.intersection(group)) < len(group) for group in groups):
        chosen = {i for group in groups for i in _of_images(group, fraction, seed)}
    cut = [
        dataclasses.replace(pair, split="val") if i in chosen else pair
        for i, pair in enumerate(pairs)
    ]
    return sorted(cut, key=lambda pair: SPLITS.index(pair.split))


def _of_images(train: list[int], fraction: float, seed: int) -> set[int]:
    """At least one, and not all of them."""
    count = min(max(1, round(fraction * len(train))), len(train) - 1)
    return set(np.random.default_rng(seed).permutation(train)[:count].tolist())


def _of_slides(
    pairs: Sequence[Pair], train: list[int], fraction: float, seed: int
) -> set[int]:
    """The images of whole slides; none where a name tells none, or none is small."""
    of_slide: dict[str | None, list[int]] = {}
    for i in train:
        of_slide.setdefault(pairs[i].slide, []).append(i)
    if not train or None in of_slide:
        return set()
    names, chosen = sorted(of_slide), set()
    for number in np.random.default_rng(seed).permutation(len(names)):
        images = of_slide[names[number]]
        if len(chosen) + len(images) <= round(fraction * len(train)):
            chosen.update(images)
    smallest = min(of_slide.values(), key=len)
    is_small = len(smallest) <= len(train) / 2
    return chosen or (set(smallest) if is_small else set())
