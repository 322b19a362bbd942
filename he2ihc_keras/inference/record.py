"""Beside stained images: which model made them, and how."""

import contextlib
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras

import he2ihc_keras
from he2ihc_keras import presets
from he2ihc_keras.files import whole_file
from he2ihc_keras.inference.load import model_file
from he2ihc_keras.inference.modes import Modes

RECORD = "predict.json"
# The path is left out: a model that was moved is the same model.
_TELLS = ("he2ihc_keras", "backend", "model_sha256", "statistics", "dropout", "seed")
_OF_SAMPLERS = ("steps", "samples", "shows")


def stained_by(model: Path | str, modes: Modes) -> dict[str, Any]:
    """How images are stained, as `predict.json` says it beside their names.

    Args:
        model: The run or `.keras` file that stains.
        modes: How its generator runs, from `Modes.of` where that samples.

    Raises:
        ValueError: If there is no model.
    """
    with open(model_file(model), "rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return {
        "he2ihc_keras": he2ihc_keras.__version__,
        "backend": keras.backend.backend(),
        "model": str(presets.found(model).resolve()),
        "model_sha256": sha256,
        **modes.as_dict(),
        "note": "Generated images. Research only, not for diagnosis.",
    }


def stained_before(out: Path | str, by: Mapping[str, Any]) -> list[str]:
    """Names of the images that a folder's record lists, without their endings.

    Args:
        out: A folder, which need not exist.
        by: How images are to be stained now, from `stained_by`.

    Raises:
        ValueError: If those of the folder were stained otherwise: by another model,
            version of this package or backend, or in other modes.
    """
    path = Path(out) / RECORD
    if not path.is_file():
        return []
    earlier = _read(path)
    if any(earlier.get(name) != by.get(name) for name in (*_TELLS, *_OF_SAMPLERS)):
        raise ValueError(
            f"{out} is for images of {_in_words(earlier)}; it holds "
            f"{len(earlier['images'])}. These would be of {_in_words(by)}. Choose "
            "another --out."
        )
    return earlier["images"]


def write_record(
    out: Path | str, by: Mapping[str, Any], images: Iterable[str] = ()
) -> Path:
    """Write how a folder was stained, beside its images: `predict.json`.

    Args:
        out: The folder of stained images.
        by: How they were stained, from `stained_by`.
        images: Their names without endings, added to those of the folder's record.

    Raises:
        ValueError: As `stained_before`.
    """
    return _write(out, by, [*stained_before(out, by), *images])


def _write(out, by, images):
    path = Path(out) / RECORD
    record = {**by, "images": sorted(set(images))}
    with whole_file(path) as temporary:
        temporary.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    return path


@contextlib.contextmanager
def recorded(
    out: Path | str, by: Mapping[str, Any], planned: Sequence[str]
) -> Iterator[list[str]]:
    """Keeps the record of a folder while its images are stained.

    It is written before the first image and, however the work ends, after the last. A
    process that is killed in between leaves a record of all that it was to stain: the
    same command may replace them.

    Args:
        out: The folder of stained images.
        by: How they are stained, from `stained_by`.
        planned: Names, without endings, of those to come.

    Yields:
        A list to put the names of stained images into.
    """
    images: list[str] = []
    # A process that was killed may have planned more than it stained.
    before = {n for n in stained_before(out, by) if (Path(out) / f"{n}.png").exists()}
    _write(out, by, before.union(planned))
    try:
        yield images
    finally:
        # Others may have stained into the folder meanwhile.
        others = set(stained_before(out, by)).difference(planned)
        _write(out, by, others.union(before, images))


def _read(path):
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        record.setdefault("backend", "tensorflow")  # 0.1 knew no other
        sampler = {name: record[name] for name in _OF_SAMPLERS if name in record}
        return sampler | {name: record[name] for name in (*_TELLS, "model", "images")}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{path} does not say how the images beside it were stained. Choose "
            "another --out."
        ) from error


def _in_words(by):
    names = ("statistics", "dropout", "seed", "steps", "samples")
    modes = Modes(*map(by.get, names)).in_words()
    shows = f"{by['shows']} of " if "shows" in by else ""
    return (
        f"{by['model']} (SHA-256 {by['model_sha256'][:12]}; {shows}{modes}; "
        f"he2ihc-keras {by['he2ihc_keras']} on {by['backend']})"
    )
