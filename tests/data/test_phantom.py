import dataclasses

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage
from skimage.metrics import peak_signal_noise_ratio

from he2ihc_keras.data import phantom
from he2ihc_keras.data.phantom import LEVELS, Appearance, make_pair, write_phantom

NOISELESS = Appearance(noise=0)
of_each_level_in_either_light = pytest.mark.parametrize(
    ("level", "white"), list(zip(LEVELS, 2 * [1.0, (0.9, 0.88, 0.91)], strict=True))
)


def same_pixels(one, other):
    return np.array_equal(one.he, other.he) and np.array_equal(one.ihc, other.ihc)


def mean_dab(level, seed):
    return np.mean(
        [make_pair(level, 128, seed=seed, index=i).dab.mean() for i in range(3)]
    )


def files_under(root):
    return sorted(str(p.relative_to(root)) for p in root.rglob("*") if p.is_file())


# Light


@of_each_level_in_either_light
def test_he_obeys_beer_lambert(level, white):
    pair = make_pair(level, 96, appearance=Appearance(noise=0, he_white_point=white))
    density = np.multiply.outer(pair.haematoxylin, phantom.HAEMATOXYLIN)
    density += np.multiply.outer(pair.eosin, phantom.EOSIN)
    expected = 255 * np.array(white) * 10**-density
    assert np.abs(pair.he - expected).max() < 0.501


@of_each_level_in_either_light
def test_ihc_obeys_beer_lambert(level, white):
    pair = make_pair(level, 96, appearance=Appearance(noise=0, ihc_white_point=white))
    counterstain = phantom.COUNTERSTAIN * pair.haematoxylin
    density = np.multiply.outer(counterstain, phantom.HAEMATOXYLIN)
    density += np.multiply.outer(pair.dab, phantom.DAB)
    expected = 255 * np.array(white) * 10**-density
    assert np.abs(pair.ihc - expected).max() < 0.501


@pytest.mark.parametrize("name", ["HAEMATOXYLIN", "EOSIN", "DAB"])
def test_stain_vector_has_unit_length(name):
    assert np.linalg.norm(getattr(phantom, name)) == pytest.approx(1, abs=2e-3)


def test_noise_has_the_asked_spread():
    clean = make_pair("2+", appearance=NOISELESS)
    noisy = make_pair("2+", appearance=Appearance(noise=4))
    error = noisy.he.astype(float) - clean.he
    assert error.std() == pytest.approx(4, rel=0.05)
    assert abs(error.mean()) < 0.1


# Same bytes


def test_same_seed_and_index_give_the_same_pair():
    assert same_pixels(make_pair("3+", 64, seed=5), make_pair("3+", 64, seed=5))


@pytest.mark.parametrize("other", [{"seed": 6}, {"index": 1}])
def test_another_seed_or_index_gives_another_tissue(other):
    pair, different = make_pair("3+", 64), make_pair("3+", 64, **other)
    assert np.abs(pair.eosin - different.eosin).mean() > 0.02


def test_written_pair_does_not_depend_on_the_number_of_pairs(tmp_path):
    write_phantom(tmp_path / "few", 12, size=32)
    write_phantom(tmp_path / "more", 16, size=32)
    for index, level in enumerate(LEVELS):
        name = f"train/{index:05d}_train_{level}.png"
        for stain in ("HE", "IHC"):
            few = (tmp_path / "few" / stain / name).read_bytes()
            assert few == (tmp_path / "more" / stain / name).read_bytes()


# Tissue


@pytest.mark.parametrize(
    ("level", "size"), [("0", 100), ("1+", 255), ("2+", 32), ("3+", 33), ("3+", 128)]
)
def test_pair_has_the_asked_size_and_maps_are_densities(size, level):
    pair = make_pair(level, size, index=size)
    for image in (pair.he, pair.ihc):
        assert image.shape == (size, size, 3) and image.dtype == np.uint8
    for stain in (pair.haematoxylin, pair.eosin, pair.dab):
        assert stain.shape == (size, size) and stain.dtype == np.float32
        assert 0 <= stain.min() and stain.max() < 3


