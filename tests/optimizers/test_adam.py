import keras
import numpy as np
import pytest
from keras import ops

from he2ihc_keras.optimizers import Adam
from helpers import to_numpy

pytestmark = pytest.mark.backends
RATE, EPSILON = 0.1, 1e-2
GRADIENTS = [0.03, -0.02, 0.015, 0.01, 0.001, -0.002]


def published(gradients, beta_1=0.5, beta_2=0.999, amsgrad=False, decay=0, average=0):
    """Algorithm 1 of Kingma and Ba in float64, with PyTorch's options.

    Its AMSGrad (Reddi et al., 2018) keeps the largest second moment before the
    correction; its AdamW (Loshchilov and Hutter, 2019) shrinks the weight first.
    """
    x, m, v, largest, mean = 1.0, 0.0, 0.0, 0.0, 0.0
    for t, g in enumerate(gradients, 1):
        x -= RATE * decay * x
        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * g * g
        largest = max(largest, v)
        m_hat = m / (1 - beta_1**t)
        v_hat = (largest if amsgrad else v) / (1 - beta_2**t)
        x -= RATE * m_hat / (np.sqrt(v_hat) + EPSILON)
        mean = average * mean + (1 - average) * x if t > 1 else x
        x = mean if average else x
    return x


def adam(**options):
    return Adam(RATE, epsilon=EPSILON, **options)


def with_state(optimizer, gradient, x):
    optimizer.apply([gradient], [x])


def without_state(optimizer, gradient, x):
    state = [v.value for v in optimizer.variables]
    [value], state = optimizer.stateless_apply(state, [gradient], [x.value])
    x.assign(value)
    for variable, new in zip(optimizer.variables, state, strict=True):
        variable.assign(new)


# Keras has no `stateless_apply` on TensorFlow.
WAYS = [with_state, without_state][: 1 + (keras.backend.backend() != "tensorflow")]
every_way = pytest.mark.parametrize("apply", WAYS)


def moved(optimizer, gradients, apply=with_state):
    """A weight of 1, after steps of the optimizer."""
    x = keras.Variable(np.ones(1, "float32"))
    optimizer.build([x])
    for gradient in gradients:
        apply(optimizer, ops.convert_to_tensor(np.float32([gradient])), x)
    return float(to_numpy(x)[0])


@every_way
@pytest.mark.parametrize("beta_1", [0.5, 0.0])
def test_adam_is_algorithm_1(apply, beta_1):
    ours = moved(adam(beta_1=beta_1), GRADIENTS, apply)
    assert ours == pytest.approx(published(GRADIENTS, beta_1), rel=1e-6)


def test_keras_adam_is_not():
    keras_adam = keras.optimizers.Adam(RATE, 0.5, 0.999, EPSILON)
    theirs = moved(keras_adam, GRADIENTS)
    assert theirs != pytest.approx(published(GRADIENTS), rel=0.01)


def test_first_steps_are_of_their_full_size():
    # `1 - beta_2**step` in float32 makes them 6e-6 smaller
    steps = 3
    ours = moved(Adam(RATE, epsilon=1e-8), [0.5] * steps)
    assert ours == pytest.approx(1 - RATE * steps, abs=3e-7)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"amsgrad": True}, published(GRADIENTS, beta_2=0.9, amsgrad=True)),
        ({"weight_decay": 0.3}, published(GRADIENTS, beta_2=0.9, decay=0.3)),
        *(
            ({clip: 0.012}, published(np.clip(GRADIENTS, -0.012, 0.012), beta_2=0.9))
            for clip in ("clipvalue", "clipnorm", "global_clipnorm")
        ),
        (
            {"use_ema": True, "ema_momentum": 0.8, "ema_overwrite_frequency": 1},
            published(GRADIENTS, beta_2=0.9, average=0.8),
        ),
        (
            {"gradient_accumulation_steps": 2},
            published(np.reshape(GRADIENTS, (3, 2)).mean(1), beta_2=0.9),
        ),
    ],
    ids=lambda options: next(iter(options)) if isinstance(options, dict) else "",
)
@every_way
def test_options_of_keras_act(apply, options, expected):
    plain = published(GRADIENTS, beta_2=0.9)
    assert expected != pytest.approx(plain, rel=1e-3)
    ours = moved(adam(beta_2=0.9, **options), GRADIENTS, apply)
    assert ours == pytest.approx(expected, rel=2e-6)


def test_loss_scale_is_taken_out_and_a_step_that_overflows_is_left_out():
    scale = 2.0**10
    optimizer = keras.optimizers.LossScaleOptimizer(adam(), initial_scale=scale)
    scaled = [scale * GRADIENTS[0], np.inf, scale / 2 * GRADIENTS[1]]
    apply = without_state if keras.backend.backend() == "jax" else with_state
    ours = moved(optimizer, scaled, apply)
    assert ours == pytest.approx(published(GRADIENTS[:2]), rel=1e-6)


def test_options_survive_saving():
    options = {"amsgrad": True, "weight_decay": 0.1, "clipnorm": 1.0}
    config = keras.saving.serialize_keras_object(adam(**options))
    loaded = keras.saving.deserialize_keras_object(config)
    assert type(loaded) is Adam
    assert {name: getattr(loaded, name) for name in options} == options
