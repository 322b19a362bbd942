"""What failed the report's U-Net: its settings, or the task? One setting at a time.

    python examples/unet_settings.py --out runs/settings
    python examples/unet_settings.py --out runs/bci --data BCI_dataset --size 256

Ganesh and Zhou (MIT) trained one U-Net, got black images, and suggest to vary its
settings. Here each of them is moved by itself, away from those of the recipe `unet`,
the report's own among them: depth, filters, learning rate, loss and normalisation.
Every run has a folder of its own and keeps its best validation epoch, so that none is
blamed for a bad end. A study that was stopped goes on. The figure shows what each
reaches beside a flat colour; `figure.svg` lies in the folder, and so does `scores.csv`.
"""

import argparse
import csv
import logging
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from rich import print
from rich.progress import track
from rich.table import Table

from he2ihc_keras import data, scoring, trainers, training, zoo

RATE = "optimizer.generator.learning_rate"
# What is varied, and the report's value
SETTINGS = {
    "networks.generator.depth": ([1, 2, 3, 4], None),
    "networks.generator.filters": ([4, 8, 16, 32], None),
    RATE: ([1e-4, 3e-4, 1e-3, 3e-3, 1e-2], 1e-2),
    "trainer.pyramid_weights": ([[1.0], [1.0, 1.0, 1.0, 1.0]], [1.0]),
    "networks.generator.normalization": (["none", "batch"], None),
}
NAMES = dict(
    zip(SETTINGS, ("depth", "filters", "learning rate", "loss", "norm"), strict=True)
)
LOSSES = {"[1.0]": "L1", "[1.0, 1.0, 1.0, 1.0]": "L1 at 4 scales"}
MEASURES = ("psnr", "ssim", "dab_error", "dab_correlation")


class BestOfL1(trainers.Supervised):
    """As `Supervised`; a run keeps the epoch of the best validation PSNR."""

    best_by = "val_psnr"


