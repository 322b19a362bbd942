"""A network that finds the IHC on a noised way from the H&E."""

import random
from typing import Literal

import keras
from keras import ops

from he2ihc_keras import brownian_bridge
from he2ihc_keras.models import bridge
from he2ihc_keras.tables import PositiveFloat, PositiveInt
from he2ihc_keras.trainers.batch import Batch
from he2ihc_keras.trainers.trainer import Trainer


@keras.saving.register_keras_serializable(package="he2ihc_keras")
class DiffusionBridge(Trainer):
    """Trains a network at random steps of a Brownian bridge from IHC to H&E.

        x_n = (1 - m_n) ihc + m_n he + d_n z
        L = mean |network(x_n, he, n) - label|,    n and z random

    The process is that of I2SB, Liu et al. (2023), https://arxiv.org/abs/2302.05872,
    and of BBDM, Li et al. (2023), https://arxiv.org/abs/2205.07680: see
    `brownian_bridge`. With `label` "scaled" and the squared error it is the former;
    with "difference" and the schedule "bbdm" the latter. By default the network says
    the IHC itself, which it learns faster.

    What stains, is validated and saved, is a sampler of the network (or of its moving
    average): `models.bridge.stainer`.

    Args:
        denoiser: From `[x, he, time]` to the label: `models.bridge`.
        label: What the network is to say: "ihc", "scaled" or "difference".
        error: Whose mean is the loss, "absolute" or "squared".
        schedule: "i2sb", "bbdm" or "bbdm_sin".
        timesteps: Steps of the bridge.
        noise: How much of it: see `brownian_bridge.schedule`.
        steps: Evaluations of the network when it stains.
        **kwargs: Those of `Trainer`: `average`.

    Example:
        >>> trainer = DiffusionBridge(models.build("bridge"), average=0.999)
        >>> trainer.compile(keras.optimizers.Adam(1e-4, global_clipnorm=1.0))
        >>> trainer.fit(batches, epochs=10)
    """

    roles = {"denoiser": "denoiser"}
    players = {"denoiser": ("denoiser",)}
    staining = "denoiser"

    def __init__(
        self,
        denoiser: keras.Model,
        *,
        label: brownian_bridge.Label = "ihc",
        error: Literal["absolute", "squared"] = "absolute",
        schedule: brownian_bridge.ScheduleName = "i2sb",
        timesteps: PositiveInt = 1000,
        noise: PositiveFloat = 0.3,
        steps: PositiveInt = 4,
        **kwargs,
    ):
        super().__init__({"denoiser": denoiser}, {"denoiser": ("loss",)}, **kwargs)
        self.label, self.error = label, error
        self.schedule, self.timesteps, self.noise = schedule, timesteps, noise
        self.steps = steps
        self.bridge = brownian_bridge.schedule(schedule, timesteps, noise)
        # As that of a dropout: see `layers.seeded_dropout`
        self.draws = keras.random.SeedGenerator(random.randint(1, int(1e9)))
        self.sampler = bridge.stainer(
            self.average_network or denoiser,
            label=label,
            schedule=schedule,
            timesteps=timesteps,
            noise=noise,
            steps=steps,
        )

    @property
    def staining_network(self):
        return self.sampler

    def call(self, he, training=None):
        return self.sampler(Batch.of(he).he, training=False)

    def step(self, batch: Batch, training: bool) -> None:
        """The network moves toward the label at a random step of each image."""
        self.minimize("denoiser", self.losses_at_random, batch, None, training)

    def losses_at_random(self, batch, images, training):
        """Mean |network(x_n, he, n) - label|, or its square."""
        draw = self.random_steps if training else self.fixed_steps
        n, noise = draw(batch.ihc)
        x = brownian_bridge.noised(self.bridge, n, batch.ihc, batch.he, noise)
        label = brownian_bridge.label(self.label, self.bridge, n, x, batch.ihc)
        time = bridge.time_of(ops.cast(n, "float32"), self.timesteps)
        network = self.denoiser if training else self.average_network or self.denoiser
        wrong = network([x, batch.he, time], training=training) - label
        size = ops.abs if self.error == "absolute" else ops.square
        return {"loss": ops.mean(size(wrong))}

    def random_steps(self, ihc):
        """A step of the bridge for each image, and standard normal noise."""
        shape = ops.shape(ihc)
        n = keras.random.randint(shape[:1], 0, self.timesteps, seed=self.draws)
        return n, keras.random.normal(shape, seed=self.draws)

    def fixed_steps(self, ihc):
        """The same ones in every validation: steps spread over the batch, and noise."""
        shape = ops.shape(ihc)
        share = (ops.cast(ops.arange(shape[0]), "float32") + 0.5) / shape[0]
        n = ops.cast(self.timesteps * share, "int32")
        return n, keras.random.normal(shape, seed=0)
