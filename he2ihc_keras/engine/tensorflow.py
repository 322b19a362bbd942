"""Steps and gradients on TensorFlow."""

import tensorflow as tf


class Engine:
    """Keras's steps, and the one idea of this room: `differentiate`."""

    def train_step(self, data):
        # Counters move without a batch: where it cannot be read, they must not.
        batch = [array for array in tf.nest.flatten(data) if array is not None]
        with tf.control_dependencies(batch):
            return self.logs_of_step(data, training=True)

    def test_step(self, data):
        return self.logs_of_step(data, training=False)

    def differentiate(self, function, variables, inputs=()):
        """Values of a function, and what takes gradients back through it.

        Args:
            function: From inputs to `(outputs, extra)`; gradients are those of outputs.
            variables: Trainable variables that the outputs may depend on.
            inputs: Tensors, in any nest; `()` for none.

        Returns:
            `outputs, extra, pull_back`, where `pull_back(gradient of outputs)` gives
            `(gradients of variables, gradients of inputs)`; a gradient may be `None`.
            It can be called once.
        """
        with tf.GradientTape() as tape:
            tf.nest.map_structure(tape.watch, inputs)
            outputs, extra = function(inputs)

        def pull_back(gradient):
            return tape.gradient(outputs, (variables, inputs), gradient)

        return outputs, extra, pull_back

    def move(self, optimizer, gradients, variables):
        """One step of an optimizer."""
        optimizer.apply(gradients, variables)

    def replicas(self) -> int:
        """Copies of the network whose gradients are summed."""
        return tf.distribute.get_strategy().num_replicas_in_sync


def make_deterministic() -> None:
    """Makes a run on this machine repeat bit for bit, where that costs little."""
    if not tf.config.list_physical_devices("GPU"):
        tf.config.experimental.enable_op_determinism()


def gpu_capability() -> tuple[int, int] | None:
    """Compute capability of the first GPU, `(0, 0)` if unknown; `None` without one."""
    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        return None
    details = tf.config.experimental.get_device_details(gpus[0])
    return details.get("compute_capability", (0, 0))
