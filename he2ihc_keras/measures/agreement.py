"""How far two readings of the same images agree, on levels that have an order.

Everything is a function of the confusion matrix, which adds up over images.
"""

import numpy as np


def confusion_matrix(reference, read, levels: int = 4) -> np.ndarray:
    """How often each level of the reference was read as each level.

    Args:
        reference: Levels `(images,)`, integers from 0 to `levels - 1`.
        read: What was read of the same images, alike.
        levels: How many there are.

    Returns:
        Counts, int64 `(levels, levels)`: rows are the reference, columns the reading.

    Raises:
        ValueError: If the lengths differ, or a level is out of range.
    """
    reference, read = np.asarray(reference), np.asarray(read)
    if reference.shape != read.shape or reference.ndim != 1:
        raise ValueError(
            "`reference` and `read` must hold one level an image. Received: shapes "
            f"{reference.shape} and {read.shape}."
        )
    for name, found in (("reference", reference), ("read", read)):
        if found.size and not (0 <= found.min() and found.max() < levels):
            raise ValueError(
                f"`{name}` must hold levels from 0 to {levels - 1}. Received: "
                f"{found.min()} to {found.max()}."
            )
    counts = np.bincount(levels * reference + read, minlength=levels**2)
    return counts.reshape(levels, levels)


def quadratic_kappa(confusion) -> np.ndarray:
    """Cohen's kappa with weights that grow as the square of the distance.

        1 - sum w O / sum w E,   w_ij = (i - j)**2

    O are the counts, E what the two margins give by chance (Cohen, 1968,
    https://doi.org/10.1037/h0026256).

    Args:
        confusion: Counts `(..., levels, levels)`.

    Returns:
        Kappa `(...)`: 1 for equal readings, 0 for chance and for a reading that is
        always the same; nan where both are always the same level.
    """
    confusion = np.asarray(confusion, float)
    distance = np.subtract.outer(*2 * [np.arange(confusion.shape[-1])])
    by_chance = confusion.sum(-1)[..., :, None] * confusion.sum(-2)[..., None, :]
    observed = (distance**2 * confusion).sum((-2, -1)) * confusion.sum((-2, -1))
    return 1 - _share(observed, (distance**2 * by_chance).sum((-2, -1)))


def accuracy(confusion) -> np.ndarray:
    """Share of the images that are read as the reference is.

    Args:
        confusion: Counts `(..., levels, levels)`.

    Returns:
        `(...)` in [0, 1]; nan where there is no image.
    """
    confusion = np.asarray(confusion, float)
    return _share(np.trace(confusion, axis1=-2, axis2=-1), confusion.sum((-2, -1)))


def balanced_accuracy(confusion) -> np.ndarray:
    """Mean over the levels that are present of the share that is read as such.

    Args:
        confusion: Counts `(..., levels, levels)`.

    Returns:
        `(...)` in [0, 1]; nan where there is no image.
    """
    confusion = np.asarray(confusion, float)
    of_level = confusion.sum(-1)
    recall = np.diagonal(confusion, axis1=-2, axis2=-1) / np.maximum(of_level, 1e-300)
    return _share(recall.sum(-1), (of_level > 0).sum(-1))


def far_off(confusion) -> np.ndarray:
    """Share of the images that are read two levels off, or more.

    Args:
        confusion: Counts `(..., levels, levels)`.

    Returns:
        `(...)` in [0, 1]; nan where there is no image.
    """
    confusion = np.asarray(confusion, float)
    distance = np.subtract.outer(*2 * [np.arange(confusion.shape[-1])])
    far = (np.abs(distance) >= 2) * confusion
    return _share(far.sum((-2, -1)), confusion.sum((-2, -1)))


def _share(part, whole):
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.divide(part, whole)
