"""Checkpoints from which training goes on as if it had never stopped."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from he2ihc_keras.files import (
    Damaged,
    naming_damage,
    naming_disk_errors,
    read_zip,
    whole_file,
)
from he2ihc_keras.training.run_folder import RunFolder, refuse_other_backend

_KEPT = 2
_META = "meta"


@dataclass(frozen=True)
class Checkpoint:
    """State of a run after some steps.

    Attributes:
        step: Steps done since the beginning of the run.
        history: One row of `history.csv` per finished epoch.
        logs: Of an epoch whose steps are done and that was not validated, or `None`.
        backend: The backend of Keras that made it.
        arrays: Value of each variable, by `variables` of the trainer.
    """

    step: int
    history: list[dict[str, float]]
    logs: dict[str, float] | None
    backend: str
    arrays: dict[str, np.ndarray]


def variables(trainer: keras.Model) -> dict[str, keras.Variable]:
    """Everything that changes in training, by a name that is unique and stable.

    Weights and normalisation statistics, optimizers with their step counts, the states
    of the random generators (dropout), and the running means of the losses.
    """
    owners = [trainer, trainer.optimizer, *trainer.metrics]
    unique = {id(v): v for owner in owners for v in owner.variables}
    # Keras numbers what it names itself (adam_3/..., conv2d_7_kernel_momentum) by all
    # that the process has made; here the place in the order stands for the number.
    paths = [re.sub(r"_\d+(?=[/_]|$)", "", v.path) for v in unique.values()]
    return {
        f"{i}:{path}": v
        for i, (path, v) in enumerate(zip(paths, unique.values(), strict=True))
    }


def finite_arrays(trainer: keras.Model, step: int, folder: Path):
    """Copies of all variables by name, if every number in them is finite.

    Not asked are running means of losses: they may be those of the validation, and the
    next epoch begins them anew.

    Args:
        trainer: A compiled model.
        step: Steps done.
        folder: Where its checkpoints lie: an error names the last good one.

    Raises:
        FloatingPointError: If a number is not.
    """
    own = variables(trainer)
    arrays = {name: _to_numpy(v) for name, v in own.items()}
    means = {id(v) for metric in trainer.metrics for v in metric.variables}
    asked = [(name, v.path) for name, v in own.items() if id(v) not in means]
    bad = [path for name, path in asked if not np.isfinite(arrays[name]).all()]
    if bad:
        raise FloatingPointError(
            f"{len(bad)} variables are not finite after step {step}, the first of them "
            f"{bad[0]}. {what_is_left(folder)}"
        )
    return arrays


def what_is_left(folder: Path) -> str:
    """The last good checkpoint of a run whose numbers went wrong, and what to do."""
    kept = _paths(folder)
    last = "There is no checkpoint yet."
    if kept:
        last = f"The last good checkpoint is kept: {kept[0]}."
    return f"{last} Start a new run with a smaller learning rate, or in float32."


def _to_numpy(variable):
    # A copy: on PyTorch it may be a view, which the next step changes.
    array = np.array(keras.ops.convert_to_numpy(variable))
    # NumPy's files know no bfloat16; float32 holds each of its values.
    return array.astype("float32") if array.dtype.kind == "V" else array


def save_checkpoint(
    folder: Path, trainer: keras.Model, step: int, history, logs=None
) -> Path:
    """Writes a checkpoint, whole or not at all, and drops all but the last two.

    A zip file of arrays: each member carries a checksum and the list of members stands
    at the end, so a torn or rotten file shows itself when it is read.

    Args:
        folder: Where it is written.
        trainer: Whose variables it holds.
        step: As in `Checkpoint`, and so are `history` and `logs`.
        history: Rows of finished epochs.
        logs: Of an epoch that was not validated.

    Raises:
        FloatingPointError: If a variable is not finite; older checkpoints stay.
    """
    arrays = finite_arrays(trainer, step, folder)
    meta = {
        "step": step,
        "history": history,
        "logs": logs,
        "backend": keras.backend.backend(),
        "variables": len(arrays),
    }
    folder.mkdir(exist_ok=True)
    path = folder / f"step-{step:08d}.npz"
    with whole_file(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, **{_META: json.dumps(meta)}, **arrays)
    for old in _paths(folder)[_KEPT:]:
        old.unlink()
    return path


def load_checkpoint(path: Path) -> Checkpoint:
    """Reads a checkpoint.

    Raises:
        Damaged: If the file is torn or is not a checkpoint.
        ValueError: If it cannot be read now.
    """
    content = read_zip(path)
    with naming_damage(path), np.load(content) as file:
        arrays = {name: file[name] for name in file.files}
        meta = json.loads(str(arrays.pop(_META)))
        if len(arrays) != meta["variables"]:
            raise ValueError(f"{len(arrays)} variables of {meta['variables']} are left")
        told = {key: meta[key] for key in ("step", "history", "logs", "backend")}
        return Checkpoint(**told, arrays=arrays)


def last_checkpoint(run: RunFolder) -> tuple[Checkpoint | None, list[str]]:
    """The newest checkpoint that is whole, and what was wrong with newer ones.

    A damaged one gets the ending `.torn`, so that it is never counted among the kept.

    Returns:
        No checkpoint only where none was ever written.

    Raises:
        ValueError: If one cannot be read now, if all are damaged, or if there is a
            model and none. A run begins anew only where nothing is lost by it.
    """
    problems = []
    for path in _paths(run.checkpoints):
        try:
            return load_checkpoint(path), problems
        except Damaged as error:
            problems.append(str(error))
            with naming_disk_errors(path):
                path.replace(path.with_suffix(".torn"))
    torn = _paths(run.checkpoints, ".torn")
    if torn or run.model.exists():
        left = ", ".join(str(path) for path in torn) or f"{run.model} alone"
        raise ValueError(
            "\n".join([*problems, f"No checkpoint is left: {left}. Start anew."])
        )
    return None, problems


def restore(trainer: keras.Model, checkpoint: Checkpoint) -> None:
    """Puts every variable of a trainer back to its value in a checkpoint.

    Raises:
        ValueError: If the checkpoint is of another network or backend.
    """
    # Random generators have states of another kind on each.
    refuse_other_backend("The checkpoint", checkpoint.backend)
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


def _paths(folder, suffix=".npz"):
    """Checkpoints of a folder, newest first."""
    # Not `glob`, to which a folder that cannot be read is an empty one.
    with naming_disk_errors(folder):
        try:
            found = [path for path in folder.iterdir() if path.suffix == suffix]
        except FileNotFoundError:
            return []
    return sorted((p for p in found if p.name.startswith("step-")), reverse=True)
