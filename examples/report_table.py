"""Table 1 of the report under one budget: U-Net, PyramidPix2pix, and with attention.

    python examples/report_table.py --out runs/table
    python examples/report_table.py --out runs/bci --data BCI_dataset --size 256

Ganesh and Zhou (MIT) trained each network once, and give 3.464 dB / 0.0283 for U-Net,
21.16 / 0.477 for PyramidPix2pix and 21.31 / 0.493 with attention. Here each is trained
for the same steps on the same patches from several seeds, in the small size of its
recipe's quick start, whose attention leaves out the step at full size (`--published`:
in full). The gain of attention is held against two noises: other seeds, and other test
images. A table that was stopped goes on.
"""

import argparse
import logging
from pathlib import Path

import numpy as np
from rich import box
from rich.console import Console
from rich.progress import track
from rich.table import Table
from scipy import stats

from he2ihc_keras import data, scoring, training, zoo
from he2ihc_keras.scoring.statistics import Interval, mean_interval

NETWORKS = {
    "unet": "U-Net",
    "pyramid_pix2pix": "PyramidPix2pix",
    "attn_pyramid": "with attention",
}
BASELINES = {
    scoring.MEAN_COLOUR: "mean colour",
    scoring.HE_COPY: "copy of H&E",
    scoring.BLURRED_TARGET: "blurred real",
}
REPORTED = {"psnr": "PSNR (dB)", "ssim": "SSIM"}
ALSO = {"dab_error": "DAB\nerror", "dab_correlation": "DAB\nr", "sharpness": "sharp"}
MEASURES = [scoring.MEASURES[name] for name in (*REPORTED, *ALSO)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder of pairs; else a phantom")
    parser.add_argument("--size", type=int, default=128, help="of --data, by resizing")
    parser.add_argument("--out", type=Path, default=Path("runs/report_table"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=20, help="half of them decaying")
    parser.add_argument("--published", action="store_true", help="networks in full")
    parser.add_argument("--quick", action="store_true", help="seconds; means nothing")
    options = parser.parse_args()
    if options.seeds < 2:
        parser.error("one seed tells nothing of noise: give --seeds 2 or more")
    # Each network is traced anew, which TensorFlow would warn of.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)

    pairs = find_pairs(options)
    scores = {name: [] for name in NETWORKS}
    runs = [(name, seed) for seed in range(options.seeds) for name in NETWORKS]
    for name, seed in track(runs, "Training and scoring"):
        run = training.RunFolder(options.out / f"{name}-seed{seed}")
        scores[name].append(train_and_score(run, recipe(name, seed, options), pairs))
    Console(highlight=False).print(table(scores), "", *attention(scores), sep="\n")
    if options.quick:
        print("One epoch of tiny networks: the numbers mean nothing.")


def find_pairs(options):
    folder = options.data or options.out / "phantom"
    if options.data is None and not folder.exists():
        data.write_phantom(folder, 12 if options.quick else 120, size=128)
    return data.find_pairs(folder.absolute())


def recipe(name, seed, options):
    """A recipe of the zoo, with the budget and the patches that all share."""
    full = zoo.recipe(name)
    epochs = 1 if options.quick else options.epochs
    fit, patch_size = ("resize", options.size) if options.data else ("crop", 64)
    return (full if options.published else full.quick()).override(
        {
            "data.fit": fit,
            "data.patch_size": patch_size,
            "fit.batch_size": 4,
            "fit.epochs": epochs,
            "fit.decay_epochs": epochs // 2,
            "fit.seed": seed,
            "networks.generator.filters": 4 if options.quick else None,
        }
    )


def train_and_score(run, recipe, pairs):
    """Scores of a run, which is begun or brought to its end if it has none."""
    if run.exists() and run.read() != (recipe, pairs):
        raise SystemExit(f"{run.path} was run otherwise: choose another --out.")
    if not run.scores.exists():
        if run.exists():
            training.resume(run.path)
        else:
            training.fit(recipe, pairs, run.path)
        scoring.write_scores(run.scores, scoring.score_run(run.path)[1])
    return scoring.read_scores(run.scores)[0]


def table(scores):
    """The report's table: networks, and what needs none."""
    runs = scores["unet"]
    grid = grid_of("", *REPORTED.values(), *ALSO.values())
    for name, label in NETWORKS.items():
        grid.add_row(label, *means(scores[name], scoring.GENERATED))
    for method, label in BASELINES.items():
        grid.add_row(label, *means(runs, method))
    grid.caption = (
        f"Means over {len(runs)} seeds and {len(runs[0].images)} test images;\n"
        "[..]: 95 % bootstrap over images."
    )
    return grid


def means(runs, method):
    for measure in MEASURES:
        values = np.mean([run.values(measure.name, method) for run in runs], axis=0)
        text = mean_interval(values, runs[0].slides).text(measure.form)
        yield text if measure.name in REPORTED else text.partition(" ")[0]


def attention(scores):
    """Gain of attention, image by image and seed by seed, and what it amounts to."""
    grid = grid_of("gain", "mean", "over seeds", "over images", "each seed")
    grid.caption = "Above 0 it is better.\n95 %: t over seeds, bootstrap over images."
    yield grid
    for measure in MEASURES:
        plain, attended = (
            measure.goodness([run.values(measure.name) for run in scores[name]])
            for name in ("pyramid_pix2pix", "attn_pyramid")
        )
        gains = attended - plain  # (seeds, images)
        each = gains.mean(axis=1)
        bounds = stats.ttest_1samp(each, 0).confidence_interval()
        over_seeds = Interval(each.mean(), *bounds)
        over_images = mean_interval(gains.mean(axis=0), scores["unet"][0].slides)
        grid.add_row(
            measure.title,
            *over_seeds.text(measure.form).split(" ", 1),
            over_images.text(measure.form).partition(" ")[2],
            "  ".join(map(measure.text, each)),
        )
        if measure.name in REPORTED:
            yield f"{measure.title}: attention {verdict(over_seeds, over_images)}."


def verdict(*intervals):
    if any(i.contains(0.0) or not i.has_bounds for i in intervals):
        return "is within noise"
    return f"{'helps' if intervals[0].value > 0 else 'harms'} beyond noise"


def grid_of(*columns):
    grid = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), caption_justify="left")
    grid.show_edge = grid.pad_edge = False  # for 80 columns
    for column in columns:
        grid.add_column(column, no_wrap=True)
    return grid


if __name__ == "__main__":
    main()
