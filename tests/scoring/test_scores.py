import math
from dataclasses import replace

import numpy as np
import pytest

from he2ihc_keras.measures import psnr
from he2ihc_keras.scoring import PROTOCOLS, ScoredImage, Scores


def scores_of(*images):
    """Scores of `(level, generated, mean_colour, he_copy)`; each a `(psnr, ssim)`."""
    methods = ("generated", "mean_colour", "he_copy")
    scored = [
        ScoredImage(
            f"image_{n}",
            level,
            (16, 16),
            {
                method: dict(zip(("psnr", "ssim"), values, strict=True))
                for method, values in zip(methods, values, strict=True)
            },
        )
        for n, (level, *values) in enumerate(images)
    ]
    return Scores(scored, mean_colour=(220, 214, 217))


def test_mean_is_that_of_per_image_values():
    scores = scores_of(
        ("0", (20, 0.4), (25, 0.6), (10, 0.2)), ("0", (30, 0.5), (25, 0.6), (10, 0.2))
    )
    # A pooled MSE would give 22.6 dB.
    assert scores.mean("psnr") == 25
    assert scores.mean("ssim") == pytest.approx(0.45)


def test_one_identical_image_makes_the_mean_infinite():
    scores = scores_of(
        (None, (math.inf, 1), (25, 0.6), (10, 0.2)), (None, (30, 0), (25, 1), (10, 0))
    )
    assert (scores.mean("psnr"), scores.mean("ssim")) == (math.inf, 0.5)


def test_levels_stand_in_order_and_what_has_none_comes_last():
    flat = ((20, 0.5), (20, 0.5), (20, 0.5))
    scores = scores_of(*((level, *flat) for level in (None, "3+", "0", "2+", "1+")))
    assert list(scores.by_level()) == ["0", "1+", "2+", "3+", None]


def test_a_levels_mean_is_over_its_own_images():
    scores = scores_of(
        ("3+", (10, 0.1), (1, 0), (1, 0)),
        ("0", (99, 0.9), (1, 0), (1, 0)),
        ("3+", (20, 0.3), (1, 0), (1, 0)),
    )
    of_level = scores.by_level()["3+"]
    assert (of_level.mean("psnr"), len(of_level.images)) == (15, 2)


def test_each_measure_has_its_own_best_baseline():
    scores = scores_of((None, (20, 0.4), (23, 0.1), (12, 0.3)))
    assert scores.best_baseline("psnr") == "mean_colour"
    assert scores.best_baseline("ssim") == "he_copy"
    assert scores.margin("psnr") == -3
    assert scores.margin("ssim") == pytest.approx(0.1)


def test_the_baseline_is_best_in_the_mean_not_image_by_image():
    scores = scores_of(
        (None, (20, 0), (10, 0), (19, 0)), (None, (20, 0), (30, 0), (19, 0))
    )
    assert scores.best_baseline("psnr") == "mean_colour"
    assert scores.margin("psnr") == 0


def test_nothing_lies_between_two_infinite_means():
    same = (math.inf, 1)
    assert scores_of((None, same, same, (10, 0.2))).margin("psnr") == 0


def test_a_pooled_protocol_takes_psnr_of_all_pixels():
    rng = np.random.default_rng(0)
    small, large = (rng.integers(0, 256, (2, n, n, 3), np.uint8) for n in (8, 32))
    apart = [(None, (psnr(*pair), 0), (9, 0), (9, 0)) for pair in (small, large)]
    scores = replace(scores_of(*apart), protocol=PROTOCOLS["pooled"])
    sized = [
        replace(image, size=pair[0].shape[:2])
        for image, pair in zip(scores.images, (small, large), strict=True)
    ]
    errors = [np.ravel(pair[0] - pair[1].astype(float)) for pair in (small, large)]
    mse = np.mean(np.concatenate(errors) ** 2)
    expected = pytest.approx(10 * math.log10(255**2 / mse))
    assert replace(scores, images=sized).mean("psnr") == expected
    assert replace(scores, images=sized).interval("psnr").value == expected


def test_intervals_hold_their_means():
    flat = ((20, 0.5), (20, 0.5))
    scores = scores_of(*((None, (p, 0.4), *flat) for p in (20, 21, 25, 30)))
    value, low, high = scores.interval("psnr")
    assert value == scores.mean("psnr") == 24
    assert 20 <= low < 24 < high <= 30


def test_images_of_one_slide_are_drawn_together():
    flat = ((20, 0.5), (20, 0.5))
    images = [(None, (20 + n // 10, 0.4), *flat) for n in range(40)]
    scores = scores_of(*images)
    by_slide = scores.with_slides([str(n // 10) for n in range(40)], "names")
    one, other = (np.diff(s.interval("psnr")[1:]) for s in (scores, by_slide))
    assert other > 2 * one


def test_the_blurred_target_is_no_rival():
    image = scores_of((None, (20, 0.4), (23, 0.1), (12, 0.3))).images[0]
    known = {**image.scores, "blurred_target": {"psnr": 99, "ssim": 0.9}}
    scores = Scores([replace(image, scores=known)], (0, 0, 0))
    assert scores.best_baseline("psnr") == "mean_colour"
