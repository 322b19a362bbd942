import itertools

import numpy as np
import pytest

from he2ihc_keras.measures import confusion_matrix, quadratic_kappa
from he2ihc_keras.scoring.levels import best_thresholds, cut
from helpers import refusal


def kappa(amounts, levels, thresholds):
    return quadratic_kappa(confusion_matrix(levels, cut(amounts, thresholds)))


def test_level_is_the_number_of_thresholds_reached():
    assert cut([0.0, 0.1, 0.15, 0.3, 9.0], (0.1, 0.2, 0.3)).tolist() == [0, 1, 1, 3, 3]


def test_amounts_that_part_the_levels_are_parted_in_the_middle():
    amounts, levels = [0.0, 1.0, 2.0, 4.0, 8.0], [0, 0, 1, 2, 3]
    assert best_thresholds(amounts, levels) == (1.5, 3.0, 6.0)


def test_no_thresholds_agree_better():
    rng = np.random.default_rng(0)
    levels = rng.integers(0, 4, 14)
    amounts = levels + rng.normal(0, 1, 14)
    middles = (np.sort(amounts)[1:] + np.sort(amounts)[:-1]) / 2
    best = max(kappa(amounts, levels, t) for t in itertools.combinations(middles, 3))
    found = best_thresholds(amounts, levels)
    assert kappa(amounts, levels, found) == pytest.approx(best)


def test_many_amounts_are_parted_nearly_as_well():
    rng = np.random.default_rng(0)
    levels = np.repeat(range(4), [100, 400, 900, 600])
    amounts = levels + rng.normal(0, 0.2, len(levels))
    found = best_thresholds(amounts, levels)
    np.testing.assert_allclose(found, [0.5, 1.5, 2.5], atol=0.15)
    assert kappa(amounts, levels, found) > 0.97


def test_too_few_different_amounts_are_refused():
    assert refusal(best_thresholds, [1.0, 1.0, 2.0], [0, 1, 2]) == (
        "4 levels need 4 images of different amounts of stain, or more. Received: 2."
    )
