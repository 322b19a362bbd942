"""Scores of images in memory, such as a model generates them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np

from he2ihc_keras.measures import psnr
from he2ihc_keras.measures.deconvolution import RUIFROK_JOHNSTON, StainVectors
from he2ihc_keras.measures.sharpness import sharpness_ratio
from he2ihc_keras.measures.stains import (
    BLUR_SIGMA,
    StainMeasures,
    compare_stains,
    measure_stains,
)
from he2ihc_keras.scoring.baselines import TARGET_BLUR, blurred, flat_image
from he2ihc_keras.scoring.protocols import BCI, Protocol
from he2ihc_keras.scoring.scores import (
    BLURRED_TARGET,
    GENERATED,
    HE_COPY,
    MEAN_COLOUR,
    REAL,
    TRAINING_IHC,
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


@dataclass(frozen=True)
class Ruler:
    """What images are measured with.

    Attributes:
        mean_colour: RGB of the flat baseline in [0, 255].
        protocol: What is compared, and how.
        vectors: Stain vectors of the colour deconvolution.
    """

    mean_colour: Sequence[int]
    protocol: Protocol = BCI
    vectors: StainVectors = RUIFROK_JOHNSTON


def score_images(
    images: Iterable[Generated],
    *,
    mean_colour: Sequence[int],
    mean_colour_of: str = TRAINING_IHC,
    protocol: Protocol = BCI,
    vectors: StainVectors = RUIFROK_JOHNSTON,
    scale: str = "",
    total: int | None = None,
    see: "See | None" = None,
    progress: Progress | None = None,
) -> Scores:
    """Score images as they are generated; only a few are in memory at a time.

    Args:
        images: `Generated` patches, or plain tuples in its order.
        mean_colour: RGB of the flat baseline in [0, 255], that of the training IHC:
            see `he2ihc_keras.scoring.mean_colour`.
        mean_colour_of: `"scored IHC"` where that is not known and the mean colour of
            the targets stands in; the table says so.
        protocol: What is compared, and how.
        vectors: Stain vectors of the colour deconvolution.
        scale: See `Scores.scale`.
        total: How many images there will be, for `progress`.
        see: Called with each image before it is measured, in the caller's thread.
        progress: See `he2ihc_keras.scoring.streaming.Progress`.

    Raises:
        ValueError: If there is no image, if the images of a patch differ in size or
            are below 7 x 7 pixels, or if some have their H&E and some not.
    """
    ruler = Ruler(tuple(map(int, mean_colour)), protocol, vectors)
    measured = stream(
        lambda image: measure(image, ruler),
        seen((Generated(*image) for image in images), ruler, see),
        doing="Scoring",
        total=total,
        progress=progress,
    )
    return collect(measured, ruler, mean_colour_of, scale)


# Called with each image of a set, and what it is measured with
See = Callable[[Generated, Ruler], None]


def seen(
    images: Iterable[Generated], ruler: Ruler, see: See | None
) -> Iterable[Generated]:
    """The images, each shown to `see` as it passes."""
    for image in images:
        if see is not None:
            see(image, ruler)
        yield image


def views(generated: Generated, ruler: Ruler) -> dict[str, np.ndarray]:
    """What is compared of a patch: the real IHC, and what each method makes of it."""
    view = ruler.protocol.view
    ihc = view(generated.ihc)
    factor = ruler.protocol.factor(generated.ihc.shape)
    found = {
        REAL: ihc,
        GENERATED: view(generated.fake_ihc),
        MEAN_COLOUR: flat_image(ruler.mean_colour, like=ihc),
    }
    if generated.he is not None:
        found[HE_COPY] = view(generated.he)
    return found | {BLURRED_TARGET: blurred(ihc, TARGET_BLUR * factor)}


class Measured(NamedTuple):
    """A scored image, and its pixels by DAB density for each method and the real."""

    image: ScoredImage
    dab_histograms: dict[str, np.ndarray]


def measure(generated: Generated, ruler: Ruler) -> Measured:
    """Measure one generated patch and the baselines against its real IHC.

    Raises:
        ValueError: If the patches cannot be compared; the message starts with the
            image's name.
    """
    try:
        return _measure(generated, ruler)
    except ValueError as error:
        raise ValueError(f"{generated.name}: {error}") from error


def collect(
    measured: Iterable[Measured], ruler: Ruler, mean_colour_of: str, scale: str = ""
) -> Scores:
    """Scores of a set, one image after the other; histograms are summed up."""
    images, histograms = [], {}
    for image, of_image in measured:
        images.append(image)
        for method, counts in of_image.items():
            histograms[method] = histograms.get(method, 0) + counts
    return Scores(
        tuple(images),
        tuple(ruler.mean_colour),
        mean_colour_of,
        ruler.protocol,
        histograms,
        scale=scale,
        vectors=ruler.vectors,
    )


def _measure(generated, ruler):
    # What is so many microns wide is fewer pixels wide in a view that is scaled down.
    factor = ruler.protocol.factor(generated.ihc.shape)
    stains_of = partial(
        measure_stains, vectors=ruler.vectors, sigma=BLUR_SIGMA * factor
    )
    candidates = views(generated, ruler)
    ihc = candidates.pop(REAL)
    real = stains_of(ihc)
    scores, histograms = {}, {REAL: real.histogram}
    for method, candidate in candidates.items():
        # One colour has no glass of its own: it is seen against that of the real IHC.
        white = real.white if method == MEAN_COLOUR else None
        stains = stains_of(candidate, white=white)
        likeness = _likeness(ihc, candidate, ruler.protocol)
        scores[method] = {**likeness, **_stain(real, stains)}
        histograms[method] = stains.histogram
    of_real = _of_one_image(real)
    name, level = generated.name, generated.level
    return Measured(
        ScoredImage(name, level, ihc.shape[:2], scores, of_real), histograms
    )


def _likeness(ihc, candidate, protocol):
    return {
        "psnr": psnr(ihc, candidate),
        "ssim": protocol.ssim(ihc, candidate),
        "sharpness": sharpness_ratio(ihc, candidate),
    }


def _stain(real: StainMeasures, fake: StainMeasures):
    compared = compare_stains(real, fake)
    return {
        **_of_one_image(fake),
        "dab_error": abs(compared.mean_dab_error),
        "dab_area_error": abs(compared.positive_fraction_error),
        "dab_dice": compared.dice,
        "dab_correlation": compared.correlation,
        "fod_error": abs(compared.focal_optical_density_error),
    }


def _of_one_image(stains: StainMeasures):
    return {
        "dab": stains.mean_dab,
        "dab_area": stains.positive_fraction,
        "fod": stains.focal_optical_density,
    }
