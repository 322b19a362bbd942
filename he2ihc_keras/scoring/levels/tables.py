"""Readings for a terminal: tables, and what they say in sentences."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from he2ihc_keras.scoring import statistics
from he2ihc_keras.scoring.levels.readings import (
    AGREEMENT,
    HE_ALONE,
    MAJORITY,
    NAME,
    NETWORK,
    Readings,
)
from he2ihc_keras.scoring.scores import GENERATED, REAL
from he2ihc_keras.scoring.tables import LABELS

if TYPE_CHECKING:
    from rich.table import Table

METHOD_LABELS = {
    **LABELS,
    "he_copy": "H&E as IHC",
    MAJORITY: "commonest",
    HE_ALONE: "H&E alone",
}
READER_LABELS = {
    NETWORK: "network",
    "dab": "DAB density",
    "dab_area": "DAB+ area",
    "human": "the reader",
}
REFERENCES = {
    REAL: "against the reading of the real IHC of the same patch",
    NAME: "against the level of the slide, which the name tells",
}


def level_tables(readings: Readings) -> list["Table"]:
    """A table for each reference: each method by each reader, with intervals."""
    return [_table(readings, reference) for reference in readings.references]


def _table(readings, reference):
    from rich import box
    from rich.table import Table
    from rich.text import Text

    grid = Table(
        box=box.SIMPLE_HEAD,
        title=f"HER2 level, {REFERENCES[reference]}",
        title_justify="left",
        title_style="",
        padding=(0, 1, 0, 0),
    )
    grid.add_column("", no_wrap=True)
    for measure in AGREEMENT.values():
        grid.add_column(measure.title, justify="right", no_wrap=True)
    for reader in readings.readers:
        grid.add_row(Text(READER_LABELS[reader], style="bold"))
        for method in rows(readings, reader, reference):
            cells = [
                about.text(readings.agreement(name, reader, method, reference))
                for name, about in AGREEMENT.items()
            ]
            grid.add_row(METHOD_LABELS[method], *map(Text, cells))
        grid.add_section()
    return grid


def rows(readings: Readings, reader: str, reference: str) -> list[str]:
    """The methods to show; nothing is held against itself."""
    return [method for method in readings.methods(reader) if method != reference]


def level_notes(readings: Readings) -> list[str]:
    """What to mind about the tables, a sentence each."""
    return [note for note in _notes(readings) if note]


def _notes(readings) -> Iterator[str]:
    if readings.slides is None:
        yield (
            "Slides are not known (--slide-regex, --groups): intervals are by patch,\n"
            "too narrow where patches share a slide."
        )
        if readings.majority is not None:
            yield "It is all optimistic where the reader was trained on their slides."
    else:
        count = len(set(readings.slides))
        yield f"Intervals by {count} slides (from {readings.slides_from})."
        seen = readings.about.get("slides_trained_on")
        if seen:
            yield f"The reader was trained on {seen} of them: optimistic."
    of = "images" if readings.slides is None else "slides"
    yield statistics.few_clusters_note(readings.clusters, of=of)
    if NAME in readings.references:
        yield "Levels of names are those of slides: a patch may show another."
    yield (
        "kappa: quadratic weights, 0 is chance. Right: the share of the patches; "
        "balanced: the\nmean over the levels. 2 off: by two levels or more. Intervals: "
        "95 % bootstrap."
    )
    if readings.majority is not None:
        yield "Commonest: always the commonest level of the reader's training."


def level_verdict(readings: Readings) -> str:
    """Sentences: does the reader work, and does generated stain tell the level?"""
    return "\n".join(filter(None, _sentences(readings)))


def _sentences(readings) -> Iterator[str]:
    methods = readings.methods(NETWORK)
    ceiling = None
    if NAME in readings.references and REAL in methods:
        ceiling = readings.agreement("kappa", NETWORK, REAL, NAME)
        yield (
            f"Level of the real IHC: kappa {ceiling.text()} with the names"
            f"{_fails(ceiling, 'read nothing else from this')}."
        )
    if HE_ALONE in methods and NAME in readings.references:
        floor = readings.agreement("kappa", NETWORK, HE_ALONE, NAME)
        yield (
            f"Level of the H&E alone: kappa {floor.text()} with the names"
            f"{_fails(floor, 'the H&E may not tell it')}."
        )
    if GENERATED not in methods:
        return
    found = readings.agreement("kappa", NETWORK, GENERATED, REAL)
    yield (
        f"Level of the generated IHC: kappa {found.text()} with that of the real IHC"
        f"{_fails(found, 'the generated stain may not tell it')}."
    )
    yield _against_he(readings)
    if ceiling is not None:
        yield _degradation(readings, ceiling)


def _fails(interval, what):
    if not interval.has_bounds or interval.low > 0:
        return ""
    return f", not proven better than chance: {what}"


def _against_he(readings):
    if HE_ALONE not in readings.methods(NETWORK):
        return (
            "Whether that is more than the H&E alone tells is not known: give a reader "
            "of the H&E with a second --level (he2ihc-keras train her2_level --set "
            "trainer.stain=he)."
        )
    gain = readings.difference("kappa", NETWORK, GENERATED, HE_ALONE, REAL)
    if not gain.contains(0) and gain.value > 0:
        return f"That is more than the H&E alone tells, by {gain.text()}."
    how = "no more than" if gain.contains(0) else "less than"
    return (
        f"That is {how} the H&E alone tells: {gain.text('{:+.2f}')}. The generated "
        "stain adds nothing to the H&E."
    )


def _degradation(readings, ceiling):
    found = readings.agreement("kappa", NETWORK, GENERATED, NAME)
    if not ceiling.has_bounds or ceiling.low <= 0:
        return "Kappa kept of the real IHC's, with the names: undefined, as that is 0."
    kept = found.value / ceiling.value
    return (
        f"With the names, kappa {found.text()} of generated and {ceiling.text()} of "
        f"real IHC: {kept:.2f} of it is kept."
    )
