"""What turned the report's U-Net black: its learning rate, or the scale of its images?

    python examples/black_unet.py
    python examples/black_unet.py --data BCI_dataset --size 256 --filters 64

Ganesh and Zhou's report (MIT) trained a U-Net with learning rate 0.01, found hundredths
or thousandths in its tensors and black in its images, and gives 3.464 dB / 0.0283. Here
small ones are trained by L1 with that rate and with 2e-4, and what the first of them
stains is written in [0, 1] too. The mean value tells how bright images are, 0 black to
1 white; saturated is the share of values at 0 or 255.
"""

import argparse
import logging
import tempfile
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from rich import print
from rich.progress import track
from rich.table import Table

from he2ihc_keras import data, inference, measures, scoring, training
from he2ihc_keras.recipe import Recipe

WAYS = {  # to (learning rate, options of the generator, activation of the output)
    "2e-4, no norm, tanh": (2e-4, {}, "tanh"),  # the zoo's
    "2e-4, batch norm, tanh": (2e-4, {"normalization": "batch"}, "tanh"),
    "0.01, no norm, tanh": (0.01, {}, "tanh"),
    "0.01, batch norm, tanh": (0.01, {"normalization": "batch"}, "tanh"),
    "0.01, no norm, linear": (0.01, {}, "linear"),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder of pairs; else a phantom")
    parser.add_argument("--size", type=int, default=96, help="pixels, by resizing")
    parser.add_argument("--filters", type=int, default=16)
    parser.add_argument("--steps", type=int, default=150, help="of each network")
    parser.add_argument("--seeds", type=int, default=2)
    options = parser.parse_args()

    # Each network is traced anew, which TensorFlow would warn of.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as folder:
        if options.data is None:
            data.write_phantom(folder, 80, size=options.size)
        pairs = data.find_pairs(options.data or Path(folder))
        trained = {}
        ways = [(way, seed) for way in WAYS for seed in range(options.seeds)]
        for way, seed in track(ways, "Training"):
            trained[way, seed] = stain(way, seed, pairs, options)
        references = without_network(pairs, *next(iter(trained.values())))
    print(table(references | trained), findings(trained), sep="\n")


def stain(way, seed, pairs, options):
    """Trains a U-Net; real and generated IHC of held-out pairs, both uint8."""
    rate, kind, output = WAYS[way]
    recipe = Recipe.from_dict(
        {
            "name": "black_unet",
            "trainer": {"name": "supervised"},
            "networks": {
                "generator": {"name": "unet", "filters": options.filters, **kind}
            },
            "optimizer": {"generator": {"learning_rate": rate, "beta_1": 0.9}},
            "data": {"patch_size": options.size, "fit": "resize"},
        }
    )
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
    trainer = training.build_trainer(recipe, options.steps)
    unet = trainer.generator
    unet.get_layer("ihc").activation = keras.activations.get(output)
    train = [pair for pair in pairs if pair.split == "train"]
    batches = data.training_batches(train, recipe.data, batch_size=4, seed=seed)
    trainer.fit(batches, steps_per_epoch=options.steps, shuffle=False, verbose=0)

    _, held_out = inference.held_out(pairs)
    rows = inference.stain_pairs(inference.Stainer(unet), held_out, recipe)
    _, _, fake_ihc, ihc, _ = zip(*rows, strict=True)
    return np.stack(ihc), np.stack(fake_ihc)


def without_network(pairs, ihc, fake_ihc):
    train = (data.read_pair(pair)[1] for pair in pairs if pair.split == "train")
    colour = scoring.mean_colour(train)
    return {
        ("black", ""): (ihc, np.zeros_like(ihc)),
        ("mean training colour", ""): (ihc, np.full_like(ihc, colour)),
        ("first below, in [0, 1]", 0): (ihc, np.round(fake_ihc / 255).astype("u1")),
    }


def table(images):
    """PSNR and SSIM, means of per-image values, and what the images look like."""
    columns = ("rate, norm, output", "seed", "PSNR (dB)", "SSIM")
    grid = Table(*columns, "mean value", "saturated")
    for (name, seed), (ihc, fake_ihc) in images.items():
        pairs = list(zip(ihc, fake_ihc, strict=True))
        psnr = np.mean([measures.psnr(*pair) for pair in pairs])
        ssim = np.mean([measures.ssim(*pair) for pair in pairs])
        likeness = f"{psnr:.2f}", f"{ssim:.3f}", f"{mean_value(fake_ihc):.4f}"
        grid.add_row(name, str(seed), *likeness, f"{saturated(fake_ihc):.0%}")
    return grid


def findings(trained):
    fakes = {key: fake_ihc for key, (_, fake_ihc) in trained.items()}
    lost = [key for key, fake_ihc in fakes.items() if saturated(fake_ihc) > 0.9]
    darkest = min(fakes, key=lambda key: mean_value(fakes[key]))
    return (
        f"{len(lost)} of {len(fakes)} networks have saturated.\n"
        f"The darkest of all has a mean value of {mean_value(fakes[darkest]):.2f}; the "
        "report's tensors held hundredths or thousandths."
    )


def mean_value(images):
    return images.mean() / 255


def saturated(images):
    return np.mean((images == 0) | (images == 255))


if __name__ == "__main__":
    main()
