"""What several tests share."""

import contextlib
import functools
import importlib.util
import os
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import keras
import numpy as np
import pytest
from click.testing import CliRunner
from keras import layers, ops

from he2ihc_keras import models
from he2ihc_keras.cli import main
from he2ihc_keras.data.images import write_image
from he2ihc_keras.data.pairs import Pair

REFERENCE = np.load(Path(__file__).parent / "reference" / "pyramidpix2pix.npz")
CYCLEGAN = np.load(Path(__file__).parent / "reference" / "cyclegan.npz")
THREADS = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS")
SHARED = Path(__file__).parents[2] / "shared" / "data"
SMALL_GENERATORS = {
    "attn_pyramid": {"filters": 4, "blocks": 1},
    "cyclegan": {"filters": 4, "blocks": 1},
    "pix2pix": {"filters": 4, "depth": 5},
    "pyramid_pix2pix": {"filters": 4, "blocks": 1},
    "unet": {"filters": 4, "depth": 2},
}
SMALL_BRIDGE = {"filters": 4, "multipliers": [1, 2]}


def reference(prefix, file=REFERENCE):
    """The arrays under a prefix, by the rest of their names."""
    return {
        key.removeprefix(f"{prefix}/"): file[key]
        for key in file.files
        if key.startswith(f"{prefix}/")
    }


def to_channels_last(images):
    return np.moveaxis(images, -3, -1)


def load_pytorch(model, state):
    """Sets a model's weights from a PyTorch state dict of the authors' networks.

    Biases in front of an instance norm, which removes them, are left out.

    Sorted by the numbers in their names, the authors' modules stand in the order in
    which the network applies them, which is the order of our layers.
    """
    modules = {}
    for key, array in state.items():
        name, _, kind = key.rpartition(".")
        modules.setdefault(name, {})[kind] = array
    order = sorted(
        modules, key=lambda name: [int(n) for n in name.split(".") if n.isdigit()]
    )
    targets = [layer for layer in model.layers if layer.weights]
    for layer, name in zip(targets, order, strict=True):
        layer.set_weights(_arrays(layer, modules[name]))


def _arrays(layer, module):
    if isinstance(layer, layers.BatchNormalization):
        kinds = ("weight", "bias", "running_mean", "running_var")
        return [module[kind] for kind in kinds]
    # (out, in, h, w) and, transposed, (in, out, h, w): both become Keras's order
    kernel = module["weight"].transpose(2, 3, 1, 0)
    return [kernel, module["bias"]] if layer.use_bias else [kernel]


def random_images(count, shape, seed=0):
    """`count` random float32 batches `(*shape, 3)` in [-1, 1]."""
    rng = np.random.default_rng(seed)
    images = rng.uniform(-1, 1, (count, *shape, 3)).astype("float32")
    return list(images)


def backend_environment(backend, **variables):
    """Of a fresh process under a Keras backend; skips the test where there is none.

    XLA compiles faster at level 1 and rounds alike; level 0 does not.
    """
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    level = {"XLA_FLAGS": "--xla_backend_optimization_level=1"}
    backend = {"KERAS_BACKEND": backend, "JAX_PLATFORMS": "cpu"}
    return {**os.environ, **level, **backend, **variables}


def run_python(code, *arguments, backend="tensorflow", threads="inherited"):
    """Runs code in a fresh interpreter; returns what it prints.

    Its threads are those of this process, which may be few (`conftest.py`), or "all".
    """
    environment = backend_environment(backend)
    if threads == "all":
        for name in THREADS:
            environment.pop(name, None)
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)],
        capture_output=True,
        text=True,
        env=environment,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def to_numpy(tensor):
    """A tensor of any backend as an array of its own.

    `np.asarray` refuses a PyTorch tensor that has a gradient, and gives a view of one
    that has none: it changes with the next step.
    """
    return np.array(ops.convert_to_numpy(tensor))


def output(model, inputs, training=False):
    """What a model makes of inputs; on JAX compiled as one, not layer by layer."""
    if keras.backend.backend() != "jax":
        return to_numpy(model(inputs, training=training))
    import jax

    call = jax.jit(functools.partial(model.stateless_call, training=training))
    trained, other = model.trainable_variables, model.non_trainable_variables
    made, _ = call([v.value for v in trained], [v.value for v in other], inputs)
    return to_numpy(made)


def relative_error(actual, expected):
    """Largest difference, in units of the largest expected value."""
    expected = to_numpy(expected)
    difference = np.abs(to_numpy(actual).astype("float64") - expected).max()
    return difference / np.abs(expected).max()


def perturb(model, seed=0):
    """Moves every weight a little off its initial value: an attention's scale off 0."""
    rng = np.random.default_rng(seed)
    for weight in model.weights:
        noise = rng.choice([-1, 1], weight.shape) * rng.uniform(0.05, 0.1, weight.shape)
        weight.assign(to_numpy(weight) + noise.astype("float32"))
    return model


