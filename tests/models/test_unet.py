import numpy as np
import pytest
from keras import layers

from he2ihc_keras.layers import BatchNormalization
from he2ihc_keras.models import stride, unet
from helpers import check_generator, random_images


@pytest.mark.parametrize("depth", [pytest.param(1, marks=pytest.mark.backends), 3])
def test_unet_is_a_generator(depth):
    check_generator(unet.build, filters=4, depth=depth)


@pytest.mark.parametrize("depth", [1, 4])
def test_stride_is_two_to_the_depth(depth):
    assert stride(unet.build(filters=2, depth=depth)) == 2**depth


def test_unet_with_batch_normalisation_is_a_generator():
    check_generator(unet.build, filters=4, depth=2, normalization="batch")


@pytest.mark.parametrize(("normalization", "count"), [(None, 0), ("batch", 17)])
def test_every_convolution_before_a_relu_is_normalised_or_none(normalization, count):
    generator = unet.build(filters=2, depth=3, normalization=normalization)
    kinds = [type(layer) for layer in generator.layers]
    assert kinds.count(BatchNormalization) == count
    assert kinds.count(layers.Conv2D) == 17 + 1  # and the last, before tanh


def test_unknown_normalisation_is_refused():
    with pytest.raises(ValueError) as error:
        unet.build(normalization="instance")
    assert str(error.value) == (
        "`normalization` must be \"batch\" or None. Received: 'instance'."
    )


def test_there_is_no_dropout():
    kinds = {type(layer) for layer in unet.build(filters=2).layers}
    assert layers.Dropout not in kinds


def test_a_size_off_the_stride_is_refused_with_those_that_fit():
    with pytest.raises(ValueError) as error:
        unet.build((250, 256, 3), depth=4)
    assert str(error.value) == (
        "Height and width must be multiples of 16, the stride of the network. "
        "Received: (250, 256). Crop to (240, 256) or pad to (256, 256)."
    )


def test_skips_carry_the_patch_past_the_deepest_level():
    generator = unet.build(filters=4)
    bottom = generator.get_layer("bottom_conv_2")
    bottom.set_weights([np.zeros_like(w) for w in bottom.get_weights()])
    he, another = random_images(2, (1, 32, 32))
    assert np.any(generator(he) != generator(another))


def test_each_level_has_two_convolutions():
    names = [layer.name for layer in unet.build(filters=2, depth=2).layers]
    levels = ("down_0", "down_1", "bottom", "up_1", "up_0")
    convolutions = [f"{level}_conv_{number}" for level in levels for number in (1, 2)]
    assert [name for name in names if name in convolutions] == convolutions
