import keras
import numpy as np
import pytest
import tensorflow as tf

from he2ihc_keras.layers import BatchNormalization, batch_normalization
from helpers import relative_error, saved_and_loaded

AXES = (0, 1, 2)
EPSILON = 1e-5


def features(shape=(2, 5, 4, 3), seed=0):
    """Channels of different means and spreads."""
    rng = np.random.default_rng(seed)
    scale, shift = rng.uniform(0.1, 5, shape[-1]), rng.uniform(-3, 3, shape[-1])
    return (rng.normal(size=shape) * scale + shift).astype("float32")


def built(x, **kwargs):
    """A layer whose four weights are off their initial values."""
    layer = BatchNormalization(**kwargs)
    layer.build(x.shape)
    rng = np.random.default_rng(1)
    layer.set_weights([rng.uniform(0.5, 2, x.shape[-1]) for _ in range(4)])
    return layer


def test_training_normalises_by_the_batch():
    x = features()
    layer = built(x)
    gamma, beta, *_ = layer.get_weights()
    mean, variance = x.mean(AXES, "float64"), x.var(AXES, dtype="float64")
    expected = gamma * (x - mean) / np.sqrt(variance + EPSILON) + beta
    assert relative_error(layer(x, training=True), expected) < 1e-6


def test_epsilon_is_taken_as_given():
    x = np.float32(1e-4) * features()  # variances at which 1e-5 and 1.001e-5 differ
    layer = built(x)
    gamma, beta, *_ = layer.get_weights()
    expected = gamma * (x - x.mean(AXES)) / np.sqrt(x.var(AXES) + EPSILON) + beta
    assert relative_error(layer(x, training=True) - beta, expected - beta) < 1e-4


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


def test_one_pixel_has_a_finite_variance():
    x = features((1, 1, 1, 3))
    layer = built(x)
    *_, variance = layer.get_weights()
    layer(x, training=True)
    assert np.allclose(layer.moving_variance, 0.9 * variance)


@pytest.mark.parametrize("frozen", [False, True])
def test_inference_and_a_frozen_layer_are_keras_and_keep_the_statistics(frozen):
    x = features()
    layer = built(x, trainable=not frozen)
    of_keras = keras.layers.BatchNormalization(epsilon=EPSILON)
    of_keras.build(x.shape)
    of_keras.set_weights(layer.get_weights())
    before = layer.get_weights()
    y = layer(x, training=frozen)
    assert np.array_equal(y, of_keras(x, training=False))
    assert np.array_equal(before, layer.get_weights())


def test_other_backends_normalisation_is_the_fused_one(monkeypatch):
    x = features()
    gamma, beta = tf.constant([0.5, 1.0, 2.0]), tf.constant([-1.0, 0.0, 1.0])
    fused = batch_normalization._normalize(x, gamma, beta, EPSILON)
    monkeypatch.setattr(keras.backend, "backend", lambda: "another")
    separate = batch_normalization._normalize(tf.constant(x), gamma, beta, EPSILON)
    for one, other in zip(fused, separate, strict=True):
        assert relative_error(other, one.numpy()) < 1e-6


def test_gradients_are_kerass():
    x = tf.constant(features())
    layer = built(x)
    of_keras = keras.layers.BatchNormalization(epsilon=EPSILON)
    of_keras.build(x.shape)
    of_keras.set_weights(layer.get_weights())
    gradients = []
    for either in (layer, of_keras):
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_sum(either(x, training=True) ** 3)
        gradients.append(tape.gradient(loss, [x, *either.trainable_variables]))
    for actual, expected in zip(*gradients, strict=True):
        assert relative_error(actual, expected.numpy()) < 1e-4


def test_mixed_precision_keeps_statistics_in_float32():
    x = tf.cast(features(), "bfloat16")
    layer = built(x, dtype="mixed_bfloat16")
    *_, mean, _ = layer.get_weights()
    y = layer(x, training=True)
    exact = tf.cast(x, "float64").numpy()
    assert y.dtype == "bfloat16"
    assert {weight.dtype for weight in layer.weights} == {"float32"}
    new_mean = 0.9 * mean + 0.1 * exact.mean(AXES)
    assert relative_error(layer.moving_mean, new_mean) < 1e-6
    float32 = built(exact)(exact.astype("float32"), training=True)
    assert relative_error(tf.cast(y, "float32"), float32.numpy()) < 0.01


def test_scale_starts_around_one():
    layer = BatchNormalization()
    layer.build((None, None, None, 4096))
    assert np.mean(layer.gamma) == pytest.approx(1, abs=0.002)
    assert np.std(layer.gamma) == pytest.approx(0.02, rel=0.1)


def test_layer_saves_and_loads():
    x = features()
    inputs = keras.Input(x.shape[1:])
    layer = built(x, momentum=0.7, epsilon=0.1, name="norm")
    loaded = saved_and_loaded(keras.Model(inputs, layer(inputs))).get_layer("norm")
    assert type(loaded) is BatchNormalization
    assert (loaded.momentum, loaded.epsilon) == (0.7, 0.1)
    assert np.array_equal(loaded(x, training=True), layer(x, training=True))
    assert np.array_equal(loaded.get_weights(), layer.get_weights())
