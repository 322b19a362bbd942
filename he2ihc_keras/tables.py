"""Tables of options: checked by pydantic, refused in the words of this package.

An option is checked against its annotation, and that stands in one place: the signature
of a network's `build` or of a trainer, or the class of a recipe's table.
"""

import difflib
import inspect
from collections.abc import Iterable, Mapping, Sequence
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import numpy as np
import pydantic
from pydantic import (
    BeforeValidator,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
)

__all__ = [
    "OR_NONE",
    "Counts",
    "NonNegativeFloat",
    "NonNegativeInt",
    "PositiveFloat",
    "PositiveInt",
    "Rate",
    "Several",
    "Share",
    "Table",
    "Weights",
    "read",
    "table_of",
    "unknown",
]

# TOML has no `None`: "none" stands for it.
OR_NONE = BeforeValidator(lambda value: None if value == "none" else value)

Counts = Annotated[Sequence[PositiveInt], Field(min_length=1)]
Several = Annotated[int, Field(ge=2)]
Rate = Annotated[float, Field(ge=0, lt=1)]
Share = Annotated[float, Field(ge=0, le=1)]
Weights = Annotated[Sequence[NonNegativeFloat], Field(min_length=1)]


class Table(pydantic.BaseModel):
    """Options by name, all of them known and each of its type; none is changed later.

    Raises:
        ValueError: If an option is unknown, missing, or out of its range.
        TypeError: If an option has the wrong type.
    """

    model_config = pydantic.ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        allow_inf_nan=False,
        protected_namespaces=(),
    )

    def __init__(self, where: str = "", /, **values):
        try:
            super().__init__(**{key: _plain(value) for key, value in values.items()})
        except pydantic.ValidationError as error:
            raise _refusal(type(self), error.errors(), where) from None


def read(table: type[Table], values: Any, where: str) -> Any:
    """A table from what stands in a file under the name `where`."""
    if not isinstance(values, Mapping):
        raise TypeError(f"`[{where}]` must be a table. Received: {values!r}.")
    return table(where, **values)


def table_of(parameters: Mapping[str, inspect.Parameter]) -> type[Table]:
    """The table of a signature's keyword-only arguments, beside a `name`."""
    fields: dict[str, Any] = {"name": (str, "")}
    for key, parameter in parameters.items():
        if parameter.kind is parameter.KEYWORD_ONLY:
            is_required = parameter.default is parameter.empty
            default = ... if is_required else parameter.default
            fields[key] = (_as_toml_has_it(parameter.annotation), default)
    return pydantic.create_model("Options", __base__=Table, **fields)


def _as_toml_has_it(annotation):
    """TOML has neither tuples nor `None`: lists and "none" stand for them."""
    if annotation is inspect.Parameter.empty:
        return Any
    if get_origin(annotation) is tuple:
        return Annotated[annotation, Field(strict=False)]
    if NoneType in get_args(annotation):
        return Annotated[annotation, OR_NONE]
    return annotation


def _plain(value):
    return value.item() if isinstance(value, np.generic) else value


# What is wrong, in words


def unknown(what: str, name: Any, known: Iterable[str], prefix: str = "") -> str:
    """The message for a name that is none of the known, with the nearest of them."""
    known = list(known)
    near = difflib.get_close_matches(str(name), known, n=1)
    hint = f" Did you mean {prefix + near[0]!r}?" if near else ""
    return f"Unknown {what}. Known: {', '.join(prefix + k for k in known)}.{hint}"


def _refusal(table, errors, where):
    """The error to raise: of a key that is not known, or else of the first."""
    error = min(errors, key=lambda error: error["type"] != "extra_forbidden")
    (key, *inside), kind, value = error["loc"], error["type"], error["input"]
    prefix = f"{where}." if where else ""
    if kind == "extra_forbidden":
        what = f"key `{prefix}{key}`"
        return ValueError(unknown(what, key, table.model_fields, prefix))
    if kind == "missing":
        is_table = table.model_fields[key].annotation is dict
        return ValueError(f"`{f'[{key}]' if is_table else prefix + key}` is missing.")
    annotation = _annotation_inside(table.model_fields[key].annotation, inside)
    if condition := _condition(error, annotation):
        return ValueError(f"`{prefix}{key}` {condition}. Received: {value!r}.")
    if kind == "dict_type":
        return TypeError(f"`[{prefix}{key}]` must be a table. Received: {value!r}.")
    return TypeError(
        f"`{prefix}{key}` must be of type {_type_name(annotation)}. "
        f"Received: {value!r} of type {type(value).__name__}."
    )


_CONDITIONS = {
    "greater_than": "must be greater than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "multiple_of": "must be a multiple of {multiple_of}",
    "finite_number": "must be finite",
    "too_short": "must have a length of at least {min_length}",
    "too_long": "must have a length of at most {max_length}",
    "value_error": "{error}",  # of a validator
}


def _condition(error, annotation):
    """What holds for a value of the right type; "" if its type is wrong."""
    kind, context = error["type"], error.get("ctx", {})
    choices = get_args(_core(annotation))
    if kind == "literal_error" and get_origin(_core(annotation)) is Literal:
        choices += ("none",) * (NoneType in get_args(annotation))
        return f"must be one of {', '.join(map(str, choices))}"
    # The bounds of a float are floats
    bounds = {key: str(bound).removesuffix(".0") for key, bound in context.items()}
    condition = _CONDITIONS.get(kind, "").format(**bounds)
    return condition.replace("greater than 0", "positive")


def _annotation_inside(annotation, location):
    """The annotation of an item, where it is an item that is wrong."""
    for part in location:
        items = get_args(_core(annotation))
        annotation = items[0] if isinstance(part, int) and items else annotation
    return annotation


def _core(annotation):
    """An annotation without its bounds, and without `None`."""
    arguments = get_args(annotation)
    if get_origin(annotation) is Annotated:
        return _core(arguments[0])
    kinds = [kind for kind in arguments if kind is not NoneType]
    is_union = get_origin(annotation) in (Union, UnionType)
    return _core(kinds[0]) if is_union and len(kinds) == 1 else annotation


def _type_name(annotation):
    core = _core(annotation)
    origin, arguments = get_origin(core), get_args(core)
    if origin in (Union, UnionType):
        return " or ".join(_type_name(kind) for kind in arguments)
    if origin in (Sequence, list, tuple):
        return f"list of {_type_name(arguments[0])}"
    return getattr(core, "__name__", str(core))
