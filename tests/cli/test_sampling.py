"""`predict`, `score` and `export` of a model that draws its images."""

import json

import numpy as np
import pytest

from he2ihc_keras import models
from he2ihc_keras.data import phantom, read_image
from he2ihc_keras.inference import Modes, Stainer, load_generator, with_modes
from helpers import lively_bridge, ok, run_command


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "bridge.keras"
    lively_bridge(steps=2).save(path)
    return path


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("data") / "phantom"
    phantom.write_phantom(root, 16, size=32)
    return root


@pytest.fixture
def he(data):
    return next((data / "HE" / "test").iterdir())


def test_predict_samples_as_asked_and_records_it(model, he, tmp_path):
    arguments = ("--steps", 3, "--samples", 2, "--seed", 5)
    output = ok("predict", model, he, "--out", tmp_path, *arguments, "--spread")
    assert "Modes: running statistics, dropout off, 3 steps, 2 samples, seed 5." in (
        output
    )
    generator = with_modes(load_generator(model), Modes(seed=5, steps=3, samples=2))
    expected = Stainer(generator).predict_on_batch(read_image(he)[None])[0]
    np.testing.assert_array_equal(read_image(tmp_path / he.name), expected)
    record = json.loads((tmp_path / "predict.json").read_text())
    assert {"steps": 3, "samples": 2, "seed": 5}.items() <= record.items()

    spread = read_image(tmp_path / "spread" / he.name)
    assert spread.std() > 0
    assert np.all(spread == spread[:, :, :1])  # gray
    record = json.loads((tmp_path / "spread" / "predict.json").read_text())
    assert record["shows"] == "spread"


def test_score_records_the_steps_that_the_model_takes(model, data, tmp_path):
    out = tmp_path / "scores.csv"
    output = ok("score", model, "--data", data, "--out", out)
    assert "whole images; running statistics, dropout off, 2 steps, 1 sample," in output
    source = json.loads(out.with_suffix(".json").read_text())["source"]
    assert source["modes"] == {
        **{"statistics": "running", "dropout": False},
        **{"seed": 0, "steps": 2, "samples": 1},
    }
    assert "1 step, 1 sample" in ok("score", model, "--data", data, "--steps", 1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--steps", 3), "draws no samples, so `steps` 3 changes nothing."),
        (("--samples", 3), "draws no samples, so `samples` 3 changes nothing."),
        (("--spread",), "draws no samples, so its images have no spread."),
    ],
)
def test_model_that_draws_nothing_is_not_sampled(he, tmp_path, options, message):
    model = tmp_path / "unet.keras"
    models.build("unet", filters=2, depth=1).save(model)
    result = run_command("predict", model, he, "--out", tmp_path / "out", *options)
    assert result.exit_code == 1
    assert message in result.output
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_exported_sampler_gives_the_pixels_of_predict(model, he, tmp_path):
    import tensorflow as tf

    ok("predict", model, he, "--out", tmp_path)
    ok("export", model, "--out", tmp_path / "saved")
    loaded = tf.saved_model.load(tmp_path / "saved")
    image = read_image(he)[:30, :27]
    stained = loaded.serve(image[None])[0].numpy()
    expected = Stainer(load_generator(model)).predict_on_batch(image[None])[0]
    assert np.abs(stained.astype(int) - expected).max() <= 1
    assert np.mean(stained != expected) < 1e-3
    said = json.loads((tmp_path / "saved" / "he2ihc.json").read_text())
    assert said["modes"]["steps"] == 2
