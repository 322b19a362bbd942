import dataclasses
import gc
import threading
import time
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops

from he2ihc_keras.data import batches as makers
from he2ihc_keras.data._thread_feeder import ThreadFeeder
from he2ihc_keras.data.batches import (
    original_errors,
    steps_per_epoch,
    training_batches,
    validation_batches,
)
from he2ihc_keras.data.images import write_image
from he2ihc_keras.data.options import Data
from he2ihc_keras.data.pairs import Pair
from he2ihc_keras.data.readers import readers
from he2ihc_keras.data.sample import (
    HeldOutSamples,
    SampleError,
    TrainingSamples,
    UnpairedSamples,
)
from helpers import refusal, write_pairs

pytestmark = pytest.mark.backends

PLAIN = Data(patch_size=8)
DATA = Data(patch_size=8, quarter_turns=True, photometric=0.5)


@pytest.fixture(params=["of this backend", "of threads"])
def feeder(request):
    """Both ways of making batches; on JAX and PyTorch they are one."""
    return ThreadFeeder if request.param == "of threads" else makers.feeder()


def first(count, batches):
    return [
        tuple(map(np.asarray, b)) for _, b in zip(range(count), batches, strict=False)
    ]


def expected(samples, *numbers):
    """Samples by their numbers, as a batch."""
    he, ihc, level = zip(*map(samples, numbers), strict=True)
    return np.stack(he), np.stack(ihc), np.array(level)


def assert_equal(batches, others):
    for batch, other in zip(batches, others, strict=True):
        for array, its_other in zip(batch, other, strict=True):
            np.testing.assert_array_equal(array, its_other)


# Batches are samples, whoever makes them


@pytest.mark.parametrize("photometric", [0.0, 0.5])
def test_batches_are_the_samples_in_their_order(tmp_path, feeder, photometric):
    data = Data(patch_size=8, photometric=photometric)
    samples = TrainingSamples(write_pairs(tmp_path, 5), data, 7, 4)
    batches = [expected(samples, n, n + 1) for n in range(6, 20, 2)]
    assert_equal(first(7, feeder(samples, 2, True, first=6)), batches)


def test_held_out_batches_come_once_and_the_last_is_smaller(tmp_path, feeder):
    samples = HeldOutSamples(write_pairs(tmp_path, 5), DATA)
    held_out = feeder(samples, 2, True, count=5)
    batches = [expected(samples, *n) for n in ((0, 1), (2, 3), (4,))]
    for _ in range(2):  # each epoch goes through them again
        assert_equal(first(9, held_out), batches)


def test_batches_are_uint8_and_have_levels_if_asked_for(tmp_path):
    pairs = write_pairs(tmp_path, 2)
    for levels in (False, True):
        for batches in (
            training_batches(pairs, DATA, batch_size=2, seed=0, levels=levels),
            validation_batches(pairs, DATA, batch_size=2, levels=levels),
        ):
            he, ihc, *level = first(1, batches)[0]
            assert he.shape == ihc.shape == (2, 8, 8, 3)
            assert he.dtype == ihc.dtype == np.uint8
            assert [list(x) for x in level] == [[-1, -1]] * levels


@pytest.mark.parametrize("step", [1, 2, 5])
def test_stream_from_a_step_is_the_stream_that_has_been_running(tmp_path, step):
    pairs = write_pairs(tmp_path, 5)
    running, begun = (
        training_batches(pairs, DATA, batch_size=2, seed=3, first_step=first_step)
        for first_step in (0, step)
    )
    assert_equal(first(3, begun), first(step + 3, running)[step:])


def test_batch_asked_for_again_or_out_of_order_is_the_same(tmp_path):
    samples = TrainingSamples(write_pairs(tmp_path, 5), DATA, 0, 5)
    batches = ThreadFeeder(samples, 2, True)
    for index in (0, 1, 0, 0, 7, 2):
        assert_equal([batches[index]], [expected(samples, 2 * index, 2 * index + 1)])


def test_unpaired_batches_are_their_samples(tmp_path, feeder):
    pairs = write_pairs(tmp_path, 5)
    samples = UnpairedSamples(pairs, DATA, 7, 4)
    batches = [expected(samples, n, n + 1) for n in range(4, 12, 2)]
    assert_equal(first(4, feeder(samples, 2, True, first=4)), batches)
    made = training_batches(
        pairs, DATA, batch_size=2, seed=7, first_step=2, levels=True, unpaired=True
    )
    assert_equal(first(4, made), batches)


def test_held_out_images_that_stand_alone_are_batched_to_the_last(tmp_path):
    pairs = write_pairs(tmp_path, 3)
    alone = [dataclasses.replace(pair, ihc=None) for pair in pairs]
    alone += [dataclasses.replace(pairs[0], he=None)]
    batches = [
        tuple(map(np.asarray, b))
        for b in validation_batches(alone, PLAIN, batch_size=2)
    ]
    assert [len(he) for he, _ in batches] == [2, 1]
    assert_equal(batches, [(he, ihc[[0] * len(ihc)]) for he, ihc in batches])


@pytest.mark.parametrize(("pairs", "batch", "steps"), [(6, 2, 3), (7, 2, 3), (2, 2, 1)])
def test_steps_of_an_epoch_are_its_full_batches(pairs, batch, steps):
    pair = Pair(Path("a.png"), Path("b.png"), "train")
    assert steps_per_epoch([pair] * pairs, batch) == steps


