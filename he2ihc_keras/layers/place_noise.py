"""Noise that a place decides: the same for every image that holds it."""

import math

from keras import ops

_GOLDEN = -1640531527  # 2**32 over the golden ratio, as a signed integer


def place_noise(height, width, channels: int, *key):
    """Standard normal noise, decided by each pixel's place and a key alone.

    An image is given the same noise alone, beside others, cut or padded below and to
    the right, and on every backend, up to rounding.

    Args:
        height: Rows; may be unknown when the graph is made, as `width`.
        width: Columns.
        channels: Of the noise.
        *key: Integers, such as a seed and the number of a draw; numbers or tensors.

    Returns:
        Noise `(1, height, width, channels)`, float32.
    """
    state = ops.zeros((1, 1, 1, 1), "int32")
    places = (ops.arange(height), ops.arange(width), ops.arange(2 * channels))
    shapes = ((1, -1, 1, 1), (1, 1, -1, 1), (1, 1, 1, -1))
    for number in key:
        state = _mixed(state, _signed(number))
    for place, shape in zip(places, shapes, strict=True):
        state = _mixed(state, ops.reshape(ops.cast(place, "int32"), shape))
    # In (0, 1), of 24 bits, which float32 holds
    uniform = (ops.cast(_shifted(state, 8), "float32") + 0.5) / 2**24
    # Box and Muller (1958)
    radius, turn = ops.split(uniform, 2, axis=-1)
    return ops.sqrt(-2.0 * ops.log(radius)) * ops.cos(2 * math.pi * turn)


def _mixed(state, number):
    """32 bits in which each of both flips about half.

    The integer hash "lowbias32" of Chris Wellons, public domain,
    https://nullprogram.com/blog/2018/07/31. Products of int32 wrap around.
    """
    x = (state + number + 1) * _GOLDEN
    x = ops.bitwise_xor(x, _shifted(x, 16)) * 0x7FEB352D
    x = ops.bitwise_xor(x, _shifted(x, 15)) * (0x846CA68B - 2**32)
    return ops.bitwise_xor(x, _shifted(x, 16))


def _shifted(x, bits):
    """To the right, filled up by zeros: of signed integers, which all backends have."""
    return ops.bitwise_and(ops.right_shift(x, bits), 2 ** (32 - bits) - 1)


def _signed(number):
    is_plain = isinstance(number, int)
    return (number + 2**31) % 2**32 - 2**31 if is_plain else ops.cast(number, "int32")
