import keras
import numpy as np
import pytest

from he2ihc_keras import models
from he2ihc_keras.export import (
    convert,
    model_from_state_dict,
    read_state_dict,
    recognize,
)
from he2ihc_keras.recipe import Network
from helpers import (
    CYCLEGAN,
    SHARED,
    load_pytorch,
    reference,
    refusal,
    relative_error,
    to_channels_last,
)

IN_AND_OUT = ("input", "output")
NETWORKS = {
    "resnet_dropout": ("pyramid_pix2pix", {"filters": 8, "blocks": 9, "dropout": 0.5}),
    "resnet_nodropout": (
        "pyramid_pix2pix",
        {"filters": 8, "blocks": 9, "dropout": 0.0},
    ),
    "unet_6downs": ("pix2pix", {"filters": 8, "depth": 6, "dropout": 0.5}),
    "patchgan": ("patchgan", {"filters": 8}),
}
UNKNOWN = (
    "Expected the keys of the ResNet generator (model.1.weight, "
    "model.10.conv_block.1.weight), of the pix2pix U-Net (model.model.0.weight) or of "
    "the PatchGAN (model.0.weight, model.11.weight), as the PyTorch code of "
    "PyramidPix2pix, pix2pix and CycleGAN names them."
)


def inputs(name):
    images = to_channels_last(reference(name)["input"])
    return np.split(images, 2, axis=-1) if name == "patchgan" else images


def expected(name, output="output_eval"):
    return to_channels_last(reference(name)[output])


def random_state(shapes):
    rng = np.random.default_rng(0)
    return {key: rng.random(shape, "float32") for key, shape in shapes.items()}


def convolution(module, out, into, size):
    return {f"{module}.weight": (out, into, size, size)}


def norm(module, width):
    kinds = ("weight", "bias", "running_mean", "running_var")
    return {f"{module}.{kind}": (width,) for kind in kinds}


def resnet_state(filters, blocks, has_dropout):
    """Keys and shapes of the authors' `ResnetGenerator`, with random values."""
    f, second = filters, 6 if has_dropout else 5
    shapes = convolution("model.1", f, 3, 7) | norm("model.2", f)
    for index, width in ((4, f), (7, 2 * f)):
        shapes |= convolution(f"model.{index}", 2 * width, width, 3)
        shapes |= norm(f"model.{index + 1}", 2 * width)
    for index in range(10, 10 + blocks):
        for inside in (1, second):
            block = f"model.{index}.conv_block"
            shapes |= convolution(f"{block}.{inside}", 4 * f, 4 * f, 3)
            shapes |= norm(f"{block}.{inside + 1}", 4 * f)
    for index, width in ((10 + blocks, 2 * f), (13 + blocks, f)):
        shapes |= convolution(f"model.{index}", 2 * width, width, 3)
        shapes |= norm(f"model.{index + 1}", width)
    last = f"model.{17 + blocks}"
    return random_state(shapes | convolution(last, 3, f, 7) | {f"{last}.bias": (3,)})


def unet_state(filters, depth):
    """Keys and shapes of the authors' `UnetGenerator`, with random values."""
    widths = [filters * min(2**level, 8) for level in range(depth)]
    shapes = convolution("model.model.0", filters, 3, 4)
    inside = "model.model.1.model"
    for level in range(1, depth):
        outer, inner, is_last = widths[level - 1], widths[level], level == depth - 1
        up = 3 if is_last else 5
        shapes |= convolution(f"{inside}.1", inner, outer, 4)
        shapes |= {} if is_last else norm(f"{inside}.2", inner)
        into = inner if is_last else 2 * inner
        shapes |= convolution(f"{inside}.{up}", into, outer, 4)
        shapes |= norm(f"{inside}.{up + 1}", outer)
        inside += ".3.model"
    shapes |= convolution("model.model.3", 2 * filters, 3, 4)
    return random_state(shapes | {"model.model.3.bias": (3,)})


def assert_equal_weights(model, other):
    for one, another in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(one, another)


# The authors' outputs


@pytest.mark.parametrize("name", NETWORKS)
def test_authors_weights_give_the_authors_output(name):
    model = model_from_state_dict(reference(f"{name}/weights"))
    assert relative_error(model(inputs(name)), expected(name)) < 2e-6


def test_statistics_of_the_batch_give_the_authors_output():
    model = model_from_state_dict(reference("resnet_nodropout/weights"))
    actual = model(inputs("resnet_nodropout"), training=True)
    goal = expected("resnet_nodropout", "output_batch_statistics")
    assert relative_error(actual, goal) < 5e-6


def cyclegan_weights(network):
    return reference(f"{network}/weights", CYCLEGAN)


