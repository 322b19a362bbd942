import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from he2ihc_keras.layers import SelfAttention2D, _tensorflow_attention, self_attention
from he2ihc_keras.layers.self_attention import attention
from helpers import random_images, relative_error, run_python, saved_and_loaded

KEY_DIM, VALUE_DIM = 3, 5


def tokens(count, batch=2, scale=1.0, seed=0):
    """Query, key, value, and the gradient that comes back to the output."""
    rng = np.random.default_rng(seed)
    widths = (KEY_DIM, KEY_DIM, VALUE_DIM, VALUE_DIM)
    query, *others = (rng.normal(size=(batch, count, width)) for width in widths)
    return [x.astype("float32") for x in (scale * query, *others)]


def plain_attention(query, key, value, upstream):
    """softmax(Q K^T / sqrt(d_k)) V and its three gradients, in float64."""
    q, k, v, do = (x.astype("float64") for x in (query, key, value, upstream))
    scores = q @ k.swapaxes(1, 2) / math.sqrt(q.shape[-1])
    p = np.exp(scores - scores.max(-1, keepdims=True))
    p /= p.sum(-1, keepdims=True)
    output = p @ v
    # d softmax: p * (dp - sum(p * dp))
    dp = do @ v.swapaxes(1, 2)
    dscores = p * (dp - (p * dp).sum(-1, keepdims=True)) / math.sqrt(q.shape[-1])
    return output, dscores @ k, dscores.swapaxes(1, 2) @ q, p.swapaxes(1, 2) @ do


def attention_and_gradients(query, key, value, upstream):
    with tf.GradientTape() as tape:
        tape.watch([query, key, value])
        output = attention(query, key, value)
    return output, *tape.gradient(output, [query, key, value], upstream)


def compiled(kind, count, batch=2):
    """`attention_and_gradients` run eagerly, traced, or compiled by XLA."""
    widths = (KEY_DIM, KEY_DIM, VALUE_DIM, VALUE_DIM)
    sizes = (None, None) if kind == "dynamic" else (batch, count)
    specs = [tf.TensorSpec((*sizes, width)) for width in widths]
    if kind == "eager":
        return lambda *arrays: attention_and_gradients(*map(tf.constant, arrays))
    return tf.function(
        attention_and_gradients, input_signature=specs, jit_compile=kind == "xla"
    )


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(_tensorflow_attention, "QUERY_BLOCK", 16)
    monkeypatch.setattr(_tensorflow_attention, "KEY_BLOCK", 24)


def assert_agrees(actual, arrays, tolerance):
    names = ("output", "dq", "dk", "dv")
    for name, a, e in zip(names, actual, plain_attention(*arrays), strict=True):
        assert a.shape == e.shape, name
        assert relative_error(a, e) < tolerance, name


# Fewer tokens than a block, a block, blocks and a rest, a prime number of tokens.
@pytest.mark.parametrize(
    ("kind", "count"),
    [
        *(("static", count) for count in (7, 16, 24, 48, 50, 97)),
        *(("dynamic", count) for count in (7, 48, 97)),
        ("eager", 50),
    ],
)
def test_output_and_three_gradients_are_the_plain_formulas(kind, count, small_blocks):
    arrays = tokens(count)
    assert_agrees(compiled(kind, count)(*arrays), arrays, 5e-6)


@pytest.mark.parametrize("count", [24, 97])
def test_xla_compiles_a_static_size(count, small_blocks):
    arrays = tokens(count)
    assert_agrees(compiled("xla", count)(*arrays), arrays, 5e-6)


def test_blocks_of_their_real_sizes_agree_too():
    count = _tensorflow_attention.KEY_BLOCK // 8 + 1
    assert count > 2 * _tensorflow_attention.QUERY_BLOCK
    arrays = tokens(count, batch=1)
    assert_agrees(compiled("static", count, batch=1)(*arrays), arrays, 5e-6)


def test_one_token_attends_to_itself():
    arrays = tokens(1)
    output, dq, dk, dv = compiled("eager", 1)(*arrays)
    assert np.array_equal(output, arrays[2])
    assert np.allclose([dq, dk], 0, atol=1e-6)
    assert np.allclose(dv, arrays[3])


@pytest.mark.parametrize("kind", ["eager", "static", "xla"])
def test_scores_of_hundreds_stay_finite_and_right(kind, small_blocks):
    arrays = tokens(97, scale=100.0)
    scores = arrays[0] @ arrays[1].swapaxes(1, 2) / math.sqrt(KEY_DIM)
    assert scores.max() > 200
    assert scores.min() < -200
    assert_agrees(compiled(kind, 97)(*arrays), arrays, 2e-4)


def test_keys_that_score_far_below_zero_are_not_lost_among_padding(small_blocks):
    arrays = tokens(25)  # 25 keys are 2 blocks of 13: one is padding, which scores 0
    arrays[0][..., 0], arrays[1][..., 0] = 10.0, -40.0
    assert_agrees(compiled("static", 25)(*arrays), arrays, 1e-4)


# Memory


