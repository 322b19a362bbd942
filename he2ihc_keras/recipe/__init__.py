"""Recipes: everything a run needs to know, as TOML."""

from he2ihc_keras.data.options import Data
from he2ihc_keras.recipe.choices import Choice, Network
from he2ihc_keras.recipe.recipe import Recipe
from he2ihc_keras.recipe.sections import Fit, Optimizer
from he2ihc_keras.recipe.settings import parse_setting

__all__ = [
    "Choice",
    "Data",
    "Fit",
    "Network",
    "Optimizer",
    "Recipe",
    "parse_setting",
]