def released():
    """CycleGAN's generator as its authors released it, before PyTorch 0.4."""
    state = dict(cyclegan_weights("generator"))
    for key in [k for k in state if k.endswith(".bias") and k != "model.26.bias"]:
        parent, _, index = key.removesuffix(".bias").rpartition(".")
        for kind, value in (("mean", 3.0), ("var", 7.0)):
            running = np.full(state[key].shape, value, "float32")
            state[f"{parent}.{int(index) + 1}.running_{kind}"] = running
    return state


@pytest.mark.parametrize("state", [cyclegan_weights("generator"), released()])
def test_generators_of_cyclegan_give_the_authors_output_of_today_and_before(state):
    assert recognize(state) == Network("cyclegan", {"filters": 8, "blocks": 9})
    images, goal = (to_channels_last(CYCLEGAN[f"generator/{k}"]) for k in IN_AND_OUT)
    assert relative_error(model_from_state_dict(state)(images), goal) < 1e-5


def test_discriminator_of_cyclegan_gives_the_authors_output():
    model = model_from_state_dict(cyclegan_weights("discriminator"))
    images, goal = (
        to_channels_last(CYCLEGAN[f"discriminator/{k}"]) for k in IN_AND_OUT
    )
    assert relative_error(model(images), goal) < 5e-6


@pytest.mark.parametrize("file", ["latest_net_G.pth", "latest_net_G_legacy.pth"])
def test_authors_file_gives_the_authors_output(file, tmp_path):
    path, out = SHARED.parent / "reference" / file, tmp_path / "model.keras"
    if not path.is_file():
        pytest.skip("the authors' files are not here")
    pytest.importorskip("torch")
    convert(path, out)
    generator = keras.models.load_model(out)
    actual = generator(inputs("resnet_dropout"))
    assert relative_error(actual, expected("resnet_dropout")) < 2e-6


# What the keys tell


@pytest.mark.parametrize("name", NETWORKS)
def test_network_is_read_from_its_keys(name):
    assert recognize(reference(f"{name}/weights")) == Network(*NETWORKS[name])


@pytest.mark.parametrize(("blocks", "rate"), [(1, 0.5), (6, 0.0), (12, 0.5)])
def test_resnet_of_other_size_gets_each_weight_in_its_place(blocks, rate):
    state = resnet_state(3, blocks, has_dropout=rate > 0)
    options = {"filters": 3, "blocks": blocks, "dropout": rate}
    by_hand = models.build("pyramid_pix2pix", **options)
    load_pytorch(by_hand, state)
    assert recognize(state) == Network("pyramid_pix2pix", options)
    assert_equal_weights(model_from_state_dict(state), by_hand)


@pytest.mark.parametrize("depth", [5, 8])
def test_unet_of_other_depth_gets_each_weight_in_its_place(depth):
    state = unet_state(2, depth)
    by_hand = models.build("pix2pix", filters=2, depth=depth)
    load_pytorch(by_hand, state)
    assert recognize(state).options["depth"] == depth
    assert_equal_weights(model_from_state_dict(state), by_hand)


@pytest.mark.parametrize(("dropout", "count"), [(None, 2), (True, 2), (False, 0)])
def test_dropout_of_a_unet_is_the_callers_to_know(dropout, count):
    model = model_from_state_dict(unet_state(2, 7), dropout=dropout)
    kinds = [type(layer) for layer in model.layers]
    assert kinds.count(keras.layers.Dropout) == count


def test_dropout_of_a_resnet_is_not_the_callers_to_say():
    assert refusal(recognize, resnet_state(2, 1, True), dropout=False) == (
        "`dropout` is for a U-Net, whose keys do not tell. This is a pyramid_pix2pix, "
        "whose keys do: leave it out."
    )


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "netG.", "a.model.b."])
@pytest.mark.parametrize("name", ["unet_6downs", "patchgan"])
def test_prefix_that_all_keys_share_and_counts_of_batches_are_passed_over(name, prefix):
    state = reference(f"{name}/weights")
    wrapped = {f"{prefix}{key}": array for key, array in state.items()}
    inside = "model.model" if name == "unet_6downs" else "model"
    wrapped[f"{prefix}{inside}.3.num_batches_tracked"] = np.asarray(7.0)
    assert_equal_weights(model_from_state_dict(wrapped), model_from_state_dict(state))


# What is refused


def test_attention_unet_is_refused_by_its_name():
    state = unet_state(2, 5) | {"model.model.1.theta.weight": np.zeros((2, 2, 2, 2))}
    assert refusal(recognize, state) == (
        "This is an attention U-Net (`attention_unet_32`), which this package does not "
        f"have. {UNKNOWN}"
    )


