import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from he2ihc_keras import scoring
from he2ihc_keras.data.images import read_image, write_image
from he2ihc_keras.scoring import Folders, SlideSource, explain_folders, mean_colour
from helpers import SHARED

REAL = SHARED / "bci_native"
needs_real = pytest.mark.skipif(not REAL.is_dir(), reason="the BCI pairs are not here")


def score_folders(predicted, target=None, progress=None, **folders):
    folders = Folders(predicted, target, **folders)
    _, scores = scoring.score_folders(folders, progress=progress)
    return scores


def folder(path, *names, size=16, seed=0):
    rng = np.random.default_rng(seed)
    path.mkdir()
    for name in names:
        write_image(path / name, rng.integers(0, 256, (size, size, 3), np.uint8))
    return path


@needs_real
def test_published_predictions_score_as_scikit_image_says():
    scores = score_folders(REAL / "predictions_stain2stain", REAL / "IHC" / "test")
    for image in scores.images:
        name = f"{image.name}.png"
        ihc = read_image(REAL / "IHC" / "test" / name)
        fake_ihc = read_image(REAL / "predictions_stain2stain" / name)
        assert image.scores["generated"]["psnr"] == peak_signal_noise_ratio(
            ihc, fake_ihc
        )
        assert image.scores["generated"]["ssim"] == pytest.approx(
            structural_similarity(ihc, fake_ihc, channel_axis=-1), abs=1e-14
        )


# One colour, the pair's own mean, and the H&E itself: measured before this package was
@needs_real
@pytest.mark.parametrize(
    ("name", "flat", "copy"),
    [
        ("00345_test_0.png", (22.8, 0.649), (12.1, 0.339)),
        ("00901_test_1+.png", (25.6, 0.490), (6.0, 0.121)),
    ],
)
def test_a_flat_colour_beats_a_published_model(tmp_path, name, flat, copy):
    places = {"fake": "predictions_stain2stain", "ihc": "IHC/test", "he": "HE/test"}
    for role, place in places.items():
        (tmp_path / role).mkdir()
        shutil.copy(REAL / place / name, tmp_path / role)
    scores = score_folders(tmp_path / "fake", tmp_path / "ihc", he=tmp_path / "he")
    for method, expected in (("mean_colour", flat), ("he_copy", copy)):
        found = scores.mean("psnr", method), scores.mean("ssim", method)
        assert (round(found[0], 1), round(found[1], 3)) == expected
    assert scores.margin("psnr") < 0 > scores.margin("ssim")


def test_each_prediction_meets_the_target_of_its_name(tmp_path):
    target = folder(tmp_path / "ihc", "a_test_0.png", "b_3+.png")
    copies = folder(tmp_path / "copies")
    for path in target.iterdir():
        Image.open(path).save(copies / f"{path.stem}.bmp")
    scores = score_folders(copies, target)
    assert [(i.name, i.level) for i in scores.images] == [
        ("a_test_0", "0"),
        ("b_3+", "3+"),
    ]
    assert [image.scores["generated"]["ssim"] for image in scores.images] == [1, 1]


def test_the_he_may_hold_more_than_is_scored(tmp_path):
    target = folder(tmp_path / "ihc", "a.png")
    he = folder(tmp_path / "he", "a.png", "unscored.png", seed=1)
    scores = score_folders(target, target, he=he)
    assert [list(image.scores) for image in scores.images] == [
        ["generated", "mean_colour", "he_copy", "blurred_target"]
    ]


def test_the_flat_colour_is_that_of_the_training_ihc(tmp_path):
    target = folder(tmp_path / "ihc", "a.png")
    train = folder(tmp_path / "train", "b.png", "c.png", seed=1)
    scores = score_folders(target, target, train_ihc=train)
    assert scores.mean_colour == tuple(mean_colour(train.iterdir()).tolist())
    assert scores.mean_colour_of == "training IHC"


def test_without_training_ihc_the_flat_colour_is_that_of_the_targets(tmp_path):
    target = folder(tmp_path / "ihc", "a.png")
    scores = score_folders(target, target)
    colour = mean_colour([read_image(target / "a.png")])
    assert scores.mean_colour == tuple(colour.tolist())
    assert scores.mean_colour_of == "scored IHC"


