import dataclasses
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from he2ihc_keras.data.images import read_image, resize, write_image
from he2ihc_keras.data.options import Data
from he2ihc_keras.data.pairs import Pair
from he2ihc_keras.data.sample import (
    HeldOutSamples,
    HeldOutUnpaired,
    SampleError,
    TrainingSamples,
    UnpairedSamples,
    check_levels,
    images_per_epoch,
)
from helpers import noise_image, refusal, write_pairs

pytestmark = pytest.mark.backends

PLAIN = Data(patch_size=8, flip=False)
FLIPPED = Data(patch_size=8)
TURNED = Data(patch_size=8, quarter_turns=True)
TURNED_WHOLE = Data(patch_size=8, quarter_turns=True, fit="resize")
EVERYTHING = Data(patch_size=8, quarter_turns=True, photometric=0.5)
RESIZED = Data(patch_size=8, quarter_turns=True, photometric=0.5, fit="resize")


def training(pairs, data=EVERYTHING, seed=0, epoch_samples=None):
    return TrainingSamples(pairs, data, seed, epoch_samples or len(pairs))


def he_patches(samples, count):
    """H&E patches `(count, height, width, 3)`."""
    return np.stack([samples(number)[0] for number in range(count)])


def assert_equal(first, second):
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)


def write_numbered(folder, count):
    """Pairs whose pixels all say which pair it is."""
    for number in range(count):
        write_image(folder / f"{number}.png", np.full((9, 9, 3), number, np.uint8))
    files = [folder / f"{number}.png" for number in range(count)]
    return [Pair(file, file, "train") for file in files]


def visits(samples, epochs):
    """Numbers of the pairs, by epoch, as `write_numbered` wrote them."""
    he = he_patches(samples, epochs * samples.epoch_samples)
    return he[:, 0, 0, 0].reshape(epochs, -1).tolist()


def write_coordinates(folder, height, width):
    """A pair whose pixels say where they are: red the row, green the column."""
    rows, columns = np.mgrid[:height, :width]
    image = np.dstack([rows, columns, 0 * rows]).astype("uint8")
    write_image(folder / "coordinates.png", image)
    return Pair(folder / "coordinates.png", folder / "coordinates.png", "train")


# A sample follows from seed and number


@pytest.mark.parametrize("data", [EVERYTHING, RESIZED])
def test_sample_is_the_same_whoever_asks_and_whatever_was_asked_before(tmp_path, data):
    pairs = write_pairs(tmp_path, 5)
    running, other = training(pairs, data), training(pairs, data)
    expected = [running(number) for number in range(12)]
    with ThreadPoolExecutor(4) as pool:
        for number, sample in zip(
            range(11, -1, -1), pool.map(other, range(11, -1, -1)), strict=True
        ):
            assert_equal(sample, expected[number])


def test_other_seed_gives_another_order(tmp_path):
    pairs = write_numbered(tmp_path, 12)
    first, other = (visits(training(pairs, PLAIN, seed), 1) for seed in (7, 8))
    assert first != other


@pytest.mark.parametrize("data", [EVERYTHING, RESIZED])
def test_other_seed_augments_a_pair_otherwise(tmp_path, data):
    pairs = write_pairs(tmp_path, 1)
    first, other = (he_patches(training(pairs, data, seed), 3) for seed in (7, 8))
    assert not np.array_equal(first, other)


def test_one_pair_is_cut_and_turned_differently_each_epoch(tmp_path):
    patches = he_patches(training(write_pairs(tmp_path, 1), TURNED), 10)
    assert len(np.unique(patches, axis=0)) == 10


@pytest.mark.parametrize("seed", [0, 2**32 - 1])
def test_any_seed_that_keras_takes_is_taken(tmp_path, seed):
    he, _, _ = training(write_pairs(tmp_path, 2), seed=seed)(0)
    assert he.shape == (8, 8, 3)


# Epochs


def test_each_epoch_visits_each_pair_once_in_an_order_of_its_own(tmp_path):
    epochs = visits(training(write_numbered(tmp_path, 12), PLAIN), 5)
    assert [sorted(epoch) for epoch in epochs] == [list(range(12))] * 5
    assert len({tuple(epoch) for epoch in epochs}) == 5


def test_shards_are_the_epoch_without_overlap(tmp_path):
    samples, world = training(write_numbered(tmp_path, 12), PLAIN), 3
    shards = [
        [samples(rank + world * k)[0][0, 0, 0] for k in range(4)] for rank in range(3)
    ]
    assert sorted(sum(shards, [])) == list(range(12))


def test_what_is_left_over_is_another_pair_each_epoch(tmp_path):
    samples = training(write_numbered(tmp_path, 5), PLAIN, epoch_samples=4)
    left_over = [set(range(5)) - set(epoch) for epoch in visits(samples, 10)]
    assert [len(pairs) for pairs in left_over] == [1] * 10
    assert len(set.union(*left_over)) > 2


# Pixels


