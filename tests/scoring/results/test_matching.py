import unicodedata

import numpy as np
import pytest
from PIL import Image

from he2ihc_keras.data.images import read_image, write_image
from he2ihc_keras.scoring.results import ImageFile, find_results
from helpers import SHARED, noise_image

PIX2PIX = ("x_real_A.png", "x_fake_B.png", "x_real_B.png")
CUT = ("real_A/x.png", "fake_B/x.png", "real_B/x.png")


def folder(path, *names, size=(4, 4)):
    """Images of noise, the same for one name and size; folders are made as needed."""
    path.mkdir(parents=True, exist_ok=True)
    for name in names:
        (path / name).parent.mkdir(exist_ok=True)
        image = noise_image(*size, seed=sum(name.encode()))
        if name.endswith(".png"):
            write_image(path / name, image)
        else:
            Image.fromarray(image).save(path / name)
    return path


def shown(results):
    """Rows as `(name, generated, real, H&E)`, each the file's last two names."""

    def last(image):
        return image and "/".join(image.path.parts[-2:])

    return [(row.name, *map(last, row[1:])) for row in results.rows]


def message_of(*arguments, **options):
    with pytest.raises(ValueError) as error:
        find_results(*arguments, **options)
    return str(error.value)


# Two folders


@pytest.mark.parametrize(
    "predicted, target, name",
    [
        ("x_1+.png", "x_1+.png", "x_1+"),
        ("x_1+.bmp", "x_1+.jpeg", "x_1+"),
        ("x_1+_fake_B.png", "x_1+.png", "x_1+"),
        ("x_1+_fake_B.png", "x_1+_real_B.png", "x_1+"),
        ("x_1+_fake.png", "x_1+_IHC.png", "x_1+"),
        ("x_pred.png", "x_ihc.jpg", "x"),
        ("x_fake_B.png", "x_B.png", "x"),
        ("x_1+.png", "x_1+_IHC.png", "x_1+"),
        ("x_IHC.png", "x.png", "x"),
        ("x_fake_B.png", "x_fake_B.png", "x_fake_B"),
        ("x_1+_method_epoch200.png", "x_1+.png", "x_1+"),
        ("x_1+_method_epoch200.png", "x_1+_IHC.png", "x_1+"),
        ("x-stain2stain.png", "x.png", "x"),
    ],
)
def test_names_meet_without_what_a_method_adds(tmp_path, predicted, target, name):
    out, ihc = folder(tmp_path / "out", predicted), folder(tmp_path / "ihc", target)
    for other in (None, "y"):  # alone, and beside another
        if other:
            folder(out, predicted.replace("x", other, 1))
            folder(ihc, target.replace("x", other, 1))
        row = find_results(out, ihc).rows[0]
        assert row.name == name
        assert (row.fake_ihc.path, row.ihc.path) == (out / predicted, ihc / target)


@pytest.mark.parametrize(
    "ending, other, names",
    [
        ("_unet", "_truth", ["x", "y"]),
        ("_fake_B", "_registered", ["x", "y"]),
        # Digits may be a level or a place, which the name must keep.
        ("", "_1+", ["x_1+", "y_1+"]),
        # What both share is the name's own.
        ("_1+_unet", "_1+", ["x_1+", "y_1+"]),
        ("_1+_unet", "_1+_ultra", ["x_1+", "y_1+"]),
    ],
)
def test_an_ending_that_all_names_share_is_set_aside(tmp_path, ending, other, names):
    out = folder(tmp_path / "out", f"x{ending}.png", f"y{ending}.png")
    ihc = folder(tmp_path / "ihc", f"x{other}.png", f"y{other}.png")
    assert [row.name for row in find_results(out, ihc).rows] == names


