"""The HER2 level that readers see in images: real, generated, and with no stain at all.

    runs that read levels -> Readers -> LevelReading sees images -> Readings -> tables

Three readers, always side by side: a network that was trained on real IHC, and the
amount of stain, as mean DAB density and as positive area, each cut by three thresholds.
"""

from he2ihc_keras.scoring.levels.amounts import best_thresholds, cut
from he2ihc_keras.scoring.levels.readers import LevelReading, Readers, read_run
from he2ihc_keras.scoring.levels.readings import (
    AGREEMENT,
    HE_ALONE,
    HUMAN,
    MAJORITY,
    NAME,
    NETWORK,
    READERS,
    ReadImage,
    Readings,
)
from he2ihc_keras.scoring.levels.record import levels_beside, read_levels, write_levels
from he2ihc_keras.scoring.levels.sheets import (
    Answers,
    Shown,
    answers_in_words,
    arranged,
    choose,
    read_answers,
    write_answers_and_key,
)
from he2ihc_keras.scoring.levels.tables import (
    METHOD_LABELS,
    READER_LABELS,
    level_notes,
    level_tables,
    level_verdict,
)

__all__ = [
    "AGREEMENT",
    "Answers",
    "HE_ALONE",
    "HUMAN",
    "MAJORITY",
    "METHOD_LABELS",
    "NAME",
    "NETWORK",
    "READERS",
    "READER_LABELS",
    "LevelReading",
    "ReadImage",
    "Readers",
    "Readings",
    "Shown",
    "answers_in_words",
    "arranged",
    "best_thresholds",
    "choose",
    "cut",
    "level_notes",
    "level_tables",
    "level_verdict",
    "levels_beside",
    "read_answers",
    "read_levels",
    "read_run",
    "write_answers_and_key",
    "write_levels",
]
