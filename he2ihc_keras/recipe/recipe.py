"""The recipe of a run: read, checked, changed and written."""

import contextlib
import copy
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tomli_w

from he2ihc_keras import models, trainers
from he2ihc_keras.data.options import Data
from he2ihc_keras.layers.size_check import check_size
from he2ihc_keras.recipe import version_0_1
from he2ihc_keras.recipe.sections import Fit, Optimizer, Phantom, Sections
from he2ihc_keras.recipe.settings import merged, nested
from he2ihc_keras.tables import read, table_of, unknown

_KINDS = {"generator": models.generators, "discriminator": models.discriminators}
_STORED = ("name", "trainer", "networks", "optimizer", "data", "fit")
_SMALLEST_JUDGED = 24  # pixels: below, PatchGAN has no logit left


@dataclass(frozen=True)
class Choice:
    """What is chosen by name, and the options that go with it."""

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Network(Choice):
    """A model of the zoo: its name and the arguments of its `build`."""

    def build(self):
        return models.build(self.name, **self.options)


@dataclass(frozen=True)
class Recipe:
    """One published way to train one model; made by `from_dict` and `load`.

    Attributes:
        name: The recipe's name, that of its file in the zoo.
        trainer: The way of training, and its options in full.
        networks: The network of each role of the trainer, its options in full.
        optimizer: The optimizer of each player of the trainer.
        data: How pairs become patches.
        fit: How long the networks learn.
        quick_start: Tables laid over the others for a small run of minutes on the
            phantom; its table `phantom` says how many pairs of which size.
        version: Of this package, whose form of recipes it was read from.
    """

    name: str
    trainer: Choice
    networks: Mapping[str, Network]
    optimizer: Mapping[str, Optimizer]
    data: Data
    fit: Fit
    quick_start: Mapping[str, Any] = field(default_factory=dict)
    version: str = field(default="0.2", compare=False)

    @classmethod
    def from_dict(cls, tables: Mapping[str, Any], *, of_run: bool = False) -> "Recipe":
        """A recipe from nested tables, also those of version 0.1.

        Args:
            tables: Plain values, as TOML holds them.
            of_run: Take a trainer that is not known here as it stands: who stains with
                its run does not need it.

        Raises:
            ValueError: If a key is unknown, missing, or out of its range.
            TypeError: If a value has the wrong type.
        """
        sections = Sections(**version_0_1.converted(tables))
        trainer, roles, players = _trainer(sections, of_run)
        if phantom := sections.quick_start.get("phantom"):
            read(Phantom, phantom, "quick_start.phantom")
        return cls(
            sections.name,
            trainer,
            {role: _network(sections, role, kind) for role, kind in roles.items()},
            {player: _optimizer(sections, player) for player in players},
            read(Data, sections.data, "data"),
            read(Fit, sections.fit, "fit"),
            sections.quick_start,
            "0.1" if version_0_1.is_of_0_1(tables) else "0.2",
        )

    @classmethod
    def load(cls, path: Path | str) -> "Recipe":
        """A recipe from a TOML file.

        Raises:
            ValueError: If the file is not TOML, and as `from_dict`.
            TypeError: As `from_dict`.
        """
        tables = _tables_of(path)
        with _naming(path):
            return cls.from_dict(tables)

    @classmethod
    def load_complete(cls, path: Path | str) -> "Recipe":
        """The recipe that a run stores, in which every key stands.

        A trainer from outside need not be known, and one of 0.1 is converted.

        Raises:
            ValueError: If a table or key is missing, and as `load`.
            TypeError: As `from_dict`.
        """
        tables = _tables_of(path)
        with _naming(path):
            current = version_0_1.converted(tables)
            missing = [key for key in _STORED if key not in current]
            if not missing:
                recipe = cls.from_dict(tables, of_run=True)
                # 0.1 left defaults out of other tables, and wrote these after them.
                stored = ("data", "fit") if recipe.version == "0.1" else _STORED
                whole = {key: recipe.to_dict()[key] for key in stored}
                missing = list(_missing(current, whole))
        if missing:
            raise ValueError(
                f"{path} is not whole: `{'`, `'.join(missing)}` missing. "
                "What a run stores is complete: restore the file, or train anew."
            )
        return recipe

    def to_dict(self) -> dict[str, Any]:
        """Nested tables of plain values, every default among them.

        `fit` comes last, because its end shows that a file is whole.
        """
        tables = {
            "name": self.name,
            "trainer": _table(self.trainer),
            "networks": {
                role: _table(network) for role, network in self.networks.items()
            },
            "optimizer": {
                player: dict(adam) for player, adam in self.optimizer.items()
            },
        }
        if self.quick_start:
            tables["quick_start"] = copy.deepcopy(dict(self.quick_start))
        return tables | {"data": dict(self.data), "fit": dict(self.fit)}

    def to_toml(self) -> str:
        return tomli_w.dumps(self.to_dict())

    def override(self, values: Mapping[str, Any]) -> "Recipe":
        """A recipe with some keys changed.

        Another network or trainer begins with its own defaults. Of the old one's
        options it takes those that were not at their default and that it knows too;
        roles and players that another trainer has not are left out.

        Args:
            values: New values by dotted key, `{"fit.epochs": 3}`; `None` is skipped.
        """
        for key in values:
            if place := version_0_1.place_today(key):
                raise ValueError(f"Unknown key `{key}`: since 0.2 it is `{place}`.")
        return self._changed(nested(values))

    def with_epochs(self, epochs: int) -> "Recipe":
        """The recipe stretched to `epochs`, the same share of them decaying."""
        share = self.fit.decay_epochs / self.fit.epochs
        decay_epochs = round(share * epochs)
        return self.override({"fit.epochs": epochs, "fit.decay_epochs": decay_epochs})

    def quick(self) -> "Recipe":
        """The recipe in its quick-start profile."""
        changes = {k: v for k, v in self.quick_start.items() if k != "phantom"}
        return self._changed(changes)

    def _changed(self, changes):
        tables = self.to_dict()
        name = _at(changes, "trainer", "name")
        if name != self.trainer.name and name in trainers.names():
            trainer = trainers.get(name)
            tables["trainer"] = _carried_over(self.trainer, name, trainers.options)
            for key, known in (
                ("networks", trainer.roles),
                ("optimizer", trainer.players),
            ):
                tables[key] = {k: v for k, v in tables[key].items() if k in known}
        for role, network in self.networks.items():
            name = _at(changes, "networks", role, "name")
            is_other = name != network.name and name in models.names()
            if is_other and role in tables["networks"]:
                tables["networks"][role] = _carried_over(network, name, models.options)
        return Recipe.from_dict(merged(tables, changes))


