"""Models of every kind: `exchange.py save FOLDER`, or `load FOLDER` of several.

Images, and so the outputs that lie beside the models, are the same on every backend.
"""

import sys
from pathlib import Path

import keras
import numpy as np

from he2ihc_keras import models

OPTIONS = {
    "attn_pyramid": {"filters": 4, "blocks": 1},
    "patchgan": {"filters": 4},
    "pix2pix": {"filters": 2, "depth": 5},
    "unet": {"filters": 4, "depth": 2, "normalization": "batch"},
}


def images(model):
    rng = np.random.default_rng(0)
    shape = (len(model.inputs), 2, 32, 64, 3)
    batches = list(rng.uniform(-1, 1, shape).astype("float32"))
    return batches if len(batches) > 1 else batches[0]


def state(model):
    """Every weight, and what the model makes of the images."""
    weights = {f"weight_{n}": weight for n, weight in enumerate(model.get_weights())}
    return {**weights, "output": model.predict_on_batch(images(model))}


def lively(name):
    """A model whose weights are off their initial values."""
    model = models.build(name, **OPTIONS[name])
    rng = np.random.default_rng(1)
    # Around them: weights of one sign would make large sums, whose rounding shows.
    off = [w + rng.normal(0, 0.02, w.shape) for w in model.get_weights()]
    model.set_weights(off)
    return model


def save(folder):
    for name in OPTIONS:
        model = lively(name)
        model.save(folder / f"{name}.keras")
        np.savez(folder / f"{name}.npz", **state(model))


def load(folder):
    """Largest difference of a weight, and relative one of an output, for each model."""
    for file in sorted(folder.rglob("*.keras")):
        saved = dict(np.load(file.with_suffix(".npz")))
        loaded = state(keras.models.load_model(file))
        assert loaded.keys() == saved.keys()
        off = {key: np.abs(loaded[key] - saved[key]).max() for key in saved}
        output = off.pop("output") / np.abs(saved["output"]).max()
        print(file.relative_to(folder), max(off.values()), output)


if __name__ == "__main__":
    {"save": save, "load": load}[sys.argv[1]](Path(sys.argv[2]))
