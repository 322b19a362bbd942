"""A reading sheet: it tells its reader nothing, and its key tells all."""

import base64
import csv
import io
import re

import numpy as np
import pytest
from PIL import Image

from he2ihc_keras.report.sheet import write_sheet
from he2ihc_keras.scoring import Generated
from he2ihc_keras.scoring.levels import Shown
from helpers import noise_image, refusal

PATCHES = [
    Generated(
        f"{n}_train_2+", "2+", noise_image(16, 16, n), noise_image(16, 16, 90 + n)
    )
    for n in range(3)
]


@pytest.fixture
def written(tmp_path):
    return write_sheet(PATCHES, tmp_path / "sheet", tmp_path / "key.csv", seed=4)


def test_the_page_holds_each_image_as_the_key_says(written):
    page = written.page.read_text(encoding="utf-8")
    found = re.findall(r"base64,([A-Za-z0-9+/=]+)", page)
    images = [np.asarray(Image.open(io.BytesIO(base64.b64decode(x)))) for x in found]
    by_name = {patch.name: patch for patch in PATCHES}
    rows = list(csv.DictReader(written.key.read_text().splitlines()))
    assert len(images) == len(rows) == written.images == 6
    for image, row in zip(images, rows, strict=True):
        patch = by_name[row["name"]]
        pixels = patch.ihc if row["what"] == "real" else patch.fake_ihc
        shown = Shown("", "", "", int(row["turns"]), row["mirrored"] == "1")
        assert np.array_equal(image, shown.turned(pixels))


def test_the_reader_gets_neither_names_nor_anything_from_elsewhere(written):
    page = written.page.read_text(encoding="utf-8")
    assert not any(patch.name in page for patch in PATCHES)
    assert not re.findall(r'(?:src|href)="(?!data:)', page)
    folder = sorted(path.name for path in written.page.parent.iterdir())
    assert folder == ["sheet.csv", "sheet.html"]


def test_places_in_use_and_a_key_beside_the_page_are_refused(written, tmp_path):
    out, key = tmp_path / "new", tmp_path / "key.csv"
    assert refusal(write_sheet, PATCHES, written.page.parent, key, seed=0) == (
        f"{written.page.parent} is in use. Choose another folder with --out."
    )
    assert refusal(write_sheet, PATCHES, out, out / "key.csv", seed=0) == (
        f"The key {out / 'key.csv'} would lie in {out}, which the reader gets. Choose "
        "another place with --key."
    )
    assert refusal(write_sheet, PATCHES, out, key, seed=0) == (
        f"There is a key {key} already. Choose another with --key."
    )
