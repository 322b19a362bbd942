import math

import numpy as np
import pytest

from he2ihc_keras.measures import psnr, ssim
from he2ihc_keras.scoring import Generated, Score, score_images

COLOUR = np.array([200, 180, 160], np.uint8)


def patch(seed, size=16):
    return np.random.default_rng(seed).integers(0, 256, (size, size, 3), np.uint8)


def generated(name="a", level=None, he=None, size=16):
    return Generated(name, level, fake_ihc=patch(0, size), ihc=patch(1), he=he)


def test_generated_stands_beside_a_flat_colour_and_the_he():
    image = generated(he=patch(2))
    flat = np.full_like(image.ihc, COLOUR)
    scores = score_images([image], mean_colour=COLOUR)
    assert scores.images[0].scores == {
        "generated": Score(*_both(image.ihc, image.fake_ihc)),
        "mean_colour": Score(*_both(image.ihc, flat)),
        "he_copy": Score(*_both(image.ihc, image.he)),
    }


def test_without_he_there_is_no_copy_of_it():
    scores = score_images([generated()], mean_colour=COLOUR)
    assert scores.methods == ("generated", "mean_colour")


def test_plain_tuples_are_scored_too():
    images = [generated("a", "2+"), generated("b")]
    scores = score_images(map(tuple, images), mean_colour=COLOUR)
    assert scores == score_images(images, mean_colour=COLOUR)


def test_images_keep_their_order():
    images = (generated(str(number)) for number in range(40))
    scores = score_images(images, mean_colour=COLOUR)
    assert [image.name for image in scores.images] == [str(n) for n in range(40)]


def test_the_flat_colour_is_kept_with_the_scores():
    scores = score_images([generated()], mean_colour=COLOUR, mean_colour_of="my IHC")
    assert (scores.mean_colour, scores.mean_colour_of) == ((200, 180, 160), "my IHC")


def test_a_perfect_image_is_infinitely_near():
    perfect = Generated("a", None, fake_ihc=patch(1), ihc=patch(1))
    scores = score_images([perfect, generated()], mean_colour=COLOUR)
    assert scores.mean("generated").psnr == math.inf


def test_an_error_names_its_image():
    with pytest.raises(ValueError) as error:
        score_images([generated("00345_test_0", size=8)], mean_colour=COLOUR)
    assert str(error.value) == (
        "00345_test_0: `ihc` and `fake_ihc` must have one size. Received: 16 x 16 and "
        "8 x 8 (width x height). Score at the size of the real IHC."
    )


def test_no_mean_is_taken_over_the_images_that_have_an_he():
    images = [generated("a", he=patch(2)), generated("b")]
    with pytest.raises(ValueError) as error:
        score_images(images, mean_colour=COLOUR)
    assert str(error.value) == (
        "Every image must be scored by the same methods. a: generated, mean_colour, "
        "he_copy; b: generated, mean_colour. Give the H&E of all images, or of none."
    )


def test_no_image_is_an_error():
    with pytest.raises(ValueError, match=r"^There is no image to score\.$"):
        score_images([], mean_colour=COLOUR)


def _both(ihc, other):
    return psnr(ihc, other), ssim(ihc, other)
