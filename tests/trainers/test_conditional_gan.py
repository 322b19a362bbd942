import keras
import numpy as np
import pytest

from he2ihc_keras import losses
from he2ihc_keras.models import patchgan, unet
from he2ihc_keras.optimizers import Adam
from he2ihc_keras.trainers import ConditionalGAN
from helpers import random_images


def make_gan(compiled=True, **kwargs):
    generator = unet.build(filters=4, depth=1)
    gan = ConditionalGAN(generator, patchgan.build(filters=4), **kwargs)
    if compiled:
        gan.compile(Adam(), Adam())
    return gan


def test_loss_is_adversarial_plus_weighted_scales():
    gan = make_gan(pyramid_weights=[25.0, 10.0])
    logs = gan.train_on_batch(*random_images(2, (2, 32, 32)), return_dict=True)
    parts = ("adversarial", "l1_scale_1", "l1_scale_2")
    total = sum(logs[f"generator_{part}"] for part in parts)
    assert logs["generator_loss"] == pytest.approx(total, rel=1e-6)
    mean = (logs["discriminator_real"] + logs["discriminator_fake"]) / 2
    assert logs["discriminator_loss"] == pytest.approx(mean, rel=1e-6)


def test_one_scale_of_weight_100_is_pix2pix():
    gan = make_gan(pyramid_weights=[100.0])
    he, ihc = random_images(2, (2, 32, 32))
    logs = gan.test_on_batch(he, ihc, return_dict=True)
    l1 = np.abs(np.asarray(gan(he, training=False)) - ihc).mean()
    assert logs["generator_l1_scale_1"] == pytest.approx(100 * l1, rel=1e-5)
    assert "generator_l1_scale_2" not in logs


@pytest.mark.parametrize("adversarial", losses.ADVERSARIAL)
def test_both_players_learn_under_each_adversarial_loss(adversarial):
    gan = make_gan(adversarial=adversarial, pyramid_weights=[1.0])
    gan.compile(Adam(), Adam(), run_eagerly=True)  # one step is not worth a trace
    kernels = [w for w in gan.trainable_weights if w.name == "kernel"]
    before = [kernel.numpy() for kernel in kernels]
    gan.train_on_batch(*random_images(2, (2, 32, 32)))
    assert all(np.any(k.numpy() != b) for k, b in zip(kernels, before, strict=True))


def test_discriminator_never_moves_the_generator():
    gan = make_gan(pyramid_weights=[0.0])
    gan.compile(Adam(0.0), Adam(0.1))
    before = [w.numpy() for w in gan.generator.trainable_weights]
    gan.train_on_batch(*random_images(2, (2, 32, 32)))
    for weight, old in zip(gan.generator.trainable_weights, before, strict=True):
        np.testing.assert_array_equal(weight.numpy(), old)


def test_saved_gan_goes_on_with_both_optimizers(tmp_path):
    gan = make_gan(pyramid_weights=[25.0, 25.0])
    batch = random_images(2, (2, 32, 32))
    gan.train_on_batch(*batch)
    gan.save(tmp_path / "gan.keras")
    again = keras.models.load_model(tmp_path / "gan.keras")
    for ours, theirs in zip(
        gan.optimizer.variables,
        again.optimizer.variables,
        strict=True,
    ):
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
    first, second = (g.train_on_batch(*batch, return_dict=True) for g in (gan, again))
    assert first["generator_adversarial"] != 0
    for ours, theirs in zip(gan.weights, again.weights, strict=True):
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())


def test_unknown_adversarial_loss_lists_the_known():
    with pytest.raises(ValueError) as error:
        make_gan(adversarial="wasserstein")
    assert str(error.value) == (
        "Unknown adversarial loss 'wasserstein'. Known: vanilla, least_squares, hinge."
    )


def test_step_runs_eagerly_too():
    gan = make_gan(pyramid_weights=[1.0])
    batch = random_images(2, (1, 32, 32))
    graph = gan.test_on_batch(*batch, return_dict=True)
    gan.compile(Adam(), Adam(), run_eagerly=True)
    gan.reset_metrics()
    eager = gan.test_on_batch(*batch, return_dict=True)
    assert eager["generator_loss"] == pytest.approx(graph["generator_loss"], rel=1e-4)


def test_float16_scales_both_losses():
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        gan = make_gan(pyramid_weights=[1.0])
    finally:
        keras.config.set_dtype_policy(policy)
    kind = keras.optimizers.LossScaleOptimizer
    assert all(isinstance(o, kind) for o in gan.optimizer.players.values())
