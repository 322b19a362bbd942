"""From light to stain: white point, optical density, colour deconvolution.

    image -> white point -> optical density -> haematoxylin, DAB

Optical densities are decadic, -log10(I / I0), where the white point I0 is each image's
own: glass is grey on many slides of BCI, and against a fixed 255 the whole slide would
seem stained.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from he2ihc_keras.measures.checks import check_image

# 8 bits cannot tell what is darker than one grey level from it.
_DARKEST = 1
# Of vectors closer than 3 degrees noise alone decides which stain is which.
_SMALLEST_SINE = 0.05


# Stain vectors


@dataclass(frozen=True)
class StainVectors:
    """Directions in which two stains absorb, as optical density in red, green, blue.

    They are brought to unit length, so that a density is that along the vector, as
    in QuPath. The third vector of the deconvolution is their cross product: what
    neither stain explains.

    Attributes:
        haematoxylin: Absorbance in red, green and blue, any length.
        dab: The same of DAB.
        source: Where they are from, as readers of a report see it.

    Raises:
        ValueError: If a vector is not three finite numbers of 0 or more, is zero, or
            if the two are parallel.
    """

    haematoxylin: tuple[float, float, float]
    dab: tuple[float, float, float]
    source: str

    def __post_init__(self):
        for name in ("haematoxylin", "dab"):
            object.__setattr__(self, name, _unit_vector(name, getattr(self, name)))
        if np.linalg.norm(np.cross(self.haematoxylin, self.dab)) < _SMALLEST_SINE:
            raise ValueError(
                "`haematoxylin` and `dab` are parallel, so no colour tells them "
                f"apart. Received: {_written(self.haematoxylin)} and "
                f"{_written(self.dab)} (unit length). Give vectors of two stains."
            )

    @property
    def matrix(self) -> np.ndarray:
        """Rows haematoxylin, DAB and residual of unit length, `(3, 3)`."""
        residual = np.cross(self.haematoxylin, self.dab)
        return np.stack(
            [self.haematoxylin, self.dab, residual / np.linalg.norm(residual)]
        )

    def in_words(self) -> str:
        """Both vectors as `parse_stain_vectors` reads them, to six decimals."""
        pairs = (self.haematoxylin, self.dab)
        return " ".join(",".join(f"{value:.6f}" for value in v) for v in pairs)


def parse_stain_vectors(text: str) -> StainVectors:
    """Stain vectors from what a user writes, haematoxylin before DAB.

    Args:
        text: Such as `"0.65,0.70,0.29 0.27,0.57,0.78"`.

    Raises:
        ValueError: If these are not two times three numbers, or are no `StainVectors`.
    """
    try:
        vectors = [tuple(map(float, vector.split(","))) for vector in text.split()]
    except ValueError:
        vectors = []
    if [len(vector) for vector in vectors] != [3, 3]:
        raise ValueError(
            "Stain vectors are two times three numbers, the absorbance of "
            "haematoxylin and of DAB in red, green and blue. "
            f'Received: {text!r}. Write them as "0.65,0.70,0.29 0.27,0.57,0.78".'
        )
    return StainVectors(*vectors, source=f"given by the user: {text}")


def _unit_vector(name, vector):
    values = np.asarray(vector, float)
    valid = values.shape == (3,) and np.all(np.isfinite(values) & (values >= 0))
    if not valid or not values.any():
        raise ValueError(
            f"`{name}` must be three finite absorbances (red, green, blue) of 0 or "
            f"more, not all 0. Received: {vector}."
        )
    return tuple((values / np.linalg.norm(values)).tolist())


def _written(vector):
    return ",".join(f"{value:.2f}" for value in vector)


RUIFROK_JOHNSTON = StainVectors(
    haematoxylin=(0.650, 0.704, 0.286),
    dab=(0.268, 0.570, 0.776),
    source="Ruifrok & Johnston (2001), Anal. Quant. Cytol. Histol. 23, 291-299",
)


# Light

_GLASS_QUANTILE = 0.995
_GLASS_SPREAD = 0.05
_GLASS_TINT = 0.06


def white_point(image: np.ndarray) -> np.ndarray:
    """Colour of empty glass, estimated from the brightest pixels that are not tinted.

    A pixel's darkest channel is high only where it is both bright and grey. The white
    point is the median colour of the pixels whose darkest channel reaches 95 % of its
    99.5th percentile: of the glass where there is glass, and not of its noise. No
    channel is taken to be more than 6 % below the brightest one, as glass is nearly
    grey: within 5.5 % on slides of BCI, MIST, DeepLIIF and OpenSlide.

    The estimate scales with the light: 0.9 times the image has 0.9 times its white
    point, up to rounding.

    Where a patch shows no glass, the palest tissue stands in, and densities come out
    too low. The limit of 6 % holds this error down, as it makes brown tissue a poor
    glass: on windows cut from the 3+ tumours of BCI, mean DAB is at most 0.08 too low
    instead of 0.26. A flat grey image is its own glass and holds no DAB; of a flat
    brown one, colour counts and brightness does not. Light that is tinted by more than
    6 % is mistaken for stain: give such images a `white` of their own.

    Args:
        image: IHC patch, uint8 `(height, width, 3)` in [0, 255].

    Returns:
        Red, green and blue in [1, 255], float64 `(3,)`.

    Raises:
        TypeError: If the image is not a uint8 array.
        ValueError: If the image is not RGB.
    """
    check_image("image", image)
    # Channel by channel: 25 times faster than `image.min(axis=-1)`.
    darkest = np.minimum(np.minimum(image[..., 0], image[..., 1]), image[..., 2])
    counts = np.bincount(darkest.ravel(), minlength=256)
    level = np.searchsorted(counts.cumsum(), _GLASS_QUANTILE * darkest.size)
    glass = image[darkest >= (1 - _GLASS_SPREAD) * level]
    white = np.median(glass, axis=0)
    return np.maximum(np.maximum(white, (1 - _GLASS_TINT) * white.max()), _DARKEST)


def stain_densities(
    image: np.ndarray,
    vectors: StainVectors = RUIFROK_JOHNSTON,
    *,
    white: Sequence[float] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Optical densities of haematoxylin and DAB, by colour deconvolution.

    The method of Ruifrok & Johnston (2001), as `skimage.color.separate_stains`, whose
    densities are in units of 6 and whose black is darker than 8 bits can say.

    Args:
        image: IHC patch, uint8 `(height, width, 3)` in [0, 255].
        vectors: Directions of the two stains.
        white: Colour of empty glass in grey levels, `(3,)`; `white_point(image)` if
            not given.

    Returns:
        Haematoxylin and DAB, each float32 `(height, width)`, decadic, 0 or more; what
        is negative, by noise or by a third colour, is 0.

    Raises:
        TypeError: If the image is not a uint8 array.
        ValueError: If the image is not RGB, or `white` is not three positive numbers.
    """
    white = white_of(image, white)
    haematoxylin, dab, _ = np.linalg.inv(vectors.matrix).T
    densities = optical_densities(white)
    return unmixed(image, densities, haematoxylin), unmixed(image, densities, dab)


