import itertools

import keras
import numpy as np
import pytest

from he2ihc_keras import models
from he2ihc_keras.inference import (
    Modes,
    Stainer,
    showing_spread,
    stain_image,
    with_modes,
)
from he2ihc_keras.inference.modes import (
    ImageNormalization,
    SteadyDropout,
    choose_units,
)
from he2ihc_keras.layers import BatchNormalization
from he2ihc_keras.models import pyramid_pix2pix
from helpers import (
    dtype_policy,
    lively_bridge,
    lively_generator,
    load_pytorch,
    noise_image,
    output,
    perturb,
    random_images,
    reference,
    refusal,
    relative_error,
    saved_and_loaded,
    to_channels_last,
    to_numpy,
)

AS_TESTED = Modes("image", dropout=True)
[HE] = random_images(1, (3, 32, 32))


def authors_generator():
    generator = pyramid_pix2pix.build(filters=8, dropout=0.0)
    load_pytorch(generator, reference("resnet_nodropout/weights"))
    return generator


# Statistics


@pytest.mark.backends
def test_statistics_of_each_image_give_the_authors_test_mode():
    network = reference("resnet_nodropout")
    generator = with_modes(authors_generator(), Modes("image"))
    expected = to_channels_last(network["output_batch_statistics_per_image"])
    actual = output(generator, to_channels_last(network["input"]))
    assert relative_error(actual, expected) < 5e-6


@pytest.mark.backends
def test_image_is_normalised_by_its_own_mean_and_biased_variance():
    norm = ImageNormalization(epsilon=1e-5)
    features = np.random.default_rng(0).normal(3, 2, (2, 5, 7, 4)).astype("float32")
    norm.build(features.shape)
    norm.gamma.assign([1, 2, 3, 4])
    norm.beta.assign([4, 3, 2, 1])
    mean = features.mean(axis=(1, 2), keepdims=True)
    deviation = np.sqrt(features.var(axis=(1, 2), keepdims=True) + 1e-5)
    expected = (features - mean) / deviation * [1, 2, 3, 4] + [4, 3, 2, 1]
    np.testing.assert_allclose(to_numpy(norm(features)), expected, atol=1e-5)


@pytest.mark.backends
def test_image_far_from_zero_is_normalised_by_its_own_variance():
    norm = ImageNormalization(gamma_initializer="ones")
    x = np.random.default_rng(0).normal(1000, 1, (1, 16, 16, 2)).astype("float32")
    expected = (x - x.mean((1, 2), "float64")) / x.std((1, 2), dtype="float64")
    np.testing.assert_allclose(to_numpy(norm(x)), expected, atol=2e-3)


@pytest.mark.parametrize("option", ["scale", "center"])
def test_image_normalization_keeps_the_options_of_the_norm(option):
    norm = BatchNormalization(momentum=0.5, epsilon=0.1, name="n", **{option: False})
    twin = ImageNormalization.of(norm)
    [x] = random_images(1, (1, 8, 8))
    norm(x)
    twin(x)
    assert [w.path for w in twin.weights] == [w.path for w in norm.weights]
    assert (twin.momentum, twin.epsilon) == (0.5, 0.1)


def test_running_statistics_neither_count_nor_move():
    twin = with_modes(lively_generator("pyramid_pix2pix"), Modes("image"))
    before = to_numpy(twin(HE))
    for layer in twin.layers:
        if isinstance(layer, ImageNormalization):
            layer.moving_mean.assign(layer.moving_mean + 5.0)
    weights = twin.get_weights()
    np.testing.assert_array_equal(to_numpy(twin(HE)), before)
    assert all(map(np.array_equal, twin.get_weights(), weights))


# Dropout


@pytest.mark.backends
def test_half_of_the_units_are_dropped_and_the_others_doubled():
    dropped = to_numpy(SteadyDropout(0.5, seed=3)(np.ones((1, 64, 64, 8))))
    assert set(np.unique(dropped)) == {0.0, 2.0}
    assert abs(dropped.mean() - 1) < 5 / np.sqrt(dropped.size)  # five deviations


@pytest.mark.backends
def test_seed_and_layer_choose_the_units():
    def dropped(seed):
        twin = with_modes(two_dropouts(), Modes(dropout=True, seed=seed))
        return [to_numpy(kept) for kept in twin(np.ones((1, 32, 32, 3)))]

    (first, second), again, (other, _) = dropped(1), dropped(1), dropped(2)
    np.testing.assert_array_equal([first, second], again)
    assert np.any(first != second)
    assert np.any(first != other)


@pytest.mark.backends
def test_image_chooses_the_units_too():
    twin = with_modes(two_dropouts(), Modes(dropout=True, seed=1))

    def dropped(he):
        choose_units(twin, he)
        return np.stack([to_numpy(kept) for kept in twin(np.ones((1, 32, 32, 3)))])

    he, other = noise_image(9, 6), noise_image(9, 6, seed=1)
    first = dropped(he)
    assert np.all(np.any(first != dropped(other), axis=(1, 2, 3, 4)))  # in each layer
    np.testing.assert_array_equal(dropped(he.copy()), first)


def test_image_is_stained_alike_whichever_images_came_before():
    stainer = stainer_in(AS_TESTED)
    images = [noise_image(16, 12, seed) for seed in range(3)]
    forwards = [stain_image(stainer, he) for he in images]
    backwards = [stain_image(stainer, he) for he in images[::-1]][::-1]
    np.testing.assert_array_equal(forwards, backwards)


def two_dropouts():
    he = keras.Input((32, 32, 3))
    return keras.Model(he, [keras.layers.Dropout(0.5)(he) for _ in range(2)])


