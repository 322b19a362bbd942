import doctest
import inspect
from functools import partial

import keras
import numpy as np
import pytest

from he2ihc_keras import models
from he2ihc_keras.tables import PositiveInt
from helpers import (
    dtype_policy,
    output,
    perturb,
    random_images,
    run_python,
    saved_and_loaded,
    to_numpy,
)

GENERATORS = models.generators()
SMALL = {
    "attn_pyramid": {"filters": 4, "blocks": 1},
    "bridge": {"filters": 4, "multipliers": [1, 2]},
    "cyclegan": {"filters": 4, "blocks": 1},
    "her2_level": {"filters": 4},
    "mggan": {"filters": 4, "blocks": 1},
    "patchgan": {"filters": 4},
    "pix2pix": {"filters": 2, "depth": 5},
    "pyramid_pix2pix": {"filters": 4, "blocks": 1},
    "unet": {"filters": 4},
}
SIZE = (64, 32)


def small(name):
    return perturb(models.build(name, **SMALL[name]))


def inputs_of(model, size=SIZE):
    images = random_images(len(model.inputs), (2, *size))
    for number, tensor in enumerate(model.inputs):
        if len(tensor.shape) == 1:  # a time
            images[number] = np.array([3.0, 700.0], "float32")
    return images if len(images) > 1 else images[0]


# The registry


def test_names_are_those_of_the_modules_in_alphabetical_order():
    assert models.names() == (
        "attn_pyramid",
        "bridge",
        "cyclegan",
        "her2_level",
        "mggan",
        "patchgan",
        "pix2pix",
        "pyramid_pix2pix",
        "unet",
    )


@pytest.mark.parametrize("name", models.names())
def test_a_model_is_named_as_its_module(name):
    module = models.module(name)
    assert module.__name__ == f"he2ihc_keras.models.{name}"
    assert models.build(name, **SMALL[name]).name == name


def test_build_by_name_is_the_modules_build():
    configs = []
    for build in (partial(models.build, "pix2pix"), models.pix2pix.build):
        keras.utils.set_random_seed(0)  # of the dropouts
        configs.append(build(**SMALL["pix2pix"]).get_config())
    assert configs[0] == configs[1]


@pytest.mark.parametrize("name", models.names())
def test_options_are_the_arguments_of_build_with_their_defaults(name):
    options = models.options(name)
    assert next(iter(options)) == "input_shape"
    assert options["filters"].default == (
        32 if name in models.of_kind("reader") else 64
    )
    assert options["filters"].annotation is PositiveInt
    assert all(x.default is not inspect.Parameter.empty for x in options.values())


@pytest.mark.parametrize("build", [models.build, models.module, models.options])
def test_unknown_model_lists_the_known(build):
    with pytest.raises(ValueError) as error:
        build("cyclegan_turbo")
    assert str(error.value) == (
        f"Unknown model 'cyclegan_turbo'. Known: {', '.join(models.names())}. "
        "Did you mean 'cyclegan'?"
    )


@pytest.mark.parametrize(
    "typed, meant",
    [
        ("unett", "unet"),
        ("atn_pyramid", "attn_pyramid"),
        ("pyramidpix2pix", "pyramid_pix2pix"),
    ],
)
def test_a_misspelt_model_is_guessed(typed, meant):
    with pytest.raises(ValueError) as error:
        models.build(typed)
    assert str(error.value) == (
        f"Unknown model '{typed}'. Known: {', '.join(models.names())}. "
        f"Did you mean '{meant}'?"
    )


def test_an_unknown_argument_is_refused_with_the_known():
    with pytest.raises(TypeError) as error:
        models.build("unet", filter=32)
    assert str(error.value) == (
        "Model 'unet' has no argument 'filter'. "
        "Known: input_shape, filters, depth, normalization."
    )


@pytest.mark.parametrize(
    ("name", "option", "value", "condition"),
    [
        *((name, "filters", 0, "positive") for name in models.names()),
        ("attn_pyramid", "blocks", -1, "at least 0"),
        ("attn_pyramid", "key_dim", 0, "positive"),
        ("pyramid_pix2pix", "blocks", -1, "at least 0"),
        ("pyramid_pix2pix", "dropout", -0.1, "at least 0"),
        ("pix2pix", "dropout", 1.0, "less than 1"),
        ("pix2pix", "dropout", float("nan"), "finite"),
        ("unet", "depth", 0, "positive"),
        ("unet", "normalization", "instance", "one of batch, none"),
        ("patchgan", "normalization", "layer", "one of batch, instance, none"),
        ("cyclegan", "normalization", "none", "one of batch, instance"),
        ("bridge", "blocks", 0, "positive"),
        ("bridge", "normalization", "batch", "one of layer, group"),
    ],
)
def test_an_argument_out_of_its_range_is_refused(name, option, value, condition):
    with pytest.raises(ValueError) as error:
        models.build(name, **{option: value})
    assert str(error.value) == (f"`{option}` must be {condition}. Received: {value!r}.")


def test_an_argument_of_a_wrong_type_is_refused():
    with pytest.raises(TypeError) as error:
        models.build("unet", filters="8")
    assert str(error.value) == (
        "`filters` must be of type int. Received: '8' of type str."
    )


def test_a_number_of_numpy_is_a_number():
    assert models.build("unet", filters=np.int64(4), depth=1).count_params() > 0


def test_the_example_of_build_is_true():
    [example] = doctest.DocTestFinder().find(
        models.build, "build", globs={"build": models.build}
    )
    assert example.examples
    assert doctest.DocTestRunner().run(example).failed == 0


# What every model does


