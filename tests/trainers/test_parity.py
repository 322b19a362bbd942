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
BACKENDS = ("tensorflow", "jax", "torch")


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
        """Where a backend saved its GAN: `.keras`, and weights and losses in `.npz`."""
        out = folder / f"{backend}_{optimizer}"
        if out not in made:
            made[out] = run("ten_steps.py", out, optimizer, backend=backend)
        return out

    return of


@pytest.mark.parametrize("backend", ["jax", "torch"])
@pytest.mark.parametrize(("optimizer", "atol"), [("adam", 1e-5), ("sgd", 1e-6)])
def test_ten_steps_end_where_tensorflows_do(ten_steps, backend, optimizer, atol):
    ours, theirs = (
        dict(np.load(f"{ten_steps(b, optimizer)}.npz")) for b in (backend, "tensorflow")
    )
    assert_allclose(ours.pop("losses"), theirs["losses"], rtol=1e-6)
    for name, weight in ours.items():
        assert_allclose(weight, theirs[name], rtol=0, atol=atol)


@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_two_replicas_move_as_one_device_does(backend):
    flags = "--xla_force_host_platform_device_count=2"
    printed = run("two_replicas.py", backend=backend, XLA_FLAGS=flags)
    difference, moved = map(float, printed.split())
    assert difference < 1e-6 < 1e-3 < moved


@pytest.mark.parametrize("reader", BACKENDS)
def test_saved_trainers_go_on_under_every_backend(ten_steps, reader):
    saved = [f"{ten_steps(maker, 'adam')}.keras" for maker in BACKENDS]
    lines = run("go_on.py", *saved, backend=reader).splitlines()
    losses, steps = zip(*(line.split() for line in lines), strict=True)
    assert steps == ("11", "11", "11")
    # Their weights lie within 1e-7 of each other.
    assert_allclose(np.array(losses, "float64"), float(losses[0]), rtol=2e-6)