def test_too_few_pairs_for_a_batch_are_refused(tmp_path):
    pairs = write_pairs(tmp_path, 3)
    message = refusal(training_batches, pairs, DATA, batch_size=4, seed=0)
    assert message == (
        "A batch of 4 needs at least 4 training pairs. Received: 3. "
        "Use a smaller batch size."
    )


# In Keras's `fit`


class Record(keras.layers.Layer):
    """Floats of images, times a weight; keeps a pixel of each batch it is called on."""

    def build(self, shape):
        self.scale = self.add_weight(shape=(), initializer="ones")
        self.seen = self.add_weight(shape=(12,), initializer="zeros", trainable=False)

    def call(self, he):
        he = ops.cast(he, "float32")
        self.seen.assign(ops.concatenate([self.seen[1:], he[:1, 0, 0, 0]], 0))
        return self.scale * he


def recorder():
    """A compiled model, and the function that tells which batches it was called on."""
    he, record = keras.Input((8, 8, 3), dtype="uint8"), Record()
    model = keras.Model(he, record(he))
    model.compile("sgd", loss="mae")
    return model, lambda: ops.convert_to_numpy(record.seen).astype(int).tolist()


def write_numbered(folder, count):
    """Pairs whose pixels all say which pair it is."""
    files = [folder / f"{number}.png" for number in range(count)]
    for number, file in enumerate(files):
        write_image(file, np.full((8, 8, 3), 10 + number, np.uint8))
    return [Pair(file, file, "train") for file in files]


def test_fit_and_its_validation_see_each_batch_once_in_order(tmp_path, feeder):
    pairs = write_numbered(tmp_path, 6)
    samples, held_out = (
        TrainingSamples(pairs, PLAIN, 0, 6),
        HeldOutSamples(pairs, PLAIN),
    )
    model, seen = recorder()
    model.fit(
        feeder(samples, 2, False),
        validation_data=feeder(held_out, 3, False, count=6),
        steps_per_epoch=4,
        epochs=2,
        shuffle=False,
        verbose=0,
    )
    firsts = [samples(number)[0][0, 0, 0] for number in range(0, 16, 2)]
    assert seen() == [*firsts[:4], 10, 13, *firsts[4:], 10, 13]


def test_reading_error_comes_out_of_fit_as_itself(tmp_path):
    samples = TrainingSamples(write_numbered(tmp_path, 6), PLAIN, 0, 6)
    batches = makers.feeder()(samples, 2, False)
    damaged = samples.pair(5).he
    damaged.unlink()
    model, seen = recorder()

    def fit():
        with original_errors(batches):
            model.fit(batches, steps_per_epoch=3, shuffle=False, verbose=0)

    assert refusal(fit, error=SampleError) == f"{damaged} does not exist."
    # The steps before it were done
    assert seen()[-2:] == [samples(number)[0][0, 0, 0] for number in (0, 2)]


def test_error_of_another_kind_is_left_alone(tmp_path):
    batches = training_batches(write_pairs(tmp_path, 1), DATA, batch_size=1, seed=0)
    with pytest.raises(FloatingPointError), original_errors(batches):
        raise FloatingPointError


# Threads


@pytest.fixture
def threads():
    """The threads that were started in this test and still run, when it is called."""
    before = set(threading.enumerate())

    def started():
        return [t.name for t in threading.enumerate() if t not in before]

    return started


def end(threads):
    gc.collect()
    deadline = time.monotonic() + 5
    while threads() and time.monotonic() < deadline:
        time.sleep(0.01)
    return not threads()


def stream(folder):
    return ThreadFeeder(TrainingSamples(write_pairs(folder, 4), DATA, 0, 4), 2, False)


def test_threads_end_with_the_feeder(tmp_path, threads):
    batches = stream(tmp_path)
    batches[0]
    assert threads()
    del batches
    assert end(threads)


def test_threads_end_with_the_last_batch(tmp_path, threads):
    samples = HeldOutSamples(write_pairs(tmp_path, 3), DATA)
    held_out = ThreadFeeder(samples, 2, False, count=3)
    assert len(list(held_out)) == 2
    assert end(threads)


def test_threads_end_when_a_reader_fails(tmp_path, threads):
    batches = stream(tmp_path)
    for pair in batches.samples.pairs:
        pair.he.unlink()
    refusal(batches.__getitem__, 0)
    assert end(threads)


class Interrupt(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        raise KeyboardInterrupt


def test_threads_end_when_fit_is_interrupted(tmp_path, threads):
    def interrupted():
        batches = training_batches(write_pairs(tmp_path, 4), DATA, batch_size=2, seed=0)
        with pytest.raises(KeyboardInterrupt):
            recorder()[0].fit(
                batches,
                steps_per_epoch=2,
                callbacks=[Interrupt()],
                shuffle=False,
                verbose=0,
            )

    interrupted()
    assert end(threads)


def test_no_more_is_read_ahead_than_two_batches_or_two_samples_a_thread(tmp_path):
    asked = []
    batches = stream(tmp_path)
    samples, batches.samples = batches.samples, lambda n: asked.append(n) or samples(n)
    batches[3]
    batches.close()
    assert asked[0] == 6
    assert max(asked) < 8 + max(4, 2 * readers())