def test_what_was_set_aside_is_told(tmp_path):
    out = folder(tmp_path / "out", "x_unet.png", "y_unet.png")
    ihc = folder(tmp_path / "ihc", "x_truth.png", "y_truth.png")
    plain = folder(tmp_path / "plain", "x.png", "y.png")
    assert find_results(plain, plain).layout == "two folders, paired by name"
    assert find_results(out, ihc).layout == (
        "two folders, paired by name; not counting _unet of the predicted names and "
        "_truth of the target names"
    )


@pytest.mark.parametrize(
    "predicted, target",
    [
        (("x.png",), ("y.png",)),
        (("x_left.png",), ("x_right.png",)),
        (("x_1.png", "y_1.png"), ("x_2.png", "y_2.png")),
        (("x_test_1+.png", "y_test_1+.png"), ("x_test_2+.png", "y_test_2+.png")),
        (("x_C.png", "y_C.png"), ("x_B.png", "y_B.png")),
        # The H&E, the real IHC, CycleGAN's way back: not generated IHC
        (("x_A.png", "y_A.png"), ("x_B.png", "y_B.png")),
        (("x_he.png",), ("x.png",)),
        (("x_real_B.png",), ("x.png",)),
        (("x_rec_A.png",), ("x.png",)),
        (("x.png",), ("x_fake_B.png",)),
        (("x_IHC.png", "y_IHC.png"), ("x_unet.png", "y_unet.png")),
        (("_fake_B.png",), ("_IHC.png",)),
        (("x.png",), ("x_HE.png",)),
    ],
)
def test_names_of_other_patches_and_stains_do_not_meet(tmp_path, predicted, target):
    out, ihc = folder(tmp_path / "out", *predicted), folder(tmp_path / "ihc", *target)
    message = message_of(out, ihc)
    assert f"  {len(target)} without a prediction in {out}: " in message
    assert f"  {len(predicted)} predicted without a target in {ihc}: " in message


def test_names_of_two_systems_meet(tmp_path):
    names = [unicodedata.normalize(form, "é.png") for form in ("NFC", "NFD")]
    out, ihc = (folder(tmp_path / n[0], n) for n in names)
    assert out != ihc
    [row] = find_results(out, ihc).rows
    assert row.name == "é"


@pytest.mark.parametrize("he", ["x.png", "x_HE.png", "x_real_A.jpg", "x_a.png"])
def test_he_patches_are_found_among_others(tmp_path, he):
    ihc = folder(tmp_path / "ihc", "x_IHC.png")
    patches = folder(tmp_path / "he", he, he.replace("x", "unscored"), "note_1.png")
    out = folder(tmp_path / "out", "x.png")
    assert find_results(out, ihc, he=patches).rows[0].he.path == patches / he


# Results of other programs


@pytest.mark.parametrize("names", [PIX2PIX, CUT])
@pytest.mark.parametrize("inside", ["", "images", "test_latest/images"])
def test_results_of_other_programs_are_found(tmp_path, names, inside):
    images = folder(tmp_path / inside, *names)
    (tmp_path / "index.html").write_text("")
    [row] = find_results(tmp_path).rows
    assert row.name == "x"
    assert [i.path for i in (row.he, row.fake_ihc, row.ihc)] == [
        images / name for name in names
    ]


def test_a_folder_of_tests_is_looked_into_from_the_middle(tmp_path):
    images = folder(tmp_path / "test_200" / "images", *PIX2PIX)
    assert find_results(images.parent) == find_results(tmp_path)


@pytest.mark.parametrize(
    "names, layout",
    [
        (PIX2PIX, "pix2pix results in {}: x_fake_B, x_real_B, x_real_A"),
        (PIX2PIX[1:], "pix2pix results in {}: x_fake_B, x_real_B"),
        (
            (*PIX2PIX[1:], "x_fake.png"),
            "pix2pix results in {}: x_fake_B, x_real_B (ignored: 1 fake)",
        ),
        (CUT, "CUT results in {}: fake_B/x, real_B/x, real_A/x"),
        (
            (*PIX2PIX, *(f"x_{x}.png" for x in ("fake_A", "rec_B", "idt_A"))),
            "pix2pix results in {}: x_fake_B, x_real_B, x_real_A "
            "(ignored: 1 fake_A, 1 idt_A, 1 rec_B)",
        ),
        (
            (*CUT, "idt_B/x.png", "idt_B/y.png"),
            "CUT results in {}: fake_B/x, real_B/x, real_A/x (ignored: 2 idt_B)",
        ),
    ],
)
def test_what_is_used_and_ignored_of_them_is_told(tmp_path, names, layout):
    folder(tmp_path, *names)
    assert find_results(tmp_path).layout == layout.format(tmp_path)


