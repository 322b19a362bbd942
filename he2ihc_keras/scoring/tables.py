"""Scores for the reader: a table, a verdict, and a CSV of every image."""

import csv
from pathlib import Path
from typing import TYPE_CHECKING

from he2ihc_keras.data.images import whole_file
from he2ihc_keras.scoring.scores import (
    GENERATED,
    HE_COPY,
    MEAN_COLOUR,
    MEASURES,
    SCORED_IHC,
    Scores,
)

if TYPE_CHECKING:
    from rich.table import Table

_SHOWN = {"psnr": "{:.2f}", "ssim": "{:.3f}"}
_UNITS = {"psnr": " dB", "ssim": ""}


def table(scores: Scores) -> "Table":
    """A rich table: each method over all images, then by HER2 level where known.

    The best of each measure in a block stands in bold.
    """
    from rich import box
    from rich.table import Table

    grid = Table(box=box.SIMPLE_HEAD, caption=_caption(scores), caption_justify="left")
    grid.add_column("images")
    grid.add_column("n", justify="right")
    grid.add_column("method", no_wrap=True)
    grid.add_column("PSNR (dB)", justify="right")
    grid.add_column("SSIM", justify="right")
    for heading, block in _blocks(scores).items():
        _add_block(grid, heading, block)
    return grid


def verdict(scores: Scores) -> str:
    """For each measure, a line: how far above the best trivial baseline, or below."""
    return "\n".join(_verdict_on(measure, scores) for measure in MEASURES)


def write_csv(path: Path, scores: Scores) -> None:
    """Write a row per image, whole or not at all.

    The columns are `image` (its name without ending), `level` (empty where unknown),
    `psnr` and `ssim` of the generated image, then `mean_colour_psnr`,
    `mean_colour_ssim` and, where the H&E was given, `he_copy_psnr`, `he_copy_ssim`.
    Infinity is written `inf`.
    """
    with (
        whole_file(path) as temporary,
        temporary.open("w", newline="", encoding="utf-8") as file,
    ):
        csv.writer(file, lineterminator="\n").writerows(_csv_rows(scores))


def _blocks(scores):
    by_level = scores.by_level()
    if set(by_level) == {None}:
        return {"all": scores}
    levels = {
        f"level {level}" if level else "no level": block
        for level, block in by_level.items()
    }
    return {"all": scores, **levels}


def _add_block(grid, heading, scores):
    count = str(len(scores.images))
    means = {method: scores.mean(method) for method in scores.methods}
    best = {m: max(getattr(mean, m) for mean in means.values()) for m in MEASURES}
    for method, mean in means.items():
        cells = []
        for measure in MEASURES:
            value = getattr(mean, measure)
            shown = _SHOWN[measure].format(value)
            cells.append(f"[bold]{shown}[/bold]" if value == best[measure] else shown)
        grid.add_row(heading, count, _label(method, scores), *cells)
        heading = count = ""
    grid.add_section()


def _label(method, scores):
    return {
        GENERATED: "generated",
        MEAN_COLOUR: f"mean colour of the {scores.mean_colour_of}",
        HE_COPY: "copy of the H&E",
    }[method]


def _caption(scores):
    red, green, blue = scores.mean_colour
    caption = f"Means of per-image values.\nMean colour: RGB {red}, {green}, {blue}"
    if scores.mean_colour_of == SCORED_IHC:
        return f"{caption} (no training set given)."
    return f"{caption}."


def _verdict_on(measure, scores):
    baseline = _label(scores.best_baseline(measure), scores)
    margin = scores.margin(measure)
    if margin == 0:
        place = "equal to"
    else:
        apart = _SHOWN[measure].format(abs(margin)) + _UNITS[measure]
        place = f"{apart} {'above' if margin > 0 else 'below'}"
    return f"{measure.upper()}: {place} the best trivial baseline ({baseline})."


def _csv_rows(scores):
    prefixes = [
        "" if method == GENERATED else f"{method}_" for method in scores.methods
    ]
    yield ["image", "level", *(p + m for p in prefixes for m in MEASURES)]
    for image in scores.images:
        values = [getattr(image.scores[s], m) for s in scores.methods for m in MEASURES]
        yield [image.name, image.level or "", *(f"{value:.6f}" for value in values)]
