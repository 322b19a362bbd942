"""Several images as one, by weights that a gate gives each pixel."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="he2ihc_keras")
class Blend(keras.layers.Layer):
    """The weighted mean of K images at each pixel: sum_k a_k I_k.

    As the weights of a pixel are not negative and their sum is 1, the blend lies within
    the range of the images.

    Input and output:
        A list of the weights `(batch, height, width, K)` and of K images `(batch,
        height, width, channels)`; the output is an image like them.
    """

    def call(self, inputs):
        weights, *images = inputs
        shares = ops.split(weights, len(images), axis=-1)
        return sum(a * image for a, image in zip(shares, images, strict=True))

    def compute_output_shape(self, input_shape):
        return input_shape[1]
