"""The main job, end to end, on small networks and small pairs."""

import csv
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from click.testing import CliRunner

from he2ihc_keras import zoo
from he2ihc_keras.cli import main
from he2ihc_keras.data import phantom, read_image
from he2ihc_keras.inference import load_generator
from he2ihc_keras.recipe import Recipe
from helpers import SHARED

SMALL = {
    "attn_pyramid": ["networks.generator.filters=4", "networks.generator.blocks=1"],
    "cyclegan": [
        *("networks.generator.filters=4", "networks.generator.blocks=1"),
        *(
            "networks.reverse_generator.filters=4",
            "networks.reverse_generator.blocks=1",
        ),
        "networks.reverse_discriminator.filters=4",
    ],
    "mggan": ["networks.generator.filters=4", "networks.generator.blocks=1"],
    "pyramid_pix2pix": ["networks.generator.filters=4", "networks.generator.blocks=1"],
    "pix2pix": ["networks.generator.filters=4", "networks.generator.depth=5"],
    "unet": ["networks.generator.filters=4"],
    "bridge": ["networks.denoiser.filters=4", "networks.denoiser.attention=false"],
}


def run(*arguments):
    return CliRunner().invoke(main, [str(a) for a in arguments])


def ok(*arguments):
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return result.output


def small(model):
    judged = "discriminator" in zoo.recipe(model).networks
    settings = SMALL[model] + ["networks.discriminator.filters=4"] * judged
    return [part for setting in settings for part in ("--set", setting)]


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "unet"
    arguments = ("--out", out, "--epochs", 2, "--patch-size", 32, *small("unet"))
    arguments += ("--set", "data.fit=crop")
    output = ok("train", "unet", "--data", data, *arguments)
    return out, output


def test_run_folder_is_enough_to_run_again(trained, data):
    out, _ = trained
    expected = {"recipe.toml", "versions.json", "pairs.csv", "model.keras"}
    expected |= {"checkpoints", "history.csv", "logs", "samples"}
    expected |= {"scores.csv", "scores.json", ".training.lock"}
    assert {path.name for path in out.iterdir()} == expected
    recipe = Recipe.load(out / "recipe.toml")
    assert recipe.networks["generator"].options["filters"] == 4
    assert recipe.data.patch_size == 32
    assert (recipe.fit.epochs, recipe.fit.decay_epochs) == (2, 1)
    assert load_generator(out).name == "unet"


def test_history_and_panel_of_each_epoch(trained):
    out, _ = trained
    header, *rows = (out / "history.csv").read_text().splitlines()
    assert header.split(",") == [
        "epoch",
        "loss",
        "learning_rate",
        "val_loss",
        "val_psnr",
        "val_ssim",
    ]
    assert [row.split(",")[0] for row in rows] == ["1", "2"]
    panels = sorted(path.name for path in (out / "samples").iterdir())
    assert panels == ["epoch-0001.png", "epoch-0002.png"]


def test_training_ends_with_scores_beside_baselines_and_what_next(trained):
    _, output = trained
    assert "Held-out split: test, 4 pairs" in output
    for row in ("generated", "mean colour", "copy of H&E", "blurred real", "real IHC"):
        assert row in output
    assert "he2ihc-keras export" in output
    assert "Not for diagnosis." in output


def test_predict_then_score_equals_the_score_of_the_run(trained, data, tmp_path):
    out, _ = trained
    stained, scores = tmp_path / "stained", tmp_path / "scores.csv"
    he, ihc = data / "HE" / "test", data / "IHC" / "test"
    ok("predict", out, he, "--out", stained)
    train_ihc = data / "IHC" / "train"
    ok("score", stained, ihc, "--he", he, "--train-ihc", train_ihc, "--out", scores)
    assert scores.read_text() == (out / "scores.csv").read_text()


def test_score_says_when_the_mean_colour_is_of_the_scored_images(
    trained, data, tmp_path
):
    he, ihc = data / "HE" / "test", data / "IHC" / "test"
    ok("predict", trained[0], he, "--out", tmp_path)
    assert "no training set given" in ok("score", tmp_path, ihc)