@pytest.mark.parametrize("seed", range(3))
def test_dab_grows_with_the_level(seed):
    none, faint, moderate, strong = (mean_dab(level, seed) for level in LEVELS)
    assert none == 0
    assert 0.003 < faint < moderate / 2 < strong / 4


def test_membranes_are_broken_at_1_and_closed_at_3():
    def stained_fraction(level):
        pair = make_pair(level, 256, index=3)
        return np.mean(pair.dab[pair.epithelium] > 0.3 * np.quantile(pair.dab, 0.99))

    assert stained_fraction("1+") < 0.7 * stained_fraction("3+")


@pytest.mark.parametrize("level", ["1+", "2+", "3+"])
def test_dab_lies_on_epithelium_only(level):
    for index in range(3):
        pair = make_pair(level, 128, index=index)
        near = ndimage.binary_dilation(pair.epithelium, iterations=3)  # of the blur
        assert 0.2 < pair.epithelium.mean() < 0.9
        assert pair.dab[~near].max() < 0.005 < pair.dab[pair.epithelium].mean()


def epithelium_per_nucleus(pair):
    nuclei = ndimage.gaussian_filter(pair.haematoxylin, 4.5)
    middles = (nuclei == ndimage.maximum_filter(nuclei, 13)) & (nuclei > 0.2)
    return pair.epithelium.sum() / (middles & pair.epithelium).sum()


def test_cells_grow_with_the_level_as_the_cue_in_the_he():
    pairs = [[make_pair(level, index=i) for i in range(4)] for level in LEVELS]
    areas = [np.mean([epithelium_per_nucleus(pair) for pair in row]) for row in pairs]
    assert np.all(np.diff(areas) > 20)  # square pixels


@pytest.mark.parametrize("index", range(4))
def test_independent_he_is_that_of_every_level_and_its_dab_is_not(index):
    pairs = [make_pair(level, 96, index=index, independent_he=True) for level in LEVELS]
    assert all(np.array_equal(pair.he, pairs[0].he) for pair in pairs)
    amounts = [pair.dab.mean() for pair in pairs]
    assert amounts[0] == 0 and all(np.diff(amounts) > 0)


def test_looks_of_independent_he_are_those_of_all_levels():
    def same(index):
        he = make_pair("0", 48, index=index, independent_he=True).he
        return [
            np.array_equal(he, make_pair(level, 48, index=index).he) for level in LEVELS
        ]

    looks = np.array([same(index) for index in range(24)])
    assert (looks.sum(axis=1) == 1).all() and looks.any(axis=0).all()


def test_no_trivial_image_scores_well():
    pairs = [make_pair(LEVELS[i % 4], 128, index=i) for i in range(20)]
    colour = np.mean([pair.ihc.mean((0, 1)) for pair in pairs], 0).astype(np.uint8)
    flat = np.broadcast_to(colour, (128, 128, 3))
    assert np.mean([peak_signal_noise_ratio(p.ihc, flat) for p in pairs]) < 20
    assert np.mean([peak_signal_noise_ratio(p.ihc, p.he) for p in pairs]) < 15


# Registration


def test_registration_error_moves_the_ihc_alone():
    appearance = Appearance(registration_error=6, noise=0)
    aligned = make_pair("3+", appearance=NOISELESS)
    moved = make_pair("3+", appearance=appearance)
    assert np.array_equal(aligned.he, moved.he)
    assert np.array_equal(aligned.dab, moved.dab)
    assert np.abs(aligned.ihc.astype(int) - moved.ihc).mean() > 5


@pytest.mark.parametrize("index", range(3))
def test_rotation_error_turns_the_ihc_about_the_middle(index):
    tilted = Appearance(rotation_error=4, noise=0)
    aligned = make_pair("3+", 129, index=index, appearance=NOISELESS).ihc.astype(int)
    turned = make_pair("3+", 129, index=index, appearance=tilted).ihc
    moved = np.abs(aligned - turned).mean(-1)
    assert moved[62:67, 62:67].mean() < moved.mean() / 2


# Folders


