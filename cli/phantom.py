"""he2ihc-keras phantom."""

from pathlib import Path

import click

from he2ihc_keras.cli import console as consoles


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--pairs",
    type=click.IntRange(min=1),
    default=96,
    show_default=True,
    help="How many.",
)
@click.option("--size", type=int, default=256, show_default=True, help="Pixels.")
@click.option(
    "--seed", type=int, default=0, show_default=True, help="Of all that is drawn."
)
@click.option(
    "--independent-he",
    is_flag=True,
    help="Cells look alike at every level: the H&E does not tell it.",
)
def phantom(folder, pairs, size, seed, independent_he):
    """Make synthetic H&E / IHC pairs in FOLDER, in BCI layout.

    \b
    Example:
      he2ihc-keras phantom phantom --pairs 200 --size 256 --seed 1
      he2ihc-keras train unet --data phantom
    """
    make(folder, pairs, size, seed, independent_he=independent_he)
    consoles.say(f"{pairs} pairs of {size} x {size} pixels: {folder}")


def make(folder, pairs, size, seed, *, independent_he=False):
    """Makes the pairs behind a progress bar."""
    from he2ihc_keras.data import write_phantom

    with consoles.bar("Making phantom pairs") as advance:
        write_phantom(
            folder,
            pairs,
            size=size,
            seed=seed,
            independent_he=independent_he,
            progress=lambda done: advance(done, pairs),
        )