def test_predict_goes_on_past_a_bad_file(trained, data, tmp_path):
    images = tmp_path / "images"
    images.mkdir()
    (images / "broken.png").write_bytes(b"not an image")
    good = next((data / "HE" / "test").iterdir())
    (images / "good.png").write_bytes(good.read_bytes())
    result = run("predict", trained[0], images, "--out", tmp_path / "out")
    assert result.exit_code == 1
    assert "1 of 2 images stained" in result.output
    assert "broken.png is not an image of a known kind" in result.output
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["good.png", "predict.json"]


def test_export_writes_a_saved_model(trained, tmp_path):
    assert "serve(images)" in ok("export", trained[0], "--out", tmp_path / "saved")
    assert (tmp_path / "saved" / "saved_model.pb").is_file()
    assert (tmp_path / "saved" / "he2ihc.json").is_file()


@pytest.mark.parametrize("arguments", [(), ("pix2pix",), ("unet",)])
def test_dry_run_writes_nothing(arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "Nothing was written." in ok("train", *arguments, "--dry-run")
    assert not list(tmp_path.iterdir())


def test_dry_run_on_data_counts_steps(data, tmp_path):
    arguments = ("--patch-size", 32, "--epochs", 3, "--batch-size", 2, *small("unet"))
    out = ("--out", tmp_path / "run")
    output = ok("train", "unet", "--data", data, *arguments, *out, "--dry-run")
    assert "Steps: 4 an epoch, 12 in all" in output
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["unett"], "Error: Unknown model 'unett'. Known: attn_pyramid, "),
        (["unet", "--set", "fit.epoch=3"], "Error: Unknown key `fit.epoch`. Known: "),
        (["unet", "--set", "fit.epochs=a"], "Error: `fit.epochs` must be of type int."),
        (["unet", "--set", "fit.beta_1=0.9"], "since 0.2 it is `optimizer.generator"),
        (["my.toml"], "Error: my.toml cannot be read: No such file or directory."),
        (["--import", "no.such"], "Error: --import no.such: No module named 'no'. "),
        (["unet", "--set", "epochs"], "Error: A setting is written key=value."),
        (
            ["unet", "--set", "quick_start.x=1"],
            "Error: --set changes the recipe itself",
        ),
        (
            [
                "pix2pix",
                "--patch-size",
                "32",
                "--set",
                "trainer.pyramid_weights=[1,1,1,1,1]",
            ],
            "Error: A pyramid of 5 levels needs images of at least 33 x 33 pixels.",
        ),
        (["unet", "--patch-size", "60"], "Error: Height and width must be multiples"),
        (["unet", "--precision", "mixed_float16"], "Error: mixed_float16 needs a GPU"),
        (["--resume"], "Error: --resume needs the run folder: --out RUN."),
    ],
)
def test_mistake_is_told_before_anything_is_written(
    arguments, message, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    result = run("train", *arguments, *(["--dry-run"] * ("--resume" not in arguments)))
    assert result.exit_code != 0
    assert message in result.output.replace("\n", " ")
    assert not list(tmp_path.iterdir())


def test_recipe_of_ones_own_is_trained_like_one_of_the_zoo(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    quick, own = zoo.recipe("unet").quick(), "my recipe.toml"
    (tmp_path / own).write_text(quick.override({"name": "mine"}).to_toml())
    output = ok("train", own, "--dry-run")
    assert "For your own data: he2ihc-keras train 'my recipe.toml' --data" in output
    assert "Would train into runs/mine." in output


def test_recipe_without_a_quick_start_needs_data(tmp_path):
    tables = zoo.recipe("unet").to_dict()
    del tables["quick_start"]
    own = tmp_path / "own.toml"
    own.write_text(Recipe.from_dict(tables).to_toml())
    assert f"Error: {own} has no quick start: give --data." in run("train", own).output


def test_second_run_does_not_touch_the_first(trained, data):
    result = run("train", "unet", "--data", data, "--out", trained[0])
    assert result.exit_code == 1
    assert "holds a run already" in result.output


def test_bad_data_is_reported_whole_before_training(data, tmp_path):
    broken = tmp_path / "broken"
    phantom.write_phantom(broken, 16, size=48)
    gone = next((broken / "IHC" / "train").iterdir())
    gone.unlink()
    torn = next((broken / "HE" / "val").iterdir())
    torn.write_bytes(torn.read_bytes()[:200])
    result = run("train", "unet", "--data", broken, "--out", tmp_path / "run")
    assert result.exit_code == 1
    assert gone.stem in result.output and torn.name in result.output
    assert not (tmp_path / "run").exists()


def test_non_finite_loss_stops_the_run_and_names_the_checkpoint(data, tmp_path):
    arguments = ("--patch-size", 32, "--epochs", 3, "--batch-size", 2, *small("unet"))
    out, weights = (
        tmp_path / "run",
        ("--set", "trainer.pyramid_weights=[3e38, 3e38, 3e38]"),
    )
    result = run("train", "unet", "--data", data, "--out", out, *arguments, *weights)
    assert result.exit_code == 1
    assert "The losses are not finite after step" in result.output
    assert "after step 1: loss = inf. There is no checkpoint yet." in result.output


@pytest.mark.parametrize(
    ("how", "made", "epochs"),
    [
        (signal.SIGINT, "recipe.toml", 5000),  # while the first step is traced
        (signal.SIGTERM, "model.keras", 5000),
        (signal.SIGUSR1, "model.keras", 1),  # while its images are scored
    ],
)
def test_run_is_stopped_at_any_moment_and_says_how_to_go_on(
    data, tmp_path, how, made, epochs
):
    out = tmp_path / "run"
    arguments = ("--patch-size", 32, "--epochs", epochs, "--batch-size", 2)
    command = [sys.executable, "-m", "he2ihc_keras.cli", "train", "unet"]
    command += ["--data", data, "--out", out, *map(str, arguments), *small("unet")]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen(command, **pipes)
    deadline = time.monotonic() + 120
    while not (out / made).exists():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(how)
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 128 + how
    assert f"Go on with: he2ihc-keras train --out {out} --resume" in output
    assert "Stopped" in errors and "Traceback" not in errors
    assert made == "recipe.toml" or list(out.glob("checkpoints/*.npz"))
    assert not (out / "training.json").exists()


@pytest.mark.slow
def test_quick_start_beats_every_trivial_baseline_in_half_its_epochs(tmp_path):
    ok("train", "--out", tmp_path / "run", "--epochs", 16)
    with open(tmp_path / "run" / "scores.csv") as file:
        rows = list(csv.DictReader(file))

    def mean(column):
        return np.mean([float(row[column]) for row in rows])

    assert mean("psnr") > max(mean("mean_colour_psnr"), mean("he_copy_psnr")) + 2
    assert mean("ssim") > max(mean("mean_colour_ssim"), mean("he_copy_ssim"))


@pytest.mark.skipif(not SHARED.exists(), reason="needs the shared real images")
@pytest.mark.slow
@pytest.mark.parametrize("model", SMALL)
@pytest.mark.parametrize("folder", ["bci_small", "mist_small"])
def test_every_model_trains_on_real_pairs(model, folder, tmp_path):
    out = tmp_path / "run"
    arguments = ("--epochs", 2, "--patch-size", 64, "--batch-size", 2, *small(model))
    if model == "attn_pyramid":  # at full size, 1024 pixels are a million positions
        arguments += ("--set", 'networks.generator.attention=["down_2"]')
    ok("train", model, "--data", SHARED / folder, "--out", out, *arguments)
    native = SHARED / "bci_native"
    he = native / "HE" / "test"
    ok("predict", out, he, "--out", tmp_path / "stained")
    output = ok("score", tmp_path / "stained", native / "IHC" / "test", "--he", he)
    assert "1+ (1)" in output


def test_predict_gives_the_pixels_of_the_scores(trained, data, tmp_path):
    out, _ = trained
    image = next((data / "HE" / "test").iterdir())
    ok("predict", out, image, "--out", tmp_path)
    ok("predict", out / "model.keras", image, "--out", tmp_path / "again")
    first, again = (
        read_image(folder / image.name) for folder in (tmp_path, tmp_path / "again")
    )
    np.testing.assert_array_equal(first, again)
