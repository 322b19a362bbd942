import math

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from he2ihc_keras.data.images import read_image
from he2ihc_keras.measures import gradient_energy, sharpness_ratio
from helpers import SHARED, noise_image, refusal

REAL_BCI = ("00345_test_0", "00901_test_1+")


def ramp(slope, size=32):
    """Grey that brightens to the right by `slope` grey levels a pixel."""
    levels = np.arange(size) * slope
    return np.broadcast_to(levels[:, None], (size, size, 3)).astype(np.uint8)


def flat(level=200, size=32):
    return np.full((size, size, 3), level, np.uint8)


def blurred(image, sigma):
    return gaussian_filter(image, (sigma, sigma, 0))


def shared_image(name):
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"{name} is not at hand")
    return read_image(path)


@pytest.mark.parametrize("slope", [1, 2, 5])
def test_gradient_energy_of_a_ramp_is_its_squared_slope(slope):
    assert gradient_energy(ramp(slope)) == pytest.approx(slope**2, rel=1e-5)
    assert gradient_energy(ramp(slope).swapaxes(0, 1)) == pytest.approx(
        slope**2, rel=1e-5
    )


def test_gradient_energy_adds_up_over_both_directions():
    both = ramp(2) + 3 * ramp(1).swapaxes(0, 1)
    assert gradient_energy(both) == pytest.approx(2**2 + 3**2, rel=1e-5)


def test_gradient_energy_is_of_the_luminance():
    red = ramp(4) * np.array([1, 0, 0], np.uint8)
    assert gradient_energy(red) == pytest.approx((0.2125 * 4) ** 2, rel=1e-5)


def test_half_the_slope_is_a_quarter_as_sharp():
    assert sharpness_ratio(ramp(4), ramp(2)) == pytest.approx(1 / 4)
    assert sharpness_ratio(ramp(2), ramp(4)) == pytest.approx(4)


def test_an_image_is_as_sharp_as_itself():
    image = noise_image(24, 20)
    assert sharpness_ratio(image, image) == 1


def test_the_more_blur_the_less_sharp():
    image = noise_image(64, 64)
    ratios = [sharpness_ratio(image, blurred(image, sigma)) for sigma in (0.5, 1, 2, 4)]
    assert np.all(np.diff([1, *ratios]) < 0)
    assert ratios[-1] < 0.01


def test_flat_images():
    assert sharpness_ratio(ramp(2), flat()) == 0
    assert sharpness_ratio(flat(), ramp(2)) == math.inf
    assert sharpness_ratio(flat(), flat(10)) == 1


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_invalid_examples_of_bci_are_a_tenth_as_sharp_as_the_valid(number):
    valid, invalid = (
        shared_image(f"ihc/bci_examples_{number}_{kind}.png")
        for kind in ("valid", "invalid")
    )
    assert sharpness_ratio(valid, invalid) < 0.1


@pytest.mark.parametrize("name", REAL_BCI)
def test_blurred_failure_is_a_tenth_as_sharp_as_real_ihc(name):
    real = shared_image(f"bci_native/IHC/test/{name}.png")
    failure = shared_image("ihc/generated_artifact_blur.png")
    assert sharpness_ratio(real, failure) < 0.1


@pytest.mark.parametrize("name", REAL_BCI)
def test_a_generated_image_that_is_not_blurred_is_as_sharp_as_real_ihc(name):
    real = shared_image(f"bci_native/IHC/test/{name}.png")
    generated = shared_image(f"bci_native/predictions_stain2stain/{name}.png")
    assert 0.5 < sharpness_ratio(real, generated) < 2


def test_an_image_of_one_pixel_has_no_gradient():
    assert refusal(gradient_energy, flat()[:1]) == (
        "A gradient needs 2 x 2 pixels or more. Received: 32 x 1 (width x height)."
    )


def test_two_sizes_are_refused():
    assert refusal(sharpness_ratio, flat(), flat(size=16)) == (
        "`ihc` and `fake_ihc` must have one size. Received: 32 x 32 and 16 x 16 "
        "(width x height). Score at the size of the real IHC."
    )


def test_a_float_image_is_refused():
    assert refusal(gradient_energy, flat().astype("float32"), error=TypeError) == (
        "`image` must be a uint8 array in [0, 255]. Received: float32. "
        "Convert a network's output with `he2ihc_keras.data.images.to_uint8`."
    )
