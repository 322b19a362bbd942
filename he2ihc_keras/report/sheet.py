"""A blinded reading sheet as one HTML page: images by number, and boxes to tick."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from he2ihc_keras.data.pairs import LEVELS, level_of
from he2ihc_keras.report.cases import Picture, picture, scaled_down
from he2ihc_keras.report.html import check_extra, packaged, rendered, write_page
from he2ihc_keras.scoring.folders import Folders
from he2ihc_keras.scoring.images import Generated
from he2ihc_keras.scoring.levels.sheets import (
    ANSWERS,
    CONFIDENCES,
    Shown,
    arranged,
    choose,
    write_answers_and_key,
)
from he2ihc_keras.scoring.scores import REAL

PAGE, TO_FILL_IN = "sheet.html", "sheet.csv"


class Written(NamedTuple):
    """Files of a sheet, and how many images stand on it."""

    page: Path
    answers: Path
    key: Path
    images: int


def write_sheet(
    patches: Iterable[Generated],
    out: Path,
    key: Path,
    *,
    seed: int,
) -> Written:
    """Write a sheet that hides which images are real, and its key.

    Each patch stands on it twice, real and generated, shuffled, turned and without its
    name. `out` gets `sheet.html` and `sheet.csv`; whoever has the key knows all.

    Args:
        patches: What to show.
        out: A new or empty folder, to be given to the reader.
        key: A CSV elsewhere, to be kept from the reader.
        seed: Of order and turns; who knows it knows the key.

    Raises:
        ValueError: If `out` is in use, or the key would lie in it or replace a file.
        ModuleNotFoundError: If Jinja is not installed.
    """
    check_places(out, key)
    check_extra()
    patches = list(patches)
    by_name = {patch.name: patch for patch in patches}
    shown = arranged([(p.name, p.level) for p in patches], seed)
    out.mkdir(parents=True, exist_ok=True)
    key.parent.mkdir(parents=True, exist_ok=True)
    answers = out / TO_FILL_IN
    name = write_answers_and_key(answers, key, shown, seed)
    text = rendered(
        "sheet.html",
        script="sheet.js",
        sheet=name,
        pictures=[_picture(image, by_name[image.name]) for image in shown],
        levels=LEVELS,
        confidences=CONFIDENCES,
        columns=ANSWERS,
        sheet_css=packaged("sheet.css"),
    )
    write_page(out / PAGE, text)
    return Written(out / PAGE, answers, key, len(shown))


def find_patches(
    predicted: Path, target: Path | None, data: Path | None, count: int, seed: int
) -> Iterator[Generated]:
    """Patches for a sheet, as many of each level as there are.

    Args:
        predicted: A run or `.keras` file, which stains its held-out pairs, or a folder
            of generated images.
        target: With a folder, that of the real IHC.
        data: With a run, the folder of pairs.
        count: How many patches, at most.
        seed: Of the choice.

    Raises:
        ValueError: As `scoring.score_run` and `scoring.score_folders`.
    """
    is_run = predicted.suffix == ".keras" or (predicted / "recipe.toml").is_file()
    if is_run:
        return _stained(predicted, data, count, seed)
    return _of_folders(Folders(predicted, target), count, seed)


def _of_folders(folders, count, seed):
    rows = folders.find().rows
    levels = [level_of(row.name) for row in rows]
    for index in choose(levels, count, seed):
        row = rows[index]
        yield Generated(row.name, levels[index], row.fake_ihc.read(), row.ihc.read())


def _stained(run, data, count, seed):
    # Imported here: what lies in folders needs neither Keras nor TensorFlow.
    from he2ihc_keras import inference
    from he2ihc_keras.scoring.runs import recipe_and_pairs

    recipe, pairs = recipe_and_pairs(run, data)
    _, held_out = inference.held_out(pairs)
    chosen = choose([pair.level for pair in held_out], count, seed)
    stainer = inference.Stainer(inference.load_generator(run))
    images = inference.stain_pairs(stainer, [held_out[i] for i in chosen], recipe)
    yield from (Generated(*image) for image in images)


def check_places(out: Path, key: Path) -> None:
    """Refuses places for a sheet and its key, before the long work.

    Raises:
        ValueError: See `write_sheet`.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ValueError(f"{out} is in use. Choose another folder with --out.")
    if key.resolve().is_relative_to(out.resolve()):
        raise ValueError(
            f"The key {key} would lie in {out}, which the reader gets. Choose another "
            "place with --key."
        )
    if key.exists():
        raise ValueError(f"There is a key {key} already. Choose another with --key.")


def _picture(image: Shown, patch: Generated) -> Picture:
    pixels = patch.ihc if image.what == REAL else patch.fake_ihc
    return picture(scaled_down(np.asarray(image.turned(pixels))))
