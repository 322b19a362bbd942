"""Runs whose pairs do not fit the recipe, or are lost while it trains."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from he2ihc_keras import training
from he2ihc_keras.data import SampleError
from he2ihc_keras.recipe import Recipe
from he2ihc_keras.training import RunFolder
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
def test_image_lost_during_training_is_named(tmp_path, split):
    pairs = write_pairs(tmp_path, 2) + write_pairs(tmp_path, 2, split="val")
    lost = next(pair.he for pair in pairs if pair.split == split)
    run = RunFolder(tmp_path / "run")

    def lose():
        while not run.history.exists():
            time.sleep(0.01)
        lost.unlink()

    with ThreadPoolExecutor() as pool:
        pool.submit(lose)
        message = refusal(training.fit, RECIPE, pairs, run.path, error=SampleError)
    assert message == (
        f"{lost} does not exist. What was trained is saved: put the file back, as it "
        "was, and resume the run."
    )
