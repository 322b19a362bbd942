import keras
import numpy as np
import pytest

from he2ihc_keras.models import her2_level
from helpers import (
    output,
    perturb,
    random_images,
    refusal,
    saved_and_loaded,
    weights_without_gradient,
)

pytestmark = pytest.mark.backends

HEADS = ("ordinal", "softmax")


def test_reader_of_32_filters_has_241571_trainable_weights():
    reader = her2_level.build()
    assert sum(np.prod(v.shape) for v in reader.trainable_variables) == 241_571


@pytest.mark.parametrize(("head", "logits"), [("ordinal", 3), ("softmax", 4)])
def test_reader_takes_any_size_and_is_the_same_when_loaded(head, logits):
    reader = perturb(her2_level.build(filters=4, head=head, dropout=0.0))
    for size in ((16, 16), (37, 50)):
        [images] = random_images(1, (2, *size))
        assert output(reader, images).shape == (2, logits)
    again = saved_and_loaded(reader)
    assert np.array_equal(output(again, images), output(reader, images))
    assert her2_level.is_ordinal(again) == (head == "ordinal")
    assert weights_without_gradient(reader, images, (2, logits)) == []


def test_level_is_the_number_of_logits_above_0_or_the_largest_of_a_softmax():
    logits = [[-1, -2, -3], [2, -1, -3], [1, -1, 1], [3, 2, 1]]
    ordinal, softmax = (her2_level.build(filters=1, head=h) for h in HEADS)
    assert her2_level.levels_of(ordinal, logits).tolist() == [0, 1, 2, 3]
    assert her2_level.levels_of(softmax, np.eye(4)[::-1]).tolist() == [3, 2, 1, 0]


@pytest.mark.parametrize("head", HEADS)
def test_chances_add_up_and_none_is_negative(head):
    reader = her2_level.build(filters=1, head=head)
    logits = np.random.default_rng(0).normal(0, 3, (50, 4 - (head == "ordinal")))
    chances = her2_level.probabilities_of(reader, logits)
    assert chances.shape == (50, 4) and chances.min() >= 0
    np.testing.assert_allclose(chances.sum(-1), 1)


def test_chance_of_a_level_is_that_of_being_above_one_and_not_above_the_next():
    reader = her2_level.build(filters=1)
    logits = np.log([[3.0, 1.0, 1 / 3]])  # above 0: 3/4, above 1+: 1/2, above 2+: 1/4
    chances = her2_level.probabilities_of(reader, logits)
    np.testing.assert_allclose(chances, [[0.25] * 4])


def test_another_model_does_not_read_levels():
    image = keras.Input((8, 8, 3))
    other = keras.Model(image, keras.layers.ReLU(name="relu")(image), name="other")
    assert refusal(her2_level.is_ordinal, other) == (
        "Model 'other' does not read levels. Expected one built by "
        "`he2ihc_keras.models.her2_level.build`."
    )
