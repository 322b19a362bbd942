"""The tables of the page: means with their intervals, beside the baselines."""

from typing import NamedTuple

from he2ihc_keras.scoring import (
    GENERATED,
    MEASURES,
    REAL,
    Measure,
    Scores,
)
from he2ihc_keras.scoring.tables import LABELS, blocks

LIKENESS = ("psnr", "ssim", "sharpness")
STAIN = (
    *("dab", "dab_error", "dab_area", "dab_area_error"),
    *("dab_dice", "dab_correlation", "fod", "fod_error"),
)
BY_LEVEL = ("psnr", "ssim", "sharpness", "dab", "dab_error", "dab_correlation")


class Cell(NamedTuple):
    """A mean, its interval in words ("" without one), and whether it is the best."""

    measure: str
    mean: str = ""
    interval: str = ""
    is_best: bool = False


class Row(NamedTuple):
    """A method and its cells."""

    method: str
    label: str
    cells: list[Cell]


class Block(NamedTuple):
    """The rows of some images: "all (16)", "2+ (8)"."""

    heading: str
    rows: list[Row]


class Table(NamedTuple):
    """A table: its measures are the columns."""

    caption: str
    measures: list[Measure]
    blocks: list[Block]


def likeness_table(scores: Scores) -> Table:
    """How alike each method's images are to the real ones."""
    return _table("Likeness to the real IHC", scores, LIKENESS, scores.methods)


def stain_table(scores: Scores) -> Table | None:
    """The stain of the real images and of each method's, if it was measured."""
    if not scores.images[0].real:
        return None
    return _table("DAB stain", scores, STAIN, (REAL, *scores.methods))


def level_table(scores: Scores) -> Table | None:
    """Both by HER2 level, where names tell it."""
    _, *levels = blocks(scores).items()
    if not levels:
        return None
    measures = _taken(scores, BY_LEVEL)
    rows = [
        Block(heading, _rows(block, measures, _with_real(block)))
        for heading, block in levels
    ]
    return Table("By HER2 level of the slide", measures, rows)


def _table(caption, scores, names, methods):
    measures = _taken(scores, names)
    [heading, *_] = blocks(scores)
    return Table(caption, measures, [Block(heading, _rows(scores, measures, methods))])


def _with_real(scores):
    return (REAL, *scores.methods) if scores.images[0].real else scores.methods


def _taken(scores, names):
    taken = {measure.name for measure in scores.measures}
    return [MEASURES[name] for name in names if name in taken]


def _rows(scores, measures, methods):
    best = {m.name: scores.best_methods(m.name) for m in measures}
    return [
        Row(
            method,
            LABELS[method],
            [_cell(scores, m, method, method in best[m.name]) for m in measures],
        )
        for method in methods
    ]


def _cell(scores, measure, method, is_best):
    if method == REAL and measure.name not in scores.images[0].real:
        return Cell(measure.name)
    interval = scores.interval(measure.name, method)
    bounds = ""
    if interval.has_bounds:
        low, high = map(measure.form.format, interval[1:])
        bounds = f"{low} to {high}"
    return Cell(measure.name, measure.text(interval.value), bounds, is_best)


def case_values(image) -> list[tuple[Measure, str]]:
    """The measures of one generated image, with units."""
    values = image.scores[GENERATED]
    shown = (*LIKENESS, "dab_error", "dab_dice", "dab_correlation")
    return [
        (MEASURES[name], MEASURES[name].text_with_unit(values[name]))
        for name in shown
        if name in values
    ]
