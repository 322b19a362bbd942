"""The conditional GAN of pix2pix with pyramid L1 losses."""

from typing import Literal

import keras

from he2ihc_keras import losses
from he2ihc_keras.layers.gaussian_pyramid import check_levels
from he2ihc_keras.models import patchgan
from he2ihc_keras.tables import Weights
from he2ihc_keras.trainers.batch import Batch
from he2ihc_keras.trainers.trainer import Trainer


@keras.saving.register_keras_serializable(package="he2ihc_keras")
class ConditionalGAN(Trainer):
    """Trains a generator against a discriminator that sees the H&E too.

    The generator minimises

        L = L_GAN + sum_s w_s L1(scale s of a Gaussian pyramid)

    Liu et al. (2022), https://arxiv.org/abs/2204.11425, equation 5; with one scale and
    weight 100 it is pix2pix, Isola et al. (2017), https://arxiv.org/abs/1611.07004.
    The discriminator minimises the mean of its two terms, real and fake. As in the
    authors' code, one forward pass of the generator serves both, the discriminator is
    updated first, the generator then meets the updated discriminator, and the
    discriminator normalises by batch statistics in all three of its passes.

    Data are batches `(he, ihc)`, each `(batch, height, width, 3)`, uint8 or in [-1, 1].
    Calling the model calls the generator. Every term of the loss is a metric of its
    own. `gan.optimizer` holds both optimizers, `gan.optimizer.players["generator"]` and
    `["discriminator"]`; its learning rate is the generator's when it is read, and both
    players' when it is set.

    Args:
        generator: From H&E to IHC.
        discriminator: From `[he, ihc]` to logits.
        adversarial: "vanilla", "least_squares" or "hinge".
        pyramid_weights: Weight of the L1 loss at scale 1, 1/2, 1/4, ...
        **kwargs: Those of `Trainer`: `average`.

    Example:
        >>> gan = ConditionalGAN(generator, discriminator, pyramid_weights=[25.0] * 4)
        >>> gan.compile(
        ...     keras.optimizers.Adam(2e-4, 0.5), keras.optimizers.Adam(2e-4, 0.5)
        ... )
        >>> gan.fit(batches, epochs=10)
    """

    roles = {"generator": "generator", "discriminator": "discriminator"}
    players = {"generator": ("generator",), "discriminator": ("discriminator",)}

    def __init__(
        self,
        generator: keras.Model,
        discriminator: keras.Model,
        *,
        adversarial: Literal["vanilla", "least_squares", "hinge"] = "vanilla",
        pyramid_weights: Weights = (25.0, 25.0, 25.0, 25.0),
        **kwargs,
    ):
        if adversarial not in losses.ADVERSARIAL:
            raise ValueError(
                f"Unknown adversarial loss {adversarial!r}. "
                f"Known: {', '.join(losses.ADVERSARIAL)}."
            )
        patchgan.check_inputs(discriminator, 2)
        scales = [f"l1_scale_{2**s}" for s in range(len(pyramid_weights))]
        super().__init__(
            {"generator": generator, "discriminator": discriminator},
            {
                "generator": ("loss", "adversarial", *scales),
                "discriminator": ("loss", "real", "fake"),
            },
            **kwargs,
        )
        self.adversarial = adversarial
        self.pyramid_weights = tuple(pyramid_weights)
        self.generator_adversarial_loss, self.discriminator_adversarial_loss = (
            losses.ADVERSARIAL[adversarial]
        )

    def compile(self, optimizer, discriminator_optimizer=None, **kwargs):
        """Sets and builds both optimizers.

        Args:
            optimizer: Of the generator; or those of both players, by name.
            discriminator_optimizer: Of the discriminator.
            **kwargs: `jit_compile`, `run_eagerly`, `steps_per_execution`, as in Keras.
        """
        if discriminator_optimizer is not None:
            optimizer = {
                "generator": optimizer,
                "discriminator": discriminator_optimizer,
            }
        super().compile(optimizer, **kwargs)

    def check_patch_size(self, size):
        super().check_patch_size(size)
        check_levels((size, size), len(self.pyramid_weights))
        patchgan.check_patch_size(size)

    def step(self, batch: Batch, training: bool) -> None:
        """One pass of the generator; then both move, the discriminator first."""
        fake_ihc = self.generate("generator", self.stain, batch, training)
        self.minimize(
            "discriminator", self.discriminator_losses, batch, fake_ihc, training
        )
        # Against the updated discriminator
        self.minimize("generator", self.generator_losses, batch, fake_ihc, training)

    def judge(self, he, ihc, training):
        """Logits of the discriminator for pairs."""
        return self.discriminator([he, ihc], training=training)

    def discriminator_losses(self, batch, fake_ihc, training):
        """Tell real from fake: L_D = (real + fake) / 2."""
        # Fake first, as the authors do: the order shows in the running statistics.
        fake_logits = self.judge(batch.he, fake_ihc, training)
        real_logits = self.judge(batch.he, batch.ihc, training)
        real, fake = self.discriminator_adversarial_loss(real_logits, fake_logits)
        return {"loss": (real + fake) / 2.0, "real": real, "fake": fake}

    def generator_losses(self, batch, fake_ihc, training):
        """Pass for real, and match the IHC: L_GAN + sum_s w_s L1(scale s)."""
        fake_logits = self.judge(batch.he, fake_ihc, training)
        adversarial = self.generator_adversarial_loss(fake_logits)
        scales = losses.pyramid_l1_losses(batch.ihc, fake_ihc, self.pyramid_weights)
        return {
            "loss": adversarial + sum(scales),
            "adversarial": adversarial,
            **{f"l1_scale_{2**s}": scale for s, scale in enumerate(scales)},
        }
