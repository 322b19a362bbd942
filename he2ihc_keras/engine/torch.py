"""Steps and gradients on PyTorch."""

import torch
from keras import tree


class Engine:
    """Keras's steps, and the one idea of this room: `differentiate`."""

    def train_step(self, data):
        return self.logs_of_step(data, training=True)

    def test_step(self, data):
        with torch.no_grad():
            return self.logs_of_step(data, training=False)

    def differentiate(self, function, variables, inputs=()):
        """Values of a function, and what takes gradients back through it.

        Arguments and results are those of the other backends.
        """
        leaves = tree.map_structure(lambda x: x.detach().requires_grad_(), inputs)
        outputs, extra = function(leaves)

        def pull_back(gradient):
            wanted = [v.value for v in variables] + tree.flatten(leaves)
            gradients = torch.autograd.grad(
                tree.flatten(outputs), wanted, tree.flatten(gradient), allow_unused=True
            )
            of_variables = list(gradients[: len(variables)])
            of_inputs = list(gradients[len(variables) :])
            return of_variables, tree.pack_sequence_as(leaves, of_inputs)

        return *tree.map_structure(torch.detach, (outputs, extra)), pull_back

    def move(self, optimizer, gradients, variables):
        """One step of an optimizer."""
        with torch.no_grad():
            optimizer.apply(gradients, variables)

    def replicas(self) -> int:
        """Copies of the network whose gradients are summed."""
        return 1


def make_deterministic() -> None:
    """Makes a run on this machine repeat bit for bit, where that costs little."""
    if not torch.cuda.is_available():
        torch.use_deterministic_algorithms(True)


def gpu_capability() -> tuple[int, int] | None:
    """Compute capability of the first GPU; `None` without one."""
    if not torch.cuda.is_available():
        return None
    return torch.cuda.get_device_capability()
