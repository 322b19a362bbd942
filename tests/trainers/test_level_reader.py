import keras
import numpy as np
import pytest
from keras import ops

from he2ihc_keras import losses, models
from he2ihc_keras.trainers import LevelReader
from helpers import noise_image, refusal, to_numpy

pytestmark = pytest.mark.backends

LEVELS = np.array([0, 1, 2, 3], "int32")


def images(seed=0):
    batch = [noise_image(16, 16, seed=seed + n) for n in range(4)]
    return np.stack(batch)


def reader(**options):
    keras.utils.set_random_seed(0)
    network = models.build("her2_level", filters=4, dropout=0.0)
    trainer = LevelReader(network, **options)
    trainer.compile(keras.optimizers.Adam(0.01))
    return trainer


def test_ordinal_loss_is_the_mean_cross_entropy_of_each_step():
    logits = np.random.default_rng(0).normal(0, 2, (4, 3)).astype("float32")
    above = 1 / (1 + np.exp(-logits))
    is_above = LEVELS[:, None] > np.arange(3)
    expected = -np.mean(np.log(np.where(is_above, above, 1 - above)))
    found = losses.ordinal_loss(*map(ops.convert_to_tensor, (LEVELS, logits)))
    assert to_numpy(found) == pytest.approx(expected, rel=1e-5)


def test_softmax_loss_is_minus_the_log_of_the_chance_of_the_level():
    logits = np.random.default_rng(0).normal(0, 2, (4, 4)).astype("float32")
    chances = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    expected = -np.mean(np.log(chances[range(4), LEVELS]))
    found = losses.softmax_loss(*map(ops.convert_to_tensor, (LEVELS, logits)))
    assert to_numpy(found) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("stain", ["ihc", "he"])
def test_it_reads_the_stain_that_is_named(stain):
    trainer = reader(stain=stain)
    batches = [(images(0), images(9), LEVELS), (images(9), images(0), LEVELS)]
    found = [trainer.held_out([batch], 2).logs for batch in batches]
    same = [(images(0), images(0), LEVELS), (images(9), images(9), LEVELS)]
    alone = [trainer.held_out([batch], 2).logs for batch in same]
    assert found == (alone if stain == "he" else alone[::-1])
    assert trainer.degrading == {stain: 1.0}


def test_it_learns_the_levels_of_a_batch_and_says_what_it_reads():
    trainer = reader(degradation=0.0)
    ihc = images() // 8 + (60 * LEVELS[:, None, None, None]).astype("uint8")
    batch = (images(), ihc, LEVELS)
    before = trainer.held_out([batch], 4)
    trainer.fit(_forever(batch), steps_per_epoch=60, shuffle=False, verbose=0)
    after = trainer.held_out([batch], 4)
    assert before.logs["val_accuracy"] < 1
    assert after.logs == {"val_kappa": 1.0, "val_accuracy": 1.0}
    assert after.captions[2] == "slide 2+\nread  2+"
    assert np.array_equal(after.rows[2][1], ihc[2])


def _forever(batch):
    while True:
        yield batch


def test_the_best_epoch_is_kept_apart_from_the_network_that_goes_on():
    trainer = reader()
    kept = [to_numpy(w) for w in trainer.kept_network.weights]
    trainer.fit(
        _forever((images(), images(5), LEVELS)),
        steps_per_epoch=1,
        shuffle=False,
        verbose=0,
    )
    for weight, before in zip(trainer.kept_network.weights, kept, strict=True):
        np.testing.assert_array_equal(to_numpy(weight), before)
    trainer.keep()
    pairs = zip(trainer.kept_network.weights, trainer.reader.weights, strict=True)
    assert all(np.array_equal(to_numpy(a), to_numpy(b)) for a, b in pairs)


def test_a_patch_too_small_to_read_is_refused():
    assert refusal(reader().check_patch_size, 8) == (
        "A level is read from 16 x 16 pixels or more. Received: `data.patch_size` 8."
    )
