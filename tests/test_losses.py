import math

import keras
import numpy as np
import pytest
from keras import ops

from he2ihc_keras import losses
from he2ihc_keras.layers import gaussian_pyramid
from helpers import gradients, random_images, to_numpy

pytestmark = pytest.mark.backends

LOGITS = np.array([-3.0, -1.0, -0.5, 0.0, 0.25, 1.0, 4.0], "float32")


def softplus(x):
    return np.log1p(np.exp(x))


def relu(x):
    return np.maximum(x, 0)


# The formulas of the papers: a generator's, and a discriminator's of real and of fake
FORMULAS = {
    "vanilla": (
        lambda fake: softplus(-fake),
        lambda real: softplus(-real),
        lambda fake: softplus(fake),
    ),
    "least_squares": (
        lambda fake: (fake - 1) ** 2,
        lambda real: (real - 1) ** 2,
        lambda fake: fake**2,
    ),
    "hinge": (
        lambda fake: -fake,
        lambda real: relu(1 - real),
        lambda fake: relu(1 + fake),
    ),
}


def numbers(terms):
    return [float(to_numpy(term)) for term in terms]


every_adversarial = pytest.mark.parametrize("name", list(FORMULAS))


def test_every_adversarial_loss_has_its_formula_here():
    assert set(losses.ADVERSARIAL) == set(FORMULAS)


@every_adversarial
def test_adversarial_losses_are_means_of_their_formulas(name):
    generator_loss, discriminator_loss = losses.ADVERSARIAL[name]
    of_generator, of_real, of_fake = FORMULAS[name]
    real_logits, fake_logits = LOGITS, LOGITS[::-1] / 2
    fake = to_numpy(generator_loss(fake_logits))
    assert np.allclose(fake, of_generator(fake_logits).mean())
    real, fake = numbers(discriminator_loss(real_logits, fake_logits))
    assert np.allclose(real, of_real(real_logits).mean())
    assert np.allclose(fake, of_fake(fake_logits).mean())


@every_adversarial
def test_players_pull_the_fake_logits_apart(name):
    generator_loss, discriminator_loss = losses.ADVERSARIAL[name]
    logits = np.float32([0.5])
    [of_generator] = gradients(generator_loss, logits)
    [of_discriminator] = gradients(lambda x: discriminator_loss(x, x)[1], logits)
    assert of_generator < 0 < of_discriminator


@every_adversarial
def test_a_perfect_discriminator_has_no_loss(name):
    # Right by far; least squares asks for 1 and 0 exactly.
    right = (1.0, 0.0) if name == "least_squares" else (50.0, -50.0)
    _, discriminator_loss = losses.ADVERSARIAL[name]
    terms = discriminator_loss(*(np.full((1, 2, 2, 1), x, "float32") for x in right))
    assert np.allclose(numbers(terms), 0, atol=1e-6)


def test_vanilla_loss_of_an_undecided_discriminator_is_log_2():
    undecided = np.zeros((2, 30, 30, 1), "float32")
    terms = losses.discriminator_vanilla_loss(undecided, undecided)
    terms = [*terms, losses.generator_vanilla_loss(undecided)]
    assert np.allclose(numbers(terms), math.log(2))


@pytest.mark.parametrize("logit", [-1e4, 1e4])
def test_vanilla_loss_and_gradient_of_certainty_are_finite(logit):
    def total(logits):
        terms = losses.discriminator_vanilla_loss(logits, logits)
        return sum(terms) + losses.generator_vanilla_loss(logits)

    logits = np.float32([logit])
    assert np.isfinite(to_numpy(total(logits)))
    assert np.isfinite(gradients(total, logits)).all()


# Pyramid


def test_each_scale_is_its_weight_times_the_mean_absolute_difference():
    ihc, fake_ihc = random_images(2, (2, 40, 36))
    weights = (25.0, 10.0, 5.0)
    expected = [
        weight * np.abs(to_numpy(fake).astype("float64") - to_numpy(real)).mean()
        for weight, fake, real in zip(
            weights,
            gaussian_pyramid(fake_ihc, 3),
            gaussian_pyramid(ihc, 3),
            strict=True,
        )
    ]
    actual = losses.pyramid_l1_losses(ihc, fake_ihc, weights)
    assert np.allclose(numbers(actual), expected, rtol=1e-6)


def test_one_scale_is_the_l1_loss_of_pix2pix():
    ihc, fake_ihc = random_images(2, (1, 4, 4))
    [loss] = losses.pyramid_l1_losses(ihc, fake_ihc, [100.0])
    assert np.allclose(to_numpy(loss), 100 * np.abs(ihc - fake_ihc).mean())


def test_a_shift_of_colour_costs_the_same_at_every_scale():
    [ihc] = random_images(1, (1, 64, 64))
    terms = losses.pyramid_l1_losses(ihc, ihc + np.float32(0.1), [25.0] * 4)
    assert np.allclose(numbers(terms), 2.5, rtol=1e-5)


def test_fine_noise_costs_less_at_coarser_scales():
    ihc, fake_ihc = random_images(2, (1, 64, 64))
    terms = numbers(losses.pyramid_l1_losses(ihc, fake_ihc, [1.0] * 4))
    assert terms == sorted(terms, reverse=True)
    assert terms[1] < terms[0] / 3


def test_equal_images_cost_nothing_and_give_a_finite_gradient():
    [ihc] = random_images(1, (1, 32, 32))

    def loss(fake_ihc):
        return sum(losses.pyramid_l1_losses(ihc, fake_ihc, [25.0] * 3))

    assert to_numpy(loss(ihc)) == 0
    assert np.isfinite(gradients(loss, ihc)).all()


def test_the_difference_is_taken_in_float32():
    ihc, fake_ihc = random_images(2, (1, 16, 16))
    exact = losses.pyramid_l1_losses(ihc, fake_ihc, [1.0, 1.0])
    mixed = losses.pyramid_l1_losses(ihc, ops.cast(fake_ihc, "bfloat16"), [1.0, 1.0])
    dtypes = [keras.backend.standardize_dtype(term.dtype) for term in mixed]
    assert dtypes == ["float32"] * 2
    assert np.allclose(numbers(mixed), numbers(exact), rtol=0.01)
