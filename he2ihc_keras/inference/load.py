"""A generator from what people have on disk."""

import shlex
from pathlib import Path

import keras
import numpy as np

from he2ihc_keras import models, presets, trainers
from he2ihc_keras.files import Damaged, read_zip
from he2ihc_keras.models import her2_level
from he2ihc_keras.recipe import Recipe
from he2ihc_keras.training import RunFolder


def load_generator(path: Path | str) -> keras.Model:
    """The generator of a run folder, or of a `.keras` file.

    Args:
        path: A run folder with `model.keras` in it, or the file itself.

    Returns:
        A generator in float32.

    Raises:
        ValueError: If there is no model, if it is not a generator of this package, or
            if its weights are not finite.
    """
    if predicts(path) != "image":
        raise ValueError(
            f"{path} does not stain: it was trained to predict the {predicts(path)}. "
            "Give it to `he2ihc-keras score ... --level`."
        )
    return _load(path, _check_stains)


def _check_stains(model):
    models.stride(model)
    if len(model.inputs) > 1:
        names = ", ".join(tensor.name for tensor in model.inputs)
        raise ValueError(
            f"Model {model.name!r} takes {names}: it does not stain by itself. Of a "
            "bridge, give the run folder, or save `models.bridge.stainer(network)`."
        )


def load_reader(path: Path | str) -> keras.Model:
    """The reader of levels of a run folder, or of a `.keras` file, in float32.

    Raises:
        ValueError: If there is no model, if it reads no levels, or if its weights are
            not finite.
    """
    return _load(path, her2_level.is_ordinal)


def predicts(path: Path | str) -> str:
    """What a run was trained to predict, as its trainer says: "image", "level", ...

    "image" where nothing tells: of a trainer from outside, whose package is not needed
    to stain, and of a model without its run.
    """
    recipe = load_recipe(path)
    is_known = recipe is not None and trainers.is_loaded(recipe.trainer.name)
    return trainers.get(recipe.trainer.name).predicts if is_known else "image"


def _load(path, check):
    file = model_file(path)
    model = models.load(file)
    check(model)
    _check_finite(model, file)
    # Not `as_float32`: nobody else has this model, and Keras imports TensorFlow to
    # write a model's config, whatever the backend.
    for layer in models.all_layers(model):
        layer.dtype_policy = "float32"
    return model


def _check_finite(model, file):
    arrays = zip(model.weights, model.get_weights(), strict=True)
    bad = [weight.path for weight, array in arrays if not np.isfinite(array).all()]
    if bad:
        raise ValueError(
            f"{file} cannot stain: {len(bad)} of its {len(model.weights)} weights are "
            f"not finite, the first of them {bad[0]}. Its training diverged: train "
            "again with a smaller learning rate, or take an earlier copy."
        )


def load_recipe(path: Path | str) -> Recipe | None:
    """The recipe of a run folder, or of the run that a model of it lies in.

    Returns:
        The recipe, or `None` where there is none beside the model.
    """
    path = Path(path)
    run = RunFolder(path if path.is_dir() else path.parent)
    if not run.exists() or not (path.is_dir() or path.suffix == ".keras"):
        return None
    recipe = Recipe.load_complete(run.recipe)
    is_of_run = path.is_dir() or path in (run.model, *map(run.network, recipe.networks))
    return recipe if is_of_run else None


def kept_network(run: Path | str, role: str) -> Path:
    """The file of a network that a run keeps beside its model.

    Args:
        run: A run folder, or its `model.keras`.
        role: Of the network, such as "reverse_generator".

    Raises:
        ValueError: If the run keeps none.
    """
    run = Path(run)
    path = RunFolder(run if run.is_dir() else run.parent).network(role)
    if not path.is_file():
        raise ValueError(
            f"{run} keeps no {role.replace('_', ' ')}: there is no {path.name}. The "
            "trainer cycle_gan makes one."
        )
    return path


def model_file(path: Path | str) -> Path:
    """The `.keras` file of a run folder or of a name of `presets`, or the file itself.

    Raises:
        ValueError: If there is no model.
    """
    path = presets.found(path)
    if path.is_dir():
        run = RunFolder(path)
        if not run.model.is_file():
            raise ValueError(
                f"{path} has no {run.model.name}. Expected a run folder of "
                "`he2ihc-keras train` whose first epoch has ended, or a .keras file."
            )
        path = run.model
    if not path.is_file():
        raise ValueError(f"{path} does not exist.")
    if path.suffix != ".keras":
        raise ValueError(f"{path} is neither a run folder nor a .keras file.")
    try:
        read_zip(path)
    except Damaged as error:
        raise ValueError(
            f"{path} is damaged or no .keras file. {_how_to_replace(path)}"
        ) from error
    return path


def _how_to_replace(path):
    run = RunFolder(path.parent)
    if path == run.model and run.has_checkpoints():
        out = shlex.quote(str(run.path))
        return f"`he2ihc-keras train --out {out} --resume` makes it again."
    return "Copy or download it again."
