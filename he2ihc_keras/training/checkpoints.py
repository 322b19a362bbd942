"""Checkpoints from which training goes on as if it had never stopped."""

import json
import re
import struct
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from he2ihc_keras.data.images import whole_file

_KEPT = 2
_META = "meta"
# What reading a damaged zip file of arrays can raise.
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    KeyError,
    NotImplementedError,
    OSError,
    ValueError,
)


@dataclass(frozen=True)
class Checkpoint:
    """State of a run after some steps.

    Attributes:
        step: Steps done since the beginning of the run.
        history: One row of `history.csv` per finished epoch.
        arrays: Value of each variable, by `variables` of the trainer.
    """

    step: int
    history: list[dict[str, float]]
    arrays: dict[str, np.ndarray]


def variables(trainer: keras.Model) -> dict[str, keras.Variable]:
    """Everything that changes in training, by a name that is unique and stable.

    Weights and normalisation statistics, both optimizers with their step counts, the
    states of the random generators (dropout), and the running means of the losses.
    """
    owners = [trainer, trainer.optimizer, *trainer.metrics]
    unique = {id(v): v for owner in owners for v in owner.variables}
    # Keras numbers what it names itself (adam_3/...) by all that the process has made.
    paths = [re.sub(r"_\d+(?=/)", "", v.path) for v in unique.values()]
    return {
        f"{i}:{path}": v
        for i, (path, v) in enumerate(zip(paths, unique.values(), strict=True))
    }


def save_checkpoint(folder: Path, trainer: keras.Model, step: int, history) -> Path:
    """Writes a checkpoint, whole or not at all, and drops all but the last two.

    Raises:
        FloatingPointError: If a weight is not finite; older checkpoints stay.

    A zip file of arrays: each member carries a checksum and the list of members stands
    at the end, so a torn or rotten file shows itself when it is read.
    """
    arrays = {
        name: keras.ops.convert_to_numpy(v.value).copy()
        for name, v in variables(trainer).items()
    }
    _check_finite(arrays, step, folder)
    meta = json.dumps({"step": step, "history": history})
    folder.mkdir(exist_ok=True)
    path = folder / f"step-{step:08d}.npz"
    with whole_file(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, **{_META: meta}, **arrays)
    for old in _paths(folder)[_KEPT:]:
        old.unlink()
    return path


def _check_finite(arrays, step, folder):
    bad = [
        name
        for name, array in arrays.items()
        if np.issubdtype(array.dtype, np.floating) and not np.isfinite(array).all()
    ]
    if bad:
        kept = next(iter(_paths(folder)), "none")
        raise FloatingPointError(
            f"{len(bad)} variables are not finite after step {step}, the first of them "
            f"{bad[0]}. The last good checkpoint is kept: {kept}. Start a new run with "
            "a smaller learning rate, or in float32."
        )


def load_checkpoint(path: Path) -> Checkpoint:
    """Reads a checkpoint.

    Raises:
        ValueError: If the file is torn or is not a checkpoint.
    """
    try:
        with open(path, "rb") as stream, np.load(stream) as file:
            arrays = {name: file[name] for name in file.files}
            meta = json.loads(str(arrays.pop(_META)))
            return Checkpoint(meta["step"], meta["history"], arrays)
    except _DAMAGE as error:
        raise ValueError(f"{path} is not a whole checkpoint: {error}") from error


def last_checkpoint(folder: Path) -> tuple[Checkpoint | None, list[str]]:
    """The newest checkpoint that is whole, and what was wrong with newer ones.

    A torn one gets the ending `.torn`, so that it is never counted among the kept.

    Raises:
        ValueError: If there are checkpoints, and all of them are torn.
    """
    problems = []
    for path in _paths(folder):
        try:
            return load_checkpoint(path), problems
        except ValueError as error:
            problems.append(str(error))
            path.rename(path.with_suffix(".torn"))
    if problems:
        raise ValueError("\n".join([*problems, "No checkpoint is left. Start anew."]))
    return None, problems


def restore(trainer: keras.Model, checkpoint: Checkpoint) -> None:
    """Puts every variable of a trainer back to its value in a checkpoint.

    Raises:
        ValueError: If the checkpoint is of another network.
    """
    own = variables(trainer)
    shapes = {name: tuple(v.shape) for name, v in own.items()}
    saved = {name: array.shape for name, array in checkpoint.arrays.items()}
    if shapes != saved:
        odd = sorted(set(shapes.items()) ^ set(saved.items()))[0]
        raise ValueError(
            f"The checkpoint is of another network or version: {odd[0]!r} of shape "
            f"{odd[1]} has no counterpart. Resume with the versions that began the run "
            "(versions.json)."
        )
    for name, variable in own.items():
        variable.assign(checkpoint.arrays[name])


def _paths(folder):
    """Checkpoints of a folder, newest first."""
    return sorted(folder.glob("step-*.npz"), reverse=True)
