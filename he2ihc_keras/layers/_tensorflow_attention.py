"""The TensorFlow kernel of self-attention: blocks of scores, and their gradient.

The scores are visited in blocks of QUERY_BLOCK x KEY_BLOCK. A block is made, used and
dropped; it fits a processor's cache, which makes this not only smaller but faster than
the plain formula. The forward pass keeps the output and the logarithm of each row's
softmax denominator; the backward pass makes the blocks again from them (Rabe and Staats
2021, https://arxiv.org/abs/2112.05682; Dao et al. 2022, appendix B,
https://arxiv.org/abs/2205.14135).
"""

import tensorflow as tf

QUERY_BLOCK = 256
KEY_BLOCK = 8192
_MASKED = -1e30  # the score of a padded key: exp gives exactly 0


@tf.custom_gradient
def blockwise_attention(query, key, value):
    """softmax(query key^T) value for float32 tokens `(batch, N, d)`.

    The gradient is written out, and all three arguments get one; `recompute_grad`
    gives none, without a word, to tensors that a loop's body captures.
    """
    queries = _split(query, QUERY_BLOCK)
    keys, values, masks = _split_keys(key, value)
    outputs, logsumexps = _forward(queries, keys, values, masks)

    def gradient(upstream):
        upstreams = _split(upstream, QUERY_BLOCK)
        # D of Dao et al.: each row's sum of dO * O
        dots = tf.reduce_sum(upstreams * outputs, -1, keepdims=True)
        rows = (queries, logsumexps, upstreams, dots)
        dq, dk, dv = _backward(rows, keys, values, masks)
        return _join(dq, query), _join(dk, key), _join(dv, value)

    return _join(outputs, value), gradient


def _forward(queries, keys, values, masks):
    """Output and log-sum-exp of each row, in query blocks.

    Running maximum, denominator and numerator over the key blocks: Milakov and
    Gimelshein (2018), https://arxiv.org/abs/1805.02867.
    """
    row = tf.zeros_like(queries[0, :, :, :1])
    start = (row + 2 * _MASKED, row, tf.repeat(row, values.shape[-1], -1))

    def attend(q):
        def step(carry, block):
            maximum, denominator, numerator = carry
            k, v, mask = block
            scores = tf.matmul(q, k, transpose_b=True) + mask
            new_maximum = tf.maximum(maximum, tf.reduce_max(scores, -1, keepdims=True))
            weights = tf.exp(scores - new_maximum)
            shrink = tf.exp(maximum - new_maximum)
            total = tf.reduce_sum(weights, -1, keepdims=True)
            return (
                new_maximum,
                shrink * denominator + total,
                shrink * numerator + tf.matmul(weights, v),
            )

        maximum, denominator, numerator = tf.foldl(
            step, (keys, values, masks), start, parallel_iterations=1
        )
        return numerator / denominator, maximum + tf.math.log(denominator)

    return tf.map_fn(
        attend,
        queries,
        fn_output_signature=(tf.float32, tf.float32),
        parallel_iterations=1,
    )


def _backward(rows, keys, values, masks):
    """Gradients of query, key and value, in blocks."""
    queries = rows[0]

    def visit_keys(j, dqs, dks, dvs):
        k, v, mask = keys[j], values[j], masks[j]

        def visit_queries(i, dk, dv, dq_parts):
            q, logsumexp, upstream, dot = (row[i] for row in rows)
            scores = tf.matmul(q, k, transpose_b=True) + mask
            weights = tf.exp(scores - logsumexp)
            dweights = tf.matmul(upstream, v, transpose_b=True)
            dscores = weights * (dweights - dot)
            dv += tf.matmul(weights, upstream, transpose_a=True)
            dk += tf.matmul(dscores, q, transpose_a=True)
            return i + 1, dk, dv, dq_parts.write(i, tf.matmul(dscores, k))

        n = tf.shape(queries)[0]
        _, dk, dv, dq_parts = tf.while_loop(
            lambda i, *_: i < n,
            visit_queries,
            (0, tf.zeros_like(k), tf.zeros_like(v), tf.TensorArray(tf.float32, n)),
            parallel_iterations=1,
        )
        dq = dqs + tf.ensure_shape(dq_parts.stack(), queries.shape)
        return j + 1, dq, dks.write(j, dk), dvs.write(j, dv)

    n = tf.shape(keys)[0]
    _, dqs, dks, dvs = tf.while_loop(
        lambda j, *_: j < n,
        visit_keys,
        (
            0,
            tf.zeros_like(queries),
            tf.TensorArray(tf.float32, n),
            tf.TensorArray(tf.float32, n),
        ),
        parallel_iterations=1,
    )
    return dqs, dks.stack(), dvs.stack()


# Blocks: `(batch, N, d)` <-> `(blocks, batch, block, d)`, the last padded with zeros


def _split(tokens, block):
    batch, count, width = _shape(tokens)
    blocks, block = _equal_blocks(count, block)
    padded = tf.pad(tokens, [[0, 0], [0, blocks * block - count], [0, 0]])
    return tf.transpose(tf.reshape(padded, (batch, blocks, block, width)), (1, 0, 2, 3))


def _split_keys(key, value):
    count = _shape(key)[1]
    blocks, block = _equal_blocks(count, KEY_BLOCK)
    is_padding = tf.reshape(tf.range(blocks * block) >= count, (blocks, 1, 1, block))
    masks = tf.where(is_padding, _MASKED, 0.0)
    return _split(key, KEY_BLOCK), _split(value, KEY_BLOCK), masks


def _equal_blocks(count, largest):
    """Number and length of blocks of one length: at most a few tokens are padding."""
    blocks = -(-count // largest)
    return blocks, -(-count // blocks)


def _join(blocks, like):
    batch, count, _ = _shape(like)
    tokens = tf.transpose(blocks, (1, 0, 2, 3))
    return tf.reshape(tokens, (batch, -1, blocks.shape[-1]))[:, :count]


def _shape(tensor):
    """Static sizes where they are known, dynamic ones elsewhere."""
    dynamic = tf.shape(tensor)
    return [dynamic[i] if size is None else size for i, size in enumerate(tensor.shape)]
