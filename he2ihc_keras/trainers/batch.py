"""What a step sees, and what is made in it."""

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
from keras import ops

from he2ihc_keras.data.images import to_float


class Batch(NamedTuple):
    """What a step sees.

    Attributes:
        he: H&E `(batch, height, width, 3)` in [-1, 1].
        ihc: Real IHC of the same shape and range; `None` where there is none.
        level: HER2 level of the slide `(batch,)`, index in `data.LEVELS`, -1 where
            unknown; `None` where the trainer did not ask for it.
    """

    he: Any
    ihc: Any = None
    level: Any = None

    @classmethod
    def of(cls, data) -> "Batch":
        """Floats of what Keras hands to a step: images uint8, or in [-1, 1] already."""
        arrays = data if isinstance(data, (list, tuple)) else (data,)
        he, ihc, level = (*arrays, None, None)[:3]
        level = None if level is None else ops.convert_to_tensor(level)
        return cls(to_network_range(he), to_network_range(ihc), level)


class Generated:
    """Images that a player made in a step, cut off from their maker.

    Attributes:
        images: A tensor, or any nest of them.
        player: Who made them.
    """

    def __init__(self, images, player: str, pull_back: Callable):
        self.images = images
        self.player = player
        self._pull_back = pull_back

    def pull_back(self, gradient):
        """Gradients of the player's variables, from one of the images; once."""
        if self._pull_back is None:
            raise ValueError(
                f"The images that {self.player!r} made have been used for one "
                "`minimize` of it. Make them anew: one `generate` for each."
            )
        pull_back, self._pull_back = self._pull_back, None
        return pull_back(gradient)[0]


def to_network_range(images):
    """Images as floats in [-1, 1]: stored ones converted, others as they are."""
    if images is None:
        return None
    images = ops.convert_to_tensor(images)
    is_stored = "int" in keras.backend.standardize_dtype(images.dtype)
    return to_float(images) if is_stored else images
