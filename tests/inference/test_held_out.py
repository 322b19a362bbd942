import dataclasses

import numpy as np
import pytest

from he2ihc_keras.data.images import resize
from he2ihc_keras.data.pairs import read_pair
from he2ihc_keras.inference import Stainer, held_out, stain_image, stain_pairs
from he2ihc_keras.recipe import Recipe
from helpers import lively_generator, refusal, write_pairs

CROP, RESIZE = (
    Recipe.from_dict(
        {
            "name": "a",
            "trainer": {"name": "supervised"},
            "networks": {"generator": {"name": "unet"}},
            "data": {"patch_size": 12, "fit": fit},
        }
    )
    for fit in ("crop", "resize")
)


@pytest.fixture(scope="module")
def stainer():
    return Stainer(lively_generator())


@pytest.mark.parametrize(
    ("splits", "chosen"),
    [
        (("train", "val", "test"), "test"),
        (("train", "test"), "test"),
        (("train", "val"), "val"),
    ],
)
def test_scores_are_of_the_test_split_or_else_of_the_validation(
    tmp_path, splits, chosen
):
    pairs = {split: write_pairs(tmp_path, 2, split=split) for split in splits}
    everything = [pair for split in splits for pair in pairs[split]]
    assert held_out(everything) == (chosen, pairs[chosen])


def test_training_pairs_alone_are_not_scored(tmp_path):
    assert refusal(held_out, write_pairs(tmp_path, 2)) == (
        "There is neither a test nor a validation pair to score."
    )


@pytest.mark.parametrize("recipe", [CROP, None])
def test_pairs_that_are_cut_in_training_are_stained_whole(tmp_path, stainer, recipe):
    [pair] = write_pairs(tmp_path, 1, size=(21, 18))
    pair = dataclasses.replace(pair, level="2+")
    [(name, level, fake_ihc, ihc, he)] = stain_pairs(stainer, [pair], recipe)
    assert (name, level) == (pair.name, "2+")
    np.testing.assert_array_equal([he, ihc], read_pair(pair))
    np.testing.assert_array_equal(fake_ihc, stain_image(stainer, he))


def test_pairs_that_are_resized_in_training_are_resized(tmp_path, stainer):
    [pair] = write_pairs(tmp_path, 1, size=(21, 18))
    [(_, _, fake_ihc, ihc, he)] = stain_pairs(stainer, [pair], RESIZE)
    np.testing.assert_array_equal([he, ihc], [resize(i, 12) for i in read_pair(pair)])
    np.testing.assert_array_equal(fake_ihc, stain_image(stainer, he))


def test_a_view_is_of_the_whole_he_and_for_the_network_alone(tmp_path, stainer):
    [pair] = write_pairs(tmp_path, 1, size=(21, 18))

    def corner(image):
        return image[:10, :12]

    [(_, _, fake_ihc, ihc, he)] = stain_pairs(stainer, [pair], RESIZE, view=corner)
    np.testing.assert_array_equal([he, ihc], read_pair(pair))
    np.testing.assert_array_equal(fake_ihc, stain_image(stainer, corner(he)))


def test_pairs_are_read_one_at_a_time(tmp_path, stainer):
    first, second = write_pairs(tmp_path, 2)
    second.he.unlink()
    stained = stain_pairs(stainer, [first, second], CROP)
    assert next(stained)[0] == first.name
    assert refusal(next, stained) == f"{second.he} does not exist."
