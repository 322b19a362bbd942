"""Training curves: the history of a run."""

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from he2ihc_keras.report import colours
from he2ihc_keras.report.svg import Plot, Section, as_svg, new_figure, style

Columns = Mapping[str, Sequence[float]]

_VALIDATION = "val_"
_RATE = "learning_rate"
_LOSS = "_loss"
_SPOKEN = {"psnr": "PSNR", "ssim": "SSIM", "dab_distance": "DAB distance"}
_UNITS = {"PSNR": "dB", "DAB distance": "optical density", "sharpness": "ratio"}
_RATES = "Learning rate"
_LEGEND_ROW = 19


@style()
def training(history: Path | None) -> Section:
    """The curves of a run; no plots without a `history.csv`."""
    columns = _read(history) if history and history.is_file() else {}
    epochs = columns.pop("epoch", ())
    # A plot for each player: their losses differ in size.
    players = [name.removesuffix(_LOSS) for name in columns if _is_of_player(name)]
    # What is measured of held-out pairs alone; a plot for each
    measured = {
        name: f"Validation {_measure(name)}"
        for name in columns
        if _is_measured(name, columns, players)
    }
    losses = ("Loss", *map(_losses_of, players))
    by_plot = {title: {} for title in (*losses, *measured.values(), _RATES)}
    for name, values in columns.items():
        by_plot[measured.get(name) or _plot_of(name, players)][name] = values
    plots = [_curves(t, epochs, c, players) for t, c in by_plot.items() if c and epochs]
    about = "Of the run that was scored, after each epoch. Dashed: validation."
    return Section("Training", about, plots)


def _is_of_player(name):
    return name.endswith(_LOSS) and not name.startswith(_VALIDATION)


def _is_measured(name, columns, players):
    term = name.removeprefix(_VALIDATION)
    return term != name and term not in columns and not _players_of(name, players)


def _measure(name):
    term = name.removeprefix(_VALIDATION)
    return _SPOKEN.get(term, term.replace("_", " "))


def _losses_of(player):
    return f"Loss of the {player.replace('_', ' ')}"


def _plot_of(name: str, players: Sequence[str]) -> str:
    """Title of the plot that shows a column."""
    if name.endswith(_RATE):
        return _RATES
    return next(map(_losses_of, _players_of(name, players)), "Loss")


def _players_of(name, players):
    term = name.removeprefix(_VALIDATION)
    by_length = sorted(players, key=len, reverse=True)  # generator_a before generator
    return [player for player in by_length if term.startswith(f"{player}_")]


def _curves(
    title: str, epochs: Sequence[float], series: Columns, players: Sequence[str]
) -> Plot:
    terms = list(dict.fromkeys(name.removeprefix(_VALIDATION) for name in series))
    rows = math.ceil(len(terms) / 2) if len(terms) > 1 else 0
    figure, axes = new_figure(230 + _LEGEND_ROW * rows)
    for name, values in series.items():
        term = terms.index(name.removeprefix(_VALIDATION))
        is_dashed = name.startswith(_VALIDATION) and len(series) > 1
        axes.plot(
            epochs,
            values,
            color=colours.SERIES[term % len(colours.SERIES)],
            linestyle=(0, (3, 2)) if is_dashed else "-",
            linewidth=1.6,
            marker="o" if len(epochs) == 1 else "",
            # One entry a term: that its dashes are validation is said once.
            label=None if is_dashed else _spoken(name, players),
        )
    axes.set(xlabel="epoch", ylabel=_axis(title))
    axes.grid()
    axes.xaxis.get_major_locator().set_params(integer=True)
    if rows:
        figure.legend(loc="outside lower left", ncols=2, columnspacing=1.2)
    ends = ", ".join(f"{name} {values[-1]:.4g}" for name, values in series.items())
    return Plot(
        title,
        as_svg(figure, f"curve-{title.lower().replace(' ', '-')}"),
        f"{title} by epoch; after the last: {ends}.",
    )


def _axis(title):
    if title.startswith("Loss"):
        return "loss"
    measure = title.removeprefix("Validation ")
    return _UNITS.get(measure, measure if measure != title else title.lower())


def _spoken(name, players):
    """A column as a legend says it; which plot it stands in says the player."""
    if not name.endswith(_RATE):
        for player in _players_of(name, players)[:1]:
            name = name.removeprefix(f"{player}_")
    return name.replace("_", " ")


def _read(path: Path) -> dict[str, list[float]]:
    with path.open(newline="", encoding="utf-8", errors="replace") as file:
        rows = list(csv.DictReader(file))
    names = [name for name in (rows[0] if rows else ()) if name]
    return {name: [_number(row[name]) for row in rows] for name in names}


def _number(text):
    try:
        return float(text)
    except (TypeError, ValueError):
        return math.nan
