"""What a page says: the numbers of the scores, and where they come from."""

import json
import re
import shutil
import sys
import tomllib
from dataclasses import asdict, replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from he2ihc_keras import scoring
from he2ihc_keras.data.images import write_image
from he2ihc_keras.report import needs_a_model, write_report
from he2ihc_keras.scoring import MEASURES, REAL
from he2ihc_keras.scoring.generators import GeneratorScore
from he2ihc_keras.scoring.inception import FeatureDistances
from he2ihc_keras.scoring.levels import (
    ReadImage,
    Readings,
    levels_beside,
    write_levels,
)
from he2ihc_keras.scoring.tables import blocks
from helpers import noise_image, refusal


class Page(HTMLParser):
    """Cells of the score tables, texts, tags and links of a page."""

    def __init__(self, path):
        super().__init__()
        self.cells, self.words, self.tags, self.links = {}, [], [], []
        self._cell = None
        self.feed(path.read_text(encoding="utf-8"))
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.tags.append((tag, attributes))
        self.links += [attributes[k] for k in ("src", "href") if k in attributes]
        if tag == "td" and "data-measure" in attributes:
            keys = ("data-block", "data-method", "data-measure")
            self._cell = tuple(attributes[key] for key in keys)
            self.cells[self._cell] = []

    def handle_endtag(self, tag):
        if tag == "td":
            self._cell = None

    def handle_data(self, data):
        self.words.append(data)
        if self._cell:
            self.cells[self._cell].append(data)

    def count(self, tag, **wanted):
        return sum(
            t == tag and all(a.get(k) == v for k, v in wanted.items())
            for t, a in self.tags
        )


@pytest.fixture(scope="module")
def page(results):
    return Page(results.page)


def write(source, tmp_path, **options):
    out = tmp_path / "page.html"
    missing = write_report(source, out, **options)
    return Page(out), missing


# The numbers


@pytest.mark.parametrize("measure", MEASURES.values(), ids=MEASURES)
def test_every_mean_is_that_of_the_scores(page, results, measure):
    [whole, *_] = blocks(results.scores)
    for method in results.scores.methods:
        mean, *_ = page.cells[whole, method, measure.name]
        assert mean == measure.text(results.scores.mean(measure.name, method))


@pytest.mark.parametrize("measure", ["dab", "dab_area", "fod"])
def test_the_real_stain_stands_beside(page, results, measure):
    [whole, *_] = blocks(results.scores)
    mean, *_ = page.cells[whole, REAL, measure]
    expected = np.mean(results.scores.values(measure, REAL))
    assert mean == MEASURES[measure].text(expected)


def test_every_level_has_its_means(page, results):
    levels = dict(list(blocks(results.scores).items())[1:])
    assert len(levels) == 4
    for heading, block in levels.items():
        mean, *_ = page.cells[heading, "generated", "psnr"]
        assert mean == MEASURES["psnr"].text(block.mean("psnr"))


def test_means_have_their_intervals(page, results):
    [whole, *_] = blocks(results.scores)
    _, shown = page.cells[whole, "generated", "ssim"]
    _, low, high = results.scores.interval("ssim")
    assert shown == f"{low:.3f} to {high:.3f}"


def test_every_line_of_the_verdict_stands_in_the_page(page, results):
    for line in scoring.verdict(results.scores).splitlines():
        assert line.partition(": ")[2] in page.text


def test_page_says_what_it_is_not_for(page):
    assert "Not for diagnosis." in page.text
    assert "no commercial use" in page.text


def test_page_says_where_its_numbers_are_from(page, results):
    for said in (
        results.record["names_sha256"],
        results.record["compared_at"],
        results.record["measured"],
        results.record["source"]["predicted"],
        results.record["source"]["scored"],
        "48 x 48",
    ):
        assert said in page.text


def test_page_is_one_file(page):
    assert page.links
    assert all(link.startswith(("data:image/", "#")) for link in page.links)
    assert page.count("link") == page.count("iframe") == 0


def test_no_id_stands_twice(page):
    ids = [a["id"] for _, a in page.tags if "id" in a]
    assert len(ids) == len(set(ids))


def test_page_is_the_same_but_for_its_date(results, tmp_path):
    again = tmp_path / "again.html"
    write_report(results.csv, again)
    first, second = (
        re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", "", path.read_text(encoding="utf-8"))
        for path in (results.page, again)
    )
    assert first == second


def test_every_file_of_the_page_is_package_data():
    root = Path(__file__).parents[2]
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    listed = project["tool"]["setuptools"]["package-data"]["he2ihc_keras.report"]
    files = (root / "he2ihc_keras" / "report").glob("*.*")
    assert set(listed) == {file.name for file in files if file.suffix != ".py"}


# What is missing


