import math

import numpy as np
import pytest
from scipy import stats

from he2ihc_keras.measures import confusion_matrix, quadratic_kappa
from he2ihc_keras.scoring.statistics import (
    Interval,
    agreement_difference,
    agreement_interval,
    correlation_interval,
    few_clusters_note,
    mean_difference,
    mean_interval,
    pooled_psnr,
    pooled_psnr_difference,
    pooled_psnr_interval,
)

NAN, INF = math.nan, math.inf


def patches_of_slides(slides, seed, patches=20):
    """Values of patches, half of whose variance is their slide's, and the slides."""
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(slides), patches)
    return rng.normal(size=slides)[groups] + rng.normal(size=len(groups)), groups


def width(interval):
    return interval.high - interval.low


# Means


def test_the_interval_of_a_mean_is_near_students():
    values = np.random.default_rng(0).normal(20, 4, 977)
    interval = mean_interval(values)
    student = stats.t.interval(0.95, 976, values.mean(), stats.sem(values))
    assert interval.value == pytest.approx(values.mean(), rel=1e-12)
    assert interval[1:] == pytest.approx(student, abs=0.05 * width(interval))


def test_the_interval_of_clustered_means_is_scipys():
    values, groups = patches_of_slides(30, seed=0)
    values, groups = values[7:], groups[7:]  # slides of two sizes
    sums, sizes = np.bincount(groups, values), np.bincount(groups)
    expected = stats.bootstrap(
        (sums, sizes),
        lambda total, size, axis: total.sum(axis) / size.sum(axis),
        paired=True,
        vectorized=True,
        method="percentile",
        rng=0,
    ).confidence_interval
    interval = mean_interval(values, groups)
    assert interval[1:] == pytest.approx(expected, abs=0.08 * width(interval))


def test_only_whole_slides_hold_the_truth_as_often_as_promised():
    trials = [patches_of_slides(30, seed) for seed in range(300)]
    by_slide = np.mean([mean_interval(*trial).contains(0) for trial in trials])
    by_image = np.mean([mean_interval(values).contains(0) for values, _ in trials])
    assert 0.88 < by_slide < 0.98
    assert by_image < 0.6


@pytest.mark.parametrize("clusters", [6, 8, 10, 20])
def test_few_images_rarely_show_what_is_not_there(clusters):
    draw = np.random.default_rng(clusters).normal
    intervals = [mean_interval(draw(size=clusters)) for _ in range(1000)]
    missed = np.mean([not interval.contains(0) for interval in intervals])
    assert 0.03 < missed < 0.08


def test_a_slide_per_image_is_no_cluster():
    values = np.random.default_rng(0).normal(size=40)
    by_slide = mean_interval(values, [f"slide {n}" for n in range(40)])
    assert by_slide == pytest.approx(mean_interval(values), rel=1e-12)


def test_order_of_images_and_names_of_slides_do_not_matter():
    values, groups = patches_of_slides(12, seed=0)
    order = np.random.default_rng(1).permutation(len(values))
    renamed = [f"slide {99 - group}" for group in groups[order]]
    shuffled = mean_interval(values[order], renamed)
    assert shuffled == pytest.approx(mean_interval(values, groups), rel=1e-12)


@pytest.mark.parametrize(("shift", "scale"), [(0, 3), (100, 1), (-5, 0.01)])
def test_an_interval_moves_with_its_values(shift, scale):
    values, groups = patches_of_slides(12, seed=0)
    moved = mean_interval(values * scale + shift, groups)
    assert (np.array(moved) - shift) / scale == pytest.approx(
        mean_interval(values, groups), rel=1e-9
    )


def test_weights_count_as_copies():
    values, weights = [1.0, 4.0, 7.0, 2.0], [1, 2, 1, 3]
    copies = np.repeat(values, weights)
    of_copies = mean_interval(copies, np.repeat(range(4), weights))
    assert mean_interval(values, weights=weights) == pytest.approx(of_copies, rel=1e-12)


