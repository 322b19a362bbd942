import csv
import hashlib
import json
import math
from dataclasses import replace

import numpy as np
import pytest

import he2ihc_keras
from he2ihc_keras.measures import StainVectors, wasserstein_distance
from he2ihc_keras.scoring import (
    PROTOCOLS,
    Generated,
    read_scores,
    score_images,
    write_scores,
)


def scores_of(*names, seed=0, **options):
    rng = np.random.default_rng(seed)
    images = [
        Generated(name, "2+", *rng.integers(0, 256, (3, 16, 16, 3), np.uint8))
        for name in names
    ]
    return score_images(images, mean_colour=(210, 200, 190), **options)


@pytest.fixture(scope="module")
def scores():
    return scores_of("b_2+", "a_2+", protocol=PROTOCOLS["gaussian"])


@pytest.fixture
def path(tmp_path, scores):
    write_scores(tmp_path / "scores.csv", scores, {"run": "runs/a"})
    return tmp_path / "scores.csv"


def test_scores_are_read_as_they_were_written(path, scores):
    found, _ = read_scores(path)
    assert found.images == scores.images
    assert (found.mean_colour, found.mean_colour_of) == (
        (210, 200, 190),
        "training IHC",
    )
    assert found.protocol is scores.protocol
    for method, counts in scores.dab_histograms.items():
        np.testing.assert_array_equal(found.dab_histograms[method], counts)


def test_scale_and_stain_vectors_are_kept(tmp_path):
    vectors = StainVectors((0.6, 0.7, 0.3), (0.3, 0.6, 0.7), "mine")
    scores = scores_of("a", vectors=vectors, scale="resized to 16 x 16 as trained")
    write_scores(tmp_path / "scores.csv", scores)
    found, record = read_scores(tmp_path / "scores.csv")
    assert found.scale == record["compared_at"] == "resized to 16 x 16 as trained"
    np.testing.assert_allclose(found.vectors.matrix, vectors.matrix, atol=1e-5)
    assert record["stain_vectors"]["source"] == "mine"


def test_slides_are_kept(tmp_path):
    scores = scores_of("b", "a").with_slides(("s1", "s2"), "names, (.)")
    write_scores(tmp_path / "scores.csv", scores)
    found, _ = read_scores(tmp_path / "scores.csv")
    assert (found.slides, found.slides_from) == (["s1", "s2"], "names, (.)")


def test_a_folder_is_read_by_its_scores(path, scores):
    assert read_scores(path.parent)[0].images == scores.images


def test_the_table_alone_can_be_read(path, scores):
    path.with_suffix(".json").unlink()
    found, record = read_scores(path)
    assert (found.images, found.mean_colour, record) == (scores.images, (), {})


def test_every_row_tells_where_it_is_from(path):
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    names = hashlib.sha256(b"a_2+\nb_2+\n").hexdigest()
    expected = ("gaussian", he2ihc_keras.__version__, names)
    columns = ("protocol", "he2ihc_keras", "names_sha256")
    assert [tuple(row[c] for c in columns) for row in rows] == [expected] * 2


def test_the_record_tells_what_was_scored(path, scores):
    record = json.loads(path.with_suffix(".json").read_text())
    assert record["protocol_source"] == PROTOCOLS["gaussian"].source
    assert (record["images"], record["sizes"]) == (2, {"16 x 16": 2})
    assert record["source"] == {"run": "runs/a"}
    assert record["means"]["he_copy"]["psnr"][0] == scores.mean("psnr", "he_copy")


def test_the_record_tells_the_dab_of_the_set(path, scores):
    dab = json.loads(path.with_suffix(".json").read_text())["dab"]
    assert set(dab) == set(scores.methods)
    real, fake = (scores.dab_histograms[m] for m in ("real", "generated"))
    assert dab["generated"]["wasserstein_od"] == wasserstein_distance(real, fake)
    assert dab["generated"]["pearson_r"][0] == scores.dab_correlation().value


def test_an_infinite_score_survives(tmp_path, scores):
    image = scores.images[0]
    values = {**image.scores["generated"], "psnr": math.inf}
    perfect = replace(image, scores={**image.scores, "generated": values})
    write_scores(tmp_path / "s.csv", replace(scores, images=(perfect,)))
    assert read_scores(tmp_path / "s.csv")[0].mean("psnr") == math.inf
    record = json.loads((tmp_path / "s.json").read_text())
    assert record["means"]["generated"]["psnr"][0] == "inf"


def test_odd_names_survive(tmp_path):
    scores = scores_of('a, "b"', "ü\u2028 <i>", "caf\udce9")
    write_scores(tmp_path / "s.csv", scores)
    assert read_scores(tmp_path / "s.csv")[0].images == scores.images


def test_a_table_that_fails_leaves_the_old_one(path, scores):
    old = path.read_bytes()
    broken = replace(scores.images[0], real={"dab": 0.1})
    with pytest.raises(KeyError):
        write_scores(path, replace(scores, images=(scores.images[1], broken)))
    assert path.read_bytes() == old
    assert sorted(f.name for f in path.parent.iterdir()) == [
        "scores.csv",
        "scores.json",
    ]


