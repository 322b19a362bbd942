import keras
import numpy as np
import pytest
from keras import ops

from he2ihc_keras.layers import ChannelNormalization
from helpers import gradients, to_numpy

pytestmark = pytest.mark.backends
X = np.random.default_rng(0).normal(3, 2, (2, 4, 5, 6)).astype("float32")


def both():
    """Ours and Keras's, with the same weights."""
    norms = ChannelNormalization(), keras.layers.LayerNormalization(epsilon=1e-6)
    for norm in norms:
        norm.build(X.shape)
        norm.set_weights([np.arange(6.0), np.arange(6.0) - 3])
    return norms


def test_it_is_the_layer_norm_of_keras():
    ours, theirs = both()
    np.testing.assert_allclose(to_numpy(ours(X)), to_numpy(theirs(X)), atol=1e-5)
    slope = np.cos(X)
    of_ours, of_theirs = (
        gradients(
            lambda x, n=n: ops.sum(ops.multiply(n(x), slope)), X, variables=n.weights
        )
        for n in (ours, theirs)
    )
    for a, b in zip(of_ours, of_theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)


def test_a_pixel_is_normalised_by_itself():
    norm, _ = both()
    alone = to_numpy(norm(X[:, 1:2, 2:3]))
    whole = to_numpy(norm(X))
    np.testing.assert_allclose(alone, whole[:, 1:2, 2:3], atol=1e-6)


def test_half_precision_is_normalised_in_float32():
    x = (X + 1000).astype("float16")
    norm = ChannelNormalization(dtype="mixed_float16")
    exact = ChannelNormalization()(x.astype("float32"))
    np.testing.assert_allclose(to_numpy(norm(x)), to_numpy(exact), atol=2e-3)
