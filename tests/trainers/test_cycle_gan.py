"""CycleGAN against three steps of the authors' PyTorch code, on each backend.

`cyclegan.npz` says what is compared and how closely in its README's words: losses 1e-5,
images 1e-4, weights after 5e-6, of the smaller of its two trainings.
"""

import keras
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from he2ihc_keras.models import cyclegan, patchgan
from he2ihc_keras.optimizers import Adam, ConstantThenLinear
from he2ihc_keras.trainers import Batch, CycleGAN
from helpers import (
    CYCLEGAN,
    load_pytorch,
    random_images,
    reference,
    refusal,
    to_channels_last,
    to_numpy,
)

pytestmark = pytest.mark.backends

THEIRS = {
    "generator": "G_A",
    "reverse_generator": "G_B",
    "discriminator": "D_A",
    "reverse_discriminator": "D_B",
}
LOSSES = {
    "G_A": "generators_adversarial_ihc",
    "cycle_A": "generators_cycle_he",
    "idt_A": "generators_identity_ihc",
    "G_B": "generators_adversarial_he",
    "cycle_B": "generators_cycle_ihc",
    "idt_B": "generators_identity_he",
    "D_A": "discriminators_ihc",
    "D_B": "discriminators_he",
    "G": "generators_loss",
}
IMAGES = {
    "fake_ihc": "fake_B",
    "cycled_he": "rec_A",
    "fake_he": "fake_A",
    "cycled_ihc": "rec_B",
    "same_ihc": "idt_A",
    "same_he": "idt_B",
}


def small(name):
    return CYCLEGAN[f"training_small/{name}"]


def networks(moment=None, filters=6, blocks=3):
    """Two generators and two discriminators, with the authors' weights or fresh."""
    made = [cyclegan.build(filters=filters, blocks=blocks) for _ in range(2)]
    judge = {"filters": 8, "normalization": "instance", "inputs": 1}
    made += [patchgan.build(**judge) for _ in range(2)]
    if moment:
        for network, theirs in zip(made, THEIRS.values(), strict=True):
            prefix = f"training_small/{theirs}_{moment}/weights"
            load_pytorch(network, reference(prefix, CYCLEGAN))
    return made


def compiled(made, optimizer=Adam, **options):
    gan = CycleGAN(*made, **options)
    # As on a processor in a run: XLA takes longer to compile than these steps take.
    jit = keras.backend.backend() == "jax"
    gan.compile({p: optimizer(2e-4) for p in gan.players}, jit_compile=jit)
    return gan


def batches():
    images = (to_channels_last(small(f"real_{stain}")) for stain in "AB")
    return list(zip(*images, strict=True))


def step(gan, batch):
    gan.reset_metrics()
    return gan.train_on_batch(*batch, return_dict=True)


def numbers(network):
    return [to_numpy(v.value) for v in network.weights]


def test_losses_images_and_weights_of_three_steps_are_the_authors():
    cycle_he, cycle_ihc, identity = map(float, small("lambda_A_lambda_B_identity"))
    options = {"cycle_he": cycle_he, "cycle_ihc": cycle_ihc, "identity": identity}
    gan, losses = compiled(networks("before"), **options), []
    for number, batch in enumerate(batches()):
        images = gan.translate(Batch.of(batch), training=True)
        for ours, theirs in IMAGES.items():
            expected = to_channels_last(small(theirs)[number])
            assert_allclose(to_numpy(images[ours]), expected, rtol=0, atol=1e-4)
        logs = step(gan, batch)
        losses.append([logs[LOSSES[name]] for name in small("loss_names")])
    assert_allclose(losses, small("losses"), rtol=1e-5)
    for role, expected in zip(gan.roles, networks("after"), strict=True):
        ours, theirs = numbers(getattr(gan, role)), numbers(expected)
        for variable, a, b in zip(expected.weights, ours, theirs, strict=True):
            assert_allclose(a, b, rtol=0, atol=5e-6, err_msg=variable.path)


def test_the_reference_moves_its_weights_further_than_the_tolerance():
    for before, after in zip(networks("before"), networks("after"), strict=True):
        assert np.abs(numbers(before)[0] - numbers(after)[0]).mean() > 40 * 5e-6


