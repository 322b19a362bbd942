import keras
import numpy as np
import pytest
from keras import ops

from he2ihc_keras.layers import BatchNormalization, batch_normalization
from helpers import gradients, refusal, relative_error, saved_and_loaded, to_numpy

pytestmark = pytest.mark.backends
AXES = (0, 1, 2)
EPSILON = 1e-5


def features(shape=(2, 5, 4, 3), seed=0):
    """Channels of different means and spreads."""
    rng = np.random.default_rng(seed)
    scale, shift = rng.uniform(0.1, 5, shape[-1]), rng.uniform(-3, 3, shape[-1])
    return (rng.normal(size=shape) * scale + shift).astype("float32")


def built(x, **kwargs):
    """A layer whose weights are off their initial values."""
    layer = BatchNormalization(**kwargs)
    layer.build(x.shape)
    rng = np.random.default_rng(1)
    layer.set_weights([rng.uniform(0.5, 2, x.shape[-1]) for _ in layer.weights])
    return layer


def of_keras(layer, x):
    """Keras's layer with the same weights."""
    twin = keras.layers.BatchNormalization(
        epsilon=EPSILON, scale=layer.scale, center=layer.center
    )
    twin.build(x.shape)
    twin.set_weights(layer.get_weights())
    return twin


@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize("scale", [True, False])
def test_training_normalises_by_the_batch(scale, center):
    x = features()
    layer = built(x, scale=scale, center=center)
    gamma = to_numpy(layer.gamma) if scale else 1.0
    beta = to_numpy(layer.beta) if center else 0.0
    mean, variance = x.mean(AXES, "float64"), x.var(AXES, dtype="float64")
    expected = gamma * (x - mean) / np.sqrt(variance + EPSILON) + beta
    assert relative_error(layer(x, training=True), expected) < 1e-6


def test_epsilon_is_taken_as_given():
    x = np.float32(1e-4) * features()  # variances at which 1e-5 and 1.001e-5 differ
    layer = built(x)
    gamma, beta, *_ = layer.get_weights()
    expected = gamma * (x - x.mean(AXES)) / np.sqrt(x.var(AXES) + EPSILON) + beta
    actual = to_numpy(layer(x, training=True))
    assert relative_error(actual - beta, expected - beta) < 1e-4


def test_running_statistics_move_a_tenth_to_mean_and_unbiased_variance():
    x = features()
    layer = built(x)
    *_, mean, variance = layer.get_weights()
    layer(x, training=True)
    new_mean = 0.9 * mean + 0.1 * x.mean(AXES, "float64")
    new_variance = 0.9 * variance + 0.1 * x.var(AXES, dtype="float64", ddof=1)
    assert relative_error(layer.moving_mean, new_mean) < 1e-6
    assert relative_error(layer.moving_variance, new_variance) < 1e-6


def test_statistics_of_two_batches_follow_one_another():
    batches = [features(seed=seed) for seed in (3, 4)]
    layer = built(batches[0], momentum=0.75)
    *_, variance = layer.get_weights()
    for x in batches:
        layer(x, training=True)
        variance = 0.75 * variance + 0.25 * x.var(AXES, dtype="float64", ddof=1)
    assert relative_error(layer.moving_variance, variance) < 1e-6


def test_statistics_of_a_large_patch_far_from_zero_are_exact():
    x = features((1, 256, 256, 3)) + np.float32(20)
    layer = built(x, momentum=0.0)
    layer(x, training=True)
    variance = x.var(AXES, dtype="float64", ddof=1)
    assert np.allclose(to_numpy(layer.moving_mean), x.mean(AXES, "float64"), rtol=3e-5)
    assert np.allclose(to_numpy(layer.moving_variance), variance, rtol=3e-5)


def test_one_pixel_has_a_finite_variance():
    x = features((1, 1, 1, 3))
    layer = built(x)
    *_, variance = layer.get_weights()
    layer(x, training=True)
    assert np.allclose(to_numpy(layer.moving_variance), 0.9 * variance)


@pytest.mark.parametrize("frozen", [False, True])
def test_inference_and_a_frozen_layer_are_keras_and_keep_the_statistics(frozen):
    x = features()
    layer = built(x, trainable=not frozen)
    before = layer.get_weights()
    expected = to_numpy(of_keras(layer, x)(x, training=False))
    assert np.array_equal(to_numpy(layer(x, training=frozen)), expected)
    assert np.array_equal(before, layer.get_weights())


