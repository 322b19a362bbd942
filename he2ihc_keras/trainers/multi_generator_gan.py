"""A conditional GAN whose generator blends the images of several."""

import functools

import keras
from keras import ops

from he2ihc_keras.models import mggan
from he2ihc_keras.tables import NonNegativeFloat
from he2ihc_keras.trainers.batch import Batch
from he2ihc_keras.trainers.conditional_gan import ConditionalGAN


@keras.saving.register_keras_serializable(package="he2ihc_keras")
class MultiGeneratorGAN(ConditionalGAN):
    """Trains K generators on one trunk to share the tissue among them.

    The blend of their images I_k, by the gate's weights a_k, is trained as
    `ConditionalGAN` trains an image. Beside its loss the generators minimise

        competition mean sum_k a_k |y - I_k|
        + diversity 1/K sum_k CE(C(he, I_k), k)

    and the discriminator, whose second output is the classifier C, the second sum. The
    first is the expected error of Jacobs et al. (1991), Adaptive Mixtures of Local
    Experts: under it each image is a picture of its own and the gate divides the
    tissue, where an error of the blend alone has them cooperate. The second is that of
    MGAN (Hoang et al., 2018, https://arxiv.org/abs/1708.02556), which sets 0.01; there
    an image is that of one generator drawn at random, which for pairs would be a random
    stain. Their combination, and `competition` = 25, are this package's own.

    `share_1` to `share_K` among the metrics are the mean weights of the gate.

    Args:
        generator: From H&E to IHC, of `models.build("mggan")`.
        discriminator: From `[he, ihc]` to logits and, if `diversity` is not 0, to those
            of K classes: `models.build("patchgan", classes=K)`.
        competition: Weight of the expected error.
        diversity: Weight of telling the generators apart; 0 leaves it out.
        **kwargs: Those of `ConditionalGAN`.
    """

    def __init__(
        self,
        generator: keras.Model,
        discriminator: keras.Model,
        *,
        competition: NonNegativeFloat = 25.0,
        diversity: NonNegativeFloat = 0.01,
        **kwargs,
    ):
        count = mggan.parts(generator).outputs[1].shape[-1]
        _check_classes(discriminator, count if diversity else 0)
        super().__init__(generator, discriminator, **kwargs)
        self.competition = competition
        self.diversity = diversity
        shares = [f"share_{k + 1}" for k in range(count)]
        tell_apart = ["diversity"] if diversity else []
        self.report("generator", ["competition", *tell_apart, *shares])
        self.report("discriminator", tell_apart)

    def step(self, batch: Batch, training: bool) -> None:
        """As `ConditionalGAN`, with all that the generators make."""
        made = self.generate("generator", self.paint, batch, training)
        self.minimize("discriminator", self.discriminator_losses, batch, made, training)
        # Against the updated discriminator
        self.minimize("generator", self.generator_losses, batch, made, training)

    def paint(self, batch, training):
        """The blend, the weights of the gate and the images of the generators."""
        of = self._parts["training" if training else "staining"]
        ihc, gate, *images = of(batch.he, training=training)
        return {"ihc": ihc, "gate": gate, "images": images}

    @functools.cached_property
    def _parts(self):
        # Not an attribute that Keras tracks: their layers are those of the networks.
        networks = {"training": self.generator, "staining": self.staining_network}
        return {name: mggan.parts(network) for name, network in networks.items()}

    def further_images(self, he, ihc):
        """Where the gate chooses which generator, in colours, and what each painted."""
        return mggan.looked_into(self._parts["staining"], Batch.of(he).he)

    def judge(self, he, ihc, training):
        return _first(super().judge(he, ihc, training))

    def discriminator_losses(self, batch, generated, training):
        """Tell real from fake, and the generators from one another."""
        terms = super().discriminator_losses(batch, generated["ihc"], training)
        if self.diversity:
            terms["diversity"] = self.recognition(batch, generated, training)
            terms["loss"] = terms["loss"] + terms["diversity"]
        return terms

    def generator_losses(self, batch, generated, training):
        """Pass for real and match the IHC, as a blend and each where it is chosen."""
        terms = super().generator_losses(batch, generated["ihc"], training)
        weights = ops.split(generated["gate"], len(generated["images"]), axis=-1)
        for k, weight in enumerate(weights):
            terms[f"share_{k + 1}"] = ops.mean(weight)
        expected = sum(
            ops.mean(weight * ops.abs(batch.ihc - image))
            for weight, image in zip(weights, generated["images"], strict=True)
        )
        terms["competition"] = self.competition * expected
        terms["loss"] = terms["loss"] + terms["competition"]
        if self.diversity:
            recognition = self.recognition(batch, generated, training)
            terms["diversity"] = self.diversity * recognition
            terms["loss"] = terms["loss"] + terms["diversity"]
        return terms

    def recognition(self, batch, generated, training):
        """Cross-entropy of the classifier: 1/K sum_k CE(C(he, I_k), k)."""
        images = generated["images"]
        he = ops.concatenate([batch.he] * len(images))
        _, logits = self.discriminator([he, ops.concatenate(images)], training=training)
        chances = ops.split(ops.log_softmax(logits), len(images))
        own = [chance[..., k] for k, chance in enumerate(chances)]
        return -sum(map(ops.mean, own)) / len(images)

    def warning(self, logs, done):
        shares = {k: v for k, v in logs.items() if k.startswith("generator_share_")}
        name, share = max(shares.items(), key=lambda item: item[1])
        if done < 0.1 or share <= 0.95:
            return ""
        return (
            f"Generator {name.rpartition('_')[2]} has {100 * share:.0f} % of the "
            "weight: the others are idle. More `trainer.competition` or fewer "
            "generators may help."
        )


def _first(outputs):
    return outputs[0] if isinstance(outputs, (list, tuple)) else outputs


def _check_classes(discriminator, count):
    classes = [output.shape[-1] for output in discriminator.outputs[1:]]
    if classes != [count] * bool(count):
        raise ValueError(
            f"The discriminator must tell {count} generators apart: `classes` = "
            f"{count}. Received: {sum(classes)}."
        )
