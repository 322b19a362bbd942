"""Dropout whose state is its own on every backend."""

import random

import keras

_LARGEST_SEED = int(1e9)  # as Keras draws them


def seeded_dropout(rate: float, name: str) -> keras.layers.Dropout:
    """A Dropout layer that draws from a seed of its own.

    Without one, Keras's layer draws from PyTorch's global state there, which other
    things move: a run that is continued would then drop other units. The seed is drawn
    as Keras draws that of a layer without: `keras.utils.set_random_seed` decides it.

    Args:
        rate: Chance of a unit to be dropped.
        name: Of the layer.
    """
    return keras.layers.Dropout(rate, seed=random.randint(1, _LARGEST_SEED), name=name)
