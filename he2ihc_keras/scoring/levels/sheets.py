"""A blinded reading sheet: what stands on it, its key, and what the answers say.

Each patch is shown twice, real and generated, in an order that a seed decides; each
image is turned or mirrored at random, so that the two are not known by their shapes.
"""

import csv
import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from he2ihc_keras.data.pairs import LEVELS
from he2ihc_keras.files import whole_file
from he2ihc_keras.scoring import statistics
from he2ihc_keras.scoring.levels.readings import HUMAN, ReadImage, Readings
from he2ihc_keras.scoring.scores import GENERATED, REAL
from he2ihc_keras.scoring.slides import SlideSource
from he2ihc_keras.scoring.statistics import Interval

ANSWERS = ("image", "level", "confidence", "real", "sheet")
_KEY = ("image", "name", "level", "what", "turns", "mirrored", "sheet")
CONFIDENCES = ("1", "2", "3")
_REAL = {
    **dict.fromkeys(("yes", "y", "real", "1", "true"), True),
    **dict.fromkeys(("no", "n", "generated", "0", "false"), False),
}


class Shown(NamedTuple):
    """An image on a sheet.

    Attributes:
        name: The patch.
        level: That of its slide, or `None`.
        what: `REAL` or `GENERATED`.
        turns: Quarter turns that it was given.
        mirrored: Whether it was mirrored before.
    """

    name: str
    level: str | None
    what: str
    turns: int
    mirrored: bool

    def turned(self, image: np.ndarray) -> np.ndarray:
        """An image as it stands on the sheet."""
        image = image[:, ::-1] if self.mirrored else image
        return np.ascontiguousarray(np.rot90(image, self.turns))


def choose(levels: Sequence[str | None], count: int, seed: int) -> list[int]:
    """Which patches to show: as many of each level as there are, drawn at random.

    Args:
        levels: The level of each patch, `None` where it is not known.
        count: How many to choose; all of them if there are fewer.
        seed: Of the draw.
    """
    order = np.random.default_rng(seed).permutation(len(levels))
    seen: dict[str | None, int] = {}
    turn = {}
    for index in order:
        level = levels[index]
        turn[index] = seen[level] = seen.get(level, 0) + 1
    # The first of each level, then the second of each, ...
    return sorted(sorted(order, key=lambda index: turn[index])[:count])


def arranged(patches: Sequence[tuple[str, str | None]], seed: int) -> list[Shown]:
    """Both images of each patch, shuffled: one in each half of the sheet.

    Args:
        patches: Name and level of each.
        seed: Of order, turns and mirrors.
    """
    rng = np.random.default_rng(seed)
    is_real_first = rng.permutation(len(patches)) < len(patches) / 2
    halves = []
    for half in (True, False):
        for index in rng.permutation(len(patches)):
            what = REAL if is_real_first[index] == half else GENERATED
            turns, mirrored = int(rng.integers(4)), bool(rng.integers(2))
            halves.append(Shown(*patches[index], what, turns, mirrored))
    return halves


def write_answers_and_key(
    answers: Path, key: Path, shown: Sequence[Shown], seed: int
) -> str:
    """Write the CSV to fill in, and the key apart from it.

    Returns:
        The name of the sheet, by which the two are known to belong together.
    """
    name = _name_of(shown, seed)
    _write(answers, ANSWERS, [(n, "", "", "", name) for n in _numbers(shown)])
    rows = [
        (n, s.name, s.level or "", s.what, s.turns, int(s.mirrored), name)
        for n, s in zip(_numbers(shown), shown, strict=True)
    ]
    _write(key, _KEY, rows)
    return name


def _numbers(shown):
    return range(1, len(shown) + 1)


def _name_of(shown, seed):
    text = f"{seed}:{[tuple(s) for s in shown]}"
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:8]


def _write(path, columns, rows):
    with (
        whole_file(path) as temporary,
        temporary.open(
            "w", newline="", encoding="utf-8", errors="surrogateescape"
        ) as file,
    ):
        csv.writer(file, lineterminator="\n").writerows([columns, *rows])


# Answers


@dataclass(frozen=True)
class Answers:
    """What a reader wrote, beside what was shown.

    Attributes:
        readings: Levels by patch, real and generated.
        blank: Images without a level.
        called_real: Whether each image that was answered was called real, by what it
            is.
        confidence: Confidence of each that was answered, by what it is.
    """

    readings: Readings
    blank: int
    called_real: dict[str, list[bool]]
    confidence: dict[str, list[int]]

    def share_called_real(self, what: str) -> Interval:
        """Share of the real or the generated images that were called real."""
        found = self.called_real[what]
        if not found:
            return Interval(np.nan)
        return statistics.mean_interval([float(x) for x in found])


