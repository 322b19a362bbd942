"""What holds for every trainer, on whichever backend Keras runs."""

import sys
import types
from importlib import metadata

import keras
import numpy as np
import pytest
from keras import layers, ops
from numpy.testing import assert_allclose, assert_array_equal

from he2ihc_keras import models, trainers
from he2ihc_keras.models import patchgan, unet
from he2ihc_keras.trainers import ConditionalGAN, Supervised, Trainer
from he2ihc_keras.trainers.trainer import keyword_only
from helpers import dtype_policy, noise_image, random_images, refusal

pytestmark = pytest.mark.backends
BATCH = random_images(2, (2, 32, 32))


def small_gan(optimizer=keras.optimizers.SGD, **kwargs):
    keras.utils.set_random_seed(0)
    generator = unet.build(filters=2, depth=1, normalization=None)
    judge = patchgan.build(filters=2, normalization=None)
    gan = ConditionalGAN(generator, judge, pyramid_weights=[1.0], **kwargs)
    gan.compile(optimizer(0.1), optimizer(0.1))
    return gan


def numbers(variables):
    return [np.array(ops.convert_to_numpy(v.value)) for v in variables]


def test_batch_keeps_the_place_of_what_is_missing():
    he, level = np.zeros((1, 2, 2, 3), "uint8"), np.array([2])
    batch = trainers.Batch.of((he, None, level))
    assert_array_equal(ops.convert_to_numpy(batch.he), -1.0 + 0.0 * he)
    assert batch.ihc is None
    assert_array_equal(ops.convert_to_numpy(batch.level), [2])


class HandsNothingOn(Trainer):
    def __init__(self, generator, *, weight: float = 1.0):
        super().__init__({"generator": generator}, {"generator": ("loss",)})


def test_options_are_those_that_a_class_takes():
    assert list(keyword_only(HandsNothingOn)) == ["weight"]
    assert list(keyword_only(Supervised)) == ["pyramid_weights", "average"]


# The algorithm on paper


def linear_gan(a, b):
    """Images of one pixel: fake = he A, logit = [he, ihc] b."""
    he, ihc = keras.Input((1, 1, 3)), keras.Input((1, 1, 3))
    fake = layers.Conv2D(3, 1, use_bias=False)(he)
    logit = layers.Conv2D(1, 1, use_bias=False)(layers.Concatenate()([he, ihc]))
    gan = ConditionalGAN(
        keras.Model(he, fake),
        keras.Model([he, ihc], logit),
        adversarial="least_squares",
        pyramid_weights=[0.5],
    )
    gan.generator.set_weights([a[None, None]])
    gan.discriminator.set_weights([b[None, None]])
    return gan


def one_step_on_paper(a, b, he, ihc, rate):
    """Discriminator first, then the generator against the updated one; SGD."""
    fake = he @ a
    seen_fake, seen_real = np.hstack([he, fake]), np.hstack([he, ihc])
    n = len(he)
    of_b = seen_fake.T @ (seen_fake @ b) + seen_real.T @ (seen_real @ b - 1)
    b = b - rate * of_b / n  # gradient of (mean (real - 1)^2 + mean fake^2) / 2
    of_fake = 2 / n * (seen_fake @ b - 1) @ b[3:].T
    of_fake += 0.5 * np.sign(fake - ihc) / fake.size
    return a - rate * he.T @ of_fake, b


def test_moves_are_made_in_the_order_of_the_lines():
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(3, 3)), rng.normal(size=(6, 1))
    gan = linear_gan(a, b)
    gan.compile(keras.optimizers.SGD(0.2), keras.optimizers.SGD(0.2))
    for he, ihc in rng.normal(size=(3, 2, 4, 3)):
        a, b = one_step_on_paper(a, b, he, ihc, rate=0.2)
        images = (x[:, None, None].astype("float32") for x in (he, ihc))
        gan.train_on_batch(*images)
    ours = numbers([*gan.generator.weights, *gan.discriminator.weights])
    assert_allclose(ours[0][0, 0], a, rtol=0, atol=2e-6)
    assert_allclose(ours[1][0, 0], b, rtol=0, atol=2e-6)


def test_validation_is_the_step_in_which_nobody_moves():
    gan = small_gan()
    before = numbers(gan.weights)
    logs = gan.test_on_batch(*BATCH, return_dict=True)
    for old, new in zip(before, numbers(gan.weights), strict=True):
        assert_array_equal(old, new)
    gan.reset_metrics()
    trained = gan.train_on_batch(*BATCH, return_dict=True)
    assert logs.keys() == trained.keys()
    # Before anybody moves, training and validation of a plain network agree.
    for name in ("discriminator_loss", "generator_l1_scale_1"):
        assert logs[name] == pytest.approx(trained[name], rel=1e-5)


