"""he2ihc-keras train."""

import contextlib
import importlib
import shlex
import signal
import sys
from pathlib import Path

import click

from he2ihc_keras.cli import console as consoles
from he2ihc_keras.cli import folders, recipes
from he2ihc_keras.cli import resume as resuming
from he2ihc_keras.cli.backends import (
    BACKENDS,
    backend_option,
    chosen,
    start_keras,
)

_OF_A_PHANTOM = (
    "The pairs are synthetic: what a network scores on them says nothing about "
    "patients.\n"
)
_NOTHING = "Nothing was written."
_PRECISIONS = ("auto", "float32", "mixed_bfloat16", "mixed_float16")


@click.command()
@backend_option
@click.argument("model", required=False)
@click.option(
    "--data",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of pairs (BCI, BCI challenge, pix2pix or MIST layout; for CycleGAN "
    "also without partners). Without it, the recipe's quick start: a small network on "
    "synthetic pairs.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Run folder.  [default: runs/MODEL, the first that is free]",
)
@click.option("--epochs", type=click.IntRange(min=1), help="Epochs, decay included.")
@click.option("--batch-size", type=click.IntRange(min=1), help="Pairs a step.")
@click.option("--patch-size", type=click.IntRange(min=1), help="Pixels.")
@click.option(
    "--precision",
    type=click.Choice(_PRECISIONS),
    help="Of the arithmetic; auto takes bfloat16 where the hardware has it.",
)
@click.option("--seed", type=int, help="Of weights, data order, augmentation, dropout.")
@click.option(
    "--set",
    "settings",
    metavar="KEY=VALUE",
    multiple=True,
    help="Any key of the recipe, e.g. networks.generator.filters=32. Can be repeated.",
)
@click.option(
    "--import",
    "modules",
    metavar="MODULE",
    multiple=True,
    help="A Python module that registers a trainer of your own. Can be repeated.",
)
@click.option(
    "--resume",
    is_flag=True,
    help="Go on with the run in --out, or begin it where there is none.",
)
@click.option("--dry-run", is_flag=True, help="Check everything, train nothing.")
def train(model, data, out, modules, resume, dry_run, **options):
    """Train MODEL (attn_pyramid if none is named) by its recipe in the zoo.

    MODEL may be a recipe of your own: a file that ends in .toml.

    A run can be stopped at any time and continued with --resume; it ends with the
    same weights. A line with --out RUN --resume begins the run the first time and goes
    on each later time, so a job script can resubmit it as it is; what then differs from
    the run is refused by name. --data may name where the same pairs lie now.

    \b
    Example:
      he2ihc-keras train
      he2ihc-keras train unet --data BCI_dataset --out runs/unet --epochs 20
      he2ihc-keras train pix2pix --data MIST/HER2 --set networks.generator.filters=32
      he2ihc-keras train my.toml --data MIST/HER2 --import my_trainer
      he2ihc-keras train --out runs/unet --resume
      he2ihc-keras train --data /scratch/BCI --out runs/unet --resume
    """
    start_keras(saves=True)
    console = consoles.stdout()
    _import(modules)
    if resume and out is None:
        raise click.UsageError("--resume needs the run folder: --out RUN.")
    if resume and (out / "recipe.toml").is_file():
        _go_on(model, data, out, dry_run, options, console)
    else:
        _begin(model, data, out, resume, dry_run, options, console)


def _import(modules):
    # After all else, the folder where one is: nothing in it stands in for a library.
    sys.path += [str(Path.cwd())] * bool(modules)
    for name in modules:
        try:
            importlib.import_module(name)
        except (ImportError, TypeError, ValueError) as error:
            raise click.ClickException(
                f"--import {name}: {error}. Give the name of a module, without .py, "
                "that Python finds from here."
            ) from error
        except SyntaxError as error:
            raise click.ClickException(f"--import {name}: {error}.") from error


# A new run


def _begin(model, data, out, resume, dry_run, options, console):
    model = model or "attn_pyramid"
    recipe = recipes.named(model)
    phantom = None if data else recipe.quick_start.get("phantom")
    if not (data or phantom):
        raise click.UsageError(f"{model} has no quick start: give --data.")
    recipe = recipes.with_options(recipe if data else recipe.quick(), **options)
    out = out or folders.free_folder(Path("runs") / recipe.name)
    folders.check_is_free(out, resume, of_phantom=not data)
    if data is None:
        console.print(
            f"Quick start of {recipe.name}: a small network on {phantom['pairs']} "
            f"synthetic pairs of {phantom['size']} x {phantom['size']} pixels. "
            f"For your own data: he2ihc-keras train {shlex.quote(model)} --data DIR"
        )
    pairs = [] if data is None else _inspect(data, recipe, console)
    if dry_run:
        return _describe(recipe, pairs, phantom, out, console)
    from he2ihc_keras import training

    with _interruptible(out):
        if data is None:
            made = folders.make_phantom(phantom, out, recipe.fit.seed)
            pairs = _inspect(made, recipe, console)
        console.print(f"Run folder: {out}")
        _finish(training.fit(recipe, pairs, out, console=console), console)


def _inspect(data, recipe, console):
    from he2ihc_keras.data import inspect

    with consoles.bar("Checking the images", console) as advance:
        report = inspect(
            data,
            patch_size=recipe.data.patch_size,
            resize=recipe.data.fit == "resize",
            validation_fraction=recipe.data.validation_fraction,
            seed=recipe.fit.seed,
            unpaired="unpaired" in recipe.needs,
            progress=advance,
        )
    report.raise_if_problems()
    counts = report.counts_text()
    console.print(f"Data: {report.root}, {report.layout.name} layout: {counts}.")
    if report.not_taken:
        console.print(report.not_taken_text(), style="yellow")
    return list(report.pairs)


def _describe(recipe, pairs, phantom, out, console):
    from he2ihc_keras import training
    from he2ihc_keras.data.batches import steps_per_epoch

    policy, reason = training.resolve_precision(recipe.fit.precision)
    train_pairs = [pair for pair in pairs if pair.split == "train"]
    steps = steps_per_epoch(train_pairs, recipe.fit.batch_size) if pairs else 1
    trainer = training.build_trainer(recipe, steps)
    console.print(recipe.to_toml())
    weights = sum(getattr(trainer, role).count_params() for role in trainer.roles)
    console.print(f"Weights: {weights:,}")
    console.print(f"Precision: {policy} ({reason})")
    if pairs:
        console.print(f"Steps: {steps} an epoch, {steps * recipe.fit.epochs} in all")
    console.print(f"Would train into {out}. {_NOTHING}")


# A run that goes on


def _go_on(model, data, out, dry_run, options, console):
    from he2ihc_keras import training

    run, phantom = training.RunFolder(out), out / "phantom"
    with _interruptible(out):
        # A quick start's pairs move with its folder.
        there = data or (phantom if phantom.is_dir() else None)
        recipe, pairs = run.read_to_resume(moved=there is not None)
        resuming.check_is_asked_for(run, recipe, model, data, options)
        if there is not None:
            pairs = resuming.pairs_in(there, recipe, pairs, console)
        console.print(f"Data: the {len(pairs)} pairs of {run.pairs}.")
        if dry_run:
            step = run.last_step()
            console.print(f"Would go on with {out} after step {step}. {_NOTHING}")
        else:
            _finish(training.resume(out, pairs, console=console), console)


# Both


@contextlib.contextmanager
def _interruptible(out):
    """Says how to go on, and exits as a stopped program does."""
    from he2ihc_keras.training import Interrupted, Signals

    try:
        with Signals():
            yield
    except Interrupted as stop:
        name = signal.Signals(stop.signal).name
        consoles.say(f"{stop} ({name})", err=True)
        consoles.say(_how_to_go_on(out))
        raise SystemExit(128 + stop.signal) from stop


def _how_to_go_on(out):
    if not (out / "recipe.toml").is_file():
        again = shlex.join(["--out", str(out), "--resume"])
        return f"Nothing was begun. Give the same line again, with {again}"
    line = ["he2ihc-keras", "train", "--out", str(out), "--resume"]
    for module in click.get_current_context().params["modules"]:
        line += ["--import", module]
    if chosen() != BACKENDS[0]:
        line += ["--backend", chosen()]
    return f"Go on with: {shlex.join(line)}"


def _finish(run, console):
    from he2ihc_keras.cli.score import score_run

    score_run(run.path, run.scores, console)
    _say_what_next(run, console)


def _say_what_next(run, console):
    from he2ihc_keras import inference

    samples = sorted(run.samples.glob("*.png"))
    lines = [
        _OF_A_PHANTOM if (run.path / "phantom").is_dir() else "",
        f"Look at   {samples[-1]}" if samples else "",
        *(_with_places(line, run) for line in _NEXT[inference.predicts(run.path)]),
        "Not for diagnosis.",
    ]
    for line in lines:
        console.print(line)


def _with_places(line, run):
    return line.format(
        run=consoles.quoted(run.path),
        logs=consoles.quoted(run.logs),
        saved_model=consoles.quoted(f"{run.path.name}_saved_model"),
    )


# What there is to do with a run, by what it predicts
_NEXT = {
    "image": [
        "Levels    he2ihc-keras score {run}",
        "Curves    tensorboard --logdir {logs}",
        "Report    he2ihc-keras report {run} --out report.html",
        "Stain     he2ihc-keras predict {run} FOLDER --out stained",
        "Hand on   he2ihc-keras export {run} --out {saved_model}",
    ],
    "level": [
        "Curves    tensorboard --logdir {logs}",
        "Report    he2ihc-keras report {run} --out report.html",
        "Read      he2ihc-keras score RUN --level {run}",
        "Sheet     he2ihc-keras level sheet RUN --out sheet",
    ],
}
