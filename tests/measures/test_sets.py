import math

import numpy as np
import pytest

from he2ihc_keras.measures.sets import SetOfImages
from he2ihc_keras.measures.sharpness import gradient_energy
from he2ihc_keras.measures.stains import measure_stains
from helpers import noise_image


def set_of(*images):
    found = SetOfImages()
    for image in images:
        found.add(image)
    return found


def brown(share, size=40):
    """White glass, of which a share of the rows is brown."""
    image = np.full((size, size, 3), 255, np.uint8)
    image[: round(share * size)] = (120, 75, 40)
    return image


def test_a_set_is_at_no_distance_of_itself_in_another_order_and_number():
    one, other = noise_image(16, 16, 0), noise_image(16, 16, 1)
    real, generated = set_of(one, other), set_of(other, one, other, one)
    assert generated.dab_distance(real) == pytest.approx(0, abs=1e-12)
    assert generated.sharpness(real) == pytest.approx(1)


def test_distance_is_what_the_mean_dab_lacks_where_stain_is_missing():
    real, generated = set_of(brown(0.5)), set_of(brown(0.0), brown(0.0))
    bins = 0.02  # histograms know densities to the width of a bin
    assert generated.dab_distance(real) == pytest.approx(real.dab[0], abs=bins)
    assert real.dab[0] == measure_stains(brown(0.5)).mean_dab > 5 * bins


def test_place_of_the_stain_is_not_seen():
    real = set_of(brown(0.25))
    moved = set_of(np.ascontiguousarray(brown(0.25)[::-1]))
    assert moved.dab_distance(real) == 0


def test_sharpness_is_the_ratio_of_mean_energies():
    sharp, flat = noise_image(16, 16), np.full((16, 16, 3), 200, np.uint8)
    assert set_of(sharp, flat).sharpness(set_of(sharp)) == pytest.approx(0.5)
    assert set_of(sharp).energies == [gradient_energy(sharp)]
    assert set_of(flat).sharpness(set_of(flat)) == 1
    assert set_of(sharp).sharpness(set_of(flat)) == math.inf