def test_a_target_takes_the_place_of_their_real_ihc(tmp_path):
    theirs = folder(tmp_path / "theirs", *PIX2PIX)
    ihc = folder(tmp_path / "ihc", "x.png")
    assert shown(find_results(theirs, ihc)) == [
        ("x", "theirs/x_fake_B.png", "ihc/x.png", "theirs/x_real_A.png")
    ]


def test_a_target_may_be_results_that_hold_the_real_ihc(tmp_path):
    out = folder(tmp_path / "out", "x.png")
    theirs = folder(tmp_path / "theirs", *CUT)
    assert shown(find_results(out, theirs)) == [
        ("x", "out/x.png", "real_B/x.png", "real_A/x.png")
    ]


def test_results_are_not_compared_with_themselves(tmp_path):
    theirs = folder(tmp_path / "theirs", *PIX2PIX)
    assert find_results(theirs, theirs).rows == find_results(theirs).rows


def test_a_folder_of_he_takes_the_place_of_theirs(tmp_path):
    theirs = folder(tmp_path / "theirs", *PIX2PIX)
    he = folder(tmp_path / "he", "x.png")
    assert find_results(theirs, he=he).rows[0].he.path == he / "x.png"


# Side by side


def test_targets_of_twice_the_width_are_he_and_ihc(tmp_path):
    pairs = folder(tmp_path / "pairs", "x.png", "y.png", size=(4, 8))
    out = folder(tmp_path / "out", "x.png", "y.png")
    results = find_results(out, pairs)
    whole, row = read_image(pairs / "x.png"), results.rows[0]
    assert np.array_equal(row.he.read(), whole[:, :4])
    assert np.array_equal(row.ihc.read(), whole[:, 4:])
    assert row.ihc.size() == row.he.size() == (4, 4)
    assert results.layout == (
        "two folders, paired by name; targets hold H&E | IHC side by side"
    )


def test_he_may_be_the_side_by_side_images_too(tmp_path):
    pairs = folder(tmp_path / "pairs", "x.png", size=(4, 8))
    out = folder(tmp_path / "out", "x.png")
    assert find_results(out, pairs, he=pairs) == find_results(out, pairs)


def test_a_folder_of_he_goes_before_the_left_half(tmp_path):
    pairs = folder(tmp_path / "pairs", "x.png", size=(4, 8))
    out, he = (folder(tmp_path / name, "x.png") for name in ("out", "he"))
    assert find_results(out, pairs, he=he).rows[0].he == ImageFile(he / "x.png")


def test_a_target_as_wide_as_its_he_is_one_image(tmp_path):
    ihc, he = (folder(tmp_path / x, "x.png", size=(4, 8)) for x in ("ihc", "he"))
    out = folder(tmp_path / "out", "x.png")
    assert message_of(out, ihc, he=he) == (
        "Images of one name must have one size, and nothing was scored.\n"
        "  1 of another size than the real IHC (width x height): "
        "x (generated 4 x 4, real 8 x 4).\n"
        "Generate images at the size of the real IHC."
    )


def test_real_ihc_with_a_label_is_one_image(tmp_path):
    folder(tmp_path, "x_real_B.png", size=(4, 8))
    folder(tmp_path, "x_fake_B.png")
    assert "x (generated 4 x 4, real 8 x 4)." in message_of(tmp_path)


