"""How pairs become patches: the table `[data]` of a recipe."""

from typing import Annotated, Literal

from pydantic import Field

from he2ihc_keras.tables import PositiveFloat, PositiveInt, Table

__all__ = ["Data", "Table"]


class Data(Table):
    """How pairs become patches.

    Attributes:
        patch_size: Height and width of a patch in pixels.
        fit: "crop" cuts a patch at random, "resize" scales the whole pair to it.
        flip: Mirror half of the pairs left to right.
        quarter_turns: Turn pairs by a random multiple of 90 degrees.
        photometric: Strength in [0, 1] of random brightness, contrast, saturation and
            hue of the H&E alone; 0 is off.
        validation_fraction: Share of the training pairs that is held out where the
            data come without a validation split.
        mpp: Microns per pixel of the images the recipe is meant for.
        stain: What the IHC shows.
    """

    patch_size: PositiveInt = 512
    fit: Literal["crop", "resize"] = "crop"
    flip: bool = True
    quarter_turns: bool = False
    photometric: Annotated[float, Field(ge=0, le=1)] = 0.0
    validation_fraction: Annotated[float, Field(ge=0, le=0.9)] = 0.1
    mpp: PositiveFloat = 0.46
    stain: str = "HER2"
