import dataclasses

import numpy as np
import pytest

from he2ihc_keras.data.pairs import LEVELS
from he2ihc_keras.scoring.levels import (
    HE_ALONE,
    MAJORITY,
    NAME,
    NETWORK,
    ReadImage,
    Readings,
    level_notes,
    level_tables,
    level_verdict,
    levels_beside,
    read_levels,
    write_levels,
)
from he2ihc_keras.scoring.scores import GENERATED, REAL
from helpers import refusal

TRUE = np.arange(40) % 4


def readings(generated=TRUE, real=TRUE, he=None, names=TRUE, **others):
    """What one network saw of 40 patches, whose names tell their levels."""
    images = []
    for number in range(40):
        read = {REAL: int(real[number]), GENERATED: int(generated[number])}
        if he is not None:
            read[HE_ALONE] = int(he[number])
        level = LEVELS[names[number]] if names[number] >= 0 else None
        images.append(ReadImage(f"patch_{number}", level, {NETWORK: read}))
    return Readings(tuple(images), majority=2, **others)


def noisy(seed=0):
    return np.clip(TRUE + np.random.default_rng(seed).integers(-1, 2, 40), 0, 3)


def test_readings_are_held_against_the_real_and_the_name():
    found = readings(generated=noisy(), real=3 - TRUE)
    assert found.references == (REAL, NAME)
    assert found.agreement("kappa", NETWORK, REAL, NAME).value == -1
    against_name = found.agreement("kappa", NETWORK, GENERATED, NAME)
    against_real = found.agreement("kappa", NETWORK, GENERATED, REAL)
    assert against_name.value > 0.6 and against_real.value < -0.3
    assert against_name.low < against_name.value < against_name.high


def test_the_commonest_level_agrees_by_chance_alone():
    found = readings()
    assert found.agreement("kappa", NETWORK, MAJORITY, NAME).value == 0
    assert found.agreement("accuracy", NETWORK, MAJORITY, NAME).value == 0.25
    assert found.confusion(NETWORK, MAJORITY, NAME)[:, 2].tolist() == [10] * 4


def test_a_name_without_a_level_is_left_out_of_what_names_are_asked_for():
    names = np.where(TRUE == 3, -1, TRUE)
    found = readings(names=names)
    assert found.confusion(NETWORK, GENERATED, NAME).sum() == 30
    assert found.confusion(NETWORK, GENERATED, REAL).sum() == 40
    assert readings(names=np.full(40, -1)).references == (REAL,)


def test_intervals_are_over_slides_where_they_are_known():
    slides = [f"slide {n // 10}" for n in range(40)]
    by_patch = readings(noisy()).agreement("kappa", NETWORK, GENERATED, REAL)
    found = readings(noisy(), slides=slides, slides_from="names")
    by_slide = found.agreement("kappa", NETWORK, GENERATED, REAL)
    assert by_slide.value == pytest.approx(by_patch.value)
    assert by_slide[1:] != by_patch[1:]
    assert "Intervals by 4 slides (from names)." in level_notes(found)
    assert "tell nothing" in " ".join(level_notes(found))


def test_without_slides_intervals_are_called_too_narrow():
    assert "intervals are by patch,\ntoo narrow" in level_notes(readings())[0]


# What is said


def test_a_stain_that_tells_more_than_the_he_is_told_so():
    said = level_verdict(readings(generated=TRUE, he=0 * TRUE)).splitlines()
    assert said == [
        "Level of the real IHC: kappa 1.00 [1.00, 1.00] with the names.",
        "Level of the H&E alone: kappa 0.00 [0.00, 0.00] with the names, not proven "
        "better than chance: the H&E may not tell it.",
        "Level of the generated IHC: kappa 1.00 [1.00, 1.00] with that of the real "
        "IHC.",
        "That is more than the H&E alone tells, by 1.00 [1.00, 1.00].",
        "With the names, kappa 1.00 [1.00, 1.00] of generated and 1.00 [1.00, 1.00] of "
        "real IHC: 1.00 of it is kept.",
    ]


def test_a_stain_that_tells_nothing_is_told_so():
    said = level_verdict(readings(generated=np.full(40, 2), he=TRUE))
    assert "than chance: the generated stain may not tell it." in said
    assert "That is less than the H&E alone tells: -1.00 [-1.00, -1.00]." in said


def test_a_reader_that_does_not_work_is_told_so():
    said = level_verdict(readings(real=np.full(40, 2)))
    assert "not proven better than chance: read nothing else from this" in said
    assert "undefined, as that is 0" in said


def test_without_a_reader_of_the_he_the_floor_is_called_unknown():
    assert "not known: give a reader of the H&E" in level_verdict(readings())


def test_tables_have_a_row_for_each_method_and_none_against_itself():
    tables = level_tables(readings(he=TRUE))
    labels = [list(map(str, table.columns[0].cells)) for table in tables]
    shown = ["network", "real IHC", "generated", "commonest", "H&E alone"]
    assert labels == [[row for row in shown if row != "real IHC"], shown]


# Files


def test_what_is_written_is_read_again(tmp_path):
    slides = [f"slide {n % 7}" for n in range(40)]
    names = np.where(TRUE == 3, -1, TRUE)
    about = {"runs": {"ihc": "run"}, "thresholds": {}}
    found = readings(
        noisy(), names=names, slides=slides, slides_from="names", about=about
    )
    path = levels_beside(tmp_path / "scores.csv")
    assert path.name == "scores.levels.csv"
    write_levels(path, found)
    assert read_levels(path) == found
    unknown = dataclasses.replace(found, slides=None, slides_from="")
    write_levels(path, unknown)
    assert read_levels(path) == unknown
    assert read_levels(tmp_path / "other.csv") is None


def test_a_damaged_file_is_refused(tmp_path):
    path = tmp_path / "a.levels.csv"
    write_levels(path, readings())
    path.write_text(path.read_text().replace("3+", "4+"))
    message = refusal(read_levels, path)
    assert message.startswith(f"{path} is damaged: ")
    assert message.endswith(" Score again.")
