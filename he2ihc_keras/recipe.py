"""Recipes: everything a run needs to know, as frozen dataclasses and TOML."""

import copy
import dataclasses
import math
import tomllib
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import tomli_w

from he2ihc_keras import models
from he2ihc_keras.layers.size_check import check_size


@dataclass(frozen=True)
class Network:
    """A model of the zoo: its name and the arguments of its `build`."""

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)

    def build(self):
        return models.build(self.name, **self.options)


@dataclass(frozen=True)
class Loss:
    """Adversarial loss, and weight of the L1 loss at scale 1, 1/2, 1/4, ..."""

    adversarial: Literal["vanilla", "least_squares", "hinge", "none"] = "vanilla"
    pyramid_weights: tuple[float, ...] = (25.0, 25.0, 25.0, 25.0)


@dataclass(frozen=True)
class Data:
    """How pairs become patches.

    Attributes:
        patch_size: Height and width of a patch in pixels.
        fit: "crop" cuts a patch at random, "resize" scales the whole pair to it.
        flip: Mirror half of the pairs left to right.
        quarter_turns: Turn pairs by a random multiple of 90 degrees.
        photometric: Strength in [0, 1] of random brightness, contrast, saturation and
            hue of the H&E alone; 0 is off.
        validation_fraction: Share of the training pairs that is held out where the
            data come without a validation split.
        mpp: Microns per pixel of the images the recipe is meant for.
        stain: What the IHC shows.
    """

    patch_size: int = 512
    fit: Literal["crop", "resize"] = "crop"
    flip: bool = True
    quarter_turns: bool = False
    photometric: float = 0.0
    validation_fraction: float = 0.1
    mpp: float = 0.46
    stain: str = "HER2"


@dataclass(frozen=True)
class Fit:
    """How long and how fast the networks learn.

    Attributes:
        epochs: Passes over the training pairs, decay included.
        decay_epochs: The last of them, over which the learning rate falls to zero.
        batch_size: Pairs a step.
        learning_rate: Of Adam, for both networks.
        beta_1: Decay of Adam's first moment.
        precision: "auto" takes bfloat16 where the hardware has it.
        checkpoint_minutes: A checkpoint is written at each epoch's end, and within an
            epoch when the last one is older than this.
        seed: Of weights, order of data, augmentation and dropout.
    """

    epochs: int = 10
    decay_epochs: int = 0
    batch_size: int = 1
    learning_rate: float = 2e-4
    beta_1: float = 0.5
    precision: Literal["auto", "float32", "mixed_bfloat16", "mixed_float16"] = "float32"
    checkpoint_minutes: float = 10.0
    seed: int = 0


@dataclass(frozen=True)
class Recipe:
    """One published way to train one model.

    Attributes:
        name: The recipe's name, that of its file in the zoo.
        generator: The network that stains.
        discriminator: Its opponent; `None` for training by L1 alone.
        loss: What is minimised.
        data: How pairs become patches.
        fit: How long and how fast the networks learn.
        quick_start: The same tables, for a small run of minutes on the phantom; its
            table `phantom` says how many pairs of which size.
    """

    name: str
    generator: Network
    discriminator: Network | None = None
    loss: Loss = Loss()
    data: Data = Data()
    fit: Fit = Fit()
    quick_start: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self):
        _check_values(self)

    @classmethod
    def from_dict(cls, tables: Mapping[str, Any]) -> "Recipe":
        """A recipe from nested tables.

        Raises:
            ValueError: If a key is unknown, missing, or out of its range.
            TypeError: If a value has the wrong type.
        """
        _check_known(tables, [f.name for f in dataclasses.fields(cls)], "")
        if "name" not in tables or "generator" not in tables:
            raise ValueError("A recipe needs `name` and a `[generator]` table.")
        for key, value in tables.items():
            if key != "name" and not isinstance(value, Mapping):
                raise TypeError(f"`[{key}]` must be a table. Received: {value!r}.")
        parsed: dict[str, Any] = {"name": _check_type(tables["name"], str, "name")}
        for key in ("generator", "discriminator"):
            if key in tables:
                parsed[key] = _network(tables[key], key)
        for key, section in _SECTIONS.items():
            parsed[key] = _section(section, tables.get(key, {}), key)
        return cls(**parsed, quick_start=tables.get("quick_start", {}))

    @classmethod
    def load(cls, path: Path | str) -> "Recipe":
        """A recipe from a TOML file.

        Raises:
            ValueError: If the file is not TOML, and as `from_dict`.
            TypeError: As `from_dict`.
        """
        try:
            tables = tomllib.loads(Path(path).read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, OSError) as error:
            raise ValueError(f"{path} cannot be read as a recipe: {error}") from error
        return cls.from_dict(tables)

    def to_dict(self) -> dict[str, Any]:
        """Nested tables of plain values, as TOML writes them."""
        tables: dict[str, Any] = {"name": self.name}
        for key in ("generator", "discriminator"):
            if network := getattr(self, key):
                tables[key] = {"name": network.name, **network.options}
        for key in _SECTIONS:
            tables[key] = dataclasses.asdict(getattr(self, key))
        if self.quick_start:
            tables["quick_start"] = copy.deepcopy(self.quick_start)
        return tables

    def to_toml(self) -> str:
        return tomli_w.dumps(self.to_dict())

    def override(self, values: Mapping[str, Any]) -> "Recipe":
        """A recipe with some keys changed.

        Args:
            values: New values by dotted key, `{"fit.epochs": 3}`; `None` is skipped.
        """
        tables = self.to_dict()
        for dotted, value in values.items():
            if value is None:
                continue
            *path, key = dotted.split(".")
            table = tables
            for name in path:
                table = table.setdefault(name, {})
                if not isinstance(table, dict):
                    raise ValueError(f"`{name}` is a value, not a table: {dotted!r}.")
            table[key] = value
        return Recipe.from_dict(tables)

    def with_epochs(self, epochs: int) -> "Recipe":
        """The recipe stretched to `epochs`, the same share of them decaying."""
        share = self.fit.decay_epochs / self.fit.epochs
        decay_epochs = round(share * epochs)
        return self.override({"fit.epochs": epochs, "fit.decay_epochs": decay_epochs})

    def quick(self) -> "Recipe":
        """The recipe in its quick-start profile."""
        tables = {k: v for k, v in self.quick_start.items() if k != "phantom"}
        values = {
            f"{table}.{key}": value
            for table, keys in tables.items()
            for key, value in keys.items()
        }
        return self.override(values)


