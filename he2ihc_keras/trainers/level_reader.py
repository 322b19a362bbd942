"""A reader of HER2 levels, taught by real images and the levels of their slides."""

from typing import Literal

import keras
from keras import ops

from he2ihc_keras import losses, measures
from he2ihc_keras.data.pairs import LEVELS
from he2ihc_keras.models import her2_level
from he2ihc_keras.tables import Share
from he2ihc_keras.trainers.batch import Batch
from he2ihc_keras.trainers.held_out import HeldOut, as_stored
from he2ihc_keras.trainers.trainer import Trainer


@keras.saving.register_keras_serializable(package="he2ihc_keras")
class LevelReader(Trainer):
    """Trains a network to read the HER2 level from one stain.

        L = mean over k of the cross-entropy of "level above k"

    which counts a level that is off by three as three errors, as kappa does; the plain
    cross-entropy of a softmax head. It sees real images alone, degraded in half of the
    ways that generated ones are poor (`data.degrade`), so that it is not led by a blur.
    A run keeps the epoch of the best quadratic kappa on the held-out pairs.

    Calling it gives the logits of images `(batch, height, width, 3)`, uint8 or in
    [-1, 1]: see `models.her2_level`.

    Args:
        reader: From images to logits.
        stain: What it reads: "ihc", or "he" for the floor of all tables, which tells
            how well the level is read without any stain.
        degradation: How strongly training patches are degraded, in [0, 1].
        **kwargs: Those of `Trainer`: `average`.

    Example:
        >>> trainer = LevelReader(models.build("her2_level"))
        >>> trainer.compile(keras.optimizers.Adam(1e-3))
        >>> trainer.fit(batches, epochs=10)  # of (he, ihc, level)
    """

    roles = {"reader": "reader"}
    players = {"reader": ("reader",)}
    staining = "reader"
    predicts = "level"
    needs = ("paired", "levels")
    best_by = "val_kappa"
    shown = {"val_kappa": "validation kappa {:.3f}", "val_accuracy": "accuracy {:.3f}"}

    def __init__(
        self,
        reader: keras.Model,
        *,
        stain: Literal["ihc", "he"] = "ihc",
        degradation: Share = 1.0,
        **kwargs,
    ):
        super().__init__({"reader": reader}, {"reader": ("loss",)}, **kwargs)
        self.stain = stain
        self.degradation = degradation

    def step(self, batch: Batch, training: bool) -> None:
        """The reader moves toward the levels of the slides."""
        self.minimize("reader", self.losses_of, batch, None, training)

    def losses_of(self, batch, _, training):
        """Terms of the reader's loss."""
        images = batch.ihc if self.stain == "ihc" else batch.he
        logits = self.call(images, training=training)
        is_ordinal = her2_level.is_ordinal(self.reader)
        loss = losses.ordinal_loss if is_ordinal else losses.softmax_loss
        return {"loss": loss(batch.level, logits)}

    @property
    def degrading(self):
        return {self.stain: self.degradation}

    def check_patch_size(self, size):
        if size < her2_level.SMALLEST:
            raise ValueError(
                f"A level is read from {her2_level.SMALLEST} x {her2_level.SMALLEST} "
                f"pixels or more. Received: `data.patch_size` {size}."
            )

    def held_out(self, batches, rows, *, paired=True):
        """Quadratic kappa and accuracy, against the levels of the slides."""
        levels, read, shown = [], [], []
        for he, ihc, level in batches:
            images = ihc if self.stain == "ihc" else he
            logits = ops.convert_to_numpy(self.predict_on_batch(images))
            levels += map(int, ops.convert_to_numpy(level))
            read += map(int, her2_level.levels_of(self.reader, logits))
            stains = zip(*map(as_stored, (he, ihc)), strict=True)
            shown += list(stains)[: rows - len(shown)]
        confusion = measures.confusion_matrix(levels, read, len(LEVELS))
        logs = {
            "val_kappa": float(measures.quadratic_kappa(confusion)),
            "val_accuracy": float(measures.accuracy(confusion)),
        }
        captions = [
            f"slide {LEVELS[level]}\nread  {LEVELS[found]}"
            for level, found, _ in zip(levels, read, shown, strict=False)
        ]
        return HeldOut(logs, shown, ("H&E", "real IHC"), captions)
