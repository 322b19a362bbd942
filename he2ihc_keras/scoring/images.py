"""Scores of images in memory, such as a model generates them."""

from collections.abc import Iterable
from functools import partial
from typing import NamedTuple

import numpy as np

from he2ihc_keras.measures import psnr, ssim
from he2ihc_keras.scoring.baselines import flat_image
from he2ihc_keras.scoring.scores import (
    GENERATED,
    HE_COPY,
    MEAN_COLOUR,
    TRAINING_IHC,
    Score,
    ScoredImage,
    Scores,
)
from he2ihc_keras.scoring.streaming import Progress, stream


class Generated(NamedTuple):
    """A generated patch and its real partners, uint8 `(height, width, 3)`.

    `level` is the HER2 level, `"0"` to `"3+"`, or `None`; `he` may be left out, for
    all images or for none.
    """

    name: str
    level: str | None
    fake_ihc: np.ndarray
    ihc: np.ndarray
    he: np.ndarray | None = None


def score_images(
    images: Iterable[Generated],
    *,
    mean_colour: np.ndarray,
    mean_colour_of: str = TRAINING_IHC,
    progress: Progress | None = None,
) -> Scores:
    """Score images as they are generated; only a few are in memory at a time.

    Args:
        images: `Generated` patches, or plain tuples in its order.
        mean_colour: RGB of the flat baseline in [0, 255], that of the training IHC:
            see `he2ihc_keras.scoring.mean_colour`.
        mean_colour_of: `"scored IHC"` where that is not known and the mean colour of
            the targets stands in; the table says so.
        progress: See `he2ihc_keras.scoring.streaming.Progress`.

    Raises:
        ValueError: If there is no image, if the images of a patch differ in size or
            are below 7 x 7 pixels, or if some have their H&E and some not.
    """
    score = partial(score_image, mean_colour=mean_colour)
    scored = stream(
        lambda image: score(Generated(*image)),
        images,
        doing="Scoring",
        progress=progress,
    )
    return Scores(tuple(scored), tuple(map(int, mean_colour)), mean_colour_of)


def score_image(image: Generated, *, mean_colour: np.ndarray) -> ScoredImage:
    """Score one generated patch and the baselines against its real IHC.

    Raises:
        ValueError: If the patches cannot be compared; the message starts with the
            image's name.
    """
    candidates = {
        GENERATED: image.fake_ihc,
        MEAN_COLOUR: flat_image(mean_colour, like=image.ihc),
    }
    if image.he is not None:
        candidates[HE_COPY] = image.he
    try:
        scores = {
            method: Score(psnr(image.ihc, candidate), ssim(image.ihc, candidate))
            for method, candidate in candidates.items()
        }
    except ValueError as error:
        raise ValueError(f"{image.name}: {error}") from error
    return ScoredImage(image.name, image.level, scores)
