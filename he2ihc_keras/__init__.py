"""Virtual staining of H&E breast tissue as HER2 IHC, in Keras 3."""

import importlib
import importlib.util
import sys

__version__ = "0.2.0"

_ROOMS = (
    "presets",
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


def _have_keras_know_our_layers():
    # So that `keras.models.load_model` opens a file of ours wherever this package is
    # imported, before Keras or after it; alone, the package does not wait for Keras.
    if "keras" in sys.modules:
        importlib.import_module(f"{__name__}.models")
    else:
        sys.meta_path.insert(0, _AfterKeras())


class _AfterKeras:
    """Finds Keras as others do, and imports our models behind it."""

    def __init__(self):
        self.is_asking = False

    def find_spec(self, name, path=None, target=None):
        if name != "keras" or self.is_asking:
            return None
        self.is_asking = True
        spec = importlib.util.find_spec(name)
        self.is_asking = False
        if spec is not None:  # which may only be looked at
            begin = spec.loader.exec_module
            spec.loader.exec_module = lambda module: self.load(begin, module)
        return spec

    def load(self, begin, module):
        begin(module)
        sys.meta_path.remove(self)
        rooms = {f"{__name__}.layers", f"{__name__}.models"}
        if not rooms & sys.modules.keys():  # else they are what imports Keras
            importlib.import_module(f"{__name__}.models")


_have_keras_know_our_layers()
