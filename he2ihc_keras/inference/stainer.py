"""A generator as a function of images: uint8 in, uint8 out, any size."""

import keras
import numpy as np
from keras import ops

from he2ihc_keras import models
from he2ihc_keras.data.images import to_float, to_uint8

# A ResNet generator mirrors its borders at a quarter of the size: that takes 2 pixels.
_SMALLEST = 8


@keras.saving.register_keras_serializable(package="he2ihc_keras")
class Stainer(keras.Model):
    """Stains H&E images of any size.

    Height and width are padded to the generator's stride by reflection, below and to
    the right, and cut back afterwards. `predict` on the command line and every
    exported model compute exactly this.

    Args:
        generator: A generator of this package; it computes in float32 here, whatever
            policy it was trained under.

    Input and output:
        uint8 `(batch, height, width, 3)` in [0, 255]; H&E in, IHC out.
    """

    def __init__(self, generator: keras.Model, **kwargs):
        super().__init__(dtype="float32", **kwargs)
        self.generator = models.as_float32(generator)
        self.stride = models.stride(generator)
        self.built = True

    def call(self, he):
        return to_uint8(self.stain(to_float(he)))

    def stain(self, he):
        """IHC of H&E, both float32 `(batch, height, width, 3)` in [-1, 1]."""
        height, width = ops.shape(he)[1:3]
        padded = pad_by_reflection(he, self.stride)
        return self.generator(padded, training=False)[:, :height, :width]

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        generator = keras.saving.serialize_keras_object(self.generator)
        return {"name": self.name, "generator": generator}

    @classmethod
    def from_config(cls, config):
        generator = keras.saving.deserialize_keras_object(config["generator"])
        return cls(generator, name=config["name"])


def pad_by_reflection(images, stride: int):
    """Images padded below and to the right to multiples of `stride`.

    The edge is mirrored without being repeated, back and forth where an image is
    smaller than its padding, so that any size can be padded.

    Args:
        images: `(batch, height, width, channels)`; the sizes may be unknown when the
            graph is made.
        stride: What height and width of the result are multiples of; they are at least
            8 pixels.

    Returns:
        Images `(batch, padded height, padded width, channels)`.
    """
    for axis in (1, 2):
        side = ops.shape(images)[axis]
        images = ops.take(images, _mirror(side, stride), axis=axis)
    return images


def _mirror(side, stride):
    """Indices 0 .. padded side, going back at the last pixel: 0 1 2 3 2 1 0 1 ..."""
    # XLA wants to know the length of a known side when it compiles.
    xp = np if isinstance(side, int) else ops
    padded = -(-xp.maximum(side, _SMALLEST) // stride) * stride
    period = xp.maximum(2 * (side - 1), 1)
    position = xp.arange(padded, dtype="int32") % period
    return xp.minimum(position, period - position)
