"""Graphs of TensorFlow whose image size is open, as exported models have them."""

import numpy as np
import tensorflow as tf

from he2ihc_keras.inference import Modes, Stainer, with_modes
from helpers import lively_generator, noise_image

SIZES = [(1, 1), (1, 9), (2, 3), (7, 5), (8, 8), (33, 20), (50, 31)]


def graph_of(stainer):
    unknown = tf.TensorSpec((None, None, None, 3), tf.uint8)
    return tf.function(lambda he: stainer(he), input_signature=[unknown])


def test_graph_of_unknown_size_stains_as_a_call_does():
    stainer = Stainer(lively_generator())
    graph = graph_of(stainer)
    for size in SIZES:
        he = noise_image(*size)[None]
        np.testing.assert_array_equal(graph(he), stainer(he))


def test_graph_of_unknown_size_has_the_modes_of_its_stainer():
    modes = Modes("image", dropout=True)
    stainer = Stainer(with_modes(lively_generator("pyramid_pix2pix"), modes))
    he = noise_image(13, 18)[None]
    off = np.asarray(graph_of(stainer)(he)).astype(int) - np.asarray(stainer(he))
    assert np.abs(off).max() <= 1
