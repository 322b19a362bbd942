"""he2ihc-keras score."""

from pathlib import Path

import click

from he2ihc_keras.cli import console as consoles

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command()
@click.argument("predicted", metavar="PREDICTED_OR_RUN", type=_FOLDER)
@click.argument("target", metavar="[TARGET]", required=False, type=_FOLDER)
@click.option(
    "--data", type=_FOLDER, help="With RUN: folder of pairs to stain and score."
)
@click.option("--he", type=_FOLDER, help="With TARGET: H&E, for the copy baseline.")
@click.option(
    "--train-ihc", type=_FOLDER, help="With TARGET: training IHC, for the mean colour."
)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="CSV, a row an image.",
)
def score(predicted, target, data, he, train_ihc, out):
    """Score stained images against real IHC, beside trivial baselines.

    PSNR and SSIM as scikit-image computes them by default on uint8, as the authors of
    BCI do; means of per-image values. PREDICTED and TARGET are folders with images of
    the same names. RUN is a run folder: its model stains the held-out pairs of --data
    (its own data if not given).

    \b
    Example:
      he2ihc-keras score stained BCI_dataset/IHC/test --he BCI_dataset/HE/test
      he2ihc-keras score runs/attn_pyramid --data BCI_dataset --out scores.csv
    """
    console = consoles.stdout()
    if target is None:
        _refuse({"--he": he, "--train-ihc": train_ihc}, "a run; they come from --data")
        score_run(predicted, data, out, console)
        return
    _refuse({"--data": data}, "two folders; use --he and --train-ihc")
    from he2ihc_keras import scoring

    with consoles.bar("Scoring") as advance:
        scores = scoring.score_folders(
            predicted,
            target,
            he=he,
            train_ihc=train_ihc,
            progress=lambda doing, done, total: advance(done, total, doing),
        )
    _show(scores, out, console)


def score_run(run, data, out, console):
    """Stains and scores the held-out pairs of a run, or of other data."""
    consoles.start_tensorflow()
    from he2ihc_keras import scoring

    with consoles.bar("Staining and scoring") as advance:
        what, scores = scoring.score_run(
            run, data, progress=lambda doing, done, total: advance(done, total)
        )
    console.print(f"\n{what}")
    _show(scores, out, console)


def _show(scores, out, console):
    from he2ihc_keras import scoring

    console.print(scoring.table(scores))
    click.echo(scoring.verdict(scores))
    if out is not None:
        scoring.write_csv(out, scores)
        click.echo(f"Each image: {out}")


def _refuse(options, where):
    given = [name for name, value in options.items() if value is not None]
    if given:
        raise click.UsageError(f"{', '.join(given)} does not go with {where}.")
