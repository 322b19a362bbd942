"""From a recipe and pairs to a run folder, exactly resumable."""

from he2ihc_keras.engine.precision import resolve_precision
from he2ihc_keras.optimizers import Adam, ConstantThenLinear
from he2ihc_keras.trainers import ConditionalGAN
from he2ihc_keras.training.panels import sample_panel
from he2ihc_keras.training.run import build_trainer, fit, resume
from he2ihc_keras.training.run_folder import RunFolder
from he2ihc_keras.training.signals import Interrupted, Signals

__all__ = [
    "Adam",
    "ConditionalGAN",
    "ConstantThenLinear",
    "Interrupted",
    "RunFolder",
    "Signals",
    "build_trainer",
    "fit",
    "resolve_precision",
    "resume",
    "sample_panel",
]
