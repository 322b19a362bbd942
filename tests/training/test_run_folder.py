import json

import pytest

import he2ihc_keras
from he2ihc_keras.recipe import Recipe
from he2ihc_keras.training import RunFolder
from he2ihc_keras.training.run_folder import versions
from helpers import refusal, write_pairs

RECIPE = Recipe.from_dict(
    {
        "name": "a",
        "trainer": {"name": "conditional_gan"},
        "networks": {
            "generator": {"name": "unet", "filters": 8},
            "discriminator": {"name": "patchgan"},
        },
        "data": {"stain": "HER2 “4B5”"},
    }
)


def test_run_is_read_as_it_was_begun(tmp_path):
    pairs = write_pairs(tmp_path, 2) + write_pairs(tmp_path, 1, split="val")
    run = RunFolder(tmp_path / "runs" / "a")
    assert not run.exists()
    run.create(RECIPE, pairs)
    assert run.exists()
    assert run.read() == (RECIPE, pairs)


def test_begun_run_holds_recipe_pairs_and_versions_only(tmp_path):
    run = RunFolder(tmp_path / "run")
    run.create(RECIPE, [])
    files = {run.recipe, run.pairs, run.versions}
    assert set(run.path.iterdir()) == files
    assert {f.name for f in files} == {"recipe.toml", "pairs.csv", "versions.json"}


def test_every_file_of_a_run_lies_in_its_folder(tmp_path):
    properties = [k for k, v in vars(RunFolder).items() if isinstance(v, property)]
    paths = [getattr(RunFolder(tmp_path), name) for name in properties]
    assert {path.parent for path in paths} == {tmp_path}
    assert len(set(paths)) == len(paths)


def test_second_run_in_one_folder_is_refused_and_the_first_kept(tmp_path):
    run = RunFolder(tmp_path)
    run.create(RECIPE, [])
    assert refusal(run.create, RECIPE, write_pairs(tmp_path, 1)) == (
        f"{tmp_path} holds a run already. Continue it with --resume, or choose "
        "another folder with --out."
    )
    assert run.read() == (RECIPE, [])


def test_folder_without_a_run_is_not_read(tmp_path):
    assert refusal(RunFolder(tmp_path).read) == (
        f"{tmp_path} holds no run: there is no recipe.toml."
    )


@pytest.mark.parametrize("version", ["0.1.0", "99.0.0"])
def test_run_of_another_version_is_read_but_not_resumed(tmp_path, version):
    run = RunFolder(tmp_path)
    run.create(RECIPE, [])
    began = {**versions(), "he2ihc-keras": version}
    run.versions.write_text(json.dumps(began))
    assert run.read() == (RECIPE, [])
    assert refusal(run.read_to_resume) == (
        f"{tmp_path} was begun by he2ihc-keras {version}, and this is "
        f"{he2ihc_keras.__version__}. Resume it with he2ihc-keras=={version}, or start "
        "anew with another --out."
    )


def test_run_of_another_backend_is_not_resumed(tmp_path):
    run = RunFolder(tmp_path)
    run.create(RECIPE, [])
    assert run.read_to_resume() == (RECIPE, [])
    run.versions.write_text(json.dumps({**versions(), "backend": "theano"}))
    message = refusal(run.read_to_resume)
    assert message.startswith(f"{tmp_path} was made by Keras on theano, and this is ")
    assert "KERAS_BACKEND=theano" in message


def test_run_that_could_not_be_begun_is_none(tmp_path, monkeypatch):
    def fail(self):
        raise OSError

    monkeypatch.setattr(Recipe, "to_toml", fail)
    run = RunFolder(tmp_path)
    with pytest.raises(OSError):
        run.create(RECIPE, [])
    assert not run.exists()
    assert not [path for path in tmp_path.iterdir() if path.suffix == ".tmp"]


def test_versions_are_of_everything_a_result_depends_on(tmp_path):
    run = RunFolder(tmp_path)
    run.create(RECIPE, [])
    recorded = json.loads(run.versions.read_text())
    assert recorded == versions()
    assert recorded["he2ihc-keras"] == he2ihc_keras.__version__
    for name in ("keras", "tensorflow", "keras-cv", "numpy", "pillow", "python"):
        assert recorded[name][0].isdigit()
