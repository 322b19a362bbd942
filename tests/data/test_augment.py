import colorsys
import itertools

import numpy as np
import pytest
import tensorflow as tf

from he2ihc_keras.data import augment
from he2ihc_keras.data.augment import changes, photometric, photometric_by_keras_cv
from helpers import dtype_policy, noise_image, run_python

BRIGHTNESS, CONTRAST, SATURATION, HUE = np.eye(4)
MIXED = np.array([0.3, -0.5, 0.7, -0.2])


def changed(he, draws, strength=1.0):
    return photometric(he, changes(np.array(draws), strength))


def colourful(height=40, width=30):
    """H&E-like patch without saturated or gray pixels."""
    noise = noise_image(height, width).astype(float) / 255
    return (noise * [40, 60, 40] + [190, 90, 150]).astype(np.uint8)


def in_hsv(image):
    return np.array([colorsys.rgb_to_hsv(*p) for p in image.reshape(-1, 3) / 255])


# NumPy and keras-cv


def hard_images():
    """Noise, a gradient, gray, black, white, and pixels at the ends of the range."""
    ramp = np.add.outer(np.arange(40), np.arange(30))[..., None] * [3, 2, 1]
    flat = [np.full((9, 7, 3), value, np.uint8) for value in (0, 100, 255)]
    ends = noise_image(16, 16) // 128 * 255
    large = noise_image(300, 200)
    return [noise_image(37, 53), ramp.astype(np.uint8), *flat, ends, large]


def test_numpy_and_keras_cv_in_a_data_set_agree_in_every_bit():
    rng = np.random.default_rng(0)
    draws = [*rng.uniform(-1, 1, (12, 4)), *np.eye(4), *-np.eye(4), np.ones(4)]
    cases = [(he, changes(d, 1.0)) for he in hard_images() for d in draws]
    spec = (tf.TensorSpec((None, None, 3), tf.uint8), tf.TensorSpec((4,)))
    images = tf.data.Dataset.from_generator(lambda: cases, output_signature=spec)
    augment._layers.cache_clear()  # first made in the graph, as in a run
    mapped = images.map(photometric_by_keras_cv, num_parallel_calls=4)
    for case, by_keras_cv in zip(cases, mapped.as_numpy_iterator(), strict=True):
        np.testing.assert_array_equal(photometric(*case), by_keras_cv)


def test_mixed_precision_leaves_keras_cv_in_float32():
    he, by = colourful(), changes(MIXED, 1.0)
    augment._layers.cache_clear()
    with dtype_policy("mixed_bfloat16"):
        by_keras_cv = photometric_by_keras_cv(tf.constant(he), tf.constant(by))
    np.testing.assert_array_equal(by_keras_cv, photometric(he, by))


def test_numpy_needs_no_keras_cv():
    run_python(
        """
        import sys
        import numpy as np
        from he2ihc_keras.data import augment
        augment.photometric(np.zeros((4, 4, 3), "uint8"), np.float32([9, 1, 0.5, 0]))
        assert not {"keras_cv", "keras", "tensorflow"} & set(sys.modules)
        """
    )


# Range and strength


def test_argument_is_not_written_to():
    he = colourful()
    changed(he, MIXED)
    np.testing.assert_array_equal(he, colourful())


def test_strongest_change_goes_to_the_ends_of_the_range_and_no_further():
    ends = noise_image(16, 16) // 128 * 255
    for draws in itertools.product([-1, 1], repeat=4):
        he = changed(ends, draws)
        # What is white stays light and what is black dark: nothing wraps around.
        assert he[(ends == 255).all(-1)].min() > 127 > he[(ends == 0).all(-1)].max()


@pytest.mark.parametrize(("draws", "strength"), [(MIXED, 0.0), (0 * MIXED, 1.0)])
def test_no_strength_or_no_draw_is_no_change(draws, strength):
    he = noise_image(40, 30)
    np.testing.assert_array_equal(changed(he, draws, strength), he)


def test_half_the_strength_is_half_the_draws():
    half = changed(colourful(), MIXED, strength=0.5)
    np.testing.assert_array_equal(half, changed(colourful(), MIXED / 2))


# One effect at a time. Draws of 1 are the largest changes: 0.15 of the range, 0.3 of
# the contrast, 0.65 / 0.35 of the saturation, 0.04 turns of hue.


@pytest.mark.parametrize("draw", [-1.0, 0.4, 1.0])
def test_brightness_adds_a_share_of_the_range(draw):
    expected = np.clip(colourful() + 0.15 * 255 * draw, 0, 255)
    seen = changed(colourful(), draw * BRIGHTNESS)
    np.testing.assert_allclose(seen, expected, atol=0.51)


@pytest.mark.parametrize("draw", [-1.0, 0.4, 1.0])
def test_contrast_scales_what_differs_from_each_channels_mean(draw):
    he = colourful().astype(float)
    mean = he.mean(axis=(0, 1))
    expected = mean + (1 + 0.3 * draw) * (he - mean)
    seen = changed(colourful(), draw * CONTRAST)
    np.testing.assert_allclose(seen, expected, atol=0.51)


@pytest.mark.parametrize("draw", [-1.0, 0.4, 1.0])
def test_saturation_is_multiplied(draw):
    half = 0.5 + 0.15 * draw
    expected = np.clip(in_hsv(colourful())[:, 1] * half / (1 - half), 0, 1)
    seen = in_hsv(changed(colourful(), draw * SATURATION))
    np.testing.assert_allclose(seen[:, 1], expected, atol=0.005)
    np.testing.assert_allclose(seen[:, 2], in_hsv(colourful())[:, 2], atol=1e-6)


@pytest.mark.parametrize("draw", [-1.0, 0.4, 1.0])
def test_hue_turns(draw):
    turned, before = in_hsv(changed(colourful(), draw * HUE)), in_hsv(colourful())
    turn = (turned[:, 0] - before[:, 0] + 0.5) % 1 - 0.5
    np.testing.assert_allclose(turn, 0.04 * draw, atol=0.005)
    np.testing.assert_allclose(turned[:, 1:], before[:, 1:], atol=0.005)


@pytest.mark.parametrize("draws", [SATURATION, HUE])
def test_gray_has_neither_hue_nor_saturation(draws):
    gray = np.full((4, 4, 3), 200, np.uint8)
    np.testing.assert_array_equal(changed(gray, draws), gray)
