import math
from dataclasses import replace

import numpy as np
import pytest

from he2ihc_keras.measures import StainVectors
from he2ihc_keras.scoring import (
    PROTOCOLS,
    ScoredImage,
    Scores,
    compare,
    difference,
)

INF = math.inf


def scores_of(psnr, dab_error=None, sharpness=None, levels=None, real_dab=0.2):
    """Scores of a generated and a flat image each, in 1 image for each PSNR."""
    count = len(psnr)
    dab_error = [0.1] * count if dab_error is None else dab_error
    sharpness = [1.0] * count if sharpness is None else sharpness
    names = ("psnr", "ssim", "sharpness", "dab", "dab_error")
    images = [
        ScoredImage(
            f"image_{n}",
            levels and levels[n],
            (16, 16),
            {
                "generated": dict(zip(names, (p, 0.5, s, 0.3, e), strict=True)),
                "mean_colour": dict(zip(names, (20, 0.5, 0, 0, 0.2), strict=True)),
            },
            {"dab": real_dab},
        )
        for n, (p, e, s) in enumerate(zip(psnr, dab_error, sharpness, strict=True))
    ]
    return Scores(images, (0, 0, 0))


def noise(count=40, seed=0):
    return np.random.default_rng(seed).normal(0, 1, count)


def words(a, b, **methods):
    comparison = compare(a, b, **methods)
    return [found.in_words() for found in comparison.differences]


def test_a_result_and_itself_are_within_noise():
    scores = scores_of(25 + noise())
    assert words(scores, scores) == [
        "PSNR: within noise (B against A: 0.00 dB [0.00, 0.00]).",
        "SSIM: within noise (B against A: 0.000 [0.000, 0.000]).",
        "sharpness: within noise (B against A: a factor of 1.00 [1.00, 1.00]).",
        "DAB error: within noise (B against A: 0.000 [0.000, 0.000]).",
    ]


def test_a_shift_of_all_images_is_no_noise_however_they_scatter():
    base = 25 + 5 * noise()
    found = difference("psnr", scores_of(base), scores_of(base + 0.3))
    assert found.in_words() == "PSNR: B is better by 0.30 dB [0.30, 0.30]."
    assert difference("psnr", scores_of(base + 0.3), scores_of(base)).in_words() == (
        "PSNR: A is better by 0.30 dB [0.30, 0.30]."
    )


def test_what_does_not_show_is_no_news():
    base = 25 + noise()
    found = difference("psnr", scores_of(base), scores_of(base + 0.001))
    assert found.in_words() == "PSNR: equal to 2 decimals."


def test_differences_that_scatter_are_noise():
    found = difference("psnr", scores_of(25 + noise()), scores_of(25 + noise(seed=1)))
    assert found.outcome == "noise"
    assert found.gain.low < 0 < found.gain.high


def test_a_lower_error_is_a_gain():
    low, high = (scores_of([20] * 12, dab_error=[e] * 12) for e in (0.1, 0.3))
    found = difference("dab_error", high, low)
    assert (found.a, found.b) == (pytest.approx(0.3), pytest.approx(0.1))
    assert found.gain.value == pytest.approx(0.2)


def test_sharpness_is_best_at_one_and_differs_by_factors():
    noisy, blurred = (scores_of([20] * 12, sharpness=[s] * 12) for s in (1.25, 0.5))
    found = difference("sharpness", blurred, noisy)
    assert found.in_words() == (
        "sharpness: B is better by a factor of 1.60 [1.60, 1.60]."
    )
    assert difference("sharpness", noisy, blurred).in_words() == (
        "sharpness: A is better by a factor of 1.60 [1.60, 1.60]."
    )


def test_a_flat_image_is_not_so_many_times_less_sharp():
    found = difference(
        "sharpness", *[scores_of([20] * 12, sharpness=[s] * 12) for s in (0, 0.9)]
    )
    assert found.in_words() == "sharpness: B is better by a factor beyond 100."


def test_blur_is_not_made_good_by_noise():
    mixed, even = (
        scores_of([20] * 12, sharpness=s * 6) for s in ([0.2, 1.8], [0.9] * 2)
    )
    assert mixed.mean("sharpness") == pytest.approx(0.6)
    assert difference("sharpness", mixed, even).gain.value > 2


def test_a_baseline_stands_in_the_same_scores():
    scores = scores_of(25 + noise())
    [found, *_] = compare(scores, scores, a_method="mean_colour").differences
    assert (found.a, found.b) == (20, scores.mean("psnr"))
    assert found.gain.value == pytest.approx(scores.mean("psnr") - 20)