def test_hidden_files_and_notes_are_no_images(tmp_path):
    target = folder(tmp_path / "ihc", "a.png")
    (target / "._a.png").write_bytes(b"left by another system")
    (target / "notes.txt").write_text("none")
    assert len(score_folders(target, target).images) == 1


def test_progress_tells_both_passes(tmp_path):
    target, told = folder(tmp_path / "ihc", "a.png", "b.png"), []
    score_folders(target, target, progress=lambda *now: told.append(now))
    assert told == [
        *(("Checking the images", done, 2) for done in range(3)),
        *(("Scoring", done, 2) for done in range(3)),
    ]


def test_a_side_by_side_target_brings_its_he(tmp_path):
    target = folder(tmp_path / "ihc")
    he, ihc = (
        read_image(p) for p in folder(tmp_path / "s", "0.png", "1.png").iterdir()
    )
    write_image(target / "a.png", np.hstack([he, ihc]))
    predicted = folder(tmp_path / "out")
    write_image(predicted / "a.png", ihc)
    scores = score_folders(predicted, target)
    assert scores.mean("ssim") == 1
    assert "he_copy" in scores.methods


def test_a_folder_of_results_is_enough(tmp_path):
    results = folder(
        tmp_path / "images", "a_fake_B.png", "a_real_B.png", "a_real_A.png"
    )
    scores = score_folders(results)
    assert [image.name for image in scores.images] == ["a"]
    assert "he_copy" in scores.methods


def test_slides_of_mist_are_known(tmp_path):
    names = ["14M01_1_2.png", "14M01_2_2.png", "14M02_1_1.png"]
    scores = score_folders(folder(tmp_path / "ihc", *names), tmp_path / "ihc")
    assert scores.slides == ["14M01", "14M01", "14M02"]
    assert scores.slides_from == "MIST's names"


def test_a_slide_that_is_not_told_stops_before_scoring(tmp_path):
    target, told = folder(tmp_path / "ihc", "a_1.png", "b.png"), []
    with pytest.raises(ValueError, match="finds no slide in 1 of 2 names: b"):
        scoring.score_folders(
            Folders(target, target),
            slides=SlideSource(regex=r"^(\w)_"),
            progress=told.append,
        )
    assert told == []


def test_protocols_of_the_same_images_are_explained(tmp_path):
    target = folder(tmp_path / "ihc", "a.png", "b.png", size=32)
    predicted = folder(tmp_path / "out", "a.png", "b.png", size=32, seed=1)
    explained = explain_folders(Folders(predicted, target))
    assert [s.protocol.name for s in explained] == list(scoring.PROTOCOLS)
    for of_protocol in explained:
        _, alone = scoring.score_folders(
            Folders(predicted, target), protocol=of_protocol.protocol
        )
        assert of_protocol.mean("psnr") == alone.mean("psnr")
        assert of_protocol.mean("ssim") == alone.mean("ssim")


def test_a_training_folder_without_images_is_named(tmp_path):
    target = folder(tmp_path / "ihc", "a.png")
    with pytest.raises(ValueError) as error:
        score_folders(target, target, train_ihc=folder(tmp_path / "train"))
    assert str(error.value) == (
        f"{tmp_path / 'train'} holds no image (.bmp, .jpeg, .jpg, .png, .tif, .tiff)."
    )


def test_what_was_recognised_is_told(tmp_path):
    names = ("a_fake_B.png", "a_real_B.png", "a_rec_A.png")
    results = folder(tmp_path / "images", *names)
    what, _ = scoring.score_folders(Folders(results))
    assert what == (
        f"1 image, pix2pix results in {results}: x_fake_B, x_real_B (ignored: 1 rec_A)."
    )