@pytest.mark.parametrize("name", models.names())
def test_every_dropout_has_a_seed(name):
    layers = models.build(name, filters=2).layers
    dropouts = [layer for layer in layers if isinstance(layer, keras.layers.Dropout)]
    seeds = {layer.seed for layer in dropouts}
    assert None not in seeds
    assert len(seeds) == len(dropouts)


def test_stride_survives_saving():
    generator = models.build("pix2pix", **SMALL["pix2pix"])
    stride = models.stride(generator)
    assert models.stride(saved_and_loaded(generator)) == stride
    with pytest.raises(ValueError, match=f"multiples of {stride}, the stride"):
        generator(np.zeros((1, 2 * stride, 2 * stride + 1, 3), "float32"))


def test_stride_of_a_strange_model_is_refused():
    with pytest.raises(ValueError) as error:
        models.stride(models.build("patchgan", filters=2))
    assert str(error.value) == (
        "Model 'patchgan' has no `SizeCheck` layer, so its stride is unknown. "
        "Expected a generator built by `he2ihc_keras.models.build`."
    )


@pytest.mark.parametrize("name", GENERATORS)
def test_a_size_may_be_given_or_left_open(name):
    given = models.build(name, input_shape=(*SIZE, 3), **SMALL[name])
    left_open = models.build(name, input_shape=(None, None, 3), **SMALL[name])
    left_open.set_weights(given.get_weights())
    assert given.output_shape == (None, *SIZE, 3)
    assert left_open.output_shape == (None, None, None, 3)
    assert np.allclose(given(inputs_of(given)), left_open(inputs_of(given)), atol=1e-6)


def test_predict_gives_what_a_call_gives():
    model = small("attn_pyramid")  # whose attention is a graph of its own
    predicted = model.predict(inputs_of(model), verbose=0)
    assert np.allclose(predicted, model(inputs_of(model)), atol=1e-5)


@pytest.fixture(scope="module")
def saved_models(tmp_path_factory):
    """A folder with every model as a file, and its inputs and output beside it."""
    folder = tmp_path_factory.mktemp("models")
    for name in models.names():
        model = small(name)
        model.save(folder / f"{name}.keras")
        inputs = inputs_of(model)
        inputs = inputs if isinstance(inputs, list) else [inputs]
        np.savez(folder / f"{name}_inputs.npz", *inputs)
        output = model.predict(inputs_of(model), verbose=0)
        np.save(folder / f"{name}_output.npy", output)
    return folder


def test_a_fresh_process_loads_every_model_with_identical_output(saved_models):
    code = """
        import pathlib, sys
        import keras, numpy as np
        import he2ihc_keras.models

        folder = pathlib.Path(sys.argv[1])
        for file in folder.glob("*.keras"):
            model = keras.models.load_model(file)
            inputs = list(np.load(folder / f"{file.stem}_inputs.npz").values())
            inputs = inputs if len(model.inputs) > 1 else inputs[0]
            output = model.predict(inputs, verbose=0)
            np.save(folder / f"{file.stem}_loaded.npy", output)
    """
    run_python(code, saved_models)
    for name in models.names():
        kinds = ("loaded", "output")
        outputs = (np.load(saved_models / f"{name}_{kind}.npy") for kind in kinds)
        assert np.array_equal(*outputs), name


# Precision

# One model has layers of every kind; the others are left to TensorFlow, for time.
every_model = pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.backends)
        if name == "attn_pyramid"
        else name
        for name in models.names()
    ],
)


def compute_dtypes(model):
    """Of all layers but the inputs, which compute nothing."""
    computing = (x for x in model.layers if not isinstance(x, keras.layers.InputLayer))
    return {layer.compute_dtype for layer in computing}


def mixed_and_exact(name):
    """The same small network and weights in mixed_bfloat16 and in float32."""
    with dtype_policy("mixed_bfloat16"):
        mixed = small(name)
    exact = models.build(name, **SMALL[name])
    exact.set_weights(mixed.get_weights())
    return mixed, exact


@every_model
def test_mixed_precision_gives_finite_float32_near_the_exact(name):
    mixed, exact = mixed_and_exact(name)
    assert compute_dtypes(mixed) == {"bfloat16", "float32"}
    expected = output(exact, inputs_of(exact))
    actual = output(mixed, inputs_of(mixed))
    assert actual.dtype == "float32"
    assert np.abs(actual - expected).mean() < 0.05 * np.abs(expected).mean()
    trained = output(mixed, inputs_of(mixed), training=True)
    assert trained.dtype == "float32"
    assert np.isfinite(trained).all()


@pytest.mark.parametrize("name", ["attn_pyramid", "patchgan"])
def test_as_float32_gives_a_float32_twin_with_equal_weights(name):
    mixed, exact = mixed_and_exact(name)
    twin = models.as_float32(mixed)
    assert compute_dtypes(twin) == {"float32"}
    assert {weight.dtype for weight in twin.weights} == {"float32"}
    for weight, twin_weight in zip(mixed.weights, twin.weights, strict=True):
        assert twin_weight is not weight
        assert np.array_equal(to_numpy(twin_weight), to_numpy(weight))
    assert np.array_equal(*(output(each, inputs_of(each)) for each in (twin, exact)))


def test_a_float32_model_is_its_own_twin():
    model = small("attn_pyramid")
    assert models.as_float32(model) is model


def test_a_twin_is_float32_whatever_the_policy_it_is_made_or_loaded_under():
    with dtype_policy("mixed_bfloat16"):
        twin = models.as_float32(small("attn_pyramid"))
        loaded = saved_and_loaded(twin)
    assert compute_dtypes(twin) == compute_dtypes(loaded) == {"float32"}
