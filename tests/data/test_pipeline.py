from functools import partial

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from he2ihc_keras.data import pipeline
from he2ihc_keras.data.images import read_image, to_float, to_uint8, write_image
from he2ihc_keras.data.options import Data
from he2ihc_keras.data.pairs import Pair
from he2ihc_keras.data.pipeline import training_batches, validation_batches
from helpers import noise_image, refusal, run_python, write_pairs

PLAIN = Data(patch_size=8, flip=False)
EVERYTHING = Data(patch_size=8, quarter_turns=True, photometric=0.5)


def take(batches, count):
    """The first batches, `(count, he and ihc, batch, height, width, 3)`."""
    return np.array([np.stack(batch) for batch in batches.take(count)])


def he_patches(pairs, data, count):
    """H&E patches of a stream, uint8 `(count, height, width, 3)`."""
    batches = training_batches(pairs, data, batch_size=count, seed=0)
    he, _ = next(iter(batches))
    return np.asarray(to_uint8(he))


def write_numbered(folder, count):
    """Pairs whose pixels all say which pair it is."""
    for number in range(count):
        write_image(folder / f"{number}.png", np.full((9, 9, 3), number, np.uint8))
    files = [folder / f"{number}.png" for number in range(count)]
    return [Pair(file, file, "train") for file in files]


def visits(batches, epochs, steps):
    """Numbers of the pairs, by epoch, as `write_numbered` wrote them."""
    he = np.asarray(to_uint8(take(batches, epochs * steps)))[:, 0, :, 0, 0, 0]
    return he.reshape(epochs, -1).tolist()


def write_coordinates(folder, height, width):
    """A pair whose pixels say where they are: red the row, green the column."""
    rows, columns = np.mgrid[:height, :width]
    image = np.dstack([rows, columns, 0 * rows]).astype("uint8")
    write_image(folder / "coordinates.png", image)
    return Pair(folder / "coordinates.png", folder / "coordinates.png", "train")


# The stream follows from seed and step


@pytest.mark.parametrize("fit", ["crop", "resize"])
def test_equal_seeds_give_equal_streams(tmp_path, fit):
    pairs, data = write_pairs(tmp_path, 5), EVERYTHING.model_copy(update={"fit": fit})
    first, second = (
        take(training_batches(pairs, data, batch_size=2, seed=7), 3) for _ in range(2)
    )
    np.testing.assert_array_equal(first, second)


def test_other_seed_gives_another_order(tmp_path):
    pairs = write_numbered(tmp_path, 12)
    first, other = (
        visits(training_batches(pairs, PLAIN, batch_size=3, seed=seed), 1, steps=4)
        for seed in (7, 8)
    )
    assert first != other


@pytest.mark.parametrize("fit", ["crop", "resize"])
def test_other_seed_augments_a_pair_otherwise(tmp_path, fit):
    pairs, data = write_pairs(tmp_path, 1), EVERYTHING.model_copy(update={"fit": fit})
    first, other = (
        take(training_batches(pairs, data, batch_size=1, seed=seed), 3)
        for seed in (7, 8)
    )
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("fit", ["crop", "resize"])
@pytest.mark.parametrize("step", [1, 2, 5])
def test_stream_from_a_step_is_the_stream_that_has_been_running(tmp_path, fit, step):
    pairs, data = write_pairs(tmp_path, 5), EVERYTHING.model_copy(update={"fit": fit})
    running = take(training_batches(pairs, data, batch_size=2, seed=3), step + 3)
    begun = training_batches(pairs, data, batch_size=2, seed=3, first_step=step)
    np.testing.assert_array_equal(take(begun, 3), running[step:])


def test_one_pair_is_cut_and_turned_differently_each_epoch(tmp_path):
    pairs = write_pairs(tmp_path, 1)
    data = EVERYTHING.model_copy(update={"photometric": 0})
    patches = take(training_batches(pairs, data, batch_size=1, seed=0), 10)
    assert len(np.unique(patches, axis=0)) == 10


@pytest.mark.parametrize("seed", [0, 2**32 - 1])
def test_stream_takes_any_seed_that_keras_takes(tmp_path, seed):
    pairs = write_pairs(tmp_path, 2)
    he, _ = next(iter(training_batches(pairs, PLAIN, batch_size=2, seed=seed)))
    assert he.shape == (2, 8, 8, 3)


