"""What the callbacks that save, check and stop leave in a run folder."""

import signal

import keras
import numpy as np
import pytest
from keras import layers

from he2ihc_keras.inference.load import model_file
from he2ihc_keras.trainers import Supervised
from he2ihc_keras.training import Interrupted, RunFolder, Signals
from he2ihc_keras.training import callbacks as cb
from he2ihc_keras.training.checkpoints import last_checkpoint
from helpers import random_images, refusal

pytestmark = pytest.mark.backends

IMAGES = random_images(2, (4, 16, 16))


class Saved:
    """A run of four steps an epoch, with the callbacks that write its files."""

    def __init__(self, folder, optimizer=None, steps=4, resumed=None, **kwargs):
        network = [keras.Input((16, 16, 3)), layers.Conv2D(3, 1)]
        self.trainer = Supervised(keras.Sequential(network), **kwargs)
        self.trainer.compile(optimizer or keras.optimizers.SGD(1e-3))
        self.run = RunFolder(folder)
        self.position = cb.Position(steps, resumed.step if resumed else 0)
        networks = {self.run.model: self.trainer.staining_network}
        self.checkpoints = cb.SaveCheckpoints(
            self.position, self.run, networks, 9.0, resumed
        )

    def fit(self, *last, epochs=1):
        callbacks = [
            cb.CountSteps(self.position),
            cb.StopOnNonFinite(self.position, self.run.checkpoints),
            cb.SaveHistory(self.position, self.run.history),
            self.checkpoints,
            *last,
        ]
        he, ihc = (images[: self.position.steps_per_epoch] for images in IMAGES)
        self.trainer.fit(
            he, ihc, 1, epochs, callbacks=callbacks, shuffle=False, verbose=0
        )

    def files(self):
        paths = self.run.path.rglob("*.*")
        return sorted(str(path.relative_to(self.run.path)) for path in paths)


class Raise(keras.callbacks.Callback):
    """Sends this process a signal, or raises an error, after a step."""

    def __init__(self, step, what):
        super().__init__()
        self.step, self.what = step, what

    def on_train_batch_end(self, batch, logs=None):
        if batch + 1 == self.step and isinstance(self.what, signal.Signals):
            signal.raise_signal(self.what)
        elif batch + 1 == self.step:
            raise self.what


def test_epoch_whose_last_update_is_not_finite_writes_nothing(tmp_path):
    far = keras.optimizers.SGD(1e38)
    saved = Saved(tmp_path, far, steps=1, pyramid_weights=(1e3,))
    message = refusal(saved.fit, error=FloatingPointError)
    assert "variables are not finite after step 1, the first of them " in message
    assert saved.files() == []


def test_average_that_is_not_finite_is_written_nowhere(tmp_path):
    saved = Saved(tmp_path, average=0.9)
    weight = saved.trainer.average_network.weights[0]
    weight.assign(np.full(weight.shape, np.inf))
    assert "not finite after step 4" in refusal(saved.fit, error=FloatingPointError)
    assert saved.files() == []


@pytest.mark.parametrize("damage", ["gone", "torn"])
def test_model_of_a_finished_run_is_made_again_from_its_checkpoint(tmp_path, damage):
    saved = Saved(tmp_path)
    saved.fit()
    expected = keras.models.load_model(saved.run.model).get_weights()
    saved.run.model.write_bytes(saved.run.model.read_bytes()[:-100])
    if damage == "gone":
        saved.run.model.unlink()
    resume(tmp_path).checkpoints.renew_models()
    again = keras.models.load_model(model_file(tmp_path)).get_weights()
    assert all(map(np.array_equal, again, expected))


def resume(folder):
    checkpoint, _ = last_checkpoint(RunFolder(folder))
    again = Saved(folder, resumed=checkpoint)
    cb.restore(again.trainer, checkpoint)
    return again


def test_model_of_the_last_epoch_stays_while_another_is_under_way(tmp_path):
    saved = Saved(tmp_path)
    saved.fit()
    before = saved.run.model.read_bytes()
    with pytest.raises(RuntimeError):
        saved.fit(Raise(2, RuntimeError()))
    saved.checkpoints.save_what_is_done()
    resume(tmp_path).checkpoints.renew_models()
    assert saved.run.model.read_bytes() == before
    saved.run.model.write_bytes(before[:-100])
    resume(tmp_path).checkpoints.renew_models()
    assert model_file(tmp_path)


def test_steps_before_an_error_can_be_saved(tmp_path):
    saved = Saved(tmp_path)
    with pytest.raises(ValueError, match="he.png"):
        saved.fit(Raise(3, ValueError("he.png is damaged")))
    assert saved.checkpoints.has_unsaved()
    saved.checkpoints.save_what_is_done()
    assert last_checkpoint(saved.run)[0].step == 3
    assert not saved.checkpoints.has_unsaved()


@pytest.mark.parametrize(("step", "saved_step"), [(2, 2), (4, 4)])
def test_signal_is_answered_when_the_steps_are_saved(tmp_path, step, saved_step):
    saved = Saved(tmp_path)
    with pytest.raises(Interrupted) as stop, Signals() as signals:
        ask = Raise(step, signal.SIGUSR1)
        saved.fit(ask, cb.StopOnSignal(signals, saved.checkpoints), epochs=2)
    assert (stop.value.signal, stop.value.step) == (signal.SIGUSR1, saved_step)
    assert last_checkpoint(saved.run)[0].step == saved_step
    assert saved.run.model.exists() == (step == 4)
    assert str(stop.value) == f"Stopped after step {step}; the checkpoint is written."


def test_signal_is_answered_at_once_while_every_step_is_saved(tmp_path):
    saved = Saved(tmp_path)
    with pytest.raises(Interrupted) as stop, Signals() as signals:
        on_signal = cb.StopOnSignal(signals, saved.checkpoints)
        saved.fit(on_signal)
        signal.raise_signal(signal.SIGTERM)
        saved.fit(on_signal)
    assert stop.value.step is None
