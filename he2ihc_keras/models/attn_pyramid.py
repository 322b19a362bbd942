"""PyramidPix2pix generator with self-attention."""

from collections.abc import Sequence

import keras

from he2ihc_keras.layers import SelfAttention2D
from he2ihc_keras.models import pyramid_pix2pix
from he2ihc_keras.tables import NonNegativeInt, PositiveInt, Rate

STEPS = ("down_1", "down_2", "up_1", "up_2")


def build(
    input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    *,
    filters: PositiveInt = 64,
    blocks: NonNegativeInt = 9,
    dropout: Rate = 0.5,
    upsampling: pyramid_pix2pix.Upsampling = "transposed",
    attention: Sequence[str] = STEPS,
    key_dim: PositiveInt | None = None,
) -> keras.Model:
    """`pyramid_pix2pix` that looks at the whole patch at each change of scale.

    The variant of Ganesh and Zhou's course report (MIT): self-attention after each
    down-sampling and after each up-sampling of the generator, with linear maps Q, K, V
    of the feature map and softmax(Q K^T / sqrt(d_k)) V. It is exact at every step; the
    last one of a 512 x 512 patch has 262,144 positions (`layers.SelfAttention2D` says
    how). The report gives neither d_k nor how attention joins the feature map; both
    are Zhang et al.'s (2019), https://arxiv.org/abs/1805.08318: an eighth of the
    channels, and a sum through a learned scale that starts at 0. A fresh
    `attn_pyramid` therefore equals a `pyramid_pix2pix` with the same weights.

    Args:
        input_shape: `(height, width, channels)` of an H&E patch. Height and width are
            multiples of 4, or `None`.
        filters: Channels at full size; doubled by each down-sampling.
        blocks: Number of residual blocks.
        dropout: Rate inside each residual block; 0 leaves the layers out.
        upsampling: "transposed" or "smooth", as in `pyramid_pix2pix`.
        attention: The steps that get attention, out of "down_1", "down_2", "up_1",
            "up_2". The time of a step grows with the fourth power of the patch size.
        key_dim: Channels of Q and K (d_k); `None` takes an eighth of the step's.

    Returns:
        A model from H&E `(batch, height, width, 3)` in [-1, 1] to IHC of the same
        shape and range.

    Raises:
        ValueError: If a given height or width is not a multiple of 4, or a step is
            unknown.
    """
    unknown = [step for step in attention if step not in STEPS]
    if unknown:
        raise ValueError(
            f"`attention` names steps of the generator. Received: {unknown[0]!r}. "
            f"Known: {', '.join(STEPS)}."
        )

    def attend(x, step):
        if step not in attention:
            return x
        return SelfAttention2D(key_dim, name=f"{step}_attention")(x)

    return pyramid_pix2pix.resnet_generator(
        input_shape,
        filters,
        blocks,
        dropout,
        upsampling,
        name="attn_pyramid",
        after_step=attend,
    )
