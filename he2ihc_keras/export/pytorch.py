"""Weights that were trained with the authors' PyTorch code, as Keras models."""

from collections.abc import Mapping
from pathlib import Path

import keras
import numpy as np

from he2ihc_keras.export.recognize import cleaned, recognize
from he2ihc_keras.export.state_dict import read_state_dict, some
from he2ihc_keras.files import whole_file
from he2ihc_keras.layers import InstanceNormalization
from he2ihc_keras.recipe import Network


def convert(
    path: Path | str, out: Path | str, *, dropout: bool | None = None
) -> tuple[Network, keras.Model]:
    """Writes the network of a state dict on disk as a `.keras` file.

    Args:
        path: A state dict, as `read_state_dict` takes it.
        out: The `.keras` file to make; it must not exist.
        dropout: As in `recognize`.

    Returns:
        The name and options that build the network, and the network with its weights.

    Raises:
        ValueError: If `out` exists or has another ending, or the file is not a whole
            state dict of a network that this package has.
        ImportError: If its format needs a package that is not installed.
    """
    out = Path(out)
    if out.suffix != ".keras":
        raise ValueError(f"{out} has not the ending of a Keras model, .keras.")
    if out.exists():
        raise ValueError(f"{out} exists. Choose another --out.")
    state = read_state_dict(path)
    network = recognize(state, dropout=dropout)
    model = _build(network, state)
    _save(model, out)
    return network, model


def model_from_state_dict(
    state: Mapping[str, np.ndarray], *, dropout: bool | None = None
) -> keras.Model:
    """The Keras network of the authors' weights; with them, it gives their output.

    Args:
        state: Arrays by the names of the authors' code, in PyTorch's axis order, as
            `read_state_dict` gives them.
        dropout: As in `recognize`.

    Returns:
        A `pyramid_pix2pix`, `pix2pix`, `cyclegan` or `patchgan`. Of an instance norm,
        what has no effect is left out: old running statistics, and the bias in front.

    Raises:
        ValueError: If the weights are not those of one of these, whole and finite.
    """
    return _build(recognize(state, dropout=dropout), state)


def _build(network, state):
    model, arrays = network.build(), cleaned(state)
    variables, idle = _variables(model, _convolutions(network))
    arrays = {key: array for key, array in arrays.items() if key not in idle}
    _check_weights(network, variables, arrays)
    for key, variable in variables.items():
        variable.assign(_keras_order(arrays[key]))
    return model


def _save(model, out):
    out.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(out) as temporary:
        # Keras wants the ending; the model is renamed once more from there.
        named = temporary.with_suffix(".keras")
        try:
            model.save(named)
            named.replace(temporary)
        finally:
            named.unlink(missing_ok=True)


# Where the authors' modules keep what our layers hold


def _convolutions(network):
    """PyTorch's module of each convolution, by the name of the Keras layer."""
    options = network.options
    if network.name in ("pyramid_pix2pix", "cyclegan"):
        return _resnet_convolutions(options["blocks"], bool(options.get("dropout")))
    if network.name == "pix2pix":
        return _unet_convolutions(options["depth"])
    return {
        "conv_1": "model.0",
        "conv_2": "model.2",
        "conv_3": "model.5",
        "conv_4": "model.8",
        "logits": "model.11",
    }


def _resnet_convolutions(blocks, has_dropout):
    modules = {
        "stem_conv": "model.1",
        "down_1_conv": "model.4",
        "down_2_conv": "model.7",
    }
    for block in range(1, blocks + 1):
        inside = f"model.{9 + block}.conv_block"
        modules[f"block_{block}_1_conv"] = f"{inside}.1"
        modules[f"block_{block}_2_conv"] = f"{inside}.{6 if has_dropout else 5}"
    after = 10 + blocks
    modules["up_1_conv"] = f"model.{after}"
    modules["up_2_conv"] = f"model.{after + 3}"
    modules["ihc"] = f"model.{after + 7}"
    return modules


def _unet_convolutions(depth):
    """A level holds its convolution down, the next level, and its convolution up."""
    modules = {"down_0_conv": "model.model.0", "ihc": "model.model.3"}
    inside = "model.model.1.model"
    for level in range(1, depth):
        is_innermost = level == depth - 1
        modules[f"down_{level}_conv"] = f"{inside}.1"
        modules[f"up_{level}_conv"] = f"{inside}.{3 if is_innermost else 5}"
        inside += ".3.model"
    return modules


def _variables(model, convolutions):
    """Keras's variable of each key, and the keys of what has no effect.

    A norm is the module after its convolution.
    """
    layers = {layer.name: layer for layer in model.layers}
    variables, idle = {}, set()
    for name, module in convolutions.items():
        variables |= _of_convolution(layers[name], module)
        parent, _, index = module.rpartition(".")
        after = f"{parent}.{int(index) + 1}"
        norm = layers.get(f"{name.removesuffix('_conv')}_norm")
        if isinstance(norm, InstanceNormalization):
            idle |= {f"{module}.bias", f"{after}.running_mean", f"{after}.running_var"}
        elif norm is not None:
            variables |= _of_norm(norm, after)
    return variables, idle


def _of_convolution(layer, module):
    variables = {f"{module}.weight": layer.kernel}
    return variables | ({f"{module}.bias": layer.bias} if layer.use_bias else {})


def _of_norm(layer, module):
    return {
        f"{module}.weight": layer.gamma,
        f"{module}.bias": layer.beta,
        f"{module}.running_mean": layer.moving_mean,
        f"{module}.running_var": layer.moving_variance,
    }


# Axes


def _keras_order(array):
    # (out, in, h, w) and, transposed, (in, out, h, w): both become Keras's order.
    return array.transpose(2, 3, 1, 0) if array.ndim == 4 else array


def _pytorch_shape(variable):
    shape = tuple(variable.shape)
    return (shape[3], shape[2], *shape[:2]) if len(shape) == 4 else shape


# Checks


def _check_weights(network, variables, arrays):
    """Refuses weights that are not, key for key and shape for shape, the network's."""
    expected = {key: _pytorch_shape(variable) for key, variable in variables.items()}
    found = {key: array.shape for key, array in arrays.items()}
    problems = {
        "Missing": expected.keys() - found.keys(),
        "Not expected": found.keys() - expected.keys(),
        "Of another shape": [
            f"{key} {found[key]} for {expected[key]}"
            for key in expected.keys() & found.keys()
            if found[key] != expected[key]
        ],
        "Not finite": [key for key in arrays if not np.isfinite(arrays[key]).all()],
    }
    listed = [
        f"{what}: {some(sorted(keys))}." for what, keys in problems.items() if keys
    ]
    if listed:
        options = ", ".join(f"{key} {value}" for key, value in network.options.items())
        raise ValueError(
            f"These weights resemble a {network.name} ({options}) but are not those of "
            f"one. {' '.join(listed)}"
        )
