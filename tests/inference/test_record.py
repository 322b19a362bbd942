import json

import pytest

import he2ihc_keras
from he2ihc_keras.inference import (
    Modes,
    Stainer,
    predict_files,
    stained_before,
    stained_by,
    write_record,
)
from he2ihc_keras.inference.record import recorded
from helpers import lively_generator, refusal, write_pairs

DROPOUT = Modes(dropout=True, seed=3)


@pytest.fixture
def model(tmp_path):
    """Stands in for a model: a record looks at its bytes alone."""
    path = tmp_path / "model.keras"
    path.write_bytes(b"PK\x05\x06" + bytes(18))  # the smallest zip
    return path


@pytest.fixture
def out(tmp_path):
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


def record_in(folder):
    return json.loads((folder / "predict.json").read_text())


def test_record_says_which_model_how_and_which_images(model, out):
    by = stained_by(model, DROPOUT)
    assert write_record(out, by, ["b", "a"]) == out / "predict.json"
    assert record_in(out) == {
        "he2ihc_keras": he2ihc_keras.__version__,
        "backend": "tensorflow",
        "model": str(model),
        "model_sha256": (
            "8739c76e681f900923b900c9df0ef75cf421d39cabb54650c4b9ad19b6a76d85"
        ),
        "statistics": "running",
        "dropout": True,
        "seed": 3,
        "note": "Generated images. Research only, not for diagnosis.",
        "images": ["a", "b"],
    }


def test_record_of_a_sampler_says_how_it_samples(model, out):
    by = stained_by(model, Modes(steps=4, samples=2, seed=1))
    write_record(out, by, ["a"])
    assert [record_in(out)[name] for name in ("steps", "samples", "seed")] == [4, 2, 1]
    other = stained_by(model, Modes(steps=5, samples=2, seed=1))
    message = refusal(stained_before, out, other)
    assert "4 steps, 2 samples, seed 1; " in message
    assert "5 steps, 2 samples, seed 1; " in message
    assert "; spread of " in refusal(stained_before, out, {**by, "shows": "spread"})


def test_images_are_added_to_those_of_the_same_model(model, out):
    by = stained_by(model, DROPOUT)
    write_record(out, by, ["a", "c"])
    write_record(out, by, ["b", "c"])
    assert stained_before(out, by) == ["a", "b", "c"]


def test_model_that_was_moved_is_the_same(model, out):
    write_record(out, stained_by(model, DROPOUT), ["a"])
    moved = model.rename(model.with_name("moved.keras"))
    assert stained_before(out, stained_by(moved, DROPOUT)) == ["a"]


def test_folder_without_a_record_takes_any_model(model, tmp_path):
    assert stained_before(tmp_path / "none", stained_by(model, DROPOUT)) == []


@pytest.mark.parametrize(
    "name", ["model_sha256", "statistics", "seed", "he2ihc_keras", "backend"]
)
def test_folder_takes_no_images_that_were_stained_otherwise(model, out, name):
    by = stained_by(model, DROPOUT)
    write_record(out, by, ["a"])
    other = {**by, name: {"statistics": "image", "seed": 4}.get(name, "0.0.1")}
    for refuses in (stained_before, write_record):
        assert "Choose another --out." in refusal(refuses, out, other)
    assert record_in(out)["images"] == ["a"]


def test_refusal_says_what_the_folder_holds_and_what_was_to_come(model, out):
    by, version = stained_by(model, DROPOUT), he2ihc_keras.__version__
    write_record(out, by, ["a", "b"])
    sha256 = by["model_sha256"][:12]
    assert refusal(stained_before, out, stained_by(model, Modes())) == (
        f"{out} is for images of {model} (SHA-256 {sha256}; running statistics, "
        f"dropout on, seed 3; he2ihc-keras {version} on tensorflow); it holds 2. These "
        f"would be of {model} (SHA-256 {sha256}; running statistics, dropout off; "
        f"he2ihc-keras {version} on tensorflow). Choose another --out."
    )


@pytest.mark.parametrize("text", ["", "{", "[]", '{"model": "a"}'])
def test_record_that_says_too_little_is_refused(model, out, text):
    (out / "predict.json").write_text(text)
    assert refusal(stained_before, out, stained_by(model, Modes())) == (
        f"{out / 'predict.json'} does not say how the images beside it were stained. "
        "Choose another --out."
    )


def test_record_of_a_run_that_was_stopped_holds_what_it_stained(model, out):
    by = stained_by(model, Modes())
    with pytest.raises(KeyboardInterrupt), recorded(out, by, ["a", "b"]) as images:
        assert record_in(out)["images"] == ["a", "b"]
        images.append("a")
        raise KeyboardInterrupt
    assert record_in(out)["images"] == ["a"]


def test_two_commands_into_one_folder_are_both_recorded(model, out):
    by = stained_by(model, Modes())
    with recorded(out, by, ["x"]) as first, recorded(out, by, ["y"]) as second:
        second.append("y")
        first.append("x")
    assert record_in(out)["images"] == ["x", "y"]


def test_predicted_files_are_recorded_but_not_those_that_failed(model, tmp_path, out):
    first, second = (pair.he for pair in write_pairs(tmp_path, 2))
    second.write_bytes(b"not an image")
    by = stained_by(model, Modes())
    predict_files(Stainer(lively_generator()), [first, second], out, by=by)
    assert record_in(out)["images"] == [first.stem]


def test_nothing_is_stained_into_a_folder_of_another_model(model, tmp_path, out):
    [pair] = write_pairs(tmp_path, 1)
    write_record(out, stained_by(model, DROPOUT), ["a"])
    by, stainer = stained_by(model, Modes()), Stainer(lively_generator())
    message = refusal(predict_files, stainer, [pair.he], out, by=by)
    assert message == refusal(stained_before, out, by)
    assert [path.name for path in out.iterdir()] == ["predict.json"]
