"""Three training steps of the authors' PyTorch code, repeated.

Tolerances are those of float32: the seven losses agree to 1e-5 of their value, and the
weights after three steps of 2e-4 to 5e-6.
"""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from he2ihc_keras.models import patchgan, pyramid_pix2pix
from he2ihc_keras.training import Adam, ConditionalGAN
from helpers import load_pytorch, reference, to_channels_last

LOSSES = (
    "generator_adversarial",
    "discriminator_real",
    "discriminator_fake",
    "generator_l1_scale_1",
    "generator_l1_scale_2",
    "generator_l1_scale_4",
    "generator_l1_scale_8",
)


def networks(moment):
    generator = pyramid_pix2pix.build(filters=8, dropout=0.0)
    discriminator = patchgan.build(filters=8)
    load_pytorch(generator, reference(f"training/generator_{moment}/weights"))
    load_pytorch(discriminator, reference(f"training/discriminator_{moment}/weights"))
    return generator, discriminator


@pytest.fixture(scope="module")
def trained():
    gan = ConditionalGAN(*networks("before"), pyramid_weights=[25.0] * 4)
    gan.compile(Adam(2e-4), Adam(2e-4))
    arrays = reference("training")
    he, ihc = to_channels_last(arrays["he"]), to_channels_last(arrays["ihc"])
    logs = []
    for step in range(3):
        gan.reset_metrics()
        logs.append(gan.train_on_batch(he[step], ihc[step], return_dict=True))
    return gan, logs


@pytest.mark.parametrize("step", range(3))
def test_losses_of_each_step_are_the_authors(trained, step):
    losses = [trained[1][step][name] for name in LOSSES]
    assert_allclose(losses, reference("training")["losses"][step], rtol=1e-5)


@pytest.mark.parametrize("player", ["generator", "discriminator"])
def test_weights_after_three_steps_are_the_authors(trained, player):
    ours = getattr(trained[0], player).weights
    theirs = networks("after")[player == "discriminator"].weights
    for weight, expected in zip(ours, theirs, strict=True):
        actual, expected = np.asarray(weight), np.asarray(expected)
        assert_allclose(actual, expected, rtol=0, atol=5e-6, err_msg=weight.path)


def test_the_reference_moves_its_weights_further_than_the_tolerance():
    for before, after in zip(networks("before"), networks("after"), strict=True):
        moved = np.asarray(after.weights[0]) - np.asarray(before.weights[0])
        assert np.abs(moved).mean() > 40 * 5e-6
