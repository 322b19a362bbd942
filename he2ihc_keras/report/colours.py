"""Colours of the page: methods, levels and maps, told apart by colour-blind readers."""

import numpy as np

from he2ihc_keras.scoring import (
    BLURRED_TARGET,
    GENERATED,
    HE_COPY,
    MEAN_COLOUR,
    REAL,
)

INK = "#1d2733"
MUTED = "#5b6672"
RULE = "#d9dee3"

# Okabe and Ito (2008), https://jfly.uni-koeln.de/color/
METHODS = {
    REAL: "#8c510a",
    GENERATED: "#0072b2",
    MEAN_COLOUR: "#7f8790",
    HE_COPY: "#cc79a7",
    BLURRED_TARGET: "#e69f00",
}
SERIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
# Darker with the level, and of another shape
LEVELS = {
    "0": ("#dfb27a", "o"),
    "1+": ("#c07f3c", "s"),
    "2+": ("#8c510a", "^"),
    "3+": ("#3f2204", "D"),
    None: (METHODS[GENERATED], "o"),
}

# Yellow to brown, as DAB looks, and evenly darker: read without colour, too
_DAB_MAP = "YlOrBr"


def dab_colours(dab: np.ndarray, maximum: float) -> np.ndarray:
    """Colours of a map of DAB, uint8 `(height, width, 3)`.

    They go by the square root of the density: a faint membrane of 1+ is seen on the
    scale of a 3+.

    Args:
        dab: Optical density `(height, width)`, 0 or more.
        maximum: Density from which the colour is the darkest.
    """
    import matplotlib

    share = np.sqrt(np.clip(dab / maximum, 0, 1))
    return matplotlib.colormaps[_DAB_MAP](share, bytes=True)[..., :3]
