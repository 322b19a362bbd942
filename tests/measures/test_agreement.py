import numpy as np
import pytest

from he2ihc_keras.measures import agreement
from he2ihc_keras.measures.agreement import confusion_matrix, quadratic_kappa
from helpers import refusal

ALL = np.arange(4)


def test_rows_are_the_reference_and_columns_the_reading():
    confusion = confusion_matrix([0, 0, 3], [1, 1, 2])
    assert confusion[0, 1] == 2 and confusion[3, 2] == 1 and confusion.sum() == 3


def test_kappa_of_a_worked_example():
    # Two levels: weights are 0 and 1, and it is Cohen's kappa. Po 0.7, Pe 0.5.
    assert quadratic_kappa([[20, 5], [10, 15]]) == pytest.approx(0.4)


def test_kappa_is_one_minus_the_squares_over_those_of_all_pairs():
    reference, read = np.random.default_rng(0).integers(0, 4, (2, 30))
    by_chance = np.mean(np.subtract.outer(reference, read) ** 2)
    expected = 1 - np.mean((reference - read) ** 2) / by_chance
    assert quadratic_kappa(confusion_matrix(reference, read)) == pytest.approx(expected)


def test_kappa_of_equal_opposite_constant_and_undefined_readings():
    def kappa(reference, read):
        return quadratic_kappa(confusion_matrix(reference, read))

    assert kappa(ALL, ALL) == 1
    assert kappa(ALL, ALL[::-1]) == -1
    assert kappa(ALL, np.full(4, 2)) == 0
    assert np.isnan(kappa([1, 1], [1, 1]))


def test_a_level_counts_alike_in_balanced_accuracy_however_many_images_it_has():
    confusion = np.zeros((4, 4))
    confusion[1, 1], confusion[3, 1], confusion[3, 3] = 90, 1, 3
    assert agreement.balanced_accuracy(confusion) == (1 + 0.75) / 2
    assert agreement.accuracy(confusion) == 93 / 94


def test_far_off_is_two_levels_and_more():
    assert agreement.far_off(confusion_matrix(ALL, [1, 3, 0, 0])) == 0.75


@pytest.mark.parametrize(
    "measure",
    [
        quadratic_kappa,
        agreement.accuracy,
        agreement.balanced_accuracy,
        agreement.far_off,
    ],
)
def test_measures_take_stacks_of_matrices(measure):
    stack = np.random.default_rng(1).integers(1, 9, (5, 4, 4))
    np.testing.assert_allclose(measure(stack), [measure(one) for one in stack])
    assert np.isnan(measure(np.zeros((4, 4))))


def test_a_level_out_of_range_is_refused():
    assert refusal(confusion_matrix, [0, -1], [0, 1]) == (
        "`reference` must hold levels from 0 to 3. Received: -1 to 0."
    )
