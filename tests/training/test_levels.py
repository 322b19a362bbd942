"""Batches hold what the trainer says that it needs."""

import csv

import numpy as np
from keras import ops

from he2ihc_keras import data, trainers, training
from he2ihc_keras.recipe import Recipe


class OfLevel(trainers.Trainer):
    """L1, and the mean level of the slides beside it."""

    roles = {"generator": "generator"}
    players = {"generator": ("generator",)}
    needs = ("paired", "levels")

    def __init__(self, generator, **kwargs):
        terms = {"generator": ("loss", "level")}
        super().__init__({"generator": generator}, terms, **kwargs)

    def step(self, batch, training):
        self.minimize("generator", self.losses_at, batch, None, training)

    def losses_at(self, batch, images, training):
        fake_ihc = self.stain(batch, training)
        level = ops.mean(ops.cast(batch.level, "float32"))
        return {"loss": ops.mean(ops.abs(batch.ihc - fake_ihc)), "level": level}


def test_a_trainer_that_needs_levels_gets_those_of_its_pairs(tmp_path):
    trainers.register("of_level", OfLevel)
    data.write_phantom(tmp_path / "pairs", 20, size=48)
    pairs = data.find_pairs(tmp_path / "pairs")
    recipe = Recipe.from_dict(
        {
            "name": "of_level",
            "trainer": {"name": "of_level"},
            "networks": {"generator": {"name": "unet", "filters": 2, "depth": 1}},
            "data": {"patch_size": 16},
            "fit": {"epochs": 1},
        }
    )
    run = training.fit(recipe, pairs, tmp_path / "run")
    [row] = csv.DictReader(run.history.read_text().splitlines())
    for split, column in (("train", "level"), ("val", "val_level")):
        levels = [int(p.level[0]) for p in pairs if p.split == split]
        assert np.isclose(float(row[column]), np.mean(levels))
