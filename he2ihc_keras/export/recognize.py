"""Which of the authors' networks a state dict is of."""

from collections.abc import Mapping

import numpy as np

from he2ihc_keras.export.state_dict import some
from he2ihc_keras.recipe import Network

# The rate in all of the authors' networks that drop at all.
_DROPOUT = 0.5
_EXPECTED = (
    "Expected the keys of the ResNet generator (model.1.weight, "
    "model.10.conv_block.1.weight), of the pix2pix U-Net (model.model.0.weight) or of "
    "the PatchGAN (model.0.weight, model.11.weight), as the PyTorch code of "
    "PyramidPix2pix and pix2pix names them."
)


def recognize(
    state: Mapping[str, np.ndarray], *, dropout: bool | None = None
) -> Network:
    """Name and options of the network that a state dict is of, from keys and shapes.

    Prefixes `module.` of DataParallel and `num_batches_tracked` are passed over.

    Args:
        state: Arrays by the names of the authors' code, in PyTorch's axis order, as
            `read_state_dict` gives them.
        dropout: Whether a U-Net was trained with dropout; `None` means yes, the
            authors' default. Its keys do not tell, for dropout is the last module of
            a level. Those of a ResNet do: dropout moves the modules behind it.

    Returns:
        What `models.build` takes: the name, filters, blocks or depth, rate of dropout.

    Raises:
        ValueError: If it is another network, or `dropout` is given for one whose keys
            tell.
    """
    arrays = cleaned(state)
    network = _reader(arrays)(arrays)
    if network.name == "pix2pix":
        rate = 0.0 if dropout is False else _DROPOUT
        return Network(network.name, {**network.options, "dropout": rate})
    if dropout is not None:
        raise ValueError(
            "`dropout` is for a U-Net, whose keys do not tell. This is a "
            f"{network.name}, whose keys do: leave it out."
        )
    return network


def cleaned(state: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """A state dict without the prefix of DataParallel and the counts of batches."""
    is_parallel = all(key.startswith("module.") for key in state)
    return {
        key.removeprefix("module.") if is_parallel else key: array
        for key, array in state.items()
        if not key.endswith(".num_batches_tracked")
    }


def _reader(arrays):
    """The function that reads the options of this kind of network."""
    if any(".theta." in key for key in arrays):
        raise ValueError(
            "This is an attention U-Net (`attention_unet_32`), which this package does "
            f"not have. {_EXPECTED}"
        )
    if any(".conv_block." in key for key in arrays):
        reader = _resnet
    elif "model.model.0.weight" in arrays:
        reader = _unet
    elif {"model.0.weight", "model.11.weight"} <= arrays.keys():
        reader = _patchgan
    else:
        raise _unknown(arrays)
    if not any(key.endswith(".running_var") for key in arrays):
        raise ValueError(
            "This network has no running statistics: it has instance norm, as those of "
            "CycleGAN and CUT, or none. Expected batch norm, with keys such as "
            f"model.2.running_var. Found: {some(arrays)}."
        )
    return reader


def _unknown(arrays):
    return ValueError(f"{_EXPECTED} Found: {some(arrays)}.")


def _resnet(arrays):
    blocks = {key.split(".")[1] for key in arrays if ".conv_block." in key}
    # Module 6 of a block is its second convolution; without dropout it is a norm.
    has_dropout = any(
        key.endswith(".conv_block.6.weight") and array.ndim == 4
        for key, array in arrays.items()
    )
    options = {
        "filters": _filters(arrays, "model.1.weight"),
        "blocks": len(blocks),
        "dropout": _DROPOUT if has_dropout else 0.0,
    }
    return Network("pyramid_pix2pix", options)


def _unet(arrays):
    options = {
        "filters": _filters(arrays, "model.model.0.weight"),
        "depth": max(key.count(".model") for key in arrays),  # a level a nested module
    }
    return Network("pix2pix", options)


def _patchgan(arrays):
    return Network("patchgan", {"filters": _filters(arrays, "model.0.weight")})


def _filters(arrays, first):
    """Output channels of the first convolution."""
    if first not in arrays or arrays[first].ndim != 4:
        raise _unknown(arrays)
    return arrays[first].shape[0]
