"""Trained generators on images without an IHC partner."""

from he2ihc_keras.inference.files import (
    check_out,
    find_images,
    predict_files,
    stain_image,
)
from he2ihc_keras.inference.held_out import held_out, stain_pairs
from he2ihc_keras.inference.level_network import LevelNetwork
from he2ihc_keras.inference.load import (
    kept_network,
    load_generator,
    load_reader,
    load_recipe,
    predicts,
)
from he2ihc_keras.inference.modes import Modes, showing_spread, with_modes
from he2ihc_keras.inference.record import stained_before, stained_by, write_record
from he2ihc_keras.inference.stainer import Stainer

__all__ = [
    "LevelNetwork",
    "Modes",
    "Stainer",
    "check_out",
    "find_images",
    "held_out",
    "kept_network",
    "load_generator",
    "load_reader",
    "load_recipe",
    "predict_files",
    "predicts",
    "showing_spread",
    "stain_image",
    "stain_pairs",
    "stained_before",
    "stained_by",
    "with_modes",
    "write_record",
]
