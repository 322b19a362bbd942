"""CycleGAN: two generators that undo each other, from images without partners."""

import keras
from keras import ops

from he2ihc_keras import losses
from he2ihc_keras.layers import ImagePool
from he2ihc_keras.models import patchgan
from he2ihc_keras.tables import NonNegativeFloat, NonNegativeInt
from he2ihc_keras.trainers.batch import Batch
from he2ihc_keras.trainers.trainer import Trainer


@keras.saving.register_keras_serializable(package="he2ihc_keras")
class CycleGAN(Trainer):
    """Trains a generator from H&E to IHC and one back, each against a discriminator.

    Zhu et al. (2017), https://arxiv.org/abs/1703.10593, constant for constant as in
    the authors' PyTorch code. With G from H&E to IHC and R back, both minimise

        L = GAN(G(he)) + GAN(R(ihc))
          + cycle_he L1(R(G(he)), he) + cycle_ihc L1(G(R(ihc)), ihc)
          + identity (cycle_ihc L1(G(ihc), ihc) + cycle_he L1(R(he), he))

    where the GAN is least squares. Each discriminator minimises the mean of its two
    terms, on real images of its stain and on generated ones out of a pool. The
    generators move first; the discriminators then judge the images from before that
    move. The H&E and the IHC of a batch need not show the same place.

    Data are batches `(he, ihc)`, each `(batch, height, width, 3)`, uint8 or in [-1, 1].
    Calling the model calls the generator. Each discriminator term is the mean of real
    and fake, and the discriminators' loss their sum, as they move together.

    Args:
        generator: From H&E to IHC.
        reverse_generator: From IHC to H&E.
        discriminator: From IHC to logits.
        reverse_discriminator: From H&E to logits.
        cycle_he: Weight of the way from H&E to IHC and back (the authors' lambda_A).
        cycle_ihc: Weight of the way from IHC to H&E and back (lambda_B).
        identity: Weight of what a generator changes in images of its own target stain,
            as a share of the cycle of that stain; 0 leaves the two passes out.
        pool: Generated images of each stain that are kept for the discriminators.
        aligned: Whether batches are of true pairs all the same, as BCI's repository
            draws them; the losses do not use it.
        **kwargs: Those of `Trainer`: `average`.

    Example:
        >>> gan = CycleGAN(*generators, *discriminators)
        >>> gan.compile({p: keras.optimizers.Adam(2e-4, 0.5) for p in gan.players})
        >>> gan.fit(batches, epochs=10)
    """

    roles = {
        "generator": "generator",
        "reverse_generator": "generator",
        "discriminator": "discriminator",
        "reverse_discriminator": "discriminator",
    }
    players = {
        "generators": ("generator", "reverse_generator"),
        "discriminators": ("discriminator", "reverse_discriminator"),
    }
    needs = ("unpaired",)
    kept = ("reverse_generator",)

    def __init__(
        self,
        generator: keras.Model,
        reverse_generator: keras.Model,
        discriminator: keras.Model,
        reverse_discriminator: keras.Model,
        *,
        cycle_he: NonNegativeFloat = 10.0,
        cycle_ihc: NonNegativeFloat = 10.0,
        identity: NonNegativeFloat = 0.5,
        pool: NonNegativeInt = 50,
        aligned: bool = False,
        **kwargs,
    ):
        networks = (generator, reverse_generator, discriminator, reverse_discriminator)
        for judge in networks[2:]:
            patchgan.check_inputs(judge, 1)
        sides = [f"{term}_{s}" for term in _TERMS for s in ("ihc", "he")]
        super().__init__(
            dict(zip(self.roles, networks, strict=True)),
            {"generators": ("loss", *sides), "discriminators": ("loss", "ihc", "he")},
            **kwargs,
        )
        self.cycle_he = cycle_he
        self.cycle_ihc = cycle_ihc
        self.identity = identity
        self.pool = pool
        self.aligned = aligned
        self.ihc_pool = ImagePool(pool, name="ihc_pool")
        self.he_pool = ImagePool(pool, name="he_pool")
        self.built = False  # the pools hold images, whose size is not known yet

    @classmethod
    def needs_with(cls, options):
        return ("paired",) if options.get("aligned") else cls.needs

    def build(self, input_shape):
        self.ihc_pool.build(input_shape)
        self.he_pool.build(input_shape)

    def check_patch_size(self, size):
        super().check_patch_size(size)
        patchgan.check_patch_size(size)

    def step(self, batch: Batch, training: bool) -> None:
        """The generators move; then the discriminators, on images from before that."""
        images = self.generate("generators", self.translate, batch, training)
        self.minimize("generators", self.generator_losses, batch, images, training)
        self.minimize(
            "discriminators", self.discriminator_losses, batch, images, training
        )

    def translate(self, batch, training):
        """Both stains to the other one and back, and each as it should be left."""
        to_ihc = self.generator if training else self.staining_network
        to_he = self.reverse_generator
        images = {
            "fake_ihc": to_ihc(batch.he, training=training),
            "fake_he": to_he(batch.ihc, training=training),
        }
        images["cycled_he"] = to_he(images["fake_ihc"], training=training)
        images["cycled_ihc"] = to_ihc(images["fake_he"], training=training)
        if self.identity:
            images["same_ihc"] = to_ihc(batch.ihc, training=training)
            images["same_he"] = to_he(batch.he, training=training)
        return images

    def further_images(self, he, ihc):
        """What came back of the H&E, and what the generator makes of IHC itself."""
        fake_ihc = self.call(he, training=False)
        return {
            "H&E again": self.reverse_generator(fake_ihc, training=False),
            "IHC as IHC": self.call(ihc, training=False),
        }

    def generator_losses(self, batch, images, training):
        """Pass for real, come back to the start, and leave the target stain alone."""
        passes = losses.generator_least_squares_loss
        judge, reverse_judge = self.discriminator, self.reverse_discriminator
        terms = {
            "adversarial_ihc": passes(judge(images["fake_ihc"], training=training)),
            "adversarial_he": passes(
                reverse_judge(images["fake_he"], training=training)
            ),
        }
        real = {"ihc": batch.ihc, "he": batch.he}
        weights = {"ihc": self.cycle_ihc, "he": self.cycle_he}
        for stain, weight in weights.items():
            distance = losses.l1_loss(real[stain], images[f"cycled_{stain}"])
            terms[f"cycle_{stain}"] = weight * distance
            terms[f"identity_{stain}"] = ops.zeros(())
            if self.identity:
                distance = losses.l1_loss(real[stain], images[f"same_{stain}"])
                terms[f"identity_{stain}"] = self.identity * weight * distance
        return {"loss": sum(terms.values()), **terms}

    def discriminator_losses(self, batch, images, training):
        """Tell real from what a pool gives: the mean of the two, for each stain."""
        fake_ihc = self.ihc_pool(images["fake_ihc"], training=training)
        fake_he = self.he_pool(images["fake_he"], training=training)
        terms = {
            "ihc": _judge(self.discriminator, batch.ihc, fake_ihc, training),
            "he": _judge(self.reverse_discriminator, batch.he, fake_he, training),
        }
        return {"loss": sum(terms.values()), **terms}


_TERMS = ("adversarial", "cycle", "identity")


def _judge(discriminator, real, fake, training):
    real_logits = discriminator(real, training=training)
    fake_logits = discriminator(fake, training=training)
    return sum(losses.discriminator_least_squares_loss(real_logits, fake_logits)) / 2.0
