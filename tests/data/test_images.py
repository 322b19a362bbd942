import io
import re
import struct
import threading
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from he2ihc_keras.data import images
from he2ihc_keras.files import whole_file

SHARED = Path(__file__).parents[3] / "shared" / "data"


def tissue(height=6, width=4, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def png_of_16_bits(array, color_type):
    """PNG of uint16 samples, which Pillow cannot write. Color type 0 gray, 2 RGB."""

    def chunk(kind, data):
        check = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)

    height, width = array.shape[:2]
    header = struct.pack(">IIBBBBB", width, height, 16, color_type, 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in array)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def refusal(path):
    with pytest.raises(ValueError) as error:
        images.read_image(path)
    return str(error.value)


# Reading


@pytest.mark.parametrize("suffix", images.IMAGE_SUFFIXES)
def test_rgb_of_every_suffix_is_read_as_height_width_3(tmp_path, suffix):
    path = tmp_path / f"patch{suffix.upper()}"
    Image.fromarray(tissue()).save(path)
    image = images.read_image(path)
    assert (image.shape, image.dtype) == ((6, 4, 3), np.uint8)
    if suffix not in (".jpg", ".jpeg"):
        np.testing.assert_array_equal(image, tissue())


def test_jpeg_named_png_is_read_by_its_content(tmp_path):
    path = tmp_path / "00001_train_1+.png"
    Image.fromarray(tissue()).save(path, format="JPEG")
    expected = np.asarray(Image.open(io.BytesIO(path.read_bytes())))
    np.testing.assert_array_equal(images.read_image(path), expected)


def test_gray_becomes_rgb(tmp_path):
    gray = tissue()[..., 0]
    Image.fromarray(gray).save(tmp_path / "gray.png")
    expected = np.stack([gray] * 3, axis=-1)
    np.testing.assert_array_equal(images.read_image(tmp_path / "gray.png"), expected)


def test_one_bit_becomes_black_and_white(tmp_path):
    Image.fromarray(np.array([[True, False]])).save(tmp_path / "mask.tif")
    image = images.read_image(tmp_path / "mask.tif")
    assert image.tolist() == [[[255] * 3, [0] * 3]]


def test_palette_becomes_its_colours(tmp_path):
    colours = np.array([[[200, 30, 90], [10, 250, 60]]], np.uint8)
    Image.fromarray(colours).quantize(2).save(tmp_path / "palette.png")
    with Image.open(tmp_path / "palette.png") as stored:
        assert stored.mode == "P"
    np.testing.assert_array_equal(images.read_image(tmp_path / "palette.png"), colours)


def test_opaque_alpha_is_dropped(tmp_path):
    opaque = np.dstack([tissue(), np.full((6, 4), 255, np.uint8)])
    Image.fromarray(opaque).save(tmp_path / "opaque.png")
    np.testing.assert_array_equal(images.read_image(tmp_path / "opaque.png"), tissue())


@pytest.mark.parametrize(("alpha", "seen"), [(0, 255), (51, 204), (255, 0)])
def test_transparent_black_is_laid_on_white(tmp_path, alpha, seen):
    Image.new("RGBA", (2, 2), (0, 0, 0, alpha)).save(tmp_path / "glass.png")
    assert (images.read_image(tmp_path / "glass.png") == seen).all()


@pytest.mark.parametrize("name", ["tissue.png", "tissue.tif"])
def test_tissue_under_an_alpha_of_0_is_not_taken_for_glass(tmp_path, name):
    image = Image.fromarray(tissue()).convert("RGBA")
    image.putalpha(0)
    image.save(tmp_path / name)
    with pytest.raises(ValueError) as error:
        images.read_image(tmp_path / name)
    assert str(error.value) == (
        f"{tmp_path / name} is transparent in every pixel, and its colours differ: "
        "some programs leave the alpha of an opaque image at 0. Save it without alpha, "
        "as RGB, or remove it."
    )


