"""From folders of paired patches to batches: find, check, read, augment; or make."""

import importlib

# Module of each name. They are imported on first use: looking through a folder, or
# making a phantom, never waits for Keras.
_ROOM = {
    "Pair": "pairs",
    "find_pairs": "find",
    "inspect": "report",
    "level_of": "pairs",
    "read_pair": "pairs",
    "read_pairs_csv": "pairs",
    "write_pairs_csv": "pairs",
    "relocated": "digests",
    "with_digests": "digests",
    "read_image": "images",
    "write_image": "images",
    "to_float": "images",
    "to_uint8": "images",
    "resize": "images",
    "check_levels": "sample",
    "check_sizes": "sample",
    "training_batches": "batches",
    "validation_batches": "batches",
    "steps_per_epoch": "batches",
    "original_errors": "batches",
    "SampleError": "sample",
    "LEVELS": "pairs",
    "Data": "options",
    "holds_phantom": "phantom",
    "make_pair": "phantom",
    "write_phantom": "phantom",
}
_MODULES = (
    *("augment", "batches", "degrade", "digests", "find", "images", "options", "pairs"),
    *("phantom", "report", "sample", "sizes"),
)

__all__ = sorted([*_ROOM, *_MODULES])


def __getattr__(name: str):
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    if name in _ROOM:
        return getattr(importlib.import_module(f"{__name__}.{_ROOM[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
