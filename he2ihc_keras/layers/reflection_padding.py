"""Padding by reflection, as in PyTorch's ReflectionPad2d."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="he2ihc_keras")
class ReflectionPadding2D(keras.layers.Layer):
    """Pads height and width by mirroring at the edge, which is not repeated.

    A row `1 2 3 4` padded by 2 becomes `3 2 1 2 3 4 3 2`.

    Args:
        padding: Pixels added on each side; less than height and width.

    Input and output:
        Features `(batch, height, width, channels)`; the output is higher and wider by
        `2 * padding`.
    """

    def __init__(self, padding: int = 1, **kwargs):
        super().__init__(**kwargs)
        self.padding = padding

    def call(self, features):
        sides = (self.padding, self.padding)
        return ops.pad(features, ((0, 0), sides, sides, (0, 0)), mode="reflect")

    def compute_output_shape(self, input_shape):
        batch, height, width, channels = input_shape
        return batch, self._padded(height), self._padded(width), channels

    def _padded(self, size):
        return None if size is None else size + 2 * self.padding

    def get_config(self):
        return {**super().get_config(), "padding": self.padding}
