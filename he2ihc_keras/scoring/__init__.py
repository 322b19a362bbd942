"""Generated IHC against real IHC, always beside baselines that need no model.

    folders -> score_folders ->+            +-> table, stain_table, verdict
    a run   -> score_run     ->+-> Scores --+-> write_scores, read_scores
    images  -> score_images  ->+            +-> compare

One row per image, and the mean of per-image values with its bootstrap interval, under
a named protocol: the same 977 images of BCI score 22.8 or 20.0 dB, by protocol.
"""

from he2ihc_keras.scoring.baselines import mean_colour
from he2ihc_keras.scoring.comparison import Comparison, Difference, compare, difference
from he2ihc_keras.scoring.folders import Folders, explain_folders, score_folders
from he2ihc_keras.scoring.images import Generated, score_images
from he2ihc_keras.scoring.measured import MEASURES, Measure
from he2ihc_keras.scoring.protocols import PROTOCOLS, Protocol, protocol
from he2ihc_keras.scoring.record import read_scores, write_scores
from he2ihc_keras.scoring.results import find_results
from he2ihc_keras.scoring.runs import score_run
from he2ihc_keras.scoring.scores import (
    BASELINES,
    BLURRED_TARGET,
    GENERATED,
    HE_COPY,
    MEAN_COLOUR,
    REAL,
    SCORED_IHC,
    TRAINING_IHC,
    ScoredImage,
    Scores,
)
from he2ihc_keras.scoring.sets import SetScores, has_held_out_pairs, score_sets
from he2ihc_keras.scoring.slides import SlideSource
from he2ihc_keras.scoring.statistics import Interval
from he2ihc_keras.scoring.tables import (
    comparison_table,
    explanation,
    explanation_in_words,
    stain_table,
    table,
    verdict,
)

__all__ = [
    "BASELINES",
    "BLURRED_TARGET",
    "GENERATED",
    "HE_COPY",
    "MEAN_COLOUR",
    "MEASURES",
    "PROTOCOLS",
    "REAL",
    "SCORED_IHC",
    "TRAINING_IHC",
    "Comparison",
    "Difference",
    "Folders",
    "Generated",
    "Interval",
    "Measure",
    "Protocol",
    "ScoredImage",
    "Scores",
    "SetScores",
    "SlideSource",
    "compare",
    "comparison_table",
    "difference",
    "explain_folders",
    "explanation",
    "explanation_in_words",
    "find_results",
    "has_held_out_pairs",
    "mean_colour",
    "protocol",
    "read_scores",
    "score_folders",
    "score_images",
    "score_run",
    "score_sets",
    "stain_table",
    "table",
    "verdict",
    "write_scores",
]
