"""he2ihc-keras compare."""

import difflib
from pathlib import Path

import click

from he2ihc_keras.cli import console as consoles

# As the methods of `scoring.Scores`, whose import would make --help slow
_BASELINES = ("mean_colour", "he_copy", "blurred_target")


@click.command()
@click.argument("a", metavar="RUN_OR_CSV_A")
@click.argument("b", metavar="RUN_OR_CSV_B")
def compare(a, b):
    """Say whether B is better than A, by how much, or that it is noise.

    Each is a run that has been scored, or a CSV of `he2ihc-keras score --out`, of the
    same images under the same protocol. One of them may be a baseline that stands in
    the other's file: mean_colour, he_copy or blurred_target.

    Differences are taken image by image; intervals are 95 % bootstrap, over slides
    where they are known. Each interval stands alone: of twenty, one errs by chance.

    \b
    Example:
      he2ihc-keras compare runs/pyramid_pix2pix runs/attn_pyramid
      he2ihc-keras compare mean_colour runs/attn_pyramid
      he2ihc-keras compare theirs.csv ours.csv
    """
    if a in _BASELINES and b in _BASELINES:
        raise click.UsageError(
            f"{a} and {b} are both baselines. Give a run or a CSV that holds them."
        )
    from he2ihc_keras import scoring

    of_a, a_method = _scores(a, other=b)
    of_b, b_method = _scores(b, other=a)
    comparison = scoring.compare(of_a, of_b, a_method, b_method)
    consoles.stdout().print(scoring.comparison_table(comparison, a, b))
    for difference in comparison.differences:
        consoles.say(difference.in_words(a, b))
    for note in filter(None, (_over(comparison), comparison.note)):
        consoles.say(note)


def _scores(name, other):
    from he2ihc_keras import scoring

    if name in _BASELINES:
        return scoring.read_scores(Path(other))[0], name
    if not Path(name).exists():
        near = difflib.get_close_matches(name, _BASELINES, n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise click.UsageError(
            f"There is no {name}. Expected a run, a CSV of scores, or one of "
            f"{', '.join(_BASELINES)}.{hint}"
        )
    return scoring.read_scores(Path(name))[0], scoring.GENERATED


def _over(comparison):
    if not comparison.slides_from:
        return "Intervals are over images, which may share slides."
    return f"Intervals are over slides (from {comparison.slides_from})."
