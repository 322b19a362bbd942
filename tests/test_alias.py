"""The second name of the package, in fresh processes: one for each order of imports."""

import json

import pytest

from he2ihc_keras import models
from helpers import run_python

SAME = """
import sys
from he2ihc_keras.layers import SelfAttention2D as Attention
from keras_he2ihc.layers.self_attention import SelfAttention2D
import keras_he2ihc.trainers.conditional_gan, keras_he2ihc.cli.train
import keras_he2ihc.models.unet, keras_he2ihc.zoo

assert keras_he2ihc is he2ihc_keras
assert Attention is SelfAttention2D
assert keras_he2ihc.models.unet.build is he2ihc_keras.models.unet.build
names = [name for name in sys.modules if name.startswith("keras_he2ihc.")]
assert "keras_he2ihc.trainers.conditional_gan" in names
for name in names:
    real = name.replace("keras_he2ihc", "he2ihc_keras")
    assert sys.modules[name] is sys.modules[real], name
    assert sys.modules[name].__name__ == real
    assert sys.modules[name].__spec__.name == real
"""
BY_THE_SECOND_NAME = """
import importlib, json, sys
import keras_he2ihc

seen = {"loaded": sorted({"keras", "tensorflow"} & set(sys.modules))}
try:
    keras_he2ihc.nonsense
except AttributeError as error:
    seen["attribute"] = str(error)
seen["modules"] = []
for name in ("nonsense", "data.nonsense", "data.pairs.nonsense", "nonsense.x"):
    try:
        importlib.import_module(f"keras_he2ihc.{name}")
    except ModuleNotFoundError as error:
        seen["modules"].append(str(error))
seen["built"] = keras_he2ihc.models.build("unet", filters=2).name
from keras_he2ihc.models import build
seen["imported"] = build("attn_pyramid", filters=2, blocks=1).name

import keras
seen["stride"] = keras_he2ihc.models.stride(keras.models.load_model(sys.argv[1]))

import he2ihc_keras
"""


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """What a process met that imported the second name first."""
    file = tmp_path_factory.mktemp("saved") / "model.keras"
    models.build("attn_pyramid", filters=2, blocks=1).save(file)
    code = f"{BY_THE_SECOND_NAME}{SAME}print(json.dumps(seen))"
    return json.loads(run_python(code, file))


def test_the_alias_alone_loads_no_keras(seen):
    assert seen["loaded"] == []


def test_a_model_is_built_by_the_second_name(seen):
    assert (seen["built"], seen["imported"]) == ("unet", "attn_pyramid")


def test_a_model_saved_under_one_name_loads_under_the_other(seen):
    assert seen["stride"] == 4


def test_both_names_give_the_same_objects_each_made_once(seen):
    run_python(f"import he2ihc_keras.models, keras_he2ihc\n{SAME}")  # `seen`: reversed


def test_an_unknown_submodule_is_not_found(seen):
    assert seen["modules"] == [
        "No module named 'keras_he2ihc.nonsense'",
        "No module named 'keras_he2ihc.data.nonsense'",
        "No module named 'keras_he2ihc.data.pairs.nonsense'; "
        "'keras_he2ihc.data.pairs' is not a package",
        "No module named 'keras_he2ihc.nonsense'",
    ]


def test_an_unknown_name_is_no_attribute(seen):
    assert seen["attribute"] == "module 'he2ihc_keras' has no attribute 'nonsense'"