def largest_tensor(function, count):
    """Elements of the largest tensor in the traced forward and backward pass.

    Every node of every function in the graph's library is seen, so loops' bodies too.
    An unknown size is taken for `count`: only token axes may be unknown.
    """
    specs = [tf.TensorSpec((1, count, w)) for w in (KEY_DIM, KEY_DIM, VALUE_DIM)]

    def forward_and_backward(*arrays):
        with tf.GradientTape() as tape:
            tape.watch(arrays)
            loss = tf.reduce_sum(function(*arrays) ** 2)
        return tape.gradient(loss, arrays)

    graph = tf.function(forward_and_backward).get_concrete_function(*specs).graph
    definition = graph.as_graph_def(add_shapes=True)
    functions = (function.node_def for function in definition.library.function)
    return max(
        math.prod(count if axis.size < 0 else axis.size for axis in shape.dim)
        for nodes in (definition.node, *functions)
        for node in nodes
        for shape in node.attr["_output_shapes"].list.shape
    )


def test_no_array_of_n_by_n_is_in_the_graph(small_blocks):
    count = 512

    def plain(query, key, value):
        weights = tf.nn.softmax(tf.matmul(query, key, transpose_b=True))
        return tf.matmul(weights, value)

    assert largest_tensor(plain, count) == count**2
    # Scores are there, in blocks, so loops' bodies were looked into.
    assert 16 * 24 <= largest_tensor(attention, count) < count**2 / 4


def test_memory_of_16384_positions_is_a_fraction_of_their_scores():
    # VmHWM is the highest resident size of the process so far, in kB (Linux).
    code = """
        import pathlib, sys
        status = pathlib.Path("/proc/self/status")
        if not status.exists():
            sys.exit()

        import numpy as np, tensorflow as tf
        from he2ihc_keras.layers import SelfAttention2D

        def megabytes(key):
            lines = dict(line.split(":") for line in status.read_text().splitlines())
            return int(lines[key].split()[0]) / 1024

        layer = SelfAttention2D()

        @tf.function
        def step(features):
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(layer(features) ** 2)
            return tape.gradient(loss, layer.trainable_variables)

        step(tf.ones((1, 16, 16, 8)))
        before = megabytes("VmRSS")
        step(tf.ones((1, 128, 128, 8)))
        print(megabytes("VmHWM") - before)
    """
    growth = run_python(code)
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
    assert np.array_equal(SelfAttention2D()(features), features)


def test_attention_is_added_through_the_scale():
    features = np.random.default_rng(0).normal(size=(2, 6, 5, 16)).astype("float32")
    layer = awake(SelfAttention2D(), features)
    x = features.reshape(2, 30, 16)
    q, k, v = (x @ w.numpy() for w in (layer.query, layer.key, layer.value))
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

    def loss(by_formula):
        x = tf.reshape(features, (2, 28, 8))
        q, k, v = (x @ w.value for w in (layer.query, layer.key, layer.value))
        weights = tf.nn.softmax(tf.matmul(q, k, transpose_b=True) / math.sqrt(2))
        formula = x + layer.scale.value * tf.matmul(weights, v)
        y = formula if by_formula else tf.reshape(layer(features), formula.shape)
        return tf.reduce_sum(y**3)

    gradients = []
    for by_formula in (False, True):
        with tf.GradientTape() as tape:
            value = loss(by_formula)
        gradients.append(tape.gradient(value, layer.trainable_variables))
    for actual, expected in zip(*gradients, strict=True):
        assert relative_error(actual, expected.numpy()) < 1e-5


def test_mixed_precision_keeps_scores_in_float32_and_gives_its_own_dtype():
    features = np.random.default_rng(0).normal(size=(1, 5, 6, 16)).astype("float32")
    exact = awake(SelfAttention2D(), features)
    layer = awake(SelfAttention2D(dtype="mixed_bfloat16"), features)
    layer.set_weights(exact.get_weights())
    mixed = layer(features)
    assert mixed.dtype == "bfloat16"
    assert {weight.dtype for weight in layer.weights} == {"float32"}
    assert (
        attention(*[tf.cast(x, "bfloat16") for x in tokens(4)[:3]]).dtype == "float32"
    )
    assert relative_error(tf.cast(mixed, "float32"), exact(features).numpy()) < 0.02


def test_layer_saves_and_loads():
    features = keras.Input((None, None, 8))
    model = keras.Model(
        features, SelfAttention2D(key_dim=3, name="attention")(features)
    )
    model.get_layer("attention").scale.assign(0.7)
    x = np.random.default_rng(0).normal(size=(1, 6, 5, 8)).astype("float32")
    loaded = saved_and_loaded(model)
    assert loaded.get_layer("attention").key_dim == 3
    assert np.array_equal(loaded(x), model(x))


# Other backends


@pytest.mark.parametrize("count", [7, 128, 300])
def test_map_over_query_blocks_gives_the_plain_formula(count):
    query, key, value, upstream = tokens(count)
    query_by_root = query / np.float32(math.sqrt(KEY_DIM))
    actual = self_attention._attention_by_query_blocks(
        *map(tf.constant, (query_by_root, key, value))
    )
    expected, *_ = plain_attention(query, key, value, upstream)
    assert relative_error(actual, expected) < 5e-6


def test_jax_gives_the_same_output_and_gradients(tmp_path):
    pytest.importorskip("jax")
    arrays = tokens(300)
    np.savez(tmp_path / "arrays.npz", *arrays)
    code = """
        import sys
        import jax, numpy as np
        from he2ihc_keras.layers.self_attention import attention

        *inputs, upstream = np.load(sys.argv[1]).values()
        output, gradient = jax.vjp(jax.jit(attention), *inputs)
        np.savez(sys.argv[2], output, *gradient(upstream))
    """
    run_python(code, tmp_path / "arrays.npz", tmp_path / "out.npz", backend="jax")
    assert_agrees(np.load(tmp_path / "out.npz").values(), arrays, 5e-6)
