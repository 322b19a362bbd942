import io
import json

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import he2ihc_keras
from he2ihc_keras.data.images import read_image, to_float
from he2ihc_keras.export import export_saved_model, saved_model
from he2ihc_keras.inference import Stainer, stain_image
from he2ihc_keras.recipe import Recipe
from helpers import (
    SMALL_GENERATORS,
    dtype_policy,
    lively_generator,
    noise_image,
    refusal,
    run_python,
)

SIZES = [(1, 1), (8, 8), (13, 18), (33, 20), (64, 32)]
# `attn_pyramid` is `pyramid_pix2pix` with attention: an export takes seconds.
EXPORTED = [name for name in SMALL_GENERATORS if name != "pyramid_pix2pix"]
HE = {str(size): noise_image(*size)[None] for size in SIZES}
RECIPE = Recipe.from_dict(
    {
        "name": "small",
        "trainer": {"name": "supervised"},
        "networks": {"generator": {"name": "unet"}},
        "data": {"mpp": 0.5, "stain": "Ki67"},
    }
)

# What anyone does who has TensorFlow, and neither this package nor Keras.
PLAIN_TENSORFLOW = """
    import sys
    sys.modules["he2ihc_keras"] = sys.modules["keras"] = None
    from pathlib import Path
    import numpy as np
    import tensorflow as tf
    folder = Path(sys.argv[1])
    images = np.load(folder / "he.npz")
    for model in folder.glob("*/saved_model.pb"):
        name, model = model.parent.name, tf.saved_model.load(model.parent)
        stained = {size: model.serve(images[size]) for size in images}
        np.savez(folder / f"{name}.npz", **stained)
"""


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A folder of generators, exported."""
    folder = tmp_path_factory.mktemp("exported")
    for name in EXPORTED:
        export_saved_model(lively_generator(name), folder / name, recipe=RECIPE)
    return folder


@pytest.fixture(scope="module")
def stained(exported):
    """The folder, with what plain TensorFlow made of `HE` by each of them."""
    np.savez(exported / "he.npz", **HE)
    run_python(PLAIN_TENSORFLOW, exported)
    return exported


@pytest.fixture(scope="module")
def of_bfloat16(tmp_path_factory):
    """What is exported of a generator trained in bfloat16, without a recipe."""
    with dtype_policy("mixed_bfloat16"):
        mixed = lively_generator()
    return export_saved_model(mixed, tmp_path_factory.mktemp("mixed") / "model")


@pytest.fixture(scope="module")
def out(exported):
    return exported / "unet"


@pytest.fixture(scope="module")
def loaded(out):
    return tf.saved_model.load(out)


@pytest.fixture(scope="module")
def stainer():
    return Stainer(lively_generator("unet"))


def encoded(image, kind):
    file = io.BytesIO()
    Image.fromarray(image).save(file, format=kind)
    return file.getvalue()


def write(path, content):
    path.write_bytes(content)
    return path


# What it computes


@pytest.mark.parametrize("name", EXPORTED)
def test_plain_tensorflow_gives_the_pixels_of_predict(stained, name):
    stainer, images = Stainer(lively_generator(name)), np.load(stained / f"{name}.npz")
    assert set(images) == set(HE)
    for size, ihc in images.items():
        expected = stain_image(stainer, HE[size][0])
        np.testing.assert_array_equal(ihc[0], expected)


def test_several_images_are_stained_at_once(loaded, stainer):
    he = np.stack([noise_image(13, 18, seed) for seed in range(3)])
    np.testing.assert_array_equal(loaded.serve(he), stainer.predict_on_batch(he))


def test_serve_is_the_default_signature(loaded, stainer):
    he = tf.constant(noise_image(13, 18)[None])
    [ihc] = loaded.signatures["serving_default"](he=he).values()
    np.testing.assert_array_equal(ihc, stainer(he))


def test_serve_float_takes_and_gives_the_range_of_networks(loaded, stainer):
    he = to_float(noise_image(13, 18)[None])
    ihc = loaded.serve_float(he)
    assert ihc.dtype == tf.float32
    np.testing.assert_array_equal(ihc, stainer.stain(he))


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_serve_png_stains_files_as_predict_does(loaded, stainer, tmp_path, kind):
    files = [encoded(noise_image(13, 18, seed), kind) for seed in range(2)]
    stained = loaded.serve_png(tf.constant(files)).numpy()
    for file, ihc in zip(files, stained, strict=True):
        expected = stain_image(stainer, read_image(write(tmp_path / "he", file)))
        seen = read_image(write(tmp_path / "ihc", ihc))
        np.testing.assert_array_equal(seen, expected)


def test_serve_png_mixes_png_and_jpeg_files(loaded, stainer):
    image = noise_image(8, 8)
    png, jpeg = encoded(image, "PNG"), encoded(image, "JPEG")
    first, _ = loaded.serve_png(tf.constant([png, jpeg])).numpy()
    seen = tf.io.decode_png(first)
    np.testing.assert_array_equal(seen, stain_image(stainer, image))


def test_serve_png_reads_gray_files(loaded, stainer, tmp_path):
    gray = encoded(noise_image(8, 8)[..., 0], "PNG")
    [stained] = loaded.serve_png(tf.constant([gray])).numpy()
    expected = stain_image(stainer, read_image(write(tmp_path / "gray", gray)))
    np.testing.assert_array_equal(tf.io.decode_png(stained), expected)


def test_generator_trained_in_bfloat16_is_exported_in_float32(stainer, of_bfloat16):
    he = noise_image(13, 18)[None]
    exported = tf.saved_model.load(of_bfloat16)
    np.testing.assert_array_equal(exported.serve(he), stainer(he))


# What lies beside the graph


def test_description_says_what_the_model_is(out):
    description = json.loads((out / "he2ihc.json").read_text(encoding="utf-8"))
    recipe, versions = description.pop("recipe"), description.pop("versions")
    assert description == {
        "name": "unet",
        "notice": "Not for diagnosis. Research use only.",
        "endpoints": ["serve", "serve_float", "serve_png"],
        "stride": 4,
        "modes": {"statistics": "running", "dropout": False, "seed": 0},
        "mpp": 0.5,
        "stain": "Ki67",
    }
    assert Recipe.from_dict(recipe) == RECIPE
    assert versions["he2ihc-keras"] == he2ihc_keras.__version__


def test_endpoints_are_those_of_the_description(out, loaded):
    description = json.loads((out / "he2ihc.json").read_text(encoding="utf-8"))
    assert {*description["endpoints"], "serving_default"} == set(loaded.signatures)


def test_without_a_recipe_its_facts_are_null(of_bfloat16):
    description = json.loads((of_bfloat16 / "he2ihc.json").read_text(encoding="utf-8"))
    assert [description[key] for key in ("recipe", "mpp", "stain")] == [None] * 3


# Where it is written


@pytest.mark.parametrize("name", ["new", "deeper/new", "empty"])
def test_folder_is_made_where_there_is_none_or_an_empty_one(
    stainer, tmp_path, monkeypatch, name
):
    monkeypatch.setattr(saved_model, "_archive", FakeArchive)
    (tmp_path / "empty").mkdir()
    folder = export_saved_model(stainer.generator, str(tmp_path / name))
    assert folder == tmp_path / name
    assert sorted(path.name for path in folder.iterdir()) == ["graph", "he2ihc.json"]


@pytest.mark.parametrize("name", ["full", "full/file"])
def test_what_is_there_is_never_replaced(stainer, tmp_path, name):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("old")
    out = tmp_path / name
    assert refusal(export_saved_model, stainer.generator, out) == (
        f"{out} exists and is not empty. Choose another --out."
    )
    assert [p.read_text() for p in (tmp_path / "full").iterdir()] == ["old"]


@pytest.mark.parametrize("failing", ["_archive", "_description"])
def test_failed_export_leaves_nothing_behind(stainer, tmp_path, monkeypatch, failing):
    monkeypatch.setattr(saved_model, "_archive", FakeArchive)
    monkeypatch.setattr(saved_model, failing, fail)
    with pytest.raises(RuntimeError):
        export_saved_model(stainer.generator, tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


class FakeArchive:
    """Writes a file at once: where a graph goes does not depend on what is in it."""

    def __init__(self, stainer):
        pass

    def write_out(self, folder, verbose):
        tf.io.gfile.makedirs(folder)
        tf.io.gfile.GFile(f"{folder}/graph", "w").write("")


def fail(*arguments):
    raise RuntimeError
