"""Images on disk to stained images on disk."""

import contextlib
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from he2ihc_keras.data.folders import image_files, name_of, problems_in, subfolders
from he2ihc_keras.data.images import IMAGE_SUFFIXES, read_image, write_image
from he2ihc_keras.inference.modes import choose_units
from he2ihc_keras.inference.record import RECORD, recorded, stained_before
from he2ihc_keras.inference.stainer import Stainer


def find_images(inputs: Iterable[Path | str]) -> list[Path]:
    """Images among files and folders, folders' in the order of their names.

    Args:
        inputs: Files, and folders whose images (not those of subfolders) are taken.

    Returns:
        Image files, each once.

    Raises:
        ValueError: If something does not exist or is a link to nothing, a folder has no
            image, or two images would get the same name.
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
    by: Mapping[str, Any] | None = None,
    progress: Callable[[], None] = lambda: None,
) -> list[str]:
    """Stains images one by one, and goes on past those that fail.

    Args:
        stainer: What stains.
        images: H&E images of any size, as `find_images` lists them.
        out: Folder for the stained images: same names, as PNG.
        by: Which model stains and how, from `stained_by`; `predict.json` then says so
            beside the images, and what it lists may be replaced.
        progress: Called after each image.

    Returns:
        What went wrong, one message for each image that failed.

    Raises:
        ValueError: As `check_out`.
    """
    out = Path(out)
    check_out(images, out, by)
    targets = _targets(images, out)
    out.mkdir(parents=True, exist_ok=True)
    failures: list[str] = []
    names = [target.stem for target in targets]
    with recorded(out, by, names) if by else contextlib.nullcontext([]) as stained:
        for image, target in zip(images, targets, strict=True):
            try:
                write_image(target, stain_image(stainer, read_image(image)))
                stained.append(target.stem)
            except Exception as error:  # whatever it is, the others can be stained
                failures.append(_failure(image, error))
            progress()
    return failures


def check_out(
    images: Sequence[Path], out: Path | str, by: Mapping[str, Any] | None = None
) -> None:
    """Refuse to replace what this package did not stain, an input among them.

    Args:
        images: H&E images.
        out: Folder for the stained images; what its `predict.json` lists may be
            replaced.
        by: How they are to be stained; `None` takes no record for granted.

    Raises:
        ValueError: With the first of the files that would be lost; or if the images of
            the folder were stained otherwise.
    """
    ours = set(stained_before(out, by)) if by else ()
    targets = _targets(images, Path(out))
    there = [target for target in targets if os.path.lexists(target)]
    inputs = {image.resolve() for image in images}
    foreign = [t for t in there if t.stem not in ours or t.resolve() in inputs]
    if foreign:
        which = f"that no {RECORD} there lists" if by else "that are there already"
        raise ValueError(
            f"{len(foreign)} of the {len(targets)} stained images would replace files "
            f"of {out} {which}, the first of them {foreign[0]}. Choose another "
            "--out: stained images get the names of their H&E."
        )


def _targets(images, out):
    return [out / f"{image.stem}.png" for image in images]


def stain_image(stainer: Stainer, he: np.ndarray) -> np.ndarray:
    """IHC of one H&E image, both uint8 `(height, width, 3)`.

    Where dropout is on, the image has its own units dropped: see `choose_units`.
    """
    choose_units(stainer.generator, he)
    return np.asarray(stainer.predict_on_batch(he[np.newaxis]))[0]


def _failure(image, error):
    message = str(error)
    return message if str(image) in message else f"{image}: {message}"


def _images_of(path):
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise ValueError(f"{path} does not exist.")
    if problems := list(problems_in(path)):
        raise ValueError("\n".join(problems))
    images = image_files(path)
    if not images:
        folders = ", ".join(folder.name for folder in subfolders(path)) or "none"
        raise ValueError(
            f"{path} has no image in it ({', '.join(IMAGE_SUFFIXES)}). "
            f"Subfolders: {folders}."
        )
    return images


def _check_names(images):
    by_stem: dict[str, Path] = {}
    for image in images:
        other = by_stem.setdefault(name_of(image), image)
        if other != image:
            raise ValueError(
                f"{other} and {image} would both be written as {image.stem}.png. "
                "Stain them into different folders."
            )
