import keras
import numpy as np
import pytest

from he2ihc_keras import models
from he2ihc_keras.data.images import to_float, to_uint8
from he2ihc_keras.inference import Stainer, stain_image
from he2ihc_keras.inference.stainer import pad_by_reflection
from helpers import (
    SMALL_GENERATORS,
    dtype_policy,
    lively_generator,
    noise_image,
    refusal,
    saved_and_loaded,
    to_numpy,
)

SIZES = [(1, 1), (1, 9), (2, 3), (7, 5), (8, 8), (33, 20), (50, 31)]


def rows(count):
    """An image `(1, count, 1, 1)` whose rows are 0, 1, 2, ..."""
    return np.arange(count, dtype="float32").reshape(1, count, 1, 1)


# Padding


@pytest.mark.backends
@pytest.mark.parametrize("stride", [3, 16])
def test_padding_is_numpys_reflection_below_and_to_the_right(stride):
    for height, width in SIZES:
        image = np.random.default_rng(0).random((2, height, width, 3), "float32")
        padded = to_numpy(pad_by_reflection(image, stride))
        below, right = padded.shape[1] - height, padded.shape[2] - width
        edges = [(0, 0), (0, below), (0, right), (0, 0)]
        expected = np.pad(image, edges, mode="reflect")
        np.testing.assert_array_equal(padded, expected)


def test_padded_side_is_the_next_multiple_of_the_stride_from_8_on():
    def padded(side, stride):
        return pad_by_reflection(rows(side), stride).shape[1]

    assert [padded(side, 4) for side in (1, 4, 8, 9)] == [8, 8, 8, 12]
    assert [padded(side, 32) for side in (33, 64)] == [64, 64]
    assert padded(1, 3) == 9


@pytest.mark.backends
def test_small_image_is_mirrored_back_and_forth():
    padded = to_numpy(pad_by_reflection(rows(4), 16))
    assert padded[0, :, 0, 0].tolist() == [0, 1, 2, 3, 2, 1] * 2 + [0, 1, 2, 3]


@pytest.mark.backends
def test_size_that_fits_the_stride_is_not_padded():
    image = np.random.default_rng(0).random((1, 16, 24, 3), "float32")
    np.testing.assert_array_equal(to_numpy(pad_by_reflection(image, 8)), image)


# Staining


@pytest.mark.parametrize("name", SMALL_GENERATORS)
def test_image_of_any_size_is_stained_at_its_size(name):
    stainer = Stainer(lively_generator(name))
    for height, width in [(1, 9), (33, 20)]:  # each size is traced anew
        ihc = stain_image(stainer, noise_image(height, width))
        assert (ihc.shape, ihc.dtype) == ((height, width, 3), np.uint8)


@pytest.mark.parametrize("name", SMALL_GENERATORS)
def test_image_that_fits_is_what_the_generator_makes_of_it(name):
    generator, he = lively_generator(name), noise_image(32, 64)
    expected = to_numpy(to_uint8(generator(to_float(he[None]), training=False)))
    ihc = to_numpy(Stainer(generator)(he[None]))
    np.testing.assert_array_equal(ihc, expected)
    assert len(np.unique(ihc)) > 100


@pytest.mark.backends
def test_other_image_is_padded_stained_and_cut_back():
    generator, he = lively_generator(), noise_image(13, 18)
    padded = np.pad(he, [(0, 3), (0, 2), (0, 0)], mode="reflect")
    expected = to_numpy(to_uint8(generator(to_float(padded[None]))))[:, :13, :18]
    np.testing.assert_array_equal(to_numpy(Stainer(generator)(he[None])), expected)


@pytest.mark.backends
def test_stain_image_stains_one_image_as_a_batch():
    stainer, he = Stainer(lively_generator()), noise_image(9, 14)
    expected = to_numpy(stainer(he[None]))[0].astype(int)
    assert np.abs(stain_image(stainer, he) - expected).max() <= 1  # graph and call


def test_image_is_stained_alike_alone_and_beside_others():
    stainer = Stainer(lively_generator("pyramid_pix2pix"))
    images = np.stack([noise_image(16, 16, seed) for seed in range(3)])
    together = stainer.predict_on_batch(images).astype(int)
    alone = np.stack([stain_image(stainer, image) for image in images])
    assert np.abs(together - alone).max() <= 1  # a batch is summed in another order


def test_staining_drops_nothing_and_learns_nothing():
    generator = lively_generator("attn_pyramid")  # with dropout and batch norm
    stainer, he = Stainer(generator), noise_image(16, 16)
    weights = generator.get_weights()
    first, second = (to_numpy(stainer(he[None], training=True)) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert all(map(np.array_equal, generator.get_weights(), weights))


# Policies, files, foreign models


def test_generator_trained_in_bfloat16_stains_in_float32():
    with dtype_policy("mixed_bfloat16"):
        mixed = lively_generator()
    he = noise_image(16, 16)
    expected = stain_image(Stainer(lively_generator()), he)
    rounded = to_numpy(to_uint8(mixed(to_float(he[None]))))[0]
    np.testing.assert_array_equal(stain_image(Stainer(mixed), he), expected)
    assert not np.array_equal(rounded, expected)


@pytest.mark.backends
def test_saved_and_loaded_stainer_gives_the_same_image():
    stainer, he = Stainer(lively_generator()), noise_image(11, 9)
    loaded = saved_and_loaded(stainer)
    np.testing.assert_array_equal(
        to_numpy(loaded(he[None])), to_numpy(stainer(he[None]))
    )
    assert loaded.stride == stainer.stride == models.stride(stainer.generator)


def test_model_without_a_stride_is_refused():
    he = keras.Input((None, None, 3))
    foreign = keras.Model(he, keras.layers.Conv2D(3, 1)(he), name="foreign")
    assert refusal(Stainer, foreign) == (
        "Model 'foreign' has no `SizeCheck` layer, so its stride is unknown. "
        "Expected a generator built by `he2ihc_keras.models.build`."
    )
