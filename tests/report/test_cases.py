"""Which images are shown, and as what."""

import base64
import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from he2ihc_keras.measures.stains import RUIFROK_JOHNSTON
from he2ihc_keras.report import cases
from he2ihc_keras.report.colours import dab_colours
from he2ihc_keras.scoring import MEASURES, Generated
from helpers import noise_image


@pytest.mark.parametrize("measure", ["psnr", "dab_error", "sharpness"])
def test_best_is_the_best_and_worst_the_worst(results, measure):
    images = [replace(image, level=None) for image in results.scores.images]
    scores = replace(results.scores, images=images)
    chosen = cases.choose_cases(scores, measure)
    good = MEASURES[measure].goodness
    goodness = good(scores.values(measure))
    shown = [good(case.image.scores["generated"][measure]) for case in chosen]
    assert [case.rank for case in chosen] == ["Best", "Median", "Worst"]
    assert shown[0] == goodness.max() and shown[2] == goodness.min()
    assert np.sum(goodness > shown[1]) <= len(images) / 2
    assert np.sum(goodness < shown[1]) <= len(images) / 2


@pytest.mark.parametrize(
    "count, ranks",
    [
        (1, ["Only one"]),
        (2, ["Best", "Worst"]),
        (3, ["Best", "Median", "Worst"]),
        (4, ["Best", "Median", "Worst"]),
    ],
)
def test_no_image_is_shown_twice(results, count, ranks):
    images = [replace(image, level="2+") for image in results.scores.images[:count]]
    chosen = cases.choose_cases(replace(results.scores, images=images))
    assert [case.rank for case in chosen] == ranks
    assert len({case.image.name for case in chosen}) == len(ranks)


def test_image_without_a_value_is_the_worst(results):
    first, *others = results.scores.images
    values = {**first.scores["generated"], "psnr": np.nan}
    first = replace(first, level=None, scores={**first.scores, "generated": values})
    images = [first, *(replace(image, level=None) for image in others)]
    chosen = cases.choose_cases(replace(results.scores, images=images))
    assert chosen[-1].image.name == first.name


def decoded(picture):
    data = base64.b64decode(picture.uri.partition(",")[2])
    return np.array(Image.open(io.BytesIO(data)).convert("RGB"))


def test_small_pictures_keep_every_pixel():
    image = noise_image(90, 120)
    picture = cases.picture(image)
    assert picture.is_small and (picture.width, picture.height) == (120, 90)
    assert np.array_equal(decoded(picture), image)


def test_large_images_are_scaled_down_with_their_shape():
    image = noise_image(1536, 768)
    he_and_more = Generated("x", None, image, image, image)
    maps = cases.shown(he_and_more, RUIFROK_JOHNSTON, {"gate": image})
    shown = cases.pictures(maps, maximum=1.0)
    assert {(p.width, p.height) for p in shown.values()} == {(384, 768)}
    assert not shown["ihc"].is_small
    assert decoded(shown["ihc"]).shape == (768, 384, 3)


def test_scaling_down_keeps_the_mean_density():
    dab = np.random.default_rng(0).exponential(0.1, (1536, 1536)).astype(np.float32)
    assert cases.scaled_down(dab).mean() == pytest.approx(dab.mean(), rel=1e-5)


def test_colours_grow_darker_with_density():
    ramp = np.linspace(0, 1.5, 200)[None]
    luminance = dab_colours(ramp, 1.5)[0] @ (0.2126, 0.7152, 0.0722)
    assert np.all(np.diff(luminance) <= 0)
    assert luminance[0] > 240 and luminance[-1] < 60


def test_one_scale_serves_all_cases():
    image = np.zeros((8, 8, 3), np.uint8)
    faint, dense = (np.full((8, 8), value, np.float32) for value in (0.1, 1.1))
    maps = [
        cases.Maps(None, image, image, faint, other, {}) for other in (faint, dense)
    ]
    assert cases.densest(maps[:1]) == 0.5
    assert cases.densest(maps) == 1.25
