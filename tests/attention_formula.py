"""Attention by its plain formula and on paper, for tests of each way to compute it."""

import math

import numpy as np

from helpers import relative_error

KEY_DIM, VALUE_DIM = 3, 5


def tokens(count, batch=2, scale=1.0, seed=0):
    """Query, key, value, and the gradient that comes back to the output."""
    rng = np.random.default_rng(seed)
    widths = (KEY_DIM, KEY_DIM, VALUE_DIM, VALUE_DIM)
    query, *others = (rng.normal(size=(batch, count, width)) for width in widths)
    return [x.astype("float32") for x in (scale * query, *others)]


def plain_attention(query, key, value, upstream):
    """softmax(Q K^T / sqrt(d_k)) V and its three gradients, in float64."""
    q, k, v, do = (x.astype("float64") for x in (query, key, value, upstream))
    scores = q @ k.swapaxes(1, 2) / math.sqrt(q.shape[-1])
    p = np.exp(scores - scores.max(-1, keepdims=True))
    p /= p.sum(-1, keepdims=True)
    output = p @ v
    # d softmax: p * (dp - sum(p * dp))
    dp = do @ v.swapaxes(1, 2)
    dscores = p * (dp - (p * dp).sum(-1, keepdims=True)) / math.sqrt(q.shape[-1])
    return output, dscores @ k, dscores.swapaxes(1, 2) @ q, p.swapaxes(1, 2) @ do


def assert_agrees(actual, arrays, tolerance):
    names = ("output", "dq", "dk", "dv")
    for name, a, e in zip(names, actual, plain_attention(*arrays), strict=True):
        assert a.shape == e.shape, name
        assert relative_error(a, e) < tolerance, name
