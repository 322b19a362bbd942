"""Keys of a recipe by their dotted names, and tables laid over tables."""

import tomllib
from collections.abc import Mapping
from typing import Any


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


def nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """The tables that dotted keys tell of; a key whose value is `None` is skipped."""
    tables: dict[str, Any] = {}
    for dotted, value in values.items():
        if value is not None:
            for key in reversed(dotted.split(".")):
                value = {key: value}
            tables = merged(tables, value)
    return tables


def leaves(tables: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """The values of nested tables by dotted key: `nested` undone."""
    found = {}
    for key, value in tables.items():
        if isinstance(value, Mapping):
            found |= leaves(value, f"{prefix}{key}.")
        else:
            found[prefix + key] = value
    return found


def merged(tables: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Tables with changes laid over them, key by key."""
    result = dict(tables)
    for key, value in changes.items():
        old = result.get(key)
        is_table = isinstance(old, Mapping) and isinstance(value, Mapping)
        result[key] = merged(old, value) if is_table else value
    return result