def test_images_are_matched_by_name_and_not_by_place():
    scores = scores_of(25 + noise())
    shuffled = replace(scores, images=scores.images[::-1])
    assert compare(scores, shuffled).differences[0].gain == (0, 0, 0)


def test_levels_are_compared_each_for_itself():
    levels = ["0", "3+"] * 12
    a, b = scores_of([20] * 24, levels=levels), scores_of([20, 21] * 12, levels=levels)
    by_level = compare(a, b).by_level
    gains = {level: c.differences[0].gain.value for level, c in by_level.items()}
    assert gains == {"0": 0, "3+": 1}


@pytest.mark.parametrize("count", [1, 2, 5])
def test_few_images_tell_nothing(count):
    comparison = compare(scores_of([20] * count), scores_of([21] * count))
    words = comparison.differences[0].in_words()
    assert words.startswith(f"PSNR: {count} images or slides are too few to tell (B ag")
    assert comparison.note == (
        f"Intervals from {count} images are rough; fewer than 6 tell nothing."
    )


def test_six_images_may_tell():
    found = difference("psnr", scores_of([20] * 6), scores_of([21] * 6))
    assert found.outcome == "b"


def test_few_slides_tell_nothing_however_many_images():
    a, b = scores_of([20] * 40), scores_of([21] * 40)
    slides = [str(n % 5) for n in range(40)]
    assert difference("psnr", a.with_slides(slides, "names"), b).outcome == "too few"


def test_copied_targets_are_pointed_at():
    one, other = scores_of([20] * 12), scores_of([*[21] * 10, INF, INF])
    assert difference("psnr", one, other).in_words() == (
        "PSNR: undefined, as 2 images are identical to their real IHC. Have targets "
        "been copied?"
    )
    assert difference("psnr", other, other).outcome == "noise"


def test_slides_widen_the_interval():
    base, gain = 25 + noise(), np.repeat(noise(4), 10)
    a, b = scores_of(base), scores_of(base + gain)
    slides = [str(n // 10) for n in range(40)]
    alone = difference("psnr", a, b).gain
    clustered = difference("psnr", a.with_slides(slides, "names"), b).gain
    assert np.diff(clustered[1:]) > 1.5 * np.diff(alone[1:])


def test_a_pooled_protocol_compares_pooled_values():
    pooled = PROTOCOLS["pooled"]
    a, b = (replace(scores_of(20 + s * noise(seed=2)), protocol=pooled) for s in (1, 4))
    found = difference("psnr", a, b)
    assert found.gain.value == pytest.approx(b.mean("psnr") - a.mean("psnr"))
    assert found.gain.low < found.gain.value < found.gain.high


# Errors


def test_other_images_are_listed():
    a, b = scores_of([20, 21, 22]), scores_of([20, 21])
    renamed = replace(b.images[1], name="other")
    with pytest.raises(ValueError) as error:
        compare(a, replace(b, images=(b.images[0], renamed)))
    assert str(error.value) == (
        "Both must be scored on the same images, and nothing was compared:\n"
        "  2 only in A: image_1, image_2.\n"
        "  1 only in B: other."
    )


def test_other_targets_are_refused():
    with pytest.raises(ValueError) as error:
        compare(scores_of([20]), scores_of([20], real_dab=0.3))
    assert str(error.value) == (
        "Both must be scored against the same real IHC, and nothing was compared. "
        "1 with other targets: image_0. The sizes or the DAB of their real IHC differ. "
        "Score both on one folder."
    )


def test_other_stain_vectors_are_refused():
    scores = scores_of([20])
    other = StainVectors((0.6, 0.7, 0.3), (0.3, 0.6, 0.7), "mine")
    with pytest.raises(ValueError) as error:
        compare(scores, replace(scores, vectors=other))
    assert str(error.value) == (
        "Scores with different stain vectors do not compare. "
        f"A: {scores.vectors.source}; B: mine. Score both with the same."
    )


def test_other_protocols_are_refused():
    scores = scores_of([20])
    with pytest.raises(ValueError) as error:
        compare(scores, replace(scores, protocol=PROTOCOLS["gaussian"]))
    assert str(error.value) == (
        "Scores of different protocols do not compare. A: bci; B: gaussian. "
        "Score both under one."
    )


def test_a_baseline_that_was_not_scored_is_named():
    with pytest.raises(ValueError) as error:
        compare(scores_of([20]), scores_of([20]), a_method="he_copy")
    assert str(error.value) == (
        "'he_copy' was not scored. Scored: generated, mean_colour."
    )
