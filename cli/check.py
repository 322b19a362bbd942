"""he2ihc-keras check."""

from pathlib import Path

import click

from he2ihc_keras.cli import console as consoles


@click.command()
@click.argument("data", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--patch-size", type=click.IntRange(min=1), help="Images must hold one.")
@click.option("--unpaired", is_flag=True, help="Images need no partner (CycleGAN).")
def check(data, patch_size, unpaired):
    """Report what a data folder holds and every problem in it.

    Layout, pairs of each split and HER2 level, sizes, problems by file. The exit code
    is 1 if there is a problem.

    \b
    Example:
      he2ihc-keras check BCI_dataset --patch-size 512
      he2ihc-keras check UNPAIRED --unpaired
    """
    from he2ihc_keras.data import inspect

    with consoles.bar("Checking the images") as advance:
        report = inspect(
            data, patch_size=patch_size, unpaired=unpaired, progress=advance
        )
    consoles.say(report.text())
    if report.problems:
        raise SystemExit(1)
