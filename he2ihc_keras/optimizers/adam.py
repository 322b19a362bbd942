"""Adam with epsilon where PyTorch has it."""

import math

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="he2ihc_keras")
class Adam(keras.optimizers.Adam):
    """Algorithm 1 of Kingma and Ba (2015), https://arxiv.org/abs/1412.6980.

    The paper and PyTorch add epsilon to the bias-corrected root of the second moment;
    Keras adds it before the correction ("epsilon hat"), which in the first steps makes
    it up to 30 times larger. Where gradients are small, as in a generator with weights
    from N(0, 0.02), that shows in three steps of the authors' code.

    Args:
        learning_rate: A number or a schedule.
        beta_1: Decay of the first moment; 0.5 in pix2pix.
        beta_2: Decay of the second moment.
        epsilon: Added to the root of the second moment; PyTorch's default.
        **kwargs: Those of `keras.optimizers.Adam`. `amsgrad` is PyTorch's too: it
            keeps the largest second moment before the correction.
    """

    def __init__(
        self, learning_rate=2e-4, beta_1=0.5, beta_2=0.999, epsilon=1e-8, **kwargs
    ):
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **kwargs)

    def update_step(self, gradient, variable, learning_rate):
        gradient = ops.cast(gradient, variable.dtype)
        step = ops.cast(self.iterations + 1, variable.dtype)
        correction = _bias_correction(self.beta_2, step)
        # The rate, and the first moment's correction
        rate = ops.cast(learning_rate, variable.dtype)
        rate = rate / _bias_correction(self.beta_1, step)
        if keras.backend.backend() == "torch":
            self._update_in_place(gradient, variable, rate, correction)
            return

        index = self._get_variable_index(variable)
        m, v = self._momentums[index], self._velocities[index]
        self.assign_add(m, (gradient - m) * (1 - self.beta_1))
        self.assign_add(v, (ops.square(gradient) - v) * (1 - self.beta_2))
        if self.amsgrad:
            largest = self._velocity_hats[index]
            self.assign(largest, ops.maximum(largest, v))
            v = largest
        root = ops.sqrt(v / correction)
        self.assign_sub(variable, rate * m / (root + self.epsilon))

    def _update_in_place(self, gradient, variable, rate, correction):
        """The same on PyTorch, where each assignment would make a copy."""
        index = self._get_variable_index(variable)
        m, v = self._momentums[index].value, self._velocities[index].value
        m.lerp_(gradient, 1 - self.beta_1)
        v.mul_(self.beta_2).addcmul_(gradient, gradient, value=1 - self.beta_2)
        if self.amsgrad:
            largest = self._velocity_hats[index].value
            v = largest.copy_(largest.maximum(v))
        root = (v / correction).sqrt_()
        variable.value.detach().sub_((m * rate).div_(root.add_(self.epsilon)))


def _bias_correction(beta, step):
    """1 - beta**step; in float32 that alone is off by 6e-6 for 0.999."""
    if beta == 0:
        return 1.0
    return -ops.expm1(step * math.log(beta))
