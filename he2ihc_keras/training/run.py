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
from he2ihc_keras.data.pairs import Pair, write_pairs_csv
from he2ihc_keras.data.sample import SampleError, check_sizes
from he2ihc_keras.recipe import Recipe
from he2ihc_keras.trainers import Trainer
from he2ihc_keras.training import callbacks as cb
from he2ihc_keras.training.adam import Adam
from he2ihc_keras.training.checkpoints import last_checkpoint, restore
from he2ihc_keras.training.lock import locked
from he2ihc_keras.training.precision import resolve_precision
from he2ihc_keras.training.run_folder import RunFolder
from he2ihc_keras.training.schedules import ConstantThenLinear
from he2ihc_keras.training.signals import Signals


def fit(
    recipe: Recipe,
    pairs: Sequence[Pair],
    out: Path | str,
    *,
    console: Console | None = None,
) -> RunFolder:
    """Trains as a recipe says, from the beginning.

    The run folder gets recipe, versions and pairs at once, and after each epoch the
    model, a checkpoint, a row of `history.csv`, a sample panel and TensorBoard logs.

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
        return _fit(recipe, pairs, run, signals, console)


def _fit(recipe, pairs, run, signals, console):
    trainer = _prepare(recipe, pairs, console)
    # The run folder says what "auto" came to: a resumed run computes the same way.
    policy, _ = resolve_precision(recipe.fit.precision)
    recipe = recipe.override({"fit.precision": policy})
    with locked(run.lock):
        run.create(recipe, list(pairs))
        _train(trainer, recipe, pairs, run, None, signals, console)
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
            return _resume(recipe, pairs, run, signals, console)


def _resume(recipe, pairs, run, signals, console):
    run.remove_leftovers()
    checkpoint, problems = last_checkpoint(run)
    for problem in problems:
        console.print(
            f"{problem} The one before it is used.", style="yellow", soft_wrap=True
        )
    trainer = _prepare(recipe, pairs, console)
    if checkpoint is not None:
        restore(trainer, checkpoint)
    console.print(f"Resuming after step {checkpoint.step if checkpoint else 0}.")
    _train(trainer, recipe, pairs, run, checkpoint, signals, console)
    return run


def build_trainer(recipe: Recipe, steps: int) -> Trainer:
    """The compiled trainer of a recipe.

    Args:
        recipe: What to train.
        steps: Steps in an epoch, for the learning-rate schedule.
    """
    networks = {role: network.build() for role, network in recipe.networks.items()}
    trainer = trainers.get(recipe.trainer.name)(**networks, **recipe.trainer.options)
    trainer.check_patch_size(recipe.data.patch_size)
    trainer.compile(
        {p: _optimizer(adam, recipe.fit, steps) for p, adam in recipe.optimizer.items()}
    )
    return trainer


def _prepare(recipe, pairs, console):
    """Everything that can go wrong before the first step."""
    policy, reason = resolve_precision(recipe.fit.precision)
    console.print(f"Precision: {policy} ({reason}).", highlight=False)
    train, held_out = _split(pairs)
    if not held_out:
        raise ValueError("There is no validation pair. Set data.validation_fraction.")
    steps = steps_per_epoch(train, recipe.fit.batch_size)
    check_sizes([*train, *held_out], recipe.data)
    keras.utils.set_random_seed(recipe.fit.seed)
    engine.make_deterministic()
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        return build_trainer(recipe, steps)
    finally:
        keras.config.set_dtype_policy(before)


def _train(trainer, recipe, pairs, run, checkpoint, signals, console):
    train, held_out = _split(pairs)
    fit = recipe.fit
    steps = steps_per_epoch(train, fit.batch_size)
    position = cb.Position(steps)
    if checkpoint is not None:
        position = cb.Position(steps, checkpoint.step, checkpoint.history)
    batches = validation_batches(
        held_out,
        recipe.data,
        batch_size=fit.batch_size,
        levels="levels" in trainer.needs,
    )
    validate = cb.Validate(batches)
    checkpoints = cb.SaveCheckpoints(
        position, run, trainer.staining_network, fit.checkpoint_minutes, checkpoint
    )
    checkpoints.renew_model()
    progress = cb.ShowProgress(position, fit.epochs, console)
    # In this order: what adds to the logs comes before what writes them.
    callbacks = [
        cb.CountSteps(position),
        cb.StopOnNonFinite(position, run.checkpoints),
        cb.LogLearningRates(),
        validate,
        cb.SavePanel(validate, run.samples, run.logs),
        cb.SaveHistory(position, run.history, [m.name for m in trainer.metrics]),
        cb.LogToTensorBoard(run.logs),
        checkpoints,
        progress,
        cb.StopOnSignal(signals, checkpoints),
    ]
    with progress:
        try:
            _fit_from(trainer, recipe, train, batches, position, callbacks)
        except SampleError:
            checkpoints.save_within_epoch()
            raise


def _fit_from(trainer, recipe, train, held_out, position, callbacks):
    """Keras's `fit` from a position: first the rest of an epoch, then whole ones."""
    fit = recipe.fit
    while position.epoch < fit.epochs:
        begun = position.step_in_epoch
        batches = training_batches(
            train,
            recipe.data,
            batch_size=fit.batch_size,
            seed=fit.seed,
            first_step=position.step,
            levels="levels" in trainer.needs,
        )
        with original_errors(batches, held_out):
            trainer.fit(
                batches,
                initial_epoch=position.epoch,
                epochs=position.epoch + 1 if begun else fit.epochs,
                steps_per_epoch=position.steps_per_epoch - begun,
                validation_data=held_out,
                callbacks=callbacks,
                shuffle=False,
                verbose=0,
            )


def _optimizer(adam, fit, steps):
    schedule = ConstantThenLinear(
        adam.learning_rate, steps, fit.epochs - fit.decay_epochs, fit.decay_epochs
    )
    return Adam(schedule, adam.beta_1, adam.beta_2, adam.epsilon)


def _split(pairs):
    train, held_out = (
        [pair for pair in pairs if pair.split == split] for split in ("train", "val")
    )
    return train, held_out