def read_answers(
    answers: Path, key: Path, slides: SlideSource | None = None
) -> Answers:
    """The answers of a sheet that was filled in, and its key.

    Spreadsheets may have parted it by semicolons, and written 1 for 1+.

    Args:
        answers: The CSV that was filled in.
        key: The key of the same sheet.
        slides: Where the slide of an image is told; MIST's names are known.

    Raises:
        ValueError: If the two are not of one sheet, if nothing was filled in, or an
            answer cannot be read, with its line.
    """
    patches: dict[str, dict[str, int]] = {}
    levels: dict[str, str | None] = {}
    called_real, confidence = {REAL: [], GENERATED: []}, {REAL: [], GENERATED: []}
    for shown, answer in _matched(answers, key):
        name, what = shown["name"], shown["what"]
        levels[name] = shown["level"] or None
        patches.setdefault(name, {})[what] = _level(answers, answer)
        if answer["real"]:
            called_real[what].append(_is_real(answers, answer))
        if answer["confidence"]:
            confidence[what].append(_confidence(answers, answer))
    images = tuple(ReadImage(n, levels[n], {HUMAN: r}) for n, r in patches.items())
    of_each, told_by = (slides or SlideSource()).of([i.name for i in images])
    read = [level for of_patch in patches.values() for level in of_patch.values()]
    blank = sum(level < 0 for level in read)
    if blank == len(read) and not any(called_real.values()):
        raise ValueError(
            f"{answers} is empty: none of its {len(read)} images has a level, or says "
            "whether it is real. Fill it in, or save what was ticked on the page."
        )
    readings = Readings(images, None, of_each, told_by)
    return Answers(readings, blank, called_real, confidence)


def _matched(answers, key):
    """Rows of the key, each with its answer."""
    given, shown = _table(answers, ANSWERS), _table(key, _KEY)
    if {row["sheet"] for row in given} != {row["sheet"] for row in shown}:
        raise ValueError(f"{answers} and {key} are not of the same sheet.")
    by_number = {row["image"]: row for row in given}
    missing = [row["image"] for row in shown if row["image"] not in by_number]
    if missing or len(by_number) != len(given):
        raise ValueError(
            f"{answers} must have one row for each of {len(shown)} images. Received: "
            f"{len(given)}; missing: {', '.join(missing) or 'none'}."
        )
    return [(row, by_number[row["image"]]) for row in shown]


def _table(path, columns):
    try:
        text = Path(path).read_text(encoding="utf-8-sig", errors="surrogateescape")
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}.") from error
    first = text.partition("\n")[0]
    rows = csv.DictReader(io.StringIO(text), delimiter=";" if ";" in first else ",")
    missing = [c for c in columns if c not in (rows.fieldnames or ())]
    if missing:
        raise ValueError(
            f"{path} has no column {', '.join(missing)}. Expected a file of "
            "`he2ihc-keras level sheet`."
        )
    return [{c: (row[c] or "").strip() for c in columns} for row in rows]


def _level(path, row):
    text = row["level"].replace(" ", "")
    if not text:
        return -1
    text = text.removesuffix(".0").strip("+")
    if text not in ("0", "1", "2", "3"):
        raise _refused(path, row, "level", ", ".join(LEVELS))
    return int(text)


def _is_real(path, row):
    text = row["real"].lower()
    if text not in _REAL:
        raise _refused(path, row, "real", "yes or no")
    return _REAL[text]


def _confidence(path, row):
    text = row["confidence"].removesuffix(".0")
    if text not in CONFIDENCES:
        raise _refused(path, row, "confidence", ", ".join(CONFIDENCES))
    return int(text)


def _refused(path, row, column, known):
    return ValueError(
        f"{path}, image {row['image']}: `{column}` must be {known}, or empty. "
        f"Received: {row[column]!r}."
    )


def answers_in_words(answers: Answers) -> str:
    """Sentences: what the reader sees in generated images, and whether it is told."""
    return "\n".join(_sentences(answers))


def _sentences(answers):
    readings = answers.readings
    if answers.blank:
        yield f"{answers.blank} images have no level, and are left out."
    same = readings.agreement("kappa", HUMAN, GENERATED, REAL)
    yield f"Generated against real, same patch, same reader: kappa {same.text()}."
    shares = [answers.share_called_real(what) for what in (REAL, GENERATED)]
    if not any(np.isnan(share.value) for share in shares):
        real, generated = (share.text() for share in shares)
        yield f"Called real: {real} of the real images, {generated} of the generated."
    means = [np.mean(c) if c else np.nan for c in answers.confidence.values()]
    if not any(map(np.isnan, means)):
        yield "Confidence, 1 to 3: {:.2f} on real, {:.2f} on generated.".format(*means)