class Twice(Supervised):
    """Uses one pass of the generator for two moves of it."""

    def step(self, batch, training):
        fake_ihc = self.generate("generator", self.stain, batch, training)
        for _ in range(2):
            self.minimize("generator", self.losses_of, batch, fake_ihc, training)


def test_one_pass_serves_one_move_of_its_player():
    trainer = Twice(unet.build(filters=2, depth=1))
    trainer.compile(keras.optimizers.SGD(0.1), run_eagerly=True)
    assert refusal(trainer.train_on_batch, *BATCH) == (
        "The images that 'generator' made have been used for one `minimize` of it. "
        "Make them anew: one `generate` for each."
    )


def test_stored_images_train_as_their_floats_do():
    stored = [np.stack([noise_image(32, 32, seed)]) for seed in (0, 1)]
    floats = [image / np.float32(127.5) - np.float32(1) for image in stored]
    losses = [
        small_gan().train_on_batch(*images, return_dict=True)["generator_loss"]
        for images in (stored, floats)
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)


# The moving average


def test_average_follows_the_weights_by_its_decay():
    gan = small_gan(average=0.25)
    gan.train_on_batch(*BATCH)
    average = numbers(gan.average_network.weights)
    for decay in (0.25, 0.25, 0.25):
        gan.train_on_batch(*BATCH)
        new = numbers(gan.generator.weights)
        average = [
            decay * m + (1 - decay) * w for m, w in zip(average, new, strict=True)
        ]
    for ours, expected in zip(
        numbers(gan.average_network.weights), average, strict=True
    ):
        assert_allclose(ours, expected, rtol=0, atol=1e-6)


def test_a_short_run_forgets_its_beginning():
    gan = small_gan(average=0.999)
    first = numbers(gan.generator.weights)
    gan.train_on_batch(*BATCH)
    new = numbers(gan.generator.weights)
    expected = [2 / 11 * a + 9 / 11 * b for a, b in zip(first, new, strict=True)]
    for ours, on_paper in zip(
        numbers(gan.average_network.weights), expected, strict=True
    ):
        assert_allclose(ours, on_paper, rtol=0, atol=1e-6)


def test_average_stains_and_is_saved_with_the_network_that_learns(tmp_path):
    gan = small_gan(average=0.9)
    for _ in range(2):
        gan.train_on_batch(*BATCH)
    stained = gan.predict_on_batch(BATCH[0])
    by_average = gan.average_network(BATCH[0], training=False)
    assert_allclose(stained, ops.convert_to_numpy(by_average), atol=1e-6)
    gan.save(tmp_path / "gan.keras")
    again = keras.models.load_model(tmp_path / "gan.keras")
    for ours, theirs in zip(
        numbers([*gan.weights, *gan.optimizer.variables]),
        numbers([*again.weights, *again.optimizer.variables]),
        strict=True,
    ):
        assert_array_equal(ours, theirs)


# Keras


def test_stock_callbacks_see_one_optimizer_of_both_players(tmp_path):
    gan = small_gan(keras.optimizers.Adam)
    gan.fit(
        *BATCH,
        validation_data=BATCH,
        epochs=2,
        verbose=0,
        callbacks=[
            keras.callbacks.ModelCheckpoint(tmp_path / "gan.keras"),
            keras.callbacks.CSVLogger(tmp_path / "log.csv"),
            keras.callbacks.LearningRateScheduler(lambda epoch: [0.5, 0.25][epoch]),
            keras.callbacks.TerminateOnNaN(),
        ],
    )
    assert gan.learning_rates() == {
        "learning_rate": 0.25,
        "discriminator_learning_rate": 0.25,
    }
    header, *rows = (tmp_path / "log.csv").read_text().split()
    assert {"generator_loss", "val_generator_loss"} <= set(header.split(","))
    assert len(rows) == 2
    again = keras.models.load_model(tmp_path / "gan.keras")
    assert [int(o.iterations) for o in again.optimizer.players.values()] == [2, 2]


def test_accumulated_halves_move_as_the_whole_batch_does():
    whole, halves = small_gan(), small_gan()
    sgd = keras.optimizers.SGD
    halves.compile(*(sgd(0.1, gradient_accumulation_steps=2) for _ in range(2)))
    whole.train_on_batch(*BATCH)
    for half in (slice(1), slice(1, 2)):
        halves.train_on_batch(*(images[half] for images in BATCH))
    for a, b in zip(
        numbers(whole.discriminator.weights),
        numbers(halves.discriminator.weights),
        strict=True,
    ):
        assert_allclose(a, b, rtol=0, atol=1e-6)


