"""Which slide an image was cut from: patches of one slide are not independent."""

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from he2ihc_keras.data import pairs
from he2ihc_keras.data.images import IMAGE_SUFFIXES
from he2ihc_keras.scoring.results.problems import shortened


@dataclass(frozen=True)
class SlideSource:
    """What tells the slide of an image.

    Attributes:
        regex: A regular expression that finds it in an image's name: its first group
            or, without one, all that it matches.
        csv: A CSV file with the columns `image` and `slide`.

    Raises:
        ValueError: If both are given.
    """

    regex: str | None = None
    csv: Path | None = None

    def __post_init__(self):
        if self.regex is not None and self.csv is not None:
            raise ValueError(
                "The slide of an image is told by a pattern or by a CSV file. "
                f"Received both: {self.regex!r} and {self.csv}."
            )

    def of(self, names: Sequence[str]) -> tuple[tuple[str, ...] | None, str]:
        """The slide of each image, and what told it, in words.

        With neither `regex` nor `csv`, a subfolder (`slide_7/tile_3`) is a slide and
        MIST's names (`14M2102785_23_16`) are known; slides of other names are not,
        which gives `None` and "".

        Raises:
            ValueError: If the slide of an image is not told.
        """
        if self.csv is not None:
            return groups_from_csv(self.csv, names), str(self.csv)
        slides = groups_from_names(names, self.regex)
        if slides is None:
            return None, ""
        if self.regex is not None:
            return slides, f"names, {self.regex}"
        return slides, "subfolders" if any("/" in n for n in names) else "MIST's names"


def slide_of(name: str, pattern: str | re.Pattern[str]) -> str | None:
    """The slide that a name tells, or `None` where the pattern finds none.

    Args:
        name: An image's name without its ending.
        pattern: A regular expression, found anywhere in the name. Its first group is
            the slide or, if it has none, all that it matches.
    """
    match = re.search(pattern, name)
    return (match[1 if match.re.groups else 0] or None) if match else None


def groups_from_names(
    names: Sequence[str], regex: str | None = None
) -> tuple[str, ...] | None:
    """The slide of each image, from its name.

    Args:
        names: Names of images without endings.
        regex: See `slide_of`. Without it, what `he2ihc_keras.data.pairs.slide_of`
            tells, if it does of all.

    Returns:
        Slides in the order of `names`, or `None` if no `regex` was given and names do
        not tell them.

    Raises:
        ValueError: If `regex` is not a regular expression, or finds no slide in some
            names.
    """
    if regex is None:
        slides = tuple(map(pairs.slide_of, names))
        return slides if names and all(slides) else None
    pattern = _compiled(regex)
    slides = [slide_of(name, pattern) for name in names]
    if all(slides):
        return tuple(slides)
    without = [name for name, slide in zip(names, slides, strict=True) if not slide]
    raise ValueError(
        f"The slide pattern `{regex}` finds no slide in {len(without)} of {len(names)} "
        f"names: {shortened(without)}. Every image needs its slide."
    )


def groups_from_csv(path: str | Path, names: Sequence[str]) -> tuple[str, ...]:
    """The slide of each image, from a CSV file with the columns `image` and `slide`.

    Folders and endings of its images are ignored, as are other columns and images that
    are not asked for.

    Args:
        path: A CSV file in UTF-8 whose first row names the columns.
        names: Names of images without endings.

    Returns:
        Slides in the order of `names`.

    Raises:
        ValueError: If the file cannot be read, a column or the slide of an image is
            missing, or an image has two slides.
    """
    slides = _slides_in(Path(path))
    without = [name for name in names if _stem(name) not in slides]
    if without:
        raise ValueError(
            f"{path} tells no slide of {len(without)} of {len(names)} images: "
            f"{shortened(without)}. Every image needs its slide."
        )
    return tuple(slides[_stem(name)] for name in names)


def _compiled(pattern):
    try:
        return re.compile(pattern)
    except re.error as error:
        raise ValueError(
            f"The slide pattern `{pattern}` is not a regular expression: {error}."
        ) from error


def _slides_in(path: Path) -> dict[str, str]:
    slides = {}
    for image, slide in _rows(path):
        name = _stem(image)
        if slide and slides.setdefault(name, slide) != slide:
            raise ValueError(
                f"{path} tells two slides of {name}: {slides[name]} and {slide}. "
                "Names are compared without folders and endings."
            )
    return slides


def _rows(path):
    try:
        # With or without the mark that Excel puts first
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} cannot be read as UTF-8 text: {error}.") from error
    rows = csv.DictReader(text.splitlines(), skipinitialspace=True)
    columns = rows.fieldnames or []
    if not {"image", "slide"} <= set(columns):
        raise ValueError(
            f"{path} must have the columns image and slide, named in its first row and "
            f"parted by commas. Received: {', '.join(columns) or 'nothing'}."
        )
    for row in rows:
        yield (row["image"] or "").strip(), (row["slide"] or "").strip()


def _stem(name):
    path = Path(name)
    return path.stem if path.suffix.lower() in IMAGE_SUFFIXES else path.name
