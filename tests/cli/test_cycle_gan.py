"""A run on images without partners, from the command line: trained to handed on."""

import csv
import shutil

import keras
import numpy as np
import pytest

from he2ihc_keras import data, inference
from he2ihc_keras.data.images import read_image
from he2ihc_keras.scoring.inception import feature_distances
from helpers import ok, run_command

NETWORKS = [
    f"networks.{role}.filters=4"
    for role in (
        *("generator", "reverse_generator"),
        *("discriminator", "reverse_discriminator"),
    )
]
SETTINGS = [*NETWORKS, "networks.generator.blocks=0", "trainer.pool=2"]
SETTINGS += ["networks.reverse_generator.blocks=0", "data.flip=false"]
OPTIONS = ["--epochs", 1, "--patch-size", 24]
OPTIONS += [word for setting in SETTINGS for word in ("--set", setting)]


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Folders of unequal numbers, and no name in two of them."""
    root = tmp_path_factory.mktemp("data")
    data.write_phantom(root / "phantom", 12, size=32)
    pairs = data.find_pairs(root / "phantom")
    counts = {"trainA": (0, 3), "trainB": (3, 8), "valA": (8, 10), "valB": (9, 12)}
    for name, (first, last) in counts.items():
        for number, pair in enumerate(pairs[first:last]):
            source = pair.he if name.endswith("A") else pair.ihc
            target = root / "unpaired" / name / f"{name}_{number}.png"
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)
    return root / "unpaired"


@pytest.fixture(scope="module")
def trained(images, tmp_path_factory):
    """A run folder, and what its training printed."""
    out = tmp_path_factory.mktemp("runs") / "run"
    return out, ok("train", "cyclegan", "--data", images, "--out", out, *OPTIONS)


def test_training_says_what_it_has_and_what_cannot_be_told(trained):
    out, printed = trained
    counts = "3 H&E and 5 IHC train, 2 H&E and 3 IHC val, 0 test."
    assert f"MIST layout: {counts}" in printed
    assert "There is no held-out pair: validation is of DAB and sharpness" in printed
    assert "validation DAB distance" in printed
    [row] = csv.DictReader((out / "history.csv").read_text().splitlines())
    assert "val_psnr" not in row
    assert float(row["val_dab_distance"]) > 0 and float(row["val_sharpness"]) > 0
    # An epoch counts the commoner stain.
    assert (out / "checkpoints" / "step-00000005.npz").exists()


def test_scores_are_of_sets_alone(trained):
    out, printed = trained
    again = ok("score", out)
    for text in (printed, again):
        assert "There is no held-out pair. What follows compares sets" in text
        assert "Held-out split: val, 2 H&E and 3 IHC" in text
        assert "PSNR" not in text.partition("What follows")[2]
    rows = list(csv.DictReader((out / "scores.sets.csv").read_text().splitlines()))
    kinds = [row["set"] for row in rows]
    assert kinds == ["generated"] * 2 + ["he_copy"] * 2 + ["real"] * 3
    assert not (out / "scores.csv").exists()


def test_sets_are_compared_by_features_of_given_weights(trained, images, tmp_path):
    out, _ = trained
    weights = tmp_path / "random.weights.h5"
    refused = run_command("score", out, "--features", weights)
    assert refused.exit_code == 1 and f"{weights} is no file." in refused.output
    keras.applications.InceptionV3(include_top=False, weights=None).save_weights(
        weights
    )
    ok("predict", out, images / "valA", "--out", tmp_path / "stained")
    folders = images / "valB", tmp_path / "stained"
    real, generated = (map(read_image, inference.find_images([f])) for f in folders)
    expected = feature_distances(real, generated, weights).in_words()
    assert expected in ok("score", out, "--features", weights)


def test_reverse_stains_by_the_other_generator(trained, images, tmp_path):
    out, _ = trained
    for folder, options in (("there", []), ("back", ["--reverse"])):
        ok("predict", out, images / "valA", "--out", tmp_path / folder, *options)
    he = read_image(images / "valA" / "valA_0.png")
    for folder, model in (("there", "model"), ("back", "reverse_generator")):
        network = keras.models.load_model(out / f"{model}.keras")
        expected = inference.stain_image(inference.Stainer(network), he)
        stained = read_image(tmp_path / folder / "valA_0.png")
        np.testing.assert_array_equal(stained, expected)


def test_reverse_is_refused_where_there_is_none(trained, images, tmp_path):
    out, _ = trained
    model = tmp_path / "model.keras"
    shutil.copy(out / "model.keras", model)
    arguments = (model, images / "valA", "--out", tmp_path / "out", "--reverse")
    assert run_command("predict", *arguments).output == (
        f"Error: {model} keeps no reverse generator: there is no "
        "reverse_generator.keras. The trainer cycle_gan makes one.\n"
    )


def test_exported_model_equals_predict(trained, images, tmp_path):
    import tensorflow as tf

    out, _ = trained
    ok("export", out, "--out", tmp_path / "saved")
    ok("predict", out, images / "valA", "--out", tmp_path / "stained")
    saved = tf.saved_model.load(str(tmp_path / "saved"))
    for path in sorted((images / "valA").iterdir()):
        stained = read_image(tmp_path / "stained" / path.name)
        np.testing.assert_array_equal(saved.serve(read_image(path)[None])[0], stained)


def test_run_goes_on_where_its_images_lie_now(trained, images, tmp_path):
    out, _ = trained
    shutil.copytree(images, tmp_path / "moved")
    arguments = ("--data", tmp_path / "moved", "--out", out, "--resume", "--dry-run")
    assert "Would go on" in ok("train", *arguments)


def test_check_takes_images_without_partners_if_told(images):
    assert run_command("check", images).exit_code == 1
    printed = ok("check", images, "--unpaired")
    assert "No problem found." in printed
    assert "images" in printed


def test_trainer_of_pairs_refuses_images_without_partners(images, tmp_path):
    arguments = ("--data", images, "--out", tmp_path, "--set", "trainer.aligned=true")
    result = run_command("train", "cyclegan", *arguments, *OPTIONS)
    assert "None of the 3 H&E images in" in result.output
    assert "CycleGAN needs no partners" in result.output