def test_transparent_colour_of_a_palette_is_white(tmp_path):
    black_and_red = Image.fromarray(np.array([[[0, 0, 0], [255, 0, 0]]], np.uint8))
    palette = black_and_red.quantize(2)
    palette.save(tmp_path / "p.png", transparency=palette.getpixel((0, 0)))
    image = images.read_image(tmp_path / "p.png")
    assert image.tolist() == [[[255, 255, 255], [255, 0, 0]]]


def test_image_read_is_writable(tmp_path):
    images.write_image(tmp_path / "patch.png", tissue())
    image = images.read_image(tmp_path / "patch.png")
    image[0, 0] = 7
    assert image[0, 0].tolist() == [7, 7, 7]


# Refusing


@pytest.mark.parametrize(("color_type", "shape"), [(0, (3, 4)), (2, (3, 4, 3))])
def test_16_bit_png_is_refused_not_cut_to_its_high_byte(tmp_path, color_type, shape):
    path = tmp_path / "deep.png"
    path.write_bytes(png_of_16_bits(np.full(shape, 4000), color_type))
    assert refusal(path) == (
        f"{path} has 16-bit pixels. Expected 8 bits a channel, RGB or gray. "
        "Convert it to an 8-bit RGB PNG."
    )


@pytest.mark.parametrize(
    ("mode", "kind"),
    [
        ("I;16", "16-bit"),
        ("I", "32-bit integer"),
        ("F", "32-bit float"),
        ("CMYK", "CMYK"),
        ("LAB", "LAB"),
    ],
)
def test_pixels_that_are_not_8_bit_rgb_are_named(tmp_path, mode, kind):
    path = tmp_path / "odd.tif"
    Image.new(mode, (4, 3)).save(path)
    assert refusal(path) == (
        f"{path} has {kind} pixels. Expected 8 bits a channel, RGB or gray. "
        "Convert it to an 8-bit RGB PNG."
    )


@pytest.mark.parametrize("name", ["stack.tif", "animation.png"])
def test_several_images_in_one_file_are_refused(tmp_path, name):
    first, second = (Image.fromarray(tissue(seed=seed)) for seed in (0, 1))
    first.save(tmp_path / name, save_all=True, append_images=[second])
    assert refusal(tmp_path / name) == (
        f"{tmp_path / name} holds 2 images (a stack, a pyramid or an animation). "
        "Expected one. Save the one you need to a file of its own."
    )


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif"])
def test_image_stored_rotated_is_refused(tmp_path, suffix):
    path, exif = tmp_path / f"turned{suffix}", Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(tissue()).save(path, exif=exif)
    assert refusal(path) == (
        f"{path} is stored rotated or mirrored (Exif orientation). Expected it "
        "upright, as a registered pair is. Save it upright."
    )


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".bmp"])
def test_truncated_file_is_refused_by_name(tmp_path, suffix):
    path = tmp_path / f"half{suffix}"
    Image.fromarray(tissue(64, 64)).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert re.fullmatch(
        re.escape(str(path)) + r" cannot be read: image file is truncated.*\. "
        r"Copy or download it again, or remove it\.",
        refusal(path),
    )


@pytest.mark.parametrize("content", [b"", b"not an image", b"GIF89a"])
def test_file_that_is_no_known_image_is_refused(tmp_path, content):
    (tmp_path / "notes.png").write_bytes(content)
    assert refusal(tmp_path / "notes.png") == (
        f"{tmp_path / 'notes.png'} is not an image of a known kind. Expected the "
        "content of a PNG, JPEG, TIFF or BMP file, 8 bits a channel. "
        "Convert or remove it."
    )


def test_missing_file_is_named(tmp_path):
    path = tmp_path / "gone.png"
    assert refusal(path) == f"{path} does not exist."


