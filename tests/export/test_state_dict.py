import os
import pickle
import sys
import types
import zipfile

import numpy as np
import pytest

from he2ihc_keras.export import read_state_dict
from helpers import refusal

STATE = {
    "model.1.weight": np.arange(24, dtype="float32").reshape(2, 3, 2, 2) / 7,
    "model.2.bias": np.asarray([-1.5, 2.0], "float32"),
}


class MakesAFolder:
    """Pickled, a call: whoever unpickles it without care makes the folder."""

    call = os.mkdir

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return type(self).call, (str(self.path),)


class RemovesAFolder(MakesAFolder):
    call = os.rmdir


def write(path, form, state=STATE):
    """A state dict in one of the formats; skips where its package is absent."""
    if form == "npz":
        with open(path, "wb") as file:
            np.savez(file, **state)
    elif form == "safetensors":
        pytest.importorskip("safetensors.numpy").save_file(state, path)
    else:
        torch = pytest.importorskip("torch")
        tensors = {key: torch.from_numpy(array) for key, array in state.items()}
        save(path, form, tensors)
    return path


def save(path, form, content, protocol=2):
    torch = pytest.importorskip("torch")
    if form == "pickle":
        path.write_bytes(pickle.dumps(content, protocol))
    else:
        torch.save(
            content,
            path,
            pickle_protocol=protocol,
            _use_new_zipfile_serialization=form == "pth",
        )
    return path


FORMS = ("npz", "safetensors", "pth", "legacy pth")


@pytest.mark.parametrize(
    ("form", "name"),
    [
        ("npz", "weights"),
        ("npz", "weights.pth"),
        ("safetensors", "weights.pth"),
        ("pth", "weights.npz"),
        ("legacy pth", "weights"),
        ("legacy pth", "weights.npz"),
    ],
)
def test_format_is_told_by_the_content_not_by_the_ending(tmp_path, form, name):
    read = read_state_dict(write(tmp_path / name, form))
    assert read.keys() == STATE.keys()
    for key, array in STATE.items():
        assert read[key].dtype == "float32"
        np.testing.assert_array_equal(read[key], array)


@pytest.mark.parametrize("form", FORMS)
def test_other_precisions_become_float32(tmp_path, form):
    precisions = ("float16", "float64", "int64")
    state = {dtype: np.asarray([0.5, 3.0]).astype(dtype) for dtype in precisions}
    read = read_state_dict(write(tmp_path / "weights", form, state))
    for dtype, array in state.items():
        assert read[dtype].dtype == "float32"
        np.testing.assert_array_equal(read[dtype], array.astype("float32"))


@pytest.mark.parametrize("form", FORMS)
def test_damaged_file_is_refused(tmp_path, form):
    state = {str(number): np.ones((9, 9), "float32") for number in range(40)}
    path = write(tmp_path / "weights", form, state)
    content = path.read_bytes()
    for kept in (0.3, 0.6, 0.99):
        path.write_bytes(content[: int(kept * len(content))])
        assert "is damaged" in refusal(read_state_dict, path)


# Code in a file


def test_pickle_that_calls_is_not_obeyed(tmp_path):
    made = tmp_path / "made"
    path = tmp_path / "weights.pth"
    path.write_bytes(pickle.dumps(MakesAFolder(made), protocol=2))
    with pytest.raises((ValueError, ImportError)):
        read_state_dict(path)
    assert not made.exists()
    pickle.loads(path.read_bytes())  # which is what it would have done
    assert made.exists()


def refused(path, code):
    return (
        f"{path} is refused: it holds {code}, which is code and could do harm. None of "
        "it was run. Expected tensors alone, as `torch.save(network.state_dict(), "
        "path)` writes them."
    )


@pytest.mark.parametrize("form", ["pth", "legacy pth", "pickle"])
def test_file_that_calls_is_refused_by_what_it_calls(tmp_path, form):
    made, path = tmp_path / "made", tmp_path / "weights.pth"
    for protocol in (2, 3, 4, 5):
        save(path, form, {"a": MakesAFolder(made)}, protocol)
        assert refusal(read_state_dict, path) == refused(path, f"{os.name}.mkdir")
        assert not made.exists()


def test_each_call_of_a_file_is_named_once(tmp_path):
    made, path = tmp_path / "made", tmp_path / "weights.pth"
    calls = [kind(made) for kind in (MakesAFolder, RemovesAFolder, MakesAFolder)]
    save(path, "pickle", calls, protocol=4)
    names = f"{os.name}.mkdir, {os.name}.rmdir"
    assert refusal(read_state_dict, path) == refused(path, names)


def test_call_in_a_torn_file_is_named_too(tmp_path):
    path = tmp_path / "weights.pth"
    save(path, "pickle", [MakesAFolder("made"), "some more"], protocol=4)
    path.write_bytes(path.read_bytes()[:-9])
    assert refusal(read_state_dict, path) == refused(path, f"{os.name}.mkdir")


