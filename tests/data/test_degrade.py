import numpy as np
import pytest

from he2ihc_keras.data.degrade import DRAWS, degraded
from he2ihc_keras.data.options import Data
from he2ihc_keras.data.sample import TrainingSamples
from helpers import noise_image, write_pairs

pytestmark = pytest.mark.backends

SPARED, CHANGED = 0.0, 0.9
IMAGE = noise_image(24, 20) // 2 + 64


def drawn(blurred=SPARED, compressed=SPARED, lit=SPARED, much=0.9):
    return np.array([blurred, compressed, lit, *[much] * (DRAWS - 3)])


def test_what_is_spared_or_of_strength_0_is_the_image_itself():
    assert np.array_equal(degraded(IMAGE, drawn(), 1.0), IMAGE)
    everything = drawn(CHANGED, CHANGED, CHANGED)
    assert np.array_equal(degraded(IMAGE, everything, 0.0), IMAGE)


def test_blur_keeps_the_mean_and_takes_the_contrast():
    soft = degraded(IMAGE, drawn(blurred=CHANGED), 1.0)
    assert soft.mean() == pytest.approx(IMAGE.mean(), abs=0.5)
    assert soft.std() < 0.35 * IMAGE.std()


def test_light_is_a_factor_of_each_channel():
    lit = degraded(IMAGE, drawn(lit=CHANGED, much=1.0), 0.5)
    np.testing.assert_allclose(lit, IMAGE * 1.04, atol=0.501)


def test_compression_moves_pixels_a_little():
    small = degraded(IMAGE, drawn(compressed=CHANGED), 1.0)
    assert small.shape == IMAGE.shape and small.dtype == np.uint8
    assert 0 < np.abs(small.astype(int) - IMAGE).mean() < 30


def test_a_sample_degrades_the_stain_that_is_named_and_no_other(tmp_path):
    pairs, data = write_pairs(tmp_path, 4, (24, 24)), Data(patch_size=24)
    plain = TrainingSamples(pairs, data, 3, 4)
    ihc_only = TrainingSamples(pairs, data, 3, 4, {"ihc": 1.0})
    changed = 0
    for number in range(8):
        (he, ihc, _), (he_too, degraded_ihc, _) = plain(number), ihc_only(number)
        assert np.array_equal(he, he_too)
        assert np.array_equal(degraded_ihc, ihc_only(number)[1])
        changed += not np.array_equal(ihc, degraded_ihc)
    assert 4 <= changed < 9
