import keras
import numpy as np
import pytest

from he2ihc_keras import brownian_bridge, models
from he2ihc_keras.layers import Sampler, place_noise
from he2ihc_keras.models import bridge
from helpers import (
    SMALL_BRIDGE,
    dtype_policy,
    lively_bridge,
    output,
    perturb,
    random_images,
    refusal,
    saved_and_loaded,
    to_numpy,
    weights_without_gradient,
)

[HE] = random_images(1, (2, 12, 20))
TIME = np.array([3.0, 700.0], "float32")


def sampler_of(generator):
    return generator.get_layer("sampler")


# The network


@pytest.mark.backends
def test_every_weight_of_the_network_learns():
    network = perturb(bridge.build(**SMALL_BRIDGE, blocks=2, normalization="group"))
    inputs = [*random_images(2, HE.shape[:3]), TIME]
    assert weights_without_gradient(network, inputs, HE.shape) == []


def test_a_fresh_network_says_nothing():
    answer = output(bridge.build(**SMALL_BRIDGE), [HE, HE, TIME])
    assert np.array_equal(answer, np.zeros_like(HE))


def test_network_of_the_recipe_has_as_many_weights_as_documented():
    assert round(models.build("bridge").count_params() / 1e6, 1) == 12.6


def test_network_is_told_the_time():
    network = sampler_of(lively_bridge()).network
    early, late = (output(network, [HE, HE, TIME + t]) for t in (0, 1))
    assert np.all(np.abs(early - late).max(axis=(1, 2, 3)) > 1e-4)


@pytest.mark.parametrize("attention", [False, True])
def test_without_attention_a_pixel_sees_its_surroundings_alone(attention):
    network = perturb(bridge.build(**SMALL_BRIDGE, attention=attention))
    [he] = random_images(1, (1, 96, 96))
    moved = he.copy()
    moved[0, 0, 0] += 1.0
    before, after = (output(network, [he, x, TIME[:1]]) for x in (he, moved))
    assert np.any(before[0, -1, -1] != after[0, -1, -1]) == attention


# The generator


@pytest.mark.backends
@pytest.mark.parametrize("options", [{}, {"label": "scaled", "noise": 1.0, "steps": 2}])
def test_generator_follows_the_bridge(options):
    generator = lively_bridge(**options, seed=3)
    label, steps = options.get("label", "ihc"), options.get("steps", 4)
    schedule = brownian_bridge.schedule("i2sb", 1000, options.get("noise", 0.3))
    network = sampler_of(generator).network
    he = keras.ops.convert_to_tensor(HE)

    def predict(x, n):
        answer = network([x, he, keras.ops.full((2,), float(n))], training=False)
        return brownian_bridge.predicted_ihc(label, schedule, n, x, answer)

    *_, ihc = brownian_bridge.trajectory(
        predict,
        schedule,
        he,
        brownian_bridge.visited(1000, steps),
        lambda to: place_noise(12, 20, 3, 3, 0, to) if to else None,
    )
    expected = np.clip(to_numpy(ihc), -1, 1)
    np.testing.assert_allclose(output(generator, HE), expected, atol=2e-5)
    assert expected.std() > 0.1


def test_generator_shares_the_weights_of_its_network():
    generator = lively_bridge()
    network = sampler_of(generator).network
    assert list(map(id, generator.weights)) == list(map(id, network.weights))


def test_an_image_is_stained_alike_alone_and_beside_others():
    generator = lively_bridge(steps=2)
    alone, together = output(generator, HE[1:]), output(generator, HE)
    np.testing.assert_allclose(alone[0], together[1], atol=1e-4)


def test_a_saved_generator_stains_alike():
    generator = lively_bridge(steps=3, samples=2, seed=9)
    again = saved_and_loaded(generator)
    np.testing.assert_array_equal(output(again, HE), output(generator, HE))
    assert models.stride(again) == models.stride(generator) == 2


def test_a_generator_of_bfloat16_has_a_twin_in_float32():
    with dtype_policy("mixed_bfloat16"):
        mixed = lively_bridge(steps=1)
    inside = {layer.compute_dtype for layer in models.all_layers(mixed)}
    assert inside == {"float32", "bfloat16"}
    assert output(mixed, HE).dtype == "float32"
    twin = models.as_float32(mixed)
    assert {layer.compute_dtype for layer in models.all_layers(twin)} == {"float32"}
    np.testing.assert_array_equal(output(twin, HE), output(lively_bridge(steps=1), HE))


# Samples


@pytest.mark.backends
def test_samples_are_averaged_and_their_spread_shown():
    generator = lively_bridge(steps=2, samples=3, seed=2)
    sampler = sampler_of(generator)
    he = keras.ops.convert_to_tensor(HE)
    draws = np.stack([to_numpy(sampler.draw(he, sample)) for sample in range(3)])
    mean = np.clip(draws.mean(axis=0), -1, 1)
    np.testing.assert_allclose(output(generator, HE), mean, atol=1e-5)

    deviation = np.sqrt(draws.var(axis=0, ddof=1).mean(axis=-1, keepdims=True))
    shown = to_numpy(sampler.with_options(shows="spread")(HE))
    expected = np.clip(4 * np.repeat(deviation, 3, axis=-1) - 1, -1, 1)
    np.testing.assert_allclose(shown, expected, atol=1e-4)
    assert expected.std() > 0.01


def test_seed_chooses_the_image():
    images = [output(lively_bridge(steps=2, seed=seed), HE) for seed in (0, 0, 1)]
    np.testing.assert_array_equal(images[0], images[1])
    assert np.abs(images[0] - images[2]).max() > 0.01


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": 0}, "`steps` must be at least 1. Received: 0."),
        ({"samples": 0}, "`samples` must be at least 1. Received: 0."),
        (
            {"timesteps": 4},
            "`steps` must be less than 4, the steps of the bridge. Received: 4.",
        ),
        (
            {"steps": 1, "samples": 3},
            "One step draws no noise: its 3 samples would be alike. Take more steps, "
            "or one sample.",
        ),
    ],
)
def test_sampling_that_cannot_be_is_refused(options, message):
    assert refusal(lively_bridge, **options) == message


def test_a_spread_of_one_sample_is_refused():
    assert refusal(Sampler, shows="spread") == (
        "The spread is that of several samples. Received: `samples` 1."
    )


def test_a_sampler_must_say_how_it_draws():
    with pytest.raises(NotImplementedError, match="^Sampler must define `draw`.$"):
        Sampler().call(keras.ops.zeros((1, 2, 2, 3)))
