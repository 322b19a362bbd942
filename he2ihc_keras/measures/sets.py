"""What can be told of a set of images beside another one, without pairs."""

import math

import numpy as np

from he2ihc_keras.measures.deconvolution import RUIFROK_JOHNSTON, StainVectors
from he2ihc_keras.measures.sharpness import gradient_energy
from he2ihc_keras.measures.stains import measure_stains, wasserstein_distance


class SetOfImages:
    """Adds up images, of which no two need be of one size or place.

    Args:
        vectors: Stain vectors of the colour deconvolution.

    Attributes:
        dab_histogram: Pixels by optical density of DAB, as `stains.dab_histogram`.
        dab: Mean optical density of DAB of each image.
        dab_area: Fraction of its pixels that is positive.
        energies: Gradient energy of each image, in squared grey levels.
    """

    def __init__(self, vectors: StainVectors = RUIFROK_JOHNSTON):
        self.vectors = vectors
        self.dab_histogram = 0
        self.dab, self.dab_area, self.energies = [], [], []

    def add(self, image: np.ndarray) -> None:
        """Takes one more image, uint8 `(height, width, 3)` in [0, 255]."""
        stains = measure_stains(image, self.vectors)
        self.dab_histogram = self.dab_histogram + stains.histogram
        self.dab.append(stains.mean_dab)
        self.dab_area.append(stains.positive_fraction)
        self.energies.append(gradient_energy(image))

    def dab_distance(self, real: "SetOfImages") -> float:
        """Wasserstein-1 distance of the DAB of both sets, in optical density.

        0 where both hold the same share of each density; it says nothing of where the
        stain is.
        """
        return float(wasserstein_distance(real.dab_histogram, self.dab_histogram))

    def sharpness(self, real: "SetOfImages") -> float:
        """Mean gradient energy over that of the real set; below 1 is blur."""
        mine, theirs = float(np.mean(self.energies)), float(np.mean(real.energies))
        if theirs == 0:
            return 1.0 if mine == 0 else math.inf
        return mine / theirs
