"""Pairs that lie elsewhere than when they were recorded."""

import dataclasses
import hashlib
import shutil

import pytest

from he2ihc_keras import data
from he2ihc_keras.data.images import write_image
from helpers import noise_image, refusal, write_pairs


def bci(root):
    """Four pairs of noise in BCI's layout: three to train on, one of the test."""
    for split, names in (("train", "abc"), ("test", "d")):
        for name in names:
            for stain, seed in (("HE", 0), ("IHC", 1000)):
                folder = root / stain / split
                folder.mkdir(parents=True, exist_ok=True)
                image = noise_image(12, 12, seed=seed + ord(name))
                write_image(folder / f"{name}.png", image)
    return root


@pytest.fixture
def recorded(tmp_path):
    return list(data.inspect(bci(tmp_path / "old")).pairs)


@pytest.fixture
def moved(tmp_path, recorded):
    """A copy of the data; the old place is gone."""
    (tmp_path / "old").rename(tmp_path / "new")
    return tmp_path / "new"


def test_digest_is_that_of_the_bytes_and_is_recorded(tmp_path, recorded):
    he = hashlib.sha256(recorded[0].he.read_bytes()).hexdigest()
    ihc = hashlib.sha256(recorded[0].ihc.read_bytes()).hexdigest()
    assert (recorded[0].he_sha256, recorded[0].ihc_sha256) == (he, ihc)
    data.write_pairs_csv(tmp_path / "pairs.csv", recorded)
    [back, *_] = data.read_pairs_csv(tmp_path / "pairs.csv")
    assert (back.he_sha256, back.ihc_sha256) == (he, ihc)


def test_record_of_version_0_1_is_read_without_digests(tmp_path, recorded):
    path = tmp_path / "pairs.csv"
    lines = ["split,level,he,ihc,side_by_side"]
    lines += [f"{pair.split},,{pair.he},{pair.ihc},no" for pair in recorded]
    path.write_text("\n".join(lines))
    back = data.read_pairs_csv(path)
    assert (back, back[0].he_sha256) == (recorded, "")


def test_file_of_a_side_by_side_pair_has_one_digest(tmp_path):
    [pair] = data.with_digests(
        [dataclasses.replace(write_pairs(tmp_path, 1, ihc_is_he=True)[0])]
    )
    assert pair.he_sha256 == pair.ihc_sha256 != ""


def test_same_bytes_elsewhere_are_the_same_pairs_in_their_order(recorded, moved):
    found = data.find_pairs(moved)
    here = data.relocated(recorded, reversed(found))
    assert here == found
    assert [p.he_sha256 for p in here] == [p.he_sha256 for p in recorded]


def test_nothing_is_read_where_the_files_are_the_same_ones(tmp_path, recorded):
    (tmp_path / "link").symlink_to(tmp_path / "old")
    found = data.find_pairs(tmp_path / "link")
    seen = []
    here = data.relocated(recorded, found, progress=lambda *done: seen.append(done))
    assert (here, seen) == (recorded, [])


def test_what_differs_is_told_by_kind_and_name(recorded, moved):
    for stain in ("HE", "IHC"):
        folder = moved / stain / "train"
        shutil.copy(folder / "a.png", folder / "new.png")
        (folder / "b.png").unlink()
        (folder / "c.png").rename(moved / stain / "test" / "c.png")
    found = data.find_pairs(moved, validation_fraction=0)
    training = [dataclasses.replace(p, split="train") for p in recorded[:-1]]
    message = refusal(data.relocated, [*training, recorded[-1]], found)
    assert message.splitlines()[1:-1] == [
        "  1 missing: train/b",
        "  1 additional: train/new",
        "  1 in another split: c (train, now test)",
    ]


def test_pair_that_changed_by_a_byte_is_named(recorded, moved):
    image = moved / "IHC" / "test" / "d.png"
    image.write_bytes(image.read_bytes() + b"\0")
    message = refusal(data.relocated, recorded, data.find_pairs(moved))
    assert message.splitlines()[1:-1] == ["  1 changed: test/d"]
