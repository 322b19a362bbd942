"""Readings as files: a row an image, and beside it what the numbers mean."""

import csv
import json
from pathlib import Path
from typing import Any

from he2ihc_keras.data.pairs import LEVELS
from he2ihc_keras.files import whole_file
from he2ihc_keras.scoring.levels.readings import (
    AGREEMENT,
    METHODS,
    READERS,
    ReadImage,
    Readings,
)

_TEXT = {"encoding": "utf-8", "errors": "surrogateescape"}


def levels_beside(scores: Path) -> Path:
    """Where the readings of a `scores.csv` stand: `scores.levels.csv`."""
    return Path(scores).with_suffix(".levels.csv")


def write_levels(path: Path, readings: Readings) -> None:
    """Write `path`, a CSV, and its record beside it, each whole or not at all.

    The columns are `image`, `level` and `slide` (empty where unknown), then what each
    reader saw in each image: `network_real`, `dab_generated`, ...

    Args:
        path: A name that ends in `.csv`; the record is named `.json`.
        readings: What to write.
    """
    path = Path(path)
    columns = _columns(readings)
    with whole_file(path.with_suffix(".json")) as temporary:
        text = json.dumps(_record(readings), indent=2, ensure_ascii=False)
        temporary.write_text(text + "\n", **_TEXT)
    with whole_file(path) as temporary, temporary.open("w", newline="", **_TEXT) as f:
        writer = csv.writer(f, lineterminator="\n")
        writer.writerow(["image", "level", "slide", *map("_".join, columns)])
        slides = readings.slides or [""] * len(readings.images)
        for image, slide in zip(readings.images, slides, strict=True):
            read = [LEVELS[image.read[reader][method]] for reader, method in columns]
            writer.writerow([image.name, image.level or "", slide, *read])


def read_levels(path: Path) -> Readings | None:
    """Readings from a CSV of `write_levels`; `None` where there is none.

    Raises:
        ValueError: If the file or its record is damaged.
    """
    path = Path(path)
    if not path.is_file():
        return None
    try:
        about = json.loads(path.with_suffix(".json").read_text(**_TEXT))
        with path.open(newline="", **_TEXT) as file:
            rows = list(csv.DictReader(file))
        images = tuple(map(_image, rows))
        slides = [row["slide"] for row in rows]
        return Readings(
            images,
            LEVELS.index(about["majority"]),
            slides if all(slides) else None,
            about["slides_from"],
            about["readers"],
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is damaged: {error}. Score again.") from error


def _columns(readings):
    read = readings.images[0].read
    return [(r, m) for r in READERS if r in read for m in METHODS if m in read[r]]


def _image(row):
    read = {
        reader: {
            method: LEVELS.index(row[column])
            for method in METHODS
            if (column := f"{reader}_{method}") in row
        }
        for reader in READERS
    }
    return ReadImage(
        row["image"], row["level"] or None, {r: of for r, of in read.items() if of}
    )


def _record(readings: Readings) -> dict[str, Any]:
    return {
        "images": len(readings.images),
        "majority": LEVELS[readings.majority],
        "slides_from": readings.slides_from,
        "readers": dict(readings.about),
        "agreement": {
            reference: {
                reader: {
                    method: _agreement(readings, reader, method, reference)
                    for method in readings.methods(reader)
                }
                for reader in readings.readers
            }
            for reference in readings.references
        },
        "note": "Research only, not for diagnosis.",
    }


def _agreement(readings, reader, method, reference):
    """Each measure with the bounds of its interval, and the confusion matrix."""

    def bounds(measure):
        interval = readings.agreement(measure, reader, method, reference)
        return [_number(bound) for bound in interval]

    confusion = readings.confusion(reader, method, reference).tolist()
    return {"confusion": confusion, **{name: bounds(name) for name in AGREEMENT}}


def _number(value):
    # JSON knows no nan.
    return float(value) if value == value else None
