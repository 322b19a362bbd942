"""From a recipe and pairs to a run folder."""

from collections.abc import Sequence
from pathlib import Path

import keras
from rich.console import Console

from he2ihc_keras import engine, trainers
from he2ihc_keras.data.batches import (
    original_errors,
    steps_per_epoch,
    training_batches,
    validation_batches,
)
from he2ihc_keras.data.digests import relocated
from he2ihc_keras.data.pairs import Pair, whole, write_pairs_csv
from he2ihc_keras.data.sample import SampleError, check_levels, check_sizes
from he2ihc_keras.engine.precision import resolve_precision
from he2ihc_keras.optimizers import Adam, ConstantThenLinear
from he2ihc_keras.recipe import Recipe
from he2ihc_keras.trainers import Trainer
from he2ihc_keras.training import callbacks as cb
from he2ihc_keras.training.checkpoints import last_checkpoint, restore
from he2ihc_keras.training.lock import locked
from he2ihc_keras.training.progress import ShowProgress
from he2ihc_keras.training.run_folder import RunFolder
from he2ihc_keras.training.signals import Signals

_NO_PAIRS = (
    "There is no held-out pair: validation is of DAB and sharpness of the whole set, "
    "which say nothing of whether the stain is in the right place."
)


def fit(
    recipe: Recipe,
    pairs: Sequence[Pair],
    out: Path | str,
    *,
    console: Console | None = None,
) -> RunFolder:
    """Trains as a recipe says, from the beginning.

    The run folder gets recipe, versions and pairs at once, and after each epoch the
    model (and others that the trainer keeps), a checkpoint, a row of `history.csv`, a
    sample panel and TensorBoard logs.

    Args:
        recipe: What to train, and how.
        pairs: Training and validation pairs; others are kept for scoring.
        out: The run folder; it must not hold a run.
        console: Where progress is shown; nowhere if `None`.

    Returns:
        The run folder.

    Raises:
        ValueError: If recipe, pairs and machine do not fit together, or another process
            trains into the folder; before any file is written.
        FloatingPointError: If a loss or a weight stops being finite.
        Interrupted: After Ctrl-C, SIGTERM or SIGUSR1; the steps done are saved.
    """
    run = RunFolder(Path(out))
    console = console or Console(quiet=True)
    with Signals() as signals:
        training = _Training(recipe, pairs, run, console)
        with locked(run.lock):
            run.create(training.recipe, list(pairs))
            training.go_on(signals)
    return run


def resume(
    out: Path | str,
    pairs: Sequence[Pair] | None = None,
    *,
    console: Console | None = None,
) -> RunFolder:
    """Goes on with a run from its last whole checkpoint, as if it had never stopped.

    On a CPU the weights at the end are, bit for bit, those of the uninterrupted run.

    Args:
        out: A run folder.
        pairs: The run's pairs where they lie now, in any order, if they moved; the run
            folder then names the new places.
        console: Where progress is shown; nowhere if `None`.

    Returns:
        The run folder.

    Raises:
        ValueError: If the folder holds no run, if its files do not belong together or
            cannot be read, if `pairs` are not those of the run to the byte, or if
            another process trains into it.
        FloatingPointError: If a loss or a weight stops being finite.
        Interrupted: After Ctrl-C, SIGTERM or SIGUSR1; the steps done are saved.
    """
    run = RunFolder(Path(out))
    console = console or Console(quiet=True)
    with Signals() as signals:
        recipe, recorded = run.read_to_resume(moved=pairs is not None)
        pairs = recorded if pairs is None else relocated(recorded, pairs)
        with locked(run.lock):
            if pairs != recorded:
                write_pairs_csv(run.pairs, pairs)
            run.remove_leftovers()
            checkpoint = _last_whole(run, console)
            training = _Training(recipe, pairs, run, console)
            training.go_on(signals, checkpoint)
    return run


def build_trainer(recipe: Recipe, steps: int) -> Trainer:
    """The compiled trainer of a recipe.

    Args:
        recipe: What to train.
        steps: Steps in an epoch, for the learning-rate schedule.
    """
    networks = {role: network.build() for role, network in recipe.networks.items()}
    trainer = trainers.get(recipe.trainer.name)(**networks, **recipe.trainer.options)
    size = recipe.data.patch_size
    trainer.check_patch_size(size)
    if not trainer.built:
        trainer.build((None, size, size, 3))
    trainer.compile(
        {p: _optimizer(adam, recipe.fit, steps) for p, adam in recipe.optimizer.items()}
    )
    return trainer


