"""The same weights and images on three backends, and on two replicas of one."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from helpers import backend_environment

pytestmark = pytest.mark.slow
SCRIPTS = Path(__file__).parent


def run(script, *arguments, backend, **environment):
    command = [sys.executable, SCRIPTS / script, *map(str, arguments)]
    environment = backend_environment(backend, **environment)
    result = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def ten_steps(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ten_steps")
    made = {}

    def of(backend, optimizer):
        out = folder / f"{backend}_{optimizer}"
        if out not in made:
            run("ten_steps.py", out, optimizer, backend=backend)
            made[out] = dict(np.load(f"{out}.npz"))
        return made[out]

    return of


@pytest.mark.parametrize("backend", ["jax", "torch"])
@pytest.mark.parametrize(("optimizer", "atol"), [("adam", 1e-5), ("sgd", 1e-6)])
def test_ten_steps_end_where_tensorflows_do(ten_steps, backend, optimizer, atol):
    ours, theirs = (ten_steps(b, optimizer) for b in (backend, "tensorflow"))
    assert_allclose(ours.pop("losses"), theirs["losses"], rtol=1e-6)
    for name, weight in ours.items():
        assert_allclose(weight, theirs[name], rtol=0, atol=atol)


@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_two_replicas_move_as_one_device_does(backend):
    flags = "--xla_force_host_platform_device_count=2"
    printed = run("two_replicas.py", backend=backend, XLA_FLAGS=flags)
    difference, moved = map(float, printed.split())
    assert difference < 1e-6 < 1e-3 < moved


@pytest.mark.parametrize("maker", ["tensorflow", "jax", "torch"])
@pytest.mark.parametrize("reader", ["tensorflow", "jax", "torch"])
def test_saved_trainer_goes_on_under_another_backend(
    ten_steps, maker, reader, tmp_path
):
    ten_steps(maker, "adam")
    model = next(tmp_path.parent.glob(f"ten_steps*/{maker}_adam.keras"))
    loss, step = run("go_on.py", model, backend=reader).split()
    expected, _ = run("go_on.py", model, backend=maker).split()
    assert step == "11"
    assert float(loss) == pytest.approx(float(expected), rel=2e-6)