@pytest.mark.parametrize("data", [TURNED, TURNED_WHOLE])
def test_he_and_ihc_are_cut_and_turned_alike(tmp_path, data):
    samples = training(write_pairs(tmp_path, 4, ihc_is_he=True), data)
    rows = [samples(number) for number in range(32)]
    for he, ihc, _ in rows:
        np.testing.assert_array_equal(he, ihc)
    assert len(np.unique([he for he, _, _ in rows], axis=0)) > 16


def test_patches_are_uint8_and_own_their_pixels(tmp_path):
    pairs = write_pairs(tmp_path, 2)
    for samples in (training(pairs, TURNED), HeldOutSamples(pairs, TURNED)):
        for patch in samples(0)[:2]:
            assert patch.dtype == np.uint8 and patch.shape == (8, 8, 3)
            assert patch.base is None  # of the whole image, which could then go


def test_patches_are_cut_from_everywhere_and_never_from_outside(tmp_path):
    samples = training([write_coordinates(tmp_path, 10, 11)], PLAIN)
    corners = he_patches(samples, 300)[:, 0, 0, :2]
    everywhere = {(row, column) for row in range(3) for column in range(4)}
    assert {tuple(corner) for corner in corners.tolist()} == everywhere


def test_unturned_patch_is_a_window_of_the_image(tmp_path):
    pair = write_coordinates(tmp_path, 20, 30)
    for patch in he_patches(training([pair], PLAIN), 10):
        row, column, _ = patch[0, 0]
        window = read_image(pair.he)[row : row + 8, column : column + 8]
        np.testing.assert_array_equal(patch, window)


def test_half_of_the_patches_are_mirrored_left_to_right(tmp_path):
    pair = write_coordinates(tmp_path, 8, 8)
    upright, patches = read_image(pair.he), he_patches(training([pair], FLIPPED), 200)
    mirrored = [np.array_equal(patch, upright[:, ::-1]) for patch in patches]
    unchanged = [np.array_equal(patch, upright) for patch in patches]
    assert sum(mirrored) + sum(unchanged) == 200
    assert 80 < sum(mirrored) < 120


def test_quarter_turns_are_the_four_turns_equally_often(tmp_path):
    pair = write_coordinates(tmp_path, 8, 8)
    data = Data(patch_size=8, flip=False, quarter_turns=True)
    upright, patches = read_image(pair.he), he_patches(training([pair], data), 200)
    turns = [np.rot90(upright, turn) for turn in range(4)]
    counts = [sum(np.array_equal(p, turned) for p in patches) for turned in turns]
    assert sum(counts) == 200
    assert min(counts) > 30


def test_flips_and_turns_are_the_symmetries_of_a_square(tmp_path):
    pair = write_coordinates(tmp_path, 8, 8)
    patches = he_patches(training([pair], TURNED), 100)
    pixels = {tuple(sorted(map(tuple, p.reshape(-1, 3).tolist()))) for p in patches}
    assert len(np.unique(patches, axis=0)) == 8
    assert len(pixels) == 1


def test_photometric_changes_touch_the_he_alone(tmp_path):
    pairs = write_pairs(tmp_path, 4)
    for number in range(8):
        plain, changed = (training(pairs, d)(number) for d in (TURNED, EVERYTHING))
        np.testing.assert_array_equal(plain[1], changed[1])
        assert np.abs(plain[0].astype(int) - changed[0]).max() > 2


def test_pairs_of_several_sizes_are_cut_to_one(tmp_path):
    small, large = tmp_path / "small", tmp_path / "large"
    small.mkdir(), large.mkdir()
    pairs = write_pairs(small, 1, size=(8, 9)) + write_pairs(large, 1, size=(33, 17))
    assert he_patches(training(pairs), 2).shape == (2, 8, 8, 3)


def test_side_by_side_image_is_a_pair(tmp_path):
    both = tmp_path / "both.png"
    write_image(both, noise_image(8, 16))
    pair = Pair(both, both, "train", side_by_side=True)
    he, ihc, _ = HeldOutSamples([pair], PLAIN)(0)
    np.testing.assert_array_equal(np.hstack([he, ihc]), noise_image(8, 16))


def test_pairs_that_are_resized_are_seen_whole(tmp_path):
    [pair] = write_pairs(tmp_path, 1)
    data = Data(patch_size=8, flip=False, fit="resize")
    expected = [resize(read_image(path), 8) for path in (pair.he, pair.ihc)]
    for samples in (training([pair], data), HeldOutSamples([pair], data)):
        assert_equal(samples(0)[:2], expected)


# Held out


def test_held_out_pairs_come_in_order(tmp_path):
    samples = HeldOutSamples(write_numbered(tmp_path, 5), EVERYTHING)
    assert he_patches(samples, 5)[:, 0, 0, 0].tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(("size", "corner"), [((12, 16), (2, 4)), ((9, 11), (0, 1))])
def test_held_out_patch_is_the_middle_unaugmented(tmp_path, size, corner):
    pair = write_coordinates(tmp_path, *size)
    row, column = corner
    middle = read_image(pair.he)[row : row + 8, column : column + 8]
    assert_equal(HeldOutSamples([pair], EVERYTHING)(0)[:2], [middle, middle])