def receptive_field(discriminator):
    """Input columns that move one logit in the middle of the output.

    Columns are perturbed one at a time; the model has a static size and no
    normalisation, which would let each logit see everything.
    """
    _, height, width, channels = discriminator.inputs[0].shape
    he, ihc = random_images(2, (1, height, width))
    columns = np.repeat(he, width, axis=0)
    columns[np.arange(width), :, np.arange(width)] += 1.0
    ihcs = np.repeat(ihc, width, axis=0)
    row, column = (size // 2 for size in discriminator.output_shape[1:3])
    logit = to_numpy(discriminator([he, ihc]))[0, row, column, 0]
    moved = discriminator.predict([columns, ihcs], verbose=0)[:, row, column, 0]
    return int(np.sum(np.abs(moved - logit) > 0))


def check_generator(build, **kwargs):
    """What every generator does: see each assertion.

    Smallest sizes are twice the stride: a ResNet cannot mirror a single pixel.
    """
    generator = build(**kwargs)
    stride = models.stride(generator)
    shapes = [(2 * stride, 3 * stride), (5 * stride, 2 * stride)]
    for shape in shapes:
        [he] = random_images(1, (2, *shape))
        ihc = output(generator, he)
        assert ihc.shape == he.shape
        assert ihc.dtype == "float32"
        assert np.isfinite(ihc).all() and np.abs(ihc).max() <= 1
    assert weights_without_gradient(perturb(generator), he, he.shape) == []
    again = saved_and_loaded(generator)
    assert np.array_equal(output(again, he), output(generator, he))


def weights_without_gradient(model, inputs, output_shape):
    """Paths of trainable weights whose gradient is missing, zero or not finite."""
    direction = np.random.default_rng(1).normal(size=output_shape).astype("float32")
    weights = model.trainable_variables
    found = gradients(
        lambda: ops.sum(ops.multiply(model(inputs, training=True), direction)),
        variables=weights,
    )
    pairs = zip(weights, found, strict=True)
    return [weight.path for weight, gradient in pairs if not _is_alive(gradient)]


def _is_alive(gradient):
    return gradient is not None and 0 < np.linalg.norm(gradient) < np.inf


def gradients(loss, *arrays, variables=()):
    """Of a scalar `loss(*arrays)`: by each array, then by each variable, in NumPy."""
    differentiate = {
        "tensorflow": _tensorflow_gradients,
        "jax": _jax_gradients,
        "torch": _torch_gradients,
    }[keras.backend.backend()]
    arrays = [ops.convert_to_tensor(array) for array in arrays]
    found = differentiate(loss, arrays, list(variables))
    return [None if each is None else to_numpy(each) for each in found]


def _tensorflow_gradients(loss, arrays, variables):
    import tensorflow as tf

    with tf.GradientTape() as tape:
        tape.watch(arrays)
        value = loss(*arrays)
    return tape.gradient(value, [*arrays, *variables])


def _jax_gradients(loss, arrays, variables):
    import jax

    def pure(arrays, values):
        state = list(zip(variables, values, strict=True))
        with keras.StatelessScope(state_mapping=state):
            return loss(*arrays)

    values = [variable.value for variable in variables]
    by_arrays, by_variables = jax.jit(jax.grad(pure, (0, 1)))(arrays, values)
    return [*by_arrays, *by_variables]


def _torch_gradients(loss, arrays, variables):
    import torch

    leaves = [array.detach().clone().requires_grad_() for array in arrays]
    values = [variable.value for variable in variables]
    return torch.autograd.grad(loss(*leaves), [*leaves, *values], allow_unused=True)


def saved_and_loaded(model):
    with tempfile.TemporaryDirectory() as folder:
        model.save(f"{folder}/model.keras")
        return keras.models.load_model(f"{folder}/model.keras")


def lively_generator(name="unet", seed=0):
    """A small generator whose images take most of the 256 values, always the same.

    A fresh one paints all gray, and any two of them would agree.
    """
    keras.utils.set_random_seed(seed)
    generator = perturb(models.build(name, **SMALL_GENERATORS[name]), seed)
    rng = np.random.default_rng(seed)
    for weight in generator.weights:
        if weight.path.endswith("kernel"):
            spread = 1.5 / np.sqrt(np.prod(weight.shape) / max(weight.shape[-2:]))
            weight.assign(rng.normal(0, spread, weight.shape))
    return generator


def lively_bridge(**options):
    """A generator that samples a small bridge, and lets every weight speak."""
    keras.utils.set_random_seed(0)
    network = models.build("bridge", **SMALL_BRIDGE)
    rng = np.random.default_rng(0)
    for weight in network.weights:
        fan_in = max(1, np.prod(weight.shape[:-1]))
        spread = 1.0 if weight.path.endswith("kernel") else 0.1
        weight.assign(
            to_numpy(weight) + rng.normal(0, spread / fan_in**0.5, weight.shape)
        )
    return models.bridge.stainer(network, **options)


def noise_image(height, width, seed=0):
    """uint8 `(height, width, 3)`; no pixel is like its neighbour."""
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (height, width, 3), np.uint8)


def write_pairs(folder, count, size=(24, 20), *, split="train", ihc_is_he=False):
    """Pairs of noise images, as files of a folder."""
    pairs = []
    for number in range(count):
        he = folder / f"{split}_{number}_he.png"
        ihc = he if ihc_is_he else folder / f"{split}_{number}_ihc.png"
        write_image(he, noise_image(*size, seed=number))
        if not ihc_is_he:
            write_image(ihc, noise_image(*size, seed=1000 + number))
        pairs.append(Pair(he, ihc, split))
    return pairs


def refusal(call, *args, error=ValueError, **kwargs):
    """The message of the error that a call raises."""
    with pytest.raises(error) as raised:
        call(*args, **kwargs)
    return str(raised.value)


def run_command(*arguments):
    """What a command of `he2ihc-keras` gives, in this process."""
    return CliRunner().invoke(main, [str(a) for a in arguments])


def ok(*arguments):
    """What a command that succeeds prints on stdout."""
    result = run_command(*arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


@contextlib.contextmanager
def dtype_policy(name):
    """A Keras dtype policy for the layers that are made meanwhile."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
