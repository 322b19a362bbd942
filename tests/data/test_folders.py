"""One listing for all who look at folders of images."""

import os
import unicodedata

import pytest
from PIL import Image

from he2ihc_keras import data, inference
from he2ihc_keras.data.folders import image_files, name_of, subfolders
from he2ihc_keras.scoring.results import find_results
from helpers import refusal


@pytest.fixture
def folder(tmp_path):
    """Of one image, and what is none."""
    folder = tmp_path / "images"
    (folder / "slide").mkdir(parents=True)
    (folder / "folder.png").mkdir()
    for name in ("a.PNG", ".hidden.png", "slide/b.tif"):
        Image.new("RGB", (4, 4)).save(folder / name)
    (folder / "notes.txt").touch()
    return folder


def test_images_are_files_that_are_seen(folder):
    assert image_files(folder) == [folder / "a.PNG"]
    assert image_files(folder, below=True) == [folder / "a.PNG", folder / "slide/b.tif"]
    assert subfolders(folder) == [folder / "folder.png", folder / "slide"]
    assert image_files(folder / "missing") == []


def test_name_is_composed_and_tells_the_subfolder(folder):
    decomposed = unicodedata.normalize("NFD", "Präparat.1.png")
    assert name_of(folder / "slide" / decomposed) == "Präparat.1"
    assert name_of(folder / "slide" / decomposed, folder) == "slide/Präparat.1"


def dead_link(path):
    path.symlink_to("../.git/annex/objects/x.png")
    return (
        f"{path} is a link to ../.git/annex/objects/x.png, where nothing is. Fetch the "
        "images (`dvc pull`, `git annex get`), or remove the link."
    )


def pipe(path):
    os.mkfifo(path)
    return f"{path} is neither a file nor a folder. Remove it."


@pytest.mark.parametrize("make", [dead_link, pipe])
@pytest.mark.parametrize(
    "look", [lambda f: inference.find_images([f]), lambda f: find_results(f, f)]
)
def test_what_is_called_an_image_and_is_no_file_is_refused(folder, make, look):
    said = make(folder / "c.png")
    assert refusal(look, folder) == said


@pytest.mark.parametrize("make", [dead_link, pipe])
def test_data_without_one_file_says_why(tmp_path, make):
    (tmp_path / "HE" / "train").mkdir(parents=True)
    said = make(tmp_path / "HE" / "train" / "a.png")
    assert said in refusal(data.find_pairs, tmp_path)
