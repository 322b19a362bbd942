import json
import sys
from hashlib import sha256

import numpy as np
import pytest

from he2ihc_keras import inference, models
from he2ihc_keras.data.images import read_image, write_image
from helpers import lively_generator, noise_image, ok, reference, run_command


def weights(folder, network):
    path = folder / f"{network}.npz"
    np.savez(path, **reference(f"{network}/weights"))
    return path


@pytest.fixture(scope="module")
def generator(tmp_path_factory):
    """The authors' network with dropout layers, converted."""
    folder = tmp_path_factory.mktemp("converted")
    ok("convert", weights(folder, "resnet_dropout"), "--out", folder / "model.keras")
    return folder / "model.keras"


# convert


def test_convert_says_what_it_found_and_what_comes_next(tmp_path):
    out = tmp_path / "model.keras"
    assert ok("convert", weights(tmp_path, "resnet_dropout"), "--out", out) == (
        "Found: pyramid_pix2pix, filters 8, blocks 9, dropout 0.5; 181,075 weights.\n"
        f"Written: {out}\n"
        "As the authors test, by each image's statistics, with dropout:\n"
        f"  he2ihc-keras predict {out} HE_FOLDER --out stained --statistics image "
        "--dropout on\n"
        f"  he2ihc-keras score {out} --data FOLDER --statistics image --dropout on\n"
        "As their --eval, by the training's statistics, without dropout:\n"
        f"  he2ihc-keras predict {out} HE_FOLDER --out stained\n"
        f"  he2ihc-keras score {out} --data FOLDER\n"
        "Not for diagnosis. Weights fall under the terms of the data they were trained "
        "on: those of BCI allow no commercial use, of derivatives neither.\n"
    )


def test_convert_speaks_of_no_dropout_where_there_is_none(tmp_path):
    path, out = weights(tmp_path, "resnet_nodropout"), tmp_path / "model.keras"
    output = ok("convert", path, "--out", out)
    assert "As the authors test, by each image's statistics:\n" in output
    assert f"score {out} --data FOLDER --statistics image\n" in output
    assert "--dropout on" not in output


def test_convert_offers_no_staining_with_a_discriminator(tmp_path):
    path = weights(tmp_path, "patchgan")
    output = ok("convert", path, "--out", tmp_path / "patchgan.keras")
    assert "Found: patchgan, filters 8; " in output
    assert "he2ihc-keras predict" not in output


@pytest.mark.parametrize(
    ("options", "rate"), [([], 0.5), (["--dropout"], 0.5), (["--no-dropout"], 0.0)]
)
def test_convert_takes_the_dropout_of_a_unet_from_an_option(tmp_path, options, rate):
    path, out = weights(tmp_path, "unet_6downs"), tmp_path / "model.keras"
    output = ok("convert", path, "--out", out, *options)
    assert f"Found: pix2pix, filters 8, depth 6, dropout {rate}; " in output


def test_convert_does_not_replace_a_file(generator):
    result = run_command(
        "convert", generator.parent / "resnet_dropout.npz", "--out", generator
    )
    assert result.exit_code == 1
    assert result.output == f"Error: {generator} exists. Choose another --out.\n"


def test_convert_names_the_extra_that_is_missing(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    path = tmp_path / "latest_net_G.pth"
    path.write_bytes(b"\x80\x02}q\x00.")
    result = run_command("convert", path, "--out", tmp_path / "model.keras")
    assert result.exit_code == 1
    assert result.output == (
        f"Error: {path} is a file of PyTorch, which takes torch to read. Install it: "
        "pip install 'he2ihc-keras[torch]' (its CPU build does). Or write the weights "
        "as .npz where torch is at hand: see `he2ihc-keras zoo pyramid_pix2pix`.\n"
    )


# predict, in the modes of the authors' test


@pytest.fixture(scope="module")
def small_generator(tmp_path_factory):
    path = tmp_path_factory.mktemp("small") / "model.keras"
    lively_generator("pyramid_pix2pix").save(path)
    return path


@pytest.fixture
def he(tmp_path):
    write_image(tmp_path / "he.png", noise_image(32, 32))
    return tmp_path / "he.png"


def stained(generator, he, *options):
    out = he.with_name("-".join(["stained", *options]))
    output = ok("predict", generator, he, "--out", out, *options)
    return output.replace(str(out), "OUT"), read_image(out / he.name)


def test_predict_says_the_modes_that_are_not_the_default(generator, he):
    options = ("--statistics", "image", "--dropout", "on", "--seed", "3")
    output, _ = stained(generator, he, *options)
    assert output == (
        "1 of 1 images stained: OUT\n"
        "Modes: statistics of each image, dropout on, seed 3.\n"
    )
    assert stained(generator, he)[0] == "1 of 1 images stained: OUT\n"


def test_predict_stains_otherwise_in_other_modes(small_generator, he):
    drop = ("--dropout", "on")
    options = [(), ("--statistics", "image"), drop, (*drop, "--seed", "1")]
    images = [stained(small_generator, he, *each)[1] for each in options]
    assert len({image.tobytes() for image in images}) == len(options)
    again = he.with_name("again")  # the same seed: the same image
    ok("predict", small_generator, he, "--out", again, *options[-1])
    np.testing.assert_array_equal(read_image(again / he.name), images[-1])


def test_predict_refuses_a_seed_without_dropout(small_generator, he, tmp_path):
    result = run_command(
        "predict", small_generator, he, "--out", tmp_path / "out", "--seed", "5"
    )
    assert result.exit_code == 1
    assert result.output == (
        "Error: Seed 5 is of the dropout, which is off. Switch dropout on, or leave "
        "the seed out.\n"
    )
    assert not (tmp_path / "out").exists()


def test_predict_adds_to_the_images_of_the_same_model_and_modes(small_generator, he):
    other = he.with_name("other.png")
    write_image(other, noise_image(32, 32, seed=1))
    out = he.with_name("out")
    for image in (he, other):
        ok("predict", small_generator, image, "--out", out, "--statistics", "image")
    record = json.loads((out / "predict.json").read_text())
    assert record["images"] == ["he", "other"]
    assert record["model_sha256"] == sha256(small_generator.read_bytes()).hexdigest()


def test_predict_mixes_no_modes_in_a_folder(small_generator, he, monkeypatch):
    out = he.with_name("out")
    ok("predict", small_generator, he, "--out", out)
    image = (out / "he.png").read_bytes()
    monkeypatch.setattr(inference, "with_modes", None)  # refused before that
    result = run_command(
        "predict", small_generator, he, "--out", out, "--dropout", "on"
    )
    assert result.exit_code == 1
    assert f"Error: {out} is for images of {small_generator} (SHA-256 " in result.output
    assert (out / "he.png").read_bytes() == image


def test_predict_refuses_a_mode_that_the_network_lacks(tmp_path, he):
    model = tmp_path / "model.keras"
    models.build("pyramid_pix2pix", filters=2, blocks=1, dropout=0.0).save(model)
    result = run_command(
        "predict", model, he, "--out", tmp_path / "out", "--dropout", "on"
    )
    assert result.exit_code == 1
    assert result.output == (
        "Error: Model 'pyramid_pix2pix' has no dropout layers. "
        "Stain with dropout off.\n"
    )
