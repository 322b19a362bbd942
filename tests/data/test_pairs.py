import csv
import os
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from he2ihc_keras import data
from he2ihc_keras.data.pairs import Pair

SHARED = Path(__file__).parents[3] / "shared" / "data"

needs_real_images = pytest.mark.skipif(
    not SHARED.is_dir(), reason="no real images beside the repository"
)


def write(path, *, height=8, width=8):
    """Writes an image whose pixels follow from the whole path: no two are alike."""
    path.parent.mkdir(parents=True, exist_ok=True)
    seed = list(str(path).encode())
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def write_bci(root, *names, split="train", **size):
    for name in names:
        write(root / "HE" / split / name, **size)
        write(root / "IHC" / split / name, **size)
    return root


def message(call, *args, **kwargs):
    with pytest.raises(ValueError) as error:
        call(*args, **kwargs)
    return str(error.value)


def in_split(found, split):
    return [pair.name for pair in found if pair.split == split]


# Layouts


@pytest.mark.parametrize(
    ("layout", "he", "ihc"),
    [
        ("BCI", "HE/{}/a.png", "IHC/{}/a.png"),
        ("BCI challenge", "{}/HE/a.png", "{}/IHC/a.png"),
        ("HER2match", "HE_20x/{}/a.png", "IHC_20x/{}/a.png"),
        ("MIST", "{}A/a.png", "{}B/a.png"),
    ],
)
def test_layout_of_two_folders_is_recognised(tmp_path, layout, he, ihc):
    expected = [
        Pair(
            write(tmp_path / he.format(split)),
            write(tmp_path / ihc.format(split)),
            split,
        )
        for split in ("train", "val", "test")
    ]
    assert data.find_pairs(tmp_path) == expected
    assert data.inspect(tmp_path).layout.name == layout


def test_side_by_side_images_are_recognised_with_he_on_the_left(tmp_path):
    path = write(tmp_path / "train" / "a.png", height=8, width=16)
    [pair] = data.find_pairs(tmp_path)
    he, ihc = data.read_pair(pair)
    assert pair == Pair(path, path, "train", side_by_side=True)
    whole = np.asarray(Image.open(path))
    np.testing.assert_array_equal(np.hstack([he, ihc]), whole)
    assert he.shape == ihc.shape == (8, 8, 3)


def test_partners_may_have_different_suffixes(tmp_path):
    he = write(tmp_path / "trainA" / "a.PNG")
    ihc = write(tmp_path / "trainB" / "a.tiff")
    assert data.find_pairs(tmp_path) == [Pair(he, ihc, "train")]


def test_split_is_the_folders_whatever_the_name_says(tmp_path):
    write_bci(tmp_path, "00002_test_2+.png", split="train")
    assert [pair.split for pair in data.find_pairs(tmp_path)] == ["train"]


@pytest.mark.parametrize(
    ("name", "level"),
    [
        ("00001_train_0", "0"),
        ("00001_test_1+", "1+"),
        ("00001_train_2+", "2+"),
        ("00001_val_3+", "3+"),
        ("case7_3+", "3+"),
        ("tile_12_0", None),
        ("00001_train_4+", None),
        ("00001_train_2+_copy", None),
    ],
)
def test_level_is_read_from_the_name(tmp_path, name, level):
    write_bci(tmp_path, f"{name}.png")
    [pair] = data.find_pairs(tmp_path)
    assert (pair.name, pair.level) == (name, level)


def test_data_set_one_folder_further_down_is_found(tmp_path):
    write_bci(tmp_path / "BCI_dataset", "a.png")
    write(tmp_path / "__MACOSX" / "._a.png")
    [pair] = data.find_pairs(tmp_path)
    assert pair.he == tmp_path / "BCI_dataset" / "HE" / "train" / "a.png"


def test_two_data_sets_further_down_are_ambiguous(tmp_path):
    write_bci(tmp_path / "first", "a.png")
    write(tmp_path / "second" / "trainA" / "a.png")
    assert message(data.find_pairs, tmp_path) == (
        f"{tmp_path} can be read as more than one data set. Give the folder of one:\n"
        f"  {tmp_path / 'first'}: BCI\n"
        f"  {tmp_path / 'second'}: MIST"
    )


