"""Result files: a table of every image, and beside it what the numbers mean.

scores.csv    a row per image; protocol, version and hash of the names in each row,
so that rows of several files can be mixed and still be told apart
scores.json   the record: what was scored and how, means with intervals, DAB
histograms
"""

import csv
import dataclasses
import hashlib
import io
import json
import math
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

import he2ihc_keras
from he2ihc_keras.data.pairs import LEVELS, size_text
from he2ihc_keras.files import whole_file
from he2ihc_keras.measures import stains
from he2ihc_keras.measures.deconvolution import RUIFROK_JOHNSTON, parse_stain_vectors
from he2ihc_keras.scoring.baselines import TARGET_BLUR
from he2ihc_keras.scoring.measured import MEASURES, OF_ONE_IMAGE
from he2ihc_keras.scoring.protocols import protocol as protocol_named
from he2ihc_keras.scoring.scores import GENERATED, METHODS, REAL, ScoredImage, Scores

_PROVENANCE = ("protocol", "scale", "stain_vectors", "he2ihc_keras", "names_sha256")


# What scoring writes under one name, and what it is known by: its beginning and a word
_WRITTEN = {
    ".csv": (b"image,level,slide,", b"names_sha256", "the scores"),
    ".json": (b"{", b"names_sha256", "the record of the scores"),
    ".sets.csv": (b"set,image,dab,", b"", "the scores of sets"),
    ".levels.csv": (b"image,level,slide,", b"", "the levels"),
    ".levels.json": (b"{", b"slides_from", "the record of the levels"),
}


def write_scores(
    path: Path, scores: Scores, source: Mapping[str, Any] | None = None
) -> None:
    """Write `path`, a CSV, and its record beside it, each whole or not at all.

    The columns are `image` (its name without ending), `level` and `slide` (empty where
    unknown), `height`, `width`, `real_dab` and the other measures of the real patch by
    itself, then each measure of the generated patch by its name, and of each baseline
    as `mean_colour_psnr`. Infinity is written `inf`. Last come `protocol`, `scale`
    (empty for native size), `stain_vectors`, `he2ihc_keras` (this package's version)
    and `names_sha256`.

    Args:
        path: A name that ends in `.csv`; the record is named `.json`.
        scores: What to write.
        source: What was scored, in words that JSON can hold, such as the folders.

    Raises:
        ValueError: If `path` does not end in `.csv`, or the `.json` beside it is no
            record of scores.
    """
    path = _csv_path(path)
    check_place(path)
    with whole_file(path.with_suffix(".json")) as temporary:
        text = json.dumps(record(scores, source), indent=2, ensure_ascii=False)
        temporary.write_text(text + "\n", encoding="utf-8", errors="surrogateescape")
    with (
        whole_file(path) as temporary,
        temporary.open(
            "w", newline="", encoding="utf-8", errors="surrogateescape"
        ) as file,
    ):
        csv.writer(file, lineterminator="\n").writerows(_rows(scores))


def check_place(path: Path) -> None:
    """Refuse a place for scores if a file that they would replace is another's.

    Raises:
        ValueError: If it is, as writing would destroy it.
    """
    for ending, (begin, holds, what) in _WRITTEN.items():
        place = path.with_suffix(ending)
        content = place.read_bytes() if place.is_file() else None
        if content is not None and not (content.startswith(begin) and holds in content):
            raise ValueError(
                f"{place} would be replaced by {what}, and is another file. Choose "
                f"another name than {path}."
            )


