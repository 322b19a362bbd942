"""A trained reader of levels as a function of images, of any size."""

from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from keras import ops

from he2ihc_keras.data.images import resize, to_float
from he2ihc_keras.inference.load import load_reader, load_recipe
from he2ihc_keras.models import her2_level


@dataclass(frozen=True)
class LevelNetwork:
    """Reads the HER2 level from images as it did in training.

    Attributes:
        model: From images in [-1, 1] to logits.
        stain: What it was trained on: "ihc" or "he".
        size: Side in pixels that images are resized to first, as in its training;
            `None` where that cut patches, and images are read at the size they have.
    """

    model: keras.Model
    stain: str = "ihc"
    size: int | None = None

    @classmethod
    def load(cls, run: Path | str) -> "LevelNetwork":
        """The reader of a run.

        Raises:
            ValueError: If it is no run whose model reads levels.
        """
        recipe = load_recipe(run)
        stain = recipe and recipe.trainer.options.get("stain")
        if stain is None:
            raise ValueError(
                f"{run} is no run of a reader of levels, such as `he2ihc-keras train "
                "her2_level` makes."
            )
        size = recipe.data.patch_size if recipe.data.fit == "resize" else None
        return cls(load_reader(run), stain, size)

    def as_seen(self, image: np.ndarray) -> np.ndarray:
        """An image as it is read: resized where the training did."""
        return image if self.size is None else resize(image, self.size)

    def chances(self, image: np.ndarray) -> np.ndarray:
        """The chance of each level, of one image.

        Args:
            image: uint8 `(height, width, 3)`.

        Returns:
            float64 `(levels,)`, of sum 1.
        """
        return her2_level.probabilities_of(self.model, self._logits(image))[0]

    def __call__(self, image: np.ndarray) -> int:
        """The level that is read from one image, as an index in `data.LEVELS`."""
        return int(her2_level.levels_of(self.model, self._logits(image))[0])

    def _logits(self, image):
        image = np.ascontiguousarray(self.as_seen(image))
        batch = ops.convert_to_numpy(to_float(image[np.newaxis]))
        return np.asarray(self.model.predict_on_batch(batch))