def test_one_target_of_another_width_leaves_all_whole(tmp_path):
    ihc = folder(tmp_path / "ihc", "x.png", size=(4, 8))
    folder(ihc, "y.png")
    out = folder(tmp_path / "out", "x.png", "y.png")
    assert "  1 of another size than the real IHC" in message_of(out, ihc)


@pytest.mark.parametrize(
    "panels",
    [("he", "fake_ihc", "ihc"), ("he", "ihc", "fake_ihc"), ("ihc", "fake_ihc")],
)
def test_panels_tell_what_lies_side_by_side(tmp_path, panels):
    folder(tmp_path, "x.png", size=(4, 4 * len(panels)))
    results = find_results(tmp_path, panels=panels)
    [row] = results.rows
    read = [getattr(row, role).read() for role in panels]
    assert np.array_equal(np.hstack(read), read_image(tmp_path / "x.png"))
    assert (row.he is None) == ("he" not in panels)
    assert results.layout == f"{' | '.join(panels)} side by side in {tmp_path}"


def test_panels_without_the_real_ihc_go_with_a_target(tmp_path):
    out = folder(tmp_path / "out", "x_fake_B.png", size=(4, 8))
    ihc = folder(tmp_path / "ihc", "x.png")
    [row] = find_results(out, ihc, panels=("he", "fake_ihc")).rows
    file = out / "x_fake_B.png"
    assert row == ("x", (file, 1, 2), (ihc / "x.png", 0, 1), (file, 0, 2))


# Names that do not meet


def test_all_problems_are_listed_together(tmp_path):
    ihc = folder(tmp_path / "ihc", "a.png", "b.png", "B.jpg", "c.png")
    out = folder(tmp_path / "out", "b.png", "d.png", "c.bmp", "c.png", size=(4, 6))
    he = folder(tmp_path / "he", "a.png", "b.png")
    assert message_of(out, ihc, he=he) == (
        f"{out} holds c.bmp and c.png. A name may stand for one image only: "
        "take one away.\n"
        "Each target needs one prediction of the same name (endings may differ), and "
        "nothing was scored:\n"
        f"  2 without a prediction in {out}: B, a.\n"
        f"  1 predicted without a target in {ihc}: d.\n"
        f"  2 without an H&E in {he}: B, c.\n"
        "Images of one name must have one size, and nothing was scored.\n"
        "  2 of another size than the real IHC (width x height): "
        "b (generated 6 x 4, real 4 x 4), c (generated 6 x 4, real 4 x 4).\n"
        "Generate images at the size of the real IHC."
    )


def test_doubled_names_of_a_folder_are_listed_once(tmp_path):
    folder(tmp_path, "x.bmp", "x.png", "y.bmp", "y.png")
    assert message_of(tmp_path, tmp_path) == (
        f"{tmp_path} holds x.bmp and x.png, y.bmp and y.png. A name may stand for one "
        "image only: take one away."
    )


def test_a_long_list_ends_in_a_count(tmp_path):
    ihc = folder(tmp_path / "ihc", *(f"{n:02}.png" for n in range(12)))
    out = folder(tmp_path / "out", "00.png")
    listed = ", ".join(f"{n:02}" for n in range(1, 11))
    assert message_of(out, ihc).endswith(f"{out}: {listed} and 1 more.")


def test_known_endings_are_left_out_of_the_list(tmp_path):
    out = folder(tmp_path / "out", "x_fake_B.png", "y_fake_B.png")
    ihc = folder(tmp_path / "ihc", "x_IHC.png", "z_IHC.png")
    assert message_of(out, ihc).endswith(
        f"  1 without a prediction in {out}: z.\n"
        f"  1 predicted without a target in {ihc}: y."
    )


def test_letter_case_is_no_small_matter_but_is_told(tmp_path):
    out, ihc = folder(tmp_path / "out", "a.png"), folder(tmp_path / "ihc", "A.png")
    assert message_of(out, ihc).endswith("\n  Different in letter case alone: A and a.")


