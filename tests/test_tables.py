import inspect
from collections.abc import Sequence
from typing import Annotated, Literal

import numpy as np
import pytest
from pydantic import AfterValidator, Field

from he2ihc_keras.tables import PositiveFloat, Rate, Weights, read, table_of
from helpers import refusal


def is_even(number):
    if number % 2:
        raise ValueError("must be even")
    return number


def train(
    network,
    *,
    steps: int,
    rate: Rate = 0.5,
    weights: Weights = (1.0,),
    temperature: PositiveFloat | None = None,
    way: Literal["up", "down"] = "up",
    norm: Literal["batch"] | None = "batch",
    sizes: tuple[int, ...] = (),
    names: Sequence[str] = (),
    seed: int | str = 0,
    even: Annotated[int, AfterValidator(is_even)] = 0,
    third: Annotated[int, Field(multiple_of=3)] = 0,
    anything=None,
    table: dict = {},  # noqa: B006
):
    """A signature with an argument of each kind."""


TRAIN = table_of(inspect.signature(train).parameters)


def options(**given):
    return dict(read(TRAIN, {"steps": 1, **given}, "trainer"))


def test_keyword_arguments_of_a_signature_are_the_keys_of_its_table():
    arguments = list(inspect.signature(train).parameters)
    assert list(TRAIN.model_fields) == ["name", *arguments[1:]]


def test_what_a_table_leaves_out_is_the_default():
    parameters = inspect.signature(train).parameters
    assert options()["steps"] == 1
    for key in [*parameters][2:]:
        assert options()[key] == parameters[key].default, key


@pytest.mark.parametrize(
    ("key", "given", "value"),
    [
        ("rate", 0, 0.0),
        ("weights", [1, 2.5], [1.0, 2.5]),
        ("sizes", [1, 2], (1, 2)),
        ("names", ["a"], ["a"]),
        ("temperature", "none", None),
        ("temperature", 2, 2.0),
        ("norm", "none", None),
        ("seed", "a", "a"),
        ("steps", np.int64(3), 3),
        ("anything", [{"a": 1}], [{"a": 1}]),
    ],
)
def test_value_as_toml_or_numpy_has_it_is_taken(key, given, value):
    taken = options(**{key: given})[key]
    assert (type(taken), taken) == (type(value), value)


@pytest.mark.parametrize(
    ("key", "value", "condition"),
    [
        ("rate", 1.0, "must be less than 1. Received: 1.0."),
        ("rate", -0.5, "must be at least 0. Received: -0.5."),
        ("rate", float("nan"), "must be finite. Received: nan."),
        ("weights", [], "must have a length of at least 1. Received: []."),
        ("weights", [1.0, -1.0], "must be at least 0. Received: -1.0."),
        ("weights", [float("inf")], "must be finite. Received: inf."),
        ("weights", [float("nan")], "must be finite. Received: nan."),
        ("temperature", 0.0, "must be positive. Received: 0.0."),
        ("way", "left", "must be one of up, down. Received: 'left'."),
        ("norm", "group", "must be one of batch, none. Received: 'group'."),
        ("even", 3, "must be even. Received: 3."),
        ("third", 4, "must be a multiple of 3. Received: 4."),
    ],
)
def test_value_out_of_its_range_is_refused(key, value, condition):
    assert refusal(options, **{key: value}) == f"`trainer.{key}` {condition}"


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("steps", "3", "int. Received: '3' of type str"),
        ("steps", 3.0, "int. Received: 3.0 of type float"),
        ("steps", True, "int. Received: True of type bool"),
        ("rate", "0.5", "float. Received: '0.5' of type str"),
        ("temperature", "hot", "float. Received: 'hot' of type str"),
        ("weights", 1.0, "list of float. Received: 1.0 of type float"),
        ("weights", [1.0, "a"], "float. Received: 'a' of type str"),
        ("sizes", 3, "list of int. Received: 3 of type int"),
        ("sizes", [1.5], "int. Received: 1.5 of type float"),
        ("names", "a", "list of str. Received: 'a' of type str"),
        ("seed", 1.5, "int or str. Received: 1.5 of type float"),
    ],
)
def test_value_of_a_wrong_type_is_refused(key, value, expected):
    message = refusal(options, **{key: value}, error=TypeError)
    assert message == f"`trainer.{key}` must be of type {expected}."


def test_value_in_place_of_a_table_is_refused():
    message = "`[trainer.table]` must be a table. Received: 3."
    assert refusal(options, table=3, error=TypeError) == message
    message = "`[trainer]` must be a table. Received: 'train'."
    assert refusal(read, TRAIN, "train", "trainer", error=TypeError) == message


def test_missing_value_is_named():
    assert refusal(read, TRAIN, {}, "trainer") == "`trainer.steps` is missing."


def test_misspelt_key_is_told_rather_than_the_missing_one():
    known = ", ".join(f"trainer.{key}" for key in TRAIN.model_fields)
    assert refusal(read, TRAIN, {"stpes": 1, "rate": 3.0}, "trainer") == (
        f"Unknown key `trainer.stpes`. Known: {known}. Did you mean 'trainer.steps'?"
    )


def test_table_made_in_python_refuses_in_the_same_words():
    assert refusal(TRAIN, steps=1, rate=1.0) == (
        "`rate` must be less than 1. Received: 1.0."
    )