@pytest.mark.parametrize("limit", [23, 10])  # Pillow would warn; Pillow would raise
def test_image_of_too_many_pixels_is_refused_without_a_warning(
    tmp_path, monkeypatch, limit
):
    path = tmp_path / "large.png"
    images.write_image(path, tissue(6, 4))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    assert refusal(path) == (
        f"{path} has more pixels than `PIL.Image.MAX_IMAGE_PIXELS`, {limit}. "
        "Cut it into patches, or raise that limit if you trust the file."
    )


@pytest.mark.parametrize("limit", [24, None])
def test_limit_of_pixels_is_the_users_to_raise(tmp_path, monkeypatch, limit):
    images.write_image(tmp_path / "patch.png", tissue(6, 4))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    assert images.read_image(tmp_path / "patch.png").shape == (6, 4, 3)


def test_reading_in_threads_leaves_the_warning_filters_alone(tmp_path):
    path, before = tmp_path / "patch.png", list(warnings.filters)
    images.write_image(path, tissue(64, 64))
    with ThreadPoolExecutor(8) as pool:
        read = list(pool.map(images.read_image, [path] * 200))
    assert warnings.filters == before
    assert all((image == tissue(64, 64)).all() for image in read)


# Sizes


def test_image_size_is_height_then_width(tmp_path):
    images.write_image(tmp_path / "patch.png", tissue(6, 4))
    assert images.image_size(tmp_path / "patch.png") == (6, 4)


def test_image_size_needs_only_the_header(tmp_path):
    path = tmp_path / "patch.png"
    images.write_image(path, tissue(64, 48))
    path.write_bytes(path.read_bytes()[:200])
    assert images.image_size(path) == (64, 48)


# Writing


def test_image_written_is_read_back_unchanged(tmp_path):
    images.write_image(str(tmp_path / "patch.png"), tissue())
    np.testing.assert_array_equal(images.read_image(tmp_path / "patch.png"), tissue())
    assert [file.name for file in tmp_path.iterdir()] == ["patch.png"]


def test_float_image_is_not_written(tmp_path):
    with pytest.raises(TypeError) as error:
        images.write_image(tmp_path / "patch.png", tissue().astype("float32"))
    assert str(error.value) == (
        "`image` must be uint8 in [0, 255]. Received: float32. "
        "Convert a network's output with `to_uint8`."
    )


@pytest.mark.parametrize("shape", [(1, 6, 4, 3), (6, 4), (6, 4, 4), (0, 4, 3)])
def test_image_that_is_not_rgb_is_not_written(tmp_path, shape):
    with pytest.raises(ValueError) as error:
        images.write_image(tmp_path / "patch.png", np.zeros(shape, np.uint8))
    assert str(error.value) == (
        f"`image` must be (height, width, 3). Received: {shape}. "
        "Write the images of a batch one by one."
    )


def test_image_is_written_under_a_png_name_only(tmp_path):
    with pytest.raises(ValueError) as error:
        images.write_image(tmp_path / "patch.jpg", tissue())
    assert str(error.value) == (
        f"Images are written as PNG. Received: {tmp_path / 'patch.jpg'}. "
        "Name it patch.png."
    )


def test_failed_write_keeps_the_old_file_and_leaves_no_other(tmp_path):
    (tmp_path / "scores.csv").write_text("old")
    with pytest.raises(RuntimeError), whole_file(tmp_path / "scores.csv") as new:
        new.write_text("half")
        raise RuntimeError
    assert [file.read_text() for file in tmp_path.iterdir()] == ["old"]


def test_reader_never_meets_half_a_file(tmp_path):
    path, stop, wrong = tmp_path / "patch.png", threading.Event(), []
    images.write_image(path, tissue(64, 64))

    def read():
        while not stop.is_set():
            if images.read_image(path).shape != (64, 64, 3):
                wrong.append(path)

    with ThreadPoolExecutor(1) as pool:
        reader = pool.submit(read)
        try:
            for seed in range(30):
                images.write_image(path, tissue(64, 64, seed))
        finally:
            stop.set()
        reader.result()
    assert not wrong


# Sizes