def test_results_of_which_some_are_missing_are_refused(tmp_path):
    folder(tmp_path, *PIX2PIX, "y_fake_B.png", "z_real_B.png", "y_grid.png")
    assert message_of(tmp_path) == (
        "Each target needs one prediction of the same name (endings may differ), and "
        "nothing was scored:\n"
        f"  1 without a prediction in {tmp_path} (x_fake_B): z.\n"
        f"  1 predicted without a target in {tmp_path} (x_real_B): y.\n"
        f"  1 without an H&E in {tmp_path} (x_real_A): z.\n"
        f"  1 without a label such as fake_B in {tmp_path}: y_grid.png."
    )


def test_missing_images_of_label_folders_are_listed_by_folder(tmp_path):
    folder(tmp_path, *CUT, "fake_B/y.png")
    assert message_of(tmp_path).endswith(
        f"  1 predicted without a target in {tmp_path / 'real_B'}: y."
    )


def test_hidden_files_are_no_images(tmp_path):
    ihc = folder(tmp_path / "ihc", "x.png")
    for name in (".DS_Store", "._x.png", "Thumbs.db"):
        (ihc / name).write_bytes(b"")
    (ihc / ".images").mkdir()
    assert len(find_results(ihc, ihc).rows) == 1


# Sizes


@pytest.mark.parametrize(
    "real, generated",
    [((8, 8), (4, 4)), ((8, 12), (4, 6)), ((750, 1000), (192, 256)), ((7, 10), (5, 7))],
)
def test_sizes_may_differ_where_only_the_shape_counts(tmp_path, real, generated):
    ihc = folder(tmp_path / "ihc", "x.png", size=real)
    out = folder(tmp_path / "out", "x.png", size=generated)
    assert find_results(out, ihc, same_size=False).rows
    assert "of another size" in message_of(out, ihc)


def test_shapes_may_not_differ(tmp_path):
    ihc = folder(tmp_path / "ihc", "x.png", size=(8, 16))
    out = folder(tmp_path / "out", "x.png")
    assert message_of(out, ihc, same_size=False) == (
        "Images of one name must have one shape, and nothing was scored.\n"
        "  1 of another shape than the real IHC (width x height): "
        "x (generated 4 x 4, real 16 x 8).\n"
        "Generate images at the shape of the real IHC."
    )


@pytest.mark.parametrize("parts", [2, 3])
def test_wide_generated_images_are_not_cut_by_guess(tmp_path, parts):
    ihc = folder(tmp_path / "ihc", "x.png")
    out = folder(tmp_path / "out", "x.png", size=(4, 4 * parts))
    assert message_of(out, ihc).endswith(
        f"Generated files are {parts} times as wide as the real IHC. If each holds "
        f"{parts} images side by side, say which with `panels`."
    )


def test_he_of_another_size_is_listed(tmp_path):
    ihc = folder(tmp_path / "ihc", "x.png")
    he = folder(tmp_path / "he", "x.png", size=(6, 6))
    assert "x (H&E 6 x 6, real 4 x 4)." in message_of(ihc, ihc, he=he)


def test_unreadable_images_are_listed_each(tmp_path):
    out, ihc = (folder(tmp_path / x, "x.png", "y.png") for x in ("out", "ihc"))
    (out / "x.png").write_bytes(b"no image")
    (ihc / "y.png").write_bytes(b"no image")
    lines = message_of(out, ihc).split("\n")
    assert [line.partition(" is not an image")[0] for line in lines] == [
        str(out / "x.png"),
        str(ihc / "y.png"),
    ]


def test_a_width_that_the_panels_do_not_divide_is_refused(tmp_path):
    folder(tmp_path, "x.png", size=(4, 10))
    assert message_of(tmp_path, panels=("he", "fake_ihc", "ihc")) == (
        f"{tmp_path / 'x.png'} is 10 x 4, a width that 3 does not divide. "
        "Expected 3 images of one width side by side."
    )


# Folders that are not recognised


