import csv
import io
from dataclasses import replace

import pytest
from rich.console import Console

from he2ihc_keras.scoring import (
    HE_COPY,
    Score,
    ScoredImage,
    Scores,
    table,
    verdict,
    write_csv,
)

BCI = Scores(
    [
        ScoredImage(
            "00901_test_3+",
            "3+",
            {
                "generated": Score(22.34, 0.312),
                "mean_colour": Score(25.41, 0.49),
                "he_copy": Score(6.02, 0.121),
            },
        ),
        ScoredImage(
            "00345_test_0",
            "0",
            {
                "generated": Score(19.7, 0.416),
                "mean_colour": Score(12.75, 0.648),
                "he_copy": Score(12.06, 0.339),
            },
        ),
    ],
    mean_colour=(220, 214, 217),
)


def scores_of(generated, mean_colour, mean_colour_of="training IHC"):
    scores = {"generated": Score(*generated), "mean_colour": Score(*mean_colour)}
    return Scores([ScoredImage("a", None, scores)], (220, 214, 217), mean_colour_of)


def printed(scores):
    console = Console(file=io.StringIO(), width=80)
    console.print(table(scores))
    return [line.strip() for line in console.file.getvalue().splitlines()]


def test_table_shows_all_images_then_each_level():
    assert [line.split() for line in printed(BCI) if line][2:-2] == [
        ["all", "2", "generated", "21.02", "0.364"],
        ["mean", "colour", "of", "the", "training", "IHC", "19.08", "0.569"],
        ["copy", "of", "the", "H&E", "9.04", "0.230"],
        ["level", "0", "1", "generated", "19.70", "0.416"],
        ["mean", "colour", "of", "the", "training", "IHC", "12.75", "0.648"],
        ["copy", "of", "the", "H&E", "12.06", "0.339"],
        ["level", "3+", "1", "generated", "22.34", "0.312"],
        ["mean", "colour", "of", "the", "training", "IHC", "25.41", "0.490"],
        ["copy", "of", "the", "H&E", "6.02", "0.121"],
    ]


def test_table_without_levels_has_one_block():
    lines = " ".join(printed(scores_of((20, 0.4), (23, 0.6))))
    assert lines.count("generated") == 1
    assert "level" not in lines


def test_images_without_a_level_have_their_own_block_beside_levels():
    none = replace(BCI.images[0], level=None)
    headings = list(table(replace(BCI, images=(*BCI.images, none))).columns[0].cells)
    assert headings[::3] == ["all", "level 0", "level 3+", "no level"]


def test_table_says_when_no_training_set_was_given():
    lines = printed(scores_of((20, 0.4), (23, 0.6), mean_colour_of="scored IHC"))
    assert any("mean colour of the scored IHC" in line for line in lines)
    assert lines[-1] == "Mean colour: RGB 220, 214, 217 (no training set given)."


def test_the_best_of_a_block_is_bold():
    rows = list(table(BCI).columns[3].cells)
    assert rows[:3] == ["[bold]21.02[/bold]", "19.08", "9.04"]


def test_table_fits_80_columns():
    console = Console(file=io.StringIO(), width=200)
    console.print(table(BCI))
    assert max(map(len, console.file.getvalue().splitlines())) <= 80


def test_verdict_tells_the_margin_over_the_best_baseline():
    assert verdict(BCI) == (
        "PSNR: 1.94 dB above the best trivial baseline "
        "(mean colour of the training IHC).\n"
        "SSIM: 0.205 below the best trivial baseline "
        "(mean colour of the training IHC)."
    )


def test_verdict_of_the_baseline_itself_is_equal():
    first = verdict(scores_of((20, 0.4), (20, 0.4))).splitlines()[0]
    assert first == (
        "PSNR: equal to the best trivial baseline (mean colour of the training IHC)."
    )


def test_csv_has_a_row_per_image(tmp_path):
    write_csv(tmp_path / "scores.csv", BCI)
    assert (tmp_path / "scores.csv").read_text() == (
        "image,level,psnr,ssim,"
        "mean_colour_psnr,mean_colour_ssim,he_copy_psnr,he_copy_ssim\n"
        "00901_test_3+,3+,22.340000,0.312000,25.410000,0.490000,6.020000,0.121000\n"
        "00345_test_0,0,19.700000,0.416000,12.750000,0.648000,12.060000,0.339000\n"
    )


def test_csv_keeps_odd_names_and_infinity(tmp_path):
    scores = {"generated": Score(float("inf"), 1.0), "mean_colour": Score(20, 0.5)}
    odd = Scores([ScoredImage('a, "b"', None, scores)], (0, 0, 0))
    write_csv(tmp_path / "scores.csv", odd)
    with open(tmp_path / "scores.csv", newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["image"], row["level"], float(row["psnr"])) == (
        'a, "b"',
        "",
        float("inf"),
    )


def test_a_csv_that_fails_leaves_the_old_one(tmp_path):
    path = tmp_path / "scores.csv"
    path.write_text("old")
    broken = Scores([ScoredImage("a", None, {HE_COPY: "not a score"})], (0, 0, 0))
    with pytest.raises(AttributeError):
        write_csv(path, broken)
    assert [file.read_text() for file in tmp_path.iterdir()] == ["old"]
