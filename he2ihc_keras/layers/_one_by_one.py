"""A loop whose turns never run at the same time."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops


def one_by_one(count, turn: Callable[[Any, tuple], tuple], state: tuple) -> tuple:
    """The state after `turn(0, state)`, `turn(1, state)` and so on, `count` of them.

    `ops.fori_loop` on TensorFlow begins up to ten turns at once where the first half of
    one does not need the state. That takes the memory of ten, and is not safe: the
    kernels that its optimiser fuses keep state of their own, and gave wrong images or
    crashed (TensorFlow 2.21; none without the fusing).

    Args:
        count: Number of turns, a number or a tensor.
        turn: From the number of the turn and a tuple of tensors to the next tuple.
        state: The first tuple.
    """
    if keras.backend.backend() != "tensorflow":
        return ops.fori_loop(0, count, turn, state)
    import tensorflow as tf

    _, *state = tf.while_loop(
        lambda number, *_: number < count,
        lambda number, *state: (number + 1, *turn(number, state)),
        (0, *state),
        parallel_iterations=1,
    )
    return tuple(state)
