"""Levels from the amount of stain: three thresholds, and no training."""

import itertools
from collections.abc import Sequence

import numpy as np

from he2ihc_keras.measures import quadratic_kappa

# Places that a threshold may have: all triples of them are tried, 160,000 at most.
_PLACES = 100


def cut(amount, thresholds: Sequence[float]) -> np.ndarray:
    """The level of an amount: how many thresholds it reaches.

    Args:
        amount: Any shape.
        thresholds: In ascending order.

    Returns:
        Integers of the shape of `amount`.
    """
    return np.searchsorted(thresholds, amount, side="right")


def best_thresholds(amounts, levels, count: int = 4) -> tuple[float, ...]:
    """The thresholds whose levels agree best with the given, by quadratic kappa.

    They lie in the middle between two neighbouring amounts; of more than a hundred such
    places, a hundred that part the images evenly are tried.

    Args:
        amounts: Of each image, `(images,)`.
        levels: Of each image, integers from 0 to `count - 1`.
        count: How many levels there are.

    Returns:
        `count - 1` thresholds in ascending order.

    Raises:
        ValueError: If there are too few different amounts.
    """
    amounts, levels = np.asarray(amounts, float), np.asarray(levels)
    places = _places(amounts)
    if len(places) < count - 1:
        raise ValueError(
            f"{count} levels need {count} images of different amounts of stain, or "
            f"more. Received: {len(places) + 1}."
        )
    # Images of each level below each place, with none and all at the ends
    below = [
        np.searchsorted(np.sort(amounts[levels == k]), places) for k in range(count)
    ]
    all_of = [np.sum(levels == k) for k in range(count)]
    below = np.pad(np.stack(below, 1), ((1, 1), (0, 0)))
    below[-1] = all_of
    triples = np.array(list(itertools.combinations(range(len(places)), count - 1)))
    ends = np.zeros((len(triples), 1), int)
    edges = np.concatenate([ends, triples + 1, ends + len(places) + 1], axis=1)
    confusion = np.diff(below[edges], axis=1).swapaxes(1, 2)
    best = np.nanargmax(quadratic_kappa(confusion))
    return tuple(places[triples[best]].tolist())


def _places(amounts):
    different = np.unique(amounts)
    middles = (different[1:] + different[:-1]) / 2
    if len(middles) <= _PLACES:
        return middles
    even = np.linspace(0, len(amounts) - 1, _PLACES + 2).astype(int)[1:-1]
    at = np.searchsorted(different, np.sort(amounts)[even])
    return middles[np.unique(np.clip(at, 0, len(middles) - 1))]