@pytest.mark.parametrize("size", [(24, 24), (24, 36), (5, 7)])
def test_resize_is_pillows_bicubic(size):
    image = tissue(*size)
    expected = Image.fromarray(image).resize((12, 12), Image.Resampling.BICUBIC)
    resized = images.resize(image, 12)
    np.testing.assert_array_equal(resized, expected)
    assert resized.dtype == np.uint8


def test_image_of_the_right_size_is_not_resampled():
    image = tissue(12, 12)
    np.testing.assert_array_equal(images.resize(image, 12), image)


def test_resize_averages_what_is_too_fine_to_be_seen():
    checks = np.indices((64, 64)).sum(0) % 2 * 255
    image = np.dstack([checks] * 3).astype("uint8")
    middle = images.resize(image, 16)[2:-2, 2:-2]
    assert np.abs(middle.astype(int) - 127).max() <= 1


# Ranges


@pytest.mark.backends
def test_black_is_minus_one_and_white_is_one():
    ends = images.to_float(np.array([0, 255], np.uint8))
    assert np.asarray(ends).tolist() == [-1.0, 1.0]
    assert np.asarray(ends).dtype == np.float32


@pytest.mark.backends
def test_every_byte_survives_the_way_there_and_back():
    every_byte = np.arange(256, dtype=np.uint8)
    back = np.asarray(images.to_uint8(images.to_float(every_byte)))
    np.testing.assert_array_equal(back, every_byte)
    assert back.dtype == np.uint8


@pytest.mark.backends
def test_every_byte_is_the_same_float_on_every_backend_compiled_or_not():
    import keras

    he = keras.Input((1,), dtype="uint8")
    network = keras.Model(he, images.to_float(he))
    every_byte = np.arange(256, dtype=np.uint8)[:, None]
    expected = (np.float32(every_byte) - np.float32(127.5)) * np.float32(1 / 127.5)
    compiled = network.predict(every_byte, batch_size=256, verbose=0)
    np.testing.assert_array_equal(compiled, expected)
    np.testing.assert_array_equal(images.to_float(every_byte), expected)


@pytest.mark.backends
@pytest.mark.parametrize(("byte", "seen"), [(99.6, 100), (99.4, 99), (254.9, 255)])
def test_to_uint8_rounds_and_never_truncates(byte, seen):
    assert int(images.to_uint8(np.float32(byte / 127.5 - 1))) == seen


@pytest.mark.backends
@pytest.mark.parametrize(("value", "seen"), [(-1.5, 0), (1.01, 255), (np.inf, 255)])
def test_to_uint8_clips(value, seen):
    assert int(images.to_uint8(np.float32(value))) == seen


@pytest.mark.backends
def test_ranges_change_inside_a_network():
    import keras

    he = keras.Input((None, None, 3), dtype="uint8")
    network = keras.Model(he, images.to_uint8(images.to_float(he)))
    np.testing.assert_array_equal(
        network.predict(tissue()[None], verbose=0)[0], tissue()
    )


def test_ranges_change_in_a_tf_data_graph():
    import tensorflow as tf

    dataset = tf.data.Dataset.from_tensors(tissue())
    back = dataset.map(images.to_float).map(images.to_uint8)
    assert back.element_spec == tf.TensorSpec((6, 4, 3), tf.uint8)
    np.testing.assert_array_equal(next(iter(back)), tissue())


# Real tissue


@pytest.mark.skipif(not SHARED.is_dir(), reason="no real images beside the repository")
@pytest.mark.parametrize("folder", ["he", "ihc", "pairs/original_bytes"])
def test_real_patches_are_read_at_the_size_of_their_header(folder):
    files = [f for f in (SHARED / folder).iterdir() if f.suffix in (".png", ".jpg")]
    small = [f for f in sorted(files) if np.prod(images.image_size(f)) < 400_000]
    for path in small or files:
        assert images.read_image(path).shape == (*images.image_size(path), 3)
