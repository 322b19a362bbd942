import numpy as np
import pytest
from numpy.testing import assert_allclose

from he2ihc_keras.measures import dab_density, psnr
from he2ihc_keras.models import mggan, unet
from he2ihc_keras.scoring import Generated
from he2ihc_keras.scoring.generators import (
    Generators,
    GeneratorScore,
    cells,
)
from he2ihc_keras.scoring.images import Ruler
from helpers import noise_image, to_numpy

RULER = Ruler((200, 200, 200))


@pytest.fixture
def generator():
    """Of two flat images, light and brown, whose gate always has 3 to 1."""
    model = mggan.build(filters=2, blocks=0, dropout=0.0, generators=2)
    colours = {"expert_1": (0.9, 0.9, 0.9), "expert_2": (0.2, -0.3, -0.6)}
    for name, colour in colours.items():
        layer = model.get_layer(name)
        layer.set_weights([0.0 * to_numpy(layer.kernel), np.arctanh(colour)])
    gate = model.get_layer("gate_scores")
    gate.set_weights([0.0 * to_numpy(gate.kernel), np.log([3.0, 1.0])])
    return model


def flat(colour):
    grey = np.round((np.array(colour) + 1.0) * 127.5)
    return np.broadcast_to(grey, (23, 30, 3)).astype("uint8")


def test_what_each_paints_and_what_is_lost_without_it(generator):
    he, ihc = noise_image(23, 30, seed=1), noise_image(23, 30, seed=2)
    look = Generators(generator)
    look(Generated("a", None, ihc, ihc, he), RULER)
    first, second = look.scores()
    assert_allclose([first.share, second.share], [0.75, 0.25], rtol=1e-6)
    light, brown = (0.9, 0.9, 0.9), (0.2, -0.3, -0.6)
    blend = flat([0.75 * a + 0.25 * b for a, b in zip(light, brown, strict=True)])
    whole = psnr(ihc, blend)
    assert_allclose(first.psnr_loss, whole - psnr(ihc, flat(brown)), atol=1e-6)
    assert_allclose(second.psnr_loss, whole - psnr(ihc, flat(light)), atol=1e-6)
    whole, without = (
        abs(dab_density(x).mean() - dab_density(ihc).mean())
        for x in (blend, flat(brown))
    )
    assert_allclose(first.dab_error_gain, without - whole, atol=1e-6)
    # The weights are the same everywhere, and so are the densities under them.
    assert_allclose([first.dab, second.dab], dab_density(ihc).mean(), rtol=1e-5)


def test_a_row_says_what_is_lost_as_a_loss():
    row = GeneratorScore(1, 0.9, 0.1, 0.2, 3.25, -0.01)
    assert cells(row) == ("1", "90 %", "0.100", "0.200", "-3.25 dB", "-0.010")


def test_a_model_of_one_image_has_no_generators_to_tell_apart():
    assert Generators.of(unet.build(filters=2, depth=1)) is None


def test_pictures_show_what_is_blended(generator):
    shown = Generators(generator).pictures(np.full((23, 30, 3), 255, "uint8"))
    first, second = (np.array(mggan.colour(k)) for k in (1, 2))
    expected = {
        # White H&E leaves the colours as they are.
        "gate": np.round(0.75 * first + 0.25 * second),
        "generator 1": flat((0.9, 0.9, 0.9))[0, 0],
        "generator 2": flat((0.2, -0.3, -0.6))[0, 0],
    }
    assert shown.keys() == expected.keys()
    for name, colour in expected.items():
        assert shown[name].shape == (23, 30, 3) and shown[name].dtype == np.uint8
        assert_allclose(shown[name], np.broadcast_to(colour, (23, 30, 3)), atol=1)
