"""Best, median and worst images, as pictures that stand inside a page."""

import base64
import io
import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image

from he2ihc_keras.measures.deconvolution import StainVectors, dab_density
from he2ihc_keras.report.colours import dab_colours
from he2ihc_keras.scoring import MEASURES, Generated, ScoredImage, Scores

LONGEST_SIDE = 768  # pixels; larger images are scaled down to it
# Smaller ones are shown with their pixels, lest smoothing is taken for the network's.
_PIXELS_SHOWN = 256
_WEBP_QUALITY = 84

_LEAST_DENSE = 0.5
_DENSITY_STEP = 0.25
_DENSITY_QUANTILE = 0.998


class Case(NamedTuple):
    """An image that is shown.

    Attributes:
        rank: "Best", "Median", "Worst", or "Only one" where there is one image.
        among: Of which images: "level 2+", or "all images".
        place: Its place among them, from 1 for the best.
        count: How many they are.
        image: Its scores.
    """

    rank: str
    among: str
    place: int
    count: int
    image: ScoredImage


class Picture(NamedTuple):
    """An image inside the page.

    Attributes:
        uri: The image itself, `data:image/...`.
        width: Of the file in pixels.
        height: The same.
    """

    uri: str
    width: int
    height: int

    @property
    def is_small(self) -> bool:
        """Whether its pixels should be seen, rather than smoothed."""
        return max(self.width, self.height) < _PIXELS_SHOWN


class Maps(NamedTuple):
    """The images of a case at the size they are shown, DAB as optical density."""

    he: np.ndarray | None
    ihc: np.ndarray
    fake_ihc: np.ndarray
    dab: np.ndarray
    fake_dab: np.ndarray
    parts: Mapping[str, np.ndarray]


def choose_cases(scores: Scores, sort_by: str = "psnr") -> list[Case]:
    """Best, median and worst image, of each HER2 level where names tell it.

    Args:
        scores: What to choose from.
        sort_by: A measure of `MEASURES` of which one value is better than another.

    Returns:
        Each image once, best first within a level.

    Raises:
        ValueError: If no value of the measure is better than another, or it was not
            taken.
    """
    _check_measure(scores, sort_by)
    by_level = scores.by_level()
    if set(by_level) == {None}:
        return _best_to_worst(scores, "all images", sort_by)
    return [
        case
        for level, block in by_level.items()
        for case in _best_to_worst(
            block, f"level {level}" if level else "images without a level", sort_by
        )
    ]


def shown(
    image: Generated, vectors: StainVectors, parts: Mapping[str, np.ndarray]
) -> Maps:
    """A case's images, scaled down to `LONGEST_SIDE` where they are larger."""
    dab, fake_dab = (dab_density(x, vectors) for x in (image.ihc, image.fake_ihc))
    return Maps(
        None if image.he is None else scaled_down(image.he),
        *map(scaled_down, (image.ihc, image.fake_ihc, dab, fake_dab)),
        {name: scaled_down(part) for name, part in parts.items()},
    )


def densest(cases: Sequence[Maps]) -> float:
    """Optical density at the end of a colour scale that serves all cases."""
    maps = [map_ for case in cases for map_ in (case.dab, case.fake_dab)]
    top = max(np.quantile(map_, _DENSITY_QUANTILE) for map_ in maps)
    steps = math.ceil(top / _DENSITY_STEP)
    return max(_LEAST_DENSE, steps * _DENSITY_STEP)


def pictures(maps: Maps, maximum: float) -> dict[str, Picture]:
    """Pictures of a case by role: `he`, `ihc`, `fake_ihc`, `dab`, `fake_dab`, parts.

    Args:
        maps: Its images.
        maximum: Optical density at the dark end of the colours of DAB.
    """
    images = maps._asdict() | maps.parts
    del images["parts"]
    for name in ("dab", "fake_dab"):
        images[name] = dab_colours(images[name], maximum)
    return {name: picture(x) for name, x in images.items() if x is not None}


def picture(image: np.ndarray) -> Picture:
    """An image as data URI: PNG where it is small, else WebP.

    Args:
        image: uint8 `(height, width, 3)` in [0, 255].
    """
    height, width, _ = image.shape
    is_small = max(height, width) < _PIXELS_SHOWN
    buffer = io.BytesIO()
    if is_small:
        Image.fromarray(image).save(buffer, "PNG", optimize=True)
    else:
        Image.fromarray(image).save(buffer, "WEBP", quality=_WEBP_QUALITY, method=4)
    kind = "png" if is_small else "webp"
    text = base64.b64encode(buffer.getvalue()).decode("ascii")
    return Picture(f"data:image/{kind};base64,{text}", width, height)


def scaled_down(image: np.ndarray) -> np.ndarray:
    """An image of at most `LONGEST_SIDE` pixels a side; a smaller one as it is.

    Args:
        image: uint8 `(height, width, 3)`, or a float32 map `(height, width)`.
    """
    height, width = image.shape[:2]
    scale = LONGEST_SIDE / max(height, width)
    if scale >= 1:
        return image
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    # Means over areas: Lanczos would ring around dark nuclei, below 0 in a map.
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BOX))


def _best_to_worst(scores, among, sort_by):
    goodness = MEASURES[sort_by].goodness

    def order(image):
        good = float(goodness(image.scores["generated"][sort_by]))
        return (math.isnan(good), -good, image.name)

    ordered = sorted(scores.images, key=order)
    count = len(ordered)
    ranks = {0: "Best", (count - 1) // 2: "Median", count - 1: "Worst"}
    if count < 3:
        ranks = {0: "Best", 1: "Worst"} if count == 2 else {0: "Only one"}
    return [
        Case(rank, among, index + 1, count, ordered[index])
        for index, rank in ranks.items()
    ]


def _check_measure(scores, sort_by):
    known = [m.name for m in scores.measures if m.best != "none"]
    if sort_by not in known:
        raise ValueError(
            f"Images cannot be sorted by {sort_by!r}. Known: {', '.join(known)}."
        )
