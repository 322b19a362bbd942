"""Which backend of Keras a command runs on."""

import contextlib
import importlib
import importlib.util
import os
import sys

import click

BACKENDS = ("tensorflow", "jax", "torch")
_VARIABLE = "KERAS_BACKEND"


def backend_option(command):
    """The option `--backend` of a command; it must come before Keras is imported."""
    return click.option(
        "--backend",
        type=click.Choice(BACKENDS),
        expose_value=False,
        callback=_choose,
        help=f"Of Keras; {_VARIABLE} says it too.  [default: tensorflow]",
    )(command)


def chosen() -> str:
    """The backend that this process runs on, or will."""
    return os.environ.get(_VARIABLE) or BACKENDS[0]


def start_keras(*, needs: str | None = None, saves: bool = False) -> None:
    """Imports the backend, without the lines that TensorFlow prints as it is loaded.

    Args:
        needs: The only backend that will do.
        saves: Whether models are made and written. Keras imports TensorFlow for that
            where it is installed, whatever the backend.

    Raises:
        click.ClickException: If it is unknown, not installed, or another is needed.
    """
    backend = chosen()
    _check(backend, needs)
    os.environ[_VARIABLE] = backend
    # Its compiled code writes them before any of its log levels count.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if saves and importlib.util.find_spec("tensorflow"):
        backends = {backend, "tensorflow"}
    else:
        backends = {backend}
    with _silent_errors() if "tensorflow" in backends else contextlib.nullcontext():
        for name in backends:
            importlib.import_module(name)


def _choose(context, parameter, value):
    if value is None:
        return
    asked = os.environ.get(_VARIABLE)
    if asked and asked != value:
        raise click.UsageError(
            f"--backend {value} and {_VARIABLE}={asked} are two backends. Give one."
        )
    if "keras" in sys.modules and asked != value:
        raise click.UsageError(
            f"Keras runs in this process already. Set {_VARIABLE}={value} before."
        )
    os.environ[_VARIABLE] = value


def _check(backend, needs):
    if backend not in BACKENDS:
        raise click.ClickException(
            f"{_VARIABLE}={backend} is not supported. Expected {', '.join(BACKENDS)}."
        )
    if needs not in (None, backend):
        raise click.ClickException(
            f"This command needs Keras on {needs}. Received: {backend}. Models of "
            f"every backend do: give --backend {needs}, or set {_VARIABLE}={needs}."
        )
    if importlib.util.find_spec(backend) is None:
        raise click.ClickException(
            f"Backend {backend} is not installed. Install it with "
            f"pip install 'he2ihc-keras[{backend}]'."
        )


@contextlib.contextmanager
def _silent_errors():
    kept = os.dup(2)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
