"""`report`: what it takes, writes and says."""

import sys

import numpy as np
import pytest

from he2ihc_keras import scoring
from he2ihc_keras.cli.report import _MEASURES
from he2ihc_keras.data.images import write_image
from helpers import noise_image, run_command


def run(*arguments):
    return run_command("report", *arguments)


@pytest.fixture
def csv(tmp_path):
    for number in range(3):
        ihc = noise_image(16, 20, number)
        for folder, image in (("ihc", ihc), ("fake", np.roll(ihc, number + 1, 0))):
            (tmp_path / folder).mkdir(exist_ok=True)
            write_image(tmp_path / folder / f"{number}.png", image)
    folders = scoring.Folders(tmp_path / "fake", tmp_path / "ihc")
    path = tmp_path / "scores.csv"
    _, scores = scoring.score_folders(folders)
    scoring.write_scores(path, scores, folders.as_source())
    return path


def test_page_is_written_with_the_command_that_makes_it_again(csv, tmp_path):
    out = tmp_path / "new folder" / "page.html"
    result = run(csv, "--out", out, "--sort-by", "ssim")
    assert result.exit_code == 0, result.output
    assert result.stdout == f"Page: {out} ({out.stat().st_size / 1e6:.1f} MB)\n"
    command = f"he2ihc-keras report {csv} --out &#39;{out}&#39; --sort-by ssim"
    assert command in out.read_text(encoding="utf-8")


def test_missing_images_are_said(csv, tmp_path):
    (tmp_path / "fake").rename(tmp_path / "elsewhere")
    result = run(csv, "--out", tmp_path / "page.html")
    assert result.exit_code == 0
    assert result.stderr.strip() == (
        f"Without images: {tmp_path / 'fake'} is not a folder. Give a folder of images."
    )


def test_folder_without_scores_is_refused(tmp_path):
    result = run(tmp_path, "--out", tmp_path / "page.html")
    assert result.exit_code == 1
    assert result.output.startswith(f"Error: There is no {tmp_path / 'scores.csv'}.")


def test_missing_extra_is_a_message(csv, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    result = run(csv, "--out", tmp_path / "page.html")
    assert result.output.strip() == (
        "Error: A report needs jinja2, which is not installed. Install it: "
        "pip install 'he2ihc-keras[report]'."
    )


def test_every_measure_with_a_best_value_can_sort():
    best = [m.name for m in scoring.MEASURES.values() if m.best != "none"]
    assert list(_MEASURES) == best
