"""Three steps on one device and on two halves of each batch: how far they part.

Prints the largest difference of a weight, and how far the weights moved.
"""

import contextlib

import keras
import numpy as np
from keras import ops
from ten_steps import gan, images


def numbers(trainer):
    return [np.array(ops.convert_to_numpy(v.value)) for v in trainer.weights]


@contextlib.contextmanager
def two_devices():
    if keras.backend.backend() == "jax":
        # Before any variable is made.
        distribution = keras.distribution
        distribution.set_distribution(distribution.DataParallel())
        yield
        distribution.set_distribution(None)
    else:
        import tensorflow as tf

        with tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope():
            yield


def make_two_processors():
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        [cpu] = tf.config.list_physical_devices("CPU")
        half = tf.config.LogicalDeviceConfiguration()
        tf.config.set_logical_device_configuration(cpu, [half, half])


def three_steps(trainer):
    he, ihc = images(3).astype("float32").reshape(3, 2, 2, 32, 32, 3).swapaxes(0, 1)
    flat = [x.reshape(6, 32, 32, 3) for x in (he, ihc)]
    trainer.fit(*flat, batch_size=2, shuffle=False, verbose=0)
    return numbers(trainer)


if __name__ == "__main__":
    make_two_processors()
    alone = gan("sgd")
    before = numbers(alone)
    one = three_steps(alone)
    with two_devices():
        two = three_steps(gan("sgd"))
    differences = [np.abs(a - b).max() for a, b in zip(one, two, strict=True)]
    moved = [np.abs(a - b).max() for a, b in zip(one, before, strict=True)]
    print(max(differences), max(moved))
