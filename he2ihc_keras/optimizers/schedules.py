"""Learning-rate schedule of pix2pix."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="he2ihc_keras")
class ConstantThenLinear(keras.optimizers.schedules.LearningRateSchedule):
    """A constant rate for some epochs, then linearly to zero.

    The rate changes from epoch to epoch as PyramidPix2pix's code steps its scheduler,
    before each epoch: in epoch k, counted from 1, it is

        learning_rate * (1 - max(0, k + 1 - epochs) / (decay_epochs + 1))

    so that the decay begins in the last of the constant epochs and the very last epoch
    has rate 0. Without decay epochs the rate stays constant.

    Args:
        learning_rate: Rate of the constant epochs.
        steps_per_epoch: Optimizer steps in an epoch.
        epochs: Number of constant epochs.
        decay_epochs: Number of epochs of decay that follow.
    """

    def __init__(
        self,
        learning_rate: float,
        steps_per_epoch: int,
        epochs: int,
        decay_epochs: int = 0,
    ):
        self.learning_rate = learning_rate
        self.steps_per_epoch = steps_per_epoch
        self.epochs = epochs
        self.decay_epochs = decay_epochs

    def __call__(self, step):
        if not self.decay_epochs:
            return ops.convert_to_tensor(self.learning_rate, "float32")
        epoch = ops.floor_divide(ops.cast(step, "int32"), self.steps_per_epoch) + 1
        decayed = ops.maximum(0, epoch + 1 - self.epochs)
        factor = 1.0 - ops.cast(decayed, "float32") / (self.decay_epochs + 1)
        return self.learning_rate * factor

    def get_config(self):
        return {
            "learning_rate": self.learning_rate,
            "steps_per_epoch": self.steps_per_epoch,
            "epochs": self.epochs,
            "decay_epochs": self.decay_epochs,
        }
