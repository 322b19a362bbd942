"""Photometric augmentation of the H&E, by keras-cv; the only place that imports it.

keras-cv draws its own random numbers from hidden state, which no checkpoint could
restore. Its layers are therefore used for what they compute, and get their random
numbers from the caller.
"""

import functools

import tensorflow as tf

DRAWS = 4

# Largest change at strength 1: of brightness as a share of the range, of contrast as a
# factor, of saturation as keras-cv counts it (0.5 is no change), of hue in turns.
_BRIGHTNESS, _CONTRAST, _SATURATION, _HUE = 0.15, 0.3, 0.15, 0.04


def photometric(he, draws, strength: float):
    """Changes brightness, contrast, saturation and hue of an H&E patch.

    Args:
        he: H&E `(height, width, 3)`, float32 in [0, 255].
        draws: `DRAWS` random numbers in [-1, 1], float32.
        strength: In [0, 1]; 0 changes nothing.

    Returns:
        H&E of the same shape and range.
    """
    changes = strength * draws
    transformations = (
        changes[0] * _BRIGHTNESS * 255.0,
        1.0 + changes[1] * _CONTRAST,
        0.5 + changes[2] * _SATURATION,
        changes[3] * _HUE,
    )
    batch = tf.convert_to_tensor(he)[tf.newaxis]
    for layer, rank, value in zip(_layers(), _RANKS, transformations, strict=True):
        value = tf.reshape(value, (1,) * rank)
        batch = layer.augment_images(batch, transformations=value)
    return tf.clip_by_value(batch[0], 0.0, 255.0)


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
