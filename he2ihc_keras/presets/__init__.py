"""Models that come with the package: small ones, trained on synthetic tissue.

They show what the commands do, at once and without data. Beside each lie its card and
its recipe.
"""

from importlib import resources
from pathlib import Path

_FOLDER = Path(str(resources.files(__name__)))


def names() -> tuple[str, ...]:
    """Names that stand for a model, in alphabetical order."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.keras")))


def found(place: Path | str) -> Path:
    """The file of a model that comes with the package, or a place as it is.

    Args:
        place: A name of `names`, unless a file or folder is called so; else any path.
    """
    place = Path(place)
    is_name = str(place) in names() and not place.exists()
    return _FOLDER / f"{place}.keras" if is_name else place


def card(name: str) -> str:
    """What is to be known of one, in Markdown."""
    return (_FOLDER / f"{name}.md").read_text(encoding="utf-8")
