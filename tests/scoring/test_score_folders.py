from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from he2ihc_keras.data.images import read_image, write_image
from he2ihc_keras.scoring import mean_colour, score_folders

REAL = Path(__file__).parents[3] / "shared" / "data" / "bci_native"


def folder(path, *names, size=16, seed=0):
    rng = np.random.default_rng(seed)
    path.mkdir()
    for name in names:
        write_image(path / name, rng.integers(0, 256, (size, size, 3), np.uint8))
    return path


@pytest.mark.skipif(not REAL.is_dir(), reason="the real BCI pairs are not here")
def test_published_predictions_score_as_scikit_image_says():
    scores = score_folders(REAL / "predictions_stain2stain", REAL / "IHC" / "test")
    found = {
        image.name: (
            round(image.scores["generated"].psnr, 2),
            round(image.scores["generated"].ssim, 3),
        )
        for image in scores.images
    }
    assert found == {"00345_test_0": (19.71, 0.416), "00901_test_1+": (22.34, 0.312)}


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
    assert [image.scores["generated"].ssim for image in scores.images] == [1, 1]


def test_the_he_may_hold_more_than_is_scored(tmp_path):
    target = folder(tmp_path / "ihc", "a.png")
    he = folder(tmp_path / "he", "a.png", "unscored.png", seed=1)
    scores = score_folders(target, target, he=he)
    assert [list(image.scores) for image in scores.images] == [
        ["generated", "mean_colour", "he_copy"]
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
        *(("Averaging the IHC colour", done, 2) for done in range(3)),
        *(("Scoring", done, 2) for done in range(3)),
    ]


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