def test_unknown_layout_tells_what_it_saw_and_the_known(tmp_path):
    write(tmp_path / "HandE" / "train" / "a.png")
    write(tmp_path / "cover.png")
    assert message(data.find_pairs, tmp_path) == (
        f"No paired images recognised in {tmp_path}. It holds:\n"
        "  .: 1 image\n"
        "  HandE/: 0 images\n"
        "  HandE/train/: 1 image\n"
        "Expected one of (val and test may be missing):\n"
        "  BCI: H&E in HE/{train,val,test}/x.png, IHC in IHC/{train,val,test}/x.png\n"
        "  BCI challenge: H&E in {train,val,test}/HE/x.png, "
        "IHC in {train,val,test}/IHC/x.png\n"
        "  HER2match: H&E in HE_20x/{train,val,test}/x.png, "
        "IHC in IHC_20x/{train,val,test}/x.png\n"
        "  MIST: H&E in {train,val,test}A/x.png, IHC in {train,val,test}B/x.png\n"
        "  pix2pix: {train,val,test}/x.png, wider than tall: "
        "H&E in the left half, IHC in the right"
    )


def test_he_folder_given_for_its_parent_is_not_cut_in_halves(tmp_path):
    write_bci(tmp_path, "a.png")
    told = message(data.find_pairs, tmp_path / "HE")
    assert told.endswith(f"\n{tmp_path} is such a folder. Did you mean that?")


def test_file_given_for_a_folder_is_named(tmp_path):
    path = write(tmp_path / "a.png")
    assert message(data.find_pairs, path) == (
        f"{path} is not a folder. Give the folder of paired images."
    )


# The validation cut


def test_validation_is_cut_from_train_when_the_folder_has_none(tmp_path):
    names = [f"{i:02}.png" for i in range(20)]
    write_bci(tmp_path, *names)
    found = data.find_pairs(tmp_path, validation_fraction=0.25)
    train, val = in_split(found, "train"), in_split(found, "val")
    assert (len(train), len(val)) == (15, 5)
    assert sorted(train + val) == [name[:2] for name in names]


def test_validation_of_the_folder_is_kept_as_it_is(tmp_path):
    write_bci(tmp_path, "a.png", "b.png", "c.png")
    write_bci(tmp_path, "d.png", split="val")
    assert in_split(data.find_pairs(tmp_path), "val") == ["d"]


def test_validation_cut_depends_on_nothing_but_names_and_seed(tmp_path):
    names = [f"{i:02}.png" for i in range(20)]
    write_bci(tmp_path / "one", *names)
    write_bci(tmp_path / "two", *reversed(names))
    one, two = (
        in_split(data.find_pairs(tmp_path / root, seed=3), "val")
        for root in ("one", "two")
    )
    assert one == two


def test_another_seed_cuts_other_images(tmp_path):
    write_bci(tmp_path, *(f"{i:02}.png" for i in range(20)))
    cuts = {
        tuple(in_split(data.find_pairs(tmp_path, seed=seed), "val"))
        for seed in range(5)
    }
    assert len(cuts) > 1


@pytest.mark.parametrize(
    ("images", "fraction", "cut"),
    [(1, 0.5, 0), (2, 0.01, 1), (2, 0.99, 1), (3, 0.99, 2), (3, 0, 0)],
)
def test_cut_takes_one_image_and_leaves_one(tmp_path, images, fraction, cut):
    write_bci(tmp_path, *(f"{i}.png" for i in range(images)))
    found = data.find_pairs(tmp_path, validation_fraction=fraction)
    assert len(in_split(found, "val")) == cut


@pytest.mark.parametrize("fraction", [-0.1, 1, float("nan")])
def test_validation_fraction_must_leave_something_to_train_on(tmp_path, fraction):
    told = message(data.find_pairs, tmp_path, validation_fraction=fraction)
    assert told == (
        "`validation_fraction` must be at least 0 and less than 1. "
        f"Received: {fraction}."
    )


# Problems that need no decoding


def test_missing_partners_of_both_sides_are_reported_together(tmp_path):
    write_bci(tmp_path, "a.png")
    he = write(tmp_path / "HE" / "train" / "b.png")
    ihc = write(tmp_path / "IHC" / "train" / "c.png")
    assert message(data.find_pairs, tmp_path) == (
        f"{tmp_path}: 2 problems:\n"
        f"- {he} has no IHC partner in {ihc.parent}. Add it, or remove the image.\n"
        f"- {ihc} has no H&E partner in {he.parent}. Add it, or remove the image."
    )


