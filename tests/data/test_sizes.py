import pytest

from he2ihc_keras.data import check_sizes
from he2ihc_keras.data.images import write_image
from he2ihc_keras.data.options import Data
from he2ihc_keras.data.pairs import Pair
from helpers import noise_image, refusal, write_pairs


def test_pairs_that_hold_a_patch_are_accepted(tmp_path):
    check_sizes(write_pairs(tmp_path, 2, size=(8, 9)), Data(patch_size=8))


def test_pair_smaller_than_a_patch_is_named(tmp_path):
    large = write_pairs(tmp_path, 1, size=(8, 9))
    [small] = write_pairs(tmp_path, 1, size=(8, 7), split="val")
    assert refusal(check_sizes, [*large, small], Data(patch_size=8)) == (
        f"{small.he} is 7 x 8, smaller than a patch of 8 x 8. Lower `patch_size`, "
        "resize the images, or remove it."
    )


def test_half_of_a_side_by_side_image_is_what_must_hold_a_patch(tmp_path):
    both = tmp_path / "both.png"
    write_image(both, noise_image(8, 14))
    pair = Pair(both, both, "train", side_by_side=True)
    check_sizes([pair], Data(patch_size=7))
    with pytest.raises(ValueError, match="^Each half of .* is 7 x 8, smaller than"):
        check_sizes([pair], Data(patch_size=8))


def test_many_small_pairs_are_one_sentence_or_twenty_lines(tmp_path):
    small = write_pairs(tmp_path, 30, size=(7, 7))
    large = write_pairs(tmp_path, 1, size=(8, 8), split="val")
    assert refusal(check_sizes, small, Data(patch_size=8)) == (
        "All 30 pairs are smaller than a patch of 8 x 8. Lower `patch_size`: 7 or "
        "less fits the largest of them."
    )
    *_, last = refusal(check_sizes, small + large, Data(patch_size=8)).splitlines()
    assert last == "... and 10 more"


def test_size_is_of_no_matter_to_pairs_that_are_resized(tmp_path):
    check_sizes(write_pairs(tmp_path, 1, size=(7, 7)), Data(patch_size=8, fit="resize"))


def test_image_that_is_gone_is_named(tmp_path):
    [pair] = write_pairs(tmp_path, 1)
    pair.he.unlink()
    assert str(pair.he) in refusal(check_sizes, [pair], Data(patch_size=8))
