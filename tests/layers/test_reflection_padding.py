import keras
import numpy as np
import pytest

from he2ihc_keras.layers import ReflectionPadding2D
from helpers import saved_and_loaded, to_numpy

pytestmark = pytest.mark.backends


def test_edge_is_mirrored_and_not_repeated():
    row = np.array([1.0, 2, 3, 4], "float32").reshape(1, 1, 4, 1).repeat(3, axis=1)
    padded = ReflectionPadding2D(2)(row)
    assert to_numpy(padded)[0, 0, :, 0].tolist() == [3, 2, 1, 2, 3, 4, 3, 2]


@pytest.mark.parametrize("padding", [1, 3])
def test_padding_is_numpys_reflect(padding):
    features = np.random.default_rng(0).normal(size=(2, 5, 7, 3)).astype("float32")
    sides = (padding, padding)
    expected = np.pad(features, ((0, 0), sides, sides, (0, 0)), mode="reflect")
    assert np.array_equal(to_numpy(ReflectionPadding2D(padding)(features)), expected)


@pytest.mark.parametrize("size", [(None, None), (5, None), (5, 7)])
def test_symbolic_shape_grows_by_twice_the_padding(size):
    padded = ReflectionPadding2D(3)(keras.Input((*size, 2)))
    grown = tuple(side and side + 6 for side in size)
    assert padded.shape == (None, *grown, 2)


def test_layer_saves_and_loads():
    he = keras.Input((None, None, 3))
    loaded = saved_and_loaded(keras.Model(he, ReflectionPadding2D(3)(he)))
    assert loaded(np.zeros((1, 8, 9, 3), "float32")).shape == (1, 14, 15, 3)