trainers.register("best_of_l1", BestOfL1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder of pairs; else a phantom")
    parser.add_argument("--size", type=int, default=128, help="of --data, by resizing")
    parser.add_argument("--out", type=Path, default=Path("runs/unet_settings"))
    parser.add_argument("--epochs", type=int, default=30, help="half of them decaying")
    parser.add_argument("--quick", action="store_true", help="seconds; means nothing")
    options = parser.parse_args()
    # Each network is traced anew, which TensorFlow would warn of.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)

    pairs = find_pairs(options)
    base = base_recipe(options)
    rows = []
    for key, value in track(list(grid(options)), "Training and scoring"):
        changed = base.override({key: value})
        rows.append((key, value, *score(changed, pairs, options)))
    write(rows, options.out / "scores.csv")
    draw(rows, options.out / "figure.svg")
    print(table(rows), findings(rows), sep="\n")
    if options.quick:
        print("One epoch of tiny networks: the numbers mean nothing.")


def find_pairs(options):
    folder = options.data or options.out / "phantom"
    if options.data is None and not folder.exists():
        data.write_phantom(folder, 12 if options.quick else 120, size=128)
    return data.find_pairs(folder.absolute())


def base_recipe(options):
    """The recipe `unet` in the size of its quick start, which keeps its best epoch."""
    epochs = 1 if options.quick else options.epochs
    fit, patch_size = ("resize", options.size) if options.data else ("crop", 64)
    changes = {"data.fit": fit, "data.patch_size": patch_size, "fit.epochs": epochs}
    if options.quick:
        changes["networks.generator.filters"] = 4
    return (
        zoo.recipe("unet")
        .quick()
        .override({"trainer.name": "best_of_l1"})
        .override({**changes, "fit.decay_epochs": epochs // 2})
    )


def grid(options):
    for key, (values, _) in SETTINGS.items():
        for value in values[: 1 if options.quick else None]:
            yield key, value


def score(recipe, pairs, options):
    """Scores of the run of a recipe, which is brought to its end; its best epoch."""
    run = training.RunFolder(options.out / folder_name(recipe))
    if run.exists() and run.read() != (recipe, pairs):
        raise SystemExit(f"{run.path} was run otherwise: choose another --out.")
    if not run.scores.exists():
        if run.exists():
            training.resume(run.path)
        else:
            training.fit(recipe, pairs, run.path)
        scoring.write_scores(run.scores, scoring.score_run(run.path)[1])
    with run.history.open() as file:
        best = max(csv.DictReader(file), key=lambda row: float(row["val_psnr"]))
    return scoring.read_scores(run.scores)[0], int(best["epoch"])


def folder_name(recipe):
    """Of all that is varied: the run that several rows share is trained once."""
    generator = recipe.networks["generator"].options
    rate = recipe.optimizer["generator"].learning_rate
    parts = {
        "depth": generator["depth"],
        "filters": generator["filters"],
        "rate": f"{rate:g}",
        "scales": len(recipe.trainer.options["pyramid_weights"]),
        "norm": generator["normalization"] or "none",
    }
    return "-".join(f"{name}{value}" for name, value in parts.items())


def mean(scores, measure, method=scoring.GENERATED):
    return float(np.mean(scores.values(measure, method)))


def in_words(value):
    text = str(value)
    rate = f"{value:.0e}".replace("e-0", "e-") if isinstance(value, float) else ""
    return LOSSES.get(text, rate or text)


def write(rows, path):
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["setting", "value", "best_epoch", *MEASURES])
        for key, value, scores, epoch in rows:
            means = [mean(scores, measure) for measure in MEASURES]
            writer.writerow([key, in_words(value), epoch, *means])


def table(rows):
    titles = [scoring.MEASURES[measure].title for measure in MEASURES]
    result = Table("setting", "value", "best epoch", *titles)
    flat = rows[0][2]
    for key, value, scores, epoch in rows:
        is_reports = value == SETTINGS[key][1]
        label = f"{in_words(value)} (the report's)" if is_reports else in_words(value)
        result.add_row(NAMES[key], label, str(epoch), *cells(scores, scoring.GENERATED))
    result.add_row("mean colour", "", "", *cells(flat, scoring.MEAN_COLOUR))
    result.add_row("copy of the H&E", "", "", *cells(flat, scoring.HE_COPY))
    return result


def cells(scores, method):
    for measure in MEASURES:
        yield scoring.MEASURES[measure].text(mean(scores, measure, method))


def findings(rows):
    psnr = {(key, str(value)): mean(s, "psnr") for key, value, s, _ in rows}
    flat = mean(rows[0][2], "psnr", scoring.MEAN_COLOUR)
    failed = [f"{NAMES[k]} {v}" for (k, v), db in psnr.items() if db <= flat]
    best = max(psnr, key=psnr.get)
    lost = ", ".join(failed) if failed else "none"
    return (
        f"Best: {NAMES[best[0]]} {best[1]}, {psnr[best]:.2f} dB; a flat colour has "
        f"{flat:.2f} dB.\nNo better than the flat colour: {lost}."
    )


def draw(rows, path):
    """PSNR by setting, a panel each, beside the flat colour."""
    figure = Figure((11, 3.2), layout="constrained")
    panels = figure.subplots(1, len(SETTINGS), sharey=True)
    flat = mean(rows[0][2], "psnr", scoring.MEAN_COLOUR)
    for key, axes in zip(SETTINGS, panels, strict=True):
        own = [row for row in rows if row[0] == key]
        is_ordered = all(isinstance(value, int | float) for _, value, _, _ in own)
        axes.plot(
            [in_words(value).replace(" at ", " at\n") for _, value, _, _ in own],
            [mean(scores, "psnr") for _, _, scores, _ in own],
            color="#0072b2",
            linestyle="-" if is_ordered else "",
            marker="o",
        )
        axes.axhline(flat, color="#7f8790", linestyle="--", linewidth=1)
        axes.set(xlabel=NAMES[key])
        axes.margins(x=0.15)
        axes.grid(axis="y", alpha=0.3)
    panels[0].set(ylabel="PSNR of held-out pairs (dB)")
    at = {"xy": (0.02, flat), "xycoords": ("axes fraction", "data")}
    panels[0].annotate("mean colour", **at, xytext=(0, 3), textcoords="offset points")
    figure.savefig(path)


if __name__ == "__main__":
    main()
