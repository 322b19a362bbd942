"""PatchGAN discriminator of pix2pix."""

from typing import Literal

import keras
from keras import layers

from he2ihc_keras.layers import BatchNormalization
from he2ihc_keras.tables import PositiveInt

SMALLEST = 24  # pixels, high and wide: below, no logit is left


def build(
    input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    *,
    filters: PositiveInt = 64,
    normalization: Literal["batch"] | None = "batch",
) -> keras.Model:
    """Judges each 70 x 70 pixels of an H&E / IHC pair as real or fake.

    The 70 x 70 PatchGAN of Isola et al. (2017), https://arxiv.org/abs/1611.07004,
    appendix 6.1.2, as in the authors' PyTorch code: each 4x4 convolution is padded by
    one pixel of zeros on every side, which is not Keras's "same". 64 filters give
    2,768,705 trainable weights.

    Args:
        input_shape: `(height, width, channels)` of each of the two patches; at least
            24 pixels high and wide, or `None`.
        filters: Channels of the first convolution; doubled by each of the next three.
        normalization: "batch", or `None` for none (for measuring receptive fields).

    Returns:
        A model from `[he, ihc]`, each `(batch, height, width, 3)` in [-1, 1], to logits
        `(batch, height // 8 - 2, width // 8 - 2, 1)`: 30 x 30 for 256 x 256.
    """
    he = keras.Input(input_shape, name="he")
    ihc = keras.Input(input_shape, name="ihc")
    x = layers.Concatenate(name="pair")([he, ihc])
    x = _conv(x, filters, strides=2, name="conv_1")
    x = layers.LeakyReLU(0.2, name="conv_1_relu")(x)
    for number, strides in ((2, 2), (3, 2), (4, 1)):
        width = filters * 2 ** (number - 1)
        use_bias = normalization is None
        x = _conv(x, width, strides, f"conv_{number}", use_bias=use_bias)
        if normalization == "batch":
            x = BatchNormalization(name=f"conv_{number}_norm")(x)
        x = layers.LeakyReLU(0.2, name=f"conv_{number}_relu")(x)
    logits = _conv(x, 1, strides=1, name="logits", dtype="float32")
    return keras.Model([he, ihc], logits, name="patchgan")


def _conv(x, width, strides, name, use_bias=True, dtype=None):
    x = layers.ZeroPadding2D(1, name=f"{name}_pad", dtype=dtype)(x)
    return layers.Conv2D(
        width,
        4,
        strides=strides,
        use_bias=use_bias,
        kernel_initializer=keras.initializers.RandomNormal(stddev=0.02),
        dtype=dtype,
        name=name,
    )(x)
