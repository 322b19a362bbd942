import math

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from skimage.color import rgb_from_hdx, separate_stains

from he2ihc_keras.data.images import read_image
from he2ihc_keras.data.phantom import Appearance, make_pair
from he2ihc_keras.measures import stains
from he2ihc_keras.measures.deconvolution import (
    RUIFROK_JOHNSTON,
    StainVectors,
    dab_density,
    parse_stain_vectors,
    stain_densities,
    white_point,
)
from he2ihc_keras.measures.stains import (
    blurred_correlation,
    compare_stains,
    dab_histogram,
    dice,
    focal_optical_density,
    jensen_shannon_divergence,
    measure_stains,
    positive_fraction,
    wasserstein_distance,
)
from helpers import SHARED, refusal

GLASS = (225, 222, 230)
BROWN = (180, 120, 80)


def flat(colour, size=32):
    return np.full((size, size, 3), colour, np.uint8)


def random_image(size=48, seed=0):
    return np.random.default_rng(seed).integers(1, 256, (size, size, 3), np.uint8)


def stained(haematoxylin, dab, white=GLASS):
    """Light that passes two maps of stain, by the Beer-Lambert law, as uint8."""
    density = np.multiply.outer(haematoxylin, RUIFROK_JOHNSTON.haematoxylin)
    density += np.multiply.outer(dab, RUIFROK_JOHNSTON.dab)
    return np.rint(np.asarray(white) * 10**-density).astype(np.uint8)


def ramps(size=64):
    """Maps of haematoxylin and DAB in [0, 0.6]; a quarter of the image is glass."""
    rows, columns = np.mgrid[:size, :size] / size
    stain = np.clip(rows - 0.25, 0, None) * 0.8, np.clip(columns, 0.25, None) - 0.25
    tissue = rows > 0.25
    return stain[0] * tissue, stain[1] * 0.8 * tissue


def blobs(size=96, seed=0):
    noise = np.random.default_rng(seed).normal(size=(size, size))
    return np.clip(gaussian_filter(noise, 2) * 5, 0, None).astype(np.float32)


def shared_image(name):
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"{name} is not at hand")
    return read_image(path)


# Stain vectors


def test_vectors_are_brought_to_unit_length():
    vectors = StainVectors((1, 2, 2), (0, 3, 4), "")
    assert vectors.haematoxylin == pytest.approx((1 / 3, 2 / 3, 2 / 3))
    assert vectors.dab == pytest.approx((0, 0.6, 0.8))


def test_third_vector_is_what_the_stains_do_not_explain():
    matrix = RUIFROK_JOHNSTON.matrix
    assert matrix[2] @ matrix[:2].T == pytest.approx([0, 0], abs=1e-12)
    assert np.linalg.norm(matrix, axis=1) == pytest.approx([1, 1, 1])


def test_default_vectors_are_scikit_images():
    assert np.allclose(RUIFROK_JOHNSTON.matrix[:2], rgb_from_hdx[:2], atol=1e-3)


def test_vectors_are_read_from_text():
    vectors = parse_stain_vectors("0.65,0.70,0.29 0.27,0.57,0.78")
    expected = StainVectors((0.65, 0.70, 0.29), (0.27, 0.57, 0.78), vectors.source)
    assert vectors == expected
    assert vectors.source == "given by the user: 0.65,0.70,0.29 0.27,0.57,0.78"


@pytest.mark.parametrize(
    "text", ["", "0.65,0.70,0.29", "1,2,3 4,5", "1,2,3 4,5,6 7,8,9", "1,2,x 4,5,6"]
)
def test_text_that_is_no_pair_of_vectors_is_refused(text):
    assert refusal(parse_stain_vectors, text) == (
        "Stain vectors are two times three numbers, the absorbance of haematoxylin "
        f"and of DAB in red, green and blue. Received: {text!r}. "
        'Write them as "0.65,0.70,0.29 0.27,0.57,0.78".'
    )


@pytest.mark.parametrize(
    "vector",
    [(1.0, 2.0), (0, 0, 0), (-0.1, 0.5, 0.5), (math.nan, 1, 1), (math.inf,) * 3],
)
def test_vector_that_absorbs_nothing_real_is_refused(vector):
    assert refusal(StainVectors, (0.65, 0.70, 0.29), vector, "") == (
        "`dab` must be three finite absorbances (red, green, blue) of 0 or more, not "
        f"all 0. Received: {vector}."
    )


