"""U-Net, Keras-style, without dropout."""

from typing import Literal

import keras
from keras import layers

from he2ihc_keras.layers import BatchNormalization, SizeCheck
from he2ihc_keras.layers.size_check import check_size
from he2ihc_keras.tables import PositiveInt


def build(
    input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    *,
    filters: PositiveInt = 64,
    depth: PositiveInt = 3,
    normalization: Literal["batch"] | None = None,
) -> keras.Model:
    """Contracting and expanding path of two convolutions a level, joined by skips.

    The U-Net of Ronneberger et al. (2015), https://arxiv.org/abs/1505.04597, as Ganesh
    and Zhou's course report (MIT) describes theirs. How each choice reads the report:

    * "Keras-style": two 3x3 ReLU convolutions a level with zero padding (the paper's
      have none), max-pooling, nearest up-sampling and a 2x2 convolution on the way up,
      skips, He-normal kernels.
    * "without dropout": none, where Keras-style U-Nets have it in the two inner levels.
    * "fewer convolution blocks": `depth` 3, so four levels; the usual are five.
    * an image instead of a mask: three output channels through tanh, for [-1, 1].

    It is trained by L1 alone, without a discriminator.

    Args:
        input_shape: `(height, width, channels)` of an H&E patch. Height and width are
            multiples of `2**depth`, or `None`.
        filters: Channels of the first level; doubled by each down-sampling.
        depth: Number of down-samplings.
        normalization: "batch" for batch normalisation between each 3x3 or 2x2
            convolution and its ReLU, or `None` for none, as in the paper.

    Returns:
        A model from H&E `(batch, height, width, 3)` in [-1, 1] to IHC of the same
        shape and range.

    Raises:
        ValueError: If a given height or width is not a multiple of `2**depth`, or the
            normalisation is unknown.
    """
    if normalization not in ("batch", None):
        raise ValueError(
            f'`normalization` must be "batch" or None. Received: {normalization!r}.'
        )
    check_size(input_shape[:2], 2**depth)
    he = keras.Input(input_shape, name="he")
    x = SizeCheck(2**depth, name="he_size")(he)

    # Contracting path
    skips = []
    for level in range(depth):
        x = _two_convs(x, filters * 2**level, normalization, name=f"down_{level}")
        skips.append(x)
        x = layers.MaxPooling2D(name=f"down_{level}_pool")(x)

    x = _two_convs(x, filters * 2**depth, normalization, name="bottom")

    # Expanding path
    for level in reversed(range(depth)):
        x = layers.UpSampling2D(name=f"up_{level}_upsample")(x)
        x = _conv(x, filters * 2**level, 2, normalization, name=f"up_{level}_conv_0")
        x = layers.Concatenate(name=f"skip_{level}")([skips[level], x])
        x = _two_convs(x, filters * 2**level, normalization, name=f"up_{level}")

    ihc = layers.Conv2D(3, 1, activation="tanh", dtype="float32", name="ihc")(x)
    return keras.Model(he, ihc, name="unet")


def _two_convs(x, width, normalization, name):
    for number in (1, 2):
        x = _conv(x, width, 3, normalization, name=f"{name}_conv_{number}")
    return x


def _conv(x, width, kernel, normalization, name):
    x = layers.Conv2D(
        width,
        kernel,
        padding="same",
        use_bias=normalization is None,
        activation="relu" if normalization is None else None,
        kernel_initializer="he_normal",
        name=name,
    )(x)
    if normalization == "batch":
        x = BatchNormalization(name=f"{name}_norm")(x)
        x = layers.ReLU(name=f"{name}_relu")(x)
    return x
