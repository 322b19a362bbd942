"""Tables whose keys are those of every recipe; `[data]` is the data room's."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from he2ihc_keras.tables import (
    OR_NONE,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    Rate,
    Table,
)


class Optimizer(Table):
    """Adam, of one player.

    Attributes:
        learning_rate: Until it decays.
        beta_1: Decay of the first moment.
        beta_2: Decay of the second moment.
        epsilon: Added to the root of the second moment.
        clip_norm: The norm of all gradients of the player together, beyond which they
            are scaled down to it; `None` for no limit.
    """

    learning_rate: PositiveFloat = 2e-4
    beta_1: Rate = 0.5
    beta_2: Rate = 0.999
    epsilon: PositiveFloat = 1e-8
    clip_norm: Annotated[PositiveFloat | None, OR_NONE] = None


class Fit(Table):
    """How long the networks learn, and how their run is kept.

    Attributes:
        epochs: Passes over the training pairs, decay included.
        decay_epochs: The last of them, over which the learning rates fall to zero.
        batch_size: Pairs a step.
        checkpoint_minutes: A checkpoint is written at each epoch's end, and within an
            epoch when the last one is older than this.
        seed: Of weights, order of data, augmentation and dropout.
        precision: "auto" takes bfloat16 where the hardware has it.
    """

    epochs: PositiveInt = 10
    decay_epochs: NonNegativeInt = 0
    batch_size: PositiveInt = 1
    checkpoint_minutes: Annotated[float, Field(ge=0, allow_inf_nan=True)] = 10.0
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0
    # Last in a run's recipe, and a text: a file that was cut short lacks its end.
    precision: Literal["auto", "float32", "mixed_bfloat16", "mixed_float16"] = "float32"

    @field_validator("decay_epochs")
    @classmethod
    def _are_among_the_epochs(cls, decay_epochs: int, info: ValidationInfo) -> int:
        epochs = info.data.get("epochs", decay_epochs)
        if decay_epochs > epochs:
            raise ValueError(f"must be at most {epochs}, the number of epochs")
        return decay_epochs


class Phantom(Table):
    """Synthetic pairs: how many, and their height and width in pixels."""

    pairs: PositiveInt
    size: PositiveInt


def _is_plain(name):
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_-]*", name):
        raise ValueError(
            "must be a plain word, of letters, digits, `_` and `-`, the last not first"
        )
    return name


class Sections(Table):
    """What a recipe consists of."""

    name: Annotated[str, AfterValidator(_is_plain)]
    trainer: dict
    networks: dict
    optimizer: dict = {}
    data: dict = {}
    fit: dict = {}
    quick_start: dict = {}
