import keras
import numpy as np
import pytest
from keras import layers

from he2ihc_keras.models import pyramid_pix2pix, stride
from helpers import (
    check_generator,
    load_pytorch,
    output,
    reference,
    relative_error,
    to_channels_last,
)


@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_pyramid_pix2pix_is_a_generator(dropout):
    check_generator(pyramid_pix2pix.build, filters=4, blocks=2, dropout=dropout)


def authors_generator(name, dropout):
    generator = pyramid_pix2pix.build(filters=8, dropout=dropout)
    load_pytorch(generator, reference(f"{name}/weights"))
    return generator, to_channels_last(reference(name)["input"])


@pytest.mark.parametrize(
    "name, dropout",
    [
        ("resnet_dropout", 0.5),
        pytest.param("resnet_nodropout", 0.0, marks=pytest.mark.backends),
    ],
)
def test_authors_network_gives_the_authors_image(name, dropout):
    generator, he = authors_generator(name, dropout)
    expected = to_channels_last(reference(name)["output_eval"])
    assert relative_error(output(generator, he), expected) < 2e-6


@pytest.mark.backends
def test_batch_statistics_give_the_authors_image():
    generator, he = authors_generator("resnet_nodropout", 0.0)
    expected = reference("resnet_nodropout")["output_batch_statistics"]
    actual = output(generator, he, training=True)
    assert relative_error(actual, to_channels_last(expected)) < 5e-6


def test_statistics_of_each_image_alone_give_the_authors_test_mode():
    generator, he = authors_generator("resnet_nodropout", 0.0)
    expected = reference("resnet_nodropout")["output_batch_statistics_per_image"]
    actual = [output(generator, image[None], training=True)[0] for image in he]
    assert relative_error(actual, to_channels_last(expected)) < 5e-6


def test_64_filters_have_the_authors_number_of_weights():
    weights = pyramid_pix2pix.build().trainable_weights
    assert sum(int(np.prod(weight.shape)) for weight in weights) == 11_383_427


def test_stride_is_4():
    assert stride(pyramid_pix2pix.build(filters=2, blocks=1)) == 4


def test_dropout_0_leaves_the_layers_out():
    kinds = {type(x) for x in pyramid_pix2pix.build(filters=2, dropout=0).layers}
    assert layers.Dropout not in kinds


@pytest.mark.parametrize(("upsampling", "is_even"), [("smooth", 1), ("transposed", 0)])
def test_smooth_upsampling_leaves_no_checkerboard_on_even_tissue(upsampling, is_even):
    generator = pyramid_pix2pix.build(filters=2, blocks=0, upsampling=upsampling)
    layer = generator.get_layer("up_1_conv")
    step = keras.Model(layer.output, generator.get_layer("up_1_norm").input)
    even = np.ones((1, 6, 6, 8), "float32")
    inside = np.asarray(step(layer(even)))[:, 2:-2, 2:-2]
    assert inside.shape == (1, 8, 8, 4)
    assert np.allclose(inside, inside[:, :1, :1], atol=1e-6) == is_even


def test_a_size_off_the_stride_is_refused_with_those_that_fit():
    with pytest.raises(ValueError) as error:
        pyramid_pix2pix.build((None, 250, 3))
    assert str(error.value) == (
        "Height and width must be multiples of 4, the stride of the network. "
        "Received: (None, 250). Crop to (None, 248) or pad to (None, 252)."
    )
