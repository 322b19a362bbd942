"""Instance normalisation without weights, as CycleGAN has it."""

import keras
from keras import ops

from he2ihc_keras.layers.batch_normalization import normalize


@keras.saving.register_keras_serializable(package="he2ihc_keras")
class InstanceNormalization(keras.layers.Layer):
    """Brings each channel of each image to mean 0 and variance 1.

    Ulyanov et al. (2016), https://arxiv.org/abs/1607.08022, as PyTorch's
    `InstanceNorm2d` does by default: the biased variance, epsilon 1e-5, neither scale
    nor offset, no running statistics; so it is the same function in training and
    after. Statistics are those of what it is given: a tile of a slide gets others than
    the whole. They are float32 under every policy.

    A training step of one image goes through the fused kernel of batch norm, which is
    then the same function and faster on a processor.

    Args:
        epsilon: Added to the variance.
        **kwargs: `name`, `dtype`, as in `keras.layers.Layer`.

    Input and output:
        Features `(batch, height, width, channels)`, any range.
    """

    def __init__(self, *, epsilon=1e-5, **kwargs):
        super().__init__(**kwargs)
        self.epsilon = epsilon

    def build(self, input_shape):
        if len(input_shape) != 4:
            raise ValueError(
                "Expected features (batch, height, width, channels). Received: shape "
                f"{tuple(input_shape)}."
            )

    def call(self, inputs, training=None):
        if training and inputs.shape[0] == 1:
            channels = (inputs.shape[-1],)
            scale, offset = ops.ones(channels), ops.zeros(channels)
            return normalize(inputs, scale, offset, self.epsilon)[0]
        x = ops.cast(inputs, "float32")
        # Not `ops.moments`: on PyTorch it takes one near-equal square from another.
        x = x - ops.mean(x, axis=(1, 2), keepdims=True)
        variance = ops.mean(ops.square(x), axis=(1, 2), keepdims=True)
        return ops.cast(x * ops.rsqrt(variance + self.epsilon), inputs.dtype)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "epsilon": self.epsilon}
