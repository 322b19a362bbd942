"""From the number of a sample to its patches: all that a network sees is decided here.

Which pair a sample is, where it is cut, how it is turned and recoloured follow from
the seed and the number of the sample alone. A stream that starts at step k is therefore
the stream that has been running for k steps, and the samples `rank + world * k` are one
of `world` shards. Feeders make batches of samples, and decide nothing.
"""

import abc
import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from he2ihc_keras.data import augment, degrade
from he2ihc_keras.data.find import SHOWN, shortened
from he2ihc_keras.data.images import resize
from he2ihc_keras.data.options import Data
from he2ihc_keras.data.pairs import LEVELS, Pair, read_pair, read_stain
from he2ihc_keras.data.sizes import pair_sizes, too_small, too_small_text

UNKNOWN_LEVEL = -1

_ORDER, _AUGMENTATION, _DEGRADATION, _IHC, _IHC_AUGMENTATION = range(5)
_ROW, _COLUMN, _FLIP, _TURN = range(4)
_DRAWS = 4 + augment.DRAWS


class SampleError(ValueError):
    """A pair that cannot be read or cut: its message names the file."""


def check_sizes(pairs: Sequence[Pair], data: Data) -> None:
    """Refuses pairs that are smaller than a patch; reads headers alone.

    Raises:
        ValueError: If a patch cannot be cut from each pair, with the first twenty of
            the files; or if one cannot be opened.
    """
    if data.fit == "resize":
        return
    problems = too_small(pairs, pair_sizes(pairs), data.patch_size)
    if problems:
        raise ValueError(shortened(problems[:SHOWN], len(problems), "\n"))


def check_levels(pairs: Sequence[Pair]) -> None:
    """Refuses pairs whose HER2 level is not known.

    Raises:
        ValueError: If there are any, with the first of their names.
    """
    without = [pair.name for pair in pairs if pair.level not in LEVELS]
    if without:
        raise ValueError(
            f"{len(without)} of {len(pairs)} pairs tell no HER2 level, the first of "
            f"them {without[0]}. A name ends in it as BCI's do: 00001_train_2+."
        )


class Samples(abc.ABC):
    """What feeders take batches from: `samples(number)`, pure and without state.

    Calling it gives `(he, ihc, level)`: two patches, uint8 `(patch_size, patch_size,
    3)`, and the HER2 level as index in `LEVELS`, `UNKNOWN_LEVEL` where it is not known.
    It may be called from any thread, in any order, as often as one likes.

    Attributes:
        data: How pairs become patches.
        photometric: Strength of the photometric changes.

    Raises:
        SampleError: If the pair cannot be read, or is smaller than a patch.
    """

    data: Data
    photometric: float = 0.0

    def __call__(self, number: int) -> tuple[np.ndarray, np.ndarray, int]:
        he, ihc, level = self.patches(number)
        if self.photometric:
            he = augment.photometric(he, self.changes(number))
        return he, ihc, level

    @abc.abstractmethod
    def patches(self, number: int) -> tuple[np.ndarray, np.ndarray, int]:
        """The sample before the photometric changes."""

    def changes(self, number: int) -> np.ndarray:
        """Photometric changes of the sample's H&E, as `augment.photometric` takes."""
        return augment.changes(np.zeros(augment.DRAWS), 0.0)


@dataclass(frozen=True)
class TrainingSamples(Samples):
    """An endless stream, each epoch in an order of its own, augmented.

    Args:
        pairs: Training pairs.
        data: How pairs become patches.
        seed: Of order and augmentation.
        epoch_samples: Samples an epoch, at most one a pair; those left over are other
            pairs in each epoch.
        degrading: Stains, "he" or "ihc", to degrade (`data.degrade`), and how strongly.
    """

    pairs: Sequence[Pair]
    data: Data
    seed: int
    epoch_samples: int
    degrading: Mapping[str, float] = field(default_factory=dict)

    @property
    def photometric(self) -> float:
        return self.data.photometric

    def pair(self, number: int) -> Pair:
        """The pair that a sample is cut from."""
        epoch, position = divmod(number, self.epoch_samples)
        return self.pairs[_order(len(self.pairs), self.seed, epoch)[position]]

    def patches(self, number):
        pair = self.pair(number)
        draws = self._draws(number)
        stains = _read(pair, self.data)
        stains = _cut(stains, self.data.patch_size, draws[[_ROW, _COLUMN]])
        stains = [_turn(stain, draws, self.data) for stain in stains]
        he, ihc = (
            self._degraded(name, stain, number)
            for name, stain in zip(("he", "ihc"), stains, strict=True)
        )
        return he, ihc, _level(pair)

    def _degraded(self, name, stain, number):
        strength = self.degrading.get(name, 0.0)
        if not strength:
            return stain
        draws = _generator(self.seed, _DEGRADATION, number).random(degrade.DRAWS)
        return degrade.degraded(stain, draws, strength)

    def changes(self, number):
        draws = self._draws(number)[-augment.DRAWS :] * 2.0 - 1.0
        return augment.changes(draws, self.photometric)

    def _draws(self, number, key=_AUGMENTATION):
        return _generator(self.seed, key, number).random(_DRAWS)


