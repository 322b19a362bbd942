"""A `.keras` file of each backend, read by each."""

from pathlib import Path

import pytest

from helpers import run_python

pytestmark = pytest.mark.slow
BACKENDS = ("tensorflow", "jax", "torch")
EXCHANGE = (Path(__file__).parent / "exchange.py").read_text()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder of models for each backend that made them."""
    folder = tmp_path_factory.mktemp("models")
    for backend in BACKENDS:
        (folder / backend).mkdir()
        run_python(EXCHANGE, "save", folder / backend, backend=backend)
    return folder


@pytest.mark.parametrize("reader", BACKENDS)
def test_a_backend_reads_the_models_of_each(folder, reader):
    lines = run_python(EXCHANGE, "load", folder, backend=reader).splitlines()
    assert len(lines) == 3 * 4
    for file, weights, output in map(str.split, lines):
        assert float(weights) == 0, file
        assert float(output) < 1e-5, file