# What the tables of a file say


def _trainer(sections, of_run):
    """The trainer, the kind of network of each of its roles, and its players."""
    name = _name(sections.trainer, "trainer", trainers.names())
    if of_run and name not in trainers.names():
        roles = dict.fromkeys(sections.networks)
        options = {k: _frozen(v) for k, v in sections.trainer.items() if k != "name"}
        return Choice(name, options), roles, tuple(sections.optimizer)
    trainer = trainers.get(name)
    options = _options(sections.trainer, trainers.options(name), "trainer")
    for role in trainer.roles:
        if role not in sections.networks:
            raise ValueError(
                f"`[networks.{role}]` is missing. Trainer {name!r} needs "
                f"{' and '.join(trainer.roles)}."
            )
    _check_known(sections.networks, "networks", "role", trainer.roles, name)
    _check_known(sections.optimizer, "optimizer", "player", trainer.players, name)
    return Choice(name, options), trainer.roles, tuple(trainer.players)


def _check_known(tables, where, what, known, trainer):
    for key in tables:
        if key not in known:
            what = f"{what} `{where}.{key}` of trainer {trainer!r}"
            raise ValueError(unknown(what, key, known, f"{where}."))


def _network(sections, role, kind):
    where = f"networks.{role}"
    known = _KINDS.get(kind, models.names)()
    table = sections.networks[role]
    name = _name(table, where, known)
    if name in models.names() and name not in known:
        raise ValueError(
            f"`{where}.name` must be a {kind}: {', '.join(known)}. Received: {name!r}."
        )
    if name not in known:
        raise ValueError(unknown(f"`{where}.name` {name!r}", name, known))
    return Network(name, _options(table, models.options(name), where))


def _optimizer(sections, player):
    return read(Optimizer, sections.optimizer.get(player, {}), f"optimizer.{player}")


def _name(table, where, known):
    if not isinstance(table, Mapping):
        raise TypeError(f"`[{where}]` must be a table. Received: {table!r}.")
    if "name" not in table:
        raise ValueError(f"`[{where}]` needs a `name`. Known: {', '.join(known)}.")
    return table["name"]


def _options(table, parameters, where):
    """Every option of a signature, by what the table says or by its default."""
    options = dict(read(table_of(parameters), table, where))
    return {key: _frozen(value) for key, value in options.items() if key != "name"}


# What a file says of them


def _table(choice):
    options = {key: _plain(value) for key, value in choice.options.items()}
    return {"name": choice.name, **options}


def _plain(value):
    """A value as TOML has it."""
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return "none" if value is None else value


def _frozen(value):
    is_list = isinstance(value, (list, tuple))
    return tuple(map(_frozen, value)) if is_list else value


def _tables_of(path):
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise ValueError(f"{path} cannot be read as a recipe: {error}") from error


@contextlib.contextmanager
def _naming(path):
    """Errors name the file."""
    try:
        yield
    except (ValueError, TypeError) as error:
        raise type(error)(f"{path}: {error}") from None


def _missing(tables, whole, prefix=""):
    """Dotted names of what stands in the whole, and not in the tables."""
    for key, value in whole.items():
        if key not in tables:
            yield prefix + key
        elif isinstance(value, Mapping):
            yield from _missing(tables[key], value, f"{prefix}{key}.")


# Changes


def _at(tables, *path):
    """What stands at a path of keys; `None` if nothing does."""
    for key in path:
        tables = tables.get(key) if isinstance(tables, Mapping) else None
    return tables


def _carried_over(choice, name, options_of):
    """The table of another network or trainer, which takes over what it can."""
    before, after = options_of(choice.name), options_of(name)
    options = {
        key: value
        for key, value in choice.options.items()
        if key in after and value != _frozen(before[key].default)
    }
    return _table(Choice(name, options))


def check_patch_size(recipe: Recipe, stride: int) -> None:
    """Refuses a patch size that the networks cannot take.

    Raises:
        ValueError: If it is not a multiple of the generator's stride, with the nearest
            sizes that are; or too small for the discriminator.
    """
    size = recipe.data.patch_size
    check_size((size, size), stride)
    judges = {network.name for network in recipe.networks.values()}
    if judges & set(models.discriminators()) and size < _SMALLEST_JUDGED:
        raise ValueError(
            f"`data.patch_size` must be at least {_SMALLEST_JUDGED} for the "
            f"discriminator. Received: {size}."
        )