def dab_density(
    image: np.ndarray,
    vectors: StainVectors = RUIFROK_JOHNSTON,
    *,
    white: Sequence[float] | None = None,
) -> np.ndarray:
    """Optical density of DAB alone: see `stain_densities`, which also raises."""
    _, weights, _ = np.linalg.inv(vectors.matrix).T
    return unmixed(image, optical_densities(white_of(image, white)), weights)


def white_of(image: np.ndarray, white: Sequence[float] | None) -> np.ndarray:
    """`white`, checked, or else the image's own white point."""
    if white is None:
        return white_point(image)
    check_image("image", image)
    values = np.asarray(white, float)
    if values.shape != (3,) or not np.all(np.isfinite(values) & (values > 0)):
        raise ValueError(
            "`white` must be three positive grey levels (red, green, blue). "
            f"Received: {white}. Leave it out to estimate it from the image."
        )
    return values


def optical_densities(white: np.ndarray) -> np.ndarray:
    """Of each grey level in each channel, `(3, 256)`."""
    levels = np.maximum(np.arange(256), _DARKEST)
    return np.log10(white)[:, None] - np.log10(levels)


def unmixed(
    image: np.ndarray, densities: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Density of one stain: a weighted sum of those that the grey levels have."""
    red, green, blue = (weights[:, None] * densities).astype(np.float32)
    density = red.take(image[..., 0])
    density += green.take(image[..., 1])
    density += blue.take(image[..., 2])
    return np.maximum(density, 0, out=density)