def test_parallel_vectors_are_refused():
    assert refusal(StainVectors, (0, 3, 4), (0, 6, 8), "") == (
        "`haematoxylin` and `dab` are parallel, so no colour tells them apart. "
        "Received: 0.00,0.60,0.80 and 0.00,0.60,0.80 (unit length). "
        "Give vectors of two stains."
    )


# White point


@pytest.mark.parametrize("share", [0.02, 0.5, 0.95])
def test_white_point_is_the_colour_of_the_glass(share):
    image = flat(BROWN, 100)
    image[: int(100 * share)] = GLASS
    noise = np.random.default_rng(0).normal(0, 2, image.shape)
    noisy = np.rint(image + noise).astype(np.uint8)
    assert white_point(noisy) == pytest.approx(GLASS, abs=1.5)


def test_white_point_is_not_that_of_a_few_specks():
    image = flat(GLASS, 100)
    image[:2, :20] = 255
    assert white_point(image) == pytest.approx(GLASS)


def test_what_is_bright_in_one_channel_is_no_glass():
    image = flat(GLASS, 100)
    image[:50] = (255, 190, 150)
    assert white_point(image) == pytest.approx(GLASS)


@pytest.mark.parametrize("light", [0.95, 0.8, 0.6])
def test_white_point_scales_with_the_light(light):
    image = stained(*ramps())
    dimmed = np.rint(light * image).astype(np.uint8)
    assert white_point(dimmed) == pytest.approx(light * white_point(image), abs=1)


@pytest.mark.parametrize("grey", [(0, 0, 0), (200, 200, 200), (235, 228, 222)])
def test_flat_grey_is_its_own_glass(grey):
    haematoxylin, dab = stain_densities(flat(grey))
    assert haematoxylin.max() == dab.max() == 0


