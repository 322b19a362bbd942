import keras
import numpy as np
import pytest

from he2ihc_keras.layers import seeded_dropout
from helpers import saved_and_loaded, to_numpy

pytestmark = pytest.mark.backends
ONES = np.ones((1, 16, 16, 4), "float32")


def dropped(layer, times=1):
    return np.stack([to_numpy(layer(ONES, training=True)) for _ in range(times)])


def test_state_of_the_layer_alone_says_what_is_dropped():
    layer = seeded_dropout(0.5, name="dropout")
    [state] = layer.variables
    before = to_numpy(state)
    first, second = dropped(layer, times=2)
    keras.utils.set_random_seed(7)  # moves PyTorch's global state
    state.assign(before)
    assert np.array_equal(dropped(layer, times=2), [first, second])
    assert np.any(first != second)


def test_keras_random_seed_says_the_seed():
    def of_seed(seed):
        keras.utils.set_random_seed(seed)
        return dropped(seeded_dropout(0.5, name="dropout"))

    assert np.array_equal(of_seed(1), of_seed(1))
    assert np.any(of_seed(1) != of_seed(2))


def test_seed_is_the_one_that_keras_would_draw():
    seeds = []
    for make in (seeded_dropout, keras.layers.Dropout):
        keras.utils.set_random_seed(3)
        seeds += [to_numpy(make(0.5, name="dropout").variables[0])]
    assert np.array_equal(*seeds)


def test_loaded_layer_keeps_its_seed():
    inputs = keras.Input(ONES.shape[1:])
    layer = seeded_dropout(0.5, name="dropout")
    loaded = saved_and_loaded(keras.Model(inputs, layer(inputs))).get_layer("dropout")
    assert np.array_equal(dropped(loaded), dropped(layer))
