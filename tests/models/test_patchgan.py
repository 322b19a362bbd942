import numpy as np
import pytest

from he2ihc_keras.models import patchgan
from helpers import (
    CYCLEGAN,
    load_pytorch,
    output,
    perturb,
    random_images,
    receptive_field,
    reference,
    relative_error,
    saved_and_loaded,
    to_channels_last,
    weights_without_gradient,
)


def test_patchgan_sees_70_pixels():
    discriminator = patchgan.build((128, 128, 3), filters=2, normalization=None)
    assert receptive_field(discriminator) == 70  # Isola et al. (2017)


@pytest.mark.backends
def test_authors_network_gives_the_authors_logits():
    network = reference("patchgan")
    discriminator = patchgan.build(filters=8)
    load_pytorch(discriminator, reference("patchgan/weights"))
    he, ihc = np.split(to_channels_last(network["input"]), 2, axis=-1)
    expected = to_channels_last(network["output_eval"])
    assert relative_error(output(discriminator, [he, ihc]), expected) < 2e-6


@pytest.mark.backends
def test_authors_network_of_cyclegan_judges_one_image():
    network = reference("discriminator", CYCLEGAN)
    discriminator = patchgan.build(filters=8, normalization="instance", inputs=1)
    load_pytorch(discriminator, reference("discriminator/weights", CYCLEGAN))
    image, expected = (to_channels_last(network[k]) for k in ("input", "output"))
    assert relative_error(output(discriminator, image), expected) < 5e-6


def test_of_one_image_64_filters_have_the_authors_number_less_biases_of_norms():
    weights = patchgan.build(normalization="instance", inputs=1).trainable_weights
    assert sum(int(np.prod(weight.shape)) for weight in weights) == 2_764_737 - 896


def test_64_filters_have_the_authors_number_of_weights():
    weights = patchgan.build().trainable_weights
    assert sum(int(np.prod(weight.shape)) for weight in weights) == 2_768_705


@pytest.mark.parametrize(
    "size, logits",
    [
        ((256, 256), (30, 30)),
        ((64, 128), (6, 14)),
        ((24, 31), (1, 1)),
        ((100, 257), (10, 30)),
    ],
)
def test_logits_are_an_eighth_of_the_size_less_two(size, logits):
    discriminator = patchgan.build(filters=2)
    assert discriminator(random_images(2, (1, *size))).shape == (1, *logits, 1)
    assert patchgan.build((*size, 3), filters=2).output_shape == (None, *logits, 1)


@pytest.mark.backends
def test_every_weight_gets_a_gradient():
    pair = random_images(2, (2, 40, 48))
    discriminator = perturb(patchgan.build(filters=4))
    assert weights_without_gradient(discriminator, pair, (2, 3, 4, 1)) == []


def test_both_stains_are_judged():
    he, ihc, another = random_images(3, (1, 64, 64))
    discriminator = patchgan.build(filters=4)
    logits = discriminator([he, ihc])
    assert np.any(logits != discriminator([another, ihc]))
    assert np.any(logits != discriminator([he, another]))


def test_saved_and_loaded_patchgan_gives_the_same_logits():
    pair = random_images(2, (1, 64, 48))
    discriminator = perturb(patchgan.build(filters=4))
    assert np.array_equal(saved_and_loaded(discriminator)(pair), discriminator(pair))
