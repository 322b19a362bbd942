"""Held-out pairs of a run, stained as they were trained."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from he2ihc_keras.data.images import resize
from he2ihc_keras.data.pairs import Pair, read_pair, whole
from he2ihc_keras.inference.files import stain_image
from he2ihc_keras.inference.stainer import Stainer
from he2ihc_keras.recipe import Recipe


def held_out(pairs: Sequence[Pair]) -> tuple[str, list[Pair]]:
    """The split to score on: "test", or "val" where there is no test split."""
    for split in ("test", "val"):
        chosen = whole(pair for pair in pairs if pair.split == split)
        if chosen:
            return split, chosen
    raise ValueError("There is neither a test nor a validation pair to score.")


def stain_pairs(
    stainer: Stainer,
    pairs: Sequence[Pair],
    recipe: Recipe | None,
    *,
    view: Callable[[np.ndarray], np.ndarray] | None = None,
) -> Iterator[tuple]:
    """Stains pairs at the scale of the training.

    A recipe that resizes its pairs gave the network images of one size and scale; it
    is scored on the same. One that cuts patches is scored on whole images. With a
    `view`, of uint8 images `(height, width, 3)`, the network sees that of the whole
    H&E, and the real images come whole.

    Yields:
        `(name, level, fake_ihc, ihc, he)`, images uint8 `(height, width, 3)`.
    """
    for pair in pairs:
        he, ihc = read_pair(pair)
        if view is None and recipe is not None and recipe.data.fit == "resize":
            he, ihc = (resize(image, recipe.data.patch_size) for image in (he, ihc))
        seen = he if view is None else view(he)
        yield pair.name, pair.level, stain_image(stainer, seen), ihc, he
