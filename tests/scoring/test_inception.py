import hashlib

import keras
import numpy as np
import pytest

from he2ihc_keras.data.images import write_image
from he2ihc_keras.scoring.inception import (
    WEIGHTS_FILE,
    WEIGHTS_URL,
    feature_distances,
    inception_features,
    load_inception,
)

WHERE_FROM = (
    f"Give {WEIGHTS_FILE} as `weights`, fetched from {WEIGHTS_URL} where there is a "
    "network, or 'imagenet' to let Keras download it."
)


def images(count, shape=(48, 64), seed=0):
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 256, (*shape, 3), np.uint8) for _ in range(count)]


@pytest.fixture(scope="module")
def network():
    """Random weights and the statistics of noise, for features that are not all 0."""
    keras.utils.set_random_seed(0)
    network = keras.applications.InceptionV3(
        include_top=False, weights=None, input_shape=(299, 299, 3), pooling="avg"
    )
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0
    coarse = np.kron(images(2, (75, 75)), np.ones((1, 4, 4, 1)))
    network(coarse[:, :299, :299] / 127.5 - 1, training=True)
    return network


@pytest.fixture(scope="module")
def weights(network, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "random.weights.h5"
    network.save_weights(path)
    return path


@pytest.fixture(scope="module")
def inception(weights):
    return load_inception(weights)


@pytest.fixture
def loaded_once(inception, monkeypatch):
    """`feature_distances` takes the network that is loaded: each loading is seconds."""
    loading = "he2ihc_keras.scoring.inception.load_inception"
    monkeypatch.setattr(loading, lambda weights: inception)


def test_features_are_those_of_keras_with_the_weights_of_the_file(network, inception):
    (image,) = images(1, shape=(299, 299))  # of Inception's size: not resized
    expected = network(image[None] / np.float32(127.5) - 1, training=False)
    found = inception_features(inception, [image])
    assert (found.shape, found.dtype) == ((1, 2048), np.float32)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)
    assert found.mean() > 1


def test_features_do_not_depend_on_the_batch(inception):
    patches = [*images(2), *images(1, (200, 30), seed=1)]
    together = inception_features(inception, patches, batch_size=3)
    apart = inception_features(inception, patches, batch_size=2)
    np.testing.assert_allclose(together, apart, rtol=1e-3, atol=1e-3)
    assert np.abs(together[0] - together[2]).max() > 1


def test_a_file_has_the_features_of_its_pixels(inception, tmp_path):
    patch, told = images(1)[0], []
    write_image(tmp_path / "a.png", patch)
    features = inception_features(
        inception,
        [tmp_path / "a.png", patch],
        doing="Looking",
        progress=lambda *now: told.append(now),
    )
    np.testing.assert_allclose(features[0], features[1], rtol=1e-3, atol=1e-3)
    assert told == [("Looking", done, 2) for done in range(3)]


def test_stripes_finer_than_inception_sees_are_grey_not_aliased(inception):
    stripes = np.zeros((1196, 1196, 3), np.uint8)
    stripes[:, ::2] = 255
    grey = np.full((299, 299, 3), 128, np.uint8)
    aliased = stripes[:299, :299]
    found, expected, other = inception_features(inception, [stripes, grey, aliased])
    np.testing.assert_allclose(found, expected, rtol=0.01, atol=0.05)
    assert np.abs(other - expected).max() > 1


@pytest.mark.usefixtures("loaded_once")
def test_a_set_is_at_no_distance_from_itself(weights):
    patches = images(4)
    distances = feature_distances(iter(patches), iter(patches[::-1]), weights)
    assert distances.fid == pytest.approx(0, abs=1e-6)
    assert distances.n == 4
    assert distances.note == (
        "FID and KID of 4 generated and 4 real images, resized to 299 x 299 pixels "
        "(Pillow, bicubic, antialiased), on features of Keras's InceptionV3 with the "
        "weights of random.weights.h5, which are not its ImageNet weights. They do "
        "not compare with numbers of pytorch-fid, whose weights and resizing are "
        "others. FID of 4 images in 2048 dimensions is biased upwards (its covariances "
        "have rank 3 at most): compare it only with a FID of as many images, or take "
        "KID, which has no such bias."
    )


@pytest.mark.usefixtures("loaded_once")
def test_imagenet_weights_are_known_by_name_and_by_checksum(weights, monkeypatch):
    checksum = hashlib.md5(weights.read_bytes()).hexdigest()
    monkeypatch.setattr("he2ihc_keras.scoring.inception._WEIGHTS_MD5", checksum)
    for known in ("imagenet", weights):
        note = feature_distances(images(2), images(2), known).note
        assert "on features of Keras's InceptionV3 with its ImageNet weights." in note


@pytest.mark.usefixtures("loaded_once")
def test_images_of_another_kind_are_further_away(weights):
    real, alike = images(4, seed=1), images(4, seed=2)
    dark = [image // 4 for image in alike]
    near, far = (feature_distances(real, other, weights) for other in (alike, dark))
    assert far.fid > near.fid > 1
    assert far.kid > near.kid + near.kid_sd


# Errors


def test_weights_must_be_a_file(tmp_path):
    with pytest.raises(ValueError) as error:
        load_inception(tmp_path / "none.h5")
    assert str(error.value) == f"{tmp_path / 'none.h5'} is no file. {WHERE_FROM}"


def other_weights(path):
    model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(3)])
    model.save_weights(path)


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("other.weights.h5", other_weights),
        ("text.h5", lambda path: path.write_text("none")),
        ("inception.pth", lambda path: path.write_text("none")),
    ],
)
def test_weights_must_be_inceptions(network, monkeypatch, tmp_path, name, write):
    monkeypatch.setattr("he2ihc_keras.scoring.inception._inception", lambda _: network)
    write(tmp_path / name)
    with pytest.raises(ValueError) as error:
        load_inception(tmp_path / name)
    first = f"{tmp_path / name} holds no weights of InceptionV3 without its top ("
    assert str(error.value).startswith(first)
    assert str(error.value).endswith(WHERE_FROM)


def test_without_a_network_it_is_said_where_the_weights_are(monkeypatch):
    def no_network(**arguments):
        raise Exception("URL fetch failure: name not known")

    monkeypatch.setattr(keras.applications, "InceptionV3", no_network)
    with pytest.raises(ValueError) as error:
        load_inception()
    assert str(error.value) == (
        "Keras could not download the weights of InceptionV3: URL fetch failure: name "
        f"not known. {WHERE_FROM}"
    )


@pytest.mark.parametrize(
    ("image", "kind", "message"),
    [
        (
            np.zeros((8, 8, 3)),
            TypeError,
            "`image` must be a uint8 array in [0, 255]. Received: float64. Convert a "
            "network's output with `he2ihc_keras.data.images.to_uint8`.",
        ),
        (
            np.zeros((8, 8), np.uint8),
            ValueError,
            "`image` must be RGB, of shape (height, width, 3). Received: (8, 8).",
        ),
    ],
)
def test_images_are_checked(inception, image, kind, message):
    with pytest.raises(kind) as error:
        inception_features(inception, [image])
    assert str(error.value) == message


def test_no_image_has_no_features(inception):
    with pytest.raises(ValueError) as error:
        inception_features(inception, [])
    assert str(error.value) == "There is no image to take features of."
