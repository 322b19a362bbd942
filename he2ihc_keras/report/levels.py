"""The section of a page on levels that readers saw: tables, and what is taken for what.

Confusion matrices stand beside kappa, which hides that one level is never read.
"""

from pathlib import Path
from typing import NamedTuple

from he2ihc_keras.data.pairs import LEVELS
from he2ihc_keras.scoring import GENERATED, REAL
from he2ihc_keras.scoring.levels import (
    AGREEMENT,
    HE_ALONE,
    METHOD_LABELS,
    NAME,
    READER_LABELS,
    Readings,
    level_notes,
    level_verdict,
    levels_beside,
    read_levels,
)
from he2ihc_keras.scoring.levels.tables import REFERENCES, rows

# What is read, and what it is held against, of the matrices that are shown
_MATRICES = ((REAL, NAME), (GENERATED, REAL), (GENERATED, NAME), (HE_ALONE, NAME))
_AGAINST = {REAL: "the real IHC as read", NAME: "the slide's level"}


class Matrix(NamedTuple):
    """A confusion matrix.

    Attributes:
        title: What was read.
        reader: Who read it.
        reference: What its rows are.
        rows: A level, and for each level that was read the count and its share.
    """

    title: str
    reader: str
    reference: str
    rows: list[tuple[str, list[tuple[int, float]]]]


class LevelTable(NamedTuple):
    """Agreement with one reference: for each reader its rows of label and cells."""

    caption: str
    blocks: list[tuple[str, list[tuple[str, str, list[tuple[str, str]]]]]]


class LevelSection(NamedTuple):
    """All that a page says of levels."""

    verdict: list[str]
    measures: list[str]
    tables: list[LevelTable]
    levels: tuple[str, ...]
    matrices: list[Matrix]
    notes: list[str]


def level_section(scores: Path) -> LevelSection | None:
    """The section of a `scores.csv`; `None` where no levels were read beside it."""
    readings = read_levels(levels_beside(scores))
    if readings is None:
        return None
    return LevelSection(
        level_verdict(readings).splitlines(),
        [measure.title for measure in AGREEMENT.values()],
        [_table(readings, reference) for reference in readings.references],
        LEVELS,
        list(_matrices(readings)),
        level_notes(readings),
    )


def _table(readings: Readings, reference) -> LevelTable:
    blocks = []
    for reader in readings.readers:
        methods = rows(readings, reader, reference)
        of_reader = [
            (method, METHOD_LABELS[method], _cells(readings, reader, method, reference))
            for method in methods
        ]
        blocks.append((READER_LABELS[reader], of_reader))
    return LevelTable(f"Level, {REFERENCES[reference]}", blocks)


def _cells(readings, reader, method, reference):
    """Each measure and its interval, in words."""
    texts = (
        about.text(readings.agreement(name, reader, method, reference)).partition(" [")
        for name, about in AGREEMENT.items()
    )
    return [
        (value, bounds.rstrip("]").replace(", ", " to ")) for value, _, bounds in texts
    ]


def _matrices(readings: Readings):
    for reader in readings.readers:
        for method, reference in _MATRICES:
            if method in readings.methods(reader) and reference in readings.references:
                yield Matrix(
                    METHOD_LABELS[method],
                    READER_LABELS[reader],
                    _AGAINST[reference],
                    _shares(readings.confusion(reader, method, reference)),
                )


def _shares(confusion):
    """Counts, and how much of its row each is."""
    return [
        (level, [(count, count / max(sum(row), 1)) for count in row])
        for level, row in zip(LEVELS, confusion.tolist(), strict=True)
    ]
