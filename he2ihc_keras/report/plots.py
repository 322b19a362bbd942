"""The plots of the page, vector graphics with their text as text."""

import math
from pathlib import Path

import numpy as np

from he2ihc_keras.measures.stains import DAB_BINS, DAB_POSITIVE
from he2ihc_keras.report import colours
from he2ihc_keras.report.curves import training
from he2ihc_keras.report.svg import Plot, Section, as_svg, new_figure, style
from he2ihc_keras.scoring import GENERATED, MEASURES, REAL, Scores
from he2ihc_keras.scoring.tables import LABELS

_DISTRIBUTIONS = (
    *("psnr", "ssim", "dab_error", "dab_area_error", "dab_dice", "dab_correlation"),
)
_BY_LEVEL = ("psnr", "ssim", "dab_correlation")
_MOST_POINTS = 200  # of a method in a plot; more are told by their box
_SCALE_TICKS = (0, 0.05, 0.15, 0.3, 0.5, 0.75, 1, 1.5, 2, 2.5, 3)
_SHARE_DRAWN = 1e-5  # of pixels; histograms end where they are rarer


def sections(scores: Scores, history: Path | None = None) -> list[Section]:
    """Every plot that the scores, and the history of a run, give.

    Args:
        scores: What was scored.
        history: `history.csv` of the run, where there is one.
    """
    found = [
        distributions(scores),
        stain(scores),
        levels(scores),
        training(history),
    ]
    return [section for section in found if section.plots]


@style()
def colour_bar(maximum: float) -> str:
    """Scale of the maps of DAB, from 0 to `maximum` optical density."""
    figure, axes = new_figure(62)
    starts = np.linspace(0, 1, 128, endpoint=False)
    steps = colours.dab_colours(maximum * starts**2, maximum) / 255
    # Each bar up to the end, under the next: vectors alone, and no seams.
    axes.bar(starts, 1, 1 - starts, color=steps, align="edge", linewidth=0)
    axes.axvline(math.sqrt(DAB_POSITIVE / maximum), color=colours.INK, lw=1.2)
    ticks = [tick for tick in _SCALE_TICKS if tick <= maximum]
    axes.set_xticks([math.sqrt(tick / maximum) for tick in ticks], map(str, ticks))
    axes.set(xlim=(0, 1), ylim=(0, 1), yticks=[], xlabel="optical density of DAB")
    axes.spines[:].set_visible(False)
    return as_svg(figure, "scale")


# Distributions


@style()
def distributions(scores: Scores) -> Section:
    """Every image, of each method."""
    taken = {measure.name for measure in scores.measures}
    plots = [_distribution(scores, MEASURES[m]) for m in _DISTRIBUTIONS if m in taken]
    points = " Dots are images." if len(scores.images) <= _MOST_POINTS else ""
    about = (
        "Boxes hold the middle half of the images, whiskers 5 to 95 %; the line is the "
        f"median, the diamond the mean.{points}"
    )
    return Section("Image by image", about, plots)


def _distribution(scores, measure):
    figure, axes = new_figure(215)
    left_out = 0
    for row, method in enumerate(scores.methods):
        values = scores.values(measure.name, method)
        finite = values[np.isfinite(values)]
        left_out += values.size - finite.size
        _box(axes, finite, row, colours.METHODS[method], "horizontal")
    axes.set_yticks(range(len(scores.methods)), map(LABELS.get, scores.methods))
    axes.tick_params(axis="y", length=0)
    axes.invert_yaxis()
    axes.grid(axis="x")
    axes.set_xlabel(_axis_label(measure))
    means = {m: measure.text(scores.mean(measure.name, m)) for m in scores.methods}
    spoken = ", ".join(f"{LABELS[method]} {mean}" for method, mean in means.items())
    return Plot(
        measure.title,
        as_svg(figure, f"values-{measure.name}"),
        f"{measure.title} of {len(scores.images)} images. Means: {spoken}.",
        f"{left_out} values are infinite and not drawn." if left_out else "",
    )


def _box(axes, values, position, colour, orientation):
    """A box with its points beside the middle line, and the mean as a diamond."""
    if not values.size:
        return
    line = {"color": colour, "linewidth": 1.2}
    axes.boxplot(
        [values],
        positions=[position],
        orientation=orientation,
        whis=(5, 95),
        widths=0.55,
        showfliers=False,
        manage_ticks=False,
        patch_artist=True,
        boxprops={"facecolor": colour, "alpha": 0.22, "edgecolor": "none"},
        medianprops={**line, "linewidth": 2},
        whiskerprops=line,
        capprops=line,
    )
    across = position + _spread(values.size)
    middle = (values.mean(), position)
    if orientation == "vertical":
        middle = middle[::-1]
    if values.size <= _MOST_POINTS:
        points = (values, across) if orientation == "horizontal" else (across, values)
        axes.scatter(*points, s=9, color=colour, alpha=0.65, linewidth=0)
    mean = {"marker": "D", "s": 26, "facecolor": "white", "zorder": 4}
    axes.scatter(*middle, edgecolor=colour, linewidth=1.4, **mean)


def _spread(count):
    """Steps aside that keep equal values apart, the same at every call."""
    return (np.arange(count) * 0.618 % 1 - 0.5) * 0.36


# Levels


@style()
def levels(scores: Scores) -> Section:
    """The generated images by HER2 level; no plots where names tell none."""
    by_level = scores.by_level()
    if set(by_level) == {None}:
        return Section("", "", [])
    taken = {measure.name for measure in scores.measures}
    plots = [_of_level(by_level, MEASURES[m]) for m in _BY_LEVEL if m in taken]
    about = (
        "Generated images; the grey bar is the mean of the best trivial baseline. The "
        "level is that of the slide, and a patch of a 3+ slide may hold no stain."
    )
    return Section("By HER2 level of the slide", about, plots)