def test_missing_folder_of_partners_is_one_problem(tmp_path):
    he = [write(tmp_path / "HE" / "train" / f"{i}.png") for i in range(3)]
    ihc_folder = tmp_path / "IHC" / "train"
    assert data.inspect(tmp_path).problems[0] == (
        f"{he[0].parent} holds 3 H&E images, but {ihc_folder}, for their IHC "
        f"partners, holds none. Add the partners, or remove {he[0].parent}."
    )


def test_two_files_of_one_name_are_reported(tmp_path):
    write_bci(tmp_path, "a.png")
    png = tmp_path / "HE" / "train" / "a.png"
    jpg = write(tmp_path / "HE" / "train" / "a.jpg")
    assert data.inspect(tmp_path).problems == (
        f"{jpg} and {png} share the name 'a', by which partners are found. "
        "Keep one of them.",
    )


def test_long_list_of_problems_is_shortened_but_kept_in_the_report(tmp_path):
    write_bci(tmp_path, "partnered.png")
    for i in range(25):
        write(tmp_path / "HE" / "train" / f"{i:02}.png")
    told = message(data.find_pairs, tmp_path).splitlines()
    assert (told[0], told[-1]) == (f"{tmp_path}: 25 problems:", "... and 5 more")
    assert len(data.inspect(tmp_path).problems) == 25


# Problems of pixels


def test_partners_of_different_sizes_are_reported(tmp_path):
    he = write(tmp_path / "HE" / "train" / "a.png", height=6, width=8)
    ihc = write(tmp_path / "IHC" / "train" / "a.png", height=8, width=8)
    assert data.inspect(tmp_path).problems == (
        f"{he} is 8 x 6 but its IHC partner {ihc} is 8 x 8. "
        "A registered pair has one size.",
    )


def test_both_unreadable_files_of_a_pair_are_reported(tmp_path):
    write_bci(tmp_path, "a.png", height=64, width=64)
    he, ihc = (tmp_path / stain / "train" / "a.png" for stain in ("HE", "IHC"))
    he.write_bytes(he.read_bytes()[:-1000])
    ihc.write_text("no image")
    truncated, unknown = data.inspect(tmp_path).problems
    assert truncated.startswith(f"{he} cannot be read: image file is truncated")
    assert unknown.startswith(f"{ihc} is not an image of a known kind.")


def test_images_smaller_than_a_patch_are_reported(tmp_path):
    write_bci(tmp_path, "large.png", height=8, width=8)
    write_bci(tmp_path, "small.png", height=8, width=7)
    he = tmp_path / "HE" / "train" / "small.png"
    assert data.inspect(tmp_path, patch_size=8).problems == (
        f"{he} is 7 x 8, smaller than a patch of 8 x 8. "
        "Lower `patch_size`, resize the images, or remove it.",
    )


def test_where_all_images_are_too_small_the_patch_is_at_fault(tmp_path):
    for name, width in (("a.png", 7), ("b.png", 6), ("c.png", 5)):
        write_bci(tmp_path, name, height=8, width=width)
    assert data.inspect(tmp_path, patch_size=8).problems == (
        "All 3 pairs are smaller than a patch of 8 x 8. Lower `patch_size`: 7 or less "
        "fits the largest of them.",
    )


def test_half_of_a_side_by_side_image_is_what_must_hold_a_patch(tmp_path):
    path = write(tmp_path / "train" / "a.png", height=8, width=14)
    assert data.inspect(tmp_path, patch_size=7).problems == ()
    assert data.inspect(tmp_path, patch_size=8).problems == (
        f"Each half of {path} is 7 x 8, smaller than a patch of 8 x 8. "
        "Lower `patch_size`, resize the images, or remove it.",
    )


def test_size_does_not_matter_when_images_are_resized(tmp_path):
    write_bci(tmp_path, "small.png")
    assert data.inspect(tmp_path, patch_size=256, resize=True).problems == ()


def test_odd_width_of_a_side_by_side_image_is_reported(tmp_path):
    path = write(tmp_path / "train" / "a.png", height=8, width=15)
    assert data.inspect(tmp_path).problems == (
        f"{path} is 15 x 8, an odd width. Expected H&E in the left half and IHC in "
        "the right half, of one width.",
    )


