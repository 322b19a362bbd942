"""Models for others, and from others: SavedModel, and PyTorch's weights."""

from he2ihc_keras.export.pytorch import convert, model_from_state_dict
from he2ihc_keras.export.recognize import recognize
from he2ihc_keras.export.saved_model import export_saved_model
from he2ihc_keras.export.state_dict import read_state_dict

__all__ = [
    "convert",
    "export_saved_model",
    "model_from_state_dict",
    "read_state_dict",
    "recognize",
]
