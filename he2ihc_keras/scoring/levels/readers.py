"""Readers of levels: a network, and the amount of stain beside it."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from he2ihc_keras.data.pairs import LEVELS, Pair, read_pair
from he2ihc_keras.files import whole_file
from he2ihc_keras.measures import StainMeasures, measure_stains
from he2ihc_keras.scoring.images import Generated, Ruler, views
from he2ihc_keras.scoring.levels.amounts import best_thresholds, cut
from he2ihc_keras.scoring.levels.readings import (
    DAB,
    DAB_AREA,
    HE_ALONE,
    NETWORK,
    ReadImage,
    Readings,
)
from he2ihc_keras.scoring.scores import GENERATED, HE_COPY, MEAN_COLOUR, REAL
from he2ihc_keras.scoring.slides import SlideSource, groups_from_names
from he2ihc_keras.scoring.streaming import Progress, stream

if TYPE_CHECKING:
    from he2ihc_keras.inference import LevelNetwork

_THRESHOLDS = "stain_thresholds.json"


@dataclass(frozen=True)
class Readers:
    """Who reads the level of an image.

    Attributes:
        network: Trained on real IHC; `None` where only the H&E is read.
        thresholds: Of "dab" and "dab_area", three each.
        majority: The commonest level of the training pairs.
        trained_on: Names of the training pairs.
        he_network: Trained on H&E; `None` where there is none.
        runs: Where the networks come from, by "ihc" and "he".
    """

    network: "LevelNetwork | None"
    thresholds: Mapping[str, Sequence[float]]
    majority: int
    trained_on: Sequence[str]
    he_network: "LevelNetwork | None" = None
    runs: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def load(cls, *runs: Path, progress: Progress | None = None) -> "Readers":
        """The readers of one run, or of two that read different stains.

        The thresholds of the amounts of stain are chosen on the training IHC of the
        run that reads it, once; `stain_thresholds.json` in the run keeps them.

        Raises:
            ValueError: If a run reads no levels, or two read the same stain.
        """
        from he2ihc_keras.inference import LevelNetwork

        networks = {}
        for run in map(Path, runs):
            network = LevelNetwork.load(run)
            if network.stain in networks:
                raise ValueError(
                    f"{networks[network.stain][0]} and {run} both read levels from "
                    f"{network.stain}. Give one that reads the IHC and one that reads "
                    "the H&E (trainer.stain)."
                )
            networks[network.stain] = run, network
        first, network = networks.get("ihc") or networks["he"]
        train = _training_pairs(first)
        thresholds = {}
        if "ihc" in networks:
            thresholds = _thresholds(first, network, train, progress)
        common = Counter(LEVELS.index(p.level) for p in train if p.level in LEVELS)
        return cls(
            networks["ihc"][1] if "ihc" in networks else None,
            thresholds,
            common.most_common(1)[0][0],
            [pair.name for pair in train],
            networks["he"][1] if "he" in networks else None,
            {stain: str(run) for stain, (run, _) in networks.items()},
        )

    def read(
        self, images: Mapping[str, np.ndarray], he: np.ndarray | None
    ) -> dict[str, dict[str, int]]:
        """What each reader sees.

        Args:
            images: Of each method, uint8 `(height, width, 3)`.
            he: The H&E of the patch, for the network that reads it.
        """
        read = {}
        if self.network is not None:
            read[NETWORK] = {m: self.network(image) for m, image in images.items()}
            amounts = self._amounts(images)
            for reader, thresholds in self.thresholds.items():
                read[reader] = {
                    method: int(cut(_AMOUNTS[reader](stains), thresholds))
                    for method, stains in amounts.items()
                }
        if self.he_network is not None and he is not None:
            read.setdefault(NETWORK, {})[HE_ALONE] = self.he_network(he)
        return read

    def _amounts(self, images):
        seen = {m: self.network.as_seen(image) for m, image in images.items()}
        # One colour has no glass of its own: it is seen against that of the real IHC.
        real = measure_stains(seen[REAL])
        return {
            method: real
            if method == REAL
            else measure_stains(
                image, white=real.white if method == MEAN_COLOUR else None
            )
            for method, image in seen.items()
        }


_AMOUNTS = {
    DAB: lambda stains: stains.mean_dab,
    DAB_AREA: lambda stains: stains.positive_fraction,
}


@dataclass
class LevelReading:
    """Reads the images of a set while they are scored: `score_run(..., see=...)`.

    Attributes:
        readers: Who reads.
        images: What they saw, so far.
    """

    readers: Readers
    images: list[ReadImage] = field(default_factory=list)

    def __call__(self, generated: Generated, ruler: Ruler) -> None:
        images = views(generated, ruler)
        read = self.readers.read(images, images.get(HE_COPY))
        self.images.append(ReadImage(generated.name, generated.level, read))

    def readings(self, slides: SlideSource | None = None) -> Readings:
        """What was read of all of them.

        Args:
            slides: Where the slide of an image is told; MIST's names are known.
        """
        source = slides or SlideSource()
        of_each, told_by = source.of([image.name for image in self.images])
        readers = self.readers
        about = {
            "runs": dict(readers.runs),
            "thresholds": {r: list(t) for r, t in readers.thresholds.items()},
            "resized_to": readers.network and readers.network.size,
            "slides_trained_on": _seen_in_training(of_each, readers, source),
        }
        return Readings(tuple(self.images), readers.majority, of_each, told_by, about)


def read_run(
    run: Path,
    data: Path | None = None,
    *,
    beside: Sequence[Path] = (),
    slides: SlideSource | None = None,
    progress: Progress | None = None,
) -> tuple[str, Readings]:
    """Reads the held-out pairs of a run that reads levels: real images alone.

    Args:
        run: The run.
        data: Folder of pairs; the run's own if not given.
        beside: Another run, which reads the other stain.
        slides: Where the slide of an image is told; MIST's names are known.
        progress: See `he2ihc_keras.scoring.streaming.Progress`.

    Returns:
        What was read, in words, and the readings.

    Raises:
        ValueError: As `Readers.load`, and if there is no held-out pair.
    """
    from he2ihc_keras import inference
    from he2ihc_keras.scoring.runs import mean_training_colour, recipe_and_pairs

    readers = Readers.load(run, *beside, progress=progress)
    _, pairs = recipe_and_pairs(Path(run), data)
    split, chosen = inference.held_out(pairs)
    reading = LevelReading(readers)
    colour, _ = mean_training_colour(pairs, chosen, progress)
    ruler = Ruler(tuple(map(int, colour)))
    stains = stream(read_pair, chosen, doing="Reading", progress=progress)
    for pair, (he, ihc) in zip(chosen, stains, strict=True):
        images = views(Generated(pair.name, pair.level, ihc, ihc, he), ruler)
        del images[GENERATED]
        read = readers.read(images, he)
        reading.images.append(ReadImage(pair.name, pair.level, read))
    what = f"Held-out split: {split}, {len(chosen)} pairs, real images alone."
    return what, reading.readings(slides)


def _training_pairs(run) -> list[Pair]:
    from he2ihc_keras.training import RunFolder

    _, pairs = RunFolder(run).read(moved=True)
    return [pair for pair in pairs if pair.split == "train"]


def _thresholds(run, network, train, progress):
    kept = run / _THRESHOLDS
    if kept.is_file():
        return json.loads(kept.read_text(encoding="utf-8"))
    train = [pair for pair in train if pair.level in LEVELS]
    amounts = list(
        stream(
            lambda pair: measure_stains(network.as_seen(read_pair(pair)[1])),
            train,
            doing="Measuring the training IHC",
            progress=progress,
        )
    )
    thresholds = _best(amounts, [LEVELS.index(pair.level) for pair in train])
    with whole_file(kept) as temporary:
        temporary.write_text(json.dumps(thresholds, indent=2) + "\n", encoding="utf-8")
    return thresholds


def _best(amounts: Sequence[StainMeasures], levels):
    return {
        reader: list(best_thresholds([amount(s) for s in amounts], levels))
        for reader, amount in _AMOUNTS.items()
    }


def _seen_in_training(slides, readers, source):
    """How many of the slides the reader was trained on; `None` where not known."""
    if slides is None or source.csv is not None:
        return None
    try:
        trained_on = groups_from_names(readers.trained_on, source.regex)
    except ValueError:  # its names are of another form
        return None
    return None if trained_on is None else len({*slides} & {*trained_on})