def _of_level(by_level, measure):
    figure, axes = new_figure(230)
    words = []
    for column, (level, scores) in enumerate(by_level.items()):
        values = scores.values(measure.name)
        colour = colours.METHODS[GENERATED]
        _box(axes, values[np.isfinite(values)], column, colour, "vertical")
        baseline = scores.mean(measure.name, scores.best_baseline(measure.name))
        axes.hlines(baseline, column - 0.4, column + 0.4, color=colours.MUTED, lw=2.5)
        words.append(f"{level or 'none'}: {measure.text(scores.mean(measure.name))}")
    _name_levels(axes, by_level)
    axes.set_ylabel(_axis_label(measure))
    return Plot(
        measure.title,
        as_svg(figure, f"levels-{measure.name}"),
        f"{measure.title} of the generated images by level. Means: {', '.join(words)}.",
    )


def _name_levels(axes, by_level):
    names = [f"{level or 'none'}\nn = {len(s.images)}" for level, s in by_level.items()]
    axes.set_xticks(range(len(names)), names)
    axes.set_xlim(-0.6, len(names) - 0.4)
    axes.tick_params(axis="x", length=0)
    axes.grid(axis="y")


# Stain


@style()
def stain(scores: Scores) -> Section:
    """DAB of the generated images against that of the real ones."""
    plots = []
    if scores.images[0].real:
        plots = [_real_against_generated(scores), _dab_by_level(scores)]
    if GENERATED in scores.dab_histograms:
        plots.append(_histograms(scores))
    about = (
        "Mean optical density of DAB of each image, decadic, by colour deconvolution "
        "against the image's own white point."
    )
    return Section("DAB stain", about, [plot for plot in plots if plot])


def _real_against_generated(scores):
    figure, axes = new_figure(300)
    real, fake = scores.values("dab", REAL), scores.values("dab")
    end = 1.08 * max(real.max(), fake.max(), 0.01)
    axes.plot([0, end], [0, end], color=colours.MUTED, lw=1, ls=(0, (4, 3)))
    for level, block in scores.by_level().items():
        colour, marker = colours.LEVELS[level]
        axes.scatter(
            block.values("dab", REAL),
            block.values("dab"),
            s=34,
            color=colour,
            marker=marker,
            edgecolor="white",
            linewidth=0.6,
            alpha=0.9,
            label=level or "no level",
        )
    axes.set(xlim=(0, end), ylim=(0, end), aspect="equal")
    axes.set(xlabel="DAB OD, real IHC", ylabel="DAB OD, generated")
    axes.grid()
    if set(scores.by_level()) != {None}:
        axes.legend(loc="upper left", handletextpad=0.2, borderaxespad=0.2)
    r = scores.dab_correlation().text("{:z.2f}")
    return Plot(
        "Generated against real",
        as_svg(figure, "dab-scatter"),
        f"Mean DAB of each generated image against that of the real one; r = {r}.",
        f"r = {r}. On the dashed line both are equal.",
    )


def _dab_by_level(scores):
    by_level = scores.by_level()
    if set(by_level) == {None}:
        return None
    figure, axes = new_figure(300)
    words = []
    for column, (level, block) in enumerate(by_level.items()):
        for method, aside in ((REAL, -0.2), (GENERATED, 0.2)):
            values = block.values("dab", method)
            colour = colours.METHODS[method]
            shift = aside + _spread(values.size) * 0.5
            axes.scatter(column + shift, values, s=11, color=colour, alpha=0.6, lw=0)
            ends = (column + aside - 0.16, column + aside + 0.16)
            axes.hlines(values.mean(), *ends, color=colour, lw=2.5)
        means = (block.mean("dab", REAL), block.mean("dab"))
        words.append("{}: {:.3f} and {:.3f}".format(level or "none", *means))
    _name_levels(axes, by_level)
    axes.set_ylim(bottom=0)
    axes.set_ylabel("DAB OD")
    _name_methods(figure)
    return Plot(
        "Real and generated by level",
        as_svg(figure, "dab-levels"),
        f"Mean DAB of the real and the generated images: {'; '.join(words)}.",
        "Bars are means. Does the generated stain rise with the level?",
    )


def _name_methods(figure):
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color=colours.METHODS[method], lw=2.5, label=LABELS[method])
        for method in (REAL, GENERATED)
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=2)


def _histograms(scores):
    figure, axes = new_figure(300)
    last = 0
    for method in (REAL, GENERATED):
        counts = scores.dab_histograms[method]
        shares = counts / counts.sum()
        last = max(last, np.flatnonzero(shares > _SHARE_DRAWN)[-1])
        axes.stairs(
            np.maximum(shares, _SHARE_DRAWN / 10),
            DAB_BINS,
            color=colours.METHODS[method],
            lw=1.8,
        )
    axes.axvline(DAB_POSITIVE, color=colours.MUTED, lw=1, ls=(0, (4, 3)))
    axes.set(yscale="log", ylim=(_SHARE_DRAWN, 1), xlim=(0, DAB_BINS[last + 1]))
    axes.set(xlabel="DAB OD of a pixel", ylabel="share of pixels")
    axes.yaxis.set_major_formatter(lambda share, _: f"{100 * share:g} %")
    axes.grid()
    _name_methods(figure)
    return Plot(
        "All pixels",
        as_svg(figure, "dab-histogram"),
        "Histograms of DAB over all pixels of the real and the generated images.",
        f"Right of the dashed line, OD {DAB_POSITIVE}, a pixel counts as positive.",
    )


def _axis_label(measure):
    return f"{measure.title} ({measure.unit})" if measure.unit else measure.title