# Epochs


def test_each_epoch_visits_each_pair_once_in_an_order_of_its_own(tmp_path):
    batches = training_batches(
        write_numbered(tmp_path, 12), PLAIN, batch_size=3, seed=0
    )
    epochs = visits(batches, 5, steps=4)
    assert [sorted(epoch) for epoch in epochs] == [list(range(12))] * 5
    assert len({tuple(epoch) for epoch in epochs}) == 5


@pytest.mark.parametrize("other", [{"seed": 256}, {"first_step": 4 * 256}])
def test_order_does_not_come_back_after_256_seeds_or_epochs(tmp_path, other):
    pairs = write_numbered(tmp_path, 12)
    first, later = (
        visits(training_batches(pairs, PLAIN, batch_size=3, **arguments), 1, steps=4)
        for arguments in ({"seed": 0}, {"seed": 0, **other})
    )
    assert first != later


def test_what_is_left_over_is_another_pair_each_epoch(tmp_path):
    batches = training_batches(write_numbered(tmp_path, 5), PLAIN, batch_size=2, seed=0)
    epochs = visits(batches, 10, steps=2)
    left_over = [set(range(5)) - set(epoch) for epoch in epochs]
    assert [len(pairs) for pairs in left_over] == [1] * 10
    assert len(set.union(*left_over)) > 2


@pytest.mark.parametrize(("pairs", "batch", "steps"), [(6, 2, 3), (7, 2, 3), (2, 2, 1)])
def test_steps_of_an_epoch_are_its_full_batches(pairs, batch, steps):
    assert pipeline.steps_per_epoch([None] * pairs, batch) == steps


def test_too_few_pairs_for_a_batch_are_refused(tmp_path):
    pairs = write_pairs(tmp_path, 3)
    message = refusal(training_batches, pairs, PLAIN, batch_size=4, seed=0)
    assert message == (
        "A batch of 4 needs at least 4 training pairs. Received: 3. "
        "Use a smaller batch size."
    )


# Pixels


def test_whole_image_as_a_patch_is_its_pixels_in_the_range_of_networks(tmp_path):
    [pair] = write_pairs(tmp_path, 1, size=(8, 8))
    he, ihc = take(training_batches([pair], PLAIN, batch_size=1, seed=0), 1)[0]
    np.testing.assert_array_equal(he[0], to_float(read_image(pair.he)))
    np.testing.assert_array_equal(ihc[0], to_float(read_image(pair.ihc)))


def test_batches_are_float32_of_known_size(tmp_path):
    pairs = write_pairs(tmp_path, 2)
    training = training_batches(pairs, EVERYTHING, batch_size=2, seed=0)
    validation = validation_batches(pairs, EVERYTHING, batch_size=2)
    assert training.element_spec == (tf.TensorSpec((2, 8, 8, 3)),) * 2
    assert validation.element_spec == (tf.TensorSpec((None, 8, 8, 3)),) * 2


def test_side_by_side_image_is_a_pair(tmp_path):
    write_image(tmp_path / "both.png", noise_image(8, 16))
    both = tmp_path / "both.png"
    pair = Pair(both, both, "train", side_by_side=True)
    he, ihc = next(iter(validation_batches([pair], PLAIN, batch_size=1)))
    halves = np.asarray(to_uint8(tf.concat([he[0], ihc[0]], axis=1)))
    np.testing.assert_array_equal(halves, noise_image(8, 16))


@pytest.mark.parametrize(
    ("name", "kind"),
    [("a.png", "PNG"), ("a.jpg", "JPEG"), ("a_1+.png", "JPEG"), ("a.tif", "TIFF")],
)
def test_each_kind_of_file_gives_the_pixels_of_read_image(tmp_path, name, kind):
    path = tmp_path / name
    Image.fromarray(noise_image(8, 8)).save(path, format=kind)
    pair = Pair(path, path, "val")
    he, _ = next(iter(validation_batches([pair], PLAIN, batch_size=1)))
    np.testing.assert_array_equal(he[0], to_float(read_image(path)))


