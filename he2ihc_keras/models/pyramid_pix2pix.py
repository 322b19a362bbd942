"""ResNet generator of PyramidPix2pix."""

from collections.abc import Callable
from typing import Literal

import keras
from keras import layers

from he2ihc_keras.layers import (
    BatchNormalization,
    InstanceNormalization,
    ReflectionPadding2D,
    SizeCheck,
    seeded_dropout,
)
from he2ihc_keras.layers.size_check import check_size
from he2ihc_keras.tables import NonNegativeInt, PositiveInt, Rate

STRIDE = 4
Upsampling = Literal["transposed", "smooth"]
_NORMS = {"batch": BatchNormalization, "instance": InstanceNormalization}


def build(
    input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    *,
    filters: PositiveInt = 64,
    blocks: NonNegativeInt = 9,
    dropout: Rate = 0.5,
    upsampling: Upsampling = "transposed",
) -> keras.Model:
    """Two down-samplings, residual blocks, two up-samplings.

    The generator of Liu et al. (2022), BCI, https://arxiv.org/abs/2204.11425, which is
    that of Johnson et al. (2016) with nine blocks, constant for constant as in the
    authors' PyTorch code. What is "pyramid" about PyramidPix2pix is its loss,
    `losses.pyramid_l1_losses`. Our `filters` is their `ngf`, our `blocks` their
    `n_blocks`; 64 filters and 9 blocks give 11,383,427 trainable weights.

    Args:
        input_shape: `(height, width, channels)` of an H&E patch. Height and width are
            multiples of 4, or `None`.
        filters: Channels at full size; doubled by each down-sampling.
        blocks: Number of residual blocks.
        dropout: Rate inside each residual block; 0 leaves the layers out.
        upsampling: "transposed" convolutions are the authors', whose outputs take turns
            at one and at two taps of the kernel: a checkerboard after short trainings
            (Odena et al., 2016, https://doi.org/10.23915/distill.00003). "smooth" means
            each 2 x 2 of them, and has the same weights.

    Returns:
        A model from H&E `(batch, height, width, 3)` in [-1, 1] to IHC of the same
        shape and range.

    Raises:
        ValueError: If a given height or width is not a multiple of 4.
    """
    return resnet_generator(
        input_shape, filters, blocks, dropout, upsampling, name="pyramid_pix2pix"
    )


def resnet_generator(
    input_shape,
    filters,
    blocks,
    dropout,
    upsampling,
    name,
    after_step: Callable | None = None,
    normalization: str = "batch",
) -> keras.Model:
    """The chain of `build`, with "batch" or "instance" norm.

    `after_step(x, name)` is applied after each resampling.
    """
    norm = _NORMS[normalization]
    after_step = after_step or (lambda x, name: x)
    he, x = trunk(input_shape, filters, blocks, dropout, norm, after_step)
    x = upsampled(x, filters, upsampling, norm, after_step)
    return keras.Model(he, image(x, name="ihc"), name=name)


def trunk(input_shape, filters, blocks, dropout, norm, after_step=lambda x, name: x):
    """H&E, and what the stem, two down-samplings and the residual blocks make of it."""
    check_size(input_shape[:2], STRIDE)
    he = keras.Input(input_shape, name="he")
    x = SizeCheck(STRIDE, name="he_size")(he)
    x = ReflectionPadding2D(3, name="stem_pad")(x)
    x = _conv_norm_relu(x, filters, 7, norm, name="stem")
    # Zeros above and to the left only: the fourth side of a symmetric padding is never
    # read at stride 2.
    for step in (1, 2):
        x = layers.ZeroPadding2D(((1, 0), (1, 0)), name=f"down_{step}_pad")(x)
        width = filters * 2**step
        x = _conv_norm_relu(x, width, 3, norm, strides=2, name=f"down_{step}")
        x = after_step(x, f"down_{step}")
    for block in range(1, blocks + 1):
        x = _residual_block(x, dropout, norm, name=f"block_{block}")
    return he, x


def upsampled(x, filters, upsampling, norm, after_step=lambda x, name: x, prefix=""):
    """Features at full size, `filters` of them, after two up-samplings."""
    for step in (1, 2):
        name, width = f"{prefix}up_{step}", filters * 2 ** (2 - step)
        x = _conv(layers.Conv2DTranspose, width, 3, f"{name}_conv", strides=2)(x)
        x = _to_twice_the_size(x, upsampling, name=name)
        x = norm(name=f"{name}_norm")(x)
        x = layers.ReLU(name=f"{name}_relu")(x)
        x = after_step(x, name)
    return x


def image(x, name, channels=3, activation="tanh"):
    """The last convolution, 7x7, in float32."""
    x = ReflectionPadding2D(3, name=f"{name}_pad", dtype="float32")(x)
    return layers.Conv2D(
        channels,
        7,
        activation=activation,
        kernel_initializer=_normal(),
        dtype="float32",
        name=name,
    )(x)


def _to_twice_the_size(x, upsampling, name):
    """A full transposed convolution, a row and a column too large, as `upsampling`."""
    if upsampling == "smooth":
        return layers.AveragePooling2D(2, strides=1, name=f"{name}_smooth")(x)
    # PyTorch's `padding=1, output_padding=1` drops the first; "same" would the last.
    return layers.Cropping2D(((1, 0), (1, 0)), name=f"{name}_crop")(x)


def _residual_block(x, dropout, norm, name):
    width = x.shape[-1]
    y = ReflectionPadding2D(1, name=f"{name}_pad_1")(x)
    y = _conv_norm_relu(y, width, 3, norm, name=f"{name}_1")
    if dropout:
        y = seeded_dropout(dropout, name=f"{name}_dropout")(y)
    y = ReflectionPadding2D(1, name=f"{name}_pad_2")(y)
    y = _conv(layers.Conv2D, width, 3, f"{name}_2_conv")(y)
    y = norm(name=f"{name}_2_norm")(y)
    return layers.Add(name=f"{name}_add")([x, y])


def _conv_norm_relu(x, width, kernel, norm, name, strides=1):
    x = _conv(layers.Conv2D, width, kernel, f"{name}_conv", strides=strides)(x)
    x = norm(name=f"{name}_norm")(x)
    return layers.ReLU(name=f"{name}_relu")(x)


def _conv(kind, width, kernel, name, strides=1):
    """A convolution that a normalisation follows: without bias."""
    return kind(
        width,
        kernel,
        strides=strides,
        use_bias=False,
        kernel_initializer=_normal(),
        name=name,
    )


def _normal():
    return keras.initializers.RandomNormal(stddev=0.02)
