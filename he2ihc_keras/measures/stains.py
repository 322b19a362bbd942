"""How much DAB an IHC patch holds, and whether a generated patch has it where it is.

    one image  -> density of DAB (see `deconvolution`), of that the mean, the positive
                  fraction, the focal optical density, the histogram
    two images -> errors of these, Dice of the positive masks, blurred correlation
    two sets   -> distances between their summed histograms

PSNR and SSIM can be won by a flat colour; here it correlates with nothing.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from he2ihc_keras.measures.checks import size_text
from he2ihc_keras.measures.deconvolution import (
    RUIFROK_JOHNSTON,
    StainVectors,
    dab_density,
    unmixed,
    white_of,
)

# Optical density of DAB from which a pixel counts as positive. Chosen by looking: on
# BCI and MIST 0.10 also lights up nuclei and stroma, 0.20 (the default of QuPath's
# positive cell detection, for means over a nucleus) loses most membranes of 2+.
DAB_POSITIVE = 0.15

# Neighbouring sections never match by pixel. 16 pixels, 7.4 micron at BCI's 0.46
# micron a pixel, are a window of about 17 micron (full width at half maximum), one
# tumour cell: which cells are brown counts, not which pixels of a membrane.
BLUR_SIGMA = 16.0

# Edges of the bins of `dab_histogram`; what is denser falls into the last bin.
DAB_BINS = np.linspace(0, 3, 151)
DAB_BINS.flags.writeable = False

# A spread a hundred times below what one grey level makes is rounding.
_CONSTANT = 1e-5


# Measures of one map


def positive_fraction(dab: np.ndarray, threshold: float = DAB_POSITIVE) -> float:
    """Fraction of the pixels, in [0, 1], whose DAB reaches the threshold."""
    return float(np.mean(dab >= threshold))


# PSPStain's constants. Rows haematoxylin, eosin and DAB, not brought to unit length.
_PSPSTAIN_VECTORS = np.array(
    [[0.65, 0.70, 0.29], [0.07, 0.99, 0.11], [0.27, 0.57, 0.78]]
)
_PSPSTAIN_BLACK = 1e-6
_LUMINANCE = (0.2125, 0.7154, 0.0721)
_FOCUS = 1.8
_FOCAL_FLOOR = 0.15
_FOCAL_CALIBRATION = 10 ** -(math.e ** (1 / _FOCUS))


def focal_optical_density(
    image: np.ndarray, *, white: Sequence[float] | None = None
) -> float:
    """Mean focal optical density (FOD) of PSPStain: dense DAB counts more than faint.

    Chen et al. (2024), https://arxiv.org/abs/2407.03655, with the constants of their
    `models/PALS.py` (https://github.com/ccitachi/PSPStain, 7633600). The image is
    rendered from its DAB alone, and that made grey: FOD is (-log10(grey + c)) ** 1.8,
    in [0, e] by the choice of c, and 0 below 0.15.

    With white (255, 255, 255) it is what their code computes, up to the mean over
    pixels where they sum. By default light is divided by the image's own white point,
    so that FOD does not change with the lamp.

    It is no optical density in the physical sense: their code takes images in [-1, 1]
    for light, and so do we. What is darker than half of the white point counts as
    black, and FOD soon saturates: it is nearer to a positive area than to an amount.

    Args:
        image: IHC patch, uint8 `(height, width, 3)` in [0, 255].
        white: Colour of empty glass in grey levels, `(3,)`; `white_point(image)` if
            not given.

    Returns:
        Mean FOD in [0, e].

    Raises:
        TypeError: If the image is not a uint8 array.
        ValueError: If the image is not RGB, or `white` is not three positive numbers.
    """
    white = white_of(image, white)
    signed = 2 * np.arange(256) / white[:, None] - 1
    densities = -np.log10(np.maximum(signed, _PSPSTAIN_BLACK))
    _, _, weights = np.linalg.inv(_PSPSTAIN_VECTORS).T
    focal = _focused(_grey_of_dab(unmixed(image, densities, weights)))
    return float(focal.mean(dtype=np.float64))


def _grey_of_dab(dab):
    grey = np.zeros_like(dab)
    for share, absorbance in zip(_LUMINANCE, _PSPSTAIN_VECTORS[-1], strict=True):
        grey += np.float32(share) * np.exp(np.float32(-math.log(10) * absorbance) * dab)
    return grey


def _focused(grey):
    density = -np.log10(grey + np.float32(_FOCAL_CALIBRATION))
    focal = np.maximum(density, 0) ** np.float32(_FOCUS)
    return np.where(focal < _FOCAL_FLOOR, 0, focal)


def dab_histogram(dab: np.ndarray) -> np.ndarray:
    """Counts of DAB density over `DAB_BINS`, int64 `(150,)`; they add up over a set."""
    bins = len(DAB_BINS) - 1
    per_density = float(bins / DAB_BINS[-1])
    index = np.minimum(dab * per_density, bins - 1).astype(np.uint8)
    return np.bincount(index.ravel(), minlength=bins)


# Measures of two maps


def dice(mask: np.ndarray, fake_mask: np.ndarray) -> float:
    """Dice coefficient of two masks: twice the overlap over the sum of the areas.

    Args:
        mask: Bool `(height, width)`, such as the DAB-positive pixels of the real IHC.
        fake_mask: The same of the generated patch.

    Returns:
        Overlap in [0, 1]; 1 where both are empty, as they agree on it.

    Raises:
        ValueError: If the masks differ in size.
    """
    _check_sizes(mask, fake_mask)
    area = np.count_nonzero(mask) + np.count_nonzero(fake_mask)
    return float(2 * np.count_nonzero(mask & fake_mask) / area) if area else 1.0


def blurred_correlation(
    dab: np.ndarray, fake_dab: np.ndarray, sigma: float = BLUR_SIGMA
) -> float:
    """Pearson correlation of two maps of DAB after a Gaussian blur.

    Args:
        dab: Density of the real IHC, `(height, width)`.
        fake_dab: The same of the generated patch.
        sigma: Standard deviation of the Gaussian in pixels, 0 or more.

    Returns:
        Correlation in [-1, 1]; 0 where a map is constant, as a flat image knows
        nothing of where the stain is.

    Raises:
        ValueError: If the maps differ in size, or `sigma` is negative.
    """
    _check_sizes(dab, fake_dab)
    return _correlation(_blurred(dab, sigma), _blurred(fake_dab, sigma))


def _blurred(dab, sigma):
    """Gaussian blur of blocks of at most a quarter of its sigma: 30 times faster.

    The blocks fill the map: a rest at its edges would move the correlation of a small
    one. A map whose sides share no such block is blurred pixel by pixel.
    """
    from scipy.ndimage import gaussian_filter

    if not sigma >= 0:
        raise ValueError(f"`sigma` must be 0 pixels or more. Received: {sigma}.")
    side = math.gcd(*dab.shape)
    step = next(n for n in range(max(1, int(sigma / 4)), 0, -1) if side % n == 0)
    rows, columns = (length // step for length in dab.shape)
    strips = dab.reshape(rows, step, columns * step).sum(1)
    means = strips.reshape(rows, columns, step).sum(-1) / step**2
    # The block is a blur already, of variance (step**2 - 1) / 12.
    rest = math.sqrt(max(sigma**2 - (step**2 - 1) / 12, 0)) / step
    return gaussian_filter(means.astype(np.float64), rest)


def _correlation(blurred, fake_blurred):
    if min(blurred.std(), fake_blurred.std()) < _CONSTANT:
        return 0.0
    return float(np.corrcoef(blurred.ravel(), fake_blurred.ravel())[0, 1])


def _check_sizes(map_, fake_map):
    if map_.shape != fake_map.shape:
        raise ValueError(
            "Two maps are compared pixel by pixel and must have one size. Received: "
            f"{size_text(map_)} and {size_text(fake_map)} (width x height)."
        )


# All of it


@dataclass(frozen=True, eq=False)
class StainMeasures:
    """What the stains of one image say, and the maps by which two are compared.

    Attributes:
        white: The white point that all is measured against, `(3,)` in [1, 255].
        mean_dab: Mean optical density of DAB.
        positive_fraction: Fraction of DAB-positive pixels, in [0, 1].
        focal_optical_density: Mean FOD in [0, e].
        histogram: See `dab_histogram`.
        dab: Optical density of DAB, float32 `(height, width)`.
        positive: Where it reaches the threshold, bool `(height, width)`.
        blurred: `dab` after the blur, in fewer pixels.
    """

    white: np.ndarray
    mean_dab: float
    positive_fraction: float
    focal_optical_density: float
    histogram: np.ndarray
    dab: np.ndarray
    positive: np.ndarray
    blurred: np.ndarray


@dataclass(frozen=True)
class StainComparison:
    """How near the stain of a generated image comes to that of the real one.

    Errors are generated minus real: positive where there is too much DAB.

    Attributes:
        mean_dab_error: Of the mean optical density of DAB.
        positive_fraction_error: Of the fraction of DAB-positive pixels.
        focal_optical_density_error: Of the mean FOD.
        dice: Of the DAB-positive masks, in [0, 1].
        correlation: Of the blurred maps of DAB, in [-1, 1].
    """

    mean_dab_error: float
    positive_fraction_error: float
    focal_optical_density_error: float
    dice: float
    correlation: float


def measure_stains(
    image: np.ndarray,
    vectors: StainVectors = RUIFROK_JOHNSTON,
    *,
    white: Sequence[float] | None = None,
    threshold: float = DAB_POSITIVE,
    sigma: float = BLUR_SIGMA,
) -> StainMeasures:
    """Measure the stains of one image against its own white point.

    Args:
        image: IHC patch, uint8 `(height, width, 3)` in [0, 255].
        vectors: Directions of the two stains; FOD has its own.
        white: Colour of empty glass in grey levels, `(3,)`; `white_point(image)` if
            not given.
        threshold: Optical density from which DAB is positive.
        sigma: Blur of the map that `compare_stains` correlates, in pixels.

    Raises:
        TypeError: If the image is not a uint8 array.
        ValueError: If the image is not RGB, `white` is not three positive numbers, or
            `sigma` is negative.
    """
    white = white_of(image, white)
    dab = dab_density(image, vectors, white=white)
    positive = dab >= threshold
    return StainMeasures(
        white=white,
        mean_dab=float(dab.mean(dtype=np.float64)),
        positive_fraction=float(positive.mean()),
        focal_optical_density=focal_optical_density(image, white=white),
        histogram=dab_histogram(dab),
        dab=dab,
        positive=positive,
        blurred=_blurred(dab, sigma),
    )


def compare_stains(real: StainMeasures, fake: StainMeasures) -> StainComparison:
    """Compare a generated image with the real one, both measured in the same way.

    Raises:
        ValueError: If the images differ in size.
    """
    return StainComparison(
        mean_dab_error=fake.mean_dab - real.mean_dab,
        positive_fraction_error=fake.positive_fraction - real.positive_fraction,
        focal_optical_density_error=(
            fake.focal_optical_density - real.focal_optical_density
        ),
        dice=dice(real.positive, fake.positive),
        correlation=_correlation(real.blurred, fake.blurred),
    )


# Measures of two sets


def wasserstein_distance(histogram: np.ndarray, fake_histogram: np.ndarray) -> float:
    """Wasserstein-1 distance of two histograms of DAB, in optical density.

    How far the DAB of one set would have to be moved, on the mean, to become that of
    the other. Their numbers of pixels may differ.

    Args:
        histogram: Counts of the real images, the sum of their `dab_histogram`s.
        fake_histogram: The same of the generated images.

    Raises:
        ValueError: If a histogram is not one over `DAB_BINS`, or is empty.
    """
    from scipy import stats

    _check_histograms(histogram, fake_histogram)
    middles = (DAB_BINS[:-1] + DAB_BINS[1:]) / 2
    return float(
        stats.wasserstein_distance(middles, middles, histogram, fake_histogram)
    )


def jensen_shannon_divergence(
    histogram: np.ndarray, fake_histogram: np.ndarray
) -> float:
    """Jensen-Shannon divergence of two histograms of DAB, in bits.

    Args:
        histogram: Counts of the real images, the sum of their `dab_histogram`s.
        fake_histogram: The same of the generated images.

    Returns:
        Divergence in [0, 1]: 0 for equal shares of the bins, 1 where they share none.

    Raises:
        ValueError: If a histogram is not one over `DAB_BINS`, or is empty.
    """
    from scipy.spatial.distance import jensenshannon

    _check_histograms(histogram, fake_histogram)
    # SciPy gives the root of the divergence, the distance.
    return float(jensenshannon(histogram, fake_histogram, base=2) ** 2)


def _check_histograms(*histograms):
    bins = len(DAB_BINS) - 1
    for counts in histograms:
        if np.shape(counts) != (bins,) or not np.sum(counts) > 0:
            raise ValueError(
                f"A histogram of DAB has {bins} bins and at least one pixel. Received: "
                f"shape {np.shape(counts)}, {np.sum(counts)} pixels. Sum what "
                "`dab_histogram` returns."
            )
