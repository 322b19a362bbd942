"""A small run, for the tests that kill it: `resumable_run.py VERB DATA OUT KIND`."""

import sys

from rich.console import Console

from he2ihc_keras import training
from he2ihc_keras.data import find_pairs
from he2ihc_keras.recipe import Recipe

RECIPES = {
    "gan": {
        "trainer": {
            "name": "conditional_gan",
            "pyramid_weights": [25.0, 25.0],
            "average": 0.9,
        },
        "networks": {
            "generator": {"name": "attn_pyramid", "filters": 4, "blocks": 1},
            "discriminator": {"name": "patchgan", "filters": 4},
        },
    },
    "cycle": {
        "trainer": {"name": "cycle_gan", "pool": 3},
        "networks": {
            "generator": {"name": "cyclegan", "filters": 4, "blocks": 0},
            "reverse_generator": {"name": "cyclegan", "filters": 4, "blocks": 0},
            **{
                role: {
                    "name": "patchgan",
                    "filters": 4,
                    "normalization": "instance",
                    "inputs": 1,
                }
                for role in ("discriminator", "reverse_discriminator")
            },
        },
    },
    "generators": {
        "trainer": {"name": "multi_generator_gan", "pyramid_weights": [25.0]},
        "networks": {
            "generator": {
                "name": "mggan",
                "filters": 4,
                "blocks": 1,
                "generators": 2,
            },
            "discriminator": {"name": "patchgan", "filters": 4, "classes": 2},
        },
    },
    "l1": {
        "trainer": {"name": "supervised"},
        "networks": {"generator": {"name": "unet", "filters": 4}},
    },
    # It degrades what it reads, and keeps its best epoch.
    "level": {
        "trainer": {"name": "level_reader"},
        "networks": {"reader": {"name": "her2_level", "filters": 4}},
    },
    "bridge": {
        "trainer": {"name": "diffusion_bridge", "average": 0.9, "steps": 2},
        "networks": {
            "denoiser": {"name": "bridge", "filters": 4, "multipliers": [1, 2]},
        },
        "optimizer": {"denoiser": {"clip_norm": 1.0}},
    },
}
COMMON = {
    "name": "resumable",
    # Random crops, turns, recolouring, dropout (in the GAN), pools (in CycleGAN): all
    # of it must resume.
    "data": {"patch_size": 32, "quarter_turns": True, "photometric": 0.5},
    "fit": {"epochs": 3, "decay_epochs": 2, "batch_size": 2, "checkpoint_minutes": 0.0},
}

if __name__ == "__main__":
    verb, data, out, kind = sys.argv[1:]
    console = Console()
    if verb == "fit":
        recipe = Recipe.from_dict({**COMMON, **RECIPES[kind]})
        training.fit(recipe, find_pairs(data), out, console=console)
    else:
        training.resume(out, console=console)
