"""The second name of he2ihc_keras: `import keras_he2ihc` gives the same objects.

Putting `he2ihc_keras` into `sys.modules` under a second key is not enough: Python
would then load every submodule again, and each class would exist twice. The finder
below answers `keras_he2ihc.x.y` with the one module `he2ihc_keras.x.y`.
"""

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys

_REAL = "he2ihc_keras"
_ALIAS = __name__


class _AliasLoader(importlib.abc.Loader):
    def create_module(self, spec):
        module = importlib.import_module(_REAL + spec.name.removeprefix(_ALIAS))
        self._own_spec = module.__spec__
        return module

    def exec_module(self, module):
        # The import system has just put the alias's spec on the shared module.
        module.__spec__ = self._own_spec


class _AliasFinder(importlib.abc.MetaPathFinder):
    def find_spec(self, fullname, path=None, target=None):
        if not fullname.startswith(_ALIAS + "."):
            return None
        real = importlib.util.find_spec(_REAL + fullname.removeprefix(_ALIAS))
        if real is None:
            return None
        return importlib.machinery.ModuleSpec(
            fullname,
            _AliasLoader(),
            is_package=real.submodule_search_locations is not None,
        )


sys.meta_path.insert(0, _AliasFinder())
sys.modules[_ALIAS] = importlib.import_module(_REAL)
