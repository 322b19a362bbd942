import numpy as np
import pytest

from he2ihc_keras.models import mggan, unet
from helpers import (
    check_generator,
    output,
    perturb,
    random_images,
    refusal,
    saved_and_loaded,
    to_numpy,
)


def test_mggan_is_a_generator():
    check_generator(mggan.build, filters=4, blocks=1, generators=2)


@pytest.mark.backends
def test_ihc_is_the_mean_of_the_images_by_the_weights_of_the_gate():
    generator = saved_and_loaded(perturb(mggan.build(filters=4, blocks=1)))
    [he] = random_images(1, (2, 16, 24))
    ihc, gate, *images = map(to_numpy, mggan.parts(generator)(he, training=False))
    assert gate.shape == (2, 16, 24, 3) and len(images) == 3
    assert (gate >= 0).all()
    np.testing.assert_allclose(gate.sum(-1), 1.0, rtol=1e-6)
    blend = np.einsum("bhwk,kbhwc->bhwc", gate, np.stack(images))
    np.testing.assert_allclose(ihc, blend, atol=1e-6)
    np.testing.assert_allclose(ihc, output(generator, he), atol=1e-6)


def test_a_decoder_more_costs_its_weights_and_one_channel_of_the_gate():
    count = [mggan.build(generators=k).count_params() for k in (2, 3)]
    decoder = 256 * 128 * 9 + 128 * 64 * 9 + 4 * (128 + 64) + 64 * 3 * 49 + 3
    assert count[1] - count[0] == decoder + 32 * 49 + 1


def test_parts_need_a_gate():
    assert refusal(mggan.parts, unet.build(filters=2, depth=1)) == (
        "Model 'unet' has no layer `gate`: it paints one image. Expected a generator "
        "built by `models.build('mggan')`."
    )
