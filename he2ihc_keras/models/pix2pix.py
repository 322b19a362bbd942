"""U-Net generator of pix2pix."""

import keras
from keras import layers

from he2ihc_keras.layers import BatchNormalization, SizeCheck, seeded_dropout
from he2ihc_keras.layers.size_check import check_size
from he2ihc_keras.tables import PositiveInt, Rate


def build(
    input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    *,
    filters: PositiveInt = 64,
    depth: PositiveInt = 8,
    dropout: Rate = 0.5,
) -> keras.Model:
    """Encoder and decoder of `depth` levels, joined by skip connections.

    The U-Net of Isola et al. (2017), https://arxiv.org/abs/1611.07004, appendix 6.1.1,
    as in the authors' PyTorch code: `depth` is its `num_downs`, `filters` its `ngf`.
    As there, and unlike the paper, the innermost level has no normalisation on its way
    down, and dropout stands in the levels between the innermost and the four
    outermost.

    Args:
        input_shape: `(height, width, channels)` of an H&E patch. Height and width are
            multiples of `2**depth`, or `None`.
        filters: Channels of the first level; doubled at each level, up to 8 times.
        depth: Number of down-samplings, at least 5; 8 brings 256 x 256 to 1 x 1.
        dropout: Rate in the inner levels of the decoder; 0 leaves the layers out.

    Returns:
        A model from H&E `(batch, height, width, 3)` in [-1, 1] to IHC of the same
        shape and range.

    Raises:
        ValueError: If `depth` is under 5, or a given height or width is not a multiple
            of `2**depth`.
    """
    if depth < 5:
        raise ValueError(
            f"`depth` must be at least 5, as in pix2pix. Received: {depth}."
        )
    check_size(input_shape[:2], 2**depth)
    he = keras.Input(input_shape, name="he")
    widths = [filters * min(2**level, 8) for level in range(depth)]

    # Contracting path
    x = SizeCheck(2**depth, name="he_size")(he)
    skips = []
    for level, width in enumerate(widths):
        is_normalized = 0 < level < depth - 1
        x = _down(
            x, width, is_activated=level > 0, is_normalized=is_normalized, level=level
        )
        skips.append(x)

    # Expanding path
    for level in reversed(range(1, depth)):
        rate = dropout if 4 <= level < depth - 1 else 0.0
        x = _up(x, widths[level - 1], rate, level)
        x = layers.Concatenate(name=f"skip_{level}")([skips[level - 1], x])

    x = layers.ReLU(name="up_0_relu")(x)
    ihc = layers.Conv2DTranspose(
        3,
        4,
        strides=2,
        padding="same",
        activation="tanh",
        kernel_initializer=_normal(),
        dtype="float32",
        name="ihc",
    )(x)
    return keras.Model(he, ihc, name="pix2pix")


def _down(x, width, is_activated, is_normalized, level):
    if is_activated:
        x = layers.LeakyReLU(0.2, name=f"down_{level}_relu")(x)
    x = layers.Conv2D(
        width,
        4,
        strides=2,
        padding="same",
        use_bias=False,
        kernel_initializer=_normal(),
        name=f"down_{level}_conv",
    )(x)
    if is_normalized:
        x = BatchNormalization(name=f"down_{level}_norm")(x)
    return x


def _up(x, width, dropout, level):
    x = layers.ReLU(name=f"up_{level}_relu")(x)
    x = layers.Conv2DTranspose(
        width,
        4,
        strides=2,
        padding="same",
        use_bias=False,
        kernel_initializer=_normal(),
        name=f"up_{level}_conv",
    )(x)
    x = BatchNormalization(name=f"up_{level}_norm")(x)
    if dropout:
        x = seeded_dropout(dropout, name=f"up_{level}_dropout")(x)
    return x


def _normal():
    return keras.initializers.RandomNormal(stddev=0.02)
