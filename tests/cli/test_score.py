"""`score` and `compare`, on folders of small phantom pairs."""

import csv
import json
import shutil

import numpy as np
import pytest

from he2ihc_keras import models
from he2ihc_keras.cli.compare import _BASELINES
from he2ihc_keras.cli.score import score
from he2ihc_keras.data import phantom, read_image
from he2ihc_keras.data.images import write_image
from he2ihc_keras.scoring import PROTOCOLS
from he2ihc_keras.scoring.scores import METHODS
from helpers import ok, run_command


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Phantom pairs; `noisy` and `soft` are what two methods might make of them."""
    root = tmp_path_factory.mktemp("data") / "phantom"
    phantom.write_phantom(root, 48, size=48)
    for path in (root / "IHC" / "train").iterdir():
        ihc = read_image(path).astype(float)
        noise = np.random.default_rng(0).normal(0, 12, ihc.shape)
        for name, fake_ihc in (("noisy", ihc + noise), ("soft", ihc * 0.5 + 110)):
            fake_ihc = np.clip(fake_ihc, 0, 255).round().astype(np.uint8)
            (root / name).mkdir(exist_ok=True)
            write_image(root / name / path.name, fake_ihc)
    return root


@pytest.fixture(scope="module")
def csvs(data):
    target, he = data / "IHC" / "train", data / "HE" / "train"
    for name in ("noisy", "soft"):
        ok("score", data / name, target, "--he", he, "--out", data / f"{name}.csv")
    return data / "noisy.csv", data / "soft.csv"


def test_score_writes_each_image_and_how_it_was_scored(data, csvs):
    rows = list(csv.DictReader(csvs[0].read_text().splitlines()))
    assert [row["image"] for row in rows] == sorted(
        path.stem for path in (data / "noisy").iterdir()
    )
    record = json.loads(csvs[0].with_suffix(".json").read_text())
    assert record["source"]["predicted"] == str((data / "noisy").resolve())
    vectors = record["stain_vectors"]["source"]
    assert vectors.startswith("Ruifrok & Johnston (2001)")


def test_score_shows_likeness_stain_and_verdict(data):
    output = ok("score", data / "noisy", data / "IHC" / "train")
    for text in ("two folders,", "PSNR (dB)", "blurred real", "real IHC", "DAB r:"):
        assert text in output


def test_other_stain_vectors_are_named_in_the_record(data, tmp_path):
    out = tmp_path / "new" / "scores.csv"
    arguments = ("--stain-vectors", "0.6,0.7,0.3 0.3,0.6,0.7", "--out", out)
    ok("score", data / "noisy", data / "IHC" / "train", *arguments)
    vectors = json.loads(out.with_suffix(".json").read_text())["stain_vectors"]
    assert vectors["source"] == "given by the user: 0.6,0.7,0.3 0.3,0.6,0.7"


def test_explain_shows_every_protocol(data):
    output = ok("score", data / "noisy", data / "IHC" / "train", "--explain")
    assert all(name in output for name in PROTOCOLS)
    assert "The same images, up to " in output


def test_slides_are_told_by_a_table(data, tmp_path):
    names = sorted(path.name for path in (data / "noisy").iterdir())
    rows = [f"{name},{'ab'[n % 2]}" for n, name in enumerate(names)]
    (tmp_path / "groups.csv").write_text("\n".join(["image,slide", *rows]))
    arguments = ("--groups", tmp_path / "groups.csv")
    output = ok("score", data / "noisy", data / "IHC" / "train", *arguments)
    assert "bootstrap over 2 slides" in output


def test_a_place_that_cannot_be_written_is_refused_before_scoring(data, tmp_path):
    (tmp_path / "file").write_text("no folder")
    out = tmp_path / "file" / "scores.csv"
    result = run_command("score", data / "noisy", data / "IHC" / "train", "--out", out)
    assert result.exit_code == 1
    assert f"{out} cannot be written." in result.output
    assert "PSNR" not in result.output


def test_a_result_folder_needs_no_target(data, tmp_path):
    images = tmp_path / "results" / "theirs" / "test_latest" / "images"
    images.mkdir(parents=True)
    for path in sorted((data / "noisy").iterdir())[:3]:
        shutil.copy(path, images / f"{path.stem}_fake_B.png")
        real = data / "IHC" / "train" / path.name
        shutil.copy(real, images / f"{path.stem}_real_B.png")
    output = ok("score", tmp_path / "results" / "theirs")
    assert "3 images, pix2pix results in" in output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--out", "scores.txt"], "--out must end in .csv. Received: scores.txt."),
        (["--explain", "--out", "a.csv"], "--explain writes no file"),
        (["--dropout", "on"], "--dropout does not go with folders of images"),
        (["--panels", "he,ihc"], "with 'fake_ihc' among them"),
        (["--stain-vectors", "1,2"], "Stain vectors are two times three numbers"),
        (["--slide-regex", "("], "is not a regular expression"),
        (["--explain", "--groups", __file__], "--groups does not go with --explain"),
        (["--features", "x", "--protocol", "bci-readme"], "not with bci-readme"),
    ],
)
def test_what_cannot_be_scored_is_refused(data, arguments, message):
    result = run_command("score", data / "noisy", data / "IHC" / "train", *arguments)
    assert result.exit_code != 0
    assert message in " ".join(result.output.split())


# compare


def test_a_result_and_itself_are_within_noise(csvs):
    output = ok("compare", csvs[0], csvs[0])
    verdicts = [line for line in output.splitlines() if " within noise (" in line]
    assert len(verdicts) == 8
    assert "is better" not in output


def test_the_better_result_is_named_with_its_gain(csvs):
    noisy, soft = csvs
    output = ok("compare", soft, noisy)
    assert f"PSNR: {noisy} is better by " in output
    assert f"PSNR: {noisy} is better by " in ok("compare", noisy, soft)


def test_a_baseline_stands_in_the_others_file(csvs):
    noisy, _ = csvs
    output = ok("compare", "mean_colour", noisy)
    assert f"PSNR: {noisy} is better by " in output
    assert f"DAB r: {noisy} is better by " in output
    assert "which may share slides" in output


def test_levels_are_compared_too(csvs):
    output = ok("compare", *csvs)
    assert all(level in output for level in ("all (", "0 (", "1+ (", "2+ (", "3+ ("))


def test_what_is_not_there_is_said(csvs):
    result = run_command("compare", csvs[0], "mean_color")
    assert result.exit_code == 2
    assert "Did you mean mean_colour?" in result.output


def test_choices_are_those_of_the_library():
    protocol = next(p for p in score.params if p.name == "protocol")
    assert tuple(protocol.type.choices) == tuple(PROTOCOLS)
    assert _BASELINES == METHODS[1:]


def test_two_baselines_are_of_no_file():
    result = run_command("compare", "mean_colour", "he_copy")
    assert result.exit_code == 2
    assert "mean_colour and he_copy are both baselines." in result.output


# Models


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "small.keras"
    models.build("pyramid_pix2pix", filters=4, blocks=1, dropout=0.5).save(path)
    return path


def test_a_model_file_is_scored_on_data(model, data, tmp_path):
    out = tmp_path / "scores.csv"
    arguments = ("--data", data, "--statistics", "image", "--dropout", "on")
    output = ok("score", model, *arguments, "--seed", 3, "--out", out)
    modes = "statistics of each image, dropout on, seed 3"
    assert f"whole images; {modes}." in output
    source = json.loads(out.with_suffix(".json").read_text())["source"]
    assert source["modes"] == {"statistics": "image", "dropout": True, "seed": 3}
    assert source["backend"] == "tensorflow"


def test_a_stained_folder_tells_how_it_was_stained(model, data, tmp_path):
    he, ihc = data / "HE" / "test", data / "IHC" / "test"
    ok("predict", model, he, "--out", tmp_path, "--statistics", "image")
    ok("score", tmp_path, ihc, "--out", tmp_path / "scores.csv")
    source = json.loads((tmp_path / "scores.json").read_text())["source"]
    assert source["stained_by"]["statistics"] == "image"
    assert source["stained_by"]["images"] == len(list(he.iterdir()))
    assert source["stained_by"]["model"] == str(model.resolve())


def test_staining_then_scoring_is_scoring_the_model(model, data, tmp_path):
    he, ihc = data / "HE" / "test", data / "IHC" / "test"
    ok("predict", model, he, "--out", tmp_path / "stained")
    arguments = ("--he", he, "--train-ihc", data / "IHC" / "train")
    ok("score", tmp_path / "stained", ihc, *arguments, "--out", tmp_path / "a.csv")
    ok("score", model, "--data", data, "--out", tmp_path / "b.csv")
    assert (tmp_path / "a.csv").read_text() == (tmp_path / "b.csv").read_text()


def test_a_protocol_of_its_own_size_shrinks_before_staining(model, data):
    output = ok("score", model, "--data", data, "--protocol", "bci-readme")
    assert "scaled to 320, middle 256 x 256" in output


def test_a_model_takes_no_target(model, data):
    result = run_command("score", model, data / "IHC" / "test")
    assert result.exit_code == 2
    assert "brings its own pairs: leave" in result.output


def test_a_model_file_knows_no_data(model):
    result = run_command("score", model)
    assert result.exit_code == 1
    assert result.output.strip() == (
        f"Error: {model} is a model and knows no data. Give a folder of pairs with "
        "--data."
    )


def test_features_need_their_weights_before_anything_is_scored(data, tmp_path):
    arguments = ("--features", tmp_path / "none.h5", "--out", tmp_path / "scores.csv")
    result = run_command("score", data / "noisy", data / "IHC" / "train", *arguments)
    assert result.exit_code == 1
    assert f"{tmp_path / 'none.h5'} is no file." in result.output
    assert not list(tmp_path.iterdir())
