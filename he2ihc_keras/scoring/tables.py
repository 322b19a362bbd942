"""Scores for the reader in a terminal: tables, and what they say in sentences."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from he2ihc_keras.measures.stains import (
    BLUR_SIGMA,
    DAB_POSITIVE,
    jensen_shannon_divergence,
    wasserstein_distance,
)
from he2ihc_keras.scoring.baselines import TARGET_BLUR
from he2ihc_keras.scoring.comparison import Comparison, difference
from he2ihc_keras.scoring.measured import MEASURES
from he2ihc_keras.scoring.scores import (
    BLURRED_TARGET,
    GENERATED,
    HE_COPY,
    MEAN_COLOUR,
    REAL,
    SCORED_IHC,
    Scores,
)
from he2ihc_keras.scoring.statistics import FEWEST_TO_TELL

if TYPE_CHECKING:
    from rich.table import Table

LABELS = {
    REAL: "real IHC",
    GENERATED: "generated",
    MEAN_COLOUR: "mean colour",
    HE_COPY: "copy of H&E",
    BLURRED_TARGET: "blurred real",
}

_LIKENESS = ("psnr", "ssim", "sharpness")
_WITH_INTERVAL = ("psnr", "ssim")
_STAIN = (
    *("dab", "dab_error", "dab_area", "dab_area_error"),
    *("dab_dice", "dab_correlation", "fod"),
)
# Narrow enough for 80 columns
_HEADINGS = {
    "psnr": "PSNR (dB)",
    "ssim": "SSIM",
    "sharpness": "sharp",
    "dab": "DAB\nOD",
    "dab_error": "\nerror",
    "dab_area": "DAB+\narea",
    "dab_area_error": "\nerror",
    "dab_dice": "DAB+\nDice",
    "dab_correlation": "DAB\nr",
    "fod": "\nFOD",
}
# What a verdict is spoken on; the other measures stand in the tables.
_JUDGED = ("psnr", "ssim", "dab_error", "dab_correlation")
_BLURRED_BELOW = 0.5
_NOISY_ABOVE = 1.5
_MISSING_BELOW, _TOO_MUCH_ABOVE = 0.5, 2.0
# A ratio of two densities that are all but 0, as of negative tissue, tells nothing.
_TELLING_DAB = 0.01


def table(scores: Scores, *, levels: bool = True) -> "Table":
    """Likeness of each method over all images, then by HER2 level where known.

    The best of each measure in a block stands in bold; the blurred real IHC, which no
    model can know, takes no part.
    """
    grid = _grid(_caption(scores, levels))
    for heading in ("images", "method"):
        grid.add_column(heading, no_wrap=True)
    for name in _of(scores, _LIKENESS):
        grid.add_column(_HEADINGS[name], justify="right", no_wrap=True)
    for heading, block in blocks(scores, levels=levels).items():
        _add_likeness(grid, heading, block)
    return grid


def stain_table(scores: Scores, *, levels: bool = True) -> "Table":
    """DAB of the real and the generated images, and how far they are apart.

    Over all images, then by HER2 level where known.
    """
    grid = _grid(_stain_caption())
    for heading in ("images", "method"):
        grid.add_column(heading, no_wrap=True)
    for name in _of(scores, _STAIN):
        grid.add_column(_HEADINGS[name], justify="right", no_wrap=True)
    for heading, block in blocks(scores, levels=levels).items():
        _add_stains(grid, heading, block, (REAL, *block.methods))
    return grid


def verdict(scores: Scores) -> str:
    """Sentences: better or worse than the best trivial baseline, or within noise.

    And warnings where the generated images are blurred or noisy, or where they hold
    half the DAB of the real IHC or twice as much.
    """
    lines = [_against_baseline(scores, name) for name in _of(scores, _JUDGED)]
    measured = {measure.name for measure in scores.measures}
    if "sharpness" in measured:
        lines.append(_sharpness_warning(scores.mean("sharpness")))
    if "dab" in measured:
        lines.append(_stain_warning(scores))
    return "\n".join([*filter(None, lines), *_set_lines(scores)])


def explanation(explained: Sequence[Scores]) -> "Table":
    """The same images under each protocol, as `explain_folders` gives them."""
    grid = _grid(_colour_line(explained[0]))
    grid.add_column("protocol", no_wrap=True)
    for name in ("psnr", "ssim"):
        grid.add_column(MEASURES[name].title, justify="right", no_wrap=True)
        grid.add_column("mean colour", justify="right", no_wrap=True)
    grid.add_column("what it does")
    for scores in explained:
        cells = [
            MEASURES[name].text(scores.mean(name, method))
            for name in ("psnr", "ssim")
            for method in (GENERATED, MEAN_COLOUR)
        ]
        grid.add_row(scores.protocol.name, *cells, scores.protocol.summary)
    return grid


def explanation_in_words(explained: Sequence[Scores]) -> str:
    """How far the protocols lie apart, of the same images."""
    spans = []
    for name in ("psnr", "ssim"):
        means = [scores.mean(name) for scores in explained]
        apart = MEASURES[name].text_with_unit(max(means) - min(means))
        spans.append(f"{apart} in {MEASURES[name].title}")
    return f"The same images, up to {' and '.join(spans)} apart."


def comparison_table(comparison: Comparison, a: str, b: str) -> "Table":
    """Both means of each measure, and the gain of the second with its interval."""
    from rich.text import Text

    grid = _grid(
        f"A: {a}\nB: {b}\n"
        "Gain: how much better B is, image by image; below 0, or a factor of 1, how\n"
        f"much worse. Bold: no noise, by {FEWEST_TO_TELL} images or slides or more."
    )
    for heading in ("images", "measure"):
        grid.add_column(heading, no_wrap=True)
    for heading in ("A", "B", "gain of B"):
        grid.add_column(heading, justify="right", no_wrap=True)
    levels = {_level(k): v for k, v in comparison.by_level.items()}
    for heading, block in {"all": comparison, **levels}.items():
        heading = f"{heading} ({block.images})"
        for found in block.differences:
            text = found.measure.text
            told = found.outcome in ("a", "b")
            gain = Text(found.gain_text, style="bold" if told else "")
            grid.add_row(
                heading, found.measure.title, text(found.a), text(found.b), gain
            )
            heading = ""
        grid.add_section()
    return grid


def blocks(scores: Scores, *, levels: bool = True) -> dict[str, Scores]:
    """All images, then those of each HER2 level where known, by heading."""
    by_level = scores.by_level() if levels else {}
    levels = {} if set(by_level) == {None} else by_level
    return {
        f"{heading} ({len(block.images)})": block
        for heading, block in (
            ("all", scores),
            *((_level(level), block) for level, block in levels.items()),
        )
    }


def _level(level):
    return level or "no level"


def _grid(caption):
    from rich import box
    from rich.table import Table
    from rich.text import Text

    return Table(
        box=box.SIMPLE_HEAD,
        caption=Text(caption, style="table.caption"),
        caption_justify="left",
        padding=(0, 1, 0, 0),
    )


def _of(scores: Scores, names: Iterable[str]):
    measured = {measure.name for measure in scores.measures}
    return [name for name in names if name in measured]


# Rows


def _add_likeness(grid, heading, scores):
    names = _of(scores, _LIKENESS)
    best = {name: scores.best_methods(name) for name in names}
    for method in scores.methods:
        cells = [_likeness_cell(scores, name, method, best[name]) for name in names]
        grid.add_row(heading, LABELS[method], *cells)
        heading = ""
    grid.add_section()


def _likeness_cell(scores, name, method, best):
    from rich.text import Text

    if name in _WITH_INTERVAL:
        shown = scores.interval(name, method).text(MEASURES[name].form)
    else:
        shown = MEASURES[name].text(scores.mean(name, method))
    return Text(shown, style="bold" if method in best else "")


def _add_stains(grid, heading, scores, methods):
    for method in methods:
        cells = [_stain_cell(scores, name, method) for name in _of(scores, _STAIN)]
        grid.add_row(heading, LABELS[method], *cells)
        heading = ""
    grid.add_section()


def _stain_cell(scores, name, method):
    if method == REAL and name not in scores.images[0].real:
        return ""
    return MEASURES[name].text(float(np.mean(scores.values(name, method))))


# Sentences


def _caption(scores, levels):
    protocol = scores.protocol
    size = scores.scale or protocol.size
    lines = [f"Protocol {protocol.name}, {size}: {protocol.how}.", _colour_line(scores)]
    if BLURRED_TARGET in scores.methods:
        lines.append(
            f"Blurred real: the target itself, sigma {TARGET_BLUR:g} pixels. What blur "
            "alone can score,\nand no model can know."
        )
    lines.append("Best: PSNR and SSIM high, sharp at 1.")
    return "\n".join(
        filter(None, [*lines, _interval_line(scores), *_few_lines(scores, levels)])
    )


def _few_lines(scores, levels):
    """What to mind about small sets, and about levels."""
    yield scores.few_clusters_note()
    by_level = scores.by_level() if levels else {}
    if not set(by_level) - {None}:
        return
    few = [_level(level) for level, block in by_level.items() if block.is_few]
    if few and not scores.is_few:
        yield f"Rough too: the intervals of {', '.join(few)}, of fewer than 10 each."
    yield "Levels are those of the slides, not of the patches."


def _colour_line(scores):
    if not scores.mean_colour:
        return ""
    red, green, blue = scores.mean_colour
    line = (
        f"Mean colour: that of the {scores.mean_colour_of}, RGB {red}, {green}, {blue}"
    )
    if scores.mean_colour_of == SCORED_IHC:
        return f"{line} (no training set given)."
    return f"{line}."


def _interval_line(scores):
    if scores.slides is None:
        return "[..]: 95 % bootstrap over images, which may share slides."
    slides = len(set(scores.slides))
    return f"[..]: 95 % bootstrap over {slides} slides (from {scores.slides_from})."


def _stain_caption():
    return (
        "DAB by colour deconvolution, against each image's own white point; that of a\n"
        "flat colour against the real one's. Means of per-image values. Best: OD,\n"
        "area and FOD as in the real IHC, errors (absolute) low, Dice and r high.\n"
        f"DAB+: OD {DAB_POSITIVE} or more; Dice of two empty masks is 1. r: of both\n"
        f"DAB maps after a blur of {BLUR_SIGMA:g} native pixels. FOD: focal optical\n"
        "density (PSPStain)."
    )


def _against_baseline(scores, name):
    baseline = scores.best_baseline(name)
    found = difference(name, scores, scores, baseline, GENERATED)
    rival = f"the best trivial baseline ({LABELS[baseline]})"
    words = {
        "b": f"better than {rival} by {found.size_text}.",
        "a": f"worse than {rival} by {found.size_text}.",
        "noise": f"within noise of {rival}, {found.gain_text}.",
        "equal": f"equal to {rival}.",
    }
    outcome = "equal" if found.is_nil else found.outcome
    if outcome in words:
        return f"{found.measure.title}: {words[outcome]}"
    return found.in_words(rival, "generated")


def _sharpness_warning(sharpness):
    begin = f"Sharpness: {sharpness:.2f} of the real IHC."
    if sharpness < _BLURRED_BELOW:
        return f"{begin} The images are blurred, and blur raises PSNR and SSIM."
    if sharpness > _NOISY_ABOVE:
        return f"{begin} The images are noisy: look for grain or a checkerboard."
    return ""


def _stain_warning(scores):
    """Whether the stain is missing, which PSNR and correlation may not show."""
    real, fake = (np.mean(scores.values("dab", m)) for m in (REAL, GENERATED))
    if abs(fake - real) < _TELLING_DAB or (
        _MISSING_BELOW * real <= fake <= _TOO_MUCH_ABOVE * real
    ):
        return ""
    areas = [np.mean(scores.values("dab_area", m)) for m in (GENERATED, REAL)]
    word = "Stain is missing" if fake < real else "There is too much stain"
    return (
        f"DAB: OD {fake:.3f} against {real:.3f} of the real IHC, positive area "
        f"{areas[0]:.3f} against {areas[1]:.3f}. {word}."
    )


def _set_lines(scores):
    """DAB over the set, where it was measured."""
    if GENERATED not in scores.dab_histograms or scores.is_few:
        return []
    r = scores.dab_correlation().text("{:z.2f}")
    real = scores.dab_histograms[REAL]
    apart = {
        method: wasserstein_distance(real, scores.dab_histograms[method])
        for method in (GENERATED, *scores.baselines)
    }
    beside = ", ".join(f"{LABELS[m]} {apart[m]:.3f}" for m in scores.baselines)
    bits = jensen_shannon_divergence(real, scores.dab_histograms[GENERATED])
    return [
        f"DAB over the set: r = {r} between the images' mean DAB and that of the real; "
        f"histograms {apart[GENERATED]:.3f} OD apart (Wasserstein-1; {beside}), "
        f"{bits:.3f} bits (Jensen-Shannon)."
    ]
