"""Images on disk to stained images on disk."""

import dataclasses
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

import he2ihc_keras
from he2ihc_keras.data.images import (
    IMAGE_SUFFIXES,
    read_image,
    whole_file,
    write_image,
)
from he2ihc_keras.inference.modes import Modes
from he2ihc_keras.inference.stainer import Stainer

# How the images of a folder were stained
RECORD = "predict.json"


def find_images(inputs: Iterable[Path | str]) -> list[Path]:
    """Images among files and folders, folders' in the order of their names.

    Args:
        inputs: Files, and folders whose images (not those of subfolders) are taken.

    Returns:
        Image files, each once.

    Raises:
        ValueError: If something does not exist, a folder has no image, or two images
            would get the same name.
    """
    images: list[Path] = []
    for path in map(Path, inputs):
        images += _images_of(path)
    images = list(dict.fromkeys(images))
    _check_names(images)
    return images


def predict_files(
    stainer: Stainer,
    images: Sequence[Path],
    out: Path | str,
    *,
    progress: Callable[[], None] = lambda: None,
) -> list[str]:
    """Stains images one by one, and goes on past those that fail.

    Args:
        stainer: What stains.
        images: H&E images of any size, as `find_images` lists them.
        out: Folder for the stained images: same names, as PNG.
        progress: Called after each image.

    Returns:
        What went wrong, one message for each image that failed.

    Raises:
        ValueError: If a stained image would replace its own H&E.
    """
    out = Path(out)
    targets = [out / f"{image.stem}.png" for image in images]
    for image, target in zip(images, targets, strict=True):
        if target.exists() and target.samefile(image):
            raise ValueError(
                f"{target} is an input. Choose another folder with --out: stained "
                "images get the names of their H&E."
            )
    out.mkdir(parents=True, exist_ok=True)
    failures = []
    for image, target in zip(images, targets, strict=True):
        try:
            write_image(target, stain_image(stainer, read_image(image)))
        except Exception as error:  # whatever it is, the other images can be stained
            failures.append(_failure(image, error))
        progress()
    return failures


def write_record(out: Path | str, model: Path | str, modes: Modes) -> Path:
    """Write how a folder was stained, beside its images: `predict.json`.

    Args:
        out: The folder of stained images.
        model: The run or `.keras` file that stained them.
        modes: How the generator ran.
    """
    path = Path(out) / RECORD
    record = {
        "he2ihc_keras": he2ihc_keras.__version__,
        "model": str(Path(model).resolve()),
        **dataclasses.asdict(modes),
        "note": "Generated images. Research only, not for diagnosis.",
    }
    with whole_file(path) as temporary:
        temporary.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    return path


def stain_image(stainer: Stainer, he: np.ndarray) -> np.ndarray:
    """IHC of one H&E image, both uint8 `(height, width, 3)`."""
    return np.asarray(stainer.predict_on_batch(he[np.newaxis]))[0]


def _failure(image, error):
    message = str(error)
    return message if str(image) in message else f"{image}: {message}"


def _images_of(path):
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise ValueError(f"{path} does not exist.")
    entries = sorted(path.iterdir())
    images = [
        entry
        for entry in entries
        if entry.suffix.lower() in IMAGE_SUFFIXES
        and entry.is_file()
        and not entry.name.startswith(".")
    ]
    if not images:
        folders = ", ".join(entry.name for entry in entries if entry.is_dir()) or "none"
        raise ValueError(
            f"{path} has no image in it ({', '.join(IMAGE_SUFFIXES)}). "
            f"Subfolders: {folders}."
        )
    return images


def _check_names(images):
    by_stem: dict[str, Path] = {}
    for image in images:
        other = by_stem.setdefault(image.stem, image)
        if other != image:
            raise ValueError(
                f"{other} and {image} would both be written as {image.stem}.png. "
                "Stain them into different folders."
            )