def logs_of(batch, made, **options):
    gan = CycleGAN(*made, **options)
    gan.compile({p: keras.optimizers.SGD() for p in gan.players}, run_eagerly=True)
    return gan.test_on_batch(*batch, return_dict=True)


def test_unequal_weights_that_are_swapped_change_the_losses():
    made, batch = networks("before"), batches()[0]
    one = logs_of(batch, made, cycle_he=8.0, cycle_ihc=12.0)
    other = logs_of(batch, made, cycle_he=12.0, cycle_ihc=8.0)
    for term, factor in {"cycle_he": 1.5, "identity_he": 1.5}.items():
        name = f"generators_{term}"
        assert other[name] == pytest.approx(factor * one[name], rel=1e-5)
        name = name.replace("_he", "_ihc")
        assert other[name] == pytest.approx(one[name] / factor, rel=1e-5)
    assert other["generators_loss"] != pytest.approx(one["generators_loss"], rel=1e-4)


def test_without_identity_its_two_passes_are_left_out():
    made, batch = networks("before"), batches()[0]
    logs = logs_of(batch, made, identity=0.0)
    assert logs["generators_identity_he"] == logs["generators_identity_ihc"] == 0
    gan = CycleGAN(*made, identity=0.0)
    assert len(gan.translate(Batch.of(batch), False)) == 4


def test_rates_are_the_authors():
    schedule = ConstantThenLinear(2e-4, 7, 100, 100)
    rates = [float(schedule(7 * epoch)) for epoch in range(200)]
    assert_allclose(rates, CYCLEGAN["learning_rate/by_epoch"], rtol=1e-5, atol=1e-12)


def test_discriminators_are_shown_older_images():
    batch, made = Batch(*random_images(2, (1, 24, 24))), networks(blocks=0)
    gans = [CycleGAN(*made, pool=size) for size in (1, 0)]
    losses = []
    for gan in gans:
        gan.build((1, 24, 24, 3))
        for shade in np.linspace(-1, 1, 8, dtype="float32"):
            image = shade * np.ones((1, 24, 24, 3), "float32") * batch.he
            images = {"fake_ihc": image, "fake_he": image}
            terms = gan.discriminator_losses(batch, images, training=True)
            losses.append(to_numpy(terms["ihc"]).item())
    assert losses[0] == losses[8]  # while the pool is filling
    assert losses[1:8] != losses[9:]


@pytest.fixture(scope="module")
def trained():
    """A small one after two steps."""
    gan = compiled(networks(filters=2, blocks=0), pool=3)
    for images in random_images(2, (2, 1, 32, 32)):
        step(gan, images)
    return gan


def test_validation_keeps_no_image_and_moves_nobody(trained):
    before = [to_numpy(v) for v in trained.variables]
    trained.test_on_batch(*random_images(2, (1, 32, 32), seed=1))
    metrics = {id(v) for metric in trained.metrics for v in metric.variables}
    for variable, old in zip(trained.variables, before, strict=True):
        if id(variable) not in metrics:
            assert_array_equal(to_numpy(variable), old)


def test_saved_cycle_gan_goes_on_with_pools_and_optimizers(trained, tmp_path):
    trained.save(tmp_path / "gan.keras")
    again = keras.models.load_model(tmp_path / "gan.keras")
    assert (again.pool, to_numpy(again.he_pool.count)) == (3, 2)
    kept, expected = again.ihc_pool.images, trained.ihc_pool.images
    assert_array_equal(to_numpy(kept), to_numpy(expected))
    for ours, theirs in zip(
        again.optimizer.variables, trained.optimizer.variables, strict=True
    ):
        assert_array_equal(to_numpy(ours), to_numpy(theirs))


def test_discriminators_of_pairs_are_refused():
    generators = networks(blocks=0)[:2]
    message = refusal(CycleGAN, *generators, *(patchgan.build(filters=2),) * 2)
    assert message == (
        "The discriminator must judge one image: `inputs` = 1. Received one of 2."
    )
