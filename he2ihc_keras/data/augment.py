"""Photometric augmentation of the H&E: by keras-cv, and by NumPy to the same bit.

keras-cv computes inside a `tf.data` graph, NumPy where there is no TensorFlow. Both do
the same operations in float32 in the same order, so that a sample is the same patch on
every backend. keras-cv draws its own random numbers from hidden state, which no
checkpoint could restore: its layers are used for what they compute, and get their
random numbers from the caller.
"""

import functools

import numpy as np

DRAWS = 4

# Largest change at strength 1: of brightness as a share of the range, of contrast as a
# factor, of saturation as keras-cv counts it (0.5 is no change), of hue in turns.
_LARGEST = np.float32([0.15 * 255.0, 0.3, 0.15, 0.04])
_NO_CHANGE = np.float32([0.0, 1.0, 0.5, 0.0])


def changes(draws: np.ndarray, strength: float) -> np.ndarray:
    """Changes of brightness, contrast, saturation and hue that draws stand for.

    Args:
        draws: `DRAWS` random numbers in [-1, 1].
        strength: In [0, 1]; 0 changes nothing.

    Returns:
        float32 `(4,)`: gray levels to add, factor of the contrast, saturation as
        keras-cv counts it, turns of the hue.
    """
    return _NO_CHANGE + np.float32(strength) * np.float32(draws) * _LARGEST


def photometric(he: np.ndarray, changes: np.ndarray) -> np.ndarray:
    """Changes brightness, contrast, saturation and hue of an H&E patch, by NumPy.

    Args:
        he: H&E `(height, width, 3)`, uint8.
        changes: What `changes` gives.

    Returns:
        H&E of the same shape and type.
    """
    brightness, contrast, saturation, hue = changes
    he = np.clip(np.float32(he) + brightness, 0, 255)
    # Row by row, as TensorFlow sums; pairwise sums are nearer and would differ.
    mean = np.add.reduce(he.reshape(-1, 3), axis=0) / np.float32(he[..., 0].size)
    he = np.clip((he - mean) * contrast + mean, 0, 255)
    h, s, v = _to_hsv(*np.moveaxis(he, -1, 0))
    s = np.clip(s * (saturation / (1 - saturation)), 0, 1)
    h, s, v = _to_hsv(*(channel / 255 for channel in _to_rgb(h, s, v)))
    h = h + hue
    h = np.where(h > 1, h - 1, h)
    h = np.where(h < 0, h + 1, h)
    he = np.clip(np.stack(_to_rgb(h, s, v), axis=-1), 0, 1) * 255
    return np.rint(he).astype(np.uint8)


# TensorFlow's `rgb_to_hsv` and `hsv_to_rgb`, operation by operation. Python's numbers
# take the type of the arrays, float32.


def _to_hsv(r, g, b):
    value = np.maximum(np.maximum(r, g), b)
    span = value - np.minimum(np.minimum(r, g), b)
    sixth = np.float32(1) / np.float32(6)
    with np.errstate(divide="ignore", invalid="ignore"):  # where all is black, or gray
        saturation = np.where(value > 0, span / value, np.float32(0))
        step = 1 / span * sixth
        of_green, of_blue = (b - r) * step + 2 * sixth, (r - g) * step + 4 * sixth
        hue = np.where(g == value, of_green, of_blue)
        hue = np.where(r == value, (g - b) * step, hue)
    hue = np.where(span > 0, hue, np.float32(0))
    return np.where(hue < 0, hue + 1, hue), saturation, value


def _to_rgb(hue, saturation, value):
    sixths = hue * 6
    red = np.clip(np.abs(sixths - 3) - 1, 0, 1)
    green = np.clip(2 - np.abs(sixths - 2), 0, 1)
    blue = np.clip(2 - np.abs(sixths - 4), 0, 1)
    return [(1 - saturation + saturation * c) * value for c in (red, green, blue)]


def photometric_by_keras_cv(he, changes):
    """As `photometric`, by keras-cv, of tensors, in a `tf.data` graph."""
    import tensorflow as tf

    batch = tf.cast(he, tf.float32)[tf.newaxis]
    for layer, rank, change in zip(_layers(), _RANKS, tf.unstack(changes), strict=True):
        change = tf.reshape(change, (1,) * rank)
        batch = layer.augment_images(batch, transformations=change)
    return tf.cast(tf.round(batch[0]), tf.uint8)


# keras-cv wants (batch, 1, 1, 1) of the first two and (batch,) of the others.
_RANKS = (4, 4, 1, 1)


@functools.cache
def _layers():
    # Imported here: it brings tensorflow-datasets and pyarrow, for one option.
    from keras_cv import layers

    # float32 whatever the policy: in bfloat16 a change of hue costs eight gray levels.
    # Without a seed, never drawn from here, they ask for a generator that TensorFlow
    # does not give when it is deterministic.
    common = {"dtype": "float32", "seed": 1}
    value_range = {"value_range": (0, 255)}
    return (
        layers.RandomBrightness(0.0, **value_range, **common),
        layers.RandomContrast(factor=0.0, **value_range, **common),
        layers.RandomSaturation(0.5, **common),
        layers.RandomHue(0.0, **value_range, **common),
    )
