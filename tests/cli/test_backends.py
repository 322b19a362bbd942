"""The option --backend, and what runs without TensorFlow."""

import importlib.util
import json

import pytest
from click.testing import CliRunner

from he2ihc_keras.cli import main
from helpers import run_python


def refusal(*arguments):
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code != 0
    return result.output.splitlines()[-1]


def test_two_backends_are_refused():
    assert refusal("train", "--backend", "jax") == (
        "Error: --backend jax and KERAS_BACKEND=tensorflow are two backends. Give one."
    )


def test_unknown_backend_lists_the_known(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "numpy")
    assert refusal("train") == (
        "Error: KERAS_BACKEND=numpy is not supported. Expected tensorflow, jax, torch."
    )


def test_backend_that_is_not_installed_says_how_to_install_it(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert refusal("train") == (
        "Error: Backend jax is not installed. Install it with "
        "pip install 'he2ihc-keras[jax]'."
    )


def test_export_needs_tensorflow_and_says_so(monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    assert refusal("export", tmp_path, "--out", tmp_path / "out") == (
        "Error: This command needs Keras on tensorflow. Received: torch. Models of "
        "every backend do: give --backend tensorflow, or set KERAS_BACKEND=tensorflow."
    )


def test_saved_model_is_refused_where_keras_runs_on_another_backend(tmp_path):
    code = """
        import sys
        from he2ihc_keras import export, models
        try:
            export.export_saved_model(models.build("unet", filters=2), sys.argv[1])
        except ValueError as error:
            print(error)
    """
    assert run_python(code, tmp_path / "out", backend="torch") == (
        "A SavedModel is written by Keras on TensorFlow. Received backend: torch. "
        "Save the model, and load it where KERAS_BACKEND=tensorflow.\n"
    )


COMMANDS = """
import os, sys
from he2ihc_keras.cli import main

def he2ihc_keras(line):
    main(line.split(), standalone_mode=False)

folder, backend = sys.argv[1:]
os.chdir(folder)
"""
TRAIN = """
del os.environ["KERAS_BACKEND"]
he2ihc_keras("phantom pairs --pairs 20 --size 48")
he2ihc_keras(
    f"train unet --data pairs --out run --backend {backend} --epochs 1 --patch-size 32 "
    "--set networks.generator.filters=2 --set data.fit=crop"
)
"""
# Keras imports TensorFlow to seed and to write a model, but not to read one.
WITHOUT_TENSORFLOW = """
he2ihc_keras("check pairs")
he2ihc_keras("predict run pairs/HE/test --out stained")
he2ihc_keras("score stained pairs/IHC/test")
he2ihc_keras("score run")
assert "tensorflow" not in sys.modules
"""


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_what_it_trained_is_checked_stained_and_scored_by_it_alone(backend, tmp_path):
    for code in (TRAIN, WITHOUT_TENSORFLOW):
        run_python(COMMANDS + code, tmp_path, backend, backend=backend)
    versions = json.loads((tmp_path / "run" / "versions.json").read_text())
    assert versions["backend"] == backend
    assert len(list((tmp_path / "stained").glob("*.png"))) > 1
