"""ResNet generator of CycleGAN."""

from typing import Literal

import keras

from he2ihc_keras.models import pyramid_pix2pix
from he2ihc_keras.tables import NonNegativeInt, PositiveInt


def build(
    input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    *,
    filters: PositiveInt = 64,
    blocks: NonNegativeInt = 9,
    upsampling: pyramid_pix2pix.Upsampling = "transposed",
    normalization: Literal["batch", "instance"] = "instance",
) -> keras.Model:
    """`pyramid_pix2pix` with instance norm and without dropout.

    The generator of Zhu et al. (2017), https://arxiv.org/abs/1703.10593, as in the
    authors' PyTorch code, whose convolutions have a bias in front of each instance norm
    too. The norm removes it again and its gradient is 0, so it is left out here: of
    the authors' 11,378,179 weights, 64 filters and 9 blocks keep 11,372,931.

    Args:
        input_shape: `(height, width, channels)` of a patch. Height and width are
            multiples of 4, or `None`.
        filters: Channels at full size; doubled by each down-sampling.
        blocks: Number of residual blocks; the authors take 6 for 128 x 128 pixels.
        upsampling: "transposed" or "smooth", as in `pyramid_pix2pix`.
        normalization: "instance" is the authors', "batch" that of BCI's CycleGAN.

    Returns:
        A model from images of one stain `(batch, height, width, 3)` in [-1, 1] to those
        of the other, of the same shape and range.

    Raises:
        ValueError: If a given height or width is not a multiple of 4.
    """
    return pyramid_pix2pix.resnet_generator(
        input_shape,
        filters,
        blocks,
        0.0,
        upsampling,
        name="cyclegan",
        normalization=normalization,
    )
