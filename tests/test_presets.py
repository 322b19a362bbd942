"""Models that come with the package."""

import json
from pathlib import Path

import numpy as np
import pytest

from he2ihc_keras import data, inference, models, presets
from he2ihc_keras.measures import psnr
from he2ihc_keras.recipe import Recipe
from helpers import ok, refusal

NAME = "phantom_attn_pyramid"
FOLDER = Path(presets.__file__).parent


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    """Phantom pairs of another seed than it was trained on."""
    folder = tmp_path_factory.mktemp("data") / "pairs"
    data.write_phantom(folder, 12, size=96, seed=7)
    return folder


def test_each_is_a_small_file_with_its_card_and_its_recipe():
    assert presets.names() == (NAME,)
    for name in presets.names():
        assert presets.found(name).stat().st_size < 1e6
        assert presets.card(name).startswith(f"# {name}\n")
        assert "Not for diagnosis" in presets.card(name)
        assert Recipe.load_complete(FOLDER / f"{name}.toml").fit.seed == 0


def test_it_stains_pairs_that_it_has_not_seen_better_than_a_flat_colour(pairs):
    stainer = inference.Stainer(inference.load_generator(NAME))
    for pair in data.find_pairs(pairs):
        he, ihc = data.read_pair(pair)
        flat = np.broadcast_to(np.uint8(ihc.mean((0, 1))), ihc.shape)
        assert psnr(ihc, inference.stain_image(stainer, he)) > psnr(ihc, flat) + 2


def test_its_name_stands_for_a_model_on_the_command_line(pairs, tmp_path):
    test = pairs / "HE" / "test"
    ok("predict", NAME, test, "--out", tmp_path / "stained")
    record = json.loads((tmp_path / "stained" / "predict.json").read_text())
    assert record["model"] == str(FOLDER / f"{NAME}.keras")
    assert "Held-out split: test" in ok("score", NAME, "--data", pairs)
    assert "Not for diagnosis" in ok("zoo", NAME)


def test_a_file_of_that_name_comes_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / NAME).mkdir()
    assert presets.found(NAME) == Path(NAME)


def test_models_are_loaded_from_where_they_are(tmp_path):
    model = models.load(NAME)
    model.save(tmp_path / "model.keras")
    image = np.zeros((1, 16, 16, 3), "float32")
    for place in (tmp_path, tmp_path / "model.keras", str(tmp_path)):
        again = models.load(place)
        np.testing.assert_array_equal(again(image), model(image))
    rotten = bytearray((tmp_path / "model.keras").read_bytes())
    rotten[len(rotten) // 2] ^= 255
    (tmp_path / "rotten.keras").write_bytes(rotten)
    assert "cannot be loaded" in refusal(models.load, tmp_path / "rotten.keras")
    missing = tmp_path / "none" / "model.keras"
    assert str(missing) in refusal(models.load, missing)
