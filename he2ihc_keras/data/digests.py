"""Digests of image files: they tell that pairs which lie elsewhere now are the same."""

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from he2ihc_keras.data.pairs import Pair
from he2ihc_keras.data.readers import Progress, of_each

_SHOWN = 3


def with_digest(pair: Pair) -> Pair:
    """A pair with the SHA-256 of its files; one that has them comes back as it is."""
    if pair.he_sha256 or pair.ihc_sha256:
        return pair
    of_files = {file: _sha256(file) for file in pair.files}
    he, ihc = (of_files.get(file, "") for file in (pair.he, pair.ihc))
    return dataclasses.replace(pair, he_sha256=he, ihc_sha256=ihc)


def with_digests(pairs: Sequence[Pair], *, progress: Progress = None) -> list[Pair]:
    """As `with_digest`, of many pairs at a time.

    Args:
        pairs: The pairs; the files of those without digest are read.
        progress: Called with the number of pairs done and of all pairs.

    Raises:
        OSError: If a file cannot be read.
    """
    return of_each(with_digest, pairs, progress)


def relocated(
    recorded: Sequence[Pair],
    found: Sequence[Pair],
    *,
    progress: Progress = None,
) -> list[Pair]:
    """Recorded pairs where they lie now, in their order, if they are the same.

    Nothing is read where the files are the recorded ones themselves.

    Args:
        recorded: Pairs with digests; their files may be gone.
        found: The pairs that may be the same, in any order.
        progress: As for `with_digests`.

    Raises:
        ValueError: If pairs are missing, additional, in another split, or changed by a
            byte, with the first few of each.
        OSError: If a file cannot be read.
    """
    before, now = _by_place(recorded), _by_place(found)
    if problems := _moved_between(before.keys(), now.keys()):
        raise ValueError(_refusal(problems))
    here = [now[place] for place in before]
    if _are_the_same_files(recorded, here):
        return list(recorded)
    here = with_digests(here, progress=progress)
    both = zip(recorded, here, strict=True)
    changed = [_name(old) for old, new in both if _content(old) != _content(new)]
    if changed:
        raise ValueError(_refusal({"changed": changed}))
    return here


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _by_place(pairs):
    return {(pair.split, _stem(pair)): pair for pair in pairs}


def _name(pair):
    return f"{pair.split}/{_stem(pair)}"


def _stem(pair):
    """A name that is another for an H&E and for an IHC that stand alone."""
    if pair.is_whole:
        return pair.name
    return f"{pair.name} ({'H&E' if pair.he else 'IHC'})"


def _content(pair):
    return pair.he_sha256, pair.ihc_sha256, pair.side_by_side


def _are_the_same_files(pairs, others):
    return all(
        one.absolute() == other.absolute() or one.resolve() == other.resolve()
        for pair, its_other in zip(pairs, others, strict=True)
        for one, other in zip(pair.files, its_other.files, strict=True)
    )


def _moved_between(before, now) -> dict[str, list[str]]:
    """What is wrong with the names, by its kind."""
    gone, new = before - now, now - before
    splits = {name: split for split, name in sorted(new)}
    elsewhere = {name: split for split, name in sorted(gone) if name in splits}
    kinds = {
        "missing": [f"{s}/{n}" for s, n in sorted(gone) if n not in elsewhere],
        "additional": [f"{s}/{n}" for s, n in sorted(new) if n not in elsewhere],
        "in another split": [
            f"{name} ({split}, now {splits[name]})" for name, split in elsewhere.items()
        ],
    }
    return {kind: names for kind, names in kinds.items() if names}


def _refusal(problems: Mapping[str, list[str]]) -> str:
    lines = ["These are not the pairs of the run, which goes on with the same ones:"]
    for kind, names in problems.items():
        more = ", ..." if len(names) > _SHOWN else ""
        lines.append(f"  {len(names)} {kind}: {', '.join(names[:_SHOWN])}{more}")
    return "\n".join([*lines, "Give the folder that they moved to, as they were."])
