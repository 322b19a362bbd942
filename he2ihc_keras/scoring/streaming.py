"""Work on more images than memory holds, on every core, in order."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

# Called with what is being done, how many images are done, and of how many, where that
# is known.
Progress = Callable[[str, int, int | None], None]

# Threads, as decoding, PSNR and SSIM mostly release Python's lock: two of them scored
# 1024 x 1024 patches 1.8 times as fast as one, two processes 1.95 times as fast. But
# processes have to be started and sent each image that a model generates. 8 at most
# bounds the memory on large machines; more than two were not measured.
_THREADS = min(os.cpu_count() or 1, 8)


def stream(
    work: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    doing: str,
    total: int | None = None,
    progress: Progress | None = None,
) -> Iterator[Result]:
    """Results of `work` in the order of `items`, read at most a few images ahead.

    `items` is read in the caller's thread, so a model that generates them is called
    from there only. The first error of either ends the stream.

    Args:
        work: Called on each item, in several threads at a time.
        items: Anything to iterate over; a generator never has to end in memory.
        doing: What `progress` is told, such as `"Scoring"`.
        total: How many items there are, where `items` does not tell.
        progress: See `Progress`; called in the caller's thread.
    """
    total = len(items) if hasattr(items, "__len__") else total
    progress = progress or _no_progress
    progress(doing, 0, total)
    for done, result in enumerate(_in_order(work, items), start=1):
        progress(doing, done, total)
        yield result


def _in_order(work, items):
    with ThreadPoolExecutor(_THREADS) as pool:
        started = deque()
        for item in items:
            started.append(pool.submit(work, item))
            if len(started) > _THREADS:
                yield started.popleft().result()
        while started:
            yield started.popleft().result()


def _no_progress(doing, done, total):
    pass