@pytest.mark.parametrize("pairs, val, test", [(12, 4, 4), (16, 4, 4), (50, 5, 10)])
def test_every_split_holds_every_level(tmp_path, pairs, val, test):
    counts = write_phantom(tmp_path / "set", pairs, size=32)
    assert counts == {"train": pairs - val - test, "val": val, "test": test}
    for split, count in counts.items():
        names = [path.stem for path in (tmp_path / "set/HE" / split).iterdir()]
        assert len(names) == count
        assert {name.split("_")[1] for name in names} == {split}
        assert {name.split("_")[2] for name in names} == set(LEVELS)


def test_folder_holds_the_pairs_and_nothing_else(tmp_path):
    write_phantom(tmp_path / "set", 12, size=32, seed=3)
    he, ihc = files_under(tmp_path / "set/HE"), files_under(tmp_path / "set/IHC")
    assert he == ihc and len(he) == 12
    assert len(files_under(tmp_path)) == 24
    assert sorted(p.name for p in (tmp_path / "set").iterdir()) == ["HE", "IHC"]
    assert he[-1] == "val/00007_val_3+.png"
    pair = make_pair("3+", 32, seed=3, index=7)
    for stain, image in (("HE", pair.he), ("IHC", pair.ihc)):
        written = Image.open(tmp_path / "set" / stain / he[-1])
        assert np.array_equal(np.asarray(written), image)


def test_progress_counts_the_pairs(tmp_path):
    seen = []
    write_phantom(tmp_path / "set", 12, size=32, progress=seen.append)
    assert seen == list(range(1, 13))


def test_interrupted_writing_leaves_nothing(tmp_path):
    def stop(done):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_phantom(tmp_path / "set", 12, size=32, progress=stop)
    assert list(tmp_path.iterdir()) == []


def test_empty_folder_is_filled(tmp_path):
    write_phantom(tmp_path, 12, size=32)
    assert len(files_under(tmp_path)) == 24


# Errors


def message(error, call, *args, **kwargs):
    with pytest.raises(error) as raised:
        call(*args, **kwargs)
    return str(raised.value)


def test_folder_in_use_is_refused_and_kept(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    assert message(ValueError, write_phantom, tmp_path, 12, size=32) == (
        f"{tmp_path} is not empty. A phantom is written to a new or an empty folder. "
        "Give another folder, or remove this one first."
    )
    assert files_under(tmp_path) == ["notes.txt"]


def test_file_in_the_way_is_refused(tmp_path):
    (tmp_path / "set").write_text("mine")
    assert message(ValueError, write_phantom, tmp_path / "set", 12) == (
        f"{tmp_path / 'set'} is a file. A phantom is written to a new or an empty "
        "folder. Give another folder, or remove this one first."
    )


def test_unknown_level_lists_the_known():
    assert message(ValueError, make_pair, "4+") == (
        "Unknown HER2 level '4+'. Known: '0', '1+', '2+', '3+'."
    )


def test_too_small_a_patch_is_refused(tmp_path):
    expected = "`size` must be 32 pixels or more, to hold whole cells. Received: 31."
    assert message(ValueError, make_pair, "0", 31) == expected
    assert message(ValueError, write_phantom, tmp_path, 12, size=31) == expected


def test_too_few_pairs_are_refused(tmp_path):
    assert message(ValueError, write_phantom, tmp_path, 11) == (
        "A phantom needs 12 pairs or more, so that each of its splits "
        "(train, val, test) holds the levels 0, 1+, 2+, 3+. Received: 11."
    )


@pytest.mark.parametrize("name", ["registration_error", "rotation_error", "noise"])
def test_negative_spread_is_refused(name):
    assert message(ValueError, Appearance, **{name: -1}) == (
        f"`{name}` is a standard deviation. Received: -1. Give 0 or more."
    )


@pytest.mark.parametrize("white", [0, 1.1, (1, 1), (1, 1, 0)])
def test_impossible_white_point_is_refused(white):
    assert message(ValueError, Appearance, he_white_point=white) == (
        "`he_white_point` must be one fraction of full light in (0, 1], or three "
        f"(red, green, blue). Received: {white}."
    )


def test_appearance_cannot_be_changed_by_accident():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Appearance().noise = 3
