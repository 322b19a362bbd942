"""Pairs to batches for Keras's `fit` and `evaluate`, on every backend.

What a sample is, `sample.py` decides; who calls it, the backend: `tf.data` on
TensorFlow, a pool of threads on JAX and PyTorch. The batches are the same.
"""

import contextlib
from collections.abc import Mapping, Sequence

import keras

from he2ihc_keras.data.options import Data
from he2ihc_keras.data.pairs import Pair
from he2ihc_keras.data.sample import (
    HeldOutSamples,
    HeldOutUnpaired,
    TrainingSamples,
    UnpairedSamples,
    images_per_epoch,
)


def steps_per_epoch(pairs: Sequence[Pair], batch_size: int) -> int:
    """Full batches in one pass over the pairs; what is left over waits for the next.

    Of images that stand alone, in one pass over the more numerous stain.

    Raises:
        ValueError: If there are fewer pairs than a batch holds.
    """
    count = images_per_epoch(pairs)
    if count < batch_size:
        raise ValueError(
            f"A batch of {batch_size} needs at least {batch_size} training pairs. "
            f"Received: {count}. Use a smaller batch size."
        )
    return count // batch_size


def training_batches(
    pairs: Sequence[Pair],
    data: Data,
    *,
    batch_size: int,
    seed: int,
    first_step: int = 0,
    levels: bool = False,
    degrading: Mapping[str, float] | None = None,
    unpaired: bool = False,
):
    """An endless stream of augmented patches, each epoch in an order of its own.

    Args:
        pairs: Training pairs.
        data: How pairs become patches.
        batch_size: Pairs a batch.
        seed: Of order and augmentation.
        first_step: Batches to leave out at the beginning; they are not read.
        levels: Whether batches are `(he, ihc, level)`.
        degrading: Stains, "he" or "ihc", to degrade (`data.degrade`), and how strongly.
        unpaired: Whether the IHC of each H&E is drawn anew, and cut on its own: see
            `sample.UnpairedSamples`.

    Returns:
        A `tf.data.Dataset` on TensorFlow, a `keras.utils.PyDataset` elsewhere, of
        batches `(he, ihc)`, each uint8 `(batch_size, patch_size, patch_size, 3)`. H&E
        and IHC of a pair are cut, flipped and turned alike; photometric changes are the
        H&E's alone. `level` is int32 `(batch_size,)`, the slide's as index in `LEVELS`,
        -1 where it is not known. A pair that cannot be read or cut raises a
        `SampleError` in the step that it is needed for: see `original_errors`.
    """
    epoch_samples = steps_per_epoch(pairs, batch_size) * batch_size
    kind = UnpairedSamples if unpaired else TrainingSamples
    samples = kind(pairs, data, seed, epoch_samples, degrading or {})
    return feeder()(samples, batch_size, levels, first=first_step * batch_size)


def validation_batches(
    pairs: Sequence[Pair], data: Data, *, batch_size: int, levels: bool = False
):
    """Held-out pairs once, in order, unaugmented.

    Returns:
        Batches as `training_batches`, the last one smaller if need be; where patches
        are cut, from the middle. They can be gone through again. Of images that stand
        alone, each is there once, and those of the less numerous stain again.
    """
    is_paired = all(pair.is_whole for pair in pairs)
    samples = (HeldOutSamples if is_paired else HeldOutUnpaired)(pairs, data)
    return feeder()(samples, batch_size, levels, count=images_per_epoch(pairs))


@contextlib.contextmanager
def original_errors(*batches):
    """Raises what a reader raised as itself: TensorFlow hides it in one of its own.

    Example:
        >>> with original_errors(batches, held_out):
        ...     trainer.fit(batches, validation_data=held_out, steps_per_epoch=10)

    Args:
        *batches: What `training_batches` and `validation_batches` gave.
    """
    try:
        yield
    except Exception as error:
        for original in (e for b in batches for e in getattr(b, "reader_errors", ())):
            if type(error).__module__.startswith("tensorflow") and (
                str(original) in str(error)
            ):
                raise original from None
        raise


def feeder():
    """What makes batches on this backend; called as `ThreadFeeder` is."""
    if keras.backend.backend() == "tensorflow":
        from he2ihc_keras.data._tensorflow_feeder import tensorflow_feeder

        return tensorflow_feeder
    from he2ihc_keras.data._thread_feeder import ThreadFeeder

    return ThreadFeeder
