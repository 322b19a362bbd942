"""Batches by a pool of threads in plain Python, for backends without `tf.data`."""

import math
import weakref
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np

from he2ihc_keras.data.readers import readers
from he2ihc_keras.data.sample import Samples

_BATCHES_AHEAD = 2


class ThreadFeeder(keras.utils.PyDataset):
    """Batches of samples; the next ones are read while one is used.

    A `PyDataset` and not a generator: Keras asks for batches by index, so that one it
    takes to look at is not lost to the training.

    Args:
        samples: What to make batches of.
        batch_size: Samples a batch.
        levels: Whether batches have the level as third.
        first: Number of the first sample.
        count: How many samples; endless if `None`.
    """

    def __init__(
        self,
        samples: Samples,
        batch_size: int,
        levels: bool,
        *,
        first: int = 0,
        count: int | None = None,
    ):
        super().__init__(workers=1)  # the one that asks; those that read are ours
        self.samples = samples
        self.batch_size = batch_size
        self.levels = levels
        self.first = first
        self.count = count
        self._pool = None
        self._pending = {}

    @property
    def num_batches(self):
        return None if self.count is None else math.ceil(self.count / self.batch_size)

    def __getitem__(self, index):
        if self.num_batches is not None and not 0 <= index < self.num_batches:
            raise IndexError(f"Batch {index} of {self.num_batches}.")
        begin = self.first + index * self.batch_size
        try:
            rows = self._read(begin)
        except BaseException:  # Ctrl-C too: nobody waits for what comes next
            self.close()
            raise
        if index + 1 == self.num_batches:
            self.close()
        he, ihc, level = zip(*rows, strict=True)
        stains = np.stack(he), np.stack(ihc)
        return (*stains, np.array(level, np.int32)) if self.levels else stains

    def _read(self, begin):
        ahead = max(_BATCHES_AHEAD * self.batch_size, 2 * readers())
        self._ask_for(range(begin, self._up_to(begin + self.batch_size + ahead)))
        numbers = range(begin, self._up_to(begin + self.batch_size))
        return [self._pending.pop(number).result() for number in numbers]

    def _up_to(self, end):
        return end if self.count is None else min(end, self.first + self.count)

    def _ask_for(self, numbers):
        for number in self._pending.keys() - set(numbers):
            self._pending.pop(number).cancel()
        if self._pool is None:
            self._pool = ThreadPoolExecutor(readers(), "he2ihc-reader")
            # Also when the last one that held it lets this feeder go
            shutdown = self._pool.shutdown
            self._end = weakref.finalize(self, shutdown, False, cancel_futures=True)
        for number in numbers:
            if number not in self._pending:
                self._pending[number] = self._pool.submit(self.samples, number)

    def close(self):
        """Ends the threads; asked for another batch, it starts new ones."""
        if self._pool is not None:
            self._end()
            self._pool = None
            self._pending.clear()
