"""Batches by `tf.data`."""

import numpy as np
import tensorflow as tf

from he2ihc_keras.data.augment import photometric_by_keras_cv
from he2ihc_keras.data.sample import Samples


def tensorflow_feeder(
    samples: Samples,
    batch_size: int,
    levels: bool,
    *,
    first: int = 0,
    count: int | None = None,
) -> tf.data.Dataset:
    """Batches of the samples from `first` on.

    Args:
        samples: What to make batches of.
        batch_size: Samples a batch.
        levels: Whether batches have the level as third.
        first: Number of the first sample.
        count: How many samples, the last batch being smaller if need be; endless if
            `None`.

    Returns:
        Batches `(he, ihc)` or `(he, ihc, level)`. Its list `reader_errors` gets what
        the readers raise.
    """
    errors = []
    last = np.iinfo(np.int64).max if count is None else first + count
    batches = (
        tf.data.Dataset.range(first, last)
        .map(
            _in_graph(samples, levels, errors),
            num_parallel_calls=tf.data.AUTOTUNE,
            deterministic=True,
        )
        .batch(batch_size, drop_remainder=count is None)
        .prefetch(tf.data.AUTOTUNE)
    )
    batches.reader_errors = errors
    return batches


def _in_graph(samples, levels, errors):
    """`samples` for `Dataset.map`; keras-cv recolours in the graph."""

    def read(number):
        try:
            he, ihc, level = samples.patches(int(number))
        except Exception as error:
            errors.append(error)
            raise
        return he, ihc, np.int32(level)

    def to_sample(number):
        # Pillow decodes without holding Python's lock, so readers run side by side.
        # Said to be stateless, they do so under op determinism too.
        he, ihc, level = tf.numpy_function(
            read, [number], (tf.uint8, tf.uint8, tf.int32), stateful=False
        )
        he, ihc = (_of_known_size(x, samples.data.patch_size) for x in (he, ihc))
        level = tf.ensure_shape(level, ())
        if samples.photometric:
            [changes] = tf.numpy_function(
                lambda n: [samples.changes(int(n))], [number], [tf.float32], False
            )
            changes = tf.ensure_shape(changes, (4,))
            he = photometric_by_keras_cv(he, changes)
        return (he, ihc, level) if levels else (he, ihc)

    return to_sample


def _of_known_size(patch, size):
    return tf.ensure_shape(patch, (size, size, 3))
