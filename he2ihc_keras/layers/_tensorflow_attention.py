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


# What is to be added to a whole block (a mask, minus a row's log-sum-exp) is another
# column of its two factors: the product comes out with it, at no pass over the block.


def _forward(queries, keys, values, masks):
    """Output and log-sum-exp of each row, in query blocks.

    Running maximum, denominator and numerator over the key blocks: Milakov and
    Gimelshein (2018), https://arxiv.org/abs/1805.02867. The denominator is the last
    column of the numerator, of values that are 1.
    """
    keys = _with_columns(keys, masks)
    values = _with_columns(values, tf.ones_like(masks))
    row = tf.zeros_like(queries[0, :, :, :1])
    start = (row + 2 * _MASKED, tf.repeat(row, values.shape[-1], -1))

    def attend(q):
        q = _with_columns(q, tf.ones_like(row))

        def step(carry, block):
            maximum, sums = carry
            k, v = block
            scores = tf.matmul(q, k, transpose_b=True)
            new_maximum = tf.maximum(maximum, tf.reduce_max(scores, -1, keepdims=True))
            weights = tf.exp(scores - new_maximum)
            shrink = tf.exp(maximum - new_maximum)
            return new_maximum, shrink * sums + tf.matmul(weights, v)

        maximum, sums = tf.foldl(step, (keys, values), start, parallel_iterations=1)
        numerator, denominator = sums[..., :-1], sums[..., -1:]
        return numerator / denominator, maximum + tf.math.log(denominator)

    return tf.map_fn(
        attend,
        queries,
        fn_output_signature=(tf.float32, tf.float32),
        parallel_iterations=1,
    )


def _backward(rows, keys, values, masks):
    """Gradients of query, key and value, in blocks."""
    queries, logsumexps, upstreams, dots = rows
    ones, row_ones = tf.ones_like(masks), tf.ones_like(dots)
    rows = (
        queries,
        _with_columns(queries, row_ones, -logsumexps),
        upstreams,
        _with_columns(upstreams, -dots),
    )
    columns = (keys, _with_columns(keys, masks, ones), _with_columns(values, ones))

    def visit_keys(j, dqs, dks, dvs):
        k, masked_k, v_and_one = (column[j] for column in columns)

        def visit_queries(i, dk, dv, dq_parts):
            q, q_less_logsumexp, upstream, upstream_less_dot = (row[i] for row in rows)
            weights = tf.exp(tf.matmul(q_less_logsumexp, masked_k, transpose_b=True))
            dweights = tf.matmul(upstream_less_dot, v_and_one, transpose_b=True)
            dscores = weights * dweights
            dv += tf.matmul(weights, upstream, transpose_a=True)
            dk += tf.matmul(dscores, q, transpose_a=True)
            return i + 1, dk, dv, dq_parts.write(i, tf.matmul(dscores, k))

        n = tf.shape(queries)[0]
        _, dk, dv, dq_parts = tf.while_loop(
            lambda i, *_: i < n,
            visit_queries,
            (
                0,
                tf.zeros_like(k),
                tf.zeros_like(values[j]),
                tf.TensorArray(tf.float32, n),
            ),
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


def _with_columns(tokens, *columns):
    return tf.concat([tokens, *columns], -1)


# Blocks: `(batch, N, d)` <-> `(blocks, batch, block, d)`, the last padded with zeros


def _split(tokens, block):
    batch, count, width = _shape(tokens)
    blocks, block = _equal_blocks(count, block)
    padded = tf.pad(tokens, [[0, 0], [0, blocks * block - count], [0, 0]])
    return tf.transpose(tf.reshape(padded, (batch, blocks, block, width)), (1, 0, 2, 3))


def _split_keys(key, value):
    count = _shape(key)[1]
    blocks, block = _equal_blocks(count, KEY_BLOCK)
    is_padding = tf.reshape(tf.range(blocks * block) >= count, (blocks, 1, block, 1))
    keys, values = _split(key, KEY_BLOCK), _split(value, KEY_BLOCK)
    masks = tf.where(is_padding, _MASKED, 0.0) + tf.zeros_like(keys[..., :1])
    return keys, values, masks


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
