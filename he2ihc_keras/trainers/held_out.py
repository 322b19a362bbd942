"""What a trainer makes of the held-out images after an epoch, and how near it comes."""

from collections.abc import Sequence
from typing import NamedTuple

import keras
import numpy as np
from keras import ops

from he2ihc_keras import measures
from he2ihc_keras.data.images import to_uint8
from he2ihc_keras.measures.sets import SetOfImages

_PAIRED = ("H&E", "real IHC", "generated IHC")
_UNPAIRED = ("H&E", "some real IHC", "generated IHC")


class HeldOut(NamedTuple):
    """What is shown and told of an epoch.

    Attributes:
        logs: Measures by the name of their log, such as `"val_psnr"`.
        rows: Pictures of the first images, uint8 `(height, width, 3)`, all of one size.
        titles: One for each picture of a row.
        captions: What is said of each row, where pictures do not tell all.
    """

    logs: dict[str, float]
    rows: list[tuple]
    titles: Sequence[str] = _PAIRED
    captions: Sequence[str] = ()


def look_at_images(trainer, batches, rows: int, *, paired: bool) -> HeldOut:
    """Stains the held-out H&E and measures what comes out, as the scoring room does.

    Of pairs, PSNR and SSIM on uint8, means of per-image values. Of images that stand
    alone, what can be told of two sets: the distance of their DAB, and the ratio of
    their sharpness.

    Args:
        trainer: Who stains.
        batches: Batches `(he, ihc)` or `(he, ihc, level)`, once.
        rows: How many images to show, beside what `trainer.further_images` gives.
        paired: Whether the H&E and the IHC of a batch are of the same place.
    """
    tally, shown, further = (_OfPairs if paired else _OfSets)(), [], {}
    for he, ihc, *_ in batches:
        fake_ihc = trainer.predict_on_batch(he)
        images = list(zip(*map(as_stored, (he, ihc, fake_ihc)), strict=True))
        for _, real, fake in images:
            tally.add(real, fake)
        if missing := rows - len(shown):
            first = [ops.convert_to_tensor(stain)[:missing] for stain in (he, ihc)]
            further = trainer.further_images(*first)
            columns = [as_stored(images) for images in further.values()]
            shown += [
                (*row, *(column[n] for column in columns))
                for n, row in enumerate(images[:missing])
            ]
    titles = (*(_PAIRED if paired else _UNPAIRED), *further)
    return HeldOut(tally.logs(), shown, titles)


def as_stored(images) -> np.ndarray:
    """Images of a batch as uint8 of [0, 255], floats in [-1, 1] rounded to them."""
    images = ops.convert_to_tensor(images)
    is_stored = keras.backend.standardize_dtype(images.dtype) == "uint8"
    return ops.convert_to_numpy(images if is_stored else to_uint8(images))


class _OfPairs:
    """Means over pairs of what is measured of each."""

    def __init__(self):
        self.scores = []

    def add(self, ihc, fake_ihc):
        self.scores.append([f(ihc, fake_ihc) for f in (measures.psnr, measures.ssim)])

    def logs(self):
        psnr, ssim = np.mean(self.scores, axis=0)
        return {"val_psnr": float(psnr), "val_ssim": float(ssim)}


class _OfSets:
    """What is measured of two sets of images, whichever is beside which."""

    def __init__(self):
        self.real, self.generated = SetOfImages(), SetOfImages()

    def add(self, ihc, fake_ihc):
        self.real.add(ihc)
        self.generated.add(fake_ihc)

    def logs(self):
        return {
            "val_dab_distance": self.generated.dab_distance(self.real),
            "val_sharpness": self.generated.sharpness(self.real),
        }
