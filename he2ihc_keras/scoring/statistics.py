"""How far a score of a set can be trusted: bootstrap intervals, by slide where known.

Patches of one slide look alike, so 977 patches of 51 slides say less than 977 patches
of 977 slides would. Where slide ids are known, whole slides are drawn (the cluster
bootstrap of Davison and Hinkley, 1997, section 3.8); otherwise images are, and the
interval is too narrow wherever they share slides.

Intervals are percentile intervals, expanded for few slides as a t-interval is
(Hesterberg, 2015, https://doi.org/10.1080/00031305.2015.1089789, section 5.3); BCa ones
held the truth no more often. In simulations of 6 to 51 slides, 95 % intervals missed
the truth of normal values in 4 to 8 % of cases, of exponential ones in 6 to 12 %; of 5,
3 and 2 slides in 9, 27 and 51 %, so fewer than FEWEST_TO_TELL tell nothing.
"""

import math
from collections.abc import Callable, Hashable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

RESAMPLES = 2000
FEW_CLUSTERS = 10  # below, intervals are rough
FEWEST_TO_TELL = 6  # below, nothing is told from them

# Draws held at a time, for memory that does not grow with the number of images
_BLOCK = 2**20
# Variance of a resample, where that of the set is 1, below which it is rounding
_NO_VARIANCE = 1e-12


class Interval(NamedTuple):
    """A statistic of a set of images and its confidence interval.

    `value` is nan where the statistic is not defined. `low` and `high` are nan where
    there is no interval: one image or one slide says nothing about the next.
    """

    value: float
    low: float = math.nan
    high: float = math.nan

    @property
    def has_bounds(self) -> bool:
        """Whether there is an interval."""
        return not (math.isnan(self.low) or math.isnan(self.high))

    def contains(self, value: float) -> bool:
        """Whether `value` is not ruled out; true of any where there is no interval."""
        return not (value < self.low or value > self.high)

    def text(self, form: str = "{:z.2f}") -> str:
        """`0.31 [0.18, 0.44]`; `0.31` without an interval; `–` without a value.

        Args:
            form: Format of each of the three numbers.
        """
        if math.isnan(self.value):
            return "–"
        value, low, high = map(form.format, self)
        return f"{value} [{low}, {high}]" if self.has_bounds else value


