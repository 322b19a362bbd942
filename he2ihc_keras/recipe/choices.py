"""What a recipe chooses by name: a trainer, and a network for each of its roles."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from he2ihc_keras import models, trainers
from he2ihc_keras.recipe.sections import Sections
from he2ihc_keras.tables import read, table_of, unknown


@dataclass(frozen=True)
class Choice:
    """What is chosen by name, and the options that go with it, sequences as tuples."""

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The table of name and options, of values that TOML has."""
        options = {key: _plain(value) for key, value in self.options.items()}
        return {"name": self.name, **options}


@dataclass(frozen=True)
class Network(Choice):
    """A model of the zoo: its name and the arguments of its `build`."""

    def build(self):
        return models.build(self.name, **self.options)


def read_trainer(
    sections: Sections, *, of_run: bool
) -> tuple[Choice, Mapping[str, str], tuple[str, ...]]:
    """The trainer, the kind of network of each of its roles, and its players."""
    name = _name(sections.trainer, "trainer", trainers.names())
    if of_run and not trainers.is_loaded(name):
        options = {k: _frozen(v) for k, v in sections.trainer.items() if k != "name"}
        roles = dict.fromkeys(sections.networks, "")
        return Choice(name, options), roles, tuple(sections.optimizer)
    trainer = trainers.get(name)
    options = _options(sections.trainer, trainers.options(name), "trainer")
    for role in trainer.roles:
        if role not in sections.networks:
            raise ValueError(
                f"`[networks.{role}]` is missing. Trainer {name!r} needs "
                f"{' and '.join(trainer.roles)}."
            )
    for where, known in (("networks", trainer.roles), ("optimizer", trainer.players)):
        for key in getattr(sections, where):
            if key not in known:
                what = f"table `[{where}.{key}]` of trainer {name!r}"
                raise ValueError(unknown(what, key, known, f"{where}."))
    return Choice(name, options), trainer.roles, tuple(trainer.players)


def read_network(sections: Sections, role: str, kind: str) -> Network:
    """The network of a role, which must be of a kind; "" is any."""
    table, where = sections.networks[role], f"networks.{role}"
    known = models.of_kind(kind) if kind else models.names()
    name = _name(table, where, known)
    if name in models.names() and name not in known:
        raise ValueError(
            f"`{where}.name` must be a {kind}: {', '.join(known)}. Received: {name!r}."
        )
    if name not in known:
        raise ValueError(unknown(f"`{where}.name` {name!r}", name, known))
    return Network(name, _options(table, models.options(name), where))


def carried_over(choice: Choice, name: str, options_of: Callable) -> dict[str, Any]:
    """The table of what takes the place of a choice.

    It takes over the options that were not at their default and that it has too.
    """
    before, after = options_of(choice.name), options_of(name)
    options = {
        key: value
        for key, value in choice.options.items()
        if key in after and value != _frozen(before[key].default)
    }
    return Choice(name, options).to_dict()


def _name(table, where, known):
    if not isinstance(table, Mapping):
        raise TypeError(f"`[{where}]` must be a table. Received: {table!r}.")
    if "name" not in table:
        raise ValueError(f"`[{where}]` needs a `name`. Known: {', '.join(known)}.")
    return table["name"]


def _options(table, parameters, where):
    """Every option of a signature, as the table has it or by its default."""
    options = dict(read(table_of(parameters), table, where))
    return {key: _frozen(value) for key, value in options.items() if key != "name"}


def _frozen(value):
    is_list = isinstance(value, (list, tuple))
    return tuple(map(_frozen, value)) if is_list else value


def _plain(value):
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return "none" if value is None else value
