"""Scores of a folder of generated patches against a folder of real ones."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any

from he2ihc_keras.data.pairs import level_of
from he2ihc_keras.measures import psnr
from he2ihc_keras.measures.deconvolution import RUIFROK_JOHNSTON, StainVectors
from he2ihc_keras.scoring import protocols
from he2ihc_keras.scoring.baselines import (
    colour_sum,
    flat_image,
    mean_colour,
    mean_of_sums,
)
from he2ihc_keras.scoring.images import Generated, Ruler, See, collect, measure, seen
from he2ihc_keras.scoring.protocols import BCI, Protocol
from he2ihc_keras.scoring.results import (
    IHC,
    ResultFiles,
    Results,
    find_results,
    open_folder,
)
from he2ihc_keras.scoring.scores import (
    GENERATED,
    MEAN_COLOUR,
    SCORED_IHC,
    TRAINING_IHC,
    ScoredImage,
    Scores,
)
from he2ihc_keras.scoring.slides import SlideSource
from he2ihc_keras.scoring.streaming import Progress, stream

# `he2ihc_keras.inference.record.RECORD`, which would import Keras
_PREDICTED = "predict.json"
_PROBLEMS_SHOWN = 10


@dataclass(frozen=True)
class Folders:
    """Where images lie that are to be scored.

    Attributes:
        predicted: Folder of generated IHC, or of another method's results.
        target: Folder of real IHC; not needed where `predicted` holds it too.
        he: Folder of the H&E patches, which may hold others too; adds the baseline
            that copies them.
        train_ihc: Folder of the training IHC, whose mean colour is the flat baseline.
            Without it that of the scored IHC stands in, which no model may know, and
            the table says so.
        panels: What lies side by side in each generated file, from the left: see
            `he2ihc_keras.scoring.find_results`.
    """

    predicted: Path
    target: Path | None = None
    he: Path | None = None
    train_ihc: Path | None = None
    panels: Sequence[str] | None = None

    def as_source(self) -> dict[str, Any]:
        """The folders that are given, as the record of the scores names them.

        And how `predict` stained the generated images, if it did.
        """
        named = {field.name: getattr(self, field.name) for field in fields(self)}
        source = {
            name: ",".join(value) if name == "panels" else str(Path(value).resolve())
            for name, value in named.items()
            if value is not None
        }
        stained_by = Path(self.predicted) / _PREDICTED
        if stained_by.is_file():
            told = json.loads(stained_by.read_text(encoding="utf-8"))
            source["stained_by"] = {**told, "images": len(told.get("images", ()))}
        return source

    def find(self, protocol: Protocol = BCI) -> Results:
        """The images of each patch, and the layout that was recognised.

        Raises:
            ValueError: With every problem of names and sizes.
        """
        return find_results(
            self.predicted,
            self.target,
            he=self.he,
            same_size=protocol.is_native,
            panels=self.panels,
        )


def score_folders(
    folders: Folders,
    *,
    protocol: Protocol = BCI,
    vectors: StainVectors = RUIFROK_JOHNSTON,
    slides: SlideSource | None = None,
    see: See | None = None,
    progress: Progress | None = None,
) -> tuple[str, Scores]:
    """Score generated patches against real IHC of the same names.

    `a.png` and `a.jpg` have the same name. Every problem with names, sizes and slides
    is found before the first image is scored, and nothing is averaged over a subset.

    Args:
        folders: Where the images lie.
        protocol: What is compared, and how.
        vectors: Stain vectors of the colour deconvolution.
        slides: Where the slide of an image is told; MIST's names are known.
        see: See `score_images`; it has each image read before it is measured.
        progress: See `he2ihc_keras.scoring.streaming.Progress`.

    Returns:
        What was scored, in words, and the scores.

    Raises:
        ValueError: If a folder holds no image, if names are missing or doubled, if
            images of one name differ in size, or if the slide of one is not told.
    """
    found = folders.find(protocol)
    rows = found.rows
    slide_of_each, told_by = (slides or SlideSource()).of([row.name for row in rows])
    colour, colour_of = _mean_colour(folders, rows, progress)
    ruler = Ruler(colour, protocol, vectors)
    if see is None:
        work, items = (lambda row: measure(_read(row), ruler)), rows
    else:
        work = partial(measure, ruler=ruler)
        items = seen(map(_read, rows), ruler, see)
    measured = stream(work, items, doing="Scoring", total=len(rows), progress=progress)
    scores = collect(measured, ruler, colour_of).with_slides(slide_of_each, told_by)
    what = f"{_images(len(rows))}, {found.layout}."
    return what + _taken_as_written(rows, protocol), scores


def explain_folders(
    folders: Folders, *, progress: Progress | None = None
) -> tuple[Scores, ...]:
    """PSNR and SSIM of the same images under each protocol that they fit.

    Of the baselines, only the mean colour stands beside. Where generated images have
    not the size of the real ones, protocols of native size are left out.

    Args:
        folders: Where the images lie.
        progress: See `he2ihc_keras.scoring.streaming.Progress`.

    Raises:
        ValueError: As `score_folders`.
    """
    rows = folders.find(protocols.BCI_README).rows
    fitting = tuple(protocols.PROTOCOLS.values())
    if any(row.fake_ihc.size() != row.ihc.size() for row in rows):
        fitting = tuple(p for p in fitting if not p.is_native)
    colour, colour_of = _mean_colour(folders, rows, progress)
    explain = partial(_explain, fitting=fitting, colour=colour)
    explained = stream(explain, rows, doing="Scoring", progress=progress)
    return tuple(
        Scores(images, tuple(colour), colour_of, protocol)
        for images, protocol in zip(zip(*explained, strict=True), fitting, strict=True)
    )


def _explain(row: ResultFiles, fitting, colour):
    image = _read(row)
    return [_under(protocol, image, colour) for protocol in fitting]


def _under(protocol: Protocol, image: Generated, colour):
    ihc = protocol.view(image.ihc)
    candidates = {
        GENERATED: protocol.view(image.fake_ihc),
        MEAN_COLOUR: flat_image(colour, like=ihc),
    }
    scores = {
        method: {"psnr": psnr(ihc, other), "ssim": protocol.ssim(ihc, other)}
        for method, other in candidates.items()
    }
    return ScoredImage(image.name, image.level, ihc.shape[:2], scores)


def _taken_as_written(rows, protocol):
    """Says which images a protocol of its own size took for its own."""
    if protocol.is_native:
        return ""
    side = (protocol.centre, protocol.centre)
    count = sum(row.fake_ihc.size() == side for row in rows)
    if not count:
        return ""
    return (
        f" Taken as written by the test command, neither scaled nor cut: "
        f"{_images(count)} of {protocol.centre} x {protocol.centre} pixels."
    )


def _images(count):
    return f"{count} image{'s' if count > 1 else ''}"


def _mean_colour(folders: Folders, rows, progress):
    """Reads every image once, so that a damaged one is found before the long work."""
    of_scored = _checked_sums(rows, progress)
    if folders.train_ihc is None:
        return mean_of_sums(of_scored).tolist(), SCORED_IHC
    training = open_folder(Path(folders.train_ihc), IHC).sets[IHC].files.values()
    return mean_colour(training, progress=progress).tolist(), TRAINING_IHC


def _checked_sums(rows, progress):
    sums, problems = [], []
    looked_at = stream(_look_at, rows, doing="Checking the images", progress=progress)
    for of_image, problem in looked_at:
        sums.append(of_image)
        problems += [problem] if problem else []
    if problems:
        raise ValueError(
            f"{len(problems)} of {len(rows)} images cannot be read, and nothing was "
            f"scored:\n  " + "\n  ".join(problems[:_PROBLEMS_SHOWN])
        )
    return sums


def _look_at(row: ResultFiles):
    try:
        image = _read(row)
    except ValueError as error:
        return None, str(error)
    return colour_sum(image.ihc), ""


def _read(row: ResultFiles) -> Generated:
    return Generated(
        row.name,
        level_of(row.name),
        fake_ihc=row.fake_ihc.read(),
        ihc=row.ihc.read(),
        he=row.he and row.he.read(),
    )