def test_best_median_and_worst_of_each_level_are_shown(page):
    assert page.count("article") == 12
    assert page.count("img", **{"data-role": "fake_dab"}) == 12


@pytest.mark.usefixtures("without_plots")
def test_moved_images_are_left_out_and_said_so(moved, tmp_path):
    (moved.parent / "fake").rename(tmp_path / "elsewhere")
    page, missing = write(moved, tmp_path)
    assert missing == (
        f"{moved.parent / 'fake'} is not a folder. Give a folder of images."
    )
    assert f"The images cannot be shown. {missing}" in page.text
    assert page.count("article") == page.count("img") == 0
    assert page.cells


@pytest.mark.usefixtures("without_plots")
def test_changed_images_are_not_shown_beside_old_scores(moved, tmp_path):
    for path in (moved.parent / "fake").iterdir():
        write_image(path, noise_image(48, 48))
    page, missing = write(moved, tmp_path)
    assert re.fullmatch(
        r"\S+ scored \d+\.\d\d dB, and scores \d+\.\d\d dB now: it was changed after "
        r"it was scored\.",
        missing,
    )
    assert page.count("article") == 0


@pytest.mark.usefixtures("without_plots")
def test_images_of_another_size_are_not_shown(moved, tmp_path):
    for folder in ("fake", "IHC/train", "HE/train"):
        for path in (moved.parent / folder).iterdir():
            write_image(path, noise_image(40, 50))
    _, missing = write(moved, tmp_path)
    assert missing.endswith(" was 48 x 48 when it was scored, and is 50 x 40 now.")


@pytest.mark.usefixtures("without_plots")
def test_csv_alone_gives_a_page_without_images(results, tmp_path):
    shutil.copy(results.csv, tmp_path / "scores.csv")
    page, missing = write(tmp_path / "scores.csv", tmp_path)
    assert missing == "Neither the CSV nor a .json beside it says where they are."
    assert f"The images cannot be shown. {missing}" in page.text
    [whole, *_] = blocks(results.scores)
    expected = MEASURES["psnr"].text(results.scores.mean("psnr"))
    assert page.cells[whole, "generated", "psnr"][0] == expected


@pytest.mark.usefixtures("without_plots")
def test_names_without_levels_give_three_images_and_no_level_table(results, tmp_path):
    images = [replace(image, level=None) for image in results.scores.images]
    scores = replace(results.scores, images=images)
    csv = tmp_path / "scores.csv"
    scoring.write_scores(csv, scores, results.record["source"])
    page, _ = write(csv, tmp_path)
    assert page.count("article") == 3
    assert len({block for block, *_ in page.cells}) == 1


def test_one_image_gives_a_page(results, tmp_path):
    scores = replace(results.scores, images=results.scores.images[:1])
    csv = tmp_path / "scores.csv"
    scoring.write_scores(csv, scores, results.record["source"])
    page, _ = write(csv, tmp_path)
    assert page.count("article") == 1
    assert "Only one of level" in page.text


def test_identical_images_give_a_page(results, tmp_path):
    target = results.record["source"]["target"]
    folders = scoring.Folders(target, target)
    _, scores = scoring.score_folders(folders)
    csv = tmp_path / "scores.csv"
    scoring.write_scores(csv, scores, folders.as_source())
    page, missing = write(csv, tmp_path)
    assert missing == ""
    assert "values are infinite and not drawn." in page.text


# A run


def test_page_of_a_run_has_its_curves_recipe_and_counts(run, page_of_run):
    page = Page(page_of_run)
    assert page.count("article") > 0
    train = (run / "pairs.csv").read_text().count("train,")
    for said in (
        "Validation PSNR",
        "Learning rate",
        'name = "unet"',
        f"train {train} ",
    ):
        assert said in page.text
    assert "The pairs are a phantom" in page.text


def test_page_of_a_run_without_its_data_still_has_its_numbers(run, tmp_path):
    copy = tmp_path / "unet"
    shutil.copytree(run, copy)
    pairs = (copy / "pairs.csv").read_text()
    (copy / "pairs.csv").write_text(pairs.replace(str(run), str(tmp_path / "gone")))
    page, missing = write(copy, tmp_path)
    assert missing.startswith("48 of the 48 images that")
    assert page.cells and "Validation PSNR" in page.text


@pytest.mark.usefixtures("without_plots")
def test_images_are_stained_in_the_modes_that_were_scored(run, tmp_path):
    for name in ("scores.csv", "scores.json"):
        shutil.copy(run / name, tmp_path / name)
    record = json.loads((tmp_path / "scores.json").read_text())
    record["source"]["modes"] = {"statistics": "running", "dropout": True, "seed": 1}
    (tmp_path / "scores.json").write_text(json.dumps(record))
    _, missing = write(tmp_path / "scores.csv", tmp_path)
    assert missing == "Model 'unet' has no dropout layers. Stain with dropout off."


