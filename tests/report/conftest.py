"""Results on disk, and the browser that reads their pages."""

import json
import shutil
from types import SimpleNamespace

import numpy as np
import pytest

from he2ihc_keras import scoring
from he2ihc_keras.data import find_pairs, phantom, read_image
from he2ihc_keras.data.images import write_image
from he2ihc_keras.recipe import Recipe
from he2ihc_keras.report import plots, write_report
from helpers import lively_generator

HISTORY = """epoch,loss,learning_rate,val_psnr,val_ssim,val_loss
1,0.4,0.001,19.1,0.67,0.16
2,0.2,0.0005,22.3,0.76,0.11
"""


def score(root, pairs=32, size=48):
    """Folders of phantom pairs and noisy copies of their IHC, scored."""
    phantom.write_phantom(root, pairs, size=size)
    for path in sorted((root / "IHC" / "train").iterdir()):
        ihc = read_image(path).astype(float)
        strength = 10 + 2 * int(path.name[:5])
        noise = np.random.default_rng(0).normal(0, strength, ihc.shape)
        fake_ihc = np.clip(ihc + noise, 0, 255).round().astype(np.uint8)
        (root / "fake").mkdir(exist_ok=True)
        write_image(root / "fake" / path.name, fake_ihc)
    return score_again(root)


def score_again(root):
    folders = scoring.Folders(
        root / "fake", root / "IHC" / "train", he=root / "HE" / "train"
    )
    what, scores = scoring.score_folders(folders)
    scoring.write_scores(
        root / "scores.csv", scores, {**folders.as_source(), "scored": what}
    )
    return root / "scores.csv"


@pytest.fixture(scope="session")
def results(tmp_path_factory):
    """CSV of scored folders, the scores, and their page."""
    csv = score(tmp_path_factory.mktemp("folders") / "results")
    page = csv.parent / "report.html"
    assert write_report(csv, page) == ""
    scores, record = scoring.read_scores(csv)
    return SimpleNamespace(csv=csv, scores=scores, record=record, page=page)


@pytest.fixture
def without_plots(monkeypatch):
    """Pages in a fraction of the time, where plots are not what is tested."""
    monkeypatch.setattr(plots, "sections", lambda scores, history=None: [])


@pytest.fixture
def moved(results, tmp_path):
    """A copy of the CSV and its record, whose images may be changed."""
    root = tmp_path / "results"
    shutil.copytree(results.csv.parent, root)
    text = results.csv.with_suffix(".json").read_text()
    old, new = (json.dumps(str(path))[1:-1] for path in (results.csv.parent, root))
    (root / "scores.json").write_text(text.replace(old, new))
    return root / "scores.csv"


@pytest.fixture(scope="session")
def run(tmp_path_factory):
    """A run folder as `train` leaves it: a small network, and its scores."""
    from he2ihc_keras.training import RunFolder

    folder = RunFolder(tmp_path_factory.mktemp("runs") / "unet")
    phantom.write_phantom(folder.path / "phantom", 24, size=32)
    recipe = Recipe.from_dict(
        {
            "name": "unet",
            "trainer": {"name": "supervised"},
            "networks": {"generator": {"name": "unet", "filters": 4, "depth": 2}},
        }
    )
    folder.create(recipe, find_pairs(folder.path / "phantom"))
    lively_generator().save(folder.model)
    folder.history.write_text(HISTORY)
    what, scores = scoring.score_run(folder.path)
    source = {"run": str(folder.path), "data": None, "scored": what}
    scoring.write_scores(folder.scores, scores, source)
    return folder.path


@pytest.fixture(scope="session")
def page_of_run(run, tmp_path_factory):
    page = tmp_path_factory.mktemp("page") / "run.html"
    assert write_report(run, page) == ""
    return page