def read_scores(path: Path) -> tuple[Scores, dict[str, Any]]:
    """Scores from a CSV of `write_scores`, and their record.

    Args:
        path: The CSV, or a folder with `scores.csv` in it, such as a run.

    Returns:
        The scores, and the record of the `.json` beside it; without that file an empty
        one, and scores without colour and histograms.

    Raises:
        ValueError: If the file is none of `write_scores`, or is damaged.
    """
    path = Path(path)
    path = path / "scores.csv" if path.is_dir() else _csv_path(path)
    rows = _read_rows(path)
    images = tuple(_image(path, number, row) for number, row in enumerate(rows, 2))
    of_all = {name: _only(path, rows, name) for name in _PROVENANCE}
    beside = _read_record(path.with_suffix(".json"), of_all["names_sha256"])
    scores = Scores(
        images,
        tuple(beside.get("mean_colour", ())),
        beside.get("mean_colour_of", "training IHC"),
        protocol_named(of_all["protocol"]),
        {m: np.array(h) for m, h in beside.get("dab_histograms", {}).items()},
        beside.get("slides_from", ""),
        of_all["scale"],
        _vectors(of_all["stain_vectors"]),
    )
    _check_is_whole(path, scores, of_all["names_sha256"])
    if not _has_means_of(scores, beside.get("means", {})):
        raise ValueError(_not_beside(path.with_suffix(".json")))
    return scores, beside


def record(scores: Scores, source: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """What a result file says beside its rows, ready for JSON."""
    protocol = scores.protocol
    return {
        "he2ihc_keras": he2ihc_keras.__version__,
        "protocol": protocol.name,
        "protocol_source": protocol.source,
        "compared_at": scores.scale or protocol.size,
        "measured": protocol.how,
        "images": len(scores.images),
        "names_sha256": names_sha256(scores),
        "sizes": dict(Counter(size_text(image.size) for image in scores.images)),
        "source": dict(source or {}),
        "mean_colour": list(scores.mean_colour),
        "mean_colour_of": scores.mean_colour_of,
        "slides_from": scores.slides_from,
        "stain_vectors": dataclasses.asdict(scores.vectors),
        "dab_positive_od": stains.DAB_POSITIVE,
        "dab_blur_sigma_pixels": stains.BLUR_SIGMA,
        "target_blur_sigma_pixels": TARGET_BLUR,
        "means": _means(scores),
        "dab": _dab(scores),
        "dab_histograms": {m: h.tolist() for m, h in scores.dab_histograms.items()},
        "note": "Research only, not for diagnosis.",
    }


def names_sha256(scores: Scores) -> str:
    """SHA-256 of the sorted names of the images, one a line, in UTF-8.

    Two results with the same hash are over the same images.
    """
    names = sorted(image.name for image in scores.images)
    # File names may hold bytes that are no text.
    lines = "".join(f"{name}\n" for name in names).encode(errors="surrogateescape")
    return hashlib.sha256(lines).hexdigest()


def _means(scores):
    means = {}
    for method in scores.methods:
        intervals = {m.name: scores.interval(m.name, method) for m in scores.measures}
        means[method] = {
            name: [_number(bound) for bound in interval]
            for name, interval in intervals.items()
        }
    return means


def _dab(scores):
    """DAB of each method over the whole set, against that of the real IHC."""
    real = scores.dab_histograms.get(REAL)
    return {
        method: {
            "pearson_r": [_number(b) for b in scores.dab_correlation(method)],
            "wasserstein_od": stains.wasserstein_distance(real, histogram),
            "jensen_shannon_bits": stains.jensen_shannon_divergence(real, histogram),
        }
        for method, histogram in scores.dab_histograms.items()
        if method != REAL
    }


def _number(value):
    # JSON knows neither of the two that are not finite.
    return float(value) if math.isfinite(value) else str(value)


# Rows


def _rows(scores):
    names = [measure.name for measure in scores.measures]
    real = [name for name in OF_ONE_IMAGE if name in scores.images[0].real]
    yield [
        *("image", "level", "slide", "height", "width"),
        *(f"real_{name}" for name in real),
        *(f"{_prefix(m)}{name}" for m in scores.methods for name in names),
        *_PROVENANCE,
    ]
    provenance = (
        *(scores.protocol.name, scores.scale, scores.vectors.in_words()),
        *(he2ihc_keras.__version__, names_sha256(scores)),
    )
    for image in scores.images:
        values = [image.real[name] for name in real]
        values += [image.scores[m][name] for m in scores.methods for name in names]
        yield [
            *(image.name, image.level or "", image.slide or "", *image.size),
            *map(repr, map(float, values)),
            *provenance,
        ]


def _prefix(method):
    return "" if method == GENERATED else f"{method}_"


def _image(path, number, row):
    try:
        return ScoredImage(
            row["image"],
            _level(row["level"]),
            (int(row["height"]), int(row["width"])),
            {m: values for m in METHODS if (values := _values(row, _prefix(m)))},
            _values(row, "real_"),
            row["slide"] or None,
        )
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path}, line {number}, is damaged: {error}.") from error