def test_file_that_broke_since_it_was_checked_is_named(tmp_path):
    [pair] = write_pairs(tmp_path, 1)
    pair.ihc.write_bytes(b"not an image")
    batches = training_batches([pair], PLAIN, batch_size=1, seed=0)
    with pytest.raises(tf.errors.OpError) as error:
        next(iter(batches))
    assert f"{pair.ihc} is not an image of a known kind." in str(error.value)


# Geometry


@pytest.mark.parametrize("fit", ["crop", "resize"])
def test_he_and_ihc_are_cut_flipped_and_turned_alike(tmp_path, fit):
    pairs = write_pairs(tmp_path, 4, ihc_is_he=True)
    data = EVERYTHING.model_copy(update={"fit": fit, "photometric": 0})
    batches = take(training_batches(pairs, data, batch_size=4, seed=0), 8)
    np.testing.assert_array_equal(batches[:, 0], batches[:, 1])
    assert len(np.unique(batches[:, 0].reshape(32, -1), axis=0)) > 16


def test_patches_are_cut_from_everywhere_and_never_from_outside(tmp_path):
    pair = write_coordinates(tmp_path, 10, 11)
    corners = he_patches([pair] * 300, PLAIN, 300)[:, 0, 0, :2]
    everywhere = {(row, column) for row in range(3) for column in range(4)}
    assert {tuple(corner) for corner in corners.tolist()} == everywhere


def test_unturned_patch_is_a_window_of_the_image(tmp_path):
    pair = write_coordinates(tmp_path, 20, 30)
    for patch in he_patches([pair] * 10, PLAIN, 10):
        row, column, _ = patch[0, 0]
        window = read_image(pair.he)[row : row + 8, column : column + 8]
        np.testing.assert_array_equal(patch, window)


def test_half_of_the_patches_are_mirrored_left_to_right(tmp_path):
    pair = write_coordinates(tmp_path, 8, 8)
    data = PLAIN.model_copy(update={"flip": True})
    upright, patches = read_image(pair.he), he_patches([pair] * 200, data, 200)
    mirrored = [np.array_equal(patch, upright[:, ::-1]) for patch in patches]
    unchanged = [np.array_equal(patch, upright) for patch in patches]
    assert sum(mirrored) + sum(unchanged) == 200
    assert 80 < sum(mirrored) < 120


def test_quarter_turns_are_the_four_turns_equally_often(tmp_path):
    pair = write_coordinates(tmp_path, 8, 8)
    data = PLAIN.model_copy(update={"quarter_turns": True})
    patches = he_patches([pair] * 200, data, 200)
    counts = [
        sum(
            np.array_equal(patch, np.rot90(read_image(pair.he), turn))
            for patch in patches
        )
        for turn in range(4)
    ]
    assert sum(counts) == 200
    assert min(counts) > 30


def test_flips_and_turns_lose_no_pixel(tmp_path):
    pair = write_coordinates(tmp_path, 8, 8)
    data = EVERYTHING.model_copy(update={"photometric": 0})
    patches = he_patches([pair] * 100, data, 100)
    pixels = {tuple(sorted(map(tuple, p.reshape(-1, 3).tolist()))) for p in patches}
    assert len(np.unique(patches, axis=0)) == 8  # the symmetries of a square
    assert len(pixels) == 1


def test_pairs_of_several_sizes_make_a_batch(tmp_path):
    small, large = tmp_path / "small", tmp_path / "large"
    small.mkdir(), large.mkdir()
    pairs = write_pairs(small, 1, size=(8, 9)) + write_pairs(large, 1, size=(33, 17))
    he, _ = next(iter(training_batches(pairs, EVERYTHING, batch_size=2, seed=0)))
    assert he.shape == (2, 8, 8, 3)


# Colour


def test_photometric_changes_touch_the_he_alone(tmp_path):
    pairs = write_pairs(tmp_path, 4)
    plain, changed = (
        take(
            training_batches(
                pairs,
                EVERYTHING.model_copy(update={"photometric": strength}),
                batch_size=4,
                seed=0,
            ),
            2,
        )
        for strength in (0.0, 0.5)
    )
    np.testing.assert_array_equal(plain[:, 1], changed[:, 1])
    assert np.abs(plain[:, 0] - changed[:, 0]).max(axis=(-3, -2, -1)).min() > 0.02
    assert np.abs(changed[:, 0]).max() <= 1


