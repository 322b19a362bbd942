"""From a recipe and pairs to a run folder, exactly resumable."""

from he2ihc_keras.trainers import ConditionalGAN
from he2ihc_keras.training.adam import Adam
from he2ihc_keras.training.callbacks import Interrupted
from he2ihc_keras.training.panels import sample_panel
from he2ihc_keras.training.precision import resolve_precision
from he2ihc_keras.training.run import build_trainer, fit, resume
from he2ihc_keras.training.run_folder import RunFolder
from he2ihc_keras.training.schedules import ConstantThenLinear

__all__ = [
    "Adam",
    "ConditionalGAN",
    "ConstantThenLinear",
    "Interrupted",
    "RunFolder",
    "build_trainer",
    "fit",
    "resolve_precision",
    "resume",
    "sample_panel",
]
