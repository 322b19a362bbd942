import io
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from he2ihc_keras.scoring import (
    PROTOCOLS,
    Generated,
    compare,
    comparison_table,
    explanation,
    explanation_in_words,
    score_images,
    stain_table,
    table,
    verdict,
)
from he2ihc_keras.scoring.baselines import blurred

LEVELS = ("0", "3+", "3+")


def ihc(seed, size=24):
    rng = np.random.default_rng(seed)
    return rng.integers(150, 256, (size, size, 3), np.uint8)


def near(image, amount, seed=9):
    noise = np.random.default_rng(seed).normal(0, amount, image.shape)
    return np.clip(image + noise, 0, 255).round().astype(np.uint8)


def scored(count=12, amount=5, levels=None, **options):
    images = [
        Generated(
            f"image_{n}",
            levels and levels[n % len(levels)],
            fake_ihc=near(ihc(n), amount, seed=100 + n),
            ihc=ihc(n),
            he=ihc(200 + n),
        )
        for n in range(count)
    ]
    return score_images(images, mean_colour=(220, 214, 217), **options)


@pytest.fixture(scope="module")
def scores():
    return scored(levels=LEVELS)


def printed(grid, width=80):
    console = Console(file=io.StringIO(), width=width)
    console.print(grid)
    return [line.strip() for line in console.file.getvalue().splitlines()]


def test_table_shows_all_images_then_each_level(scores):
    column = [str(cell) for cell in table(scores).columns[0].cells]
    assert [cell for cell in column if cell] == ["all (12)", "0 (4)", "3+ (8)"]
    assert [str(c) for c in table(scores).columns[1].cells][:4] == [
        *("generated", "mean colour", "copy of H&E", "blurred real")
    ]


def test_means_stand_with_their_intervals(scores):
    cells = list(table(scores).columns[2].cells)
    assert str(cells[1]) == scores.interval("psnr", "mean_colour").text("{:.2f}")


def test_the_best_of_a_block_is_bold_and_the_target_itself_never(scores):
    soft = scored(amount=60)  # worse than the blurred target
    cells = list(table(soft).columns[2].cells)
    assert soft.mean("psnr") < soft.mean("psnr", "blurred_target")
    assert [cell.style for cell in cells].index("bold") != 3
    assert cells[3].style == ""
    assert table(scores).columns[2]._cells[0].style == "bold"


@pytest.mark.parametrize("make", [table, stain_table])
def test_tables_fit_80_columns_of_a_pipe(make, scores):
    image = scores.images[0]
    worst = {"dab_correlation": -0.177, "psnr": 10.0, "sharpness": 12.34}
    values = {method: {**v, **worst} for method, v in image.scores.items()}
    images = [replace(image, scores=values, level=level) for level in LEVELS * 333]
    lines = printed(make(replace(scores, images=images)))
    assert any("all (999)" in line for line in lines)
    assert not [line for line in lines if "…" in line or len(line) > 80]


def test_tables_say_which_levels_are_too_few(scores):
    caption = table(scores).caption
    assert "Rough too: the intervals of 0, 3+, of fewer than 10 each." in caption


def test_a_resized_run_is_not_called_native(scores):
    scaled = replace(scores, scale="resized to 24 x 24 as trained")
    caption = table(scaled).caption
    assert "Protocol bci, resized to 24 x 24 as trained: SSIM" in caption
    assert "native size" not in caption


def test_stain_table_begins_with_the_real_ihc(scores):
    rows = [[str(c) for c in column.cells] for column in stain_table(scores).columns]
    assert (
        rows[1]
        == [*("real IHC", "generated", "mean colour", "copy of H&E", "blurred real")]
        * 3
    )
    assert rows[2][0] == f"{np.mean(scores.values('dab', 'real')):.3f}"
    assert rows[3][0] == ""  # the real IHC has no error


def test_tables_say_what_their_numbers_are(scores):
    caption = table(scores).caption
    assert "Protocol bci, native size: SSIM 7 x 7" in caption
    assert "that of the training IHC, RGB 220, 214, 217." in caption
    assert "Levels are those of the slides, not of the patches." in caption
    assert "95 % bootstrap over images, which may share slides." in caption


def test_tables_say_what_was_not_known():
    caption = table(scored(count=3, mean_colour_of="scored IHC")).caption
    assert (
        "that of the scored IHC, RGB 220, 214, 217 (no training set given)" in caption
    )
    assert "Intervals from 3 images are rough" in caption
    assert "Levels" not in caption


