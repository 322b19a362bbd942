"""The zoo: recipes, each with its card.

Each generator has a recipe of its own name; others, such as `unet_gan`, train one of
those networks in another way.
"""

import difflib
from importlib import resources
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from he2ihc_keras.recipe import Recipe

_FOLDER = resources.files(__name__)


def names() -> tuple[str, ...]:
    """Names of the recipes, in alphabetical order."""
    files = (entry.name for entry in _FOLDER.iterdir())
    return tuple(sorted(f.removesuffix(".toml") for f in files if f.endswith(".toml")))


def recipe(name: str) -> "Recipe":
    """A recipe by name, with its published settings.

    Raises:
        ValueError: If the name is unknown.
    """
    from he2ihc_keras.recipe import Recipe

    _check(name)
    with resources.as_file(_FOLDER / f"{name}.toml") as path:
        return Recipe.load(path)


def card(name: str) -> str:
    """The card of a recipe, in Markdown.

    Raises:
        ValueError: If the name is unknown.
    """
    _check(name)
    return (_FOLDER / f"{name}.md").read_text(encoding="utf-8")


def summary(name: str) -> str:
    """The first sentence of the card."""
    _, _, body = card(name).partition("## What it does\n")
    return " ".join(body.split("\n\n")[0].split()).partition(". ")[0].rstrip(".") + "."


def _check(name):
    if name not in names():
        near = difflib.get_close_matches(name, names(), n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"Unknown model {name!r}. Known: {', '.join(names())}.{hint}")
