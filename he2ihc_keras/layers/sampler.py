"""A layer that draws its images: how often, in how many steps, from which seed."""

from typing import Any, Literal

import keras
from keras import ops

from he2ihc_keras.layers._one_by_one import one_by_one

# Gray values of the map for one of the deviation
SPREAD_SCALE = 4.0


class Sampler(keras.layers.Layer):
    """Draws stained images, and gives their mean, or how far they differ.

    A saved model keeps the options; `with_options` gives another layer on the same
    weights. What a subclass writes is `draw`, and its other arguments in `arguments`.
    Sampling is in float32 whatever the policy of the network is.

    Args:
        steps: Evaluations of the network for one image.
        samples: Images that are drawn; the mean of them is given.
        seed: Of the draws, 0 or more: an image is drawn alike whenever it is.
        shows: "mean"; or "spread", the standard deviation over the samples at each
            pixel (root mean square over the channels), as an image in gray: 4 gray
            values for each one of the deviation.

    Input and output:
        H&E `(batch, height, width, 3)` in [-1, 1]; IHC of the same shape and range.

    Raises:
        ValueError: If a number is out of its range, or a spread is asked of one sample.
    """

    def __init__(
        self,
        *,
        steps: int = 4,
        samples: int = 1,
        seed: int = 0,
        shows: Literal["mean", "spread"] = "mean",
        **kwargs,
    ):
        super().__init__(**{**kwargs, "dtype": "float32"})
        for name, value in (("steps", steps), ("samples", samples)):
            if value < 1:
                raise ValueError(f"`{name}` must be at least 1. Received: {value}.")
        if shows == "spread" and samples == 1:
            raise ValueError(
                "The spread is that of several samples. Received: `samples` 1."
            )
        self.steps, self.samples, self.seed = steps, samples, seed
        self.shows = shows

    def draw(self, he, sample):
        """An IHC for each H&E, both `(batch, height, width, 3)` in [-1, 1].

        Args:
            he: H&E.
            sample: Number of the draw from 0, an integer or a tensor.
        """
        raise NotImplementedError(f"{type(self).__name__} must define `draw`.")

    def arguments(self) -> dict[str, Any]:
        """What another layer like this one is made of."""
        names = ("steps", "samples", "seed", "shows", "name")
        return {name: getattr(self, name) for name in names}

    def with_options(self, **options) -> "Sampler":
        """The same network and weights, sampled otherwise.

        Args:
            **options: Those of `Sampler` that change.
        """
        return type(self)(**{**self.arguments(), **options})

    def call(self, he):
        if self.samples == 1:
            return ops.clip(self.draw(he, 0), -1.0, 1.0)
        mean, spread = self._mean_and_spread(he)
        if self.shows == "mean":
            return ops.clip(mean, -1.0, 1.0)
        spread = ops.sqrt(ops.mean(ops.square(spread), axis=-1, keepdims=True))
        return ops.clip(SPREAD_SCALE * spread - 1.0, -1.0, 1.0) + ops.zeros_like(he)

    def _mean_and_spread(self, he):
        def add(sample, state):
            # Welford (1962): no difference of near-equal squares
            mean, squares = state
            image = self.draw(he, sample)
            change = image - mean
            mean = mean + change / (ops.cast(sample, "float32") + 1.0)
            return mean, squares + change * (image - mean)

        start = (ops.zeros_like(he), ops.zeros_like(he))
        mean, squares = one_by_one(self.samples, add, start)
        return mean, ops.sqrt(squares / (self.samples - 1))

    def compute_output_shape(self, input_shape):
        return input_shape
