import csv

import numpy as np
import pytest

from he2ihc_keras.data.pairs import LEVELS
from he2ihc_keras.scoring.levels import (
    HUMAN,
    answers_in_words,
    arranged,
    choose,
    read_answers,
    write_answers_and_key,
)
from he2ihc_keras.scoring.scores import GENERATED, REAL
from helpers import noise_image, refusal

PATCHES = [(f"patch_{n}", LEVELS[n % 4]) for n in range(12)]


def test_each_patch_is_shown_once_in_each_half_once_real_and_once_generated():
    shown = arranged(PATCHES, seed=5)
    halves = shown[:12], shown[12:]
    assert [len({s.name for s in half}) for half in halves] == [12, 12]
    assert {(s.name, s.what) for s in shown} == {
        (name, what) for name, _ in PATCHES for what in (REAL, GENERATED)
    }
    assert sum(s.what == REAL for s in halves[0]) == 6
    assert arranged(PATCHES, seed=5) == shown != arranged(PATCHES, seed=6)


def test_images_are_turned_and_mirrored_and_nothing_else():
    shown, image = arranged(PATCHES, seed=0), noise_image(4, 4)
    found = {s.turned(image).tobytes() for s in shown}
    assert len(found) == len({(s.turns, s.mirrored) for s in shown}) == 8


def test_levels_are_chosen_alike_however_many_patches_they_have():
    levels = ["2+"] * 50 + ["0"] * 2 + ["3+"] * 10 + [None] * 5
    chosen = [levels[index] for index in choose(levels, 14, seed=0)]
    assert {level: chosen.count(level) for level in {*levels}} == {
        **{"0": 2, "2+": 4, "3+": 4},
        None: 4,
    }
    assert choose(levels, 100, 0) == list(range(67))


@pytest.fixture
def sheet(tmp_path):
    """Answers and key; `fill` writes what a reader says of each row of the key."""
    answers, key = tmp_path / "sheet.csv", tmp_path / "key.csv"
    write_answers_and_key(answers, key, arranged(PATCHES, 1), 1)

    def fill(say, delimiter=","):
        rows, truth = (
            list(csv.DictReader(path.read_text().splitlines()))
            for path in (answers, key)
        )
        with answers.open("w", newline="") as file:
            writer = csv.DictWriter(file, rows[0], delimiter=delimiter)
            writer.writeheader()
            for row, true in zip(rows, truth, strict=True):
                writer.writerow({**row, **say(true)})

    return answers, key, fill


def one_lower(true):
    """Reads generated images a level too low, but for 0, and takes half for real."""
    level = LEVELS.index(true["level"])
    is_real = true["what"] == REAL
    called = "yes" if is_real or int(true["image"]) % 2 else "No"
    level = level if is_real else max(level - 1, 0)
    return {"level": LEVELS[level], "confidence": 3 if is_real else 1, "real": called}


@pytest.mark.parametrize("delimiter", [",", ";"])
def test_answers_are_held_against_the_real_image_and_the_slide(sheet, delimiter):
    answers, key, fill = sheet
    fill(one_lower, delimiter)
    found = read_answers(answers, key)
    readings = found.readings
    assert readings.agreement("kappa", HUMAN, REAL, "name").value == 1
    confusion = readings.confusion(HUMAN, GENERATED, REAL)
    expected = np.zeros((4, 4))
    expected[[0, 1, 2, 3], [0, 0, 1, 2]] = 3
    np.testing.assert_array_equal(confusion, expected)
    assert found.share_called_real(REAL).value == 1
    said = answers_in_words(found)
    assert "Confidence, 1 to 3: 3.00 on real, 1.00 on generated." in said
    assert "Generated against real, same patch, same reader: kappa 0." in said


def test_what_is_left_empty_is_left_out(sheet):
    answers, key, fill = sheet

    def leave_out_3(true):
        return one_lower(true) if true["level"] != "3+" else {}

    fill(leave_out_3)
    found = read_answers(answers, key)
    assert found.blank == 6
    assert found.readings.confusion(HUMAN, GENERATED, REAL).sum() == 9
    assert answers_in_words(found).startswith("6 images have no level, and are left")


def test_a_sheet_that_nobody_filled_in_is_refused(sheet):
    answers, key, _ = sheet
    assert refusal(read_answers, answers, key) == (
        f"{answers} is empty: none of its 24 images has a level, or says whether it is "
        "real. Fill it in, or save what was ticked on the page."
    )


@pytest.mark.parametrize(
    ("column", "value", "known"),
    [
        ("level", "4+", "0, 1+, 2+, 3+"),
        ("confidence", "high", "1, 2, 3"),
        ("real", "maybe", "yes or no"),
    ],
)
def test_an_answer_that_cannot_be_read_is_named(sheet, column, value, known):
    answers, key, fill = sheet
    fill(lambda true: {column: value} if true["image"] == "7" else {})
    assert refusal(read_answers, answers, key) == (
        f"{answers}, image 7: `{column}` must be {known}, or empty. "
        f"Received: {value!r}."
    )


def test_the_key_of_another_sheet_is_refused(sheet, tmp_path):
    answers, _, _ = sheet
    other = tmp_path / "other.csv"
    write_answers_and_key(tmp_path / "no.csv", other, arranged(PATCHES, 2), 2)
    assert refusal(read_answers, answers, other) == (
        f"{answers} and {other} are not of the same sheet."
    )


def test_a_row_that_is_missing_is_named(sheet):
    answers, key, _ = sheet
    lines = answers.read_text().splitlines()
    answers.write_text("\n".join(lines[:-2]))
    assert refusal(read_answers, answers, key) == (
        f"{answers} must have one row for each of 24 images. Received: 22; missing: "
        "23, 24."
    )
