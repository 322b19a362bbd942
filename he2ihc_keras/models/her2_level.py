"""Reader of the HER2 level from a stain."""

from typing import Literal

import keras
import numpy as np
from keras import layers

from he2ihc_keras.layers import BatchNormalization
from he2ihc_keras.layers.seeded_dropout import seeded_dropout
from he2ihc_keras.tables import PositiveInt, Rate

SMALLEST = 16  # pixels, high and wide: below, nothing is left to average

_WIDTHS = (1, 2, 4, 4)
# The last layer is named for what its logits say.
_ORDINAL, _SOFTMAX = "above", "level"


def build(
    input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    *,
    filters: PositiveInt = 32,
    levels: PositiveInt = 4,
    head: Literal["ordinal", "softmax"] = "ordinal",
    dropout: Rate = 0.3,
) -> keras.Model:
    """Four blocks of convolution and pooling, an average, and a logit for each step.

    Ours; no published network. An ordinal head has a logit for "level above 0", one for
    "above 1+" and one for "above 2+", each an answer of its own (ordinal regression by
    binary tasks, Frank and Hall, 2001): a 3+ read as 0 costs three of them, a 2+ read
    as 1+ one. Its 241,571 trainable weights are few, as slides are.

    Args:
        input_shape: `(height, width, channels)` of a patch; at least 16 pixels high and
            wide, or `None`.
        filters: Channels of the first block; the others have 2, 4 and 4 times as many.
        levels: How many there are, in their order.
        head: "ordinal", or "softmax" over the levels as if they had no order, which the
            literature has.
        dropout: Rate before the head.

    Returns:
        A model from patches `(batch, height, width, 3)` in [-1, 1] to logits: `(batch,
        levels - 1)` of an ordinal head, `(batch, levels)` of a softmax. `levels_of` and
        `probabilities_of` say what they mean.
    """
    image = keras.Input(input_shape, name="image")
    x = image
    for number, times in enumerate(_WIDTHS, start=1):
        x = _block(x, times * filters, name=f"block_{number}")
    x = layers.GlobalAveragePooling2D(name="average")(x)
    x = seeded_dropout(dropout, name="dropout")(x)
    is_ordinal = head == "ordinal"
    logits = layers.Dense(
        levels - is_ordinal,
        dtype="float32",
        name=_ORDINAL if is_ordinal else _SOFTMAX,
    )(x)
    return keras.Model(image, logits, name="her2_level")


def _block(x, width, name):
    x = layers.Conv2D(
        width,
        3,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
        name=f"{name}_conv",
    )(x)
    x = BatchNormalization(name=f"{name}_norm")(x)
    x = layers.ReLU(name=f"{name}_relu")(x)
    return layers.MaxPooling2D(name=f"{name}_pool")(x)


def is_ordinal(reader: keras.Model) -> bool:
    """Whether a reader has an ordinal head.

    Raises:
        ValueError: If it is no reader of levels.
    """
    head = reader.layers[-1].name
    if head not in (_ORDINAL, _SOFTMAX):
        raise ValueError(
            f"Model {reader.name!r} does not read levels. Expected one built by "
            "`he2ihc_keras.models.her2_level.build`."
        )
    return head == _ORDINAL


def levels_of(reader: keras.Model, logits) -> np.ndarray:
    """The level that a reader's logits say.

    Args:
        reader: Whose they are.
        logits: `(batch, ...)`, as the reader gives them.

    Returns:
        Integers `(batch,)`: how many logits are above 0, or the largest of a softmax.
    """
    logits = np.asarray(logits)
    return (logits > 0).sum(-1) if is_ordinal(reader) else logits.argmax(-1)


def probabilities_of(reader: keras.Model, logits) -> np.ndarray:
    """The chance of each level that a reader's logits say.

    "Above 1+" can come out likelier than "above 0", which it implies: of an ordinal
    head, each is at most the one before, so that no chance is negative.

    Args:
        reader: Whose they are.
        logits: `(batch, ...)`, as the reader gives them.

    Returns:
        float64 `(batch, levels)` in [0, 1], of sum 1.
    """
    logits = np.asarray(logits, float)
    if not is_ordinal(reader):
        odds = np.exp(logits - logits.max(-1, keepdims=True))
        return odds / odds.sum(-1, keepdims=True)
    above = np.minimum.accumulate(1 / (1 + np.exp(-logits)), axis=-1)
    ends = np.ones_like(above[..., :1])
    return -np.diff(np.concatenate([ends, above, 0 * ends], -1), axis=-1)