def test_no_training_pair_is_a_problem_of_inspect_alone(tmp_path):
    write_bci(tmp_path, "a.png", split="test")
    assert in_split(data.find_pairs(tmp_path), "test") == ["a"]
    assert data.inspect(tmp_path).problems == (
        "There is no training pair. Put paired images in "
        f"{tmp_path / 'HE' / 'train'} and {tmp_path / 'IHC' / 'train'}.",
    )


def test_one_image_in_two_splits_is_leakage_under_any_name_and_format(tmp_path):
    write_bci(tmp_path, "a.png")
    write_bci(tmp_path, "b.tif", split="test")
    train, test = (
        tmp_path / "HE" / "train" / "a.png",
        tmp_path / "HE" / "test" / "b.tif",
    )
    Image.open(train).save(test)
    assert data.inspect(tmp_path).problems == (
        f"{train} (train) and {test} (test) are one image, pixel for pixel. What is "
        "scored must not have been trained on: remove one of them.",
    )


def test_one_name_in_two_splits_is_no_leakage(tmp_path):
    write_bci(tmp_path, "a.png", split="train")
    write_bci(tmp_path, "a.png", split="test")
    assert data.inspect(tmp_path).problems == ()


def test_one_image_twice_in_one_split_is_no_leakage(tmp_path):
    write_bci(tmp_path, "a.png", "b.png")
    folder = tmp_path / "HE" / "train"
    (folder / "b.png").write_bytes((folder / "a.png").read_bytes())
    assert data.inspect(tmp_path, validation_fraction=0).problems == ()


def test_blank_glass_in_two_splits_is_no_leakage(tmp_path):
    for split in ("train", "test"):
        write_bci(tmp_path, "a.png", split=split)
        Image.new("RGB", (8, 8), "white").save(tmp_path / "HE" / split / "a.png")
    assert data.inspect(tmp_path).problems == ()


def test_problems_of_every_kind_are_raised_together(tmp_path):
    write_bci(tmp_path, "small.png", "torn.png", "unlike.png")
    write_bci(tmp_path, "copy.png", split="test", height=20, width=20)
    folder = tmp_path / "HE" / "train"
    alone = write(folder / "alone.png")
    (folder / "torn.png").write_bytes(b"")
    write(folder / "unlike.png", height=9)
    Image.open(tmp_path / "HE" / "test" / "copy.png").save(folder / "original.png")
    write(tmp_path / "IHC" / "train" / "original.png", height=20, width=20)
    report = data.inspect(tmp_path, patch_size=16, validation_fraction=0)
    heading, *bullets = message(report.raise_if_problems).splitlines()
    named = [alone.name, "torn.png", "unlike.png", "original.png", "small.png"]
    assert heading == f"{tmp_path}: 5 problems:"
    assert [bullet.split()[1] for bullet in bullets] == [str(folder / n) for n in named]


# The report


def test_report_counts_splits_levels_and_sizes(tmp_path):
    write_bci(tmp_path, "1_train_0.png", "2_train_2+.png", "3_train_2+.png")
    write_bci(tmp_path, "4_train_3+.png", split="val", height=9, width=8)
    (tmp_path / "HE" / "train" / "features.npy").touch()
    report = data.inspect(tmp_path)
    assert report.text() == (
        f"{tmp_path}: BCI layout, H&E in HE/{{train,val,test}}/x.png, "
        "IHC in IHC/{train,val,test}/x.png\n"
        "\n"
        "split   pairs      0     2+     3+\n"
        "train       3      1      2      0\n"
        "val         1      0      0      1\n"
        "test        0      0      0      0\n"
        "\n"
        "Size (width x height): 8 x 8 (3), 8 x 9 (1)\n"
        "\n"
        "Ignored, not images: 1 (.npy)\n"
        "\n"
        "No problem found."
    )
    assert report.counts()["train"] == {"0": 1, "2+": 2}
    assert report.sizes == {(8, 8): 3, (9, 8): 1}


def test_report_says_when_validation_was_cut_from_train(tmp_path):
    write_bci(tmp_path, "a.png", "b.png")
    assert "val         1   (cut from train)\n" in data.inspect(tmp_path).text()


def test_report_without_problems_raises_nothing(tmp_path):
    write_bci(tmp_path, "a.png")
    assert data.inspect(tmp_path).raise_if_problems() is None


