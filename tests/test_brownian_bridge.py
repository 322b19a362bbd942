"""Against arrays that the authors' code gave, with a known network for theirs."""

from pathlib import Path

import numpy as np
import pytest
from keras import ops

from he2ihc_keras import brownian_bridge as bridge
from helpers import refusal, to_channels_last, to_numpy

VECTORS = np.load(Path(__file__).parent / "reference" / "bridge.npz")
I2SB = bridge.schedule("i2sb", 1000, 0.3)
BBDM = bridge.schedule("bbdm", 1000, 1.0)
METHODS = {"i2sb": (I2SB, "scaled", "i2sb"), "bbdm": (BBDM, "difference", "bbdm/grad")}
every_method = pytest.mark.parametrize("method", METHODS)


def vector(name):
    return to_channels_last(VECTORS[name])


IHC, HE, NOISE = (
    ops.convert_to_tensor(vector(name)) for name in ("target", "source", "noise")
)


def assert_near(actual, expected, tolerance=1e-5):
    np.testing.assert_allclose(to_numpy(actual), expected, rtol=0, atol=tolerance)


def toy_answer(x, n):
    a, b, c, d = VECTORS["toy/coefficients"].tolist()
    t = n / 1000
    return a * x + b * HE + c * t + d * x * t


# Schedules


def test_schedule_of_i2sb_is_its_authors():
    assert_near(np.sqrt(I2SB.variance), VECTORS["i2sb/std_fwd"], 1e-6)
    assert_near(I2SB.share, VECTORS["i2sb/mu_x1"], 1e-6)
    assert_near(1 - I2SB.share, VECTORS["i2sb/mu_x0"], 1e-6)
    assert_near(I2SB.deviation, VECTORS["i2sb/std_sb"], 1e-6)
    betas = np.diff(I2SB.variance, prepend=0.0)
    assert_near(betas, VECTORS["i2sb/betas"], 1e-12)


def test_schedules_of_bbdm_are_its_authors():
    assert_near(BBDM.share, VECTORS["bbdm/m_t"], 1e-6)
    assert_near(BBDM.deviation**2, VECTORS["bbdm/variance_t"], 1e-6)
    sin = bridge.schedule("bbdm_sin", 1000, 1.0)
    assert_near(sin.share, VECTORS["bbdm/sin/m_t"], 1e-6)


def test_variance_half_way_is_half_of_the_noise_of_bbdm():
    assert max(bridge.schedule("bbdm", 401, 0.5).deviation ** 2) == pytest.approx(0.25)


def test_i2sb_with_an_odd_number_of_steps_is_refused():
    assert refusal(bridge.schedule, "i2sb", 5, 0.3) == (
        "`timesteps` must be even for the schedule 'i2sb', which rises and falls "
        "alike. Received: 5."
    )


# Training


@pytest.mark.backends
@every_method
def test_noised_images_and_labels_are_the_authors(method):
    schedule, kind, name = METHODS[method]
    n = VECTORS[f"{method}/steps"]
    x = bridge.noised(schedule, n, IHC, HE, NOISE)
    assert_near(x, vector(f"{name}/x_t"))
    assert_near(bridge.label(kind, schedule, n, x, IHC), vector(f"{name}/label"))


@pytest.mark.backends
def test_bridge_without_noise_is_the_authors():
    n = VECTORS["i2sb/steps"]
    x = bridge.noised(I2SB, n, IHC, HE)
    assert_near(x, vector("i2sb/x_t_ot_ode"))
    label = bridge.label("scaled", I2SB, n, x, IHC)
    assert_near(label, vector("i2sb/label_ot_ode"))


@pytest.mark.backends
def test_ihc_by_the_answer_of_a_network_is_the_authors():
    x, n = ops.convert_to_tensor(vector("i2sb/x_t")), VECTORS["i2sb/steps"]
    ihc = bridge.predicted_ihc("scaled", I2SB, n, x, 0.7 * NOISE)
    assert_near(ihc, vector("i2sb/pred_x0_clipped"))


@pytest.mark.backends
@pytest.mark.parametrize("kind", ["ihc", "scaled", "difference"])
def test_ihc_by_the_label_is_the_ihc(kind):
    n = np.array([0, 1, 500, 998, 999])
    x = bridge.noised(I2SB, n, IHC, HE, NOISE)
    label = bridge.label(kind, I2SB, n, x, IHC)
    assert_near(bridge.predicted_ihc(kind, I2SB, n, x, label), to_numpy(IHC), 1e-6)


# Sampling


@pytest.mark.parametrize("evaluations", [1, 2, 5, 10])
def test_visited_steps_are_those_of_i2sb(evaluations):
    expected = VECTORS[f"i2sb/sampling/{evaluations}/steps"]
    assert bridge.visited(1000, evaluations) == list(expected[::-1])


def whole_trajectory(schedule, kind, steps, noises=()):
    def predict(x, n):
        return bridge.predicted_ihc(kind, schedule, n, x, toy_answer(x, n))

    noises = map(ops.convert_to_tensor, noises)
    way = bridge.trajectory(predict, schedule, HE, steps, lambda to: next(noises, None))
    return [HE, *way], predict


@pytest.mark.backends
@pytest.mark.parametrize("evaluations", [1, 2, 5, 10])
@pytest.mark.parametrize("kind", ["ot_ode", "sde"])
def test_trajectory_of_i2sb_is_its_authors(kind, evaluations):
    name = f"i2sb/sampling/{evaluations}"
    noises = vector(f"{name}/{kind}/noises") if kind == "sde" else ()
    steps = bridge.visited(1000, evaluations)
    [_, *way], _ = whole_trajectory(I2SB, "scaled", steps, noises)
    expected = np.moveaxis(vector(f"{name}/{kind}/x"), 1, 0)
    assert_near([to_numpy(x) for x in way[::-1]], expected)


@pytest.mark.backends
def test_trajectory_of_bbdm_is_its_authors():
    steps = VECTORS["bbdm/sampling_steps"].tolist()
    noises = vector("bbdm/grad/sampling/eta_1/noises")
    way, predict = whole_trajectory(BBDM, "difference", steps, noises)
    # Theirs ends by one more evaluation, at step 0.
    way.append(predict(way[-1], 0))
    expected = vector("bbdm/grad/sampling/eta_1/x")
    assert_near([to_numpy(x) for x in way], expected)