def test_the_formula_and_the_backends_own_kernel_agree():
    x = ops.convert_to_tensor(features())
    gamma, beta = ops.array([0.5, 1.0, 2.0]), ops.array([-1.0, 0.0, 1.0])
    arguments = (x, gamma, beta, EPSILON)
    by_kernel = batch_normalization.normalize(*arguments)
    by_formula = batch_normalization._formula(*arguments)
    for actual, expected in zip(by_kernel, by_formula, strict=True):
        assert relative_error(actual, expected) < 1e-5


@pytest.mark.parametrize("affine", [True, False])
def test_gradients_are_kerass(affine):
    x = features()
    layer = built(x, scale=affine, center=affine)
    ours, theirs = (
        gradients(
            lambda x, each=each: ops.sum(each(x, training=True) ** 3),
            x,
            variables=each.trainable_variables,
        )
        for each in (layer, of_keras(layer, x))
    )
    for actual, expected in zip(ours, theirs, strict=True):
        assert relative_error(actual, expected) < 1e-4


def test_mixed_precision_keeps_statistics_in_float32():
    x = ops.cast(features(), "bfloat16")
    layer = built(x, dtype="mixed_bfloat16")
    *_, mean, _ = layer.get_weights()
    y = layer(x, training=True)
    exact = to_numpy(ops.cast(x, "float32")).astype("float64")
    assert keras.backend.standardize_dtype(y.dtype) == "bfloat16"
    assert {weight.dtype for weight in layer.weights} == {"float32"}
    new_mean = 0.9 * mean + 0.1 * exact.mean(AXES)
    assert relative_error(layer.moving_mean, new_mean) < 1e-6
    float32 = built(exact)(exact.astype("float32"), training=True)
    assert relative_error(ops.cast(y, "float32"), float32) < 0.01


def test_scale_starts_around_one():
    layer = BatchNormalization()
    layer.build((None, None, None, 4096))
    gamma = to_numpy(layer.gamma)
    assert np.mean(gamma) == pytest.approx(1, abs=0.002)
    assert np.std(gamma) == pytest.approx(0.02, rel=0.1)


@pytest.mark.parametrize("affine", [True, False])
def test_layer_saves_and_loads(affine):
    x = features()
    inputs = keras.Input(x.shape[1:])
    options = {"momentum": 0.7, "epsilon": 0.1, "scale": affine, "center": affine}
    layer = built(x, **options, name="norm")
    loaded = saved_and_loaded(keras.Model(inputs, layer(inputs))).get_layer("norm")
    assert type(loaded) is BatchNormalization
    assert {name: getattr(loaded, name) for name in options} == options
    ours, theirs = (to_numpy(each(x, training=True)) for each in (layer, loaded))
    assert np.array_equal(ours, theirs)
    assert np.array_equal(loaded.get_weights(), layer.get_weights())


# What is refused


@pytest.mark.parametrize("option", ["synchronized", "renorm"])
def test_what_keras_offers_and_this_layer_does_not_is_refused(option):
    assert refusal(BatchNormalization, **{option: True}) == (
        f"`{option}=True` is not supported: the published networks were trained "
        "without it. Use keras.layers.BatchNormalization."
    )
    BatchNormalization(**{option: False})


@pytest.mark.parametrize(
    ("axis", "shape"), [(1, (2, 3, 5, 4)), (-1, (2, 3)), (3, (1, 2, 3, 4, 5))]
)
def test_other_axes_and_ranks_are_refused(axis, shape):
    assert refusal(BatchNormalization(axis=axis).build, shape) == (
        "Expected features (batch, height, width, channels), normalised over "
        f"`axis=-1`. Received: shape {shape}, axis={axis}. "
        "Use keras.layers.BatchNormalization."
    )
    BatchNormalization(axis=3).build((2, 5, 4, 3))


def test_a_mask_is_refused():
    x = features()
    mask = np.ones(x.shape[:3], bool)
    for training in (True, False):
        message = refusal(BatchNormalization(), x, training=training, mask=mask)
        assert "This layer takes no mask: every position of a patch counts." in message
