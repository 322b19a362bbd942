"""Ways to run a generator: whose statistics its norms take, and whether it drops."""

from dataclasses import dataclass

import keras
import numpy as np
from keras import ops

from he2ihc_keras import models
from he2ihc_keras.layers import BatchNormalization

STATISTICS = ("running", "image")


@dataclass(frozen=True)
class Modes:
    """How a generator stains.

    The authors of pix2pix and PyramidPix2pix test with `Modes("image", dropout=True)`:
    one image a batch, networks left in training mode. The default is the evaluation
    mode of their `--eval`.

    Attributes:
        statistics: What batch norm normalises by: the "running" statistics of the
            training, or those of each "image" alone.
        dropout: Whether dropout stays on.
        seed: Of the dropout, 0 or more.

    Raises:
        ValueError: If `statistics` is unknown or `seed` is negative.
    """

    statistics: str = "running"
    dropout: bool = False
    seed: int = 0

    def __post_init__(self):
        if self.statistics not in STATISTICS:
            raise ValueError(
                f"Unknown statistics {self.statistics!r}. Known: "
                f"{', '.join(STATISTICS)}."
            )
        if self.seed < 0:
            raise ValueError(f"`seed` must be 0 or more. Received: {self.seed}.")

    def in_words(self) -> str:
        """A phrase for a table or a log."""
        whose = {"running": "running statistics", "image": "statistics of each image"}
        dropout = f"dropout on, seed {self.seed}" if self.dropout else "dropout off"
        return f"{whose[self.statistics]}, {dropout}"


def with_modes(generator: keras.Model, modes: Modes) -> keras.Model:
    """The same network and weights, run in other modes.

    Statistics of an image are those of all its positions, with what `Stainer` pads:
    where height and width are multiples of the stride, as in BCI, it pads nothing.

    Dropout depends on the seed, the layer and the size of the image alone. An image is
    stained alike whichever others are stained before it or beside it; two images of one
    size lose the same units.

    Args:
        generator: A generator of this package.
        modes: How it shall run.

    Returns:
        The generator itself for the default modes, else a copy in float32 that runs in
        them when called with `training=False`, as `Stainer` does.

    Raises:
        ValueError: If the generator has nothing that a mode is about: no batch norm, or
            no dropout.
    """
    if modes == Modes(seed=modes.seed):
        return generator
    _check_can(generator, modes)
    generator = models.as_float32(generator)
    seeds = np.random.default_rng(modes.seed)

    def in_modes(layer):
        config = layer.get_config()
        if modes.statistics == "image" and isinstance(layer, BatchNormalization):
            return ImageNormalization.from_config(config)
        if modes.dropout and isinstance(layer, keras.layers.Dropout):
            seed = int(seeds.integers(2**31))
            return SteadyDropout.from_config({**config, "seed": seed})
        return layer.__class__.from_config(config)

    twin = keras.models.clone_model(generator, clone_function=in_modes)
    twin.set_weights(generator.get_weights())
    return twin


@keras.saving.register_keras_serializable(package="he2ihc_keras")
class ImageNormalization(BatchNormalization):
    """Batch norm whose batch is each image alone; running statistics are not used.

    Input and output:
        Features `(batch, height, width, channels)`, any range.
    """

    def call(self, inputs, training=None, mask=None):
        mean, variance = ops.moments(inputs, axes=(1, 2), keepdims=True)
        scale = self.gamma * ops.rsqrt(variance + self.epsilon)
        return inputs * scale + (self.beta - mean * scale)


@keras.saving.register_keras_serializable(package="he2ihc_keras")
class SteadyDropout(keras.layers.Dropout):
    """Dropout at all times, of the same units in each image of a size.

    Input and output:
        Features `(batch, height, width, channels)`, any range.
    """

    def call(self, inputs, training=None):
        one_for_all = (1, *inputs.shape[1:])
        return keras.random.dropout(inputs, self.rate, one_for_all, seed=self.seed)


def _check_can(generator, modes):
    if modes.statistics == "image" and not _has(generator, BatchNormalization):
        raise ValueError(
            f"Model {generator.name!r} has no batch norm, so statistics of each image "
            "change nothing. Stain with running statistics."
        )
    if modes.dropout and not _has(generator, keras.layers.Dropout):
        raise ValueError(
            f"Model {generator.name!r} has no dropout layers. Stain with dropout off."
        )


def _has(model, kind):
    return any(isinstance(layer, kind) for layer in model.layers)
