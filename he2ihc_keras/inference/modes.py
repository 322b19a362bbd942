"""Ways to run a generator: statistics of its norms, dropout, and how it samples."""

import zlib
from dataclasses import asdict, dataclass, replace
from typing import Any

import keras
import numpy as np
from keras import ops

from he2ihc_keras import models
from he2ihc_keras.layers import BatchNormalization, Sampler

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
        seed: Of what is random: the dropout, or the draws of a sampler; 0 or more.
        steps: Evaluations of the network for an image, where it samples; `None` takes
            as many as the model does.
        samples: Images that it draws, whose mean it gives; `None` as `steps`.

    Raises:
        ValueError: If `statistics` is unknown, or a number is out of its range.
    """

    statistics: str = "running"
    dropout: bool = False
    seed: int = 0
    steps: int | None = None
    samples: int | None = None

    def __post_init__(self):
        if self.statistics not in STATISTICS:
            raise ValueError(
                f"Unknown statistics {self.statistics!r}. Known: "
                f"{', '.join(STATISTICS)}."
            )
        if self.seed < 0:
            raise ValueError(f"`seed` must be 0 or more. Received: {self.seed}.")
        for name in ("steps", "samples"):
            number = getattr(self, name)
            if number is not None and number < 1:
                raise ValueError(f"`{name}` must be at least 1. Received: {number}.")

    def of(self, generator: keras.Model) -> "Modes":
        """These modes with the steps and samples that a generator takes by itself.

        Args:
            generator: A generator of this package.
        """
        for sampler in _of_kind(generator, Sampler):
            steps, samples = self.steps or sampler.steps, self.samples
            return replace(self, steps=steps, samples=samples or sampler.samples)
        return self

    def as_dict(self) -> dict[str, Any]:
        """For a record: what there is nothing of is left out."""
        return {
            name: value for name, value in asdict(self).items() if value is not None
        }

    def in_words(self) -> str:
        """A phrase for a table or a log."""
        whose = {"running": "running statistics", "image": "statistics of each image"}
        dropout = f"dropout on, seed {self.seed}" if self.dropout else "dropout off"
        words = [whose[self.statistics], dropout]
        for name, number in _how_often(self).items():
            words.append(f"{number} {name if number > 1 else name[:-1]}")
        if _how_often(self):
            words.append(f"seed {self.seed}")
        return ", ".join(words)


def with_modes(generator: keras.Model, modes: Modes) -> keras.Model:
    """The same network and weights, run in other modes.

    Statistics of an image are those of all its positions, with what `Stainer` pads:
    where height and width are multiples of the stride, as in BCI, it pads nothing.

    Dropout depends on the seed, the layer and what `choose_units` was given last: an
    image is stained alike whichever others are stained before it or beside it. Images
    of one batch lose the same units.

    Args:
        generator: A generator of this package.
        modes: How it shall run.

    Returns:
        The generator itself for the default modes, else a network in float32 that runs
        in them when called with `training=False`, as `Stainer` does. What is the same
        in both, they share.

    Raises:
        ValueError: If the generator has nothing that a mode is about: no batch norm, no
            dropout, no sampler, or nothing that a seed is of.
    """
    if modes == Modes():
        return generator
    _check_can(generator, modes)
    generator = models.as_float32(generator)
    seeds = np.random.default_rng(modes.seed)

    def in_modes(layer):
        if modes.statistics == "image" and isinstance(layer, BatchNormalization):
            return ImageNormalization.of(layer)
        if modes.dropout and isinstance(layer, keras.layers.Dropout):
            seed = int(seeds.integers(2**31))
            return SteadyDropout(layer.rate, seed, name=layer.name)
        if isinstance(layer, Sampler):
            return layer.with_options(
                seed=modes.seed, **_how_often(modes.of(generator))
            )
        return layer

    twin = keras.models.clone_model(generator, clone_function=in_modes)
    twin.set_weights(generator.get_weights())
    return twin


def showing_spread(generator: keras.Model) -> keras.Model:
    """The same network, which shows how far the samples of an image differ.

    Args:
        generator: What `with_modes` gave, of several samples.

    Returns:
        A model whose images are maps: see `layers.Sampler`.

    Raises:
        ValueError: If the generator draws no samples, or one alone.
    """
    _refuse_without(Sampler, generator, "its images have no spread")
    return keras.models.clone_model(
        generator,
        clone_function=lambda layer: (
            layer.with_options(shows="spread") if isinstance(layer, Sampler) else layer
        ),
    )


def choose_units(generator: keras.Model, he: np.ndarray) -> None:
    """Sets which units are dropped, by the seed and the pixels of an image alone.

    Each image of a set then loses its own, as in the authors' test, and the same ones
    whenever it is stained.

    Args:
        generator: What `with_modes` gave; without dropout, nothing happens.
        he: uint8 `(height, width, 3)`.
    """
    image = zlib.crc32(np.ascontiguousarray(he))
    for layer in generator.layers:
        if isinstance(layer, SteadyDropout):
            state = layer.units.state
            # The same bits where the state is of signed numbers
            bits = np.array([layer.seed, image], "uint32")
            state.assign(bits.view("int32") if state.dtype == "int32" else bits)


@keras.saving.register_keras_serializable(package="he2ihc_keras")
class ImageNormalization(BatchNormalization):
    """Batch norm whose batch is each image alone; running statistics are not used.

    Input and output:
        Features `(batch, height, width, channels)`, any range.
    """

    @classmethod
    def of(cls, norm: BatchNormalization) -> "ImageNormalization":
        """A layer for the same weights."""
        names = ("momentum", "epsilon", "scale", "center", "name")
        return cls(**{name: getattr(norm, name) for name in names})

    def call(self, inputs, training=None, mask=None):
        # Not `ops.moments`: on PyTorch it takes one near-equal square from another.
        mean = ops.mean(inputs, axis=(1, 2), keepdims=True)
        variance = ops.var(inputs, axis=(1, 2), keepdims=True)
        scale = ops.rsqrt(variance + self.epsilon)
        scale = scale * self.gamma if self.scale else scale
        outputs = inputs * scale - mean * scale
        return outputs + self.beta if self.center else outputs


@keras.saving.register_keras_serializable(package="he2ihc_keras")
class SteadyDropout(keras.layers.Layer):
    """Dropout at all times, of the same units until `choose_units` chooses others.

    Args:
        rate: Chance of a unit to be dropped; the others are multiplied by
            `1 / (1 - rate)`.
        seed: With the image that was chosen last, says which they are.

    Input and output:
        Features `(batch, height, width, channels)`, any range.
    """

    def __init__(self, rate: float, seed: int, **kwargs):
        super().__init__(**kwargs)
        self.rate = rate
        self.seed = seed
        self.units = _SteadySeed(seed)

    def call(self, inputs):
        one_for_all = (1, *inputs.shape[1:])
        return keras.random.dropout(inputs, self.rate, one_for_all, seed=self.units)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}


class _SteadySeed(keras.random.SeedGenerator):
    """Does not move on as numbers are drawn."""

    def next(self, ordered=True):
        return ops.copy(self.state)


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
    for name, number in _how_often(modes).items():
        _refuse_without(Sampler, generator, f"`{name}` {number} changes nothing")
    if modes.seed and not modes.dropout and not _has(generator, Sampler):
        raise ValueError(
            f"Seed {modes.seed} is of the dropout, which is off. Switch dropout on, or "
            "leave the seed out."
        )


def _refuse_without(kind, generator, so):
    if not _has(generator, kind):
        raise ValueError(
            f"Model {generator.name!r} draws no samples, so {so}. Leave it out."
        )


def _how_often(modes):
    given = {"steps": modes.steps, "samples": modes.samples}
    return {name: number for name, number in given.items() if number is not None}


def _has(model, kind):
    return bool(_of_kind(model, kind))


def _of_kind(model, kind):
    return [layer for layer in model.layers if isinstance(layer, kind)]
