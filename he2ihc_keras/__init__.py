"""Virtual staining of H&E breast tissue as HER2 IHC, in Keras 3."""

import importlib

__version__ = "0.2.0"

_ROOMS = (
    "tables",
    "models",
    "layers",
    "losses",
    "brownian_bridge",
    "measures",
    "recipe",
    "data",
    "engine",
    "trainers",
    "training",
    "inference",
    "scoring",
    "report",
    "export",
)


def __getattr__(name: str):
    # A room is imported when it is first used: `--help` never waits for Keras.
    if name in _ROOMS:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_ROOMS])
