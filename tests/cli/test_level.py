"""Reading levels from the command line, on networks that have learnt nothing."""

import csv
import json

import pytest

from he2ihc_keras.data import LEVELS, write_phantom
from helpers import ok, run_command

SMALL = ("--epochs", 1, "--batch-size", 4, "--patch-size", 32, "--set", "data.fit=crop")
READER = (*SMALL, "--set", "networks.reader.filters=2")
UNET = ("--set", "networks.generator.filters=2", "--set", "networks.generator.depth=1")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Pairs, a run that reads their IHC and one that stains."""
    root = tmp_path_factory.mktemp("levels")
    write_phantom(root / "pairs", 24, size=48)
    data = ("--data", root / "pairs")
    ok("train", "her2_level", *data, "--out", root / "reader", *READER)
    ok("train", "unet", *data, "--out", root / "unet", *SMALL, *UNET)
    return root


def rows(path):
    return list(csv.DictReader(path.read_text().splitlines()))


def test_run_that_reads_levels_is_scored_on_real_images_alone(folder):
    [row, *_] = rows(folder / "reader" / "scores.levels.csv")
    assert row["level"] == "3+" and "network_real" in row and "dab_area_real" in row
    assert not any("generated" in column for column in row)
    assert not (folder / "reader" / "scores.csv").exists()
    thresholds = json.loads((folder / "reader" / "stain_thresholds.json").read_text())
    assert all(low < middle < high for low, middle, high in thresholds.values())


def test_score_shows_and_writes_what_the_readers_saw(folder):
    out = folder / "scores.csv"
    said = ok("score", folder / "unet", "--level", folder / "reader", "--out", out)
    for text in (
        "against the reading of the real IHC of the same patch",
        "against the level of the slide, which the name tells",
        "DAB+ area",
        "Slides are not known (--slide-regex, --groups)",
        "Level of the generated IHC: kappa",
    ):
        assert text in said
    assert len(rows(folder / "scores.levels.csv")) == len(rows(out)) == 5
    record = json.loads((folder / "scores.levels.json").read_text())
    assert record["readers"]["runs"] == {"ihc": str(folder / "reader")}
    found = record["agreement"]["real"]["network"]["generated"]
    assert sum(map(sum, found["confusion"])) == 5 and len(found["kappa"]) == 3


@pytest.mark.slow
def test_score_of_folders_reads_levels_too(folder):
    ok("predict", folder / "unet", folder / "pairs/HE/test", "--out", folder / "made")
    real = ("--he", folder / "pairs/HE/test", "--train-ihc", folder / "pairs/IHC/train")
    scored = ("score", folder / "made", folder / "pairs/IHC/test", *real)
    out = folder / "of_folders.csv"
    ok(*scored, "--level", folder / "reader", "--out", out)
    of_folders = rows(folder / "of_folders.levels.csv")
    ok("score", folder / "unet", "--level", folder / "reader", "--out", out)
    assert rows(folder / "of_folders.levels.csv") == of_folders


def refusal(*arguments):
    result = run_command(*arguments)
    assert result.exit_code
    return result.output.splitlines()[-1]


def test_what_reads_no_levels_and_what_does_not_stain_is_refused(folder):
    unet, reader = folder / "unet", folder / "reader"
    assert refusal("score", unet, "--level", unet) == (
        f"Error: {unet} is no run of a reader of levels, such as `he2ihc-keras train "
        "her2_level` makes."
    )
    assert refusal("score", unet, "--level", reader, "--level", reader) == (
        f"Error: {reader} and {reader} both read levels from ihc. Give one that reads "
        "the IHC and one that reads the H&E (trainer.stain)."
    )
    stain = ("predict", reader, folder / "pairs/HE/test", "--out", folder / "none")
    assert refusal(*stain) == (
        f"Error: {reader} does not stain: it was trained to predict the level. Give it "
        "to `he2ihc-keras score ... --level`."
    )


def test_level_read_tells_the_level_and_the_chance_of_each(folder):
    said = ok("level", "read", folder / "reader", folder / "pairs/IHC/test")
    table = list(csv.DictReader(said.splitlines()))
    assert len(table) == 5 and table[0]["image"] == "00019_test_3+"
    for row in table:
        chances = [float(row[level]) for level in LEVELS]
        assert sum(chances) == pytest.approx(1, abs=0.01) and row["level"] in LEVELS


def test_level_sheet_and_agree_go_together(folder, tmp_path):
    out = tmp_path / "sheet"
    said = ok("level", "sheet", folder / "unet", "--cases", 4, "--out", out)
    key = tmp_path / "sheet-key.csv"
    assert f"Then: he2ihc-keras level agree {out / 'sheet.csv'} {key}" in said
    assert {row["level"] for row in rows(key)} == {*LEVELS}
    answers = out / "sheet.csv"
    refused = run_command("level", "agree", answers, key)
    assert f"Error: {answers} is empty: none of its 8 images has" in refused.output
    header, first, *others = answers.read_text().splitlines()
    place = header.split(",").index("level")
    filled = first.split(",")
    filled[place] = "2+"
    answers.write_text("\n".join([header, ",".join(filled), *others]) + "\n")
    said = ok("level", "agree", answers, key)
    assert "7 images have no level, and are left out." in said
