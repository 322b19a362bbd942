"""The images that were scored: from their folders, or stained again by their run."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from he2ihc_keras.data.pairs import size_text
from he2ihc_keras.measures import psnr
from he2ihc_keras.scoring import Folders, Generated, ScoredImage, Scores, read_scores

# A run stains alike on every machine, but for the rounding of its arithmetic.
_SAME_PSNR = 0.1

# results/NAME/test_latest/images of pix2pix and its descendants
_TELLS_NOTHING = re.compile(r"images|test_\w+|fake_B")


@dataclass(frozen=True)
class Source:
    """Scores, and what is known of where they come from.

    Attributes:
        path: The run folder or the CSV that was asked for.
        scores: Its scores.
        record: The `.json` beside them; empty where there is none.
    """

    path: Path
    scores: Scores
    record: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> "Source":
        """Read what `score` or `train` left.

        Raises:
            ValueError: As `he2ihc_keras.scoring.read_scores`.
        """
        return cls(Path(path), *read_scores(path))

    @property
    def said(self) -> Mapping[str, Any]:
        """What the record says of where the images are from, by name."""
        said = self.record.get("source", {})
        return {name: value for name, value in said.items() if value is not None}

    @property
    def run(self) -> Path | None:
        """The run folder that was asked for, or the run or `.keras` of the record."""
        if "predicted" in self.said:
            return None
        folder = self.path if self.path.is_dir() else self.path.parent
        is_its_csv = self.path in (folder, folder / "scores.csv")
        if is_its_csv and (folder / "recipe.toml").is_file():
            return folder
        return Path(self.said["run"]) if "run" in self.said else None

    @property
    def name(self) -> str:
        """What a title calls the source: the last part of its path that tells one."""
        path = self.said.get("predicted") or self.run or self.path
        parts = Path(path).resolve().parts
        telling = [part for part in parts if not _TELLS_NOTHING.fullmatch(part)]
        return (telling or parts)[-1]


class Compared(NamedTuple):
    """A patch as it was compared, and pictures of what it was blended of, by name."""

    image: Generated
    parts: Mapping[str, np.ndarray]


def read_images(source: Source, chosen: Sequence[ScoredImage]) -> Iterator[Compared]:
    """The images of some scores, as they were compared.

    Images of folders are read again; those of a run are stained again, by the model and
    in the modes that were scored.

    Args:
        source: Where they come from.
        chosen: Which of its images.

    Yields:
        In the order of `chosen`.

    Raises:
        ValueError: If the record does not tell where they are, if one cannot be found
            or read, or if one is not what was scored: its PSNR is another.
    """
    generators = None
    if "predicted" in source.said:
        images = _from_folders(source, chosen)
    elif source.run is not None:
        images, generators = _from_run(source, chosen)
    else:
        raise ValueError("Neither the CSV nor a .json beside it says where they are.")
    for scored, image in zip(chosen, images, strict=True):
        compared = _as_compared(image, scored, source.scores.protocol)
        yield Compared(compared, generators.pictures(compared.he) if generators else {})


def _from_folders(source, chosen):
    said = source.said
    names = ("predicted", "target", "he", "train_ihc")
    folders = {name: Path(said[name]) for name in names if name in said}
    panels = said["panels"].split(",") if "panels" in said else None
    found = Folders(**folders, panels=panels).find(source.scores.protocol)
    rows = {row.name: row for row in found.rows}
    for image in chosen:
        row = _of_name(rows, image.name)
        he = row.he and row.he.read()
        yield Generated(row.name, image.level, row.fake_ihc.read(), row.ihc.read(), he)


def _from_run(source, chosen):
    # Imported here: what lies in folders needs neither Keras nor TensorFlow.
    from he2ihc_keras import inference
    from he2ihc_keras.scoring.generators import Generators
    from he2ihc_keras.scoring.runs import recipe_and_pairs

    data = source.said.get("data")
    recipe, pairs = recipe_and_pairs(source.run, data and Path(data))
    _, held_out = inference.held_out(pairs)
    by_name = {pair.name: pair for pair in held_out}
    generator = inference.load_generator(source.run)
    stainer = inference.Stainer(inference.with_modes(generator, _modes(source)))
    protocol = source.scores.protocol
    stained = inference.stain_pairs(
        stainer,
        [_of_name(by_name, image.name) for image in chosen],
        recipe,
        view=None if protocol.is_native else protocol.view,
    )
    # Which look at the generator as it is
    is_plain = _modes(source) == inference.Modes()
    return (
        (Generated(*image) for image in stained),
        Generators.of(generator) if is_plain else None,
    )


def _modes(source):
    from he2ihc_keras.inference import Modes

    return Modes(**source.said.get("modes", {}))


def _of_name(found, name):
    if name not in found:
        raise ValueError(f"{name} was scored, but is no longer there.")
    return found[name]


def _as_compared(image, scored, protocol):
    """The part that is compared, if it still is what was scored."""
    fake_ihc, ihc = protocol.view(image.fake_ihc), protocol.view(image.ihc)
    if ihc.shape[:2] != scored.size:
        raise ValueError(
            f"{scored.name} was {size_text(scored.size)} when it was scored, and is "
            f"{size_text(ihc.shape)} now."
        )
    now, then = psnr(ihc, fake_ihc), scored.scores["generated"]["psnr"]
    if now != then and not abs(now - then) <= _SAME_PSNR:
        raise ValueError(
            f"{scored.name} scored {then:.2f} dB, and scores {now:.2f} dB now: it was "
            "changed after it was scored."
        )
    he = None if image.he is None else protocol.view(image.he)
    return Generated(scored.name, scored.level, fake_ihc, ihc, he)