class _Training:
    """A recipe, its pairs and its networks, found to fit together."""

    def __init__(self, recipe, pairs, run, console):
        policy, reason = resolve_precision(recipe.fit.precision)
        console.print(f"Precision: {policy} ({reason}).", highlight=False)
        # The run folder says what "auto" came to: a resumed run computes the same way.
        self.recipe = recipe.override({"fit.precision": policy})
        self.run, self.console = run, console
        self.train, self.held_out = _split(pairs)
        self.steps = steps_per_epoch(self.train, recipe.fit.batch_size)
        check_sizes([*self.train, *self.held_out], recipe.data)
        self.is_paired = all(pair.is_whole for pair in self.held_out)
        if not self.is_paired:
            console.print(_NO_PAIRS, highlight=False, soft_wrap=True)
        if "levels" in self.recipe.needs:
            check_levels([*self.train, *self.held_out])
        self.trainer = self._seeded_trainer(policy)

    def _seeded_trainer(self, policy):
        keras.utils.set_random_seed(self.recipe.fit.seed)
        engine.make_deterministic()
        before = keras.config.dtype_policy()
        keras.config.set_dtype_policy(policy)
        try:
            return build_trainer(self.recipe, self.steps)
        finally:
            keras.config.set_dtype_policy(before)

    def go_on(self, signals, checkpoint=None):
        """Trains to the end, from the beginning or from a checkpoint."""
        position = cb.Position(self.steps)
        if checkpoint is not None:
            restore(self.trainer, checkpoint)
            at = checkpoint.step, checkpoint.history, checkpoint.logs
            position = cb.Position(self.steps, *at)
        checkpoints = cb.SaveCheckpoints(
            position,
            self.run,
            self._kept_networks(),
            self.recipe.fit.checkpoint_minutes,
            checkpoint,
        )
        checkpoints.renew_models()
        held_out = self._held_out_batches()
        progress = ShowProgress(position, self.recipe.fit.epochs, self.console)
        stop = cb.StopOnSignal(signals, checkpoints)
        validate = cb.Validate(held_out, stop.stop_if_asked, paired=self.is_paired)
        watching = self._watching(position, validate)
        callbacks = [*watching, checkpoints, progress, stop]
        with progress:
            try:
                self._fit(position, held_out, callbacks)
            except SampleError as error:
                checkpoints.save_what_is_done()
                raise SampleError(
                    f"{error} What was trained is saved: put the file back, as it was, "
                    "and resume the run."
                ) from error

    def _kept_networks(self):
        """What the run folder keeps as models, by file."""
        trainer = self.trainer
        kept = {self.run.network(role): getattr(trainer, role) for role in trainer.kept}
        return {self.run.model: trainer.kept_network, **kept}

    def _watching(self, position, validate):
        """In this order: what adds to the logs comes before what writes them."""
        run = self.run
        terms = [metric.name for metric in self.trainer.metrics]
        return [
            cb.LogLearningRates(),
            cb.CountSteps(position),
            cb.StopOnNonFinite(position, run.checkpoints),
            validate,
            cb.KeepBest(position),
            cb.SavePanel(validate, run.samples, run.logs),
            cb.SaveHistory(position, run.history, terms),
            cb.LogToTensorBoard(run.logs),
        ]

    def _fit(self, position, held_out, callbacks):
        """Keras's `fit` from a position: the rest of an epoch, then whole ones."""
        epochs = self.recipe.fit.epochs
        if position.logs is not None:
            rest = keras.callbacks.CallbackList(callbacks, model=self.trainer)
            with original_errors(held_out):
                rest.on_epoch_end(position.epoch - 1, position.logs)
        while position.epoch < epochs:
            begun = position.step_in_epoch
            batches = self._training_batches(position.step)
            with original_errors(batches, held_out):
                self.trainer.fit(
                    batches,
                    initial_epoch=position.epoch,
                    epochs=position.epoch + 1 if begun else epochs,
                    steps_per_epoch=position.steps_per_epoch - begun,
                    callbacks=callbacks,
                    shuffle=False,
                    verbose=0,
                )

    def _training_batches(self, first_step):
        fit = self.recipe.fit
        return training_batches(
            self.train,
            self.recipe.data,
            batch_size=fit.batch_size,
            seed=fit.seed,
            first_step=first_step,
            levels="levels" in self.recipe.needs,
            degrading=self.trainer.degrading,
            unpaired="unpaired" in self.recipe.needs,
        )

    def _held_out_batches(self):
        return validation_batches(
            self.held_out,
            self.recipe.data,
            batch_size=self.recipe.fit.batch_size,
            levels="levels" in self.recipe.needs,
        )


def _last_whole(run, console):
    """The checkpoint to go on from, after a word about each that is damaged."""
    checkpoint, problems = last_checkpoint(run)
    for problem in problems:
        said = f"{problem} The one before it is used."
        console.print(said, style="yellow", markup=False, soft_wrap=True)
    console.print(f"Resuming after step {checkpoint.step if checkpoint else 0}.")
    return checkpoint


def _optimizer(adam, fit, steps):
    schedule = ConstantThenLinear(
        adam.learning_rate, steps, fit.epochs - fit.decay_epochs, fit.decay_epochs
    )
    return Adam(
        schedule,
        adam.beta_1,
        adam.beta_2,
        adam.epsilon,
        global_clipnorm=adam.clip_norm,
    )


def _split(pairs):
    """Training pairs and held-out ones, or images; of the latter, pairs if any."""
    train, held_out = (
        [pair for pair in pairs if pair.split == split] for split in ("train", "val")
    )
    if not held_out:
        raise ValueError("There is no validation pair. Set data.validation_fraction.")
    return train, whole(held_out) or held_out
