import math
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops

from attention_formula import assert_agrees, plain_attention, tokens
from he2ihc_keras.layers import SelfAttention2D
from he2ihc_keras.layers.self_attention import attention
from helpers import (
    gradients,
    random_images,
    relative_error,
    run_python,
    saved_and_loaded,
    to_numpy,
)

pytestmark = pytest.mark.backends
TESTS = Path(__file__).parents[1]


def attention_and_gradients(query, key, value, upstream):
    """What `plain_attention` gives, by the backend that Keras runs on."""
    tensors = map(ops.convert_to_tensor, (query, key, value))
    found = gradients(
        lambda *x: ops.sum(ops.multiply(attention(*x), upstream)), query, key, value
    )
    return to_numpy(attention(*tensors)), *found


# Fewer tokens than a block, blocks, blocks and a rest.
@pytest.mark.parametrize("count", [7, 256, 300])
def test_output_and_three_gradients_are_the_plain_formulas(count):
    arrays = tokens(count)
    assert_agrees(attention_and_gradients(*arrays), arrays, 5e-6)


def test_one_token_attends_to_itself():
    arrays = tokens(1)
    output, dq, dk, dv = attention_and_gradients(*arrays)
    assert np.allclose(output, arrays[2])
    assert np.allclose([dq, dk], 0, atol=1e-6)
    assert np.allclose(dv, arrays[3])


def test_scores_of_hundreds_stay_finite_and_right():
    arrays = tokens(97, scale=100.0)
    scores = arrays[0] @ arrays[1].swapaxes(1, 2) / math.sqrt(arrays[0].shape[-1])
    assert scores.max() > 200
    assert scores.min() < -200
    assert_agrees(attention_and_gradients(*arrays), arrays, 2e-4)


def test_memory_of_16384_positions_is_a_fraction_of_their_scores():
    # VmHWM is the highest resident size of the process so far, in kB (Linux).
    code = """
        import pathlib, sys
        status = pathlib.Path("/proc/self/status")
        if not status.exists():
            sys.exit()

        sys.path.insert(0, sys.argv[1])
        import keras
        import numpy as np
        from keras import ops
        from he2ihc_keras.layers import SelfAttention2D
        from helpers import gradients

        def megabytes(key):
            lines = dict(line.split(":") for line in status.read_text().splitlines())
            return int(lines[key].split()[0]) / 1024

        attend = layer = SelfAttention2D()
        if keras.backend.backend() == "tensorflow":
            import tensorflow as tf

            attend = tf.function(layer)  # eagerly, its loops keep every block

        def step(side):
            features = np.ones((1, side, side, 8), "float32")
            gradients(lambda x: ops.mean(ops.square(attend(x))), features)

        layer.build((1, 16, 16, 8))
        step(16)
        before = megabytes("VmRSS")
        step(128)
        print(megabytes("VmHWM") - before)
    """
    growth = run_python(code, TESTS, backend=keras.backend.backend())
    if not growth:
        pytest.skip("needs Linux's /proc/self/status")
    assert float(growth) < 16384**2 * 4 / 2**20 / 4  # a quarter of one score matrix


# The layer


def awake(layer, features):
    layer.build(features.shape)
    layer.scale.assign(0.7)
    return layer


def test_fresh_layer_is_the_identity():
    [features] = random_images(1, (2, 6, 5))
    assert np.array_equal(to_numpy(SelfAttention2D()(features)), features)


def test_attention_is_added_through_the_scale():
    features = np.random.default_rng(0).normal(size=(2, 6, 5, 16)).astype("float32")
    layer = awake(SelfAttention2D(), features)
    x = features.reshape(2, 30, 16)
    q, k, v = (x @ to_numpy(w) for w in (layer.query, layer.key, layer.value))
    attended, *_ = plain_attention(q, k, v, v)
    expected = features + 0.7 * attended.reshape(features.shape)
    assert relative_error(layer(features), expected) < 1e-6


@pytest.mark.parametrize(
    "key_dim, channels, expected", [(None, 64, 8), (None, 5, 1), (6, 64, 6)]
)
def test_key_dim_is_an_eighth_of_the_channels_or_as_given(key_dim, channels, expected):
    layer = SelfAttention2D(key_dim)
    layer.build((None, None, None, channels))
    assert layer.query.shape == layer.key.shape == (channels, expected)
    assert layer.value.shape == (channels, channels)


@pytest.mark.parametrize("key_dim", [0, -1])
def test_key_dim_must_be_positive(key_dim):
    with pytest.raises(ValueError) as error:
        SelfAttention2D(key_dim)
    assert str(error.value) == (
        f"`key_dim` must be a positive integer or None. Received: {key_dim}."
    )


def test_every_weight_of_the_layer_gets_the_plain_formulas_gradient():
    features = np.random.default_rng(1).normal(size=(2, 4, 7, 8)).astype("float32")
    layer = awake(SelfAttention2D(key_dim=2), features)

    def by_formula():
        x = ops.reshape(features, (2, 28, 8))
        q, k, v = (ops.matmul(x, w) for w in (layer.query, layer.key, layer.value))
        scores = ops.matmul(q, ops.transpose(k, (0, 2, 1))) / math.sqrt(2)
        attended = ops.matmul(ops.softmax(scores), v)
        return x + layer.scale * attended

    ours, expected = (
        gradients(lambda of=of: ops.sum(of() ** 3), variables=layer.trainable_variables)
        for of in (lambda: layer(features), by_formula)
    )
    for actual, gradient in zip(ours, expected, strict=True):
        assert relative_error(actual, gradient) < 1e-5


def test_mixed_precision_keeps_scores_in_float32_and_gives_its_own_dtype():
    features = np.random.default_rng(0).normal(size=(1, 5, 6, 16)).astype("float32")
    exact = awake(SelfAttention2D(), features)
    layer = awake(SelfAttention2D(dtype="mixed_bfloat16"), features)
    layer.set_weights(exact.get_weights())
    mixed = layer(features)
    assert keras.backend.standardize_dtype(mixed.dtype) == "bfloat16"
    assert {weight.dtype for weight in layer.weights} == {"float32"}
    attended = attention(*[ops.cast(x, "bfloat16") for x in tokens(4)[:3]])
    assert keras.backend.standardize_dtype(attended.dtype) == "float32"
    assert relative_error(ops.cast(mixed, "float32"), exact(features)) < 0.02


def test_layer_saves_and_loads():
    features = keras.Input((None, None, 8))
    model = keras.Model(
        features, SelfAttention2D(key_dim=3, name="attention")(features)
    )
    model.get_layer("attention").scale.assign(0.7)
    x = np.random.default_rng(0).normal(size=(1, 6, 5, 8)).astype("float32")
    loaded = saved_and_loaded(model)
    assert loaded.get_layer("attention").key_dim == 3
    assert np.array_equal(to_numpy(loaded(x)), to_numpy(model(x)))
