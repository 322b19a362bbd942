import math

import numpy as np
import pytest
import tensorflow as tf
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from he2ihc_keras.measures import gaussian_ssim, psnr, ssim


def image(height=96, width=80, seed=0):
    return np.random.default_rng(seed).integers(
        0, 256, (height, width, 3), dtype=np.uint8
    )


def noisy(ihc, seed=1):
    noise = np.random.default_rng(seed).normal(0, 20, ihc.shape)
    return np.clip(ihc + noise, 0, 255).round().astype(np.uint8)


# Both edges of a strip: one window, one strip, one row of windows beyond it, and more.
@pytest.mark.parametrize("height", [7, 8, 69, 70, 71, 134, 200])
def test_measures_are_scikit_images_defaults(height):
    ihc = image(height)
    fake_ihc = noisy(ihc)
    assert psnr(ihc, fake_ihc) == peak_signal_noise_ratio(ihc, fake_ihc)
    assert ssim(ihc, fake_ihc) == pytest.approx(
        structural_similarity(ihc, fake_ihc, channel_axis=-1), abs=1e-12
    )


@pytest.mark.parametrize("height", [11, 12, 73, 74, 75, 134, 200])
def test_gaussian_ssim_is_that_of_tensorflow(height):
    ihc = image(height)
    fake_ihc = noisy(ihc)
    expected = float(tf.image.ssim(ihc, fake_ihc, max_val=255))
    assert gaussian_ssim(ihc, fake_ihc) == pytest.approx(expected, abs=2e-6)


def test_psnr_of_a_known_error():
    ihc = np.full((8, 8, 3), 100, np.uint8)
    fake_ihc = ihc + np.uint8(51)  # a fifth of the range: 20 log10(5)
    assert psnr(ihc, fake_ihc) == pytest.approx(20 * math.log10(5))


def test_ssim_of_two_flat_colours_is_their_luminance_term():
    black, white = np.zeros((9, 9, 3), np.uint8), np.full((9, 9, 3), 255, np.uint8)
    c1 = (0.01 * 255) ** 2
    assert ssim(black, white) == pytest.approx(c1 / (255**2 + c1))


def test_identical_images_have_infinite_psnr_and_ssim_one():
    assert psnr(image(), image()) == math.inf
    assert ssim(image(), image()) == pytest.approx(1)


def test_measures_leave_their_arguments_alone():
    ihc, fake_ihc = image(), noisy(image())
    ihc.flags.writeable = fake_ihc.flags.writeable = False
    psnr(ihc, fake_ihc)
    ssim(ihc, fake_ihc)
    assert np.array_equal(ihc, image())


def test_measures_are_plain_floats():
    ihc = image()
    assert [type(measure(ihc, noisy(ihc))) for measure in (psnr, ssim)] == [float] * 2


@pytest.mark.parametrize("measure", [psnr, ssim])
def test_a_float_image_is_refused(measure):
    with pytest.raises(TypeError) as error:
        measure(image(), image().astype("float32"))
    assert str(error.value) == (
        "`fake_ihc` must be a uint8 array in [0, 255]. Received: float32. "
        "Convert a network's output with `he2ihc_keras.data.images.to_uint8`."
    )


@pytest.mark.parametrize("measure", [psnr, ssim])
def test_what_is_no_array_is_refused(measure):
    with pytest.raises(TypeError, match=r"^`ihc` must be .* Received: list\. "):
        measure([[0, 0, 0]], image())


@pytest.mark.parametrize("shape", [(96, 80), (96, 80, 1), (96, 80, 4), (1, 96, 80, 3)])
def test_only_rgb_is_measured(shape):
    with pytest.raises(ValueError) as error:
        psnr(np.zeros(shape, np.uint8), image())
    assert str(error.value) == (
        f"`ihc` must be RGB, of shape (height, width, 3). Received: {shape}."
    )


@pytest.mark.parametrize("measure", [psnr, ssim])
def test_two_sizes_are_refused(measure):
    with pytest.raises(ValueError) as error:
        measure(image(96, 80), image(48, 40))
    assert str(error.value) == (
        "`ihc` and `fake_ihc` must have one size. Received: 80 x 96 and 40 x 48 "
        "(width x height). Score at the size of the real IHC."
    )


def test_ssim_needs_one_window():
    with pytest.raises(ValueError) as error:
        ssim(image(6, 80), image(6, 80))
    assert str(error.value) == (
        "SSIM needs 7 x 7 pixels or more, the size of its window. "
        "Received: 80 x 6 (width x height)."
    )