@pytest.mark.parametrize("litter", ["Thumbs.db", ".DS_Store", "._a.png", "notes.txt"])
def test_litter_is_ignored_in_silence(tmp_path, litter):
    write_bci(tmp_path, "a.png")
    (tmp_path / "HE" / "train" / litter).touch()
    report = data.inspect(tmp_path)
    assert (report.ignored, report.problems, len(report.pairs)) == ((), (), 1)


def test_progress_is_told_after_every_pair(tmp_path):
    write_bci(tmp_path, "a.png", "b.png", "c.png")
    told = []
    data.inspect(tmp_path, progress=lambda *step: told.append(step))
    assert told == [(1, 3), (2, 3), (3, 3)]


# What people's folders are like


@pytest.mark.parametrize("name", ["valid", "validation"])
def test_validation_has_other_names(tmp_path, name):
    write_bci(tmp_path, "a.png", "b.png")
    write_bci(tmp_path, "c.png", split=name)
    found = data.find_pairs(tmp_path)
    assert [(pair.name, pair.split) for pair in found] == [
        *(("a", "train"), ("b", "train"), ("c", "val"))
    ]


def test_folders_that_no_split_takes_are_told(tmp_path):
    write_bci(tmp_path, "a.png")
    for split in ("val", "valid", "external"):
        write_bci(tmp_path, "b.png", split=split)
    write(tmp_path / "Ki67" / "train" / "a.png")
    report = data.inspect(tmp_path)
    others = ("HE/external", "HE/valid", "IHC/external", "IHC/valid", "Ki67")
    assert report.not_taken == tuple((tmp_path / other, 1) for other in others)
    assert (
        "Not taken, as they belong to no split of H&E in HE/{train,val,test}/x.png, "
        f"IHC in IHC/{{train,val,test}}/x.png:\n- {tmp_path}/HE/external: 1 image\n"
    ) in report.text()


@pytest.mark.parametrize(
    ("he", "ihc"), [("HE/train", "IHC/train"), ("train/HE", "train/IHC")]
)
def test_subfolders_are_slides(tmp_path, he, ihc):
    root = tmp_path / "pairs"
    for slide in ("a", "b/left"):
        for folder in (he, ihc):
            write(root / folder / slide / "0_0.png")
    found = data.find_pairs(root, validation_fraction=0)
    assert [pair.name for pair in found] == ["a/0_0", "b/left/0_0"]
    assert [pair.slide for pair in found] == ["a", "b/left"]
    assert found[1].ihc == root / ihc / "b/left/0_0.png"
    data.write_pairs_csv(tmp_path / "pairs.csv", found)
    assert data.read_pairs_csv(tmp_path / "pairs.csv") == found


def test_links_in_a_circle_end(tmp_path):
    write_bci(tmp_path, "a.png", "x/b.png", "y/c.png")
    he = tmp_path / "HE" / "train"
    (he / "up").symlink_to(tmp_path)
    for one, other in (("x", "y"), ("y", "x")):
        for stain in ("HE", "IHC"):
            folder = tmp_path / stain / "train"
            (folder / one / "other").symlink_to(folder / other)
    names = [pair.name for pair in data.find_pairs(tmp_path, validation_fraction=0)]
    assert names == ["a", "x/b", "x/other/c", "y/c", "y/other/b"]


@pytest.mark.parametrize("names", ["{}/{}.png", "{}_1_{}.png"])
def test_validation_is_cut_by_slide_where_names_tell_it(tmp_path, names):
    slides = [f"1{n}M21" for n in range(5)]
    for slide in slides:
        write_bci(tmp_path, *(names.format(slide, n) for n in range(4)))
    found = data.find_pairs(tmp_path, validation_fraction=0.3, seed=3)
    train, val = (
        {pair.slide for pair in found if pair.split == split}
        for split in ("train", "val")
    )
    assert train | val == set(slides) and not train & val
    assert len(val) == 1  # 4 of 20 images: of two slides they were more than 6


def test_validation_takes_no_slide_that_is_most_of_the_data(tmp_path):
    write_bci(tmp_path, *(f"large/{n}.png" for n in range(18)), "small/0.png")
    for seed in range(4):
        found = data.find_pairs(tmp_path, seed=seed)
        assert in_split(found, "val") == ["small/0"]
    found = data.find_pairs(write_bci(tmp_path / "one", "a/0.png", "a/1.png"))
    assert len(in_split(found, "val")) == 1  # there is no other slide


