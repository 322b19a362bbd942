import math

import numpy as np
import pytest

from he2ihc_keras.measures import psnr, ssim
from he2ihc_keras.measures.deconvolution import StainVectors, white_point
from he2ihc_keras.measures.sharpness import sharpness_ratio
from he2ihc_keras.measures.stains import compare_stains, measure_stains
from he2ihc_keras.scoring import MEASURES, PROTOCOLS, Generated, score_images
from he2ihc_keras.scoring.baselines import blurred
from he2ihc_keras.scoring.measured import OF_ONE_IMAGE

COLOUR = np.array([200, 180, 160], np.uint8)


def patch(seed, size=16):
    return np.random.default_rng(seed).integers(0, 256, (size, size, 3), np.uint8)


def generated(name="a", level=None, he=None, size=16):
    return Generated(name, level, fake_ihc=patch(0, size), ihc=patch(1), he=he)


def test_generated_stands_beside_trivial_baselines():
    image = generated(he=patch(2))
    candidates = {
        "generated": image.fake_ihc,
        "mean_colour": np.full_like(image.ihc, COLOUR),
        "he_copy": image.he,
        "blurred_target": blurred(image.ihc),
    }
    [scored] = score_images([image], mean_colour=COLOUR).images
    for method, candidate in candidates.items():
        assert scored.scores[method]["psnr"] == psnr(image.ihc, candidate)
        assert scored.scores[method]["ssim"] == ssim(image.ihc, candidate)
        assert scored.scores[method]["sharpness"] == sharpness_ratio(
            image.ihc, candidate
        )
    assert list(scored.scores) == list(candidates)


def test_stain_measures_are_those_of_both_images():
    image = generated()
    real, fake = measure_stains(image.ihc), measure_stains(image.fake_ihc)
    [scored] = score_images([image], mean_colour=COLOUR).images
    assert scored.real["dab"] == real.mean_dab
    found = scored.scores["generated"]
    assert found["dab"] == fake.mean_dab
    assert found["dab_error"] == pytest.approx(abs(fake.mean_dab - real.mean_dab))
    assert found["dab_dice"] == compare_stains(real, fake).dice


def test_the_flat_colour_is_seen_against_the_glass_of_the_real_ihc():
    image = generated()
    flat = np.full_like(image.ihc, COLOUR)
    [scored] = score_images([image], mean_colour=COLOUR).images
    seen = measure_stains(flat, white=white_point(image.ihc))
    assert scored.scores["mean_colour"]["dab"] == seen.mean_dab > 0


def test_blurs_shrink_with_the_view():
    size = 640  # scaled to 320: half the pixels
    image = generated(size=size)._replace(ihc=patch(1, size))
    readme = PROTOCOLS["bci-readme"]
    [scored] = score_images([image], mean_colour=COLOUR, protocol=readme).images
    real, fake = (
        measure_stains(readme.view(i), sigma=8) for i in (image.ihc, image.fake_ihc)
    )
    found = scored.scores["generated"]["dab_correlation"]
    assert found == compare_stains(real, fake).correlation


def test_a_perfect_image_has_no_error_at_all():
    perfect = Generated("a", None, fake_ihc=patch(1), ihc=patch(1))
    [scored] = score_images([perfect], mean_colour=COLOUR).images
    found = scored.scores["generated"]
    assert [found[f"{name}_error"] for name in ("dab", "dab_area", "fod")] == [0] * 3
    assert (found["dab_dice"], found["sharpness"]) == (1, 1)
    assert found["dab_correlation"] == pytest.approx(1)


def test_every_measure_is_known_by_name():
    [scored] = score_images([generated()], mean_colour=COLOUR).images
    assert all(list(values) for values in scored.scores.values())
    assert set(scored.scores["generated"]) == set(MEASURES)
    assert set(scored.real) == set(OF_ONE_IMAGE)


def test_dab_histograms_are_summed_over_the_set():
    images = [generated("a"), generated("b")]
    histograms = score_images(images, mean_colour=COLOUR).dab_histograms
    pixels = {method: counts.sum() for method, counts in histograms.items()}
    expected = ("real", "generated", "mean_colour", "blurred_target")
    assert pixels == dict.fromkeys(expected, 2 * 16 * 16)


def test_other_stain_vectors_give_other_densities():
    vectors = StainVectors((0.2, 0.9, 0.3), (0.5, 0.5, 0.5), "mine")
    [scored] = score_images([generated()], mean_colour=COLOUR, vectors=vectors).images
    assert scored.real["dab"] == measure_stains(patch(1), vectors).mean_dab


def test_without_he_there_is_no_copy_of_it():
    scores = score_images([generated()], mean_colour=COLOUR)
    assert scores.methods == ("generated", "mean_colour", "blurred_target")
    assert scores.baselines == ("mean_colour",)


def test_plain_tuples_are_scored_too():
    images = [generated("a", "2+"), generated("b")]
    scores = score_images(map(tuple, images), mean_colour=COLOUR)
    assert scores.images == score_images(images, mean_colour=COLOUR).images


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
    assert scores.mean("psnr") == math.inf


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
        "he_copy, blurred_target; b: generated, mean_colour, blurred_target. "
        "Give the H&E of all images, or of none."
    )


def test_no_image_is_an_error():
    with pytest.raises(ValueError, match=r"^There is no image to score\.$"):
        score_images([], mean_colour=COLOUR)