def test_image_is_stained_alike_alone_beside_others_and_after_others():
    generator = with_modes(lively_generator("pyramid_pix2pix"), AS_TESTED)
    together = to_numpy(generator(HE))
    alone = [to_numpy(generator(image[None]))[0] for image in HE]
    np.testing.assert_allclose(alone, together, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("attn_pyramid", {"blocks": 1}),
        ("pix2pix", {"depth": 6}),
        pytest.param("pyramid_pix2pix", {"blocks": 1}, marks=pytest.mark.backends),
    ],
)
def test_each_mode_gives_another_image(name, options):
    generator = perturb(models.build(name, filters=4, **options))
    [he] = random_images(1, (1, 64, 64))
    modes = [Modes(), Modes("image"), Modes(dropout=True), AS_TESTED]
    images = [output(with_modes(generator, each), he) for each in modes]
    for one, other in itertools.combinations(images, 2):
        assert np.abs(one - other).max() > 1e-3


# The generator


def test_default_modes_leave_the_generator_as_it_is():
    generator = lively_generator("unet")  # without norm and dropout
    assert with_modes(generator, Modes()) is generator


def test_other_modes_leave_the_generator_alone():
    generator = lively_generator("pyramid_pix2pix")
    before = to_numpy(generator(HE))
    twin = with_modes(generator, AS_TESTED)
    twin(HE)
    np.testing.assert_array_equal(to_numpy(generator(HE)), before)
    assert all(map(np.array_equal, twin.get_weights(), generator.get_weights()))


def test_generator_trained_in_bfloat16_runs_in_float32():
    with dtype_policy("mixed_bfloat16"):
        mixed = lively_generator("pyramid_pix2pix")
    plain = with_modes(lively_generator("pyramid_pix2pix"), AS_TESTED)
    np.testing.assert_array_equal(
        to_numpy(with_modes(mixed, AS_TESTED)(HE)), to_numpy(plain(HE))
    )


def stainer_in(modes):
    return Stainer(with_modes(lively_generator("pyramid_pix2pix"), modes))


@pytest.mark.backends
def test_saved_stainer_keeps_its_modes():
    stainer, he = stainer_in(AS_TESTED), noise_image(13, 18)
    image = stain_image(stainer, he)
    np.testing.assert_array_equal(stain_image(saved_and_loaded(stainer), he), image)
    assert np.any(image != stain_image(stainer_in(Modes()), he))


# What is refused


def test_statistics_of_each_image_need_batch_norm():
    assert refusal(with_modes, lively_generator("unet"), Modes("image")) == (
        "Model 'unet' has no batch norm, so statistics of each image change nothing. "
        "Stain with running statistics."
    )


def test_dropout_needs_layers_that_drop():
    generator = pyramid_pix2pix.build(filters=2, blocks=1, dropout=0)
    assert refusal(with_modes, generator, AS_TESTED) == (
        "Model 'pyramid_pix2pix' has no dropout layers. Stain with dropout off."
    )


def test_unknown_statistics_are_refused_with_the_known():
    assert refusal(Modes, "batch") == (
        "Unknown statistics 'batch'. Known: running, image."
    )


def test_negative_seed_is_refused():
    assert refusal(Modes, seed=-1) == "`seed` must be 0 or more. Received: -1."


def test_seed_without_dropout_is_refused():
    assert refusal(with_modes, lively_generator("unet"), Modes(seed=5)) == (
        "Seed 5 is of the dropout, which is off. Switch dropout on, or leave the seed "
        "out."
    )


@pytest.mark.parametrize("name", ["steps", "samples"])
def test_sampling_needs_a_sampler(name):
    assert refusal(with_modes, lively_generator("unet"), Modes(**{name: 3})) == (
        f"Model 'unet' draws no samples, so `{name}` 3 changes nothing. Leave it out."
    )
    assert refusal(Modes, **{name: 0}) == f"`{name}` must be at least 1. Received: 0."


def test_spread_needs_a_sampler():
    assert refusal(showing_spread, lively_generator("unet")) == (
        "Model 'unet' draws no samples, so its images have no spread. Leave it out."
    )


# Samplers


def test_sampler_takes_what_is_given_and_keeps_the_rest():
    generator = lively_bridge(steps=2, samples=2)
    assert Modes(seed=5).of(generator) == Modes(seed=5, steps=2, samples=2)
    modes = Modes(seed=5, steps=3)
    expected = output(lively_bridge(steps=3, samples=2, seed=5), HE)
    np.testing.assert_array_equal(output(with_modes(generator, modes), HE), expected)


def test_model_without_a_sampler_has_no_steps():
    assert Modes().of(lively_generator("unet")) == Modes()


def test_spread_is_that_of_the_sampler():
    generator = lively_bridge(steps=2, samples=2)
    sampler = generator.get_layer("sampler").with_options(shows="spread")
    shown = output(showing_spread(generator), HE)
    np.testing.assert_allclose(shown, to_numpy(sampler(HE)), atol=1e-5)


# Words


@pytest.mark.parametrize(
    ("modes", "words"),
    [
        (Modes(), "running statistics, dropout off"),
        (AS_TESTED, "statistics of each image, dropout on, seed 0"),
        (Modes(dropout=True, seed=3), "running statistics, dropout on, seed 3"),
        (
            Modes(steps=4, samples=1, seed=3),
            "running statistics, dropout off, 4 steps, 1 sample, seed 3",
        ),
    ],
)
def test_modes_say_what_they_are(modes, words):
    assert modes.in_words() == words
