import numpy as np
import pytest
from PIL import Image

from he2ihc_keras.measures import gaussian_ssim, ssim
from he2ihc_keras.scoring import PROTOCOLS, Generated, protocol, score_images


def patch(height, width, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (height, width, 3), np.uint8)


@pytest.mark.parametrize("name", ["bci", "pooled", "gaussian"])
def test_native_protocols_compare_whole_images(name):
    image = patch(40, 30)
    assert protocol(name).view(image) is image
    assert protocol(name).is_native


@pytest.mark.parametrize(("height", "width"), [(1024, 1024), (900, 700), (300, 512)])
def test_bci_readme_is_what_the_test_command_does(height, width):
    image = patch(height, width)
    scaled = Image.fromarray(image).resize(
        (320, max(int(320 * height / width), 256)), Image.Resampling.BICUBIC
    )
    top = (scaled.height - 256) // 2
    expected = np.array(scaled)[top : top + 256, 32 : 32 + 256]
    np.testing.assert_array_equal(protocol("bci-readme").view(image), expected)


def test_images_that_the_test_command_wrote_are_not_shrunk_again():
    written = patch(256, 256)
    assert protocol("bci-readme").view(written) is written


def test_generated_of_the_final_size_meets_the_middle_of_the_target():
    target = patch(512, 512)
    middle = protocol("bci-readme").view(target)
    scores = score_images(
        [Generated("a", None, fake_ihc=middle, ihc=target)],
        mean_colour=(0, 0, 0),
        protocol=protocol("bci-readme"),
    )
    assert scores.mean("ssim") == 1
    assert scores.images[0].size == (256, 256)


def test_gaussian_changes_ssim_alone():
    image = Generated("a", None, fake_ihc=patch(32, 32), ihc=patch(32, 32, seed=1))
    found = score_images(
        [image], mean_colour=(0, 0, 0), protocol=protocol("gaussian")
    ).images[0]
    assert found.scores["generated"]["ssim"] == gaussian_ssim(image.ihc, image.fake_ihc)
    assert protocol("bci").ssim is ssim


def test_every_protocol_names_its_source():
    assert all(p.source and p.how for p in PROTOCOLS.values())
    assert [p.name for p in PROTOCOLS.values()] == list(PROTOCOLS)


def test_an_unknown_protocol_lists_the_known():
    with pytest.raises(ValueError) as error:
        protocol("bci_readme")
    assert str(error.value) == (
        "Unknown protocol 'bci_readme'. Known: bci, bci-readme, pooled, gaussian. "
        "Did you mean 'bci-readme'?"
    )
