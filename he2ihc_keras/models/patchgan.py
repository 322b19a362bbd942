"""PatchGAN discriminator of pix2pix."""

from typing import Literal

import keras
from keras import layers

from he2ihc_keras.layers import BatchNormalization, InstanceNormalization
from he2ihc_keras.tables import NonNegativeInt, PositiveInt

SMALLEST = 24  # pixels, high and wide: below, no logit is left
_NORMS = {"batch": BatchNormalization, "instance": InstanceNormalization}


def build(
    input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    *,
    filters: PositiveInt = 64,
    normalization: Literal["batch", "instance"] | None = "batch",
    inputs: Literal[1, 2] = 2,
    classes: NonNegativeInt = 0,
) -> keras.Model:
    """Judges each 70 x 70 pixels of a pair, or of one image, as real or fake.

    The 70 x 70 PatchGAN of Isola et al. (2017), https://arxiv.org/abs/1611.07004,
    appendix 6.1.2, as in the authors' PyTorch code: each 4x4 convolution is padded by
    one pixel of zeros on every side, which is not Keras's "same". 64 filters give
    2,768,705 trainable weights. CycleGAN's (Zhu et al., 2017) judges one image, with
    instance norm; the authors' has biases in front of it too, which it removes again.

    Args:
        input_shape: `(height, width, channels)` of each patch; at least 24 pixels high
            and wide, or `None`.
        filters: Channels of the first convolution; doubled by each of the next three.
        normalization: "batch", "instance", or `None` for none (for measuring receptive
            fields).
        inputs: 2 to judge H&E and IHC together, 1 to judge an image alone.
        classes: Generators to tell apart besides, from the same features (the
            classifier of MGAN, Hoang et al., 2018, https://arxiv.org/abs/1708.02556);
            0 for none.

    Returns:
        A model from `[he, ihc]` or from one image, each `(batch, height, width, 3)` in
        [-1, 1], to logits `(batch, height // 8 - 2, width // 8 - 2, 1)`: 30 x 30 for
        256 x 256. With `classes`, to a list of those and of `(..., classes)`, logits of
        who made the image.
    """
    names = ("image",) if inputs == 1 else ("he", "ihc")
    images = [keras.Input(input_shape, name=name) for name in names]
    x = layers.Concatenate(name="pair")(images) if inputs == 2 else images[0]
    x = _conv(x, filters, strides=2, name="conv_1")
    x = layers.LeakyReLU(0.2, name="conv_1_relu")(x)
    for number, strides in ((2, 2), (3, 2), (4, 1)):
        width = filters * 2 ** (number - 1)
        use_bias = normalization is None
        x = _conv(x, width, strides, f"conv_{number}", use_bias=use_bias)
        if normalization:
            x = _NORMS[normalization](name=f"conv_{number}_norm")(x)
        x = layers.LeakyReLU(0.2, name=f"conv_{number}_relu")(x)
    logits = _conv(x, 1, strides=1, name="logits", dtype="float32")
    if classes:
        logits = [logits, _conv(x, classes, 1, name="class_logits", dtype="float32")]
    return keras.Model(images if inputs == 2 else images[0], logits, name="patchgan")


def check_inputs(discriminator: keras.Model, inputs: int) -> None:
    """Refuses a discriminator that judges another number of images.

    Raises:
        ValueError: If it does.
    """
    if len(discriminator.inputs) != inputs:
        judged = {1: "one image", 2: "H&E and IHC together"}
        raise ValueError(
            f"The discriminator must judge {judged[inputs]}: `inputs` = {inputs}. "
            f"Received one of {len(discriminator.inputs)}."
        )


def check_patch_size(size: int) -> None:
    """Refuses patches of which no logit is left.

    Args:
        size: Height and width in pixels.

    Raises:
        ValueError: If they are too small.
    """
    if size < SMALLEST:
        raise ValueError(
            f"Patches must be at least {SMALLEST} x {SMALLEST} pixels for the "
            f"discriminator. Received: {size} x {size}."
        )


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
