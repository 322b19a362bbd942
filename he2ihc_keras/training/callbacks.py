"""What happens around the steps of a run, one callback for each thing."""

import csv
import math
import time

import keras

from he2ihc_keras.data.images import write_image
from he2ihc_keras.files import Damaged, read_zip, whole_file
from he2ihc_keras.models import as_float32
from he2ihc_keras.training.checkpoints import (
    finite_arrays,
    restore,
    save_checkpoint,
    what_is_left,
)
from he2ihc_keras.training.panels import sample_panel
from he2ihc_keras.training.signals import Interrupted, Signals
from he2ihc_keras.training.tensorboard import EventFile

_PANEL_ROWS = 4


class Position:
    """Where a run is.

    Attributes:
        step: Steps done.
        history: A row for each epoch that is over.
        logs: Of an epoch whose steps are done, and that has not been validated yet.
    """

    def __init__(self, steps_per_epoch: int, step: int = 0, history=(), logs=None):
        self.steps_per_epoch = steps_per_epoch
        self.step = step
        self.history = list(history)
        self.logs = logs

    @property
    def epoch(self) -> int:
        """Epochs whose steps are done."""
        return self.step // self.steps_per_epoch

    @property
    def step_in_epoch(self) -> int:
        """Steps done in the epoch that is under way."""
        return self.step % self.steps_per_epoch


class CountSteps(keras.callbacks.Callback):
    """Moves the position; before those that ask for it."""

    def __init__(self, position: Position):
        super().__init__()
        self.position = position

    def on_train_batch_end(self, batch, logs=None):
        self.position.step += 1

    def on_epoch_end(self, epoch, logs=None):
        self.position.logs = {name: float(value) for name, value in logs.items()}


class StopOnNonFinite(keras.callbacks.Callback):
    """Ends a run whose numbers are no longer finite, and keeps its checkpoints.

    Losses show it after each step. What only the last step of an epoch made so is found
    in the variables, before anything is written of the epoch.
    """

    def __init__(self, position: Position, folder):
        super().__init__()
        self.position = position
        self.folder = folder

    def on_train_batch_end(self, batch, logs=None):
        bad = {k: float(v) for k, v in logs.items() if not math.isfinite(float(v))}
        if bad:
            terms = ", ".join(f"{name} = {value}" for name, value in bad.items())
            raise FloatingPointError(
                f"The losses are not finite after step {self.position.step}: {terms}. "
                f"{what_is_left(self.folder)}"
            )

    def on_epoch_end(self, epoch, logs=None):
        finite_arrays(self.model, self.position.step, self.folder)


class Validate(keras.callbacks.Callback):
    """Looks at the held-out images after each epoch; adds what is found to the logs.

    Losses are those of the trainer's `step`; what it makes of the pairs, and how near
    that comes, the trainer says (`held_out`).

    Args:
        batches: Held-out batches `(he, ihc)` or `(he, ihc, level)`, once.
        stop_if_asked: Called before each batch.
        paired: Whether the H&E and the IHC of a batch are of the same place.

    Attributes:
        found: What the trainer said last; its rows are the panel's.
    """

    def __init__(self, batches, stop_if_asked=lambda: None, *, paired: bool = True):
        super().__init__()
        self.batches = batches
        self.stop_if_asked = stop_if_asked
        self.paired = paired
        self.losses, self.found = [], None

    def on_epoch_end(self, epoch, logs=None):
        self.losses = []
        self.found = self.model.held_out(
            self._with_losses(), _PANEL_ROWS, paired=self.paired
        )
        for name in self.losses[0]:
            losses = [float(of_batch[name]) for of_batch in self.losses]
            logs[f"val_{name}"] = sum(losses) / len(losses)
        logs.update(self.found.logs)

    def _with_losses(self):
        """The batches, each of them judged by the losses as it passes."""
        for batch in self.batches:
            self.stop_if_asked()
            # Of this batch alone: Keras begins its running means anew.
            self.losses.append(self.model.test_on_batch(*batch, return_dict=True))
            yield batch


class KeepBest(keras.callbacks.Callback):
    """Has the trainer keep its best epoch, where it says what tells that.

    Of epochs that are equally good, the last.

    Args:
        position: Where the run is; its history has the epochs before this one.
    """

    def __init__(self, position: Position):
        super().__init__()
        self.position = position

    def on_epoch_end(self, epoch, logs=None):
        name = self.model.best_by
        if name:
            before = [row[name] for row in self.position.history]
            best = max((v for v in before if not math.isnan(v)), default=-math.inf)
            if not logs[name] < best:
                self.model.keep()


class LogLearningRates(keras.callbacks.Callback):
    """Adds the learning rate of each player to the logs of an epoch."""

    rates = {}

    def on_epoch_begin(self, epoch, logs=None):
        # The rate of the epoch's steps; at its end the schedule is in the next one.
        self.rates = self.model.learning_rates()

    def on_epoch_end(self, epoch, logs=None):
        logs.update(self.rates)


class SavePanel(keras.callbacks.Callback):
    """Writes the sample panel of each epoch, as PNG and for TensorBoard."""

    def __init__(self, validate: Validate, folder, logs):
        super().__init__()
        self.validate = validate
        self.folder = folder
        self.events = EventFile(logs / "samples")

    def on_epoch_end(self, epoch, logs=None):
        _, rows, titles, captions = self.validate.found
        panel = sample_panel(rows, titles, captions)
        self.folder.mkdir(exist_ok=True)
        write_image(self.folder / f"epoch-{epoch + 1:04d}.png", panel)
        self.events.image("samples", panel, epoch + 1)


