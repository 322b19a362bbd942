"""Scores of a run without held-out pairs: what two sets of images can tell."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from he2ihc_keras.data.images import resize
from he2ihc_keras.data.pairs import Pair, read_stain
from he2ihc_keras.files import whole_file
from he2ihc_keras.measures.deconvolution import RUIFROK_JOHNSTON, StainVectors
from he2ihc_keras.measures.sets import SetOfImages
from he2ihc_keras.scoring.inception import (
    FeatureDistances,
    feature_distances,
    load_inception,
)
from he2ihc_keras.scoring.runs import recipe_and_pairs
from he2ihc_keras.scoring.scores import GENERATED, HE_COPY, REAL
from he2ihc_keras.scoring.streaming import Progress
from he2ihc_keras.scoring.tables import LABELS

if TYPE_CHECKING:
    import keras
    from rich.table import Table

    from he2ihc_keras.inference import Modes

NO_PAIRS = (
    "There is no held-out pair. What follows compares sets of images; none of it sees "
    "whether the stain is in the right place."
)
_COLUMNS = ("set", "image", "dab", "dab_area", "gradient_energy")


@dataclass(frozen=True)
class SetScores:
    """The held-out images as sets.

    Attributes:
        sets: Generated IHC, copies of the H&E, and real IHC, as `scores.GENERATED`,
            `HE_COPY` and `REAL`.
        names: Of the images of each, in their order.
        features: KID and FID of the generated ones, if they were asked for.
    """

    sets: Mapping[str, SetOfImages]
    names: Mapping[str, Sequence[str]]
    features: FeatureDistances | None = None

    def table(self) -> "Table":
        """Each set for a terminal, and how far it is from the real IHC."""
        from rich import box
        from rich.table import Table

        grid = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
        for heading in ("set", "images", "DAB OD", "DAB+ area", "distance", "sharp"):
            grid.add_column(heading, justify="left" if heading == "set" else "right")
        real = self.sets[REAL]
        for kind, images in self.sets.items():
            dab, area = (_mean(values) for values in (images.dab, images.dab_area))
            row = [LABELS[kind], str(len(images.dab)), f"{dab:.3f}", f"{area:.3f}"]
            is_real = images is real
            distance = "" if is_real else f"{images.dab_distance(real):.3f}"
            row += [distance, "" if is_real else f"{images.sharpness(real):.2f}"]
            grid.add_row(*row)
        return grid

    def in_words(self) -> str:
        """What the table means, and KID and FID where they were asked for."""
        about = (
            "Distance: Wasserstein-1 of the densities of DAB of all pixels, in optical "
            "density; 0 is best. Sharp: gradient energy over that of the real IHC."
        )
        return "\n".join(
            [about, *([self.features.in_words()] if self.features else [])]
        )

    def write(self, scores: Path) -> Path:
        """Writes a row for each image of each set, and says where.

        It is not where scores of pairs stand, which `compare` and `report` read, but
        beside them: of `scores.csv`, `scores.sets.csv`.
        """
        path = Path(scores).with_suffix(".sets.csv")
        with (
            whole_file(path) as temporary,
            open(
                temporary, "w", newline="", encoding="utf-8", errors="surrogateescape"
            ) as file,
        ):
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(_COLUMNS)
            for kind, images in self.sets.items():
                values = (images.dab, images.dab_area, images.energies)
                for row in zip(self.names[kind], *values, strict=True):
                    writer.writerow((kind, *row))
        return path


def has_held_out_pairs(run: Path, data: Path | None = None) -> bool:
    """Whether `score_run` has something to compare: a held-out pair.

    Args:
        run: A run folder, or a `.keras` file.
        data: Folder of images; a run's own if not given.
    """
    _, pairs = recipe_and_pairs(Path(run), data)
    return any(pair.is_whole for pair in pairs if pair.split != "train")


def score_sets(
    run: Path,
    data: Path | None = None,
    *,
    generator: "keras.Model | None" = None,
    modes: "Modes | None" = None,
    vectors: StainVectors = RUIFROK_JOHNSTON,
    features: str | None = None,
    progress: Progress | None = None,
) -> tuple[str, SetScores]:
    """Stain held-out H&E without partners, and compare all with all real IHC.

    The split "test" is taken, or "val" where there is no "test".

    Args:
        run: As for `score_run`.
        data: Folder of images; a run's own if not given.
        generator: As for `score_run`, and so are the modes.
        modes: How it runs.
        vectors: Stain vectors of the colour deconvolution.
        features: Weights of InceptionV3, for KID and FID: see `load_inception`.
        progress: See `he2ihc_keras.scoring.streaming.Progress`.

    Returns:
        What was scored, in words, and the scores.

    Raises:
        ValueError: If there is no model yet, no held-out image of one of the stains, or
            the features' weights cannot be loaded.
    """
    # Imported here: scores of two folders need neither Keras nor TensorFlow.
    from he2ihc_keras import inference

    progress = progress or (lambda doing, done, total: None)
    recipe, pairs = recipe_and_pairs(Path(run), data)
    inception = load_inception(features) if features else None  # may refuse
    split, he_pairs, ihc_pairs = _held_out(pairs)
    generator = generator or inference.load_generator(run)
    modes = (modes or inference.Modes()).of(generator)
    stainer = inference.Stainer(inference.with_modes(generator, modes))
    scale = recipe.data.patch_size if recipe and recipe.data.fit == "resize" else None
    sets = {kind: SetOfImages(vectors) for kind in (GENERATED, HE_COPY, REAL)}
    names = {kind: [] for kind in sets}
    images = {GENERATED: [], REAL: []}

    def add(kind, pair, image):
        sets[kind].add(image)
        names[kind].append(pair.name)
        if features and kind in images:
            images[kind].append(image)

    total = len(he_pairs) + len(ihc_pairs)
    for done, pair in enumerate(he_pairs, start=1):
        he = _read(pair, "he", scale)
        add(HE_COPY, pair, he)
        add(GENERATED, pair, inference.stain_image(stainer, he))
        progress("Staining", done, total)
    for done, pair in enumerate(ihc_pairs, start=len(he_pairs) + 1):
        add(REAL, pair, _read(pair, "ihc", scale))
        progress("Reading", done, total)
    distances = features and feature_distances(
        *(images[kind] for kind in (REAL, GENERATED)),
        features,
        inception=inception,
        progress=progress,
    )
    what = (
        f"Held-out split: {split}, {len(he_pairs)} H&E and {len(ihc_pairs)} IHC; "
        f"{modes.in_words()}."
    )
    return what, SetScores(sets, names, distances or None)


def _held_out(pairs: Sequence[Pair]):
    for split in ("test", "val"):
        of_split = [pair for pair in pairs if pair.split == split]
        he = [pair for pair in of_split if pair.he is not None]
        ihc = [pair for pair in of_split if pair.ihc is not None]
        if he and ihc:
            return split, he, ihc
    raise ValueError("No split that is held out has both H&E and IHC to score.")


def _read(pair, stain, scale):
    image = read_stain(pair, stain)
    return image if scale is None else resize(image, scale)


def _mean(values):
    return sum(values) / len(values)