def _level(text):
    if text and text not in LEVELS:
        raise ValueError(f"level {text!r} is none of {', '.join(LEVELS)}")
    return text or None


def _values(row, prefix):
    columns = {name: f"{prefix}{name}" for name in MEASURES}
    return {name: float(row[c]) for name, c in columns.items() if c in row}


# Files


def _csv_path(path):
    path = Path(path)
    if path.suffix.lower() != ".csv":
        raise ValueError(f"{path} does not end in .csv, as scores of images do.")
    return path


def _read_rows(path):
    if not path.is_file():
        raise ValueError(
            f"There is no {path}. Expected the CSV of `he2ihc-keras score --out`, or a "
            "run that has been scored."
        )
    rows, columns = _parse(path)
    expected = ("image", "level", "slide", "height", "width", "psnr", *_PROVENANCE)
    missing = [name for name in expected if name not in columns]
    if len(columns) == 1 and ";" in columns[0]:
        problem = "is parted by semicolons, as spreadsheets write it"
    elif missing:
        problem = f"has no column {', '.join(missing)}"
    else:
        problem = "" if rows else "has no rows"
    if problem:
        raise ValueError(
            f"{path} {problem}. Expected a CSV of `he2ihc-keras score --out`, as it "
            "was written."
        )
    return rows


def _parse(path):
    try:
        text = path.read_text(encoding="utf-8-sig", errors="surrogateescape")
        reader = csv.DictReader(io.StringIO(text, newline=""))
        return list(reader), reader.fieldnames or ()
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path} cannot be read as a CSV file: {error}.") from error


def _only(path, rows, column):
    values = sorted({row[column] for row in rows})
    if len(values) > 1:
        raise ValueError(
            f"{path} mixes rows of more than one {column}: {', '.join(values)}. "
            "Give one result at a time."
        )
    return values[0]


def _check_is_whole(path, scores, expected):
    if names_sha256(scores) != expected:
        raise ValueError(
            f"{path} does not hold the images that were scored: rows are missing, were "
            "added or renamed. Score again."
        )


def _read_record(path, names):
    try:
        found = json.loads(path.read_text(encoding="utf-8", errors="surrogateescape"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise ValueError(f"{path} is damaged: {error}. Score again.") from error
    if not isinstance(found, dict) or found.get("names_sha256") != names:
        raise ValueError(_not_beside(path))
    return found


def _has_means_of(scores, recorded):
    """Whether a record is of these scores, and not of earlier ones of the images.

    A process that was killed between the two files leaves those of two times.
    """
    of_psnr = {method: float(means["psnr"][0]) for method, means in recorded.items()}
    now = [scores.mean("psnr", method) for method in of_psnr]
    return np.allclose(list(of_psnr.values()), now, rtol=1e-9, equal_nan=True)


def _not_beside(path):
    return (
        f"{path} is not the record of the CSV beside it. Take it away, or score again."
    )


def _vectors(text):
    return (
        RUIFROK_JOHNSTON
        if text == RUIFROK_JOHNSTON.in_words()
        else (parse_stain_vectors(text))
    )