def test_more_confidence_is_a_wider_interval_around_the_other():
    values, groups = patches_of_slides(20, seed=0)
    narrow = mean_interval(values, groups, confidence=0.5)
    wide = mean_interval(values, groups, confidence=0.99)
    assert wide.low < narrow.low < narrow.value < narrow.high < wide.high


def test_draws_in_blocks_are_draws():
    values = np.random.default_rng(0).normal(size=6000)  # seven blocks
    student = stats.t.interval(0.95, 5999, values.mean(), stats.sem(values))
    interval = mean_interval(values)
    assert interval[1:] == pytest.approx(student, abs=0.05 * width(interval))


def test_another_seed_is_another_draw_of_much_the_same():
    values, groups = patches_of_slides(20, seed=0)
    first, second = (mean_interval(values, groups, seed=seed) for seed in (0, 1))
    assert first != second
    assert first == pytest.approx(second, abs=0.08 * width(first))
    assert first == mean_interval(values, groups, seed=0)


# Differences


def test_a_method_does_not_differ_from_itself():
    values = np.random.default_rng(0).normal(size=50)
    assert mean_difference(values, values) == (0, 0, 0)


def test_exchanging_two_methods_mirrors_the_interval():
    (a, groups), (b, _) = patches_of_slides(12, seed=0), patches_of_slides(12, seed=1)
    forth, back = mean_difference(a, b, groups), mean_difference(b, a, groups)
    mirrored = Interval(-back.value, -back.high, -back.low)
    assert forth == pytest.approx(mirrored, rel=1e-12)


def test_pairs_tell_what_two_intervals_do_not():
    a, groups = patches_of_slides(30, seed=0)
    b = a + np.random.default_rng(1).normal(0.1, 0.2, len(a))
    assert not mean_difference(a, b, groups).contains(0)
    assert mean_interval(a, groups).contains(mean_interval(b, groups).value)


def test_two_identical_pictures_differ_by_nothing():
    difference = mean_difference([INF, 20, 21], [INF, 21, 22])
    assert difference.value == pytest.approx(2 / 3)
    assert math.isfinite(difference.high)


# Pooled PSNR


def test_pooled_psnr_is_that_of_the_mean_error():
    mse, pixels = np.array([10.0, 400, 2000]), np.array([100, 300, 50])
    psnr = 10 * np.log10(255**2 / mse)
    pooled = 10 * np.log10(255**2 / np.average(mse, weights=pixels))
    interval = pooled_psnr_interval(psnr, pixels)
    assert interval.value == pytest.approx(pooled, rel=1e-12)
    assert interval.low < pooled < interval.high


def test_one_bad_image_moves_the_pooled_psnr_below_the_mean():
    psnr = [30.0] * 20 + [10.0]
    pooled = pooled_psnr_interval(psnr, [64] * 21)
    assert pooled.value < mean_interval(psnr).low


def test_an_interval_of_pooled_psnr_is_that_of_the_error():
    psnr = np.random.default_rng(0).normal(20, 4, 100)
    error = mean_interval(255**2 / 10 ** (psnr / 10))
    low, high = (10 * np.log10(255**2 / mse) for mse in (error.high, error.low))
    assert pooled_psnr_interval(psnr, [64] * 100)[1:] == pytest.approx((low, high))


def test_a_difference_of_pooled_psnr_is_that_of_both():
    rng = np.random.default_rng(0)
    (a, b), pixels = 20 + rng.normal(size=(2, 30)), rng.integers(1, 9, 30)
    found = pooled_psnr_difference(a, b, pixels)
    of_a, of_b = (pooled_psnr_interval(x, pixels).value for x in (a, b))
    assert found.value == pytest.approx(of_b - of_a)
    assert found.low < found.value < found.high
    assert pooled_psnr_difference(a, a, pixels) == (0, 0, 0)
    assert pooled_psnr_difference(b, a, pixels).value == pytest.approx(-found.value)


@pytest.mark.parametrize("psnr", [[20.0, 31.5, 27.0], [20.0, INF], [INF, INF]])
def test_pooled_psnr_is_the_value_of_its_interval(psnr):
    pixels = [4, 9, 16][: len(psnr)]
    expected = pooled_psnr_interval(psnr, pixels).value
    assert pooled_psnr(psnr, pixels) == pytest.approx(expected, rel=1e-12)