def test_slides_of_images_without_partners_are_cut_alike(tmp_path):
    for slide in ("a", "b", "c", "d"):
        write(tmp_path / "trainA" / slide / "1.png")
        write(tmp_path / "trainB" / slide / "2.png")
    found = data.find_pairs(tmp_path, validation_fraction=0.3, unpaired=True)
    val = [pair for pair in found if pair.split == "val"]
    assert {pair.he is None for pair in val} == {True, False}
    assert len({pair.slide for pair in val}) == 1


def test_each_stain_is_held_out_where_their_slides_are_others(tmp_path):
    for folder, slides in (("trainA", "abcd"), ("trainB", "wxyz")):
        for slide in slides:
            write(tmp_path / folder / slide / "1.png")
    for seed in range(4):
        found = data.find_pairs(tmp_path, seed=seed, unpaired=True)
        for split in ("train", "val"):
            of_split = [pair for pair in found if pair.split == split]
            assert {pair.he is None for pair in of_split} == {True, False}


def test_files_beside_images_of_both_stains_are_told_and_not_cut(tmp_path):
    write(tmp_path / "train" / "a.png", width=16)
    write(tmp_path / "train" / "masks" / "a.png")
    report = data.inspect(tmp_path)
    assert [pair.name for pair in report.pairs] == ["a"]
    assert report.not_taken == ((tmp_path / "train" / "masks", 1),)


def test_wide_images_of_slides_are_of_their_layout(tmp_path):
    for stain in ("HE", "IHC"):
        write(tmp_path / "train" / stain / "slide" / "a.png", width=16)
    assert data.inspect(tmp_path).layout.name == "BCI challenge"


def test_names_are_compared_in_one_form_of_unicode(tmp_path):
    composed, decomposed = (unicodedata.normalize(f, "ä.png") for f in ("NFC", "NFD"))
    he = write(tmp_path / "HE" / "train" / decomposed)
    ihc = write(tmp_path / "IHC" / "train" / composed)
    [pair] = data.find_pairs(tmp_path)
    assert pair == Pair(he, ihc, "train")
    assert pair.name == unicodedata.normalize("NFC", pair.name)
    other = write(tmp_path / "HE" / "train" / composed)
    assert f"{he} and {other} share the name 'ä'" in message(data.find_pairs, tmp_path)


@pytest.mark.parametrize(
    ("he", "ihc"),
    [("HE_{}", "IHC_{}"), ("{}_he", "{}_IHC"), ("{}_A", "{}_B"), ("{}", "{}-her2")],
)
def test_names_may_tell_the_stain(tmp_path, he, ihc):
    for name in ("1_2+", "2_0"):
        write(tmp_path / "HE" / "train" / "s" / f"{he.format(name)}.png")
        write(tmp_path / "IHC" / "train" / "s" / f"{ihc.format(name)}.png")
    found = data.find_pairs(tmp_path, validation_fraction=0)
    assert [(pair.name, pair.level, pair.ihc.stem) for pair in found] == [
        (f"s/{he.format('1_2+')}", "2+", ihc.format("1_2+")),
        (f"s/{he.format('2_0')}", None, ihc.format("2_0")),
    ]


def test_names_that_tell_the_stain_of_other_patches_are_no_pairs(tmp_path):
    write(tmp_path / "HE" / "train" / "1_A.png")
    write(tmp_path / "IHC" / "train" / "2_B.png")
    assert "None of the 1 H&E image" in message(data.find_pairs, tmp_path)


def test_zip_of_windows_is_told(tmp_path):
    write(tmp_path / "HE\\train\\a.png")
    assert (
        "Names there hold backslashes: a zip file of Windows was unpacked as if they "
        "were letters. Unpack it with `unzip` or `7z x`."
    ) in message(data.find_pairs, tmp_path)


def test_links_to_nothing_and_what_is_no_file_are_problems(tmp_path):
    write_bci(tmp_path, "a.png", "b.png")
    link, pipe = (tmp_path / "HE" / "train" / name for name in ("a.png", "c.png"))
    link.unlink()
    link.symlink_to("../.dvc/cache/01")
    os.mkfifo(pipe)
    problems = data.inspect(tmp_path).problems
    assert problems == (
        f"{tmp_path / 'IHC/train/a.png'} has no H&E partner in "
        f"{tmp_path / 'HE/train'}. Add it, or remove the image.",
        f"{link} is a link to ../.dvc/cache/01, where nothing is. Fetch the images "
        "(`dvc pull`, `git annex get`), or remove the link.",
        f"{pipe} is neither a file nor a folder. Remove it.",
    )


