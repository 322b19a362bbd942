"""Runs whose pairs do not fit the recipe, or are lost while it trains."""

import pytest

from he2ihc_keras import training
from he2ihc_keras.data import SampleError
from he2ihc_keras.recipe import Recipe
from he2ihc_keras.training import RunFolder
from he2ihc_keras.training.callbacks import Validate
from helpers import refusal, write_pairs

pytestmark = pytest.mark.backends

RECIPE = Recipe.from_dict(
    {
        "name": "small",
        "trainer": {"name": "supervised"},
        "networks": {"generator": {"name": "unet", "filters": 2, "depth": 2}},
        "data": {"patch_size": 8},
        "fit": {"epochs": 1000},
    }
)


@pytest.mark.parametrize("split", ["train", "val"])
def test_pairs_too_small_for_a_patch_are_refused_before_the_run_begins(tmp_path, split):
    pairs = [
        pair
        for name, size in (("train", (9, 9)), ("val", (9, 9)), (split, (9, 7)))
        for pair in write_pairs(tmp_path, 1, size, split=name)
    ]
    message = refusal(training.fit, RECIPE, pairs, tmp_path / "run")
    assert "is 7 x 9, smaller than a patch of 8 x 8" in message
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("split", ["train", "val"])
def test_image_lost_in_training_costs_no_step(tmp_path, monkeypatch, split):
    pairs = write_pairs(tmp_path, 2) + write_pairs(tmp_path, 2, split="val")
    recipe = RECIPE.override({"fit.epochs": 9})
    whole = training.fit(recipe, pairs, tmp_path / "whole")
    lost = next(pair.he for pair in pairs if pair.split == split)
    content, validate = lost.read_bytes(), Validate.on_epoch_end

    def lose_and_validate(self, epoch, logs=None):
        if epoch == 1:
            lost.unlink()
        validate(self, epoch, logs)

    run = RunFolder(tmp_path / "run")
    monkeypatch.setattr(Validate, "on_epoch_end", lose_and_validate)
    message = refusal(training.fit, recipe, pairs, run.path, error=SampleError)
    assert message == (
        f"{lost} does not exist. What was trained is saved: put the file back, as it "
        "was, and resume the run."
    )
    assert run.last_step() >= 4
    assert split == "train" or len(run.history.read_text().splitlines()) == 2
    lost.write_bytes(content)
    monkeypatch.undo()
    training.resume(run.path)
    assert run.history.read_text() == whole.history.read_text()