def test_the_source_names_whole_paths(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folders = Folders(Path("out"), he=Path("he"), panels=("he", "fake_ihc"))
    assert folders.as_source() == {
        "predicted": str(tmp_path / "out"),
        "he": str(tmp_path / "he"),
        "panels": "he,fake_ihc",
    }


# Errors


def test_missing_and_extra_names_are_listed(tmp_path):
    target = folder(tmp_path / "ihc", "a.png", "b.png", "c.png")
    predicted = folder(tmp_path / "out", "b.png", "d.png")
    he = folder(tmp_path / "he", "a.png", "b.png")
    with pytest.raises(ValueError) as error:
        score_folders(predicted, target, he=he)
    assert str(error.value) == (
        "Each target needs one prediction of the same name (endings may differ), and "
        "nothing was scored:\n"
        f"  2 without a prediction in {predicted}: a, c.\n"
        f"  1 predicted without a target in {target}: d.\n"
        f"  1 without an H&E in {he}: c."
    )


def test_a_long_list_of_names_is_shortened(tmp_path):
    target = folder(tmp_path / "ihc", *(f"{n:02}.png" for n in range(13)))
    predicted = folder(tmp_path / "out", "00.png")
    with pytest.raises(ValueError, match=r": 01, .*, 10 and 2 more\.$"):
        score_folders(predicted, target)


def test_sizes_are_compared_before_anything_is_scored(tmp_path):
    target = folder(tmp_path / "ihc", "a.png", "b.png")
    predicted = folder(tmp_path / "out", "a.png", "b.png", size=12)
    write_image(predicted / "b.png", np.zeros((16, 16, 3), np.uint8))
    told = []
    with pytest.raises(ValueError) as error:
        score_folders(predicted, target, he=predicted, progress=told.append)
    assert told == []
    assert str(error.value) == (
        "Images of one name must have one size, and nothing was scored.\n"
        "  2 of another size than the real IHC (width x height): "
        "a (generated 12 x 12, real 16 x 16), a (H&E 12 x 12, real 16 x 16).\n"
        "Generate images at the size of the real IHC."
    )


def test_damaged_images_are_found_before_anything_is_scored(tmp_path):
    target = folder(tmp_path / "ihc", "a.png", "b.png", "c.png", size=64)
    predicted = folder(tmp_path / "out", "a.png", "b.png", "c.png", size=64, seed=1)
    for name in ("a.png", "c.png"):
        (predicted / name).write_bytes((predicted / name).read_bytes()[:3000])
    with pytest.raises(ValueError) as error:
        score_folders(predicted, target)
    message, *problems = str(error.value).splitlines()
    assert message == "2 of 3 images cannot be read, and nothing was scored:"
    assert str(predicted / "a.png") in problems[0]
    assert str(predicted / "c.png") in problems[1]


def test_generated_of_the_final_size_are_told(tmp_path):
    target = folder(tmp_path / "ihc", "a.png", size=512)
    predicted = folder(tmp_path / "out", "a.png", size=256, seed=1)
    readme = scoring.PROTOCOLS["bci-readme"]
    what, _ = scoring.score_folders(Folders(predicted, target), protocol=readme)
    assert what == (
        "1 image, two folders, paired by name. Taken as written by the test command, "
        "neither scaled nor cut: 1 image of 256 x 256 pixels."
    )
    explained = explain_folders(Folders(predicted, target))
    assert [s.protocol.name for s in explained] == ["bci-readme"]


def test_a_name_stands_for_one_image(tmp_path):
    target = folder(tmp_path / "ihc", "a.png")
    Image.open(target / "a.png").save(target / "a.jpg")
    with pytest.raises(ValueError) as error:
        score_folders(target, target)
    assert str(error.value) == (
        f"{target} holds a.jpg and a.png. A name may stand for one image only: "
        "take one away."
    )


def test_a_folder_of_folders_tells_which_to_give(tmp_path):
    folder(tmp_path / "train")
    target = folder(tmp_path / "test", "a.png")
    with pytest.raises(ValueError) as error:
        score_folders(target, tmp_path)
    assert str(error.value) == (
        f"{tmp_path} holds no image (.bmp, .jpeg, .jpg, .png, .tif, .tiff). "
        "Give one of its folders: test, train."
    )