# Recording


def test_recorded_pairs_are_read_back_with_absolute_paths(tmp_path, monkeypatch):
    write_bci(tmp_path / "bci, copy", "1_train_2+.png", "plain.png")
    monkeypatch.chdir(tmp_path)
    found = data.find_pairs("bci, copy")
    data.write_pairs_csv(tmp_path / "pairs.csv", found)
    back = data.read_pairs_csv(tmp_path / "pairs.csv")
    assert [p.he for p in back] == [tmp_path / p.he for p in found]
    assert [(p.split, p.level) for p in back] == [(p.split, p.level) for p in found]


def test_recorded_side_by_side_pair_is_read_back(tmp_path):
    write(tmp_path / "train" / "a.png", height=8, width=16)
    found = data.find_pairs(tmp_path)
    data.write_pairs_csv(tmp_path / "pairs.csv", found)
    assert data.read_pairs_csv(tmp_path / "pairs.csv") == found


def test_record_is_a_table_that_other_programs_read(tmp_path):
    write_bci(tmp_path, "1_train_2+.png")
    data.write_pairs_csv(tmp_path / "pairs.csv", data.find_pairs(tmp_path))
    with open(tmp_path / "pairs.csv", newline="") as file:
        [row] = csv.DictReader(file)
    columns = ["split", "level", "he", "ihc", "side_by_side"]
    assert list(row) == [*columns, "he_sha256", "ihc_sha256", "folder"]
    assert (row["split"], row["level"], row["side_by_side"]) == ("train", "2+", "no")


@pytest.mark.parametrize(
    ("content", "received"), [("", "an empty file"), ("a,b\n1,2\n", "a, b")]
)
def test_file_of_other_columns_is_no_list_of_pairs(tmp_path, content, received):
    path = tmp_path / "pairs.csv"
    path.write_text(content)
    assert message(data.read_pairs_csv, path) == (
        f"{path} is not a list of pairs. Expected the columns split, level, he, ihc, "
        f"side_by_side, he_sha256, ihc_sha256, folder. Received: {received}."
    )


@pytest.mark.parametrize("row", ["training,,a,b,no", "train,,a,b,maybe", "train,,a"])
def test_row_that_is_no_pair_is_named_by_its_line(tmp_path, row):
    path = tmp_path / "pairs.csv"
    path.write_text(f"split,level,he,ihc,side_by_side\n{row}\n")
    assert message(data.read_pairs_csv, path) == (
        f"{path}, line 2 is not a pair. Expected split, level, he, ihc, side_by_side, "
        "with split train, val or test and side_by_side yes or no. "
        f"Received: {row.replace(',', ', ')}."
    )


def test_recorded_image_that_is_gone_is_named(tmp_path):
    write_bci(tmp_path, "a.png", "b.png")
    data.write_pairs_csv(tmp_path / "pairs.csv", data.find_pairs(tmp_path))
    gone = tmp_path / "IHC" / "train" / "a.png"
    gone.unlink()
    assert message(data.read_pairs_csv, tmp_path / "pairs.csv") == (
        f"1 of the 4 images that {tmp_path / 'pairs.csv'} lists are gone, the first of "
        f"them {gone}. Put them back where they were, or say with --data where they "
        "are."
    )


# Real tissue


@needs_real_images
def test_small_bci_has_16_pairs_whose_folder_decides_the_split():
    report = data.inspect(SHARED / "bci_small")
    splits = {split: count.total() for split, count in report.counts().items()}
    assert (report.layout.name, report.problems) == ("BCI", ())
    assert splits == {"train": 10, "val": 1, "test": 5}
    assert report.sizes == {(166, 166): 16}
    assert all("_test_" in pair.name for pair in report.pairs)


@needs_real_images
def test_small_mist_has_validation_and_no_test():
    report = data.inspect(SHARED / "mist_small", patch_size=256)
    splits = {split: count.total() for split, count in report.counts().items()}
    assert (report.layout.name, report.problems) == ("MIST", ())
    assert splits == {"train": 3, "val": 1, "test": 0}