def test_two_perfect_sets_do_not_differ_when_pooled():
    perfect = [INF] * 3
    assert pooled_psnr_difference(perfect, perfect, [4] * 3) == (0, 0, 0)


# Correlation


def test_correlation_is_numpys():
    x, groups = patches_of_slides(20, seed=0)
    y = 3 * x + patches_of_slides(20, seed=1)[0]
    expected = np.corrcoef(x, y)[0, 1]
    for slides in (None, groups):
        interval = correlation_interval(x, y, slides)
        assert interval.value == pytest.approx(expected, rel=1e-12)
        assert interval.low < expected < interval.high


def test_the_interval_of_a_correlation_is_near_fishers():
    rng = np.random.default_rng(0)
    x = rng.normal(size=1000)
    y = 0.8 * x + 0.6 * rng.normal(size=1000)
    fisher = stats.pearsonr(x, y).confidence_interval()
    interval = correlation_interval(x, y)
    assert interval[1:] == pytest.approx(fisher, abs=0.1 * width(interval))


def test_correlation_knows_no_units():
    x, groups = patches_of_slides(12, seed=0)
    y = x + patches_of_slides(12, seed=1)[0]
    moved = correlation_interval(1e6 + x, 1e-9 * y, groups)
    assert moved == pytest.approx(correlation_interval(x, y, groups), rel=1e-6)


def test_what_lies_on_a_line_correlates_fully():
    x = np.random.default_rng(0).normal(size=20)
    assert correlation_interval(x, 2 - x) == pytest.approx((-1, -1, -1), rel=1e-12)


@pytest.mark.parametrize("y", [[5, 5, 5, 5], [1, NAN, 2, 3], [1, INF, 2, 3]])
def test_what_does_not_vary_or_is_not_finite_has_no_correlation(y):
    x = [1, 2, 3, 4]
    for interval in (correlation_interval(x, y), correlation_interval(y, x)):
        assert interval.text() == "–"


def test_two_images_lie_on_a_line_and_prove_nothing():
    interval = correlation_interval([1, 2], [5, 3])
    assert (interval.value, interval.has_bounds) == (pytest.approx(-1), False)


# Little data, odd data


@pytest.mark.parametrize("groups", [None, ["a"] * 3])
def test_one_image_or_one_slide_has_no_interval(groups):
    count = 1 if groups is None else 3
    psnr = [20.0] * count
    for interval in (
        mean_interval(psnr, groups),
        mean_difference(psnr, [21.0] * count, groups),
        pooled_psnr_interval(psnr, [64] * count, groups),
    ):
        assert math.isfinite(interval.value)
        assert not interval.has_bounds


def test_one_slide_has_no_interval_of_a_correlation():
    interval = correlation_interval([1, 2, 3], [1, 2, 4], ["a"] * 3)
    assert interval.value == pytest.approx(np.corrcoef([1, 2, 3], [1, 2, 4])[0, 1])
    assert not interval.has_bounds


@pytest.mark.parametrize("value", [0.1, INF])
def test_equal_values_have_an_interval_of_no_width(value):
    assert mean_interval([value] * 7) == (value, value, value)


def test_an_identical_pair_makes_the_mean_and_its_upper_bound_infinite():
    psnr = [20.0, 21, 22, 23, 24, 25, INF]
    interval = mean_interval(psnr)
    assert interval.text("{:.0f}") == f"inf [{interval.low:.0f}, inf]"
    assert 20 <= interval.low < 25


def test_an_identical_pair_leaves_the_pooled_psnr_finite():
    interval = pooled_psnr_interval([20, INF], [64, 64])
    assert interval == pytest.approx((20 + 10 * math.log10(2), 20, INF))


@pytest.mark.parametrize("values", [[1, NAN, 2], [INF, -INF, 2]])
def test_a_mean_that_is_not_defined_is_nan(values):
    assert mean_interval(values).text() == "–"


