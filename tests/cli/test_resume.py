"""A job script resubmits its own line: it begins the run, and later goes on with it."""

import shutil

import numpy as np
import pytest
from click.testing import CliRunner

from he2ihc_keras.cli import main
from he2ihc_keras.cli.train import _how_to_go_on, train
from he2ihc_keras.data import phantom
from he2ihc_keras.recipe import Recipe
from he2ihc_keras.training.checkpoints import load_checkpoint
from he2ihc_keras.training.lock import locked

OWN = """
name = "own"
[trainer]
name = "supervised"
[networks.generator]
name = "unet"
filters = 2
depth = 1
[optimizer.generator]
learning_rate = 1e-3
[data]
patch_size = 32
[fit]
batch_size = 4
epochs = 1
[quick_start.phantom]
pairs = 12
size = 32
"""
# Of two steps an epoch; `auto` becomes a precision in the run.
OPTIONS = ("--epochs", 2, "--batch-size", 4, "--patch-size", 32, "--seed", 5)
OPTIONS += ("--precision", "auto", "--set", "networks.generator.filters=2")
OPTIONS += ("--set", "networks.generator.depth=1")
LAST = "step-00000004.npz"


def run(*arguments):
    return CliRunner().invoke(main, ["train", *(str(a) for a in arguments)])


def ok(*arguments):
    result = run(*arguments, "--resume")
    assert result.exit_code == 0, result.output
    return result.output


def refusal(*arguments):
    result = run(*arguments, "--resume")
    assert result.exit_code != 0, result.output
    return result.output


