"""Steps and gradients on JAX.

Trainers are written as if variables had values. Here they have them inside a
`StatelessScope`: a step puts the state it is given in one, and reads the new state out.
"""

import jax
import keras


class Engine:
    """Keras's steps, and the one idea of this room: `differentiate`."""

    def train_step(self, state, data):
        groups = [self.trainable_variables, self.non_trainable_variables]
        groups += [self.optimizer.variables, self.metrics_variables]
        return self._step_in_scope(groups, state, data, training=True)

    def test_step(self, state, data):
        groups = [self.trainable_variables, self.non_trainable_variables]
        groups += [self.metrics_variables]
        return self._step_in_scope(groups, state, data, training=False)

    def _step_in_scope(self, groups, state, data, training):
        variables = [variable for group in groups for variable in group]
        values = [value for group in state for value in group]
        with keras.StatelessScope(zip(variables, values, strict=True)) as scope:
            logs = self.logs_of_step(data, training)
        return logs, tuple(list(map(scope.get_current_value, g)) for g in groups)

    def differentiate(self, function, variables, inputs=()):
        """Values of a function, and what takes gradients back through it.

        Whatever else the function assigns (statistics, seeds) is assigned here too.
        Arguments and results are those of the other backends.
        """
        own = set(map(id, variables))
        others = [v for v in self.variables if id(v) not in own]
        before = [v.value for v in others]

        def pure(values, inputs):
            state = [*zip(others, before, strict=True)]
            state += zip(variables, values, strict=True)
            with keras.StatelessScope(state) as scope:
                outputs, extra = function(inputs)
            return outputs, (extra, [scope.get_current_value(v) for v in others])

        outputs, pull_back, (extra, after) = jax.vjp(
            pure, [v.value for v in variables], inputs, has_aux=True
        )
        for variable, old, new in zip(others, before, after, strict=True):
            if new is not old:
                variable.assign(new)
        return outputs, extra, pull_back

    def move(self, optimizer, gradients, variables):
        """One step of an optimizer."""
        # Not `apply`: a LossScaleOptimizer would assign inside a branch of XLA.
        values, state = optimizer.stateless_apply(
            [v.value for v in optimizer.variables],
            gradients,
            [v.value for v in variables],
        )
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
        for variable, value in zip(optimizer.variables, state, strict=True):
            variable.assign(value)

    def replicas(self) -> int:
        """Copies of the network whose gradients are summed: XLA sees one network."""
        return 1


def make_deterministic() -> None:
    """Makes a run on this machine repeat bit for bit: on a processor it does."""


def gpu_capability() -> tuple[int, int] | None:
    """Compute capability of the first GPU, `(0, 0)` if unknown; `None` without one."""
    gpus = [device for device in jax.devices() if device.platform in ("gpu", "cuda")]
    if not gpus:
        return None
    capability = getattr(gpus[0], "compute_capability", "0.0")
    major, _, minor = str(capability).partition(".")
    return int(major), int(minor or 0)
