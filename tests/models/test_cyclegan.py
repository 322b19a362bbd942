import numpy as np
import pytest

from he2ihc_keras.models import cyclegan, pyramid_pix2pix
from helpers import (
    CYCLEGAN,
    check_generator,
    load_pytorch,
    output,
    reference,
    relative_error,
    to_channels_last,
)


@pytest.mark.parametrize("normalization", ["instance", "batch"])
def test_cyclegan_is_a_generator(normalization):
    check_generator(cyclegan.build, filters=4, blocks=2, normalization=normalization)


@pytest.mark.backends
@pytest.mark.parametrize("training", [False, True])
def test_authors_network_gives_the_authors_image(training):
    network = reference("generator", CYCLEGAN)
    generator = cyclegan.build(filters=8)
    load_pytorch(generator, reference("generator/weights", CYCLEGAN))
    images, expected = (to_channels_last(network[k]) for k in ("input", "output"))
    actual = output(generator, images[:1], training=training)
    assert relative_error(actual, expected[:1]) < 1e-5


def test_64_filters_have_the_authors_number_of_weights_less_biases_of_norms():
    weights = cyclegan.build().trainable_weights
    assert sum(int(np.prod(weight.shape)) for weight in weights) == 11_378_179 - 5_248


def test_with_batch_norm_it_is_pyramid_pix2pix_without_dropout():
    ours, theirs = (
        [(x.__class__, x.name) for x in model.layers]
        for model in (
            cyclegan.build(filters=2, normalization="batch"),
            pyramid_pix2pix.build(filters=2, dropout=0.0),
        )
    )
    assert ours == theirs
