import keras
import numpy as np
import pytest

from he2ihc_keras.training import Adam


def published_adam(gradients, rate=0.1, beta_1=0.5, beta_2=0.999, epsilon=1e-2):
    """Algorithm 1 of Kingma and Ba, in float64."""
    x = m = v = 0.0
    for t, g in enumerate(gradients, 1):
        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * g * g
        m_hat, v_hat = m / (1 - beta_1**t), v / (1 - beta_2**t)
        x -= rate * m_hat / (np.sqrt(v_hat) + epsilon)
    return x


def run(optimizer, gradients):
    x = keras.Variable(np.zeros(1, "float32"))
    optimizer.build([x])
    for gradient in gradients:
        optimizer.apply([keras.ops.convert_to_tensor([gradient])], [x])
    return float(x.value[0])


GRADIENTS = [0.01, -0.02, 0.015, 0.03]


def test_adam_is_algorithm_1():
    ours = run(Adam(0.1, 0.5, 0.999, epsilon=1e-2), GRADIENTS)
    assert ours == pytest.approx(published_adam(GRADIENTS), rel=1e-5)


def test_keras_adam_is_not():
    keras_adam = keras.optimizers.Adam(0.1, 0.5, 0.999, epsilon=1e-2)
    assert run(keras_adam, GRADIENTS) != pytest.approx(
        published_adam(GRADIENTS), rel=0.1
    )
