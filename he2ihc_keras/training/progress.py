"""How a run is shown while it trains."""

import keras
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

from he2ihc_keras.training.callbacks import Position


class ShowProgress(keras.callbacks.Callback):
    """A bar with losses and the time left; one line per epoch stays.

    Where the output is no terminal, the lines alone.
    """

    def __init__(self, position: Position, epochs: int, console: Console):
        super().__init__()
        self.position = position
        self.epochs = epochs
        self.console = console
        self.total = epochs * position.steps_per_epoch

    def __enter__(self):
        self.bar = Progress(
            TextColumn("epoch {task.fields[epoch]}/" + str(self.epochs)),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[losses]}"),
            console=self.console,
            transient=True,
            disable=not self.console.is_terminal,
        )
        self.task = self.bar.add_task(
            "train", total=self.total, completed=self.position.step, epoch=1, losses=""
        )
        self.bar.start()
        return self

    def __exit__(self, *error):
        self.bar.stop()

    def on_train_batch_end(self, batch, logs=None):
        if self.bar.disable:
            return
        self.bar.update(
            self.task,
            completed=self.position.step,
            epoch=min(self.position.epoch + 1, self.epochs),
            losses=_line(logs, self.model.loss_names, {}),
        )

    def on_epoch_end(self, epoch, logs=None):
        measured = [name for name in self.model.shown if name in logs]
        shown = (*self.model.loss_names, *measured)
        width = len(str(self.epochs))
        line = _line(logs, shown, self.model.shown)
        line = f"epoch {epoch + 1:>{width}}/{self.epochs}  {line}"
        self.console.print(line, highlight=False, soft_wrap=True)
        if warning := self.model.warning(logs, (epoch + 1) / self.epochs):
            self.console.print(warning, style="yellow", markup=False, soft_wrap=True)


def _line(logs, names, forms):
    return "  ".join(_form(name, forms).format(float(logs[name])) for name in names)


def _form(name, forms):
    player = name.removesuffix("_loss").replace("_", " ")
    return forms.get(name, f"{player} {{:#.4g}}")
