"""The measures of a score table: what each is called, and when it is good."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

# A flat image has a sharpness of 0, and beside a flat real one it is infinite.
_SMALLEST_RATIO = 1e-3


@dataclass(frozen=True)
class Measure:
    """One column of a score table.

    Attributes:
        name: Its name in CSV files and in Python.
        title: Its heading.
        about: What it is, in a line, with its unit and range.
        best: Which value is best: the highest, the lowest, 1, or none, where a value
            says something only beside that of the real IHC. What is best at 1 is a
            ratio: its mean is the geometric one, and differences are factors.
        digits: Decimals that are shown.
        unit: Shown after a difference.
    """

    name: str
    title: str
    about: str
    best: Literal["highest", "lowest", "one", "none"]
    digits: int = 3
    unit: str = ""

    @property
    def form(self) -> str:
        """Format of a value, without a sign on what is shown as 0."""
        return f"{{:z.{self.digits}f}}"

    def text(self, value: float) -> str:
        """The value as tables show it; a dash where there is none."""
        return "–" if math.isnan(value) else self.form.format(value)

    def text_with_unit(self, value: float) -> str:
        """The value as sentences show it."""
        return f"{self.text(value)} {self.unit}".rstrip()

    @property
    def is_ratio(self) -> bool:
        """Whether means and differences are taken of the logarithm."""
        return self.best == "one"

    def goodness(self, values):
        """Values turned so that more is better: a number, or an array of them.

        Of a ratio, minus the distance of its logarithm from 0.

        Raises:
            ValueError: If no value of this measure is better than another.
        """
        if self.best == "none":
            raise ValueError(f"No {self.title} is better than another by itself.")
        if self.is_ratio:
            return -np.abs(log_ratio(values))
        return np.multiply(values, 1.0 if self.best == "highest" else -1.0)


def log_ratio(values):
    """Natural logarithm of ratios; those beyond 1/1000 and 1000 count as these."""
    return np.log(np.clip(values, _SMALLEST_RATIO, 1 / _SMALLEST_RATIO))


PSNR = Measure(
    "psnr",
    "PSNR",
    "peak signal-to-noise ratio on uint8 RGB, dB",
    "highest",
    digits=2,
    unit="dB",
)
SSIM = Measure("ssim", "SSIM", "structural similarity, -1 to 1", "highest")
SHARPNESS = Measure(
    "sharpness",
    "sharpness",
    "gradient energy over that of the real IHC; below 1 is blur",
    "one",
    digits=2,
)
DAB = Measure("dab", "DAB OD", "mean optical density of DAB, decadic", "none")
DAB_ERROR = Measure(
    "dab_error", "DAB error", "|DAB OD - that of the real IHC|", "lowest"
)
AREA = Measure("dab_area", "DAB+ area", "fraction of pixels positive for DAB", "none")
AREA_ERROR = Measure(
    "dab_area_error", "area error", "|DAB+ area - that of the real IHC|", "lowest"
)
DICE = Measure(
    "dab_dice", "Dice", "overlap of the DAB-positive masks of both, 0 to 1", "highest"
)
CORRELATION = Measure(
    "dab_correlation",
    "DAB r",
    "Pearson's r of both blurred DAB maps; 0 where either is flat",
    "highest",
)
FOD = Measure("fod", "FOD", "focal optical density of PSPStain", "none")
FOD_ERROR = Measure("fod_error", "FOD error", "|FOD - that of the real IHC|", "lowest")

MEASURES = {
    measure.name: measure
    for measure in (
        *(PSNR, SSIM, SHARPNESS, DAB, DAB_ERROR, AREA, AREA_ERROR),
        *(DICE, CORRELATION, FOD, FOD_ERROR),
    )
}

# What a real image has by itself
OF_ONE_IMAGE = (DAB.name, AREA.name, FOD.name)
