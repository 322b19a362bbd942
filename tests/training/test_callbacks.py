import keras
import numpy as np
import pytest

from he2ihc_keras import models
from he2ihc_keras.trainers import Supervised
from he2ihc_keras.training.callbacks import (
    KeepBest,
    LogLearningRates,
    Position,
    SaveHistory,
    StopOnNonFinite,
)


def test_position_counts_epochs_and_the_steps_inside_one():
    position = Position(steps_per_epoch=6, step=15)
    assert (position.epoch, position.step_in_epoch) == (2, 3)


def test_non_finite_loss_names_step_terms_and_the_last_checkpoint(tmp_path):
    for step in (5, 10):
        (tmp_path / f"step-{step:08d}.npz").touch()
    callback = StopOnNonFinite(Position(6, step=12), tmp_path)
    logs = {"generator_loss": np.nan, "discriminator_loss": 0.7, "generator_l1": np.inf}
    with pytest.raises(FloatingPointError) as error:
        callback.on_train_batch_end(0, logs)
    assert str(error.value) == (
        "The losses are not finite after step 12: generator_loss = nan, "
        "generator_l1 = inf. The last good checkpoint is kept: "
        f"{tmp_path / 'step-00000010.npz'}. "
        "Start a new run with a smaller learning rate, or in float32."
    )


def test_finite_losses_pass(tmp_path):
    StopOnNonFinite(Position(6), tmp_path).on_train_batch_end(0, {"loss": 1e30})


def test_history_keeps_the_rows_of_a_resumed_run(tmp_path):
    position = Position(6, step=6, history=[{"epoch": 1, "loss": 0.5}])
    SaveHistory(position, tmp_path / "history.csv").on_epoch_end(1, {"loss": 0.25})
    assert (tmp_path / "history.csv").read_text().split() == [
        "epoch,loss",
        "1,0.5",
        "2,0.25",
    ]


def test_losses_stand_in_the_order_of_the_trainer(tmp_path):
    terms = ["generator_loss", "discriminator_loss"]
    logs = dict.fromkeys(["discriminator_loss", "val_generator_loss"], 1.0)
    logs |= dict.fromkeys(["generator_loss", "val_psnr", "learning_rate"], 2.0)
    path = tmp_path / "history.csv"
    SaveHistory(Position(6), path, terms).on_epoch_end(0, logs)
    header = "epoch,generator_loss,discriminator_loss,learning_rate"
    expected = f"{header},val_generator_loss,val_psnr"
    assert path.read_text().splitlines()[0] == expected


def test_logged_rate_is_the_one_that_the_epoch_used():
    callback = LogLearningRates()
    trainer = Supervised(models.build("unet", filters=2))
    trainer.compile(keras.optimizers.SGD(0.5))
    callback.set_model(trainer)
    callback.on_epoch_begin(0)
    trainer.optimizer.learning_rate = 0.25
    logs = {}
    callback.on_epoch_end(0, logs)
    assert logs == {"learning_rate": 0.5}


class Keeper:
    """A model whose epochs are told apart by a number."""

    best_by = "val_kappa"

    def __init__(self):
        self.epoch, self.kept = 0, None

    def keep(self):
        self.kept = self.epoch


@pytest.mark.parametrize(
    ("kappas", "kept"),
    [([0.2, 0.9, 0.5], 1), ([0.9, 0.9, 0.5], 1), ([np.nan, -1.0], 1), ([np.nan], 0)],
)
def test_best_epoch_is_kept_and_of_equal_ones_the_last(kappas, kept):
    position, model = Position(6), Keeper()
    callback = KeepBest(position)
    callback.set_model(model)
    for model.epoch, kappa in enumerate(kappas):
        callback.on_epoch_end(model.epoch, {"val_kappa": kappa})
        position.history.append({"epoch": model.epoch + 1, "val_kappa": kappa})
    assert model.kept == kept
