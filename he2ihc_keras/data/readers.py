"""Many pairs at a time: Pillow decodes, and hashlib hashes, without Python's lock."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from he2ihc_keras.data.pairs import Pair

Progress = Callable[[int, int], None] | None


def readers() -> int:
    """How many threads read images."""
    return min(max(2, os.cpu_count() or 1), 16)


def of_each(
    function: Callable[[Pair], Any], pairs: Sequence[Pair], progress: Progress = None
) -> list:
    """What a function makes of each pair, in their order.

    Args:
        function: Called from several threads.
        pairs: The pairs.
        progress: Called with the number of pairs done and of all pairs.
    """
    done = []
    with ThreadPoolExecutor(readers()) as pool:
        for result in pool.map(function, pairs):
            done.append(result)
            if progress:
                progress(len(done), len(pairs))
    return done