# Errors


def test_only_a_csv_is_written(tmp_path, scores):
    with pytest.raises(ValueError) as error:
        write_scores(tmp_path / "scores.txt", scores)
    assert str(error.value) == (
        f"{tmp_path / 'scores.txt'} does not end in .csv, as scores of images do."
    )


def test_a_folder_that_was_not_scored_says_so(tmp_path):
    with pytest.raises(ValueError) as error:
        read_scores(tmp_path)
    assert str(error.value) == (
        f"There is no {tmp_path / 'scores.csv'}. Expected the CSV of `he2ihc-keras "
        "score --out`, or a run that has been scored."
    )


def test_another_table_is_refused(tmp_path):
    (tmp_path / "a.csv").write_text("image,psnr\na,20\n")
    with pytest.raises(ValueError) as error:
        read_scores(tmp_path / "a.csv")
    assert str(error.value) == (
        f"{tmp_path / 'a.csv'} has no column level, slide, height, width, protocol, "
        "scale, stain_vectors, he2ihc_keras, names_sha256. Expected a CSV of "
        "`he2ihc-keras score --out`, as it was written."
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "has no column image, level"),
        ("image;level;psnr\na;0;20\n", "is parted by semicolons, as spreadsheets"),
    ],
)
def test_what_a_table_lacks_is_said(tmp_path, text, problem):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(ValueError) as error:
        read_scores(tmp_path / "a.csv")
    assert str(error.value).startswith(f"{tmp_path / 'a.csv'} {problem}")


def test_an_unknown_level_is_named(path):
    path.write_text(path.read_text().replace("a_2+,2+,", "a_2+,2,"))
    with pytest.raises(ValueError) as error:
        read_scores(path)
    assert str(error.value) == (
        f"{path}, line 3, is damaged: level '2' is none of 0, 1+, 2+, 3+."
    )


def test_a_record_of_other_scores_is_refused(tmp_path, path):
    write_scores(tmp_path / "other.csv", scores_of("c"))
    (tmp_path / "other.json").rename(path.with_suffix(".json"))
    with pytest.raises(ValueError) as error:
        read_scores(path)
    assert str(error.value) == (
        f"{path.with_suffix('.json')} is not the record of the CSV beside it. Take it "
        "away, or score again."
    )


@pytest.mark.parametrize(
    ("name", "what"),
    [
        *(
            ("patients.csv", "the scores"),
            ("patients.json", "the record of the scores"),
        ),
        ("patients.sets.csv", "the scores of sets"),
        ("patients.levels.csv", "the levels"),
        ("patients.levels.json", "the record of the levels"),
    ],
)
def test_another_file_is_not_replaced(tmp_path, scores, name, what):
    (tmp_path / name).write_text("name,age\n")
    with pytest.raises(ValueError) as error:
        write_scores(tmp_path / "patients.csv", scores)
    assert str(error.value) == (
        f"{tmp_path / name} would be replaced by {what}, and is another file. Choose "
        f"another name than {tmp_path / 'patients.csv'}."
    )
    assert (tmp_path / name).read_text() == "name,age\n"


def test_a_record_of_earlier_scores_of_the_images_is_refused(path, scores):
    record = path.with_suffix(".json")
    later = record.read_bytes()
    image = scores.images[0]
    values = {
        **image.scores["generated"],
        "psnr": image.scores["generated"]["psnr"] + 1,
    }
    other = replace(image, scores={**image.scores, "generated": values})
    write_scores(path, replace(scores, images=(other, *scores.images[1:])))
    read_scores(path)
    record.write_bytes(later)  # as where a process was killed between the two
    with pytest.raises(ValueError) as error:
        read_scores(path)
    assert str(error.value) == (
        f"{record} is not the record of the CSV beside it. Take it away, or score "
        "again."
    )


def test_a_table_with_rows_taken_out_is_refused(path):
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:2]))
    with pytest.raises(ValueError) as error:
        read_scores(path)
    assert str(error.value) == (
        f"{path} does not hold the images that were scored: rows are missing, were "
        "added or renamed. Score again."
    )


def test_rows_of_two_results_are_refused(path):
    text = path.read_text()
    path.write_text(text.replace("gaussian", "bci", 1))
    with pytest.raises(ValueError) as error:
        read_scores(path)
    assert str(error.value) == (
        f"{path} mixes rows of more than one protocol: bci, gaussian. "
        "Give one result at a time."
    )


def test_a_damaged_row_is_named(path):
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:2], lines[2].replace(",16,16,", ",16,x,")]))
    with pytest.raises(ValueError, match=r"scores\.csv, line 3, is damaged: .*'x'\.$"):
        read_scores(path)


def test_a_damaged_record_is_named(path):
    path.with_suffix(".json").write_text('{"images": ')
    with pytest.raises(ValueError, match=r"scores\.json is damaged: .* Score again\.$"):
        read_scores(path)
