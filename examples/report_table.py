"""The report's table, whole: every system under one budget, beside what needs none.

    python examples/report_table.py --out runs/table
    python examples/report_table.py --out runs/bci --data BCI_dataset --size 256

Ganesh and Zhou (MIT) trained three networks once, and give 3.464 dB / 0.0283 for U-Net,
21.16 / 0.477 for PyramidPix2pix and 21.31 / 0.493 with attention; the others are their
related work and next steps. Here each is trained for the same steps on the same patches
from several seeds, in the small size of its recipe's quick start, whose attention
leaves out the step at full size (`--published`: in full). CycleGAN gets the pairs
unpaired. The level is what a reader, trained on the real IHC of the same pairs, sees in
the images (kappa against the slide's). The gain of attention is held against two
noises: other seeds, and other test images. A table that was stopped goes on.
"""

import argparse
import json
import logging
import time
from pathlib import Path

import numpy as np
from rich import box
from rich.console import Console
from rich.progress import track
from rich.table import Table
from scipy import stats

from he2ihc_keras import data, scoring, training, zoo
from he2ihc_keras.data import LEVELS
from he2ihc_keras.inference import load_generator
from he2ihc_keras.measures import confusion_matrix, quadratic_kappa
from he2ihc_keras.scoring import levels
from he2ihc_keras.scoring.statistics import Interval, mean_interval

