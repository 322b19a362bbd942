"""Pairs to batches, by tf.data, with no state to lose.

Which pair a sample is, where it is cut and how it is turned follow from the seed and
the number of the sample alone. A stream that starts at step k is therefore the stream
that has been running for k steps.
"""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from PIL import Image

from he2ihc_keras.data import augment
from he2ihc_keras.data.images import to_float
from he2ihc_keras.data.options import Data
from he2ihc_keras.data.pairs import Pair, read_pair

_CROP_ROW, _CROP_COLUMN, _FLIP, _TURN = range(4)
_DRAWS = 4 + augment.DRAWS


def steps_per_epoch(pairs: Sequence[Pair], batch_size: int) -> int:
    """Full batches in one pass over the pairs; what is left over waits for the next.

    Raises:
        ValueError: If there are fewer pairs than a batch holds.
    """
    if len(pairs) < batch_size:
        raise ValueError(
            f"A batch of {batch_size} needs at least {batch_size} training pairs. "
            f"Received: {len(pairs)}. Use a smaller batch size."
        )
    return len(pairs) // batch_size


def training_batches(
    pairs: Sequence[Pair],
    data: Data,
    *,
    batch_size: int,
    seed: int,
    first_step: int = 0,
) -> tf.data.Dataset:
    """An endless stream of augmented patches, each epoch in an order of its own.

    Args:
        pairs: Training pairs.
        data: How pairs become patches.
        batch_size: Pairs a batch.
        seed: Of order and augmentation.
        first_step: Batches to leave out at the beginning; they are not read.

    Returns:
        Batches `(he, ihc)`, each float32 `(batch_size, patch_size, patch_size, 3)` in
        [-1, 1]. H&E and IHC of a pair are cut, flipped and turned alike; photometric
        changes are the H&E's alone.
    """
    epoch_samples = steps_per_epoch(pairs, batch_size) * batch_size

    def to_patches(sample):
        epoch, position = sample // epoch_samples, sample % epoch_samples
        # index_shuffle needs no whole order, but repeats itself every 256 seeds.
        order = tf.random.experimental.stateless_shuffle(
            tf.range(len(pairs)), tf.stack([seed, epoch])
        )
        draws = tf.random.stateless_uniform([_DRAWS], tf.stack([seed, sample]))
        pair = _crop(_read(pairs, order[position], data), draws, data.patch_size)
        pair = _turn(pair, draws, data)
        return _to_network_range(_recolour(pair, draws, data.photometric))

    samples = tf.data.Dataset.range(first_step * batch_size, np.iinfo(np.int64).max)
    return (
        samples.map(to_patches, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
        .batch(batch_size, drop_remainder=True)
        .prefetch(tf.data.AUTOTUNE)
    )


def validation_batches(
    pairs: Sequence[Pair], data: Data, *, batch_size: int
) -> tf.data.Dataset:
    """Held-out pairs once, in order, unaugmented.

    Returns:
        Batches as `training_batches`, the last one smaller if need be; where patches
        are cut, from the middle.
    """

    def to_patches(index):
        pair = _centre(_read(pairs, index, data), data.patch_size)
        return _to_network_range(pair)

    return (
        tf.data.Dataset.range(len(pairs))
        .map(to_patches, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
        .batch(batch_size)
        .prefetch(tf.data.AUTOTUNE)
    )


def resize(image: np.ndarray, size: int) -> np.ndarray:
    """An image at `size` x `size`, bicubic and antialiased, as pix2pix's code scales.

    Args:
        image: uint8 `(height, width, 3)`.
        size: New height and width in pixels.

    Returns:
        uint8 `(size, size, 3)`.
    """
    if image.shape[:2] == (size, size):
        return image
    return np.array(
        Image.fromarray(image).resize((size, size), Image.Resampling.BICUBIC)
    )


# A pair on its way is one uint8 array (height, width, 6): what is done to its geometry
# is done to both stains.


def _read(pairs, index, data):
    def read(index):
        images = read_pair(pairs[index])
        if data.fit == "resize":
            images = [resize(image, data.patch_size) for image in images]
        return np.concatenate(images, axis=-1)

    # Pillow decodes without holding Python's lock, so readers run side by side; and
    # every command of this package then sees the same pixels.
    # Said to be stateless, they do so under op determinism too.
    pair = tf.numpy_function(read, [index], tf.uint8, stateful=False)
    return tf.ensure_shape(pair, (None, None, 6))


def _crop(pair, draws, size):
    room = tf.cast(tf.shape(pair)[:2] - size + 1, tf.float32)
    corner = tf.cast(draws[_CROP_ROW : _CROP_COLUMN + 1] * room, tf.int32)
    return _cut(pair, corner, size)


def _centre(pair, size):
    return _cut(pair, (tf.shape(pair)[:2] - size) // 2, size)


def _cut(pair, corner, size):
    return tf.slice(pair, tf.concat([corner, [0]], 0), (size, size, 6))


def _turn(pair, draws, data):
    if data.flip:
        pair = tf.where(draws[_FLIP] < 0.5, tf.reverse(pair, [1]), pair)
    if data.quarter_turns:
        pair = tf.image.rot90(pair, tf.cast(draws[_TURN] * 4.0, tf.int32))
    return tf.ensure_shape(pair, (data.patch_size, data.patch_size, 6))


def _recolour(pair, draws, strength):
    pair = tf.cast(pair, tf.float32)
    if not strength:
        return pair
    he, ihc = pair[..., :3], pair[..., 3:]
    he = augment.photometric(he, draws[-augment.DRAWS :] * 2.0 - 1.0, strength)
    return tf.concat([he, ihc], -1)


def _to_network_range(pair):
    pair = to_float(pair)
    return pair[..., :3], pair[..., 3:]