def test_float16_networks_are_scaled_under_a_float32_trainer():
    with dtype_policy("mixed_float16"):
        networks = (
            unet.build(filters=2, depth=1, normalization=None),
            patchgan.build(filters=2, normalization=None),
        )
    gan = ConditionalGAN(*networks, pyramid_weights=[1.0])
    scaled = keras.optimizers.LossScaleOptimizer
    too_large = scaled(keras.optimizers.SGD(0.1), initial_scale=2.0**40)
    gan.compile(keras.optimizers.SGD(0.1), too_large)
    players = gan.optimizer.players
    assert all(isinstance(optimizer, scaled) for optimizer in players.values())
    before = numbers(gan.weights)
    while int(too_large.iterations) == 0:
        gan.train_on_batch(*BATCH)
    assert float(ops.convert_to_numpy(too_large.dynamic_scale.value)) < 2.0**40
    after = numbers(gan.weights)
    assert all(np.isfinite(weight).all() for weight in after)
    for network in networks:
        kernel = [w.path for w in gan.weights].index(network.weights[0].path)
        assert np.any(before[kernel] != after[kernel])


# What is refused


def test_each_player_needs_an_optimizer():
    gan = small_gan()
    sgd = keras.optimizers.SGD
    assert refusal(gan.compile, {"generator": sgd(), "judge": sgd()}) == (
        "ConditionalGAN needs an optimizer for each of its players: generator, "
        "discriminator. Received: generator, judge."
    )
    assert refusal(gan.compile, sgd(), sgd(use_ema=True)) == (
        "The optimizer of 'discriminator' has `use_ema`, which overwrites weights. "
        "Give the trainer `average` instead, which keeps both."
    )


def test_patches_must_fit_the_networks():
    gan = small_gan()
    gan.check_patch_size(24)
    assert refusal(gan.check_patch_size, 27) == (
        "Height and width must be multiples of 2, the stride of the network. "
        "Received: (27, 27). Crop to (26, 26) or pad to (28, 28)."
    )
    assert refusal(gan.check_patch_size, 16) == (
        "Patches must be at least 24 x 24 pixels for the discriminator. "
        "Received: 16 x 16."
    )


def test_unknown_trainer_lists_the_known():
    assert refusal(trainers.get, "conditional_gann") == (
        "Unknown trainer 'conditional_gann'. "
        f"Known: {', '.join(trainers.names())}. "
        "Did you mean 'conditional_gan'? One from elsewhere needs --import MODULE."
    )


def test_a_name_is_registered_once():
    trainers.register("supervised", Supervised)  # again: as a module imported twice
    assert refusal(trainers.register, "supervised", Twice) == (
        "There is a trainer 'supervised' already, Supervised. Choose another name."
    )
    assert refusal(trainers.register, "sum", sum, error=TypeError) == (
        f"`trainer` must be a subclass of Trainer. Received: {sum}."
    )


@pytest.mark.parametrize(
    ("attribute", "message"),
    [
        (
            {"roles": {"generator": "genrator"}},
            "roles names 'genrator', which is none of: "
            f"{', '.join(sorted(models.KINDS))}.",
        ),
        (
            {"players": {"generator": ("painter",)}},
            "players names 'painter', which is none of: generator.",
        ),
        (
            {"staining": "painter"},
            "staining names 'painter', which is none of: generator.",
        ),
        (
            {"needs": ("pairs",)},
            "needs names 'pairs', which is none of: levels, paired, unpaired.",
        ),
    ],
)
def test_a_trainer_that_contradicts_itself_is_refused(attribute, message):
    odd = type("Odd", (Supervised,), attribute)
    assert refusal(trainers.register, "odd", odd) == f"Odd.{message}"


def test_an_installed_package_brings_a_trainer_when_it_is_asked_for(monkeypatch):
    found = metadata.EntryPoints(
        metadata.EntryPoint(name, value, "he2ihc_keras.trainers")
        for name, value in (("fine", f"{__name__}:Twice"), ("broken", "no_such:X"))
    )
    known = trainers.names()
    monkeypatch.setitem(sys.modules, __name__, types.SimpleNamespace(Twice=Twice))
    monkeypatch.setattr(metadata, "entry_points", found.select)
    monkeypatch.setattr(trainers, "_TRAINERS", dict(trainers._TRAINERS))
    assert trainers.names() == tuple(sorted(("broken", "fine", *known)))
    assert not trainers.is_loaded("fine")
    assert trainers.get("fine") is Twice
    assert trainers.is_loaded("fine")


def test_options_are_the_signatures_and_the_average():
    assert list(trainers.options("conditional_gan")) == [
        *("adversarial", "pyramid_weights", "average"),
    ]
    assert issubclass(trainers.get("supervised"), Trainer)