def test_only_a_run_needs_a_model(run, results):
    assert needs_a_model(run) and needs_a_model(run / "scores.csv")
    assert not needs_a_model(results.csv)


@pytest.mark.usefixtures("without_plots")
def test_distances_of_inception_features_are_told(results, tmp_path):
    features = {"fid": 12.5, "kid": 0.02, "kid_sd": 0.001, "n": 9, "note": "Of Keras."}
    source = {**results.record["source"], "features": features}
    scoring.write_scores(tmp_path / "scores.csv", results.scores, source)
    page, _ = write(tmp_path / "scores.csv", tmp_path)
    assert FeatureDistances(**features).in_words() in page.text


# Refusals


def test_name_that_is_no_page_is_refused(results, tmp_path):
    message = refusal(write_report, results.csv, tmp_path / "page.pdf")
    expected = f"The page's name must end in .html. Received: {tmp_path / 'page.pdf'}."
    assert message == expected


def test_only_a_page_is_replaced_by_a_page(results, without_plots, tmp_path):
    page = tmp_path / "page.html"
    for _ in range(2):
        write_report(results.csv, page)
    page.write_text("<html>mine</html>")
    assert refusal(write_report, results.csv, page) == (
        f"{page} would be replaced by the page, and is another file. Choose another "
        "--out."
    )
    assert page.read_text() == "<html>mine</html>"


def test_measure_without_better_and_worse_is_refused(results, tmp_path):
    message = refusal(write_report, results.csv, tmp_path / "x.html", sort_by="dab")
    assert message == (
        "Images cannot be sorted by 'dab'. Known: psnr, ssim, sharpness, dab_error, "
        "dab_area_error, dab_dice, dab_correlation, fod_error."
    )
    assert not (tmp_path / "x.html").exists()


@pytest.mark.parametrize("package", ["matplotlib", "jinja2"])
def test_missing_extra_is_named(results, tmp_path, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    out = tmp_path / "x.html"
    message = refusal(write_report, results.csv, out, error=ModuleNotFoundError)
    assert message == (
        f"A report needs {package}, which is not installed. Install it: "
        "pip install 'he2ihc-keras[report]'."
    )


# Levels


def test_levels_that_were_read_stand_on_the_page(results, without_plots, tmp_path):
    csv = shutil.copy(results.csv, tmp_path / "scores.csv")
    record = json.loads(results.csv.with_suffix(".json").read_text())
    images = [
        ReadImage(name, level, {"network": {REAL: read, "generated": 3 - read}})
        for name, level, read in (("a", "1+", 1), ("b", "3+", 3), ("c", None, 0))
    ]
    write_levels(levels_beside(csv), Readings(images, majority=2))
    pages = []
    for levels in (True, None):
        record["source"]["levels"] = levels
        (tmp_path / "scores.json").write_text(json.dumps(record))
        write_report(csv, tmp_path / "page.html")
        pages.append(Page(tmp_path / "page.html"))
    page, page_of_others = pages
    assert "HER2 level, read from the images" in page.text
    assert "Level of the generated IHC: kappa -0.97" in page.text
    # Real by name, generated by the reading of the real and by name
    assert page.count("table", **{"class": "confusion"}) == 3
    # Of images that were scored before, and are others now
    assert "read from the images" not in page_of_others.text


def test_generators_of_the_record_stand_on_the_page(results, without_plots, tmp_path):
    csv = shutil.copy(results.csv, tmp_path / "scores.csv")
    record = json.loads(results.csv.with_suffix(".json").read_text())
    row = GeneratorScore(1, 0.9, 0.1, 0.2, 3.25, -0.01)
    record["source"]["generators"] = [asdict(row)]
    (tmp_path / "scores.json").write_text(json.dumps(record))
    write_report(csv, tmp_path / "page.html")
    text = Page(tmp_path / "page.html").text
    assert "What each generator paints" in text and "-3.25 dB" in text
    assert "What each generator paints" not in Page(results.page).text


def test_a_run_that_reads_levels_has_a_page_of_its_own(tmp_path):
    read = {"network": {REAL: 1}}
    readings = Readings([ReadImage("a", "1+", read), ReadImage("b", "0", read)], 1)
    write_levels(tmp_path / "scores.levels.csv", readings)
    (tmp_path / "history.csv").write_text(
        "epoch,loss,val_kappa\n1,0.5,0.2\n2,0.4,0.6\n"
    )
    (tmp_path / "recipe.toml").write_text('name = "reader"')
    assert not needs_a_model(tmp_path)
    write_report(tmp_path, tmp_path / "page.html")
    page = Page(tmp_path / "page.html")
    assert "in 2 real patches that they have not seen" in page.text
    assert "Validation kappa" in page.text and 'name = "reader"' in page.text
