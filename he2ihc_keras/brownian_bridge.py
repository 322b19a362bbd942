"""The Brownian bridge from an H&E patch to its IHC, as pure functions.

One process is behind two published methods: at step n the image is

    x_n = (1 - m_n) ihc + m_n he + d_n z,    z standard normal,

the IHC at the first step, the H&E at the last, with noise in between. They differ in
the schedule and in what the network is asked to say of the noised image:

* I2SB, Liu et al. (2023), https://arxiv.org/abs/2302.05872
* BBDM, Li et al. (2023), https://arxiv.org/abs/2205.07680

Written from their equations. Both samplers come to the same posterior, `moved`. Images
are `(batch, height, width, 3)` in [-1, 1] but for the noise.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Literal, NamedTuple

import numpy as np
from keras import ops

ScheduleName = Literal["i2sb", "bbdm", "bbdm_sin"]
Label = Literal["ihc", "scaled", "difference"]


class Schedule(NamedTuple):
    """What a bridge is at each of its steps, arrays of float64.

    Attributes:
        share: Of the H&E in the noised image (m), rising from about 0 to about 1.
        deviation: Of the noise in it (d).
        variance: Of the noise between the IHC and the step, were there no H&E; rising.
    """

    share: np.ndarray
    deviation: np.ndarray
    variance: np.ndarray


# Schedules


def schedule(name: ScheduleName, timesteps: int, noise: float) -> Schedule:
    """A published schedule.

    Args:
        name: "i2sb"; "bbdm", whose share of the H&E rises linearly; or "bbdm_sin", the
            other one of its authors, whose share rises exponentially.
        timesteps: Number of steps, even for "i2sb".
        noise: Their measure of it: 1000 times the largest variance of a step of 1000
            ("beta_max") for "i2sb", which publishes 0.3 and 1; twice the variance
            half-way for the others, which publish 1.

    Raises:
        ValueError: If "i2sb" gets an odd number of steps.
    """
    if name == "i2sb":
        return _i2sb(timesteps, noise)
    n = np.arange(timesteps) / max(timesteps - 1, 1)
    if name == "bbdm":
        share = 0.001 + 0.998 * n
    else:
        share = 1.0075 ** (timesteps * (n - 1))
        share[-1] = 0.999
    total = 2 * noise
    return Schedule(share, np.sqrt(total * share * (1 - share)), total * share)


def _i2sb(timesteps, noise):
    if timesteps % 2:
        raise ValueError(
            "`timesteps` must be even for the schedule 'i2sb', which rises and falls "
            f"alike. Received: {timesteps}."
        )
    low, high = np.sqrt(1e-4), np.sqrt(noise / timesteps)
    rising = (low + (high - low) * np.arange(timesteps // 2) / (timesteps - 1)) ** 2
    betas = np.concatenate([rising, rising[::-1]])
    forward, backward = np.cumsum(betas), np.cumsum(betas[::-1])[::-1]
    total = forward + backward
    return Schedule(forward / total, np.sqrt(forward * backward / total), forward)


# Training


def noised(bridge: Schedule, n, ihc, he, noise=None):
    """The image at steps of the bridge.

    Args:
        bridge: Its schedule.
        n: Step of each image, integers `(batch,)`.
        ihc: The image at the first step.
        he: The image at the last step.
        noise: Standard normal, of the same shape; `None` leaves it out.
    """
    share = _at(bridge.share, n)
    x = (1.0 - share) * ihc + share * he
    return x if noise is None else x + _at(bridge.deviation, n) * noise


def label(kind: Label, bridge: Schedule, n, x, ihc):
    """What the network is to say of a noised image.

    Args:
        kind: "ihc", the IHC itself, as InDI and ResShift ask; "scaled", what was added
            to it over the deviation of the noise, as I2SB; "difference", what was added
            to it, as BBDM.
        bridge: The schedule.
        n: Step of each image, integers `(batch,)`.
        x: The noised images.
        ihc: The real IHC.
    """
    if kind == "ihc":
        return ihc
    return (x - ihc) / _at(np.sqrt(bridge.variance), n) if kind == "scaled" else x - ihc


# Sampling


def predicted_ihc(kind: Label, bridge: Schedule, n, x, answer):
    """The IHC by what the network said of a noised image; the inverse of `label`.

    Args:
        kind: What it was asked for.
        bridge: The schedule.
        n: Step of each image `(batch,)`, or one for all.
        x: The noised images.
        answer: What the network says of them.

    Returns:
        IHC in [-1, 1], clipped.
    """
    if kind == "scaled":
        answer = _at(np.sqrt(bridge.variance), n) * answer
    return ops.clip(answer if kind == "ihc" else x - answer, -1.0, 1.0)


def visited(timesteps: int, evaluations: int) -> list[int]:
    """Steps that a sampler visits, evenly spread from the last one to the first.

    The network is evaluated at all of them but the first of the bridge, step 0.
    """
    last = timesteps - 1
    return [round(j * last / evaluations) for j in range(evaluations, -1, -1)]


def moved(bridge: Schedule, n: int, to: int, x, ihc, noise=None):
    """A noised image one move nearer to its IHC: the bridge's own posterior.

    It keeps r = variance of `to` / variance of `n` of the way to the predicted IHC, and
    gets noise of the variance of `to` times (1 - r).

    Args:
        bridge: The schedule.
        n: The step where it is.
        to: The earlier step where it goes.
        x: The noised image.
        ihc: Its predicted IHC.
        noise: Standard normal; `None` leaves it out.
    """
    ratio = float(bridge.variance[to] / bridge.variance[n])
    x = ihc + ratio * (x - ihc)
    if noise is None:
        return x
    return x + float(np.sqrt(bridge.variance[to] * (1 - ratio))) * noise


def trajectory(
    predict: Callable,
    bridge: Schedule,
    he,
    steps: Sequence[int],
    noise: Callable = lambda to: None,
) -> Iterator:
    """The way of an H&E patch to its IHC.

    Args:
        predict: From a noised image and the number of its step to the IHC.
        bridge: The schedule.
        he: H&E.
        steps: Those visited, falling; see `visited`.
        noise: From the step of a move's end to the noise of it, or `None`.

    Yields:
        The image after each move; the last is the stained one.
    """
    x = he
    for n, to in zip(steps, steps[1:], strict=False):
        x = moved(bridge, n, to, x, predict(x, n), noise(to))
        yield x


def _at(values, n):
    """Values of a schedule: a number for a step, else an array over the batch."""
    if isinstance(n, int):
        return float(values[n])
    values = ops.convert_to_tensor(values.astype("float32"))
    return ops.reshape(ops.take(values, n), (-1, 1, 1, 1))