def without_norms(name):
    weights = reference(f"{name}/weights")
    return {key: array for key, array in weights.items() if array.ndim == 4}


def test_unet_of_another_norm_is_refused():
    first, *_ = refusal(recognize, without_norms("unet_6downs")).partition(" Found: ")
    assert first == (
        "This U-Net has no running statistics: it has instance norm, or none. Expected "
        "batch norm, with keys such as model.model.1.model.2.running_var."
    )


@pytest.mark.parametrize(
    ("name", "norm", "convolution"),
    [("resnet_nodropout", 2, 1), ("patchgan", 3, 2)],
)
def test_network_without_a_norm_is_refused(name, norm, convolution):
    first, *_ = refusal(recognize, without_norms(name)).partition(" Found: ")
    assert first == (
        f"This network has no norm: neither model.{norm}.weight of a batch norm nor "
        f"model.{convolution}.bias, which stands in front of an instance norm."
    )


def test_generator_of_the_cut_family_is_refused_by_its_name():
    state = released() | {"model.5.filt": np.zeros((16, 1, 3, 3))}
    assert refusal(recognize, state) == (
        "This is a generator of CUT or of its family (ASP, PSPStain), which blurs as "
        f"it resamples (`filt`); this package does not have it. {UNKNOWN}"
    )


def test_instance_norm_with_dropout_is_refused():
    state = {
        key: array
        for key, array in resnet_state(2, 1, True).items()
        if array.ndim == 4 or key == "model.18.bias"
    }
    state["model.1.bias"] = np.zeros(2)
    assert refusal(recognize, state).startswith(
        "This ResNet generator has instance norm and dropout"
    )


@pytest.mark.parametrize(
    ("state", "found"),
    [
        ({}, "nothing"),
        ({"fc.weight": np.zeros((2, 2))}, "fc.weight"),
        (dict.fromkeys("abcdef", np.zeros(2)), "a, b, c, d and 2 more"),
        ({"model.9.conv_block.2.running_var": np.zeros(2)}, "model.9.conv_block.2.run"),
    ],
)
def test_other_network_is_refused_with_the_keys_that_would_do(state, found):
    assert refusal(recognize, state).startswith(f"{UNKNOWN} Found: {found}")


def damaged(change):
    state = resnet_state(2, 1, False)
    change(state)
    return state


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda state: state.pop("model.2.bias"), "Missing: model.2.bias."),
        (lambda state: state.update(x=np.zeros(1)), "Not expected: x."),
        (
            lambda state: state.update({"model.1.weight": np.zeros((2, 1, 7, 7))}),
            "Of another shape: model.1.weight (2, 1, 7, 7) for (2, 3, 7, 7).",
        ),
        (
            lambda state: state["model.2.bias"].fill(np.nan),
            "Not finite: model.2.bias.",
        ),
    ],
)
def test_weights_that_almost_fit_are_refused_with_what_does_not(change, problem):
    assert refusal(model_from_state_dict, damaged(change)) == (
        "These weights resemble a pyramid_pix2pix (filters 2, blocks 1, dropout 0.0) "
        f"but are not those of one. {problem}"
    )


# Files


def write_npz(path, state):
    np.savez(path, **state)
    return path


def test_converted_file_holds_the_network_and_its_weights(tmp_path):
    state = resnet_state(2, 1, True)
    path = write_npz(tmp_path / "state.npz", state)
    network, model = convert(path, tmp_path / "deep" / "model.keras")
    loaded = keras.models.load_model(tmp_path / "deep" / "model.keras")
    assert network == recognize(state)
    assert_equal_weights(loaded, model)
    assert_equal_weights(loaded, model_from_state_dict(read_state_dict(path)))


def test_existing_file_is_not_replaced(tmp_path):
    out = tmp_path / "model.keras"
    out.write_text("mine")
    assert refusal(convert, tmp_path / "state.npz", out) == (
        f"{out} exists. Choose another --out."
    )
    assert out.read_text() == "mine"


def test_file_of_another_ending_is_refused(tmp_path):
    out = tmp_path / "model.h5"
    assert refusal(convert, tmp_path / "state.npz", out) == (
        f"{out} has not the ending of a Keras model, .keras."
    )


def test_what_cannot_be_written_leaves_nothing_behind(tmp_path, monkeypatch):
    def fail(self, path):
        path.write_text("half")
        raise OSError("disk full")

    monkeypatch.setattr(keras.Model, "save", fail)
    path = write_npz(tmp_path / "state.npz", resnet_state(2, 1, True))
    with pytest.raises(OSError, match="disk full"):
        convert(path, tmp_path / "model.keras")
    assert list(tmp_path.iterdir()) == [path]