NETWORKS = {
    "unet": "U-Net",
    "unet_gan": "U-Net in a GAN",
    "pix2pix": "pix2pix",
    "pyramid_pix2pix": "PyramidPix2pix",
    "attn_pyramid": "with attention",
    "mggan": "3 generators",
    "bridge": "diffusion bridge",
    "cyclegan": "CycleGAN",
}
READER = "her2_level"
BASELINES = {
    scoring.MEAN_COLOUR: "mean colour",
    scoring.HE_COPY: "copy of H&E",
    scoring.BLURRED_TARGET: "blurred real",
}
REPORTED = {"psnr": "PSNR (dB)", "ssim": "SSIM"}
ALSO = {"dab_error": "DAB error", "dab_correlation": "DAB r", "sharpness": "sharp"}
MEASURES = [scoring.MEASURES[name] for name in (*REPORTED, *ALSO)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder of pairs; else a phantom")
    parser.add_argument("--size", type=int, default=128, help="of --data, by resizing")
    parser.add_argument("--out", type=Path, default=Path("runs/report_table"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--systems", nargs="+", choices=NETWORKS, default=[*NETWORKS])
    parser.add_argument("--epochs", type=int, default=20, help="half of them decaying")
    parser.add_argument("--published", action="store_true", help="networks in full")
    parser.add_argument("--quick", action="store_true", help="seconds; means nothing")
    options = parser.parse_args()
    if options.seeds < 2:
        parser.error("one seed tells nothing of noise: give --seeds 2 or more")
    # Each network is traced anew, which TensorFlow would warn of.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)

    pairs = find_pairs(options)
    readers = train_reader(options, pairs)
    scores = {name: [] for name in options.systems}
    runs = [(name, seed) for seed in range(options.seeds) for name in scores]
    for name, seed in track(runs, "Training and scoring"):
        run = training.RunFolder(options.out / f"{name}-seed{seed}")
        scores[name].append(
            train_and_score(run, recipe(name, seed, options), pairs, readers)
        )
    console = Console(highlight=False)
    console.print(table(scores, REPORTED), "", table(scores, ALSO), "", sep="\n")
    console.print(of_systems(scores), "", *attention(scores), sep="\n")
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
            **{
                f"networks.{role}.filters": 4 for role in full.networks if options.quick
            },
        }
    )


def train_reader(options, pairs):
    """What reads the level; it is trained in its own quick start, on these pairs."""
    run = training.RunFolder(options.out / READER)
    size = {"data.fit": "resize", "data.patch_size": options.size}
    own = zoo.recipe(READER).quick().override(size if options.data else {})
    if options.quick:
        tiny = {"fit.epochs": 1, "fit.decay_epochs": 0, "fit.batch_size": 4}
        own = own.override(tiny)
    bring_to_its_end(run, own, pairs)
    return levels.Readers.load(run.path)


def bring_to_its_end(run, recipe, pairs):
    """Begins a run, or goes on with it; the seconds of one that never stopped."""
    if run.exists() and run.read() != (recipe, pairs):
        raise SystemExit(f"{run.path} was run otherwise: choose another --out.")
    if run.exists():
        training.resume(run.path)
        return None
    began = time.monotonic()
    training.fit(recipe, pairs, run.path)
    return time.monotonic() - began


def train_and_score(run, recipe, pairs, readers):
    """Scores of a run, and its facts beside them: kappa, seconds, weights."""
    facts = run.path / "facts.json"
    if not facts.exists():
        seconds = bring_to_its_end(run, recipe, pairs)
        reading = levels.LevelReading(readers)
        scores = scoring.score_run(run.path, see=reading)[1]
        scoring.write_scores(run.scores, scores)
        told = {
            "kappa": kappas(reading.readings()),
            "seconds": seconds,
            "weights": load_generator(run.path).count_params(),
        }
        facts.write_text(json.dumps(told))
    return scoring.read_scores(run.scores)[0], json.loads(facts.read_text())


def kappas(readings):
    """Agreement with the levels of the slides, of each method."""
    slides = readings.levels(levels.NETWORK, levels.NAME)
    found = {}
    for method in readings.methods(levels.NETWORK):
        read = readings.levels(levels.NETWORK, method)
        matrix = confusion_matrix(slides, read, len(LEVELS))
        found[method] = float(quadratic_kappa(matrix))
    return found


def table(runs, measures):
    """Means and intervals of some measures: networks, and what needs none."""
    scores = {name: [s for s, _ in of_name] for name, of_name in runs.items()}
    first = next(iter(scores.values()))
    grid = grid_of("", *measures.values())
    for name, own in scores.items():
        grid.add_row(NETWORKS[name], *means(own, scoring.GENERATED, measures))
    for method, label in BASELINES.items():
        grid.add_row(label, *means(first, method, measures))
    grid.caption = (
        f"Means over {len(first)} seeds and {len(first[0].images)} test images;\n"
        "[..]: 95 % bootstrap over images."
    )
    return grid


def means(runs, method, measures):
    for measure in MEASURES:
        if measure.name in measures:
            of_runs = [run.values(measure.name, method) for run in runs]
            values = np.mean(of_runs, axis=0)
            text = mean_interval(values, runs[0].slides).text(measure.form)
            # For 80 columns
            yield text.partition(" ")[0] if measure.name == "sharpness" else text


def of_systems(runs):
    """The level that the images say, and what a system costs."""
    grid = grid_of("", "level, kappa", "each seed", "training", "weights")
    for name, own in runs.items():
        facts = [facts for _, facts in own]
        grid.add_row(
            NETWORKS[name],
            *of_seeds([fact["kappa"][scoring.GENERATED] for fact in facts]),
            seconds_in_words([fact["seconds"] for fact in facts]),
            f"{facts[0]['weights']:,}",
        )
    _, facts = next(iter(runs.values()))[0]
    kappa = facts["kappa"]
    for method, label in {scoring.REAL: "real IHC", **BASELINES}.items():
        grid.add_row(label, f"{kappa[method]:.2f}", "", "", "")
    grid.caption = (
        "Kappa, quadratic: what the reader sees against the level of the slide.\n"
        "Training: seconds, of runs that were not stopped. Weights: of what stains."
    )
    return grid


def of_seeds(values):
    return f"{np.mean(values):.2f}", "  ".join(f"{value:.2f}" for value in values)


def seconds_in_words(seconds):
    known = [value for value in seconds if value is not None]
    return f"{np.median(known):.0f} s" if known else ""


def attention(scores):
    """Gain of attention, image by image and seed by seed, and what it amounts to."""
    if not {"pyramid_pix2pix", "attn_pyramid"} <= scores.keys():
        return
    grid = grid_of("gain", "mean", "over seeds", "over images", "each seed")
    grid.caption = "Above 0 it is better.\n95 %: t over seeds, bootstrap over images."
    yield grid
    for measure in MEASURES:
        plain, attended = (
            measure.goodness([run.values(measure.name) for run, _ in scores[name]])
            for name in ("pyramid_pix2pix", "attn_pyramid")
        )
        gains = attended - plain  # (seeds, images)
        each = gains.mean(axis=1)
        bounds = stats.ttest_1samp(each, 0).confidence_interval()
        over_seeds = Interval(each.mean(), *bounds)
        over_images = mean_interval(
            gains.mean(axis=0), scores["attn_pyramid"][0][0].slides
        )
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
