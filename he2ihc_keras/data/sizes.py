"""Pairs that are too small to be cut into patches."""

from collections.abc import Sequence

from he2ihc_keras.data.images import image_size
from he2ihc_keras.data.pairs import Pair, size_text
from he2ihc_keras.data.readers import of_each

Size = tuple[int, int]


def too_small(
    pairs: Sequence[Pair], sizes: Sequence[Size | None], patch_size: int
) -> list[str]:
    """Says which pairs are smaller than a patch.

    Args:
        pairs: The pairs.
        sizes: `(height, width)` of each, `None` where it is not known.
        patch_size: Height and width of a patch.
    """
    small = [
        (pair, size)
        for pair, size in zip(pairs, sizes, strict=True)
        if size and min(size) < patch_size
    ]
    if len(small) == len(pairs) > 1:  # not one file is at fault, but the patch
        largest = max(min(size) for _, size in small)
        patch = size_text((patch_size, patch_size))
        return [
            f"All {len(pairs)} pairs are smaller than a patch of {patch}. Lower "
            f"`patch_size`: {largest} or less fits the largest of them."
        ]
    return [too_small_text(pair, size, patch_size) for pair, size in small]


def too_small_text(pair: Pair, size: Size, patch_size: int) -> str:
    """What is wrong with a pair that is smaller than a patch."""
    return (
        f"{'Each half of ' if pair.side_by_side else ''}{pair.files[0]} is "
        f"{size_text(size)}, smaller than a patch of "
        f"{size_text((patch_size, patch_size))}. "
        "Lower `patch_size`, resize the images, or remove it."
    )


def pair_sizes(pairs: Sequence[Pair]) -> list[Size]:
    """`(height, width)` of each pair, of its first file, read from the headers.

    Raises:
        ValueError: If a file cannot be opened.
    """
    return of_each(_size, pairs)


def _size(pair: Pair) -> Size:
    height, width = image_size(pair.files[0])
    return height, width // 2 if pair.side_by_side else width
