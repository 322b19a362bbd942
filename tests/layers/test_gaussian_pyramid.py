import keras
import numpy as np
import pytest
from scipy import ndimage

from he2ihc_keras.layers import gaussian_pyramid
from helpers import refusal, relative_error, to_numpy

pytestmark = pytest.mark.backends


def octave(images):
    """Four blurs of 3x3, sigma 1, reflected border, then every second pixel."""
    taps = np.exp([-0.5, 0.0, -0.5])
    taps /= taps.sum()
    for _ in range(4):
        for axis in (1, 2):
            images = ndimage.correlate1d(images, taps, axis, mode="mirror")
    return images[:, ::2, ::2]


def random(height, width, channels=3, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(2, height, width, channels)).astype("float32")


@pytest.mark.parametrize(
    "size", [(64, 64), (63, 64), (65, 66), (67, 33), (33, 100)], ids=str
)
def test_octaves_are_four_blurs_and_every_second_pixel(size):
    images = random(*size)
    expected = images.astype("float64")
    for scale in gaussian_pyramid(images, levels=4):
        assert scale.shape == expected.shape
        assert relative_error(scale, expected) < 1e-6
        expected = octave(expected)


@pytest.mark.parametrize("size", [(5, 5), (5, 6), (6, 9)])
def test_smallest_images_are_reflected_right(size):
    images = random(*size)
    _, half = gaussian_pyramid(images, levels=2)
    assert relative_error(half, octave(images.astype("float64"))) < 1e-6


@pytest.mark.parametrize("channels", [1, 3, 6])
def test_channels_do_not_mix(channels):
    images = random(16, 16, channels)
    together = gaussian_pyramid(images, levels=2)[1]
    apart = [
        to_numpy(gaussian_pyramid(images[..., [c]], 2)[1]) for c in range(channels)
    ]
    assert np.allclose(to_numpy(together), np.concatenate(apart, axis=-1), atol=1e-6)


def test_pyramid_is_linear():
    ihc, fake_ihc = random(40, 36, seed=1), random(40, 36, seed=2)
    of_difference = gaussian_pyramid(fake_ihc - ihc, levels=3)
    scales = zip(gaussian_pyramid(fake_ihc, 3), gaussian_pyramid(ihc, 3), strict=True)
    for actual, (fake, real) in zip(of_difference, scales, strict=True):
        assert np.allclose(to_numpy(actual), to_numpy(fake - real), atol=1e-6)


def test_flat_colour_stays_what_it_is():
    for scale in gaussian_pyramid(np.full((1, 37, 41, 3), 0.75, "float32"), 3):
        assert np.allclose(to_numpy(scale), 0.75, atol=1e-6)


def test_one_level_is_the_images_themselves_whatever_their_size():
    images = random(2, 3)
    [only] = gaussian_pyramid(images, levels=1)
    assert np.array_equal(to_numpy(only), images)


def test_pyramid_is_float32_whatever_comes_in():
    images = keras.ops.cast(random(16, 16), "bfloat16")
    dtypes = [scale.dtype for scale in gaussian_pyramid(images, 3)]
    assert list(map(keras.backend.standardize_dtype, dtypes)) == ["float32"] * 3


@pytest.mark.parametrize("levels, needed", [(2, 5), (3, 9), (4, 17)])
def test_too_small_images_are_refused(levels, needed):
    for height, width in ((needed - 1, 99), (99, needed - 1)):
        assert refusal(gaussian_pyramid, random(height, width), levels) == (
            f"A pyramid of {levels} levels needs images of at least {needed} x "
            f"{needed} pixels. Received: {height} x {width}. Use fewer "
            "`pyramid_weights` or a larger patch."
        )
    assert len(gaussian_pyramid(random(needed, needed), levels)) == levels