def test_pipeline_without_photometric_changes_never_imports_keras_cv(tmp_path):
    run_python(
        """
        import sys
        from pathlib import Path
        from he2ihc_keras.data import training_batches
        from he2ihc_keras.data.pairs import Pair
        from he2ihc_keras.data.options import Data
        pair = Pair(Path(sys.argv[1]), Path(sys.argv[1]), "train")
        next(iter(training_batches([pair], Data(patch_size=8), batch_size=1, seed=0)))
        assert "keras_cv" not in sys.modules
        """,
        write_pairs(tmp_path, 1)[0].he,
    )


# Resizing


@pytest.mark.parametrize("size", [(24, 24), (24, 36), (5, 7)])
def test_resize_is_pillows_bicubic(size):
    image = noise_image(*size)
    expected = Image.fromarray(image).resize((12, 12), Image.Resampling.BICUBIC)
    resized = pipeline.resize(image, 12)
    np.testing.assert_array_equal(resized, expected)
    assert resized.dtype == np.uint8


def test_image_of_the_right_size_is_not_resampled():
    image = noise_image(12, 12)
    np.testing.assert_array_equal(pipeline.resize(image, 12), image)


def test_resize_averages_what_is_too_fine_to_be_seen():
    checks = np.indices((64, 64)).sum(0) % 2 * 255
    image = np.dstack([checks] * 3).astype("uint8")
    middle = pipeline.resize(image, 16)[2:-2, 2:-2]
    assert np.abs(middle.astype(int) - 127).max() <= 1


def test_pairs_that_are_resized_are_seen_whole(tmp_path):
    [pair] = write_pairs(tmp_path, 1)
    data = PLAIN.model_copy(update={"fit": "resize"})
    for batches in (
        training_batches([pair], data, batch_size=1, seed=0),
        validation_batches([pair], data, batch_size=1),
    ):
        for patch, path in zip(next(iter(batches)), (pair.he, pair.ihc), strict=True):
            expected = to_float(pipeline.resize(read_image(path), 8))
            np.testing.assert_array_equal(patch[0], expected)


# Validation


def test_validation_is_every_pair_once_in_order(tmp_path):
    pairs = write_numbered(tmp_path, 5)
    batches = [he for he, _ in validation_batches(pairs, EVERYTHING, batch_size=2)]
    numbers = np.asarray(to_uint8(tf.concat(batches, 0)))[:, 0, 0, 0]
    assert numbers.tolist() == [0, 1, 2, 3, 4]
    assert [len(batch) for batch in batches] == [2, 2, 1]


@pytest.mark.parametrize(("size", "corner"), [((12, 16), (2, 4)), ((9, 11), (0, 1))])
def test_validation_patch_is_the_middle_unaugmented(tmp_path, size, corner):
    pair = write_coordinates(tmp_path, *size)
    he, ihc = next(iter(validation_batches([pair], EVERYTHING, batch_size=1)))
    row, column = corner
    middle = read_image(pair.he)[row : row + 8, column : column + 8]
    np.testing.assert_array_equal(to_uint8(he[0]), middle)
    np.testing.assert_array_equal(to_uint8(ihc[0]), middle)


# Alone and in a graph

DRAWS = tf.constant(np.linspace(0.1, 0.9, pipeline._DRAWS), tf.float32)


@pytest.mark.parametrize(
    "op",
    [
        partial(pipeline._crop, draws=DRAWS, size=5),
        partial(pipeline._centre, size=5),
        partial(pipeline._turn, draws=DRAWS, data=EVERYTHING),
        partial(pipeline._recolour, draws=DRAWS, strength=0.5),
        partial(pipeline._recolour, draws=DRAWS, strength=0.0),
        pipeline._to_network_range,
    ],
)
def test_op_computes_alone_what_it_computes_in_a_data_set(op):
    pair = np.concatenate([noise_image(8, 8, 0), noise_image(8, 8, 1)], -1)
    [mapped] = tf.data.Dataset.from_tensors(pair).map(op)
    np.testing.assert_array_equal(op(tf.constant(pair)), mapped)
