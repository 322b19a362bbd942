"""Recipes of version 0.1, whose runs still stain, score, report and export."""

from collections.abc import Mapping
from typing import Any

_PLAYERS = ("generator", "discriminator")
_ADAM = ("learning_rate", "beta_1")
# Where its keys have gone
_MOVED = {
    **{player: f"networks.{player}" for player in _PLAYERS},
    "loss": "trainer",
    **{f"fit.{key}": f"optimizer.generator.{key}" for key in _ADAM},
}


def is_of_0_1(tables: Mapping[str, Any]) -> bool:
    """Whether tables are a recipe of 0.1: it had no `[trainer]`."""
    return "trainer" not in tables and not tables.keys().isdisjoint(_MOVED)


def place_today(key: str) -> str:
    """The name of a dotted key of 0.1 since 0.2; "" if it is no key of 0.1 alone."""
    for old, new in _MOVED.items():
        if key == old or key.startswith(f"{old}."):
            return new + key.removeprefix(old)
    return ""


def converted(tables: Mapping[str, Any]) -> dict[str, Any]:
    """The tables of 0.1 as those of 0.2, and others as they are."""
    if not is_of_0_1(tables):
        return dict(tables)
    for today in ("networks", "optimizer"):
        if today in tables:
            raise ValueError(
                f"`[{today}]` is of today's recipes, and there is no `[trainer]`, as "
                "in those of 0.1. Write the whole recipe in one form."
            )
    _refuse_values({key: tables[key] for key in tables if key != "name"})
    players = [player for player in _PLAYERS if player in tables]
    trainer = "conditional_gan" if "discriminator" in players else "supervised"
    result = _moved(tables, players)
    loss = {"pyramid_weights": [25.0] * 4, **result.get("trainer", {})}
    result["trainer"] = {"name": trainer, **loss}
    if "quick_start" in tables:
        _refuse_values(tables["quick_start"], "quick_start.")
        result["quick_start"] = _moved(tables["quick_start"], players)
    return result


def _refuse_values(tables, prefix=""):
    for key, table in tables.items():
        if not isinstance(table, Mapping):
            raise TypeError(f"`[{prefix}{key}]` must be a table. Received: {table!r}.")


def _moved(tables, players):
    loss = tables.get("loss", {})
    fit = tables.get("fit", {})
    adam = {key: value for key, value in fit.items() if key in _ADAM}
    moved = {
        "trainer": {key: value for key, value in loss.items() if value != "none"},
        "networks": {player: tables[player] for player in players if player in tables},
        "optimizer": {player: adam for player in players if adam},
        "fit": {key: value for key, value in fit.items() if key not in _ADAM},
    }
    kept = {key: value for key, value in tables.items() if key not in (*_MOVED, "fit")}
    return kept | {key: table for key, table in moved.items() if table}
