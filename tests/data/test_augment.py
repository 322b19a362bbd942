import colorsys
import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from he2ihc_keras.data import augment
from he2ihc_keras.data.augment import photometric
from helpers import dtype_policy, noise_image, run_python

BRIGHTNESS, CONTRAST, SATURATION, HUE = np.eye(4, dtype="float32")
MIXED = np.array([0.3, -0.5, 0.7, -0.2], "float32")


def noise(low=0, high=255):
    """H&E `(8, 6, 3)`, float32 in [low, high]."""
    return (noise_image(8, 6) / 255 * (high - low) + low).astype("float32")


def changed(he, draws, strength=1.0):
    return np.asarray(photometric(he, tf.constant(draws, tf.float32), strength))


def in_hsv(image):
    pixels = image.reshape(-1, 3) / 255
    return np.array([colorsys.rgb_to_hsv(*pixel) for pixel in pixels])


# What draws it gets is all it knows


def test_equal_draws_give_equal_images_whatever_came_between():
    first = changed(noise(), MIXED)
    changed(noise(), -MIXED)
    np.testing.assert_array_equal(changed(noise(), MIXED), first)
    assert not np.array_equal(changed(noise(), -MIXED), first)


def test_seed_of_keras_does_not_matter():
    keras.utils.set_random_seed(1)
    first = changed(noise(), MIXED)
    keras.utils.set_random_seed(2)
    np.testing.assert_array_equal(changed(noise(), MIXED), first)


def test_data_set_changes_images_as_a_call_does():
    draws = tf.constant(MIXED)
    images = tf.data.Dataset.from_tensors(noise())
    [mapped] = images.map(lambda he: photometric(he, draws, 0.7))
    np.testing.assert_array_equal(mapped, changed(noise(), MIXED, 0.7))


def test_layers_first_made_inside_a_data_set_work_outside():
    augment._layers.cache_clear()
    images = tf.data.Dataset.from_tensors(noise())
    [mapped] = images.map(lambda he: photometric(he, tf.constant(MIXED), 1.0))
    np.testing.assert_array_equal(mapped, changed(noise(), MIXED))


def test_mixed_precision_leaves_images_in_float32():
    expected = changed(noise(), MIXED)
    augment._layers.cache_clear()
    with dtype_policy("mixed_bfloat16"):
        np.testing.assert_array_equal(changed(noise(), MIXED), expected)


def test_argument_is_not_written_to():
    he = noise()
    changed(he, MIXED)
    np.testing.assert_array_equal(he, noise())


# Range and strength


@pytest.mark.parametrize("draws", list(itertools.product([-1, 1], repeat=4)))
def test_strongest_change_keeps_the_range(draws):
    he = changed(noise(), draws)
    assert he.dtype == np.float32
    assert he.min() >= 0 and he.max() <= 255


@pytest.mark.parametrize(("draws", "strength"), [(MIXED, 0.0), (0 * MIXED, 1.0)])
def test_no_strength_or_no_draw_is_no_change(draws, strength):
    np.testing.assert_allclose(changed(noise(), draws, strength), noise(), atol=1e-2)


def test_half_the_strength_is_half_the_draws():
    half = changed(noise(), MIXED, strength=0.5)
    np.testing.assert_allclose(half, changed(noise(), MIXED / 2), atol=1e-3)


# One effect at a time. Draws of 1 are the largest changes: 0.15 of the range, 0.3 of
# the contrast, 0.65 / 0.35 of the saturation, 0.04 turns of hue.


@pytest.mark.parametrize("draw", [-1.0, 0.4, 1.0])
def test_brightness_adds_a_share_of_the_range(draw):
    expected = np.clip(noise() + 0.15 * 255 * draw, 0, 255)
    np.testing.assert_allclose(changed(noise(), draw * BRIGHTNESS), expected, atol=1e-2)


@pytest.mark.parametrize("draw", [-1.0, 0.4, 1.0])
def test_contrast_scales_what_differs_from_each_channels_mean(draw):
    he = noise(60, 200)
    mean = he.mean(axis=(0, 1))
    expected = mean + (1 + 0.3 * draw) * (he - mean)
    np.testing.assert_allclose(changed(he, draw * CONTRAST), expected, atol=1e-2)


@pytest.mark.parametrize("draw", [-1.0, 0.4, 1.0])
def test_saturation_is_multiplied(draw):
    half = 0.5 + 0.15 * draw
    expected = np.clip(in_hsv(noise())[:, 1] * half / (1 - half), 0, 1)
    seen = in_hsv(changed(noise(), draw * SATURATION))
    np.testing.assert_allclose(seen[:, 1], expected, atol=1e-4)
    np.testing.assert_allclose(seen[:, 2], in_hsv(noise())[:, 2], atol=1e-4)


@pytest.mark.parametrize("draw", [-1.0, 0.4, 1.0])
def test_hue_turns(draw):
    turned, before = in_hsv(changed(noise(), draw * HUE)), in_hsv(noise())
    turn = (turned[:, 0] - before[:, 0] + 0.5) % 1 - 0.5
    np.testing.assert_allclose(turn, 0.04 * draw, atol=1e-4)
    np.testing.assert_allclose(turned[:, 1:], before[:, 1:], atol=1e-4)


@pytest.mark.parametrize("draws", [SATURATION, HUE])
def test_gray_has_neither_hue_nor_saturation(draws):
    gray = np.full((4, 4, 3), 200, "float32")
    np.testing.assert_allclose(changed(gray, draws), gray, atol=1e-2)


def test_keras_cv_is_imported_by_the_first_change_only():
    run_python(
        """
        import sys
        import numpy as np
        from he2ihc_keras.data import augment
        assert "keras_cv" not in sys.modules
        augment.photometric(np.zeros((4, 4, 3), "float32"), np.zeros(4, "float32"), 1.0)
        assert "keras_cv" in sys.modules
        """
    )
