import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest

from he2ihc_keras import models
from he2ihc_keras.inference import load_generator, load_recipe
from he2ihc_keras.recipe import Recipe
from he2ihc_keras.training import RunFolder
from helpers import (
    SMALL_GENERATORS,
    dtype_policy,
    lively_bridge,
    lively_generator,
    random_images,
    refusal,
    run_python,
)

[HE] = random_images(1, (1, 32, 32))
RECIPE = Recipe.from_dict(
    {
        "name": "small",
        "trainer": {"name": "conditional_gan"},
        "networks": {
            "generator": {"name": "unet"},
            "discriminator": {"name": "patchgan", "filters": 8},
        },
    }
)


def make_run(path):
    """A run folder with a model in it."""
    run, generator = RunFolder(path), lively_generator()
    run.create(RECIPE, [])
    generator.save(run.model)
    return run, generator


def save(path, *layers, name="foreign"):
    """A Keras file of a model that is not of this package."""
    he = x = keras.Input((8, 8, 3))
    for layer in layers:
        x = layer(x)
    keras.Model(he, x, name=name).save(path)
    return path


# Generators


def test_run_folder_and_its_file_hold_one_generator(tmp_path):
    run, generator = make_run(tmp_path / "run")
    for path in (run.path, str(run.path), run.model):
        np.testing.assert_array_equal(load_generator(path)(HE), generator(HE))


@pytest.mark.parametrize("name", SMALL_GENERATORS)
def test_generator_trained_in_bfloat16_is_loaded_in_float32(name, tmp_path):
    with dtype_policy("mixed_bfloat16"):
        lively_generator(name).save(tmp_path / "model.keras")
    loaded = load_generator(tmp_path / "model.keras")
    assert {layer.compute_dtype for layer in loaded.layers} == {"float32"}
    np.testing.assert_array_equal(loaded(HE), lively_generator(name)(HE))


def test_folder_without_a_model_is_refused(tmp_path):
    assert refusal(load_generator, tmp_path) == (
        f"{tmp_path} has no model.keras. Expected a run folder of `he2ihc-keras train` "
        "whose first epoch has ended, or a .keras file."
    )


@pytest.mark.parametrize("name", ["model.h5", "model"])
def test_what_is_neither_folder_nor_keras_file_is_refused(tmp_path, name):
    path = tmp_path / name
    path.touch()
    assert refusal(load_generator, path) == (
        f"{path} is neither a run folder nor a .keras file."
    )


def test_missing_file_is_refused(tmp_path):
    path = tmp_path / "gone.keras"
    assert refusal(load_generator, path) == f"{path} does not exist."


@pytest.mark.parametrize("kept", [0, 100, 0.5])
def test_damaged_file_is_refused(tmp_path, kept):
    path = save(tmp_path / "half.keras")
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content)) if kept < 1 else kept])
    assert refusal(load_generator, path) == (
        f"{path} is damaged or no .keras file. Copy or download it again."
    )


def test_byte_that_changed_inside_a_model_is_noticed(tmp_path):
    path = save(tmp_path / "rotten.keras", keras.layers.Conv2D(64, 3))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(content)
    assert f"{path} is damaged" in refusal(load_generator, path)


def test_damaged_model_of_a_run_is_made_again_by_resuming(tmp_path):
    run, _ = make_run(tmp_path / "run")
    run.model.write_bytes(run.model.read_bytes()[:-100])
    assert "Copy or download" in refusal(load_generator, run.path)
    run.checkpoints.mkdir()
    (run.checkpoints / "step-00000001.npz").touch()
    assert refusal(load_generator, run.path) == (
        f"{run.model} is damaged or no .keras file. `he2ihc-keras train --out "
        f"{run.path} --resume` makes it again."
    )


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs Linux")
def test_error_of_the_disk_does_not_damage_a_model(tmp_path):
    path = tmp_path / "model.keras"
    path.symlink_to("/proc/self/mem")  # reading it is an input/output error
    message = refusal(load_generator, path)
    assert message.startswith(f"{path} cannot be read or moved now: Input/output error")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_refused(tmp_path, value):
    generator = lively_generator()
    weight = generator.weights[-1]
    weight.assign(np.full(weight.shape, value))
    path = tmp_path / "diverged.keras"
    generator.save(path)
    assert refusal(load_generator, path) == (
        f"{path} cannot stain: 1 of its {len(generator.weights)} weights are not "
        f"finite, the first of them {weight.path}. Its training diverged: train again "
        "with a smaller learning rate, or take an earlier copy."
    )


def test_zip_file_that_is_no_model_is_refused(tmp_path):
    path = tmp_path / "patches.keras"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("a.txt", "")
    assert refusal(load_generator, path) == (
        f"{path} cannot be loaded as a Keras model: "
        "\"There is no item named 'config.json' in the archive\""
    )


def test_model_of_others_is_refused(tmp_path):
    path = save(tmp_path / "foreign.keras", keras.layers.Conv2D(3, 1))
    assert refusal(load_generator, path) == (
        "Model 'foreign' has no `SizeCheck` layer, so its stride is unknown. "
        "Expected a generator built by `he2ihc_keras.models.build`."
    )


def test_network_of_a_bridge_does_not_stain_by_itself(tmp_path):
    network = models.build("bridge", filters=4, multipliers=[1, 2], attention=False)
    network.save(tmp_path / "bridge.keras")
    assert refusal(load_generator, tmp_path / "bridge.keras") == (
        "Model 'bridge' takes x, he, time: it does not stain by itself. Of a bridge, "
        "give the run folder, or save `models.bridge.stainer(network)`."
    )


def test_code_hidden_in_a_file_is_not_run(tmp_path):
    path = save(tmp_path / "code.keras", keras.layers.Lambda(lambda x: x))
    assert refusal(load_generator, path).startswith(
        f"{path} cannot be loaded as a Keras model: Requested the deserialization of "
        "a `Lambda` layer"
    )


# Recipes


def test_recipe_lies_beside_the_model(tmp_path):
    run, _ = make_run(tmp_path / "run")
    assert load_recipe(run.path) == load_recipe(str(run.model)) == RECIPE


def test_model_alone_has_no_recipe(tmp_path):
    assert load_recipe(tmp_path / "model.keras") is None
    assert load_recipe(tmp_path) is None


@pytest.mark.parametrize("imports", ["he2ihc_keras, keras", "keras, keras_he2ihc"])
def test_keras_opens_a_model_where_the_package_is_imported(tmp_path, imports):
    path = tmp_path / "bridge.keras"
    lively_bridge(steps=1).save(path)
    code = f"""
        import sys
        import importlib.util
        import {imports.partition(", ")[0]}
        importlib.util.find_spec("keras")  # as who looks whether it is there
        import {imports}
        print(keras.models.load_model(sys.argv[1]).name)
    """
    assert run_python(code, path) == "bridge\n"