def content(folder):
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path: path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def finished(data, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "run"
    assert "Resuming" not in ok("unet", "--data", data, *OPTIONS, "--out", out)
    return out


@pytest.fixture
def stopped(finished, tmp_path):
    """The run as it was after its first epoch."""
    shutil.copytree(finished, tmp_path / "run")
    (tmp_path / "run" / "checkpoints" / LAST).unlink()
    return tmp_path / "run"


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """A recipe of one's own, and its quick start."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "own.toml").write_text(OWN)
    ok(folder / "own.toml", "--out", folder / "run")
    return folder


def assert_same_end(out, other):
    ours, theirs = (load_checkpoint(f / "checkpoints" / LAST) for f in (out, other))
    assert ours.arrays.keys() == theirs.arrays.keys()
    for name, array in ours.arrays.items():
        np.testing.assert_array_equal(array, theirs.arrays[name], err_msg=name)


# The line goes on


def test_same_line_goes_on(data, finished, stopped):
    output = ok("unet", "--data", data, *OPTIONS, "--out", stopped)
    assert "Resuming after step 2." in output
    assert_same_end(stopped, finished)


def test_dry_run_says_what_would_be_done_and_writes_nothing(data, stopped):
    before = content(stopped)
    output = ok("--data", data, "--out", stopped, "--dry-run")
    assert f"Would go on with {stopped} after step 2. Nothing was written." in output
    assert content(stopped) == before


def test_dry_run_of_a_line_without_a_run_would_begin_one(tmp_path):
    out = tmp_path / "run"
    assert f"Would train into {out}." in ok("--out", out, "--dry-run")
    assert not out.exists()


def test_what_is_left_out_does_not_differ(finished):
    assert "Would go on" in ok("--out", finished, "--dry-run")


def test_each_argument_that_differs_is_told_with_both_values(finished):
    options = ("--epochs", 30, "--batch-size", 4, "--patch-size", 64, "--seed", 0)
    options += ("--precision", "mixed_float16", "--set", "data.flip=false")
    options += ("--set", "networks.generator.filters=2")
    message = refusal("unet_gan", *options, "--out", finished)
    precision = Recipe.load(finished / "recipe.toml").fit.precision
    assert message.splitlines()[1:-1] == [
        "MODEL: the run has unet, received unet_gan.",
        "--epochs: the run has 2, received 30.",
        "--patch-size: the run has 32, received 64.",
        f"--precision: the run has {precision}, received mixed_float16.",
        "--seed: the run has 5, received 0.",
        "--set data.flip: the run has True, received False.",
    ]


def test_of_a_key_given_twice_the_last_counts_as_when_the_run_began(finished):
    assert "Would go on" in ok(
        *("--batch-size", 7, "--set", "fit.batch_size=4"),
        *("--out", finished, "--dry-run"),
    )


def test_what_an_option_brings_with_it_is_not_told_as_the_recipes(own):
    asked = (own / "own.toml", "--set", "networks.generator.name=pix2pix")
    assert refusal(*asked, "--out", own / "run").splitlines()[1:-1] == [
        "--set networks.generator.name: the run has unet, received pix2pix."
    ]


def test_recipe_of_ones_own_is_compared_key_by_key(own, tmp_path):
    edited = tmp_path / "own.toml"
    text = OWN.replace("1e-3", "1e-2").replace("pairs = 12", "pairs = 16")
    edited.write_text(text)
    message = refusal(edited, "--batch-size", 4, "--out", own / "run")
    assert message.splitlines()[1:-1] == [
        f"{edited}, optimizer.generator.learning_rate: the run has 0.001, received "
        "0.01."
    ]


def test_line_to_go_on_with_imports_what_the_run_needs(finished):
    out = finished.with_name("my run")
    arguments = ["--import", "json", "--import", "csv", "--out", str(out)]
    with train.make_context("train", arguments):
        assert "Give the same line again, with --out '" in _how_to_go_on(out)
        out.mkdir()
        (out / "recipe.toml").touch()
        assert _how_to_go_on(out) == (
            f"Go on with: he2ihc-keras train --out '{out}' --resume "
            "--import json --import csv"
        )


# The line begins


def test_folder_of_a_start_that_was_killed_is_taken(data, finished, tmp_path):
    (tmp_path / "pairs.csv").write_text("half")
    (tmp_path / "versions.json").write_text("{")
    (tmp_path / ".0f.tmp").touch()
    arguments = ("unet", "--data", data, *OPTIONS, "--out", tmp_path)
    assert "is not empty, it holds" in run(*arguments).output
    with locked(tmp_path / ".training.lock"):
        assert "in use" in refusal(*arguments)
    (tmp_path / "training.json").write_text("{")
    ok(*arguments)
    assert_same_end(tmp_path, finished)
    assert {p.name for p in tmp_path.iterdir()} == {p.name for p in finished.iterdir()}


@pytest.mark.parametrize("name", ["notes.txt", "checkpoints", "phantom"])
def test_folder_of_something_else_is_refused_by_what_it_holds(data, tmp_path, name):
    (tmp_path / name).mkdir()
    (tmp_path / "pairs.csv").touch()
    message = refusal("unet", "--data", data, "--out", tmp_path)
    assert f"{tmp_path} is not empty, it holds {name}. Choose another" in message


# A quick start


def test_quick_start_killed_at_its_phantom_begins_anew(own, tmp_path):
    shutil.copytree(own / "run" / "phantom" / "HE", tmp_path / ".phantom-x7" / "HE")
    ok(own / "own.toml", "--out", tmp_path)
    assert {p.name for p in tmp_path.iterdir()} == {
        p.name for p in (own / "run").iterdir()
    }


def test_phantom_of_a_killed_start_is_used_if_it_is_the_same(own, tmp_path):
    shutil.copytree(own / "run" / "phantom", tmp_path / "phantom")
    before = content(tmp_path)
    other = ("--seed", 1, "--out", tmp_path)
    assert "is not the phantom of this recipe" in refusal(own / "own.toml", *other)
    (tmp_path / ".training.lock").unlink()
    assert content(tmp_path) == before
    ok(own / "own.toml", "--out", tmp_path)
    assert before.items() <= content(tmp_path).items()


def test_quick_start_goes_on_where_its_folder_moved(own, tmp_path):
    shutil.copytree(own / "run", tmp_path / "run")
    shutil.move(own / "run", own / "elsewhere")
    try:
        output = ok(own / "own.toml", "--out", tmp_path / "run", "--dry-run")
    finally:
        shutil.move(own / "elsewhere", own / "run")
    assert "Would go on" in output


def test_quick_start_does_not_go_on_with_other_data(own, data):
    assert f"--data: the run has the phantom of a quick start, not {data}." in refusal(
        "--data", data, "--out", own / "run"
    )
    phantom_of_run = own / "run" / "phantom"
    ok("--data", phantom_of_run, "--out", own / "run", "--dry-run")


# Data that moved


@pytest.fixture
def moved(data):
    """The data elsewhere; the old place is gone meanwhile."""
    there = data.rename(data.with_name("moved"))
    yield there
    there.rename(data)


def test_run_ends_alike_where_its_data_moved(finished, stopped, moved):
    gone = refusal("--out", stopped)
    assert "images that" in gone and "say with --data where they are" in gone
    before = content(stopped)
    assert "not a byte" in ok("--data", moved, "--out", stopped, "--dry-run")
    assert content(stopped) == before
    output = ok("unet", "--data", moved, *OPTIONS, "--out", stopped)
    assert "Resuming after step 2." in output
    assert_same_end(stopped, finished)
    assert str(moved) in (stopped / "pairs.csv").read_text()
    assert "Would go on" in ok("--out", stopped, "--dry-run")


def test_other_data_are_refused(finished, stopped, moved, tmp_path):
    phantom.write_phantom(tmp_path / "other", 16, size=48, seed=1)
    before = content(stopped)
    message = refusal("--data", tmp_path / "other", "--out", stopped)
    assert "16 changed: train/00000_train_0, train/00001_train_1+, " in message
    assert content(stopped) == before
