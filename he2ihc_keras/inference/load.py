"""A generator from what people have on disk."""

import zipfile
from pathlib import Path

import keras

from he2ihc_keras import models
from he2ihc_keras.recipe import Recipe
from he2ihc_keras.training import RunFolder


def load_generator(path: Path | str) -> keras.Model:
    """The generator of a run folder, or of a `.keras` file.

    Args:
        path: A run folder with `model.keras` in it, or the file itself.

    Returns:
        A generator in float32.

    Raises:
        ValueError: If there is no model, or it is not a generator of this package.
    """
    file = model_file(path)
    try:
        model = keras.models.load_model(file, compile=False)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ValueError(
            f"{file} cannot be loaded as a Keras model: {error}"
        ) from error
    models.stride(model)
    # Not `as_float32`: nobody else has this model, and Keras imports TensorFlow to
    # write a model's config, whatever the backend.
    for layer in model.layers:
        layer.dtype_policy = "float32"
    return model


def load_recipe(path: Path | str) -> Recipe | None:
    """The recipe of a run folder, or of the run that a `model.keras` lies in.

    Returns:
        The recipe, or `None` where there is none beside the model.
    """
    path = Path(path)
    run = RunFolder(path if path.is_dir() else path.parent)
    is_of_run = path.is_dir() or path.name == run.model.name
    return Recipe.load_complete(run.recipe) if run.exists() and is_of_run else None


def model_file(path: Path | str) -> Path:
    """The `.keras` file of a run folder, or the file itself.

    Raises:
        ValueError: If there is no model.
    """
    path = Path(path)
    if path.is_dir():
        model = RunFolder(path).model
        if model.is_file():
            return model
        raise ValueError(
            f"{path} has no {model.name}. Expected a run folder of `he2ihc-keras "
            "train` whose first epoch has ended, or a .keras file."
        )
    if not path.is_file():
        raise ValueError(f"{path} does not exist.")
    if path.suffix != ".keras":
        raise ValueError(f"{path} is neither a run folder nor a .keras file.")
    if not zipfile.is_zipfile(path):
        raise ValueError(
            f"{path} is damaged or no .keras file. Copy or download it again."
        )
    return path
