import keras
import numpy as np
import pytest
from keras import ops

from he2ihc_keras.layers import ImagePool
from helpers import CYCLEGAN, to_numpy

pytestmark = pytest.mark.backends


def one_pixel(values):
    return np.reshape(np.float32(values), (-1, 1, 1, 1))


def built(size):
    pool = ImagePool(size)
    pool.build((None, 1, 1, 1))
    return pool


def values(images):
    return to_numpy(images).ravel().tolist()


@pytest.mark.parametrize("batch", [1, 3, 24])
def test_sequence_is_the_authors(batch):
    reference = {k: CYCLEGAN[f"pool/{k}"] for k in ("in", "uniform", "slot", "out")}
    uniform = np.nan_to_num(reference["uniform"]).astype("float32")
    slots = np.maximum(reference["slot"], 0).astype("int32")
    pool, given = built(int(CYCLEGAN["pool/size"])), []
    for start in range(0, 24, batch):
        part = slice(start, start + batch)
        images = ops.convert_to_tensor(one_pixel(reference["in"][part]))
        drawn = (ops.convert_to_tensor(x[part]) for x in (uniform, slots))
        given += values(pool.exchange(images, *drawn))
    np.testing.assert_array_equal(given, np.float32(reference["out"]))


def test_half_of_the_images_of_a_full_pool_are_older_ones_from_every_slot():
    pool, numbers = built(5), np.arange(200)
    given = [values(pool(one_pixel([n]), training=True))[0] for n in numbers]
    assert given[:5] == numbers[:5].tolist()
    is_older = np.array(given)[5:] < numbers[5:]
    assert 0.4 < is_older.mean() < 0.6
    assert len({*given[5:]}) == len(given[5:])  # after the filling, each goes out once
    assert len({*numbers[:-50]} - {*given}) < 5  # and none is forgotten


def test_a_pool_of_another_seed_draws_otherwise():
    given = []
    for seed in (0, 0, 1):
        keras.utils.set_random_seed(seed)
        pool = built(2)
        given.append([values(pool(one_pixel([n]), training=True)) for n in range(30)])
    assert given[0] == given[1] != given[2]


def test_nothing_is_kept_without_training_or_size():
    pool, images = built(2), one_pixel([1, 2])
    assert values(pool(images)) == values(built(0)(images, training=True)) == [1, 2]
    assert to_numpy(pool.count) == 0
