"""Generated IHC against real IHC, always beside baselines that need no model.

    folders -> score_folders ->+
                               |-> Scores -> table, verdict, write_csv
    a model -> score_images  ->+

One row per image and the mean of per-image values: a pooled MSE would move the same
977 images of BCI from 22.8 to 20.0 dB.
"""

from he2ihc_keras.scoring.baselines import mean_colour
from he2ihc_keras.scoring.folders import score_folders
from he2ihc_keras.scoring.images import Generated, score_images
from he2ihc_keras.scoring.runs import score_run
from he2ihc_keras.scoring.scores import (
    GENERATED,
    HE_COPY,
    MEAN_COLOUR,
    SCORED_IHC,
    TRAINING_IHC,
    Score,
    ScoredImage,
    Scores,
)
from he2ihc_keras.scoring.tables import table, verdict, write_csv

__all__ = [
    "GENERATED",
    "HE_COPY",
    "MEAN_COLOUR",
    "SCORED_IHC",
    "TRAINING_IHC",
    "Generated",
    "Score",
    "ScoredImage",
    "Scores",
    "mean_colour",
    "score_folders",
    "score_images",
    "score_run",
    "table",
    "verdict",
    "write_csv",
]
