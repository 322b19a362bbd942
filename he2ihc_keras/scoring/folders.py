"""Scores of a folder of generated patches against a folder of real ones."""

from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from he2ihc_keras.data.images import IMAGE_SUFFIXES, image_size, read_image
from he2ihc_keras.data.pairs import level_of, size_text
from he2ihc_keras.scoring.baselines import mean_colour
from he2ihc_keras.scoring.images import Generated, score_image
from he2ihc_keras.scoring.scores import SCORED_IHC, TRAINING_IHC, ScoredImage, Scores
from he2ihc_keras.scoring.streaming import Progress, stream

_NAMES_SHOWN = 10


class _Files(NamedTuple):
    name: str
    fake_ihc: Path
    ihc: Path
    he: Path | None


def score_folders(
    predicted: Path,
    target: Path,
    *,
    he: Path | None = None,
    train_ihc: Path | None = None,
    progress: Progress | None = None,
) -> Scores:
    """Score generated patches against real IHC of the same names.

    `a.png` and `a.jpg` have the same name. Every problem with names and sizes is found
    before the first image is scored, and nothing is averaged over a subset.

    Args:
        predicted: Folder of generated IHC.
        target: Folder of real IHC.
        he: Folder of the H&E patches, which may hold others too; adds the baseline
            that copies them.
        train_ihc: Folder of the training IHC, whose mean colour is the flat baseline.
            Without it that of the scored IHC stands in, which no model may know, and
            the table says so.
        progress: See `he2ihc_keras.scoring.streaming.Progress`.

    Raises:
        ValueError: If a folder holds no image, if names are missing or doubled, or if
            images of one name differ in size.
    """
    files = _match(Path(predicted), Path(target), he and Path(he))
    _check_sizes(files)
    if train_ihc is None:
        coloured, mean_colour_of = [pair.ihc for pair in files], SCORED_IHC
    else:
        coloured, mean_colour_of = _by_name(Path(train_ihc)).values(), TRAINING_IHC
    colour = mean_colour(coloured, progress=progress)
    score = partial(_score_files, mean_colour=colour)
    scored = stream(score, files, doing="Scoring", progress=progress)
    return Scores(tuple(scored), tuple(colour.tolist()), mean_colour_of)


def _score_files(files: _Files, mean_colour: np.ndarray) -> ScoredImage:
    generated = Generated(
        files.name,
        level_of(files.name),
        fake_ihc=read_image(files.fake_ihc),
        ihc=read_image(files.ihc),
        he=files.he and read_image(files.he),
    )
    return score_image(generated, mean_colour=mean_colour)


# Which file belongs to which


def _match(predicted: Path, target: Path, he: Path | None) -> list[_Files]:
    ihc, fake_ihc = _by_name(target), _by_name(predicted)
    he_patches = _by_name(he) if he else {}
    problems = [
        _listed("without a prediction", ihc.keys() - fake_ihc.keys(), predicted),
        _listed("predicted without a target", fake_ihc.keys() - ihc.keys(), target),
        _listed("without an H&E", ihc.keys() - he_patches.keys(), he) if he else "",
    ]
    if any(problems):
        raise ValueError(
            "Each target needs one prediction of the same name (endings may differ), "
            "and nothing was scored:\n" + "\n".join(filter(None, problems))
        )
    return [_Files(n, fake_ihc[n], ihc[n], he_patches.get(n)) for n in sorted(ihc)]


def _by_name(folder: Path) -> dict[str, Path]:
    files = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in IMAGE_SUFFIXES or path.name.startswith("."):
            continue
        if path.stem in files:
            raise ValueError(
                f"{folder} holds {files[path.stem].name} and {path.name}. "
                "A name may stand for one image only: take one away."
            )
        files[path.stem] = path
    if not files:
        raise ValueError(_nothing_in(folder))
    return files


def _nothing_in(folder):
    message = f"{folder} holds no image ({', '.join(sorted(IMAGE_SUFFIXES))})."
    inner = sorted(path.name for path in folder.iterdir() if path.is_dir())
    return message + (f" Give one of its folders: {', '.join(inner)}." if inner else "")


def _listed(problem, names, folder):
    if not names:
        return ""
    return f"  {len(names)} {problem} in {folder}: {_shortened(sorted(names))}"


def _shortened(texts):
    shown = ", ".join(texts[:_NAMES_SHOWN])
    more = len(texts) - _NAMES_SHOWN
    return f"{shown} and {more} more." if more > 0 else f"{shown}."


def _check_sizes(files: list[_Files]):
    problems = []
    for name, fake_ihc, ihc, he in files:
        expected = image_size(ihc)
        for what, path in (("generated", fake_ihc), ("H&E", he)):
            if path and (size := image_size(path)) != expected:
                sizes = f"{what} {size_text(size)}, real {size_text(expected)}"
                problems.append(f"{name} ({sizes})")
    if problems:
        raise ValueError(
            "Images of one name must have one size, and nothing was scored.\n"
            f"  {len(problems)} of another size than the real IHC (width x height): "
            f"{_shortened(problems)}\n"
            "Generate images at the size of the real IHC."
        )
