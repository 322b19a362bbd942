"""A trainer from outside the package, through the command line, each in a process."""

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from he2ihc_keras import trainers
from he2ihc_keras.data import phantom
from he2ihc_keras.inference import load_generator

EPOCHS = 12
RECIPE = f"""
name = "own"

[trainer]
name = "charbonnier"
epsilon = 0.01
average = 0.9

[networks.generator]
name = "unet"
filters = 4

[optimizer.generator]
learning_rate = 1e-3

[data]
patch_size = 32

[fit]
epochs = {EPOCHS}
batch_size = 2
"""
TRAIN = ("train", "own.toml", "--data", "pairs", "--import", "own_trainer")


def command(*arguments):
    return [sys.executable, "-m", "he2ihc_keras.cli", *map(str, arguments)]


def run(folder, *arguments):
    done = subprocess.run(
        command(*arguments), cwd=folder, capture_output=True, text=True
    )
    return done.returncode, done.stdout + done.stderr


def ok(folder, *arguments):
    code, output = run(folder, *arguments)
    assert code == 0, output
    return output


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a recipe, a trainer, pairs, and a run of them."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "own.toml").write_text(RECIPE)
    shutil.copy(Path(__file__).with_name("own_trainer.py"), folder)
    phantom.write_phantom(folder / "pairs", 16, size=48)
    ok(folder, *TRAIN, "--out", "whole")
    return folder


def test_own_trainer_trains_and_validates(folder):
    header, *rows = (folder / "whole" / "history.csv").read_text().splitlines()
    names = {"epoch", "loss", "learning_rate", "val_loss", "val_psnr", "val_ssim"}
    assert set(header.split(",")) == names
    assert len(rows) == EPOCHS


def test_run_of_an_own_trainer_is_used_without_it(folder):
    he = next((folder / "pairs" / "HE" / "test").iterdir())
    ok(folder, "predict", "whole", he, "--out", "stained")
    assert (folder / "stained" / he.name).is_file()
    assert "generated" in ok(folder, "score", "whole")
    ok(folder, "export", "whole", "--out", "saved_model")
    assert (folder / "saved_model" / "saved_model.pb").is_file()


@pytest.mark.slow
def test_killed_run_of_an_own_trainer_is_resumed(folder):
    process = subprocess.Popen(command(*TRAIN, "--out", "killed"), cwd=folder)
    deadline = time.monotonic() + 120
    while not (folder / "killed" / "model.keras").exists():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    resume = ("train", "--out", "killed", "--resume")
    code, output = run(folder, *resume)
    assert code == 1 and "Unknown trainer 'charbonnier'." in output
    ok(folder, *resume, *TRAIN[-2:])
    whole, resumed = (load_generator(folder / out) for out in ("whole", "killed"))
    for weight, expected in zip(resumed.weights, whole.weights, strict=True):
        np.testing.assert_array_equal(weight, expected)


def test_own_trainer_needs_its_module(folder):
    code, output = run(folder, *TRAIN[:4], "--out", "new")
    assert (code, output.splitlines()[-1]) == (
        1,
        "Error: own.toml: Unknown trainer 'charbonnier'. Known: "
        f"{', '.join(trainers.names())}. One from elsewhere needs --import MODULE.",
    )
    assert not (folder / "new").exists()
