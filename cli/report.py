"""he2ihc-keras report."""

import shlex
from pathlib import Path

import click

from he2ihc_keras.cli import console as consoles
from he2ihc_keras.cli.backends import backend_option, start_keras

_MEASURES = (
    *("psnr", "ssim", "sharpness", "dab_error", "dab_area_error", "dab_dice"),
    *("dab_correlation", "fod_error"),
)


@click.command()
@backend_option
@click.argument(
    "source", metavar="RUN_OR_SCORES", type=click.Path(exists=True, path_type=Path)
)
@click.option(
    "--out",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="HTML file; one of that name is replaced.",
)
@click.option(
    "--sort-by",
    type=click.Choice(_MEASURES),
    default="psnr",
    show_default=True,
    help="What tells the best, median and worst images.",
)
def report(source, out, sort_by):
    """Write scores as a page that opens anywhere, without a server or a network.

    RUN_OR_SCORES is a run that has been scored, or a CSV of `he2ihc-keras score --out`.
    The page has the verdict, tables, plots, and the best, median and worst images of
    each HER2 level with a slider between real and generated. They are read from where
    they were scored, or stained again by the run; it is made without them where they
    are gone. Images stand inside the page, so the terms of their data apply to it.

    It takes `pip install 'he2ihc-keras[report]'`. Not for diagnosis.

    \b
    Example:
      he2ihc-keras report runs/attn_pyramid --out report.html
      he2ihc-keras report scores.csv --out report.html --sort-by dab_error
    """
    from he2ihc_keras.report import needs_a_model, write_report

    consoles.check_writable(out)
    if needs_a_model(source):
        start_keras()
    try:
        with consoles.bar("Writing the page") as advance:
            missing = write_report(
                source,
                out,
                sort_by=sort_by,
                command=_command(source, out, sort_by),
                progress=lambda doing, done, total: advance(done, total, doing),
            )
    except ModuleNotFoundError as error:  # of the extra
        raise click.ClickException(str(error)) from error
    if missing:
        consoles.say(f"Without images: {missing}", err=True)
    consoles.say(f"Page: {out} ({out.stat().st_size / 1e6:.1f} MB)")


def _command(source, out, sort_by):
    """The command line that makes this page again."""
    words = ["he2ihc-keras", "report", str(source), "--out", str(out)]
    return shlex.join(words + (["--sort-by", sort_by] if sort_by != "psnr" else []))
