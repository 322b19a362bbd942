"""What the bridge's network is asked, at which steps, and what then stains."""

import keras
import numpy as np
import pytest
from keras import ops

from he2ihc_keras import brownian_bridge, models
from he2ihc_keras.trainers import Batch, DiffusionBridge
from he2ihc_keras.training.checkpoints import variables
from helpers import SMALL_BRIDGE, random_images, saved_and_loaded, to_numpy

pytestmark = pytest.mark.backends
HE, IHC, NOISE = random_images(3, (2, 8, 8))
N = np.array([3, 700])


def small(**options):
    keras.utils.set_random_seed(0)
    network = models.build("bridge", **SMALL_BRIDGE)
    trainer = DiffusionBridge(network, **options)
    trainer.compile(keras.optimizers.SGD(0.1))
    return trainer


def on_device():
    """A batch and noise for it."""
    he, ihc, noise = map(ops.convert_to_tensor, (HE, IHC, NOISE))
    return Batch(he, ihc), noise


@pytest.mark.parametrize(
    ("label", "error", "size"),
    [("ihc", "absolute", np.abs), ("scaled", "squared", np.square)],
)
def test_loss_of_a_network_that_says_nothing_is_the_size_of_the_label(
    label, error, size
):
    trainer = small(label=label, error=error)
    batch, noise = on_device()
    trainer.random_steps = lambda ihc: (N, noise)
    loss = trainer.losses_at_random(batch, None, True)["loss"]
    x = brownian_bridge.noised(trainer.bridge, N, batch.ihc, batch.he, noise)
    said = brownian_bridge.label(label, trainer.bridge, N, x, batch.ihc)
    assert to_numpy(loss) == pytest.approx(size(to_numpy(said)).mean(), rel=1e-5)


def test_network_is_given_the_noised_image_the_he_and_the_time():
    trainer = small(timesteps=2000)
    batch, noise = on_device()
    trainer.random_steps = lambda ihc: (N, noise)
    seen = []
    trainer.denoiser.call = lambda x, **kwargs: seen.extend(x) or x[0]
    trainer.losses_at_random(batch, None, True)
    expected = brownian_bridge.noised(trainer.bridge, N, batch.ihc, batch.he, noise)
    for actual, wanted in zip(seen, (expected, HE, N / 2), strict=True):
        np.testing.assert_allclose(to_numpy(actual), to_numpy(wanted), atol=1e-6)


def test_all_steps_are_drawn_alike():
    n, noise = small(timesteps=10).random_steps(np.zeros((5000, 1, 1, 3)))
    counts = np.bincount(to_numpy(n), minlength=10)
    assert np.abs(counts - 500).max() < 5 * np.sqrt(500)
    assert abs(to_numpy(noise).std() - 1) < 0.05


def test_validation_is_at_the_same_steps_each_time_and_moves_no_draws():
    trainer = small(timesteps=100)
    before = to_numpy(trainer.draws.state)
    batch, _ = on_device()
    losses = [trainer.losses_at_random(batch, None, False)["loss"] for _ in "ab"]
    assert to_numpy(losses[0]) == to_numpy(losses[1])
    assert to_numpy(trainer.fixed_steps(HE)[0]).tolist() == [25, 75]
    np.testing.assert_array_equal(to_numpy(trainer.draws.state), before)


def test_a_checkpoint_holds_the_state_of_the_draws():
    trainer = small()
    [state] = [v for v in variables(trainer).values() if v is trainer.draws.state]
    before = to_numpy(state)
    first, second = (to_numpy(trainer.random_steps(HE)[1]) for _ in range(2))
    assert np.any(first != second)
    state.assign(before)
    np.testing.assert_array_equal(to_numpy(trainer.random_steps(HE)[1]), first)


def test_network_moves_and_its_average_stains():
    trainer = small(average=0.5, steps=2)
    before = [to_numpy(w) for w in trainer.denoiser.weights]
    trainer.train_on_batch(HE, IHC)
    assert any(
        np.any(to_numpy(w) != b)
        for w, b in zip(trainer.denoiser.weights, before, strict=True)
    )
    sampler = trainer.staining_network.get_layer("sampler")
    assert sampler.network is trainer.average_network
    assert sampler.steps == 2
    stained = to_numpy(trainer.predict(HE, verbose=0))
    np.testing.assert_allclose(
        stained, to_numpy(trainer.staining_network(HE)), atol=1e-5
    )
    again = saved_and_loaded(trainer)
    np.testing.assert_array_equal(to_numpy(again.predict(HE, verbose=0)), stained)