def test_flat_brown_counts_by_its_colour_not_its_brightness():
    dab = dab_density(flat(BROWN))
    darker = dab_density(flat(np.array(BROWN) // 2))
    assert np.allclose(dab, darker, atol=1e-5)
    assert 0.4 < dab.min() == dab.max() < 0.6


def test_without_glass_dab_is_a_little_too_low():
    dab = np.random.default_rng(0).uniform(0.3, 1, (64, 64))
    error = dab_density(stained(0 * dab, dab)).mean() - dab.mean()
    assert -0.15 < error < 0  # the palest tissue, taken for glass, would cost 0.3


def test_windows_without_glass_on_a_3_plus_tumour_lose_at_most_0_08():
    image = shared_image("pairs/014_ihc.png")
    white, dab = white_point(image), dab_density(image)
    for top in range(0, 232, 58):
        for left in range(0, 232, 58):
            window = np.s_[top : top + 58, left : left + 58]
            lost = dab[window].mean() - dab_density(image[window]).mean()
            assert lost < 0.08
    assert white == pytest.approx((162, 160, 152), abs=1)  # a grey slide


@pytest.mark.parametrize("white", [(255, 255), (0, 1, 1), (math.nan, 1, 1), 255])
def test_white_that_is_no_colour_of_light_is_refused(white):
    assert refusal(dab_density, flat(GLASS), white=white) == (
        "`white` must be three positive grey levels (red, green, blue). "
        f"Received: {white}. Leave it out to estimate it from the image."
    )


@pytest.mark.parametrize(
    "measure", [white_point, dab_density, stain_densities, measure_stains]
)
def test_only_uint8_rgb_is_measured(measure):
    assert refusal(measure, flat(GLASS).astype("float32"), error=TypeError) == (
        "`image` must be a uint8 array in [0, 255]. Received: float32. "
        "Convert a network's output with `he2ihc_keras.data.images.to_uint8`."
    )
    assert refusal(measure, flat(GLASS)[..., 0]) == (
        "`image` must be RGB, of shape (height, width, 3). Received: (32, 32)."
    )


# Densities


@pytest.mark.parametrize("white", [GLASS, (255, 255, 255), (175, 175, 172)])
def test_densities_are_those_of_the_beer_lambert_law(white):
    haematoxylin, dab = ramps()
    found = stain_densities(stained(haematoxylin, dab, white), white=white)
    # Half a grey level of the darkest channel, weighted as the deconvolution does
    tolerance = 1.5 * 0.5 / (math.log(10) * stained(haematoxylin, dab, white).min())
    assert np.allclose(found[0], haematoxylin, atol=2 * tolerance)
    assert np.allclose(found[1], dab, atol=2 * tolerance)


def test_dab_is_that_of_both_densities():
    image = random_image()
    assert np.array_equal(dab_density(image), stain_densities(image)[1])
    assert dab_density(image).dtype == np.float32


@pytest.mark.parametrize(
    "vectors", [RUIFROK_JOHNSTON, StainVectors((0.6, 0.7, 0.4), (0.2, 0.5, 0.8), "")]
)
@pytest.mark.parametrize("white", [(255, 255, 255), (180, 175, 190)])
def test_densities_are_scikit_images_in_decadic_units(vectors, white):
    image = random_image()
    from_rgb = np.linalg.inv(vectors.matrix)
    expected = 6 * separate_stains(image / np.array(white), from_rgb)
    found = stain_densities(image, vectors, white=white)
    assert np.abs(np.stack(found, -1) - expected[..., :2]).max() < 2e-6


def test_black_is_one_grey_level():
    black, darkest = flat((0, 0, 0)), flat((1, 1, 1))
    white = (240, 240, 240)
    assert np.array_equal(
        dab_density(black, white=white), dab_density(darkest, white=white)
    )


def test_what_is_brighter_than_glass_holds_no_stain():
    assert dab_density(flat((255, 255, 255)), white=(200, 200, 200)).max() == 0


def test_image_is_left_alone():
    image = random_image()
    image.flags.writeable = False
    measure_stains(image)
    assert np.array_equal(image, random_image())


@pytest.mark.parametrize(
    ("level", "white"),
    [
        ("1+", 0.7),
        ("1+", (0.94, 0.95, 0.96)),
        ("2+", 1.0),
        ("3+", 0.7),
        ("3+", (0.9, 0.88, 0.91)),
    ],
)
def test_dab_is_linear_in_the_true_dab_of_the_phantom(level, white):
    pair = make_pair(level, 192, appearance=Appearance(ihc_white_point=white))
    dab = dab_density(pair.ihc)
    assert np.corrcoef(pair.dab.ravel(), dab.ravel())[0, 1] > 0.98
    slope, offset = np.polyfit(pair.dab.ravel(), dab.ravel(), 1)
    assert slope == pytest.approx(1, abs=0.03)
    assert offset == pytest.approx(0, abs=0.005)


def test_phantom_without_dab_holds_none():
    pair = make_pair("0", 192)
    measured = measure_stains(pair.ihc)
    assert measured.mean_dab < 0.005
    assert measured.positive_fraction == 0


# Measures of one map


def test_positive_fraction_counts_from_the_threshold_on():
    assert positive_fraction(np.array([[0, 0.1], [0.2, 0.3]]), 0.2) == 0.5
    assert positive_fraction(np.zeros((2, 2))) == 0


def focal_of_one_colour(colour):
    """FOD of one pixel on white 255, written out."""
    red, green, blue = (-math.log10(max(level / 127.5 - 1, 1e-6)) for level in colour)
    # Cramer's rule for DAB in red = 0.65 h + 0.07 e + 0.27 d, and so on
    vectors = np.array([[0.65, 0.07, 0.27], [0.70, 0.99, 0.57], [0.29, 0.11, 0.78]])
    replaced = vectors.copy()
    replaced[:, 2] = red, green, blue
    dab = max(0, np.linalg.det(replaced) / np.linalg.det(vectors))
    grey = 0.2125 * 10 ** (-0.27 * dab)
    grey += 0.7154 * 10 ** (-0.57 * dab)
    grey += 0.0721 * 10 ** (-0.78 * dab)
    focal = max(0, -math.log10(grey + 10 ** -(math.e ** (1 / 1.8)))) ** 1.8
    return focal if focal >= 0.15 else 0


@pytest.mark.parametrize(
    "colour", [(230, 190, 160), (210, 170, 140), (180, 110, 60), (160, 90, 140)]
)
def test_focal_density_of_a_flat_colour(colour):
    focal = focal_optical_density(flat(colour), white=(255, 255, 255))
    assert focal == pytest.approx(focal_of_one_colour(colour), rel=1e-4)


def test_focal_density_ends_at_e_and_begins_above_the_floor():
    assert focal_of_one_colour((230, 225, 210)) == 0
    assert focal_optical_density(flat((230, 225, 210)), white=(255,) * 3) == 0
    dense = focal_optical_density(flat((180, 110, 60)), white=(255,) * 3)
    assert 0.95 * math.e < dense < math.e


def test_focal_density_is_the_mean_over_the_pixels():
    image = flat((255, 255, 255), 40)
    image[:10] = (210, 170, 140)
    quarter = focal_of_one_colour((210, 170, 140)) / 4
    assert focal_optical_density(image, white=(255,) * 3) == pytest.approx(quarter)


def test_histogram_counts_each_pixel_once():
    dab = np.array([[0, 0.019, 0.021], [0.05, 2.99, 7]], np.float32)
    counts = dab_histogram(dab)
    assert counts.sum() == dab.size
    assert np.flatnonzero(counts).tolist() == [0, 1, 2, 149]
    assert counts[[0, 149]].tolist() == [2, 2]  # 7 is beyond the last edge


def test_histogram_is_numpys():
    dab = blobs()
    expected, _ = np.histogram(np.minimum(dab, 2.999), stains.DAB_BINS)
    assert np.array_equal(dab_histogram(dab), expected)


# Measures of two maps


@pytest.mark.parametrize(
    ("mask", "fake_mask", "expected"),
    [
        ([1, 1, 0, 0], [1, 1, 0, 0], 1),
        ([1, 1, 0, 0], [0, 0, 1, 1], 0),
        ([1, 1, 0, 0], [1, 0, 0, 0], 2 / 3),
        ([1, 1, 1, 0], [1, 0, 0, 1], 2 / 5),
        ([0, 0, 0, 0], [1, 0, 0, 0], 0),
        ([0, 0, 0, 0], [0, 0, 0, 0], 1),  # they agree
    ],
)
def test_dice_of_known_masks(mask, fake_mask, expected):
    mask, fake_mask = np.array([mask], bool), np.array([fake_mask], bool)
    assert dice(mask, fake_mask) == pytest.approx(expected)
    assert dice(fake_mask, mask) == dice(mask, fake_mask)


@pytest.mark.parametrize("sigma", [0, 3, 8, 16])
def test_correlation_of_a_map_with_multiples_of_itself(sigma):
    dab = blobs()
    assert blurred_correlation(dab, dab, sigma) == pytest.approx(1)
    assert blurred_correlation(dab, 0.3 * dab + 1, sigma) == pytest.approx(1)
    assert blurred_correlation(dab, 2 - dab, sigma) == pytest.approx(-1)


def test_blur_forgives_a_shift():
    wide = blobs(160)
    dab, shifted = wide[:, 8:], wide[:, :-8]
    by_pixel, coarse, coarser = (
        blurred_correlation(dab, shifted, sigma) for sigma in (0, 8, 16)
    )
    assert abs(by_pixel) < 0.1
    assert 0.5 < coarse < coarser


def test_blur_does_not_forgive_another_tissue():
    assert abs(blurred_correlation(blobs(256, seed=1), blobs(256, seed=2), 4)) < 0.2


@pytest.mark.parametrize(("sigma", "size"), [(2.5, 97), (8, 128), (16, 131), (30, 200)])
def test_blur_on_blocks_is_a_gaussian_blur(sigma, size):
    dab, fake_dab = blobs(size, seed=1), blobs(size, seed=2) + blobs(size, seed=1)
    full = [gaussian_filter(map_, sigma).ravel() for map_ in (dab, fake_dab)]
    found = blurred_correlation(dab, fake_dab, sigma)
    assert found == pytest.approx(np.corrcoef(full)[0, 1], abs=0.01)


@pytest.mark.parametrize("level", [0, 0.123])
def test_constant_map_correlates_with_nothing(level):
    constant = np.full((96, 96), level, np.float32)
    assert blurred_correlation(blobs(), constant) == 0
    assert blurred_correlation(constant, constant) == 0


def test_negative_blur_is_refused():
    assert refusal(blurred_correlation, blobs(), blobs(), -1) == (
        "`sigma` must be 0 pixels or more. Received: -1."
    )


@pytest.mark.parametrize("measure", [dice, blurred_correlation])
def test_maps_of_two_sizes_are_refused(measure):
    one, other = np.zeros((4, 6), bool), np.zeros((6, 6), bool)
    assert refusal(measure, one, other) == (
        "Two maps are compared pixel by pixel and must have one size. "
        "Received: 6 x 4 and 6 x 6 (width x height)."
    )


# All of it


def test_measures_of_an_image_are_those_of_its_functions():
    image = stained(*ramps())
    measured, dab = measure_stains(image), dab_density(image)
    assert measured.mean_dab == pytest.approx(dab.mean())
    assert measured.positive_fraction == positive_fraction(dab)
    assert measured.focal_optical_density == focal_optical_density(image)
    assert np.array_equal(measured.histogram, dab_histogram(dab))
    assert np.array_equal(measured.dab, dab)
    assert np.array_equal(measured.positive, dab >= stains.DAB_POSITIVE)


def test_an_image_is_compared_with_itself_without_error():
    measured = measure_stains(stained(*ramps()))
    assert compare_stains(measured, measured) == stains.StainComparison(
        mean_dab_error=0,
        positive_fraction_error=0,
        focal_optical_density_error=0,
        dice=1,
        correlation=pytest.approx(1),
    )


def test_more_dab_is_a_positive_error():
    haematoxylin, dab = ramps()
    real = measure_stains(stained(haematoxylin, dab))
    fake = measure_stains(stained(haematoxylin, 1.5 * dab))
    compared = compare_stains(real, fake)
    assert compared.mean_dab_error == pytest.approx(0.5 * dab.mean(), rel=0.05)
    assert compared.positive_fraction_error > 0
    assert compared.dice == dice(real.positive, fake.positive) < 1
    assert compared.correlation == blurred_correlation(real.dab, fake.dab) > 0.99


def test_a_flat_colour_is_not_rewarded():
    pair = make_pair("3+", 128)
    colour = pair.ihc.mean((0, 1)).round()
    compared = compare_stains(
        measure_stains(pair.ihc), measure_stains(flat(colour, 128))
    )
    assert compared.correlation == 0
    assert compared.dice < 0.75
    assert compared.mean_dab_error < -0.05


def test_images_of_two_sizes_are_not_compared():
    one, other = (measure_stains(flat(GLASS, size)) for size in (32, 40))
    assert "must have one size. Received: 32 x 32 and 40 x 40" in refusal(
        compare_stains, one, other
    )


@pytest.mark.parametrize("light", [0.9, 0.7])
def test_measures_do_not_depend_on_the_lamp(light):
    image = shared_image("ihc/skimage_ihc_fhl2_colon.png")
    dimmed = np.rint(light * image).astype(np.uint8)
    bright, dim = (measure_stains(i) for i in (image, dimmed))
    for name in ("mean_dab", "positive_fraction", "focal_optical_density"):
        assert getattr(bright, name) > 0.1
        assert getattr(dim, name) == pytest.approx(getattr(bright, name), rel=0.02)


def test_without_a_white_point_they_would():
    image = shared_image("ihc/skimage_ihc_fhl2_colon.png")
    dimmed = np.rint(0.9 * image).astype(np.uint8)
    bright, dim = (focal_optical_density(i, white=(255,) * 3) for i in (image, dimmed))
    assert dim > 1.05 * bright


# Measures of two sets


def histogram_at(*bins):
    return np.bincount(bins, minlength=150)


def test_wasserstein_distance_of_a_shift_is_the_shift():
    assert wasserstein_distance(
        histogram_at(3, 4, 4), histogram_at(13, 14, 14)
    ) == pytest.approx(10 * 0.02)


def test_jensen_shannon_divergence_of_known_histograms():
    one, both = histogram_at(0, 0), histogram_at(0, 1)
    # H(3/4, 1/4) - H(1/2, 1/2) / 2
    expected = -(0.75 * math.log2(0.75) + 0.25 * math.log2(0.25)) - 0.5
    assert jensen_shannon_divergence(one, both) == pytest.approx(expected)
    assert jensen_shannon_divergence(one, histogram_at(7)) == pytest.approx(1)


@pytest.mark.parametrize("distance", [wasserstein_distance, jensen_shannon_divergence])
def test_distances_do_not_depend_on_the_number_of_pixels(distance):
    one, other = histogram_at(1, 5, 9), histogram_at(1, 6)
    assert distance(one, 3 * one) == pytest.approx(0, abs=1e-12)
    assert distance(7 * one, other) == pytest.approx(distance(one, 2 * other))


@pytest.mark.parametrize("distance", [wasserstein_distance, jensen_shannon_divergence])
def test_empty_histogram_has_no_distance(distance):
    assert refusal(distance, histogram_at(1), np.zeros(150, int)) == (
        "A histogram of DAB has 150 bins and at least one pixel. "
        "Received: shape (150,), 0 pixels. Sum what `dab_histogram` returns."
    )
