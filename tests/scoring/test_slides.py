import pytest

from he2ihc_keras.scoring.slides import (
    SlideSource,
    groups_from_csv,
    groups_from_names,
    slide_of,
)


def test_names_of_mist_tell_the_slide():
    names = ["14M2102785_23_16", "14M2102785_31_31", "0M7_1_2"]
    assert groups_from_names(names) == ("14M2102785", "14M2102785", "0M7")


@pytest.mark.parametrize(
    "names",
    [[], ["00901_test_1+"], ["14M2102785_23_16", "other"], ["14M2102785_23_16_x"]],
)
def test_other_names_tell_no_slide(names):
    assert groups_from_names(names) is None


@pytest.mark.parametrize(
    ("pattern", "slide"),
    [
        (r"^[^_]+", "S1"),
        (r"_(\w)(\d)", "b"),
        (r"c(?=$)", "c"),
        (r"x", None),
        (r"(x)?", None),
    ],
)
def test_a_slide_is_the_first_group_or_the_whole_match(pattern, slide):
    assert slide_of("S1_b2_c", pattern) == slide


def test_a_pattern_must_find_every_slide():
    names = ["S1_a", "S2_b", *(f"other{n:02}" for n in range(12))]
    with pytest.raises(ValueError) as error:
        groups_from_names(names, r"^S\d")
    assert str(error.value) == (
        r"The slide pattern `^S\d` finds no slide in 12 of 14 names: other00, other01, "
        "other02, other03, other04, other05, other06, other07, other08, other09 and "
        "2 more. Every image needs its slide."
    )


def test_a_pattern_must_be_a_regular_expression():
    with pytest.raises(ValueError) as error:
        groups_from_names(["a"], "(")
    assert str(error.value) == (
        "The slide pattern `(` is not a regular expression: missing ), unterminated "
        "subpattern at position 0."
    )


def slides_csv(folder, text, encoding="utf-8"):
    path = folder / "slides.csv"
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_csv_file_tells_the_slides(tmp_path, encoding):
    rows = "slide,patient,image\nS1,p,b.png\nS2,p,HE/a.jpg\nS3,p,unscored\n\n"
    path = slides_csv(tmp_path, rows, encoding)
    assert groups_from_csv(path, ["a", "b"]) == ("S2", "S1")


def test_dots_in_names_are_kept(tmp_path):
    path = slides_csv(tmp_path, "image,slide\na_0.46,S1\na_0.92.png,S2\n")
    assert groups_from_csv(path, ["a_0.46", "a_0.92"]) == ("S1", "S2")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            "image,slide\na,S1\nb,\n",
            "{} tells no slide of 2 of 3 images: b, c. Every image needs its slide.",
        ),
        (
            "image,slide\na.png,S1\na.jpg,S2\n",
            "{} tells two slides of a: S1 and S2. "
            "Names are compared without folders and endings.",
        ),
        (
            "image;slide\na;S1\n",
            "{} must have the columns image and slide, named in its first row and "
            "parted by commas. Received: image;slide.",
        ),
        (
            "",
            "{} must have the columns image and slide, named in its first row and "
            "parted by commas. Received: nothing.",
        ),
    ],
)
def test_what_a_csv_file_lacks_is_said(tmp_path, rows, message):
    path = slides_csv(tmp_path, rows)
    with pytest.raises(ValueError) as error:
        groups_from_csv(path, ["a", "b", "c"])
    assert str(error.value) == message.format(path)


def test_a_csv_file_must_be_utf_8(tmp_path):
    path = slides_csv(tmp_path, "image,slide\nä,S1\n", "latin-1")
    with pytest.raises(ValueError, match=r"slides\.csv cannot be read as UTF-8 text"):
        groups_from_csv(path, ["ä"])


def test_a_source_says_what_told_the_slides(tmp_path):
    names = ["14M01_1_2", "14M02_1_2"]
    table = tmp_path / "groups.csv"
    table.write_text("image,slide\n14M01_1_2.png,x\n14M02_1_2.png,y\n")
    assert SlideSource().of(names) == (("14M01", "14M02"), "MIST's names")
    assert SlideSource(regex="^14M0(.)").of(names) == (("1", "2"), "names, ^14M0(.)")
    assert SlideSource(csv=table).of(names) == (("x", "y"), str(table))
    assert SlideSource().of(["a", "b"]) == (None, "")


def test_slides_are_told_once():
    with pytest.raises(ValueError) as error:
        SlideSource("^(.)", "groups.csv")
    assert str(error.value) == (
        "The slide of an image is told by a pattern or by a CSV file. "
        "Received both: '^(.)' and groups.csv."
    )