def test_tables_say_over_which_slides(scores):
    by_slide = scores.with_slides([str(n // 4) for n in range(12)], "names")
    assert "bootstrap over 3 slides (from names)" in table(by_slide).caption


def test_verdict_tells_the_margin_with_its_interval(scores):
    first, *_ = verdict(scores).splitlines()
    gain = compare(scores, scores, a_method="mean_colour").differences[0].gain
    assert first == (
        "PSNR: better than the best trivial baseline (mean colour) by "
        f"{gain.value:.2f} dB [{gain.low:.2f}, {gain.high:.2f}]."
    )


def test_verdict_of_the_baseline_itself_is_equal():
    images = [
        Generated(str(n), None, np.full((24, 24, 3), 200, np.uint8), ihc(n))
        for n in range(12)
    ]
    scores = score_images(images, mean_colour=(200, 200, 200))
    assert verdict(scores).splitlines()[0] == (
        "PSNR: equal to the best trivial baseline (mean colour)."
    )


def test_blur_is_named():
    images = [Generated(str(n), None, blurred(ihc(n)), ihc(n)) for n in range(3)]
    scores = score_images(images, mean_colour=(200, 200, 200))
    assert (
        f"Sharpness: {scores.mean('sharpness'):.2f} of the real IHC. The images are "
        "blurred, and blur raises PSNR and SSIM."
    ) in verdict(scores).splitlines()


def test_noise_is_named_too():
    images = [
        Generated(str(n), None, near(ihc(n) // 9 + 190, 60), ihc(n) // 9 + 190)
        for n in range(6)
    ]
    scores = score_images(images, mean_colour=(200, 200, 200))
    assert "The images are noisy: look for grain or a checkerboard." in verdict(scores)


@pytest.mark.parametrize(
    ("brown", "word"), [(0, "Stain is missing."), (1, "There is too much stain.")]
)
def test_missing_stain_is_named_whatever_psnr_says(brown, word):
    stained = np.full((24, 24, 3), 235, np.uint8)
    pale = stained.copy()
    stained[6:18, 6:18] = (120, 70, 40)
    pale[6:18, 6:8] = (120, 70, 40)
    fake_ihc, real = (pale, stained) if not brown else (stained, pale)
    images = [Generated(str(n), None, fake_ihc, real) for n in range(6)]
    lines = verdict(score_images(images, mean_colour=(200, 200, 200))).splitlines()
    [line] = [line for line in lines if line.startswith("DAB: ")]
    assert line.endswith(f". {word}")


def test_negative_tissue_is_not_said_to_miss_its_stain():
    pale = np.full((24, 24, 3), 235, np.uint8)
    faint = pale.copy()
    faint[:2, :2] = (225, 215, 205)
    images = [Generated(str(n), None, faint, pale) for n in range(6)]
    scores = score_images(images, mean_colour=(200, 200, 200))
    assert scores.mean("dab") > 2 * np.mean(scores.values("dab", "real"))
    assert "DAB: " not in verdict(scores)


def test_levels_can_be_left_out(scores):
    column = [str(cell) for cell in table(scores, levels=False).columns[0].cells]
    assert [cell for cell in column if cell] == ["all (12)"]
    assert "Levels" not in table(scores, levels=False).caption


def test_dab_of_the_set_ends_the_verdict(scores):
    r = scores.dab_correlation()
    assert (
        verdict(scores)
        .splitlines()[-1]
        .startswith(
            f"DAB over the set: r = {r.value:.2f} [{r.low:.2f}, {r.high:.2f}] between"
        )
    )


def test_explanation_has_a_row_per_protocol(scores):
    images = [
        replace(
            image,
            scores={
                method: {name: values[name] for name in ("psnr", "ssim")}
                for method, values in image.scores.items()
            },
        )
        for image in scores.images
    ]
    explained = [replace(scores, images=images, protocol=p) for p in PROTOCOLS.values()]
    lines = " ".join(printed(explanation(explained), width=100))
    assert all(name in lines for name in PROTOCOLS)
    apart = scores.mean("psnr") - explained[2].mean("psnr")
    assert explanation_in_words(explained) == (
        f"The same images, up to {apart:.2f} dB in PSNR and 0.000 in SSIM apart."
    )


def test_comparison_shows_both_means_and_the_gain(scores):
    comparison = compare(scores, scores, a_method="mean_colour")
    lines = printed(comparison_table(comparison, "mean_colour", "runs/[a]"))
    gain = comparison.differences[0].gain
    row = next(line for line in lines if line.startswith("all (12)"))
    assert row.split()[2:5] == [
        "PSNR",
        f"{scores.mean('psnr', 'mean_colour'):.2f}",
        f"{scores.mean('psnr'):.2f}",
    ]
    assert f"{gain.value:.2f} dB [{gain.low:.2f}, {gain.high:.2f}]" in row
    assert "B: runs/[a]" in lines
