import keras
import numpy as np
import pytest
from keras import ops

from he2ihc_keras.layers import InstanceNormalization
from helpers import (
    CYCLEGAN,
    gradients,
    refusal,
    relative_error,
    saved_and_loaded,
    to_channels_last,
    to_numpy,
)

pytestmark = pytest.mark.backends
AXES = (1, 2)


def features(batch=2):
    """Channels of different means and spreads."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(batch, 6, 5, 3))
    return (x * [0.1, 1.0, 5.0] + [3.0, 0.0, -2.0]).astype("float32")


def test_output_is_pytorchs():
    images, expected = (
        to_channels_last(CYCLEGAN[f"instance_norm/{kind}"])
        for kind in ("input", "output")
    )
    assert relative_error(InstanceNormalization()(images), expected) < 1e-6


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("batch", [1, 2])
def test_each_channel_of_each_image_gets_mean_0_and_variance_1(batch, training):
    x = features(batch).astype("float64")
    mean, variance = (f(x, axis=AXES, keepdims=True) for f in (np.mean, np.var))
    expected = (x - mean) / np.sqrt(variance + 1e-5)
    actual = InstanceNormalization()(features(batch), training=training)
    assert relative_error(actual, expected) < 2e-6


def test_one_image_has_the_gradient_of_the_formula():
    x, layer = features(1), InstanceNormalization()
    fused, formula = (
        gradients(lambda x, t=t: ops.sum(layer(x, training=t) ** 3), x)[0]
        for t in (True, False)
    )
    assert relative_error(fused, formula) < 1e-5


def test_statistics_are_float32_under_every_policy():
    x = ops.cast(features() + 200.0, "bfloat16")
    layer = InstanceNormalization(dtype="bfloat16")
    exact = InstanceNormalization(dtype="float32")(ops.cast(x, "float32"))
    assert relative_error(ops.cast(layer(x), "float32"), exact) < 0.01


def test_it_has_no_weights_and_survives_saving():
    inputs = keras.Input((6, 5, 3))
    model = keras.Model(inputs, InstanceNormalization(epsilon=1e-3)(inputs))
    assert model.weights == []
    again = saved_and_loaded(model)
    assert again.layers[-1].epsilon == 1e-3
    assert np.array_equal(to_numpy(again(features())), to_numpy(model(features())))


def test_what_is_no_image_is_refused():
    message = refusal(InstanceNormalization(), np.zeros((2, 3), "float32"))
    assert message.startswith(
        "Expected features (batch, height, width, channels). Received: shape (2, 3)."
    )