# Levels


@pytest.mark.parametrize(("level", "index"), [("0", 0), ("3+", 3), (None, -1)])
def test_level_is_its_index_or_minus_one(tmp_path, level, index):
    [pair] = write_pairs(tmp_path, 1)
    pair = dataclasses.replace(pair, level=level)
    for samples in (training([pair]), HeldOutSamples([pair], PLAIN)):
        assert samples(0)[2] == index


# What cannot be read or cut


@pytest.mark.parametrize("of", [training, lambda pairs: HeldOutSamples(pairs, PLAIN)])
def test_pair_smaller_than_a_patch_is_named(tmp_path, of):
    [pair] = write_pairs(tmp_path, 1, size=(24, 5))
    message = refusal(of([pair]), 0, error=SampleError)
    assert message == (
        f"{pair.he} is 5 x 24, smaller than a patch of 8 x 8. Lower `patch_size`, "
        "resize the images, or remove it."
    )


def test_image_that_is_gone_is_named(tmp_path):
    [pair] = write_pairs(tmp_path, 1)
    pair.ihc.unlink()
    assert str(pair.ihc) in refusal(training([pair]), 0, error=SampleError)


def test_image_that_changed_its_size_is_named(tmp_path):
    [pair] = write_pairs(tmp_path, 1)
    Image.fromarray(noise_image(9, 9)).save(pair.ihc)
    message = refusal(training([pair]), 0, error=SampleError)
    assert f"its IHC partner {pair.ihc} is 9 x 9" in message


def test_pairs_without_a_level_are_refused_where_levels_are_needed(tmp_path):
    pairs = write_pairs(tmp_path, 3)
    pairs[0] = dataclasses.replace(pairs[0], level="2+")
    assert refusal(check_levels, pairs) == (
        "2 of 3 pairs tell no HER2 level, the first of them train_1_he. A name ends in "
        "it as BCI's do: 00001_train_2+."
    )


# Without partners


def unpaired(pairs, data=PLAIN, seed=0):
    return UnpairedSamples(pairs, data, seed, images_per_epoch(pairs))


def alone(pairs, he, ihc):
    """The H&E of some pairs and the IHC of some, that stand alone."""
    return [
        *(dataclasses.replace(pair, ihc=None) for pair in pairs[:he]),
        *(dataclasses.replace(pair, he=None) for pair in pairs[:ihc]),
    ]


@pytest.mark.parametrize(("he", "ihc"), [(3, 7), (7, 3), (5, 5)])
def test_epoch_counts_the_commoner_stain_and_every_he_comes_round(tmp_path, he, ihc):
    samples = unpaired(alone(write_numbered(tmp_path, 7), he, ihc))
    assert samples.epoch_samples == max(he, ihc)
    for epoch in visits(samples, 4):
        counts = np.bincount(epoch, minlength=he)
        assert len(counts) == he and np.ptp(counts) <= 1


def test_ihc_is_drawn_from_all_with_replacement_whatever_the_he(tmp_path):
    samples = unpaired(write_numbered(tmp_path, 6))
    he, ihc = (
        np.array([samples(n)[stain][0, 0, 0] for n in range(120)]) for stain in (0, 1)
    )
    assert 5 < (he == ihc).sum() < 40
    assert sorted({*ihc.tolist()}) == list(range(6))
    assert max(np.bincount(ihc[:6])) > 1


def test_he_and_ihc_are_cut_and_turned_each_on_its_own(tmp_path):
    pair = write_coordinates(tmp_path, 30, 30)
    samples = unpaired([pair], TURNED)
    rows = [samples(number) for number in range(12)]
    assert not any(np.array_equal(he, ihc) for he, ihc, _ in rows)
    assert len(np.unique([ihc for _, ihc, _ in rows], axis=0)) == 12


def test_unpaired_sample_follows_from_seed_and_number(tmp_path):
    pairs = alone(write_pairs(tmp_path, 5), 5, 3)
    first, again, other = (unpaired(pairs, EVERYTHING, s) for s in (1, 1, 2))
    assert_equal(first(7), again(7))
    assert not np.array_equal(first(7)[1], other(7)[1])


def test_held_out_images_that_stand_alone_are_each_there(tmp_path):
    samples = HeldOutUnpaired(alone(write_numbered(tmp_path, 5), 2, 5), PLAIN)
    seen = [[patch[0, 0, 0] for patch in samples(n)[:2]] for n in range(5)]
    assert seen == [[0, 0], [1, 1], [0, 2], [1, 3], [0, 4]]


def test_image_that_stands_alone_and_is_too_small_is_named(tmp_path):
    pairs = alone(write_pairs(tmp_path, 1, size=(24, 5)), 1, 1)
    message = refusal(unpaired(pairs), 0, error=SampleError)
    assert message.startswith(f"{pairs[0].he} is 5 x 24, smaller than a patch of 8 x 8")
