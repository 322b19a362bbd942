import keras
import numpy as np
import pytest

from he2ihc_keras.layers import SizeCheck
from he2ihc_keras.layers.size_check import check_size
from helpers import saved_and_loaded, to_numpy

pytestmark = pytest.mark.backends


@pytest.mark.parametrize(
    "size, below, above",
    [
        ((250, 256), (248, 256), (256, 256)),
        ((256, 250), (256, 248), (256, 256)),
        ((257, 263), (256, 256), (264, 264)),
        ((None, 250), (None, 248), (None, 256)),
        ((250, None), (248, None), (256, None)),
        ((3, 16), (8, 16), (8, 16)),  # nothing smaller fits
        ((0, 16), (8, 16), (8, 16)),
    ],
)
def test_a_size_off_the_stride_is_refused_with_those_that_fit(size, below, above):
    with pytest.raises(ValueError) as error:
        check_size(size, 8)
    assert str(error.value) == (
        "Height and width must be multiples of 8, the stride of the network. "
        f"Received: {size}. Crop to {below} or pad to {above}."
    )
    check_size(below, 8)
    check_size(above, 8)


@pytest.mark.parametrize("size", [(8, 16), (None, None), (None, 24), (24, None)])
def test_multiples_and_unknown_sizes_pass(size):
    check_size(size, 8)


def test_layer_passes_images_through_unchanged():
    images = np.random.default_rng(0).normal(size=(2, 8, 12, 3)).astype("float32")
    assert np.array_equal(to_numpy(SizeCheck(4)(images)), images)


def test_loaded_model_still_refuses_a_size():
    he = keras.Input((None, None, 3))
    loaded = saved_and_loaded(keras.Model(he, SizeCheck(4)(he)))
    with pytest.raises(ValueError, match=r"multiples of 4.* Received: \(8, 9\)"):
        loaded(np.zeros((1, 8, 9, 3), "float32"))
