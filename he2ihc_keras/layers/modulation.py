"""Features that are scaled and shifted by what a vector says."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="he2ihc_keras")
class Modulation(keras.layers.Layer):
    """Scales and shifts the channels of a feature map by a linear map of a vector.

        (1 + scale) * features + shift,    [scale, shift] = vector W + b

    Perez et al. (2018), FiLM, https://arxiv.org/abs/1709.07871; what Dhariwal and
    Nichol (2021), https://arxiv.org/abs/2105.05233, call adaptive group norm.

    Input and output:
        `[features, vector]`, `(batch, height, width, channels)` and `(batch, units)`,
        to features of the same shape, any range.
    """

    def build(self, input_shape):
        features, vector = input_shape
        width = 2 * features[-1]
        self.kernel = self.add_weight(name="kernel", shape=(vector[-1], width))
        self.bias = self.add_weight(name="bias", shape=(width,), initializer="zeros")

    def call(self, inputs):
        features, vector = inputs
        scale_and_shift = ops.matmul(vector, self.kernel) + self.bias
        scale, shift = ops.split(scale_and_shift[:, None, None, :], 2, axis=-1)
        return (1 + scale) * features + shift

    def compute_output_shape(self, input_shape):
        return input_shape[0]
