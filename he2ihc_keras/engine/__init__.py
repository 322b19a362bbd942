"""What a Keras backend does differently: gradients, moves, replicas.

Each backend has one file of the same names; this picks the one that Keras runs on.
"""

import importlib

import keras

_backend = importlib.import_module(f"{__name__}.{keras.backend.backend()}")

Engine = _backend.Engine
make_deterministic = _backend.make_deterministic
gpu_capability = _backend.gpu_capability

__all__ = ["Engine", "gpu_capability", "make_deterministic"]
