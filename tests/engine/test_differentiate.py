"""Gradients in closed form, on whichever backend Keras runs."""

import keras
import numpy as np
import pytest
from keras import ops
from numpy.testing import assert_allclose

from he2ihc_keras.trainers import Supervised

pytestmark = pytest.mark.backends

RNG = np.random.default_rng(0)
X, W1, W2, DY = (
    RNG.normal(size=shape).astype("float32")
    for shape in ((5, 3), (3, 4), (4, 2), (5, 2))
)


def two_layers(weights=(W1, W2)):
    """An engine with a network y = x W1 W2."""
    layers = [keras.layers.Dense(len(w.T), use_bias=False) for w in weights]
    network = keras.Sequential([keras.Input((3,)), *layers])
    network.set_weights(list(weights))
    return Supervised(network)


def numbers(tensors):
    return [ops.convert_to_numpy(x) for x in tensors]


def test_gradients_of_two_linear_layers_are_those_on_paper():
    engine = two_layers()
    outputs, extra, pull_back = engine.differentiate(
        lambda x: (engine.generator(x), {"twice": 2 * x}),
        engine.generator.trainable_variables,
        ops.convert_to_tensor(X),
    )
    of_weights, of_inputs = pull_back(ops.convert_to_tensor(DY))
    assert_allclose(numbers([outputs])[0], X @ W1 @ W2, rtol=1e-6, atol=1e-6)
    assert_allclose(numbers([extra["twice"]])[0], 2 * X)
    expected = (X.T @ DY @ W2.T, (X @ W1).T @ DY, DY @ W2.T @ W1.T)
    for actual, on_paper in zip(
        numbers([*of_weights, of_inputs]), expected, strict=True
    ):
        assert_allclose(actual, on_paper, rtol=1e-6, atol=2e-6)


def test_a_nest_of_outputs_and_no_inputs():
    engine = two_layers()
    x = ops.convert_to_tensor(X)
    _, _, pull_back = engine.differentiate(
        lambda _: ({"y": engine.generator(x), "z": 3 * engine.generator(x)}, ()),
        engine.generator.trainable_variables,
    )
    dy = ops.convert_to_tensor(DY)
    (of_w1, of_w2), of_inputs = pull_back({"y": dy, "z": dy})
    assert of_inputs == ()
    for actual, expected in zip(
        numbers([of_w1, of_w2]), (X.T @ DY @ W2.T, (X @ W1).T @ DY), strict=True
    ):
        assert_allclose(actual, 4 * expected, rtol=1e-6, atol=1e-5)


def test_what_the_function_assigns_is_assigned_once():
    norm = keras.layers.BatchNormalization(momentum=0.5, name="norm")
    network = keras.Sequential([keras.Input((3,)), norm])
    engine = Supervised(network)
    x = ops.convert_to_tensor(X)
    engine.differentiate(
        lambda _: (network(x, training=True), ()), network.trainable_variables
    )
    assert_allclose(numbers([norm.moving_mean.value])[0], X.mean(0) / 2, rtol=1e-5)
