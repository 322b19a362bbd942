"""What several tests share."""

from pathlib import Path

import numpy as np
from keras import layers

REFERENCE = np.load(Path(__file__).parent / "reference" / "pyramidpix2pix.npz")
SHARED = Path(__file__).parents[2] / "shared" / "data"


def reference(prefix):
    """The arrays under a prefix, by the rest of their names."""
    return {
        key.removeprefix(f"{prefix}/"): REFERENCE[key]
        for key in REFERENCE.files
        if key.startswith(f"{prefix}/")
    }


def to_channels_last(images):
    return np.moveaxis(images, -3, -1)


def load_pytorch(model, state):
    """Sets a model's weights from a PyTorch state dict of the authors' networks.

    Sorted by the numbers in their names, the authors' modules stand in the order in
    which the network applies them, which is the order of our layers.
    """
    modules = {}
    for key, array in state.items():
        name, _, kind = key.rpartition(".")
        modules.setdefault(name, {})[kind] = array
    order = sorted(modules, key=lambda name: [int(n) for n in name.split(".") if n.isdigit()])
    targets = [layer for layer in model.layers if layer.weights]
    for layer, name in zip(targets, order, strict=True):
        layer.set_weights(_arrays(layer, modules[name]))


def _arrays(layer, module):
    if isinstance(layer, layers.BatchNormalization):
        kinds = ("weight", "bias", "running_mean", "running_var")
        return [module[kind] for kind in kinds]
    # (out, in, h, w) and, transposed, (in, out, h, w): both become Keras's order
    kernel = module["weight"].transpose(2, 3, 1, 0)
    return [kernel, module["bias"]] if "bias" in module else [kernel]
