import math

import numpy as np
import pytest
from scipy.linalg import sqrtm

from he2ihc_keras.measures import frechet_distance, kernel_distance, rank_note


def features(count=60, dimensions=5, seed=0):
    return np.random.default_rng(seed).normal(size=(count, dimensions))


def exact_gaussian(mean, root, count=60, seed=0):
    """Features whose sample mean and covariance are `mean` and `root.T @ root`."""
    draws = features(count, len(mean), seed)
    orthonormal = np.linalg.qr(draws - draws.mean(axis=0)).Q
    return mean + orthonormal * math.sqrt(count - 1) @ root


def brute_force_kid(x, y):
    """The double sums of Binkowski et al., equation 4, term by term."""

    def kernel(a, b):
        return (a @ b / len(a) + 1) ** 3

    def mean_of_pairs(z):
        pairs = [
            kernel(z[i], z[j]) for i in range(len(z)) for j in range(len(z)) if i != j
        ]
        return np.mean(pairs)

    return (
        mean_of_pairs(x)
        + mean_of_pairs(y)
        - 2 * np.mean([kernel(a, b) for a in x for b in y])
    )


# FID


def test_fid_of_gaussians_along_the_axes_is_a_sum_of_squares():
    spreads, others = np.array([1.0, 2, 0.5]), np.array([3.0, 2, 1])
    means = np.array([0.0, 1, -2])
    real = exact_gaussian(means, np.diag(spreads), seed=0)
    generated = exact_gaussian(means + 2, np.diag(others), seed=1, count=40)
    expected = 3 * 2**2 + np.sum((spreads - others) ** 2)
    assert frechet_distance(real, generated) == pytest.approx(expected, rel=1e-12)


def test_fid_of_any_gaussians_is_the_formula():
    root, other = features(5, 5, seed=2), features(5, 5, seed=3)
    real, generated = (exact_gaussian(np.zeros(5), r) for r in (root, other))
    c1, c2 = root.T @ root, other.T @ other
    expected = np.trace(c1 + c2 - 2 * sqrtm(c1 @ c2).real)
    assert frechet_distance(real, generated) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("count", [60, 4])
def test_fid_of_a_set_with_itself_is_0(count):
    real = features(count, 10)
    assert frechet_distance(real, real[::-1]) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("count", [60, 4])
def test_fid_of_a_shifted_set_is_the_squared_shift(count):
    real = features(count, 10)
    assert frechet_distance(real, real + 0.3) == pytest.approx(10 * 0.3**2, rel=1e-9)


def test_fid_of_fewer_images_than_dimensions_holds():
    # Sets that vary along different axes: C1 C2 = 0, the distance is the variance.
    real, generated = np.zeros((2, 6, 20))
    real[:, :5], generated[:, 10:15] = features(6, 5, seed=0), features(6, 5, seed=1)
    variance = sum(f.var(axis=0, ddof=1).sum() for f in (real, generated))
    means = np.sum((real.mean(axis=0) - generated.mean(axis=0)) ** 2)
    expected = means + variance
    assert frechet_distance(real, generated) == pytest.approx(expected, rel=1e-12)


def test_fid_depends_on_neither_order_nor_rotation():
    real, generated = features(seed=0), 2 * features(40, seed=1) + 1
    rotation = np.linalg.qr(features(5, 5, seed=2)).Q
    expected = frechet_distance(real, generated)
    assert frechet_distance(generated, real[::-1]) == pytest.approx(expected)
    rotated = frechet_distance(real @ rotation, generated @ rotation)
    assert rotated == pytest.approx(expected)


def test_fid_of_few_images_is_biased_upwards():
    few = [
        frechet_distance(features(12, seed=seed), features(12, seed=seed + 100))
        for seed in range(20)
    ]
    many = frechet_distance(features(4000, seed=0), features(4000, seed=1))
    assert min(few) > 20 * many


def test_a_note_tells_of_too_few_images():
    assert rank_note(977, 2048) == (
        "FID of 977 images in 2048 dimensions is biased upwards (its covariances have "
        "rank 976 at most): compare it only with a FID of as many images, or take KID, "
        "which has no such bias."
    )
    assert rank_note(2049, 2048) == ""
    rank = np.linalg.matrix_rank(np.cov(features(8, 10), rowvar=False))
    assert f"rank {rank} at most" in rank_note(8, 10)