def mean_interval(
    values: Sequence[float],
    groups: Sequence[Hashable] | None = None,
    *,
    weights: Sequence[float] | None = None,
    confidence: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Mean of per-image values.

    Neither the order of the images nor the names of the slides change the interval.
    Adding a constant or scaling moves it along, and exchanging two methods in a
    difference mirrors it, to the last digits.

    Args:
        values: One per image. A mean over `inf` (PSNR of identical images) is `inf`,
            and so is the upper bound; one over nan, or over both infinities, is nan.
        groups: The slide of each image; `None` draws single images.
        weights: Of each image, above 0; equal if not given.
        confidence: Between 0 and 1.
        seed: Of the draws, 0 or more.

    Raises:
        ValueError: If there is no image, the lengths differ, or `confidence` is out of
            range.
    """
    values = _per_image("values", values)
    weights = np.ones_like(values) if weights is None else _weights(weights, values)
    sums = _cluster_sums((weights, weights * values), groups)
    if len(sums) > 1 and (values == values[0]).all():
        return Interval(*[float(values[0])] * 3)
    return _interval(sums, _mean, confidence, seed)


def mean_difference(
    a: Sequence[float],
    b: Sequence[float],
    groups: Sequence[Hashable] | None = None,
    *,
    confidence: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Mean of `b - a`, image by image: how much higher the second method scores.

    Two values that are both `inf` differ by 0.

    Args:
        a: Values of the first method, one per image.
        b: Values of the second on the same images.
        groups: See `mean_interval`.
        confidence: Between 0 and 1.
        seed: Of the draws, 0 or more.

    Raises:
        ValueError: If there is no image, the lengths differ, or `confidence` is out of
            range.
    """
    a, b = _per_image("a", a), _per_image("b", b)
    _check_length("b", b, a)
    difference = np.zeros_like(a)
    np.subtract(b, a, out=difference, where=a != b)
    return mean_interval(difference, groups, confidence=confidence, seed=seed)


def pooled_psnr(psnr: Sequence[float], pixels: Sequence[int]) -> float:
    """The value of `pooled_psnr_interval`, without its draws."""
    psnr = _per_image("psnr", psnr)
    sums = np.array([_weights(pixels, psnr).sum(), _errors(psnr, pixels).sum()])
    with np.errstate(divide="ignore"):
        return float(_pooled_psnr(sums))


def pooled_psnr_interval(
    psnr: Sequence[float],
    pixels: Sequence[int],
    groups: Sequence[Hashable] | None = None,
    *,
    confidence: float = 0.95,
    seed: int = 0,
) -> Interval:
    """PSNR of the mean squared error over all pixels of the set.

    10 log10(255**2 / MSE), where the mean of per-image PSNR is another, higher number.

    Args:
        psnr: Of each image, in dB, at 8 bits; `inf` for an MSE of 0.
        pixels: Of each image.
        groups: See `mean_interval`.
        confidence: Between 0 and 1.
        seed: Of the draws, 0 or more.

    Returns:
        Decibels.

    Raises:
        ValueError: If there is no image, the lengths differ, or `confidence` is out of
            range.
    """
    psnr = _per_image("psnr", psnr)
    sums = _cluster_sums((_weights(pixels, psnr), _errors(psnr, pixels)), groups)
    return _interval(sums, _pooled_psnr, confidence, seed)


def pooled_psnr_difference(
    a: Sequence[float],
    b: Sequence[float],
    pixels: Sequence[int],
    groups: Sequence[Hashable] | None = None,
    *,
    confidence: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Pooled PSNR of the second method minus that of the first, on the same images.

    Args:
        a: PSNR of each image by the first method, in dB.
        b: PSNR of each image by the second.
        pixels: Of each image.
        groups: See `mean_interval`.
        confidence: Between 0 and 1.
        seed: Of the draws, 0 or more.

    Returns:
        Decibels; 0 where both are `inf`.

    Raises:
        ValueError: If there is no image, the lengths differ, or `confidence` is out of
            range.
    """
    a, b = _per_image("a", a), _per_image("b", b)
    _check_length("b", b, a)
    columns = (_weights(pixels, a), _errors(a, pixels), _errors(b, pixels))
    return _interval(
        _cluster_sums(columns, groups), _pooled_difference, confidence, seed
    )


def correlation_interval(
    x: Sequence[float],
    y: Sequence[float],
    groups: Sequence[Hashable] | None = None,
    *,
    confidence: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Pearson's r of two values per image, such as DAB of the real and generated IHC.

    Args:
        x: One value per image.
        y: Another value of the same images.
        groups: See `mean_interval`.
        confidence: Between 0 and 1.
        seed: Of the draws, 0 or more.

    Returns:
        r in [-1, 1]; nan where `x` or `y` is constant or holds nan or `inf`. Two images
        always lie on a line, so they have no interval.

    Raises:
        ValueError: If there is no image, the lengths differ, or `confidence` is out of
            range.
    """
    x, y = _per_image("x", x), _per_image("y", y)
    _check_length("y", y, x)
    if not all(map(_varies, (x, y))):
        return Interval(math.nan)
    x, y = _standardised(x), _standardised(y)
    sums = _cluster_sums((np.ones_like(x), x, y, x * x, y * y, x * y), groups)
    interval = _interval(sums, _correlation, confidence, seed)
    return interval if len(x) > 2 else Interval(interval.value)


def agreement_interval(
    measure: Callable[[np.ndarray], np.ndarray],
    reference: Sequence[int],
    read: Sequence[int],
    groups: Sequence[Hashable] | None = None,
    *,
    levels: int = 4,
    confidence: float = 0.95,
    seed: int = 0,
) -> Interval:
    """A measure of `he2ihc_keras.measures.agreement`, such as `quadratic_kappa`.

    Args:
        measure: From confusion matrices `(..., levels, levels)` to numbers.
        reference: Level of each image, from 0 to `levels - 1`.
        read: What was read of each.
        groups: See `mean_interval`.
        levels: How many there are.
        confidence: Between 0 and 1.
        seed: Of the draws, 0 or more.

    Raises:
        ValueError: If there is no image, the lengths differ, or `confidence` is out of
            range.
    """
    cells = _cells(reference, read, levels)
    sums = _cluster_sums((np.ones(len(cells)), *cells.T), groups)
    return _interval(
        sums, lambda sums: measure(_matrices(sums[..., 1:])), confidence, seed
    )


def agreement_difference(
    measure: Callable[[np.ndarray], np.ndarray],
    reference: Sequence[int],
    a: Sequence[int],
    b: Sequence[int],
    groups: Sequence[Hashable] | None = None,
    *,
    levels: int = 4,
    confidence: float = 0.95,
    seed: int = 0,
) -> Interval:
    """A measure of agreement of the second reading minus that of the first.

    Both on the same draws of images, against the same reference.

    Args:
        measure: See `agreement_interval`.
        reference: Level of each image, from 0 to `levels - 1`.
        a: What the first reading says of each.
        b: What the second says.
        groups: See `mean_interval`.
        levels: How many there are.
        confidence: Between 0 and 1.
        seed: Of the draws, 0 or more.

    Raises:
        ValueError: As `agreement_interval`.
    """
    of_a, of_b = (_cells(reference, read, levels) for read in (a, b))
    columns = (np.ones(len(of_a)), *of_a.T, *of_b.T)

    def difference(sums):
        first, second = np.split(sums[..., 1:], 2, axis=-1)
        return measure(_matrices(second)) - measure(_matrices(first))

    return _interval(_cluster_sums(columns, groups), difference, confidence, seed)


def few_clusters_note(groups: Sequence[Hashable], *, of: str = "slides") -> str:
    """A sentence that intervals are rough, or "" where they are not.

    Args:
        groups: The slide of each image or, where slides are not known, the images.
        of: What `groups` holds, in words: `"slides"` or `"images"`.
    """
    count = len(set(groups))
    if count >= FEW_CLUSTERS:
        return ""
    return (
        f"Intervals from {count} {of} are rough; fewer than {FEWEST_TO_TELL} tell "
        "nothing."
    )


# The bootstrap: every statistic here is a function of sums over images, so a resample
# is a row of counts, how often each slide was drawn, times the sums of each slide.
# That is 30 times as fast as `scipy.stats.bootstrap`, which gathers the drawn values,
# as the counts serve every measure of a set.


def _interval(
    sums: np.ndarray,
    statistic: Callable[[np.ndarray], np.ndarray],
    confidence: float,
    seed: int,
) -> Interval:
    """Percentile interval of a statistic of sums `(clusters, columns)`."""
    if not 0 < confidence < 1:
        raise ValueError(
            "`confidence` must lie between 0 and 1, such as 0.95. "
            f"Received: {confidence}."
        )
    with np.errstate(invalid="ignore", divide="ignore"):
        sums = _in_order(sums)
        value = float(statistic(sums.sum(axis=0)))
        if len(sums) < 2 or math.isnan(value):
            return Interval(value)
        drawn = statistic(_resampled_sums(sums, seed))
    # Values, not interpolations between two, which may be infinite. What is not
    # defined in a resample (r of one image drawn over and over) is left out.
    drawn = np.sort(drawn[~np.isnan(drawn)])
    tail = max(1, round(_expanded_tail(confidence, len(sums)) * len(drawn)))
    return Interval(value, float(drawn[tail - 1]), float(drawn[-tail]))


@lru_cache
def _expanded_tail(confidence, clusters):
    """Share of the draws beyond each bound: 2.5 % of many clusters, less of few."""
    from scipy import stats

    quantile = stats.t.ppf((1 - confidence) / 2, clusters - 1)
    return float(stats.norm.cdf(math.sqrt(clusters / (clusters - 1)) * quantile))


def _cluster_sums(columns, groups):
    if groups is None:
        return np.stack(columns, axis=1)
    _check_length("groups", groups, columns[0])
    index = {}
    cluster = [index.setdefault(group, len(index)) for group in groups]
    sums = [np.bincount(cluster, column, len(index)) for column in columns]
    return np.stack(sums, axis=1)


def _in_order(sums):
    """By the clusters' means, so that the order of the images does not matter."""
    weights = sums[:, 0]
    means = sums[:, 1:] / weights[:, None]
    return sums[np.lexsort((weights, *means.T[::-1]))]


def _resampled_sums(sums, seed):
    # Each draw counts twice, the second time with the order reversed: Hall's antithetic
    # resampling (1989), https://doi.org/10.1093/biomet/76.4.713, less noisy than as
    # many draws, and what makes B - A the mirror image of A - B.
    both = np.hstack([sums, sums[::-1]])
    blocks = [_times(counts, both) for counts in _draws(len(sums), seed)]
    return np.concatenate(blocks).reshape(RESAMPLES, -1)


def _times(counts, sums):
    """Matrix product in which 0 times infinity is 0."""
    counts = counts.astype(float)
    product = counts @ np.where(np.isinf(sums), 0, sums)
    for infinity in (math.inf, -math.inf):
        if (sums == infinity).any():
            product[counts @ (sums == infinity) > 0] = infinity
    return product


def _draws(clusters: int, seed: int) -> Iterator[np.ndarray]:
    """How often each cluster was drawn: blocks of rows that sum to `clusters`."""
    total = RESAMPLES // 2
    rows = max(1, min(total, _BLOCK // clusters))
    for start in range(0, total, rows):
        yield _counts(clusters, min(rows, total - start), (seed, clusters, start))


@lru_cache(maxsize=16)  # 32 MiB: the set and its levels, for the next measure
def _counts(clusters, rows, seed):
    drawn = np.random.default_rng(seed).integers(0, clusters, (rows, clusters))
    drawn += np.arange(rows)[:, None] * clusters
    counts = np.bincount(drawn.ravel(), minlength=rows * clusters)
    return counts.reshape(rows, clusters).astype(np.uint16)


# Statistics of sums `(..., columns)`


def _mean(sums):
    weight, value = np.moveaxis(sums, -1, 0)
    return value / weight


def _correlation(sums):
    n, x, y, xx, yy, xy = np.moveaxis(sums, -1, 0)
    x, y = x / n, y / n
    variances = np.stack([xx / n - x * x, yy / n - y * y])
    variances = np.where(variances > _NO_VARIANCE, variances, math.nan)
    return np.clip((xy / n - x * y) / np.sqrt(variances.prod(axis=0)), -1, 1)


def _pooled_psnr(sums):
    pixels, error = np.moveaxis(sums, -1, 0)
    return 10 * np.log10(255**2 * pixels / error)


def _pooled_difference(sums):
    _, of_a, of_b = np.moveaxis(sums, -1, 0)
    return np.where(of_a == of_b, 0.0, 10 * np.log10(of_a / of_b))


def _cells(reference, read, levels):
    """The cell of the confusion matrix that each image falls in, one-hot."""
    reference, read = _per_image("reference", reference), _per_image("read", read)
    _check_length("read", read, reference)
    cell = (levels * reference + read).astype(int)
    return np.equal.outer(cell, np.arange(levels**2)).astype(float)


def _matrices(cells):
    side = math.isqrt(cells.shape[-1])
    return cells.reshape(*cells.shape[:-1], side, side)


def _errors(psnr, pixels):
    """Sum of squared errors of each image, in squared grey levels."""
    return 255**2 * 10 ** (-psnr / 10) * np.asarray(pixels, float)


def _varies(values):
    return bool(np.isfinite(values).all() and (values != values[0]).any())


def _standardised(values):
    centred = values - values.mean()
    return centred / centred.std()


def _per_image(name, values):
    values = np.asarray(values, float)
    if values.ndim != 1 or not values.size:
        raise ValueError(
            f"`{name}` must hold one number per image, of one image or more. "
            f"Received: shape {values.shape}."
        )
    return values


def _weights(weights, values):
    weights = _per_image("weights", weights)
    _check_length("weights", weights, values)
    if not (weights > 0).all():
        raise ValueError(f"Weights must be above 0. Received: {weights.min():g}.")
    return weights


def _check_length(name, values, like):
    if len(values) != len(like):
        raise ValueError(
            f"`{name}` must have one entry per image. Received: {len(values)} for "
            f"{len(like)} images."
        )
