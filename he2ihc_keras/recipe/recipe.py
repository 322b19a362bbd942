"""The recipe of a run: read, checked, changed and written."""

import contextlib
import copy
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tomli_w

from he2ihc_keras import models, trainers
from he2ihc_keras.data.options import Data
from he2ihc_keras.recipe import version_0_1
from he2ihc_keras.recipe.choices import (
    Choice,
    Network,
    carried_over,
    read_network,
    read_trainer,
)
from he2ihc_keras.recipe.sections import Fit, Optimizer, Phantom, Sections
from he2ihc_keras.recipe.settings import merged, nested
from he2ihc_keras.tables import read

_STORED = ("name", "trainer", "networks", "optimizer", "data", "fit")


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
            of_run: Take a trainer from outside as it stands: who stains with its run
                does not need it.

        Raises:
            ValueError: If a key is unknown, missing, or out of its range.
            TypeError: If a value has the wrong type.
        """
        sections = Sections(**version_0_1.converted(tables))
        trainer, roles, players = read_trainer(sections, of_run=of_run)
        recipe = cls(
            sections.name,
            trainer,
            {role: read_network(sections, role, kind) for role, kind in roles.items()},
            {player: _optimizer(sections.optimizer, player) for player in players},
            read(Data, sections.data, "data"),
            read(Fit, sections.fit, "fit"),
            sections.quick_start,
            "0.1" if version_0_1.is_of_0_1(tables) else "0.2",
        )
        if sections.quick_start and not of_run:
            recipe._check_quick_start()
        return recipe

    def _check_quick_start(self):
        if phantom := self.quick_start.get("phantom"):
            read(Phantom, phantom, "quick_start.phantom")
        with _naming("[quick_start]"):
            tables = self._changed_tables(self._quick_changes())
            Recipe.from_dict(tables | {"quick_start": {}})

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

    @property
    def needs(self) -> Sequence[str]:
        """What data its trainer needs; pairs, where the trainer is not known here."""
        if self.trainer.name not in trainers.names():
            return ("paired",)
        return trainers.get(self.trainer.name).needs_with(self.trainer.options)

    def to_dict(self) -> dict[str, Any]:
        """Nested tables of plain values, every default among them.

        `fit` comes last, because its end shows that a file is whole.
        """
        tables = {
            "name": self.name,
            "trainer": self.trainer.to_dict(),
            "networks": {
                role: network.to_dict() for role, network in self.networks.items()
            },
            "optimizer": {
                player: {k: v for k, v in adam if v is not None}
                for player, adam in self.optimizer.items()
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
        roles and players that another trainer has not are left out, and so is the quick
        start, which was of the old one.

        Args:
            values: New values by dotted key, `{"fit.epochs": 3}`; `None` is skipped.
        """
        for key in values:
            if place := version_0_1.place_today(key):
                raise ValueError(f"Unknown key `{key}`: since 0.2 it is `{place}`.")
        return Recipe.from_dict(self._changed_tables(nested(values)))

    def with_epochs(self, epochs: int) -> "Recipe":
        """The recipe stretched to `epochs`, the same share of them decaying."""
        share = self.fit.decay_epochs / self.fit.epochs
        decay_epochs = round(share * epochs)
        return self.override({"fit.epochs": epochs, "fit.decay_epochs": decay_epochs})

    def quick(self) -> "Recipe":
        """The recipe in its quick-start profile."""
        return Recipe.from_dict(self._changed_tables(self._quick_changes()))

    def _quick_changes(self):
        return {k: v for k, v in self.quick_start.items() if k != "phantom"}

    def _changed_tables(self, changes):
        return merged(_tables_for(self, changes), changes)


def _optimizer(tables, player):
    return read(Optimizer, tables.get(player, {}), f"optimizer.{player}")


# Files


def _tables_of(path):
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise ValueError(f"{path} cannot be read as a recipe: {error}") from error


@contextlib.contextmanager
def _naming(place):
    """Errors name the file, or the table, that they are of."""
    try:
        yield
    except (ValueError, TypeError) as error:
        raise type(error)(f"{place}: {error}") from None


def _missing(tables, whole, prefix=""):
    """Dotted names of what stands in the whole, and not in the tables."""
    for key, value in whole.items():
        if key not in tables:
            yield prefix + key
        elif isinstance(value, Mapping):
            yield from _missing(tables[key], value, f"{prefix}{key}.")


# Changes


def _tables_for(recipe, changes):
    """A recipe's tables, less what a trainer or network had that gives way."""
    tables = recipe.to_dict()
    name = _at(changes, "trainer", "name")
    if name != recipe.trainer.name and name in trainers.names():
        trainer = trainers.get(name)
        tables.pop("quick_start", None)
        tables["trainer"] = carried_over(recipe.trainer, name, trainers.options)
        for key, known in (("networks", trainer.roles), ("optimizer", trainer.players)):
            tables[key] = {k: v for k, v in tables[key].items() if k in known}
    for role in tables["networks"]:
        network, name = recipe.networks[role], _at(changes, "networks", role, "name")
        if name != network.name and name in models.names():
            tables["networks"][role] = carried_over(network, name, models.options)
            tables.pop("quick_start", None)
    return tables


def _at(tables, *path):
    """What stands at a path of keys; `None` if nothing does."""
    for key in path:
        tables = tables.get(key) if isinstance(tables, Mapping) else None
    return tables