def test_several_tests_are_not_chosen_from(tmp_path):
    for test in ("test_latest", "test_200"):
        folder(tmp_path / test / "images", *PIX2PIX)
    assert message_of(tmp_path) == (
        f"{tmp_path} holds the images of 2 tests. Give one of its folders: "
        "test_200/images, test_latest/images."
    )


@pytest.mark.parametrize("size", [(4, 4), (4, 8), (4, 12)])
def test_a_single_folder_without_labels_is_refused(tmp_path, size):
    folder(tmp_path, "x.png", size=size)
    assert message_of(tmp_path) == (
        f"{tmp_path} holds no image known as real IHC. Expected x_fake_B.png and "
        "x_real_B.png, or the folders fake_B and real_B. Else give the folder of real "
        "IHC, or say with `panels` which images lie side by side in each file."
    )


def test_the_input_of_a_one_sided_test_is_not_taken_for_real_ihc(tmp_path):
    theirs = folder(tmp_path / "theirs", "x_fake.png", "x_real.png")
    assert message_of(theirs) == (
        f"{theirs} holds no real IHC. Recognised: pix2pix results in {theirs}: x_fake "
        "(ignored: 1 real). What pix2pix's `--model test` calls real is its input, the "
        "H&E. Give the folder of real IHC."
    )
    ihc = folder(tmp_path / "ihc", "x.png")
    assert shown(find_results(theirs, ihc)) == [
        ("x", "theirs/x_fake.png", "ihc/x.png", None)
    ]


def test_results_without_generated_ihc_are_refused(tmp_path):
    folder(tmp_path, "x_real_A.png", "x_real_B.png")
    assert message_of(tmp_path) == (
        f"{tmp_path} holds no generated IHC. Recognised: pix2pix results in "
        f"{tmp_path}: x_real_B, x_real_A. Give the folder of generated IHC."
    )


@pytest.mark.parametrize("panels", [("he", "ihc"), ("fake_ihc", "fake_ihc"), ("fake",)])
def test_panels_are_known_roles_once_each(tmp_path, panels):
    folder(tmp_path, "x.png")
    assert message_of(tmp_path, panels=panels) == (
        "`panels` must name each image of a file once, with 'fake_ihc' among them and "
        "nothing but 'fake_ihc', 'ihc', 'he'. "
        f"Received: {', '.join(map(repr, panels))}."
    )


def test_panels_need_files_that_hold_them(tmp_path):
    folder(tmp_path, *CUT)
    assert message_of(tmp_path, panels=("fake_ihc", "ihc")) == (
        f"{tmp_path} holds no image (.bmp, .jpeg, .jpg, .png, .tif, .tiff). "
        "Give one of its folders: fake_B, real_A, real_B."
    )


def test_a_data_root_tells_which_folders_it_has(tmp_path):
    out = folder(tmp_path / "out", "x.png")
    folder(tmp_path / "BCI" / "HE" / "test", "x.png")
    folder(tmp_path / "BCI" / "IHC" / "test", "x.png")
    assert message_of(out, tmp_path / "BCI") == (
        f"{tmp_path / 'BCI'} holds no image (.bmp, .jpeg, .jpg, .png, .tif, .tiff). "
        "Give one of its folders: HE, IHC."
    )


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    assert message_of(tmp_path / "none", tmp_path) == (
        f"{tmp_path / 'none'} is not a folder. Give a folder of images."
    )


# Real images


@pytest.mark.skipif(not SHARED.is_dir(), reason="the real BCI pairs are not here")
def test_bcistainers_images_meet_those_of_bci():
    small = SHARED / "bci_small"
    results = find_results(
        small / "predictions_bcistainer" / "test",
        small / "IHC" / "test",
        he=small / "HE" / "test",
    )
    assert [row.name for row in results.rows] == sorted(
        path.stem for path in (small / "IHC" / "test").iterdir()
    )
    assert all(row.he.path.stem == row.name for row in results.rows)
