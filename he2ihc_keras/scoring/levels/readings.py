"""What readers saw in a set of images, and how far that agrees."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from he2ihc_keras.data.pairs import LEVELS
from he2ihc_keras.measures import agreement
from he2ihc_keras.scoring import statistics
from he2ihc_keras.scoring.scores import (
    BLURRED_TARGET,
    GENERATED,
    HE_COPY,
    MEAN_COLOUR,
    REAL,
)
from he2ihc_keras.scoring.statistics import Interval

# Who reads
NETWORK, DAB, DAB_AREA, HUMAN = "network", "dab", "dab_area", "human"
READERS = (NETWORK, DAB, DAB_AREA, HUMAN)

# What is read beside the methods of a score table: the H&E, by a network that was
# trained on H&E; and nothing at all, the answer being the commonest level of training.
HE_ALONE, MAJORITY = "he_alone", "majority"
METHODS = (
    *(REAL, GENERATED, BLURRED_TARGET, MEAN_COLOUR, HE_COPY),
    *(MAJORITY, HE_ALONE),
)

# References beside the reading of the real IHC of the same patch: the level of the name
NAME = "name"


class Agreement(NamedTuple):
    """A measure of agreement.

    Attributes:
        title: Its heading.
        of: From confusion matrices to numbers.
        is_share: Whether it is a share of the images, which tables show in per cent.
    """

    title: str
    of: Callable[[np.ndarray], np.ndarray]
    is_share: bool = True

    def text(self, interval: Interval) -> str:
        """A value and its interval as tables show them."""
        if not self.is_share:
            return interval.text()
        return Interval(*(100 * value for value in interval)).text("{:z.0f}")


AGREEMENT = {
    "kappa": Agreement("kappa", agreement.quadratic_kappa, is_share=False),
    "accuracy": Agreement("right %", agreement.accuracy),
    "balanced_accuracy": Agreement("balanced %", agreement.balanced_accuracy),
    "far_off": Agreement("2 off %", agreement.far_off),
}


@dataclass(frozen=True)
class ReadImage:
    """One patch, and what each reader saw in it.

    Attributes:
        name: Its name, without ending.
        level: One of `data.LEVELS`, that of the slide, or `None`.
        read: For each reader the level of each method, as an index in `data.LEVELS`;
            -1 where a human gave none.
    """

    name: str
    level: str | None
    read: Mapping[str, Mapping[str, int]]


@dataclass(frozen=True)
class Readings:
    """What was read of one set.

    Attributes:
        images: One or more.
        majority: The commonest level of the reader's training, an index in
            `data.LEVELS`; `None` where nothing was trained.
        slides: The slide of each image; `None` where they are not known.
        slides_from: What tells the slides, in words.
        about: Facts of the readers that a record holds: the runs, the thresholds.
    """

    images: Sequence[ReadImage]
    majority: int | None
    slides: Sequence[str] | None = None
    slides_from: str = ""
    about: Mapping = field(default_factory=dict)

    @property
    def readers(self) -> tuple[str, ...]:
        """Who read, the network first."""
        return tuple(r for r in READERS if r in self.images[0].read)

    def methods(self, reader: str) -> tuple[str, ...]:
        """What a reader read, in the order of `METHODS`."""
        read = {*self.images[0].read[reader]}
        read |= set() if self.majority is None else {MAJORITY}
        return tuple(method for method in METHODS if method in read)

    @property
    def references(self) -> tuple[str, ...]:
        """What readings can be held against."""
        has_real = REAL in self.images[0].read[self.readers[0]]
        has_names = any(image.level for image in self.images)
        return (REAL,) * has_real + (NAME,) * has_names

    def levels(self, reader: str, method: str) -> np.ndarray:
        """The level of each image, `(images,)`; -1 where a name tells none."""
        if method == NAME:
            levels = [image.level for image in self.images]
            return np.array([LEVELS.index(x) if x in LEVELS else -1 for x in levels])
        if method == MAJORITY:
            return np.full(len(self.images), self.majority)
        return np.array([image.read[reader][method] for image in self.images])

    def confusion(self, reader: str, method: str, reference: str) -> np.ndarray:
        """Counts `(4, 4)`, rows the reference, levels in order."""
        true, read, _ = self._told(reader, reference, method)
        return agreement.confusion_matrix(true, read, len(LEVELS))

    def agreement(
        self, measure: str, reader: str, method: str, reference: str
    ) -> Interval:
        """A measure of `AGREEMENT`, with its interval over slides where known."""
        true, read, slides = self._told(reader, reference, method)
        if not len(true):
            return Interval(np.nan)
        return statistics.agreement_interval(
            AGREEMENT[measure].of, true, read, slides, levels=len(LEVELS)
        )

    def difference(
        self, measure: str, reader: str, a: str, b: str, reference: str
    ) -> Interval:
        """A measure of one method minus that of another, on the same draws."""
        true, of_a, slides = self._told(reader, reference, a)
        _, of_b, _ = self._told(reader, reference, b)
        return statistics.agreement_difference(
            AGREEMENT[measure].of, true, of_b, of_a, slides, levels=len(LEVELS)
        )

    @property
    def clusters(self) -> Sequence[str]:
        """The slides or, where they are not known, the images."""
        return self.slides or [image.name for image in self.images]

    def _told(self, reader, reference, method):
        """Reference, reading and slides of the images for which there are both."""
        true, read = self.levels(reader, reference), self.levels(reader, method)
        told = np.flatnonzero((true >= 0) & (read >= 0))
        slides = self.slides and [self.slides[index] for index in told]
        return true[told], read[told], slides
