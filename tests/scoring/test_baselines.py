import numpy as np
import pytest

from he2ihc_keras.data.images import write_image
from he2ihc_keras.scoring import mean_colour


def flat(colour, height=4, width=4):
    return np.full((height, width, 3), colour, np.uint8)


def test_mean_colour_counts_each_pixel_once():
    wide, small = flat([250, 0, 100], width=12), flat([50, 0, 100])
    assert mean_colour([wide, small]).tolist() == [200, 0, 100]


def test_mean_colour_is_rounded():
    colour = mean_colour([flat(10), flat(11), flat(11)])
    assert (colour.dtype, colour.tolist()) == (np.uint8, [11, 11, 11])


def test_mean_colour_of_files_is_that_of_their_pixels(tmp_path):
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (9, 8, 3), np.uint8) for _ in range(3)]
    for number, image in enumerate(images):
        write_image(tmp_path / f"{number}.png", image)
    expected = np.concatenate(images).reshape(-1, 3).mean(axis=0).round()
    assert mean_colour(tmp_path.iterdir()).tolist() == expected.tolist()


def test_no_image_has_no_mean_colour():
    with pytest.raises(ValueError) as error:
        mean_colour([])
    assert str(error.value) == "There is no image to take the mean colour of."
