"""Published networks as functional Keras models, one architecture a file."""

import inspect
import types
from pathlib import Path

import keras

from he2ihc_keras import presets
from he2ihc_keras.files import DAMAGE
from he2ihc_keras.layers import SizeCheck
from he2ihc_keras.models import (
    attn_pyramid,
    bridge,
    cyclegan,
    her2_level,
    mggan,
    patchgan,
    pix2pix,
    pyramid_pix2pix,
    unet,
)
from he2ihc_keras.models.precision import all_layers, as_float32
from he2ihc_keras.tables import table_of, unknown

__all__ = [
    "KINDS",
    "all_layers",
    "as_float32",
    "build",
    "generators",
    "load",
    "module",
    "names",
    "of_kind",
    "options",
    "stride",
]

# What stains, what judges, what reads levels, and what a sampler stains with
_MODULES = {
    "generator": (attn_pyramid, cyclegan, mggan, pix2pix, pyramid_pix2pix, unet),
    "discriminator": (patchgan,),
    "reader": (her2_level,),
    "denoiser": (bridge,),
}
KINDS = tuple(_MODULES)


def _name(module):
    return module.__name__.rpartition(".")[-1]


_BY_NAME = {_name(module): module for of in _MODULES.values() for module in of}


def names() -> tuple[str, ...]:
    """Names that `build` knows, in alphabetical order."""
    return tuple(sorted(_BY_NAME))


def of_kind(kind: str) -> tuple[str, ...]:
    """Names of the models of one of `KINDS`."""
    return tuple(map(_name, _MODULES[kind]))


def generators() -> tuple[str, ...]:
    """Names of the models that stain by themselves."""
    return of_kind("generator")


def build(name: str, **overrides) -> keras.Model:
    """A fresh model by name: `build("unet", filters=32)` is `unet.build(filters=32)`.

    Args:
        name: One of `names()`.
        **overrides: Arguments of that model's `build`; `options(name)` lists them.

    Returns:
        A generator takes H&E `(batch, height, width, 3)` in [-1, 1] and gives IHC of
        the same shape and range. `patchgan` takes `[he, ihc]`, or one image, and gives
        logits, as does `her2_level` of a stain. `bridge` takes `[x, he, time]`, and
        `bridge.stainer` makes a generator of it.

    Raises:
        ValueError: If `name` is unknown, or an argument is out of its range.
        TypeError: If the model has no such argument, or it is of another type.

    Example:
        >>> build("attn_pyramid", filters=16).count_params()
        727591
    """
    known = options(name)
    for key in overrides:
        if key not in known:
            raise TypeError(
                f"Model {name!r} has no argument {key!r}. Known: {', '.join(known)}."
            )
    table_of(known)(**{k: v for k, v in overrides.items() if k != "input_shape"})
    return module(name).build(**overrides)


def load(place: str | Path) -> keras.Model:
    """A model from a run folder, a `.keras` file, or one that comes with the package.

    Args:
        place: The folder or the file, or a name of `he2ihc_keras.presets.names()`:
            `phantom_attn_pyramid`, trained on synthetic tissue.

    Returns:
        The model, without its optimizer.

    Raises:
        ValueError: If there is none, or Keras cannot load it.
    """
    file = presets.found(place)
    if file.is_dir():
        file = file / "model.keras"
    try:
        return keras.models.load_model(file, compile=False)
    except (OSError, *DAMAGE) as error:
        raise ValueError(
            f"{file} cannot be loaded as a Keras model: {error}"
        ) from error


def module(name: str) -> types.ModuleType:
    """The module of a model, by its name."""
    if name not in _BY_NAME:
        raise ValueError(unknown(f"model {name!r}", name, names()))
    return _BY_NAME[name]


def options(name: str) -> dict[str, inspect.Parameter]:
    """Arguments of a model's `build`, with annotation and default."""
    return dict(inspect.signature(module(name).build, eval_str=True).parameters)


def stride(model: keras.Model) -> int:
    """What height and width of a generator's input must be a multiple of.

    Args:
        model: A generator of this package, also one loaded from a file.

    Raises:
        ValueError: If the model does not begin with a `SizeCheck`.
    """
    for layer in model.layers:
        if isinstance(layer, SizeCheck):
            return layer.stride
    raise ValueError(
        f"Model {model.name!r} has no `SizeCheck` layer, so its stride is unknown. "
        "Expected a generator built by `he2ihc_keras.models.build`."
    )
