"""The conditional GAN of pix2pix with pyramid L1 losses, as a Keras model."""

from collections.abc import Sequence

import keras
import tensorflow as tf
from keras import ops

from he2ihc_keras import losses


@keras.saving.register_keras_serializable(package="he2ihc_keras")
class ConditionalGAN(keras.Model):
    """Trains a generator against a discriminator that sees the H&E too.

    The generator minimises

        L = L_GAN + sum_s w_s L1(scale s of a Gaussian pyramid)

    Liu et al. (2022), https://arxiv.org/abs/2204.11425, equation 5; with one scale and
    weight 100 it is pix2pix, Isola et al. (2017), https://arxiv.org/abs/1611.07004.
    The discriminator minimises the mean of its two terms, real and fake. As in the
    authors' code, one forward pass of the generator serves both, the discriminator is
    updated first, the generator then meets the updated discriminator, and the
    discriminator normalises by batch statistics in all three of its passes.

    Data are batches `(he, ihc)`, each `(batch, height, width, 3)` in [-1, 1]. Calling
    the model calls the generator. Every term of the loss is a metric of its own.

    Args:
        generator: From H&E to IHC.
        discriminator: From `[he, ihc]` to logits.
        adversarial: "vanilla", "least_squares" or "hinge".
        pyramid_weights: Weight of the L1 loss at scale 1, 1/2, 1/4, ...

    Example:
        >>> gan = ConditionalGAN(generator, discriminator, pyramid_weights=[25.0] * 4)
        >>> gan.compile(
        ...     keras.optimizers.Adam(2e-4, 0.5), keras.optimizers.Adam(2e-4, 0.5)
        ... )
        >>> gan.fit(batches, epochs=10)
    """

    def __init__(
        self,
        generator: keras.Model,
        discriminator: keras.Model,
        *,
        adversarial: str = "vanilla",
        pyramid_weights: Sequence[float] = (25.0, 25.0, 25.0, 25.0),
        **kwargs,
    ):
        super().__init__(**kwargs)
        if adversarial not in losses.ADVERSARIAL:
            raise ValueError(
                f"Unknown adversarial loss {adversarial!r}. "
                f"Known: {', '.join(losses.ADVERSARIAL)}."
            )
        self.generator = generator
        self.discriminator = discriminator
        self.adversarial = adversarial
        self.pyramid_weights = tuple(pyramid_weights)
        adversarial_losses = losses.ADVERSARIAL[adversarial]
        self.generator_adversarial_loss = adversarial_losses[0]
        self.discriminator_adversarial_loss = adversarial_losses[1]
        self.trackers = [keras.metrics.Mean(name=name) for name in self.term_names]
        self.built = True

    @property
    def term_names(self) -> tuple[str, ...]:
        """Names of the loss terms, as they stand in logs and history."""
        scales = (
            f"generator_l1_scale_{2**s}" for s in range(len(self.pyramid_weights))
        )
        return (
            "generator_loss",
            "generator_adversarial",
            *scales,
            "discriminator_loss",
            "discriminator_real",
            "discriminator_fake",
        )

    def compile(
        self,
        optimizer: keras.optimizers.Optimizer,
        discriminator_optimizer: keras.optimizers.Optimizer,
        **kwargs,
    ):
        """Sets and builds both optimizers.

        Built here, and not in the first step, both find their state again when weights
        or a checkpoint are loaded before training goes on.

        Args:
            optimizer: Of the generator.
            discriminator_optimizer: Of the discriminator.
            **kwargs: `jit_compile`, `run_eagerly`, `steps_per_execution`, as in Keras.
        """
        super().compile(optimizer=optimizer, **kwargs)
        scaled = keras.optimizers.LossScaleOptimizer
        is_scaled = isinstance(discriminator_optimizer, scaled)
        if _needs_loss_scale(self.discriminator) and not is_scaled:
            discriminator_optimizer = scaled(discriminator_optimizer)
        self.discriminator_optimizer = discriminator_optimizer
        self.optimizer.build(self.generator.trainable_variables)
        self.discriminator_optimizer.build(self.discriminator.trainable_variables)

    def call(self, he, training=None):
        return self.generator(he, training=training)

    def train_step(self, data):
        he, ihc = _unpack(data)
        with tf.GradientTape() as generator_tape:
            fake_ihc = self.generator(he, training=True)

        # Discriminator: tell real from fake
        with tf.GradientTape() as tape:
            discriminator_terms = self._discriminator_terms(he, ihc, fake_ihc)
            loss = self.discriminator_optimizer.scale_loss(discriminator_terms[0])
        self._apply(tape, loss, self.discriminator, self.discriminator_optimizer)

        # Generator: pass for real before the updated discriminator, and match the IHC
        with generator_tape:
            generator_terms = self._generator_terms(he, ihc, fake_ihc)
            loss = self.optimizer.scale_loss(generator_terms[0])
        self._apply(generator_tape, loss, self.generator, self.optimizer)

        return self._track([*generator_terms, *discriminator_terms])

    def test_step(self, data):
        he, ihc = _unpack(data)
        return self._track(self.terms(he, ihc, self.generator(he, training=False)))

    def terms(self, he, ihc, fake_ihc) -> list:
        """Loss terms of given images, in inference mode, ordered as `term_names`."""
        return [
            *self._generator_terms(he, ihc, fake_ihc, training=False),
            *self._discriminator_terms(he, ihc, fake_ihc, training=False),
        ]

    def _discriminator_terms(self, he, ihc, fake_ihc, training=True):
        fake_ihc = ops.stop_gradient(fake_ihc)
        # Fake first, as the authors do: the order shows in the running statistics.
        fake_logits = self.discriminator([he, fake_ihc], training=training)
        real_logits = self.discriminator([he, ihc], training=training)
        real, fake = self.discriminator_adversarial_loss(real_logits, fake_logits)
        return [(real + fake) / 2.0, real, fake]

    def _generator_terms(self, he, ihc, fake_ihc, training=True):
        fake_logits = self.discriminator([he, fake_ihc], training=training)
        adversarial = self.generator_adversarial_loss(fake_logits)
        scales = losses.pyramid_l1_losses(ihc, fake_ihc, self.pyramid_weights)
        return [adversarial + sum(scales), adversarial, *scales]

    def _apply(self, tape, loss, network, optimizer):
        variables = network.trainable_variables
        optimizer.apply(tape.gradient(loss, variables), variables)

    def _track(self, terms):
        for tracker, term in zip(self.trackers, terms, strict=True):
            tracker.update_state(term)
        return {tracker.name: tracker.result() for tracker in self.trackers}

    # Saving

    def get_config(self):
        serialize = keras.saving.serialize_keras_object
        return {
            **super().get_config(),
            "generator": serialize(self.generator),
            "discriminator": serialize(self.discriminator),
            "adversarial": self.adversarial,
            "pyramid_weights": self.pyramid_weights,
        }

    @classmethod
    def from_config(cls, config):
        networks = {
            name: keras.saving.deserialize_keras_object(config[name])
            for name in ("generator", "discriminator")
        }
        return cls(**{**config, **networks})

    def get_compile_config(self):
        optimizers = (self.optimizer, self.discriminator_optimizer)
        names = ("optimizer", "discriminator_optimizer")
        return {
            name: keras.saving.serialize_keras_object(optimizer)
            for name, optimizer in zip(names, optimizers, strict=True)
        }

    def compile_from_config(self, config):
        self.compile(**keras.saving.deserialize_keras_object(config))


def _unpack(data):
    he, ihc, _ = keras.utils.unpack_x_y_sample_weight(data)
    return ops.convert_to_tensor(he), ops.convert_to_tensor(ihc)


def _needs_loss_scale(network):
    return any(layer.compute_dtype == "float16" for layer in network.layers)
