"""What a bridge does not know, and shows: the spread of its samples beside their error.

    he2ihc-keras train bridge --out runs/bridge
    python examples/spread.py runs/bridge --out spread.png

Each held-out pair is drawn several times. Spread: the standard deviation over the
samples; error: that of their mean, against the real IHC; both as root mean square over
the channels of a pixel, in gray values. The picture shows one pair of each level.
"""

import argparse
from pathlib import Path

import numpy as np
from rich.progress import track

from he2ihc_keras import data, inference, training
from he2ihc_keras.layers.sampler import SPREAD_SCALE

TITLES = ("H&E", "real IHC", "mean of samples", "spread x 4", "error x 4")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--samples", type=int, default=16)
    parser.add_argument("--out", type=Path, default=Path("spread.png"))
    options = parser.parse_args()

    recipe, pairs = training.RunFolder(options.run).read()
    modes = inference.Modes(samples=options.samples)
    generator = inference.with_modes(inference.load_generator(options.run), modes)
    of_mean = inference.Stainer(generator)
    of_spread = inference.Stainer(inference.showing_spread(generator))
    _, held_out = inference.held_out(pairs)
    levels, rows, found = [], [], []
    drawn = inference.stain_pairs(of_mean, held_out, recipe)
    for _, level, mean, ihc, he in track(drawn, "Drawing", len(held_out)):
        shown = inference.stain_image(of_spread, he)
        spread = shown[..., 0] / SPREAD_SCALE
        error = np.sqrt(np.mean(np.square(mean - ihc.astype(float)), axis=-1))
        found.append((spread, error))
        levels.append(level)
        scaled = np.clip(SPREAD_SCALE * error, 0, 255).astype("uint8")
        rows.append((he, ihc, mean, shown, np.repeat(scaled[..., None], 3, axis=-1)))
    report(found, levels)
    chosen = [levels.index(level) for level in sorted(set(levels), key=str)]
    panel = training.sample_panel([rows[index] for index in chosen], TITLES)
    data.write_image(options.out, panel)
    print(f"{len(chosen)} pairs: {options.out}")


def report(found, levels):
    """Over the set, and of the pair that is drawn worst."""
    spreads, errors = (np.array(maps) for maps in zip(*found, strict=True))
    mean_spread, mean_error = spreads.mean(axis=(1, 2)), errors.mean(axis=(1, 2))
    within = [correlation(*maps) for maps in found]
    most = [error[spread >= np.quantile(spread, 0.9)].mean() for spread, error in found]
    worst = int(np.argmax(mean_error))
    print(
        f"{len(found)} pairs, gray values.",
        f"Mean spread {mean_spread.mean():.1f}, mean error {mean_error.mean():.1f}.",
        f"Correlation of both over images: {correlation(mean_spread, mean_error):.2f}; "
        f"within an image: {np.mean(within):.2f} on average.",
        "The tenth of the pixels with most spread has "
        f"{np.mean(most / mean_error):.1f} times the mean error.",
        f"Worst pair, level {levels[worst]}: spread {mean_spread[worst]:.1f}, error "
        f"{mean_error[worst]:.1f}.",
        sep="\n",
    )


def correlation(one, other):
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


if __name__ == "__main__":
    main()