@pytest.mark.parametrize(
    ("interval", "shown"),
    [
        (Interval(0.314, 0.18, 0.44), "0.31 [0.18, 0.44]"),
        (Interval(-0.001, -0.1, 0.1), "0.00 [-0.10, 0.10]"),
        (Interval(0.314), "0.31"),
        (Interval(NAN), "–"),
    ],
)
def test_an_interval_is_shown(interval, shown):
    assert interval.text() == shown


@pytest.mark.parametrize(
    ("interval", "holds_0"),
    [
        (Interval(0.3, 0.1, 0.5), False),
        (Interval(-0.3, -0.5, -0.1), False),
        (Interval(0.3, 0.0, 0.6), True),
        (Interval(INF, -1.0, INF), True),
        (Interval(0.3), True),
    ],
)
def test_an_interval_rules_out_what_it_does_not_hold(interval, holds_0):
    assert interval.contains(0) == holds_0


def test_few_slides_are_said_to_be_few():
    assert few_clusters_note(["a", "b", "a"] * 9) == (
        "Intervals from 2 slides are rough; fewer than 6 tell nothing."
    )
    assert "Intervals from 9 images are rough" in few_clusters_note(
        range(9), of="images"
    )
    assert few_clusters_note(range(10)) == ""


@pytest.mark.parametrize(
    ("measure", "message"),
    [
        (
            lambda: mean_interval([]),
            "`values` must hold one number per image, of one image or more. "
            "Received: shape (0,).",
        ),
        (
            lambda: mean_interval([1, 2], ["a"]),
            "`groups` must have one entry per image. Received: 1 for 2 images.",
        ),
        (
            lambda: mean_difference([1, 2], [1, 2, 3]),
            "`b` must have one entry per image. Received: 3 for 2 images.",
        ),
        (
            lambda: correlation_interval([1, 2], [1]),
            "`y` must have one entry per image. Received: 1 for 2 images.",
        ),
        (
            lambda: pooled_psnr_interval([20, 21], [64, 0]),
            "Weights must be above 0. Received: 0.",
        ),
        (
            lambda: mean_interval([1, 2], confidence=95),
            "`confidence` must lie between 0 and 1, such as 0.95. Received: 95.",
        ),
    ],
)
def test_what_cannot_be_measured_is_said(measure, message):
    with pytest.raises(ValueError) as error:
        measure()
    assert str(error.value) == message


# Agreement


def read_levels(count=60, seed=0):
    rng = np.random.default_rng(seed)
    reference = rng.integers(0, 4, count)
    return reference, np.clip(reference + rng.integers(-1, 2, count), 0, 3)


def test_agreement_is_that_of_the_whole_set_and_inside_its_interval():
    reference, read = read_levels()
    found = agreement_interval(quadratic_kappa, reference, read)
    whole = quadratic_kappa(confusion_matrix(reference, read))
    assert found.value == pytest.approx(whole)
    assert found.low < found.value < found.high


def test_agreement_of_one_slide_has_no_interval_and_of_few_a_wider_one():
    reference, read = read_levels()
    of = agreement_interval
    one = of(quadratic_kappa, reference, read, ["a"] * 60)
    assert not one.has_bounds
    # Each slide all right or all wrong: its patches say no more than one of them.
    slides = np.repeat(np.arange(12), 5)
    wrong = np.where(slides % 3 == 0, 3 - reference, reference)
    by_slide = of(quadratic_kappa, reference, wrong, slides)
    by_image = of(quadratic_kappa, reference, wrong)
    assert width(by_slide) > 1.5 * width(by_image)


def test_agreement_differs_by_the_difference_of_both_and_by_nothing_from_itself():
    reference, read = read_levels()
    _, other = read_levels(seed=1)
    found = agreement_difference(quadratic_kappa, reference, read, other)
    a, b = (quadratic_kappa(confusion_matrix(reference, x)) for x in (read, other))
    assert found.value == pytest.approx(b - a)
    same = agreement_difference(quadratic_kappa, reference, read, read)
    assert same == (0, 0, 0)
