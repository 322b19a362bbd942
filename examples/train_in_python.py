"""Train a U-Net on synthetic pairs, score it, stain with it, export it: in Python.

python examples/train_in_python.py --out unet_run
"""

import argparse
from pathlib import Path

from rich.console import Console

from he2ihc_keras import data, export, inference, scoring, training
from he2ihc_keras.recipe import Recipe


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("unet_run"))
    parser.add_argument("--epochs", type=int, default=20)
    options = parser.parse_args()
    console = Console()

    # Pairs: a folder in any of the known layouts; here, one that is made.
    data.write_phantom(options.out / "phantom", 80, size=96)
    pairs = data.find_pairs(options.out / "phantom")

    # A recipe is what TOML files hold; this one trains by L1 alone.
    recipe = Recipe.from_dict(
        {
            "name": "small_unet",
            "trainer": {"name": "supervised"},
            "networks": {"generator": {"name": "unet", "filters": 8}},
            "optimizer": {"generator": {"learning_rate": 1e-3}},
            "data": {"patch_size": 64, "quarter_turns": True},
            "fit": {"epochs": options.epochs, "batch_size": 4},
        }
    )
    run = training.fit(recipe, pairs, options.out / "run", console=console)

    # Scores on the held-out pairs, beside trivial baselines.
    what, scores = scoring.score_run(run.path)
    console.print(what, scoring.table(scores), scoring.verdict(scores))

    # Any image, any size; and a SavedModel for others.
    generator = inference.load_generator(run.path)
    he = data.read_image(pairs[-1].he)
    ihc = inference.stain_image(inference.Stainer(generator), he)
    data.write_image(options.out / "stained.png", ihc)
    export.export_saved_model(generator, options.out / "saved_model", recipe=recipe)


if __name__ == "__main__":
    main()
