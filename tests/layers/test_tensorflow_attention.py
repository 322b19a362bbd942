"""The kernel of TensorFlow: eager, traced with known and open sizes, and by XLA."""

import math

import pytest
import tensorflow as tf

from attention_formula import KEY_DIM, VALUE_DIM, assert_agrees, tokens
from he2ihc_keras.layers import _tensorflow_attention
from he2ihc_keras.layers.self_attention import attention


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


# Fewer tokens than a block, a block, blocks and a rest, a prime number of tokens.
@pytest.mark.parametrize("count", [7, 16, 24, 48, 50, 97])
@pytest.mark.parametrize("kind", ["eager", "static", "dynamic"])
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