@dataclass(frozen=True)
class UnpairedSamples(TrainingSamples):
    """As `TrainingSamples`, but the IHC is another image than the H&E's partner.

    Which H&E a sample has goes round in the shuffled order of an epoch, which counts
    the images of the more numerous stain; its IHC is drawn from all, again and again.
    H&E and IHC are cut, flipped and turned each on its own. So does CycleGAN's code
    (Zhu et al., 2017); the level is that of the H&E.

    Args:
        pairs: Training pairs, and images that stand alone.
        data: How they become patches.
        seed: Of order, choice and augmentation.
        epoch_samples: Samples an epoch, at most the number of the more numerous stain.
    """

    @functools.cached_property
    def _with(self):
        return _by_stain(self.pairs)

    def pair(self, number: int) -> Pair:
        """What the H&E of a sample is cut from."""
        epoch, position = divmod(number, self.epoch_samples)
        order = _order(max(map(len, self._with.values())), self.seed, epoch)
        return self._with["he"][order[position] % len(self._with["he"])]

    def ihc_pair(self, number: int) -> Pair:
        """What the IHC of a sample is cut from."""
        of = self._with["ihc"]
        return of[_generator(self.seed, _IHC, number).integers(len(of))]

    def patches(self, number):
        pair = self.pair(number)
        he = self._patch(pair, "he", self._draws(number))
        draws = self._draws(number, _IHC_AUGMENTATION)
        return he, self._patch(self.ihc_pair(number), "ihc", draws), _level(pair)

    def _patch(self, pair, stain, draws):
        where = draws[[_ROW, _COLUMN]]
        return _turn(_cut_alone(pair, stain, self.data, where), draws, self.data)


@dataclass(frozen=True)
class HeldOutSamples(Samples):
    """Pairs once, in order, unaugmented; where patches are cut, from the middle."""

    pairs: Sequence[Pair]
    data: Data

    def patches(self, number):
        pair = self.pairs[number]
        he, ihc = _cut(_read(pair, self.data), self.data.patch_size)
        return np.ascontiguousarray(he), np.ascontiguousarray(ihc), _level(pair)


@dataclass(frozen=True)
class HeldOutUnpaired(Samples):
    """Images that stand alone, each H&E beside some IHC; the fewer ones go round."""

    pairs: Sequence[Pair]
    data: Data

    @functools.cached_property
    def _with(self):
        return _by_stain(self.pairs)

    def patches(self, number):
        he, ihc = (of[number % len(of)] for of in self._with.values())
        patches = (
            np.ascontiguousarray(_cut_alone(pair, stain, self.data))
            for pair, stain in ((he, "he"), (ihc, "ihc"))
        )
        return *patches, _level(he)


def images_per_epoch(pairs: Sequence[Pair]) -> int:
    """The number of pairs; of images that stand alone, that of the commoner stain."""
    return max(map(len, _by_stain(pairs).values()))


def _by_stain(pairs):
    """Those that have an H&E, and those that have an IHC."""
    return {
        stain: [pair for pair in pairs if getattr(pair, stain) is not None]
        for stain in ("he", "ihc")
    }


def _cut_alone(pair, stain, data, where=None):
    """A window of one stain of a pair, which may be all that it has."""
    stains = _read(pair, data, lambda pair: [read_stain(pair, stain)])
    return _cut(stains, data.patch_size, where)[0]


@functools.lru_cache(maxsize=8)
def _order(count, seed, epoch):
    """Order of the pairs in an epoch; kept, since each of its samples asks for it."""
    return _generator(seed, _ORDER, epoch).permutation(count)


def _generator(seed, *key):
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


def _read(pair, data, read=read_pair):
    try:
        stains = read(pair)
    except ValueError as error:
        raise SampleError(str(error)) from error
    if data.fit == "resize":
        return [resize(stain, data.patch_size) for stain in stains]
    size = stains[0].shape[:2]
    if min(size) < data.patch_size:
        raise SampleError(too_small_text(pair, size, data.patch_size))
    return stains


def _cut(stains, size, where=None):
    """One window of both stains: in the middle, or where two draws in [0, 1) say."""
    room = np.array(stains[0].shape[:2]) - size
    row, column = room // 2 if where is None else (where * (room + 1)).astype(int)
    return [stain[row : row + size, column : column + size] for stain in stains]


def _turn(stain, draws, data):
    if data.flip and draws[_FLIP] < 0.5:
        stain = stain[:, ::-1]
    if data.quarter_turns:
        stain = np.rot90(stain, int(draws[_TURN] * 4))
    # A copy, and not a view that keeps the whole image in memory
    return np.ascontiguousarray(stain)


def _level(pair):
    return LEVELS.index(pair.level) if pair.level in LEVELS else UNKNOWN_LEVEL