@pytest.mark.parametrize("form", ["pth", "legacy pth"])
def test_tensors_in_a_pickle_of_another_protocol_are_no_code(tmp_path, form):
    tensors = {"a": pytest.importorskip("torch").ones(3)}
    path = save(tmp_path / "weights.pth", form, tensors, protocol=4)
    assert refusal(read_state_dict, path) == (
        f"{path} is damaged, or its pickle is not of protocol 2, PyTorch's own. Copy "
        "it again, or write it with `torch.save(network.state_dict(), path)`."
    )


def test_array_of_objects_is_refused(tmp_path):
    made = tmp_path / "made"
    path = tmp_path / "weights.npz"
    np.savez(path, a=np.asarray([MakesAFolder(made)], object))
    assert refusal(read_state_dict, path) == refused(path, "pickled objects")
    assert not made.exists()


def write_zip(path, *names):
    with zipfile.ZipFile(path, "w") as file:
        for name in names:
            file.writestr(name, "")
    return path


def test_program_is_refused(tmp_path):
    path = write_zip(tmp_path / "a.pt", "a/data.pkl", "a/constants.pkl", "a/code/b.py")
    assert "it holds a TorchScript program" in refusal(read_state_dict, path)


# torch, absent, old or there: none of this needs it


def stand_in(loads, version="2.10.0"):
    """A `torch` that loads what it is told to, and notes how it was asked."""

    class Tensor(np.ndarray):
        def float(self):
            return self.astype("float32")

        def numpy(self):
            return np.asarray(self)

    def load(path, **options):
        torch.asked = options
        return {key: array.view(Tensor) for key, array in loads.items()}

    torch = types.SimpleNamespace(__version__=version, Tensor=Tensor, load=load)
    return torch


@pytest.fixture(params=["pth", "legacy pth"])
def pth(request, tmp_path):
    path = tmp_path / "latest_net_G.pth"
    if request.param == "pth":
        return write_zip(path, "latest_net_G/data.pkl", "latest_net_G/data/0")
    path.write_bytes(pickle.dumps({}, protocol=2))
    return path


def test_torch_is_asked_for_weights_only(pth, monkeypatch):
    torch = stand_in(STATE)
    monkeypatch.setitem(sys.modules, "torch", torch)
    np.testing.assert_equal(read_state_dict(pth), STATE)
    assert torch.asked == {"map_location": "cpu", "weights_only": True}


def test_missing_torch_is_named_with_its_extra(pth, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    assert refusal(read_state_dict, pth, error=ImportError) == (
        f"{pth} is a file of PyTorch, which takes torch to read. Install it: pip "
        "install 'he2ihc-keras[torch]' (its CPU build does). Or write the weights as "
        ".npz where torch is at hand: see `he2ihc-keras zoo pyramid_pix2pix`."
    )


def test_torch_whose_weights_only_can_be_tricked_is_refused(pth, monkeypatch):
    for version in ("1.13.1+cpu", "2.5.1", "2.9.1+cu128"):
        monkeypatch.setitem(sys.modules, "torch", stand_in(STATE, version))
        assert refusal(read_state_dict, pth, error=ImportError) == (
            f"torch {version} can be made to run code that a file holds. "
            "Install a newer one: pip install 'he2ihc-keras[torch]'"
        )


def test_missing_safetensors_is_named_with_its_extra(tmp_path, monkeypatch):
    path = write(tmp_path / "weights", "safetensors")
    monkeypatch.setitem(sys.modules, "safetensors", None)
    assert refusal(read_state_dict, path, error=ImportError) == (
        f"{path} is a file of safetensors, which takes that package to read. "
        "Install it: pip install 'he2ihc-keras[safetensors]'"
    )


# Files of other things


@pytest.mark.parametrize("form", ["pth", "legacy pth"])
@pytest.mark.parametrize(
    ("content", "found"),
    [
        ({"epoch": 3, "network": {}}, "epoch, network"),
        ([1.0], "a list"),
    ],
)
def test_checkpoint_of_more_than_one_network_is_refused(tmp_path, form, content, found):
    path = save(tmp_path / "weights.pth", form, content)
    assert refusal(read_state_dict, path) == (
        f"{path} holds {found}. Expected the state dict of one network, names and "
        "tensors, as `torch.save(network.state_dict(), path)` writes it."
    )


def test_archive_around_the_weights_is_to_be_unpacked(tmp_path):
    path = write_zip(tmp_path / "trained.zip", "trained/latest_net_G.pth")
    assert refusal(read_state_dict, path) == (
        f"{path} is an archive of trained/latest_net_G.pth. Unpack it, and give the "
        "file of weights in it: .pth, .safetensors or .npz."
    )


def test_keras_model_needs_no_conversion(tmp_path):
    path = write_zip(tmp_path / "model.keras", "config.json", "model.weights.h5")
    assert refusal(read_state_dict, path) == f"{path} is a Keras model already."


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n", b"cos\nmkdir\n", b"{}"])
def test_file_of_another_format_is_refused(tmp_path, content):
    path = tmp_path / "weights.pth"
    path.write_bytes(content)
    assert refusal(read_state_dict, path) == (
        f"{path} is no file of weights that can be read. Expected PyTorch's .pth, "
        ".safetensors or .npz."
    )


def test_missing_file_is_refused(tmp_path):
    assert (
        refusal(read_state_dict, tmp_path / "a") == f"{tmp_path / 'a'} does not exist."
    )
