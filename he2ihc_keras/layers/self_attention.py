"""Exact self-attention over image positions, in memory linear in their number."""

import math

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="he2ihc_keras")
class SelfAttention2D(keras.layers.Layer):
    """Self-attention of a feature map, added to it through a learned scale.

    Each position of the map is a token. Q, K and V are linear maps (1x1 convolutions)
    of the tokens, and the output is

        features + scale * softmax(Q K^T / sqrt(d_k)) V

    The form is that of Zhang et al. (2019), Self-Attention GAN, section 3,
    https://arxiv.org/abs/1805.08318: `scale` is their gamma, one number that starts
    at 0, so that a fresh layer is the identity. Two differences: the scores are
    divided by sqrt(d_k) as in Vaswani et al. (2017), https://arxiv.org/abs/1706.03762,
    and V keeps all channels, which leaves out their output convolution.

    The attention is exact, and no N x N array exists at any time, forward or
    backward: memory grows linearly with the number of positions N, time with N**2.
    Scores, softmax and sums are float32 whatever the dtype policy.

    Args:
        key_dim: Channels of Q and K (d_k). `None` takes an eighth of the channels of
            the feature map, at least 1, as Zhang et al. do.

    Input and output:
        Features `(batch, height, width, channels)`, any range.
    """

    def __init__(self, key_dim: int | None = None, **kwargs):
        super().__init__(**kwargs)
        if key_dim is not None and key_dim < 1:
            raise ValueError(
                f"`key_dim` must be a positive integer or None. Received: {key_dim}."
            )
        self.key_dim = key_dim

    def build(self, input_shape):
        channels = input_shape[-1]
        key_dim = self.key_dim or max(channels // 8, 1)
        self.query = self._linear(channels, key_dim, "query")
        self.key = self._linear(channels, key_dim, "key")
        self.value = self._linear(channels, channels, "value")
        self.scale = self.add_weight(name="scale", shape=(), initializer="zeros")

    def _linear(self, channels, units, name):
        kernel = keras.initializers.GlorotUniform()
        return self.add_weight(name=name, shape=(channels, units), initializer=kernel)

    def call(self, features):
        shape = ops.shape(features)
        tokens = ops.reshape(features, (shape[0], shape[1] * shape[2], shape[3]))
        attended = attention(
            ops.matmul(tokens, ops.cast(self.query, tokens.dtype)),
            ops.matmul(tokens, ops.cast(self.key, tokens.dtype)),
            ops.matmul(tokens, ops.cast(self.value, tokens.dtype)),
        )
        attended = ops.cast(ops.reshape(attended, shape), features.dtype)
        return features + ops.cast(self.scale, features.dtype) * attended

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "key_dim": self.key_dim}


def attention(query, key, value):
    """softmax(query key^T / sqrt(d_k)) value, without an array of N x N scores.

    Args:
        query: Tokens `(batch, N, d_k)`.
        key: Tokens `(batch, N, d_k)`.
        value: Tokens `(batch, N, d_v)`.

    Returns:
        Tokens `(batch, N, d_v)`, float32. On TensorFlow through a kernel of our own, on
        PyTorch through its fused one; on JAX through a map over query blocks whose
        scores are computed anew in the backward pass.
    """
    query, key, value = (ops.cast(x, "float32") for x in (query, key, value))
    query = query / math.sqrt(query.shape[-1])
    if keras.backend.backend() == "tensorflow":
        from he2ihc_keras.layers._tensorflow_attention import blockwise_attention

        return blockwise_attention(query, key, value)
    if keras.backend.backend() == "torch":
        return _torch_attention(query, key, value)
    return _attention_by_query_blocks(query, key, value)


def _torch_attention(query, key, value):
    """PyTorch's fused kernel, given what it needs in order not to fall back."""
    from torch.nn import functional

    count, value_dim = value.shape[1:]
    # It takes one width, a multiple of 8; on a processor its gradient takes one core a
    # head, so that parts of the queries pass as heads.
    width = -(-max(query.shape[-1], value_dim) // 8) * 8
    heads = min(-(-count // 256), 8) if query.device.type == "cpu" else 1
    rows = -(-count // heads)
    query = functional.pad(query, (0, width - query.shape[-1], 0, heads * rows - count))
    key = functional.pad(key, (0, width - key.shape[-1]))
    value = functional.pad(value, (0, width - value_dim))
    attended = functional.scaled_dot_product_attention(
        query.reshape(-1, heads, rows, width),
        *(x[:, None].expand(-1, heads, -1, -1) for x in (key, value)),
        scale=1.0,
    )
    return attended.reshape(-1, heads * rows, width)[:, :count, :value_dim]


def _attention_by_query_blocks(query, key, value, block=128):
    """The same in plain Keras, where its `remat` reaches every argument."""
    batch, count, key_dim = query.shape
    blocks = -(-count // block)
    query = ops.pad(query, ((0, 0), (0, blocks * block - count), (0, 0)))
    query = ops.reshape(query, (batch, blocks, block, key_dim))

    @keras.remat
    def attend(query_block, key, value):
        # Not `ops.softmax`, which warns of a single position
        scores = ops.matmul(query_block, ops.transpose(key, (0, 2, 1)))
        largest = ops.stop_gradient(ops.max(scores, axis=-1, keepdims=True))
        weights = ops.exp(scores - largest)
        return ops.matmul(weights, value) / ops.sum(weights, axis=-1, keepdims=True)

    attended = ops.map(lambda q: attend(q, key, value), ops.moveaxis(query, 1, 0))
    attended = ops.reshape(
        ops.moveaxis(attended, 0, 1), (batch, blocks * block, value.shape[-1])
    )
    return attended[:, :count]
