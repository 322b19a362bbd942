from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from he2ihc_keras.data.images import read_image, write_image
from he2ihc_keras.inference import (
    Modes,
    Stainer,
    find_images,
    predict_files,
    stain_image,
    write_record,
)
from he2ihc_keras.inference.record import recorded
from helpers import lively_generator, noise_image, refusal

# As `stained_by` says it of a model
BY = {
    **{"he2ihc_keras": "0", "backend": "tensorflow", "model": "m", "model_sha256": "0"},
    **Modes().as_dict(),
}


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
    write_record(tmp_path / "out", BY, ["a"])
    [failure] = predict_files(stainer, images, tmp_path / "out", by=BY)
    assert str(tmp_path / "out" / "a.png") in failure
    assert names_in(tmp_path / "out") == ["a.png", "b.png", "predict.json"]


def test_images_that_the_record_lists_are_replaced(tmp_path, stainer):
    images = write_noise(tmp_path / "he", "a.png", "b.png")
    write_record(tmp_path, BY, ["a"])
    write_image(tmp_path / "a.png", noise_image(2, 2))
    for _ in range(2):
        assert predict_files(stainer, images, tmp_path, by=BY) == []
        assert read_image(tmp_path / "a.png").shape == (9, 6, 3)


def test_stained_images_are_not_stained_onto_themselves(tmp_path, stainer):
    images = write_noise(tmp_path / "he", "a.png")
    assert predict_files(stainer, images, tmp_path / "out", by=BY) == []
    again = [tmp_path / "out" / "a.png"]
    for by in (BY, None):
        message = refusal(predict_files, stainer, again, tmp_path / "out", by=by)
        assert f"the first of them {again[0]}. Choose another --out" in message


@pytest.mark.parametrize("of_whom", ["he", "ihc", "link", "record"])
def test_nothing_else_is_replaced_nor_is_anything_begun(tmp_path, stainer, of_whom):
    images = write_noise(tmp_path / "he", "a.png", "b.png")
    out = tmp_path / of_whom
    if of_whom == "ihc":
        write_noise(out, "b.png")
    elif of_whom == "link":
        out.mkdir()
        (out / "b.png").symlink_to(images[1])
    elif of_whom == "record":
        write_noise(out, "b.png")
        write_record(out, BY, ["a"])
    before = {path: path.read_bytes() for path in out.iterdir()}
    count, first = ("2", "a.png") if of_whom == "he" else ("1", "b.png")
    assert refusal(predict_files, stainer, images, out, by=BY) == (
        f"{count} of the 2 stained images would replace files of {out} that no "
        f"predict.json there lists, the first of them {out / first}. Choose another "
        "--out: stained images get the names of their H&E."
    )
    assert {path: path.read_bytes() for path in out.iterdir()} == before


def test_command_that_was_killed_replaces_what_it_had_stained(tmp_path, stainer):
    images = write_noise(tmp_path / "he", "a.png", "b.png")
    with recorded(tmp_path, BY, ["a", "b"]):
        killed = (tmp_path / "predict.json").read_bytes()
    (tmp_path / "predict.json").write_bytes(killed)
    write_image(tmp_path / "a.png", noise_image(2, 2))
    assert predict_files(stainer, images, tmp_path, by=BY) == []
    assert names_in(tmp_path) == ["a.png", "b.png", "he", "predict.json"]


def test_relative_folder_is_relative_to_where_one_is(tmp_path, stainer, monkeypatch):
    write_noise(tmp_path / "he", "a.png")
    monkeypatch.chdir(tmp_path)
    assert predict_files(stainer, find_images(["he"]), "out") == []
    assert names_in(Path("out")) == ["a.png"]
