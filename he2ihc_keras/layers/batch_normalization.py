"""Batch normalisation with the running statistics that PyTorch keeps."""

import math

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="he2ihc_keras")
class BatchNormalization(keras.layers.BatchNormalization):
    """Keras's layer with PyTorch's defaults, and its running variance.

    Ioffe and Szegedy (2015), https://arxiv.org/abs/1502.03167, algorithm 2, asks for
    the unbiased variance n/(n-1) in the running statistics, and PyTorch keeps it;
    Keras keeps the biased one. The networks that are ported here were trained with
    PyTorch: epsilon 1e-5, momentum 0.9 (PyTorch's 0.1), gamma from N(1, 0.02).

    On TensorFlow and PyTorch the batch goes through the fused kernel, which is several
    times faster than separate moments on a processor. Statistics are float32 under
    every policy.

    Args:
        momentum: Weight of the old running statistics.
        epsilon: Added to the variance.
        gamma_initializer: Of the scale.
        **kwargs: Those of `keras.layers.BatchNormalization`: `scale`, `center`, further
            initializers, regularizers and constraints, `name`, `dtype`, `trainable`.

    Input and output:
        Features `(batch, height, width, channels)`, any range.

    Raises:
        ValueError: If the axis is not the last of four, or for `synchronized`, `renorm`
            or a mask.
    """

    def __init__(self, *, momentum=0.9, epsilon=1e-5, gamma_initializer=None, **kwargs):
        for option in ("synchronized", "renorm"):
            if kwargs.get(option):
                raise ValueError(
                    f"`{option}=True` is not supported: the published networks were "
                    "trained without it. Use keras.layers.BatchNormalization."
                )
        super().__init__(
            momentum=momentum,
            epsilon=epsilon,
            gamma_initializer=gamma_initializer or _normal_around_one(),
            **kwargs,
        )

    def build(self, input_shape):
        if len(input_shape) != 4 or self.axis not in (-1, 3):
            raise ValueError(
                "Expected features (batch, height, width, channels), normalised over "
                f"`axis=-1`. Received: shape {tuple(input_shape)}, axis={self.axis}. "
                "Use keras.layers.BatchNormalization."
            )
        super().build(input_shape)

    def call(self, inputs, training=None, mask=None):
        if mask is not None:
            raise ValueError(
                "This layer takes no mask: every position of a patch counts. Use "
                "keras.layers.BatchNormalization."
            )
        if not training or not self.trainable:
            return super().call(inputs, training=False)
        outputs, mean, variance = normalize(inputs, *self._affine(), self.epsilon)
        self._update(self.moving_mean, mean)
        self._update(self.moving_variance, variance)
        return outputs

    def _affine(self):
        """Scale and offset; 1 and 0 where the layer has none."""
        channels = self.moving_mean.shape
        gamma = self.gamma if self.scale else ops.ones(channels)
        beta = self.beta if self.center else ops.zeros(channels)
        return ops.cast(gamma, "float32"), ops.cast(beta, "float32")

    def _update(self, statistic, value):
        value = ops.cast(value, statistic.dtype)
        statistic.assign(statistic * self.momentum + value * (1.0 - self.momentum))


def normalize(features, gamma, beta, epsilon):
    """Normalised features, their mean, and their unbiased variance per channel."""
    by = {"tensorflow": _tensorflow_kernel, "torch": _torch_kernel}
    return by.get(keras.backend.backend(), _formula)(features, gamma, beta, epsilon)


def _formula(features, gamma, beta, epsilon):
    x = ops.cast(features, "float32")
    mean, variance = ops.moments(x, axes=(0, 1, 2))
    outputs = ops.batch_normalization(
        x, mean, variance, axis=-1, offset=beta, scale=gamma, epsilon=epsilon
    )
    count = math.prod(x.shape[:3])
    unbiased = variance * (count / max(count - 1, 1))
    return ops.cast(outputs, features.dtype), mean, unbiased


def _tensorflow_kernel(features, gamma, beta, epsilon):
    import tensorflow as tf

    # The raw op: the Python wrapper raises every epsilon below 1.001e-5 to that.
    outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
        x=features,
        scale=gamma,
        offset=beta,
        mean=tf.zeros([0]),
        variance=tf.zeros([0]),
        epsilon=epsilon,
        is_training=True,
    )
    return outputs, mean, variance


def _torch_kernel(features, gamma, beta, epsilon):
    import torch

    # Running statistics of momentum 1 are those of the batch.
    mean, variance = torch.zeros_like(beta), torch.zeros_like(beta)
    channels_first = features.permute(0, 3, 1, 2)
    outputs = torch.batch_norm(
        channels_first, gamma, beta, mean, variance, True, 1.0, epsilon, True
    )
    if math.prod(features.shape[:3]) == 1:  # 0/0 here, 0 on other backends
        variance = torch.zeros_like(variance)
    return outputs.permute(0, 2, 3, 1), mean, variance


def _normal_around_one():
    return keras.initializers.RandomNormal(mean=1.0, stddev=0.02)
