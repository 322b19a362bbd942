"""Results as any method left them on disk: which image belongs to which.

    folders -> layouts: which images, of which role
            -> endings: which names are one
            -> matching: a row per patch

or every problem of names and sizes in one message, before anything is scored.
"""

from he2ihc_keras.scoring.results.files import (
    FAKE_IHC,
    HE,
    IHC,
    AnyImage,
    ImageFile,
    ResultFiles,
    pixels_of,
)
from he2ihc_keras.scoring.results.layouts import open_folder
from he2ihc_keras.scoring.results.matching import Results, find_results

__all__ = [
    "FAKE_IHC",
    "HE",
    "IHC",
    "AnyImage",
    "ImageFile",
    "ResultFiles",
    "Results",
    "find_results",
    "open_folder",
    "pixels_of",
]