# KID


def test_kid_of_whole_sets_is_the_double_sum():
    x, y = features(6, 3, seed=0), features(6, 3, seed=1) + 0.5
    kid = kernel_distance(x, y, subset_size=6)
    assert kid.mean == pytest.approx(brute_force_kid(x, y), rel=1e-12)
    assert math.isnan(kid.sd)


def test_kid_of_subsets_centres_on_that_of_the_whole_sets():
    x, y = features(30, 3, seed=0), features(30, 3, seed=1) + 0.5
    subsets = 4000
    kid = kernel_distance(x, y, subset_size=5, subsets=subsets)
    error = 4 * kid.sd / math.sqrt(subsets)
    assert kid.mean == pytest.approx(brute_force_kid(x, y), abs=error)


def test_kid_of_pairs_is_the_spread_of_all_pairs_of_subsets():
    x, y = features(3, 2, seed=0), features(3, 2, seed=1)
    halves = [[0, 1], [0, 2], [1, 2]]
    all_kids = [brute_force_kid(x[a], y[b]) for a in halves for b in halves]
    kid = kernel_distance(x, y, subset_size=2, subsets=20_000)
    assert kid.sd == pytest.approx(np.std(all_kids), rel=0.03)


def test_kid_of_one_distribution_is_0_on_average():
    kids = [
        kernel_distance(features(20, seed=s), features(20, seed=s + 100), subsets=10)
        for s in range(100)
    ]
    means = np.array([kid.mean for kid in kids])
    assert abs(means.mean()) < 3 * means.std() / math.sqrt(len(means))
    assert means.min() < 0 < means.max()


def test_kid_tells_two_distributions_apart():
    kid = kernel_distance(features(200, seed=0), features(200, seed=1) + 0.5)
    assert kid.mean > 3 * kid.sd > 0


def test_kid_of_many_images_is_that_of_the_kernel_in_one_piece():
    x, y = features(1100, 2, seed=0), features(1100, 2, seed=1) + 0.5  # three pieces
    xx, yy, xy = ((a @ b.T / 2 + 1) ** 3 for a, b in ((x, x), (y, y), (x, y)))
    of_pairs = [(k.sum() - np.trace(k)) / (1100 * 1099) for k in (xx, yy)]
    expected = sum(of_pairs) - 2 * xy.mean()
    kid = kernel_distance(x, y, subset_size=1100)
    assert kid.mean == pytest.approx(expected, rel=1e-9)


def test_kid_is_drawn_by_its_seed():
    x, y = features(seed=0), features(seed=1)
    assert kernel_distance(x, y) == kernel_distance(x, y, seed=0)
    assert kernel_distance(x, y) != kernel_distance(x, y, seed=1)


# Errors


@pytest.mark.parametrize("distance", [frechet_distance, kernel_distance])
@pytest.mark.parametrize(
    ("generated", "message"),
    [
        (
            features(1),
            "`generated` must be features (images, dimensions) of two images or more. "
            "Received: shape (1, 5).",
        ),
        (
            np.zeros(5),
            "`generated` must be features (images, dimensions) of two images or more. "
            "Received: shape (5,).",
        ),
        (
            features(dimensions=3),
            "Both sets need features of one network. Received: 5 and 3 dimensions.",
        ),
        (
            features() / [1, 1, 1, 1, np.nan],
            "`generated` holds nan or infinity. Check the network's input.",
        ),
    ],
)
def test_features_are_checked(distance, generated, message):
    with pytest.raises(ValueError) as error:
        distance(features(), generated)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"subset_size": 41},
            "`subset_size` must be between 2 and 40, the images of the smaller set. "
            "Received: 41.",
        ),
        (
            {"subset_size": 0},
            "`subset_size` must be between 2 and 40, the images of the smaller set. "
            "Received: 0.",
        ),
        ({"subsets": 0}, "`subsets` must be 1 or more. Received: 0."),
    ],
)
def test_subsets_are_checked(arguments, message):
    with pytest.raises(ValueError) as error:
        kernel_distance(features(60), features(40), **arguments)
    assert str(error.value) == message
