"""One generator, taught by the real IHC alone."""

import keras

from he2ihc_keras import losses
from he2ihc_keras.layers.gaussian_pyramid import check_levels
from he2ihc_keras.tables import Weights
from he2ihc_keras.trainers.batch import Batch
from he2ihc_keras.trainers.trainer import Trainer


@keras.saving.register_keras_serializable(package="he2ihc_keras")
class Supervised(Trainer):
    """Trains a generator by L1 on the scales of a Gaussian pyramid.

        L = sum_s w_s L1(scale s)

    Liu et al. (2022), https://arxiv.org/abs/2204.11425, equation 4, without their GAN;
    with one scale it is plain L1.

    Args:
        generator: From H&E to IHC.
        pyramid_weights: Weight of the L1 loss at scale 1, 1/2, 1/4, ...
        **kwargs: Those of `Trainer`: `average`.

    Example:
        >>> trainer = Supervised(generator)
        >>> trainer.compile(keras.optimizers.Adam(2e-4))
        >>> trainer.fit(batches, epochs=10)
    """

    roles = {"generator": "generator"}
    players = {"generator": ("generator",)}

    def __init__(
        self,
        generator: keras.Model,
        *,
        pyramid_weights: Weights = (1.0,),
        **kwargs,
    ):
        super().__init__({"generator": generator}, {"generator": ("loss",)}, **kwargs)
        self.pyramid_weights = tuple(pyramid_weights)

    def step(self, batch: Batch, training: bool) -> None:
        """The generator moves toward the real IHC."""
        fake_ihc = self.generate("generator", self.stain, batch, training)
        self.minimize("generator", self.losses_of, batch, fake_ihc, training)

    def check_patch_size(self, size):
        super().check_patch_size(size)
        check_levels((size, size), len(self.pyramid_weights))

    def losses_of(self, batch, fake_ihc, training):
        """Terms of the generator's loss."""
        weights = self.pyramid_weights
        return {"loss": sum(losses.pyramid_l1_losses(batch.ihc, fake_ihc, weights))}
