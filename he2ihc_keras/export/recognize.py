"""Which of the authors' networks a state dict is of."""

import os.path
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
    "PyramidPix2pix, pix2pix and CycleGAN names them."
)


def recognize(
    state: Mapping[str, np.ndarray], *, dropout: bool | None = None
) -> Network:
    """Name and options of the network that a state dict is of, from keys and shapes.

    A prefix that all keys share (`module.` of DataParallel, `_orig_mod.`, `netG.`) and
    `num_batches_tracked` are passed over. The norm of a ResNet or a PatchGAN is batch
    norm if it has weights. Running statistics do not tell: the released generators of
    CycleGAN, from before PyTorch 0.4, hold some of their instance norms.

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
    """A state dict without what all keys share before `model.`, and without counts."""
    prefix = _shared_prefix(state)
    return {
        key.removeprefix(prefix): array
        for key, array in state.items()
        if not key.endswith(".num_batches_tracked")
    }


def _shared_prefix(keys):
    """What stands before the `model.`, or `model.model.`, with which all keys begin."""
    shared = os.path.commonprefix([key.split(".") for key in keys])
    while shared and shared[-1] == "model":
        shared.pop()
    begins = ".".join([*shared, ""]) if shared else ""
    return begins if all(k.startswith(f"{begins}model.") for k in keys) else ""


def _reader(arrays):
    """The function that reads the options of this kind of network."""
    if any(".theta." in key for key in arrays):
        raise ValueError(
            "This is an attention U-Net (`attention_unet_32`), which this package does "
            f"not have. {_EXPECTED}"
        )
    if any(key.endswith(".filt") for key in arrays):
        raise ValueError(
            "This is a generator of CUT or of its family (ASP, PSPStain), which blurs "
            f"as it resamples (`filt`); this package does not have it. {_EXPECTED}"
        )
    if any(".conv_block." in key for key in arrays):
        return _resnet
    if "model.model.0.weight" in arrays:
        return _unet
    if {"model.0.weight", "model.11.weight"} <= arrays.keys():
        return _patchgan
    raise _unknown(arrays)


def _has_instance_norm(arrays, convolution, norm):
    """Whether a convolution is followed by an instance norm, and not by a batch norm.

    Raises:
        ValueError: If it is followed by neither, or by one that learns like the other.
    """
    if f"{norm}.weight" in arrays:
        if f"{norm}.running_var" in arrays:
            return False
        raise ValueError(
            "This network's norm has weights and no running statistics: it is none "
            f"that this package has. Expected {norm}.running_var. Found: "
            f"{some(arrays)}."
        )
    if f"{convolution}.bias" in arrays:
        return True
    raise ValueError(
        f"This network has no norm: neither {norm}.weight of a batch norm nor "
        f"{convolution}.bias, which stands in front of an instance norm. Found: "
        f"{some(arrays)}."
    )


def _unknown(arrays):
    return ValueError(f"{_EXPECTED} Found: {some(arrays)}.")


def _resnet(arrays):
    blocks = {key.split(".")[1] for key in arrays if ".conv_block." in key}
    # Module 6 of a block is its second convolution; without dropout it is a norm.
    has_dropout = any(
        key.endswith(".conv_block.6.weight") and array.ndim == 4
        for key, array in arrays.items()
    )
    filters = _filters(arrays, "model.1.weight")
    options = {"filters": filters, "blocks": len(blocks)}
    if not _has_instance_norm(arrays, "model.1", "model.2"):
        rate = _DROPOUT if has_dropout else 0.0
        return Network("pyramid_pix2pix", {**options, "dropout": rate})
    if has_dropout:
        raise ValueError(
            "This ResNet generator has instance norm and dropout, which no model of "
            "this package has together."
        )
    return Network("cyclegan", options)


def _unet(arrays):
    if not any(key.endswith(".running_var") for key in arrays):
        raise ValueError(
            "This U-Net has no running statistics: it has instance norm, or none. "
            "Expected batch norm, with keys such as model.model.1.model.2.running_var. "
            f"Found: {some(arrays)}."
        )
    options = {
        "filters": _filters(arrays, "model.model.0.weight"),
        "depth": max(key.count(".model") for key in arrays),  # a level a nested module
    }
    return Network("pix2pix", options)


def _patchgan(arrays):
    options = {"filters": _filters(arrays, "model.0.weight")}
    if _has_instance_norm(arrays, "model.2", "model.3"):
        options["normalization"] = "instance"
    if arrays["model.0.weight"].shape[1] == 3:
        options["inputs"] = 1
    return Network("patchgan", options)


def _filters(arrays, first):
    """Output channels of the first convolution."""
    if first not in arrays or arrays[first].ndim != 4:
        raise _unknown(arrays)
    return arrays[first].shape[0]