_SMALLEST_JUDGED = 24  # pixels: below, PatchGAN has no logit left
_SECTIONS = {"loss": Loss, "data": Data, "fit": Fit}


def parse_setting(text: str) -> tuple[str, Any]:
    """`"fit.epochs=3"` as `("fit.epochs", 3)`; values are TOML, or bare strings.

    Raises:
        ValueError: If there is no `=`.
    """
    key, equals, value = text.partition("=")
    if not equals:
        raise ValueError(f"A setting is written key=value. Received: {text!r}.")
    try:
        return key.strip(), tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return key.strip(), value.strip()


# Tables -> dataclasses


def _network(table, where):
    if "name" not in table:
        raise ValueError(f"`[{where}]` needs a `name`. `he2ihc-keras zoo` lists them.")
    known_names = {
        "generator": models.generators(),
        "discriminator": models.discriminators(),
    }[where]
    models.check_name(table["name"], known_names)
    options = {key: value for key, value in table.items() if key != "name"}
    known = models.options(table["name"])
    known.pop("input_shape")
    _check_known(options, known, f"{where}.", also="name")
    for key, value in options.items():
        _check_type(value, known[key].annotation, f"{where}.{key}")
    return Network(table["name"], options)


def _section(section, table, where):
    hints = typing.get_type_hints(section)
    _check_known(table, hints, f"{where}.")
    return section(
        **{k: _check_type(v, hints[k], f"{where}.{k}") for k, v in table.items()}
    )


def _check_known(table, known, prefix, also=None):
    known = [also, *known] if also else list(known)
    for key in table:
        if key not in known:
            names = ", ".join(prefix + name for name in known)
            raise ValueError(f"Unknown key `{prefix}{key}`. Known: {names}.")


def _check_type(value, hint, key):
    """The value as its hint wants it, or a TypeError that names the key."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        if value not in arguments:
            known = ", ".join(arguments)
            raise ValueError(f"`{key}` must be one of {known}. Received: {value!r}.")
        return value
    if origin in (tuple, Sequence) and isinstance(value, (list, tuple)):
        return tuple(_check_type(item, arguments[0], key) for item in value)
    if origin is types.UnionType:
        hint = next(kind for kind in arguments if kind is not type(None))
    if hint is float and type(value) is int:
        return float(value)
    if type(value) is not hint:
        is_list = origin in (tuple, Sequence)
        expected = f"list of {arguments[0].__name__}" if is_list else hint.__name__
        raise TypeError(
            f"`{key}` must be of type {expected}. "
            f"Received: {value!r} of type {type(value).__name__}."
        )
    return value


# Values that fit together


def _check_values(recipe):
    data, fit, loss = recipe.data, recipe.fit, recipe.loss
    for key, value in (
        ("data.patch_size", data.patch_size),
        ("data.mpp", data.mpp),
        ("fit.epochs", fit.epochs),
        ("fit.batch_size", fit.batch_size),
        ("fit.learning_rate", fit.learning_rate),
    ):
        if not 0 < value < math.inf:
            raise ValueError(f"`{key}` must be positive. Received: {value}.")
    _check_range("fit.seed", fit.seed, 0, 2**31 - 1)
    _check_range("fit.beta_1", fit.beta_1, 0, 0.9999)
    _check_range("fit.checkpoint_minutes", fit.checkpoint_minutes, 0, math.inf)
    _check_range("data.photometric", data.photometric, 0, 1)
    _check_range("data.validation_fraction", data.validation_fraction, 0, 0.9)
    _check_range("fit.decay_epochs", fit.decay_epochs, 0, fit.epochs)
    if not loss.pyramid_weights:
        raise ValueError("`loss.pyramid_weights` needs at least one weight.")
    for weight in loss.pyramid_weights:
        _check_range("loss.pyramid_weights", weight, 0, math.inf)
    if (recipe.discriminator is None) != (loss.adversarial == "none"):
        raise ValueError(
            "A recipe without `[discriminator]` has `loss.adversarial` none, and one "
            f"with it has another. Received: adversarial {loss.adversarial!r} and "
            f"{'no' if recipe.discriminator is None else 'a'} discriminator."
        )


def _check_range(key, value, low, high):
    if not low <= value <= high:
        raise ValueError(f"`{key}` must be in [{low}, {high}]. Received: {value}.")


def check_patch_size(recipe: Recipe, stride: int) -> None:
    """Refuses a patch size that the networks cannot take.

    Raises:
        ValueError: If it is not a multiple of the generator's stride, with the nearest
            sizes that are; or too small for the discriminator.
    """
    size = recipe.data.patch_size
    check_size((size, size), stride)
    if recipe.discriminator is not None and size < _SMALLEST_JUDGED:
        raise ValueError(
            f"`data.patch_size` must be at least {_SMALLEST_JUDGED} for the "
            f"discriminator. Received: {size}."
        )