@needs_real_images
def test_native_bci_has_two_test_pairs_of_full_size():
    found = data.find_pairs(SHARED / "bci_native")
    assert [(p.split, p.level) for p in found] == [("test", "0"), ("test", "1+")]
    he, ihc = data.read_pair(found[0])
    assert he.shape == ihc.shape == (1024, 1024, 3)
    # Blank glass is bright in both; the two stains are not one image.
    assert not np.array_equal(he, ihc)


@pytest.mark.parametrize(
    ("name", "level"),
    [
        ("00345_test_0", "0"),
        ("00901_test_1+", "1+"),
        ("00041_train_2+", "2+"),
        ("00054_test_3+", "3+"),
        ("00054_test_3", None),
        ("00054_test_10", None),
        ("tile_12_0", None),
        ("061", None),
    ],
)
def test_level_stands_at_the_end_of_a_bci_name(name, level):
    assert data.level_of(name) == level


# Without partners


def write_alone(root, split="train", he=2, ihc=3):
    for number in range(he):
        write(root / f"{split}A" / f"a{number}.png")
    for number in range(ihc):
        write(root / f"{split}B" / f"b{number}.png")
    return root


def test_images_without_partners_stand_alone_if_that_is_asked_for(tmp_path):
    write_alone(tmp_path)
    write(tmp_path / "valA" / "x.png"), write(tmp_path / "valB" / "x.png")
    found = data.find_pairs(tmp_path, unpaired=True)
    train = [pair for pair in found if pair.split == "train"]
    assert [bool(pair.he) for pair in train] == [True, True, False, False, False]
    assert [pair.name for pair in train] == ["a0", "a1", "b0", "b1", "b2"]
    assert not any(pair.is_whole for pair in train)
    # A split whose names all stand in both folders is of pairs.
    [pair] = [pair for pair in found if pair.split == "val"]
    assert pair.is_whole
    problems = message(data.find_pairs, tmp_path)
    assert problems.count("CycleGAN needs no partners: ") == 2  # of each stain
    assert (
        f"None of the 2 H&E images in {tmp_path / 'trainA'} has its IHC partner, of "
        f"the same name, in {tmp_path / 'trainB'}. Rename them."
    ) in problems


def test_of_images_that_stand_alone_the_same_share_of_each_is_cut(tmp_path):
    write_alone(tmp_path, he=10, ihc=30)
    found = data.find_pairs(tmp_path, validation_fraction=0.2, unpaired=True)
    val = [pair for pair in found if pair.split == "val"]
    assert [sum(bool(getattr(p, s)) for p in val) for s in ("he", "ihc")] == [2, 6]


def test_folder_without_pairs_is_looked_through(tmp_path):
    write_alone(tmp_path)
    write(tmp_path / "valA" / "x.png"), write(tmp_path / "valB" / "x.png")
    report = data.inspect(tmp_path, unpaired=True)
    assert report.problem_text() == "No problem found."
    assert report.counts_text() == "2 H&E and 3 IHC train, 1 val, 0 test"
    (tmp_path / "trainA" / "a0.png").write_bytes(b"no image")
    [problem] = data.inspect(tmp_path, unpaired=True).problems
    assert str(tmp_path / "trainA" / "a0.png") in problem


def test_training_needs_images_of_both_stains(tmp_path):
    write_alone(tmp_path, ihc=0)
    [problem] = data.inspect(tmp_path, unpaired=True).problems
    assert problem.startswith("There is no training pair.")


def test_images_that_stand_alone_survive_the_csv_and_a_move(tmp_path):
    for root in ("here", "there"):
        write_alone(tmp_path / root, he=2, ihc=2)
    # One name in both folders: still two images
    for root in ("here", "there"):
        for side in "AB":
            Image.new("RGB", (8, 8)).save(tmp_path / root / f"train{side}" / "same.png")
    here, there = (
        data.with_digests(
            data.find_pairs(tmp_path / r, unpaired=True, validation_fraction=0)
        )
        for r in ("here", "there")
    )
    data.write_pairs_csv(tmp_path / "pairs.csv", here)
    again = data.read_pairs_csv(tmp_path / "pairs.csv")
    assert again == here
    assert [p.ihc_sha256 for p in again] == [p.ihc_sha256 for p in here]
    for pair, other in zip(here, there, strict=True):
        other.files[0].write_bytes(pair.files[0].read_bytes())
    moved = data.relocated(
        here, data.find_pairs(tmp_path / "there", unpaired=True, validation_fraction=0)
    )
    assert [p.files for p in moved] == [p.files for p in there]
