import numpy as np
import pytest

from he2ihc_keras.models import pix2pix, stride
from helpers import (
    check_generator,
    load_pytorch,
    reference,
    relative_error,
    to_channels_last,
)


@pytest.mark.parametrize("depth", [pytest.param(5, marks=pytest.mark.backends), 8])
def test_pix2pix_is_a_generator(depth):
    check_generator(pix2pix.build, filters=2, depth=depth)


def test_authors_network_gives_the_authors_image():
    network = reference("unet_6downs")
    generator = pix2pix.build(filters=8, depth=6, dropout=0.0)
    load_pytorch(generator, reference("unet_6downs/weights"))
    ihc = generator(to_channels_last(network["input"]))
    assert relative_error(ihc, to_channels_last(network["output_eval"])) < 2e-6


def test_weights_are_those_of_the_authors_unet_256():
    # The authors' log says 54.414 M: 16 convolutions, one of them with a bias, and
    # gamma and beta of 13 normalisations.
    widths = [64, 128, 256, 512, 512, 512, 512, 512]
    down = sum(16 * a * b for a, b in zip([3, *widths], widths, strict=False))
    up = sum(2 * 16 * a * b for a, b in zip(widths, widths[1:], strict=False))
    up -= 16 * widths[-1] * widths[-2]  # the innermost has no skip
    norms = 2 * (sum(widths[1:-1]) + sum(widths[:-1]))
    last = 16 * 2 * widths[0] * 3 + 3
    assert weight_count(pix2pix.build()) == down + up + norms + last == 54_413_955


def weight_count(model):
    return sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)


def test_dropout_stands_between_the_innermost_and_the_four_outermost_levels():
    names = {layer.name for layer in pix2pix.build(filters=2, depth=8).layers}
    dropouts = {name for name in names if "dropout" in name}
    assert dropouts == {f"up_{level}_dropout" for level in (4, 5, 6)}


@pytest.mark.parametrize("depth", [5, 6])
def test_stride_is_two_to_the_depth(depth):
    assert stride(pix2pix.build(filters=2, depth=depth)) == 2**depth


def test_a_size_off_the_stride_is_refused_with_those_that_fit():
    with pytest.raises(ValueError) as error:
        pix2pix.build((512, 300, 3))
    assert str(error.value) == (
        "Height and width must be multiples of 256, the stride of the network. "
        "Received: (512, 300). Crop to (512, 256) or pad to (512, 512)."
    )


def test_a_shallow_pix2pix_is_refused():
    with pytest.raises(ValueError) as error:
        pix2pix.build(depth=4)
    assert str(error.value) == "`depth` must be at least 5, as in pix2pix. Received: 4."
