import math

import pytest

from he2ihc_keras.scoring import Score, ScoredImage, Scores


def scores_of(*images):
    """Scores of `(level, generated, mean_colour, he_copy)`; each a `(psnr, ssim)`."""
    methods = ("generated", "mean_colour", "he_copy")
    scored = [
        ScoredImage(
            f"image_{n}", level, {m: Score(*v) for m, v in zip(methods, v, strict=True)}
        )
        for n, (level, *v) in enumerate(images)
    ]
    return Scores(scored, mean_colour=(220, 214, 217))


def test_mean_is_that_of_per_image_values():
    scores = scores_of(
        ("0", (20, 0.4), (25, 0.6), (10, 0.2)), ("0", (30, 0.5), (25, 0.6), (10, 0.2))
    )
    # A pooled MSE would give 22.6 dB.
    assert scores.mean("generated") == Score(25, pytest.approx(0.45))


def test_one_identical_image_makes_the_mean_infinite():
    scores = scores_of(
        (None, (math.inf, 1), (25, 0.6), (10, 0.2)), (None, (30, 0), (25, 1), (10, 0))
    )
    assert scores.mean("generated") == Score(math.inf, 0.5)


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
    assert scores.by_level()["3+"].mean("generated") == Score(15, pytest.approx(0.2))


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
