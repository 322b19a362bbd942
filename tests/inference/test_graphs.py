"""Graphs of TensorFlow; where the image size is open, as exported models have them."""

import numpy as np
import tensorflow as tf

from he2ihc_keras.inference import Modes, Stainer, with_modes
from helpers import lively_bridge, lively_generator, noise_image

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


def test_samples_are_drawn_one_after_the_other():
    """At once, kernels that the optimiser fused gave wrong images, or crashed."""
    stain = tf.function(lively_bridge(steps=2, samples=3), autograph=False)
    made = stain.get_concrete_function(tf.TensorSpec((1, 16, 16, 3), tf.float32))
    graph = made.graph.as_graph_def()
    nodes = [*graph.node, *(n for f in graph.library.function for n in f.node_def)]
    at_once = {n.attr["parallel_iterations"].i for n in nodes if "While" in n.op}
    assert at_once == {1}
