"""State dicts on disk: names and arrays, read without running what a file holds."""

import pickle
import pickletools
import re
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np

# What a torn .npz or pickle fails with
_DAMAGE = (ValueError, OSError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error)
# Before it, a file made for the purpose got past `weights_only=True` (CVE-2025-32434,
# CVE-2026-24747).
_SAFE_TORCH = (2, 10)
# What a pickle of tensors refers to; PyTorch wrote five of them into a file before 1.6.
_OF_TENSORS = re.compile(
    r"collections\.OrderedDict|torch\._utils\._rebuild_\w+|torch\.\w+Storage"
)
_LEGACY_PICKLES = 5


def read_state_dict(path: Path | str) -> dict[str, np.ndarray]:
    """Names and arrays of a file of weights.

    The content tells what a file is, whatever its ending: PyTorch's `.pth` in the zip
    format of today or in that before version 1.6, `.safetensors`, or `.npz`. PyTorch's
    files are pickles, which can hold code; they are read with `weights_only=True`,
    which refuses all that is not a tensor.

    Args:
        path: The file.

    Returns:
        float32 arrays, whatever precision they were saved in, by the names and in the
        axis order of the file.

    Raises:
        ValueError: If there is no such file, it is damaged, of another format, not a
            flat table of arrays, or would run code.
        ImportError: If its format needs a package that is not installed.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"{path} does not exist.")
    return _reader(path)(path)


def _reader(path) -> Callable[[Path], dict[str, np.ndarray]]:
    with open(path, "rb") as file:
        head = file.read(9)
    if head[:2] == b"PK":
        return _reader_of_zip(path)
    if head[8:] == b"{":  # after eight bytes of length, a table of contents in JSON
        return _read_safetensors
    if head[:1] == b"\x80":  # a pickle
        return _read_pytorch
    raise ValueError(
        f"{path} is no file of weights that can be read. Expected PyTorch's .pth, "
        ".safetensors or .npz."
    )


def _reader_of_zip(path):
    try:
        with zipfile.ZipFile(path) as file:
            names = file.namelist()
    except zipfile.BadZipFile as error:
        raise ValueError(_damage(path, error)) from error
    if any(name.endswith("/constants.pkl") for name in names):
        raise ValueError(_refusal(path, "a TorchScript program"))
    if any(name.endswith("/data.pkl") for name in names):
        return _read_pytorch
    if names and all(name.endswith(".npy") for name in names):
        return _read_npz
    if "model.weights.h5" in names:
        raise ValueError(f"{path} is a Keras model already.")
    raise ValueError(
        f"{path} is an archive of {some(names)}. Unpack it, and give the file of "
        "weights in it: .pth, .safetensors or .npz."
    )


def _read_pytorch(path):
    torch = _import_torch(path)
    try:
        with warnings.catch_warnings():  # of pickles that it then refuses
            warnings.simplefilter("ignore")
            state = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ValueError(_why_unread(path, error)) from error
    except Exception as error:  # what a torn pickle fails with, nobody lists
        raise ValueError(_damage(path, error)) from error
    _check_is_flat(path, state, torch.Tensor)
    return {name: tensor.float().numpy() for name, tensor in state.items()}


def _import_torch(path):
    try:
        import torch
    except ImportError as error:
        raise ImportError(
            f"{path} is a file of PyTorch, which takes torch to read. Install it: pip "
            "install 'he2ihc-keras[torch]' (its CPU build does). Or write the weights "
            "as .npz where torch is at hand: see `he2ihc-keras zoo pyramid_pix2pix`."
        ) from error
    if tuple(map(int, torch.__version__.split(".")[:2])) < _SAFE_TORCH:
        raise ImportError(
            f"torch {torch.__version__} can be made to run code that a file holds. "
            "Install a newer one: pip install 'he2ihc-keras[torch]'"
        )
    return torch


def _why_unread(path, error):
    """What `weights_only=True` stopped at: code, or what it cannot make sense of."""
    named = re.search(r"GLOBAL (\S+)", str(error))
    if named:
        return _refusal(path, named[1])
    # It knows the opcodes of protocol 2 alone, and stops before it meets the code.
    names = dict.fromkeys(_names_in_pickles(path))
    code = [name for name in names if not _OF_TENSORS.fullmatch(name)]
    if code:
        return _refusal(path, some(code))
    return (
        f"{path} is damaged, or its pickle is not of protocol 2, PyTorch's own. Copy "
        "it again, or write it with `torch.save(network.state_dict(), path)`."
    )


def _names_in_pickles(path) -> Iterator[str]:
    """All that the pickles of a file refer to by module and name."""
    if not zipfile.is_zipfile(path):
        with open(path, "rb") as file:
            for _ in range(_LEGACY_PICKLES):
                yield from _names_in_pickle(file)
        return
    with zipfile.ZipFile(path) as archive:
        for member in archive.namelist():
            if member.endswith("/data.pkl"):
                with archive.open(member) as file:
                    yield from _names_in_pickle(file)


def _names_in_pickle(file) -> Iterator[str]:
    """Modules and names, told from the opcodes alone: nothing is unpickled."""
    strings, memo = [], {}  # the last two strings are what STACK_GLOBAL looks up
    try:
        for opcode, argument, _ in pickletools.genops(file):
            if opcode.name in ("GLOBAL", "INST"):
                yield argument.replace(" ", ".")
            elif opcode.name == "STACK_GLOBAL":
                yield ".".join(strings[-2:])
            elif opcode.name == "MEMOIZE" or "PUT" in opcode.name:
                memo[len(memo) if argument is None else argument] = strings[-1:]
            elif "GET" in opcode.name:
                strings += memo.get(argument, [])
            elif isinstance(argument, str):
                strings.append(argument)
    except _DAMAGE:  # the pickle ends too early, or is none
        return


def _refusal(path, code):
    return (
        f"{path} is refused: it holds {code}, which is code and could do harm. None of "
        "it was run. Expected tensors alone, as `torch.save(network.state_dict(), "
        "path)` writes them."
    )


def _read_safetensors(path):
    try:
        from safetensors import SafetensorError
        from safetensors.numpy import load_file
    except ImportError as error:
        raise ImportError(
            f"{path} is a file of safetensors, which takes that package to read. "
            "Install it: pip install 'he2ihc-keras[safetensors]'"
        ) from error
    try:
        return _as_float32(load_file(path))
    except (SafetensorError, TypeError, ValueError) as error:
        raise ValueError(_damage(path, error)) from error


def _read_npz(path):
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except _DAMAGE as error:
        if "allow_pickle" in str(error):  # NumPy's word for an array of objects
            raise ValueError(_refusal(path, "pickled objects")) from error
        raise ValueError(_damage(path, error)) from error
    _check_is_numeric(path, arrays)
    return _as_float32(arrays)


def _as_float32(arrays):
    return {name: np.asarray(array, "float32") for name, array in arrays.items()}


def _check_is_numeric(path, arrays):
    text = [name for name, array in arrays.items() if array.dtype.kind not in "fiub"]
    if text:
        raise ValueError(
            f"{path} is no state dict: {some(text)} holds text. Expected arrays named "
            "as `network.state_dict()` names them, such as model.1.weight."
        )


def _check_is_flat(path, state, tensor):
    is_flat = isinstance(state, Mapping) and all(
        isinstance(key, str) and isinstance(value, tensor)
        for key, value in state.items()
    )
    if not is_flat:
        kind = type(state).__name__
        found = some(state) if isinstance(state, Mapping) else f"a {kind}"
        raise ValueError(
            f"{path} holds {found}. Expected the state dict of one network, names and "
            "tensors, as `torch.save(network.state_dict(), path)` writes it."
        )


def _damage(path, error):
    return f"{path} is damaged: {str(error) or 'it ends too early'}"


def some(names: Iterable, limit: int = 4) -> str:
    """The first few of many names."""
    names = [str(name) for name in names]
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return (", ".join(names[:limit]) or "nothing") + more
