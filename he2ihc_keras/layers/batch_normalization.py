"""Batch normalisation with the running statistics that PyTorch keeps."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="he2ihc_keras")
class BatchNormalization(keras.layers.BatchNormalization):
    """Keras's layer with PyTorch's defaults, and its running variance.

    Ioffe and Szegedy (2015), https://arxiv.org/abs/1502.03167, algorithm 2, asks for
    the unbiased variance n/(n-1) in the running statistics, and PyTorch keeps it;
    Keras keeps the biased one. The networks that are ported here were trained with
    PyTorch: epsilon 1e-5, momentum 0.9 (PyTorch's 0.1), gamma from N(1, 0.02).

    On TensorFlow the batch goes through the fused kernel, which is faster than separate
    moments on a processor. Statistics are float32 under every policy.

    Args:
        momentum: Weight of the old running statistics.
        epsilon: Added to the variance.
        gamma_initializer: Of the scale.
        **kwargs: Those of `keras.layers.Layer`: `name`, `dtype`, `trainable`.

    Input and output:
        Features `(batch, height, width, channels)`, any range.
    """

    def __init__(self, *, momentum=0.9, epsilon=1e-5, gamma_initializer=None, **kwargs):
        super().__init__(
            momentum=momentum,
            epsilon=epsilon,
            gamma_initializer=gamma_initializer or _normal_around_one(),
            **kwargs,
        )

    def call(self, inputs, training=None, mask=None):
        if not training or not self.trainable:
            return super().call(inputs, training=False, mask=mask)
        outputs, mean, variance = _normalize(
            inputs, self.gamma, self.beta, self.epsilon
        )
        self._update(self.moving_mean, mean)
        self._update(self.moving_variance, variance)
        return outputs

    def _update(self, statistic, value):
        value = ops.cast(value, statistic.dtype)
        statistic.assign(statistic * self.momentum + value * (1.0 - self.momentum))


def _normalize(features, gamma, beta, epsilon):
    """Normalised features, their mean, and their unbiased variance per channel."""
    if keras.backend.backend() == "tensorflow":
        return _normalize_fused(features, gamma, beta, epsilon)
    x = ops.cast(features, "float32")
    mean, variance = ops.moments(x, axes=(0, 1, 2))
    outputs = ops.batch_normalization(
        x, mean, variance, axis=-1, offset=beta, scale=gamma, epsilon=epsilon
    )
    count = ops.cast(ops.prod(ops.shape(x)[:3]), "float32")
    unbiased = variance * count / ops.maximum(count - 1.0, 1.0)
    return ops.cast(outputs, features.dtype), mean, unbiased


def _normalize_fused(features, gamma, beta, epsilon):
    import tensorflow as tf

    # The raw op: the Python wrapper raises every epsilon below 1.001e-5 to that.
    outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
        x=features,
        scale=tf.cast(gamma, tf.float32),
        offset=tf.cast(beta, tf.float32),
        mean=tf.zeros([0]),
        variance=tf.zeros([0]),
        epsilon=epsilon,
        is_training=True,
    )
    return outputs, mean, variance


def _normal_around_one():
    return keras.initializers.RandomNormal(mean=1.0, stddev=0.02)
