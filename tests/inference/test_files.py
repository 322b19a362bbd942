from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from he2ihc_keras.data.images import read_image, write_image
from he2ihc_keras.inference import Stainer, find_images, predict_files, stain_image
from helpers import lively_generator, noise_image, refusal


@pytest.fixture(scope="module")
def stainer():
    return Stainer(lively_generator())


def write_noise(folder, *names):
    """Files of images, all of one size."""
    folder.mkdir(exist_ok=True)
    for name in names:
        Image.fromarray(noise_image(9, 6)).save(folder / name)
    return [folder / name for name in names]


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


# Finding


def test_folder_gives_its_images_by_name(tmp_path):
    write_noise(tmp_path, "c.jpg", "a.png", "b.TIF", ".hidden.png")
    write_noise(tmp_path / "deeper", "d.png")
    (tmp_path / "notes.txt").write_text("no image")
    found = find_images([tmp_path])
    assert [path.name for path in found] == ["a.png", "b.TIF", "c.jpg"]


def test_files_and_folders_are_taken_in_the_order_given(tmp_path):
    [single] = write_noise(tmp_path / "one", "z.png")
    inside = write_noise(tmp_path / "two", "a.png", "b.png")
    assert find_images([str(single), tmp_path / "two"]) == [single, *inside]


def test_image_given_twice_is_taken_once(tmp_path):
    first, second = write_noise(tmp_path, "a.png", "b.png")
    assert find_images([second, tmp_path, second]) == [second, first]


def test_file_given_by_name_is_taken_whatever_its_suffix(tmp_path):
    (tmp_path / "patch.he").write_bytes(b"")
    assert find_images([tmp_path / "patch.he"]) == [tmp_path / "patch.he"]


def test_nothing_there_is_refused(tmp_path):
    path = tmp_path / "gone"
    assert refusal(find_images, [path]) == f"{path} does not exist."


@pytest.mark.parametrize(
    ("folders", "seen"), [([], "none"), (["test", "train"], "test, train")]
)
def test_folder_without_images_is_refused_with_its_subfolders(tmp_path, folders, seen):
    for folder in folders:
        write_noise(tmp_path / folder, "a.png")
    assert refusal(find_images, [tmp_path]) == (
        f"{tmp_path} has no image in it (.png, .jpg, .jpeg, .tif, .tiff, .bmp). "
        f"Subfolders: {seen}."
    )


@pytest.mark.parametrize(
    ("first", "second"), [("a.png", "a.jpg"), ("one/a.png", "two/a.png")]
)
def test_two_images_of_one_name_are_refused(tmp_path, first, second):
    paths = [tmp_path / first, tmp_path / second]
    for path in paths:
        write_noise(path.parent, path.name)
    assert refusal(find_images, paths) == (
        f"{paths[0]} and {paths[1]} would both be written as a.png. "
        "Stain them into different folders."
    )


# Staining


def test_stained_images_get_the_names_of_their_he_as_png(tmp_path, stainer):
    images = write_noise(tmp_path / "he", "a.png", "b_1+.jpg", "c.tif")
    out = tmp_path / "deeper" / "out"
    assert predict_files(stainer, images, str(out)) == []
    assert names_in(out) == ["a.png", "b_1+.png", "c.png"]
    for image in images:
        expected = stain_image(stainer, read_image(image))
        np.testing.assert_array_equal(read_image(out / f"{image.stem}.png"), expected)


def test_images_of_several_sizes_are_stained_at_theirs(tmp_path, stainer):
    sizes = {"a": (1, 1), "b": (9, 6), "c": (20, 33)}
    for name, size in sizes.items():
        write_image(tmp_path / f"{name}.png", noise_image(*size))
    assert predict_files(stainer, find_images([tmp_path]), tmp_path / "out") == []
    for name, size in sizes.items():
        assert read_image(tmp_path / "out" / f"{name}.png").shape == (*size, 3)


def test_bad_image_is_reported_and_does_not_stop_the_others(tmp_path, stainer):
    images = write_noise(tmp_path / "he", "a.png", "b.png", "c.png")
    images[1].write_bytes(b"not an image")
    calls = []
    failures = predict_files(
        stainer, images, tmp_path / "out", progress=lambda: calls.append(1)
    )
    assert failures == [refusal(read_image, images[1])]
    assert names_in(tmp_path / "out") == ["a.png", "c.png"]
    assert len(calls) == 3


def test_image_that_cannot_be_written_leaves_no_temporary_file(tmp_path, stainer):
    images = write_noise(tmp_path / "he", "a.png", "b.png")
    (tmp_path / "out" / "a.png").mkdir(parents=True)
    [failure] = predict_files(stainer, images, tmp_path / "out")
    assert str(tmp_path / "out" / "a.png") in failure
    assert names_in(tmp_path / "out") == ["a.png", "b.png"]


def test_earlier_stained_image_is_replaced(tmp_path, stainer):
    images = write_noise(tmp_path / "he", "a.png")
    write_image(tmp_path / "a.png", noise_image(2, 2))
    assert predict_files(stainer, images, tmp_path) == []
    assert read_image(tmp_path / "a.png").shape == (9, 6, 3)


@pytest.mark.parametrize("out", ["he", "he/../he"])
def test_input_is_never_replaced_nor_is_anything_begun(tmp_path, stainer, out):
    images, out = write_noise(tmp_path / "he", "a.jpg", "b.png"), tmp_path / out
    assert refusal(predict_files, stainer, images, out) == (
        f"{out / 'b.png'} is an input. Choose another folder with --out: stained "
        "images get the names of their H&E."
    )
    assert names_in(tmp_path / "he") == ["a.jpg", "b.png"]


def test_link_to_an_input_is_not_written_through(tmp_path, stainer):
    [image] = write_noise(tmp_path / "he", "a.png")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.png").symlink_to(image)
    with pytest.raises(ValueError, match="is an input"):
        predict_files(stainer, [image], tmp_path / "out")


def test_relative_folder_is_relative_to_where_one_is(tmp_path, stainer, monkeypatch):
    write_noise(tmp_path / "he", "a.png")
    monkeypatch.chdir(tmp_path)
    assert predict_files(stainer, find_images(["he"]), "out") == []
    assert names_in(Path("out")) == ["a.png"]
