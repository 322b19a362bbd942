import numpy as np
import pytest
from keras import ops

from he2ihc_keras.layers import place_noise
from helpers import to_numpy

pytestmark = pytest.mark.backends
NOISE = to_numpy(place_noise(128, 96, 3, 7, 0, 500))


def test_it_is_standard_normal():
    moments = [np.mean(NOISE**power) for power in (1, 2, 3, 4)]
    # Five standard errors of each
    errors = 5 * np.sqrt(np.array([1, 2, 15, 96]) / NOISE.size)
    assert np.all(np.abs(np.subtract(moments, [0, 1, 0, 3])) < errors)


@pytest.mark.parametrize("axis", [1, 2, 3])
def test_neighbours_are_independent(axis):
    product = NOISE * np.roll(NOISE, 1, axis)
    assert abs(product.mean()) < 5 / np.sqrt(NOISE.size)


@pytest.mark.parametrize("key", [(8, 0, 500), (7, 1, 500), (7, 0, 501), (2**40, 0, 0)])
def test_each_number_of_the_key_gives_other_noise(key):
    other = to_numpy(place_noise(128, 96, 3, *key))
    assert abs(np.mean(other * NOISE)) < 5 / np.sqrt(NOISE.size)


def test_a_place_has_its_noise_in_every_image():
    part = to_numpy(place_noise(9, 30, 3, 7, ops.convert_to_tensor(0), 500))
    np.testing.assert_array_equal(part, NOISE[:, :9, :30])


def test_every_backend_gives_this_noise():
    first = [-0.3003355, 1.4929563, 0.0462891]
    np.testing.assert_allclose(NOISE[0, 0, 0], first, atol=1e-6)
