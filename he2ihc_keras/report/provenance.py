"""What stands at the end of a page: how its numbers came about, and from what."""

import csv
import json
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from he2ihc_keras.data.pairs import LEVELS, SPLITS
from he2ihc_keras.report.sources import Source
from he2ihc_keras.scoring.record import names_sha256

_SAID = {
    "predicted": "Generated images",
    "target": "Real IHC",
    "he": "H&E",
    "train_ihc": "Training IHC",
    "panels": "Side by side in each file",
    "scored": "What was scored",
    "stained_by": "Stained by",
    "run": "Run",
    "data": "Data",
    "modes": "Generator",
    "backend": "Backend of Keras",
}
_APART = ("features",)  # stands below the tables
_MAIN_PACKAGES = (
    *("he2ihc-keras", "keras", "tensorflow", "numpy", "scipy", "scikit-image"),
    *("pillow", "python", "platform"),
)

# What README says of licences, for who gets the page alone
TERMS = (
    "The page cannot tell which data set the images are from. If they are BCI's: no "
    "commercial use, neither of the images nor of what is derived from them, as "
    "generated images and trained models are; cite Liu et al. (2022), "
    "https://arxiv.org/abs/2204.11425. If they are MIST's: cite Li et al. (2023); no "
    "licence is stated for its images. Phantom pairs are made by he2ihc-keras and are "
    "free."
)
TERMS_OF_PHANTOM = (
    "The pairs are a phantom: synthetic images made by he2ihc-keras, free to use. What "
    "a network scores on them says nothing about patients."
)


class Counts(NamedTuple):
    """Pairs by split and HER2 level."""

    levels: list[str]
    rows: list[tuple[str, int, list[int]]]


class Provenance(NamedTuple):
    """Where scores come from.

    Attributes:
        facts: Headings and what they say, from the protocol to the hash.
        counts: Pairs, or images, of each split and level.
        recipe: The run's recipe as resolved, TOML; "" where there is none.
        versions: The packages that matter, by name.
        all_versions: All that were installed.
        terms: What the data sets ask for.
        is_phantom: Whether the pairs are synthetic.
    """

    facts: list[tuple[str, str]]
    counts: Counts
    recipe: str
    versions: dict[str, str]
    all_versions: dict[str, str]
    terms: str
    is_phantom: bool


def provenance(source: Source) -> Provenance:
    """Gather it from the record, and from the run folder where that is at hand."""
    run = source.run
    versions = _versions(run)
    main = {name: versions[name] for name in _MAIN_PACKAGES if name in versions}
    pairs = _pairs(run)
    is_phantom = _is_phantom(pairs, run)
    return Provenance(
        _facts(source),
        _count(pairs or _scored(source.scores)),
        _text(run, "recipe.toml"),
        main,
        versions,
        TERMS_OF_PHANTOM if is_phantom else TERMS,
        is_phantom,
    )


def _facts(source):
    scores, record = source.scores, source.record
    protocol = scores.protocol
    facts = [
        ("Protocol", f"{protocol.name}, {scores.scale or protocol.size}"),
        ("Measured", protocol.how),
        ("Source of the protocol", protocol.source.replace("`", "")),
        ("Stain vectors", scores.vectors.source),
        ("Slides", scores.slides_from or "not known"),
        ("Sizes (width x height)", _sizes(record.get("sizes", {}))),
        *_said(source),
        ("Scores", str(source.path.resolve())),
        ("SHA-256 of the sorted names", names_sha256(scores)),
        ("Scored by", _scored_by(record)),
    ]
    return [(heading, said) for heading, said in facts if said]


def _said(source):
    """What the record says of the source, under the headings of a reader."""
    for name, said in source.said.items():
        if name not in _APART:
            yield _SAID.get(name, name), _words(said)


def _words(said):
    if isinstance(said, dict):
        return "; ".join(f"{name}: {value}" for name, value in said.items())
    return str(said)


def _sizes(sizes):
    return ", ".join(f"{size} ({count})" for size, count in sizes.items())


def _scored_by(record):
    version = record.get("he2ihc_keras")
    return f"he2ihc-keras {version}" if version else ""


# Of the run folder


def _text(run: Path | None, name: str) -> str:
    if run is None or not (run / name).is_file():
        return ""
    return (run / name).read_text(encoding="utf-8", errors="replace")


def _versions(run):
    text = _text(run, "versions.json")
    return {name: str(version) for name, version in json.loads(text or "{}").items()}


def _pairs(run):
    """Rows of the run's pairs; not `read_pairs_csv`, as images may have moved."""
    return list(csv.DictReader(_text(run, "pairs.csv").splitlines()))


def _is_phantom(pairs, run):
    """Whether these are the pairs that a quick start made in its run folder."""
    return bool(pairs) and all(
        Path(pair["he"]).is_relative_to(run.absolute() / "phantom") for pair in pairs
    )


def _scored(scores):
    return [{"split": "scored", "level": i.level or ""} for i in scores.images]


def _count(pairs) -> Counts:
    counted = Counter((pair["split"], pair["level"]) for pair in pairs)
    present = {level for _, level in counted}
    levels = [level for level in (*LEVELS, "") if level in present]
    splits = [s for s in (*SPLITS, "scored") if any(s == split for split, _ in counted)]
    rows = []
    for split in splits:
        of_split = [counted[split, level] for level in levels]
        rows.append((split, sum(of_split), of_split))
    return Counts([level or "no level" for level in levels], rows)
