import keras
import numpy as np
import pytest
from numpy.testing import assert_allclose

from he2ihc_keras.models import mggan, patchgan, pyramid_pix2pix
from he2ihc_keras.trainers import ConditionalGAN, MultiGeneratorGAN
from helpers import random_images, refusal, to_numpy

HE, IHC = random_images(2, (2, 24, 32))


def judge(classes=0):
    return patchgan.build(filters=2, classes=classes)


def compiled(trainer):
    trainer.compile(keras.optimizers.SGD(0.01), keras.optimizers.SGD(0.01))
    return trainer


def small(generators=2, diversity=0.5, **options):
    keras.utils.set_random_seed(0)
    generator = mggan.build(filters=2, blocks=1, dropout=0.0, generators=generators)
    discriminator = judge(generators if diversity else 0)
    options = {"competition": 3.0, "pyramid_weights": [2.0], **options}
    return compiled(
        MultiGeneratorGAN(generator, discriminator, diversity=diversity, **options)
    )


@pytest.mark.backends
def test_losses_are_the_sums_that_the_docstring_says():
    gan = small()
    ihc, gate, *images = map(to_numpy, mggan.parts(gan.generator)(HE, training=False))
    errors = np.stack([np.abs(IHC - image) for image in images], axis=-1)
    competition = 3.0 * (gate[..., None, :] * errors).sum(-1).mean()
    logits = [to_numpy(gan.discriminator([HE, image])[1]) for image in images]
    chances = [x - np.log(np.exp(x).sum(-1, keepdims=True)) for x in logits]
    recognition = -np.mean([chances[k][..., k].mean() for k in range(2)])
    adversarial = np.log1p(np.exp(-to_numpy(gan.discriminator([HE, ihc])[0]))).mean()

    logs = gan.evaluate(HE, IHC, verbose=0, return_dict=True)
    expected = {
        "generator_competition": competition,
        "generator_diversity": 0.5 * recognition,
        "generator_adversarial": adversarial,
        "discriminator_diversity": recognition,
        "generator_share_1": gate[..., 0].mean(),
        "generator_share_2": gate[..., 1].mean(),
    }
    for name, value in expected.items():
        assert_allclose(logs[name], value, rtol=1e-5, err_msg=name)
    terms = ("adversarial", "l1_scale_1", "competition", "diversity")
    total = sum(logs[f"generator_{term}"] for term in terms)
    assert_allclose(logs["generator_loss"], total, rtol=1e-6)
    of_judge = logs["discriminator_real"] / 2 + logs["discriminator_fake"] / 2
    assert_allclose(logs["discriminator_loss"], of_judge + recognition, rtol=1e-5)
    # By convexity the expected error is no less than that of the blend.
    assert competition / 3.0 >= np.abs(IHC - ihc).mean()


def test_the_one_that_is_chosen_learns_as_pyramid_pix2pix_of_both_weights():
    ours = small(diversity=0.0)
    gate = ours.generator.get_layer("gate_scores")
    gate.set_weights([0.0 * to_numpy(gate.kernel), np.array([60.0, -60.0])])
    keras.utils.set_random_seed(1)
    generator = pyramid_pix2pix.build(filters=2, blocks=1, dropout=0.0)
    others = ("gate", "expert_2")
    chosen = [v for v in ours.generator.weights if not v.path.startswith(others)]
    generator.set_weights([to_numpy(v.value) for v in chosen])
    theirs = ConditionalGAN(generator, judge(), pyramid_weights=[2.0 + 3.0])
    theirs.discriminator.set_weights(ours.discriminator.get_weights())
    compiled(theirs)
    for gan in (ours, theirs):
        for _ in range(2):
            gan.train_on_batch(HE, IHC)
    for a, b in zip(chosen, generator.weights, strict=True):
        assert_allclose(to_numpy(a.value), to_numpy(b.value), atol=2e-6)


def test_panel_shows_where_the_gate_chooses_whom():
    gan = small(diversity=0.0)
    gate = gan.generator.get_layer("gate_scores")
    gate.set_weights([0.0 * to_numpy(gate.kernel), np.array([-60.0, 60.0])])
    white = np.full((1, 24, 32, 3), 255, "uint8")
    shown = {k: to_numpy(v) for k, v in gan.further_images(white, None).items()}
    assert list(shown) == ["gate", "generator 1", "generator 2"]
    orange = 2.0 * np.array([230, 159, 0]) / 255.0 - 1.0
    assert_allclose(shown["gate"], np.broadcast_to(orange, white.shape), atol=1e-6)
    stained = to_numpy(gan.predict_on_batch(white))
    assert_allclose(shown["generator 2"], stained, atol=1e-6)


def test_idle_generators_are_warned_of_after_a_tenth_of_the_training():
    gan = small()
    idle = {"generator_share_1": 0.03, "generator_share_2": 0.97}
    assert gan.warning(idle, 0.05) == ""
    assert gan.warning({**idle, "generator_share_2": 0.95}, 0.5) == ""
    assert gan.warning(idle, 0.5) == (
        "Generator 2 has 97 % of the weight: the others are idle. More "
        "`trainer.competition` or fewer generators may help."
    )


@pytest.mark.parametrize(("classes", "diversity", "asked"), [(0, 0.1, 2), (3, 0, 0)])
def test_the_discriminator_tells_as_many_apart_as_there_are(classes, diversity, asked):
    generator = mggan.build(filters=2, blocks=1, generators=2)
    arguments = (generator, judge(classes))
    assert refusal(MultiGeneratorGAN, *arguments, diversity=diversity) == (
        f"The discriminator must tell {asked} generators apart: `classes` = {asked}. "
        f"Received: {classes}."
    )
