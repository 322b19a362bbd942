"""Ways of training, one file each: the paper's algorithm in plain Keras."""

import importlib.metadata
import inspect

from he2ihc_keras import models
from he2ihc_keras.tables import unknown
from he2ihc_keras.trainers.batch import Batch, Generated
from he2ihc_keras.trainers.conditional_gan import ConditionalGAN
from he2ihc_keras.trainers.cycle_gan import CycleGAN
from he2ihc_keras.trainers.diffusion_bridge import DiffusionBridge
from he2ihc_keras.trainers.held_out import HeldOut
from he2ihc_keras.trainers.level_reader import LevelReader
from he2ihc_keras.trainers.multi_generator_gan import MultiGeneratorGAN
from he2ihc_keras.trainers.supervised import Supervised
from he2ihc_keras.trainers.trainer import Trainer, keyword_only

__all__ = [
    "Batch",
    "ConditionalGAN",
    "CycleGAN",
    "DiffusionBridge",
    "Generated",
    "HeldOut",
    "LevelReader",
    "MultiGeneratorGAN",
    "Supervised",
    "Trainer",
    "get",
    "is_loaded",
    "names",
    "options",
    "register",
]

# What the attributes of a trainer may say
PREDICTIONS = ("image", "level")
NEEDS = ("paired", "unpaired", "levels")

_ENTRY_POINTS = "he2ihc_keras.trainers"
_TRAINERS: dict[str, type[Trainer]] = {
    "conditional_gan": ConditionalGAN,
    "cycle_gan": CycleGAN,
    "diffusion_bridge": DiffusionBridge,
    "level_reader": LevelReader,
    "multi_generator_gan": MultiGeneratorGAN,
    "supervised": Supervised,
}


def names() -> tuple[str, ...]:
    """Names that a recipe may give as `trainer.name`, in alphabetical order.

    Those of this package, those that `register` added, and the entry points
    `he2ihc_keras.trainers` of installed packages.
    """
    return tuple(sorted({*_TRAINERS, *_installed().names}))


def is_loaded(name: str) -> bool:
    """Whether a trainer is known without importing a package that brings it."""
    return name in _TRAINERS


def get(name: str) -> type[Trainer]:
    """A trainer's class by its name.

    Raises:
        ValueError: If the name is unknown.
    """
    if name not in names():
        message = unknown(f"trainer {name!r}", name, names())
        raise ValueError(f"{message} One from elsewhere needs --import MODULE.")
    if name not in _TRAINERS:
        register(name, _installed()[name].load())
    return _TRAINERS[name]


def register(name: str, trainer: type[Trainer]) -> None:
    """Makes a trainer from outside this package known to recipes.

    Args:
        name: What a recipe calls it: `trainer.name`.
        trainer: A `Trainer` with `roles`, `players` and `step`.

    Raises:
        TypeError: If it is no `Trainer`.
        ValueError: If another trainer has the name, or its roles, players or needs are
            not such as a `Trainer` has.
    """
    if not (isinstance(trainer, type) and issubclass(trainer, Trainer)):
        raise TypeError(
            f"`trainer` must be a subclass of Trainer. Received: {trainer}."
        )
    if _TRAINERS.get(name, trainer) is not trainer:
        raise ValueError(
            f"There is a trainer {name!r} already, {_TRAINERS[name].__qualname__}. "
            "Choose another name."
        )
    if problem := _what_is_odd(trainer):
        raise ValueError(f"{trainer.__qualname__}.{problem}.")
    _TRAINERS[name] = trainer


def _what_is_odd(trainer):
    roles, players = set(trainer.roles), trainer.players.values()
    moved = {role for roles_of_player in players for role in roles_of_player}
    checks = {
        "roles": (set(trainer.roles.values()), models.KINDS),
        "players": (moved, roles),
        "staining": ({trainer.staining}, roles),
        "predicts": ({trainer.predicts}, PREDICTIONS),
        "needs": (set(trainer.needs), NEEDS),
    }
    for attribute, (received, known) in checks.items():
        if odd := sorted(received - set(known)):
            known = ", ".join(sorted(known))
            return f"{attribute} names {odd[0]!r}, which is none of: {known}"
    return ""


def options(name: str) -> dict[str, inspect.Parameter]:
    """Options of a trainer, with annotation and default; its networks are not among."""
    return keyword_only(get(name))


def _installed():
    return importlib.metadata.entry_points(group=_ENTRY_POINTS)