class LogToTensorBoard(keras.callbacks.Callback):
    """Writes the logs of each epoch for TensorBoard, as Keras's callback names them."""

    def __init__(self, folder):
        super().__init__()
        self.files = {
            name: EventFile(folder / name) for name in ("train", "validation")
        }

    def on_epoch_end(self, epoch, logs=None):
        curves = {"train": {}, "validation": {}}
        for name, value in logs.items():
            split = "validation" if name.startswith("val_") else "train"
            curves[split][f"epoch_{name.removeprefix('val_')}"] = float(value)
        for split, file in self.files.items():
            file.scalars(curves[split], epoch)


class SaveHistory(keras.callbacks.Callback):
    """Keeps the rows of the history, and writes them as CSV after each epoch.

    Args:
        position: Where the run is.
        path: The file.
        terms: Names of the losses in the order of the trainer; Keras sorts them.
    """

    def __init__(self, position: Position, path, terms=()):
        super().__init__()
        self.position = position
        self.path = path
        self.terms = list(terms)

    def on_epoch_end(self, epoch, logs=None):
        row = {name: float(logs[name]) for name in sorted(logs, key=self._place)}
        self.position.history.append({"epoch": epoch + 1, **row})
        self.position.logs = None
        with whole_file(self.path) as temporary, open(temporary, "w") as file:
            writer = csv.DictWriter(file, list(self.position.history[-1]))
            writer.writeheader()
            writer.writerows(self.position.history)

    def _place(self, name):
        """Training before validation, losses before what was added to them."""
        term = name.removeprefix("val_")
        known = self.terms.index(term) if term in self.terms else len(self.terms)
        return term != name, known


class SaveCheckpoints(keras.callbacks.Callback):
    """Writes checkpoint and models at each epoch's end, and a checkpoint when asked.

    Args:
        position: Where the run is.
        run: Its folder.
        networks: Those to keep as models, by file.
        minutes: Age at which the last checkpoint is renewed within an epoch.
        resumed: The checkpoint that the run goes on from. Keras clears the running
            means of the losses at an epoch's start; inside an epoch they are put back.
    """

    def __init__(self, position, run, networks, minutes, resumed=None):
        super().__init__()
        self.position, self.run, self.networks = position, run, networks
        self.minutes = minutes
        self.resumed = resumed
        self.saved_at = time.monotonic()
        self.saved_step = position.step

    def on_epoch_begin(self, epoch, logs=None):
        if self.resumed and self.position.step_in_epoch:
            restore(self.model, self.resumed)
        self.resumed = None

    def on_train_batch_end(self, batch, logs=None):
        is_due = time.monotonic() - self.saved_at > 60 * self.minutes
        if is_due:
            self.save_what_is_done()

    def on_epoch_end(self, epoch, logs=None):
        # Models last: of a run killed in between they are made again (`renew_models`).
        self._save()
        self._save_models()

    def has_unsaved(self) -> bool:
        """Whether there are steps that no checkpoint holds."""
        return self.position.step != self.saved_step

    def save_what_is_done(self) -> None:
        """Writes a checkpoint of the steps since the last one, if there are any.

        Not between the last step of an epoch and its end, which knows its losses.
        """
        is_at_a_step = self.position.step_in_epoch or self.position.logs is not None
        if self.has_unsaved() and is_at_a_step:
            self._save()

    def renew_models(self) -> None:
        """Makes the models of a resumed run again, where a kill or a disk took them."""
        is_damaged = any(map(_is_damaged, self.networks))
        if self.resumed and (not self.position.step_in_epoch or is_damaged):
            self._save_models()

    def _save_models(self):
        for path, network in self.networks.items():
            _save_model(network, path)

    def _save(self):
        at = self.position
        save_checkpoint(self.run.checkpoints, self.model, at.step, at.history, at.logs)
        self.saved_at, self.saved_step = time.monotonic(), at.step


def _is_damaged(path):
    try:
        return path.exists() and not read_zip(path)
    except Damaged:
        return True


def _save_model(network, path):
    with whole_file(path, ending=path.suffix) as temporary:
        as_float32(network).save(temporary)


class StopOnSignal(keras.callbacks.Callback):
    """Once a signal came, ends the run after its next checkpoint; the last callback."""

    def __init__(self, signals: Signals, checkpoints: SaveCheckpoints):
        super().__init__()
        self.signals = signals
        self.checkpoints = checkpoints

    def on_train_begin(self, logs=None):
        # Raised while a backend traces or compiles a step, it would not come out whole.
        self.signals.has_unsaved = lambda: True

    def on_train_end(self, logs=None):
        self.signals.has_unsaved = self.checkpoints.has_unsaved

    def on_train_batch_end(self, batch, logs=None):
        self.stop_if_asked()

    def on_epoch_end(self, epoch, logs=None):
        self.stop_if_asked()

    def stop_if_asked(self) -> None:
        """Raises `Interrupted` where a signal came, once all steps are saved."""
        if self.signals.received is None:
            return
        self.checkpoints.save_what_is_done()
        if not self.checkpoints.has_unsaved():
            raise Interrupted(self.signals.received, self.checkpoints.saved_step)
