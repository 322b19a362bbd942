import numpy as np
import pytest

from he2ihc_keras.layers import SelfAttention2D
from he2ihc_keras.models import attn_pyramid, pyramid_pix2pix
from helpers import check_generator, perturb, random_images


@pytest.mark.parametrize(
    "attention",
    [attn_pyramid.STEPS, pytest.param(("down_2",), marks=pytest.mark.backends)],
)
def test_attn_pyramid_is_a_generator(attention):
    check_generator(attn_pyramid.build, filters=4, blocks=1, attention=attention)


def test_a_fresh_attn_pyramid_equals_pyramid_pix2pix():
    plain = perturb(pyramid_pix2pix.build(filters=4, blocks=2))
    generator = attn_pyramid.build(filters=4, blocks=2)
    for layer in plain.layers:
        generator.get_layer(layer.name).set_weights(layer.get_weights())
    [he] = random_images(1, (2, 16, 24))
    assert np.array_equal(generator(he), plain(he))


def test_attention_lets_every_pixel_see_the_whole_patch():
    generator = attn_pyramid.build(filters=4, blocks=1, attention=["down_2"])
    [he] = random_images(1, (1, 128, 128))
    moved = he.copy()
    moved[0, 0, 0] += 1.0

    def corner_moves():
        return np.any(generator(moved)[0, -1, -1] != generator(he)[0, -1, -1])

    assert not corner_moves()
    generator.get_layer("down_2_attention").scale.assign(1.0)
    assert corner_moves()


def attention_layers(generator):
    return [x for x in generator.layers if isinstance(x, SelfAttention2D)]


def test_attention_stands_after_each_resampling():
    generator = attn_pyramid.build(filters=2, blocks=1)
    names = [layer.name for layer in generator.layers]
    found = [layer.name for layer in attention_layers(generator)]
    assert found == [f"{step}_attention" for step in attn_pyramid.STEPS]
    for step in attn_pyramid.STEPS:
        assert names.index(f"{step}_attention") == names.index(f"{step}_relu") + 1


def test_steps_of_attention_are_chosen():
    generator = attn_pyramid.build(filters=2, blocks=1, attention=["up_2", "down_1"])
    found = [layer.name for layer in attention_layers(generator)]
    assert found == ["down_1_attention", "up_2_attention"]


def test_key_dim_is_an_eighth_of_the_channels_or_as_given():
    def key_dims(key_dim):
        generator = attn_pyramid.build(filters=16, blocks=1, key_dim=key_dim)
        return [layer.key.shape[1] for layer in attention_layers(generator)]

    assert key_dims(None) == [4, 8, 4, 2]
    assert key_dims(6) == [6, 6, 6, 6]


def test_an_unknown_step_is_refused():
    with pytest.raises(ValueError) as error:
        attn_pyramid.build(attention=["down_1", "down_3"])
    assert str(error.value) == (
        "`attention` names steps of the generator. Received: 'down_3'. "
        "Known: down_1, down_2, up_1, up_2."
    )


def test_key_dim_must_be_positive():
    with pytest.raises(
        ValueError, match="^`key_dim` must be a positive integer or None"
    ):
        attn_pyramid.build(key_dim=0)


def test_a_size_off_the_stride_is_refused_with_those_that_fit():
    with pytest.raises(ValueError) as error:
        attn_pyramid.build((255, 250, 3))
    assert str(error.value) == (
        "Height and width must be multiples of 4, the stride of the network. "
        "Received: (255, 250). Crop to (252, 248) or pad to (256, 252)."
    )
