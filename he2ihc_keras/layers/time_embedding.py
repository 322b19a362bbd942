"""A time as the waves that a network can tell it by."""

import math

import keras
import numpy as np
from keras import ops

_LONGEST = 1e4


@keras.saving.register_keras_serializable(package="he2ihc_keras")
class TimeEmbedding(keras.layers.Layer):
    """Cosines and sines of a time, of wave lengths from 2 pi to nearly 1e4 times that.

    The positions of Vaswani et al. (2017), https://arxiv.org/abs/1706.03762, as
    diffusion models use them: Ho et al. (2020), https://arxiv.org/abs/2006.11239.
    In float32 whatever the dtype policy: bfloat16 does not tell 998 from 999.

    Args:
        frequencies: Number of wave lengths, each by a cosine and a sine.

    Input and output:
        Times `(batch,)`, in [0, 1000), to `(batch, 2 * frequencies)` in [-1, 1].
    """

    def __init__(self, frequencies: int = 64, **kwargs):
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.frequencies = frequencies

    def call(self, time):
        share = np.arange(self.frequencies) / self.frequencies
        rates = np.exp(-math.log(_LONGEST) * share).astype("float32")
        phase = ops.expand_dims(time, -1) * ops.convert_to_tensor(rates)
        return ops.concatenate([ops.cos(phase), ops.sin(phase)], axis=-1)

    def compute_output_shape(self, input_shape):
        return (*input_shape, 2 * self.frequencies)

    def get_config(self):
        return {**super().get_config(), "frequencies": self.frequencies}
