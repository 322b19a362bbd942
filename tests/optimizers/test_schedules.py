import keras
import pytest

from he2ihc_keras.optimizers import ConstantThenLinear


def rates(epochs, decay_epochs, steps=3):
    schedule = ConstantThenLinear(0.1, steps, epochs, decay_epochs)
    return [float(schedule(step)) for step in range(steps * (epochs + decay_epochs))]


def pix2pix_rate(epoch, n_epochs, n_epochs_decay):
    """`lambda_rule` of the authors' code, stepped before each epoch."""
    epoch_count = 1
    return 1.0 - max(0, epoch + epoch_count - n_epochs) / float(n_epochs_decay + 1)


def test_rate_is_the_authors_in_each_epoch():
    expected = [0.1 * pix2pix_rate(epoch, 4, 5) for epoch in range(1, 10)]
    assert rates(4, 5)[::3] == pytest.approx(expected, abs=1e-8)


def test_rate_changes_between_epochs_only():
    steps = rates(2, 2)
    assert all(len(set(steps[i : i + 3])) == 1 for i in range(0, 12, 3))


def test_last_epoch_of_the_decay_has_rate_zero():
    assert rates(100, 100, steps=1)[-1] == 0


def test_rate_is_constant_without_decay():
    assert rates(5, 0) == pytest.approx([0.1] * 15)


def test_schedule_survives_serialization():
    schedule = ConstantThenLinear(0.1, 3, 2, 2)
    config = keras.saving.serialize_keras_object(schedule)
    again = keras.saving.deserialize_keras_object(config)
    assert [float(again(s)) for s in range(12)] == [
        float(schedule(s)) for s in range(12)
    ]
