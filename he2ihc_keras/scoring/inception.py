"""FID and KID of images, on features of Keras's InceptionV3.

    images -> resized, in threads -> InceptionV3 in batches -> features -> FID, KID

Numbers do not compare with those of pytorch-fid, torchmetrics or clean-fid: those have
the weights of the 2015 TensorFlow graph, and resize in other ways. Of two runs of ours
they compare.
"""

import hashlib
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from PIL import Image

from he2ihc_keras.measures import frechet_distance, kernel_distance, rank_note
from he2ihc_keras.measures.checks import check_image
from he2ihc_keras.scoring.results import AnyImage, pixels_of
from he2ihc_keras.scoring.streaming import Progress, stream

if TYPE_CHECKING:
    import keras

IMAGENET = "imagenet"
WEIGHTS_FILE = "inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5"
WEIGHTS_URL = (
    "https://storage.googleapis.com/tensorflow/keras-applications/inception_v3/"
    + WEIGHTS_FILE
)

_WEIGHTS_MD5 = "bcbd6486424b2319ff4ef7d526e38f63"
_SIZE = 299
_DIMENSIONS = 2048
_BATCH = 16


class FeatureDistances(NamedTuple):
    """How far a set of generated images is from the real ones, on Inception features.

    `fid` is 0 or more; `kid` may be negative, and `kid_sd` is its standard deviation
    over subsets. `n` is the number of generated images. `note` says what the numbers
    are and are not, in sentences to be printed beside them.
    """

    fid: float
    kid: float
    kid_sd: float
    n: int
    note: str

    def in_words(self) -> str:
        """KID, as papers give it times 1000, FID, and what they are not."""
        return (
            f"KID x 1000: {1000 * self.kid:.2f} (standard deviation over subsets "
            f"{1000 * self.kid_sd:.2f}). FID: {self.fid:.2f}. {self.note}"
        )


def feature_distances(
    real_images: Iterable[AnyImage],
    generated_images: Iterable[AnyImage],
    weights: str | Path = IMAGENET,
    *,
    inception: "keras.Model | None" = None,
    progress: Progress | None = None,
) -> FeatureDistances:
    """FID and KID of generated images, as a set, against real ones.

    Args:
        real_images: Real IHC, see `inception_features`.
        generated_images: Generated IHC, as many or not.
        weights: See `load_inception`.
        inception: What that gave of these weights, if it was loaded before.
        progress: See `he2ihc_keras.scoring.streaming.Progress`.

    Raises:
        ValueError: If the weights cannot be loaded, or a set has fewer than two images.
    """
    inception = inception or load_inception(weights)
    real, generated = (
        inception_features(inception, images, doing=doing, progress=progress)
        for images, doing in (
            (real_images, "Inception features of the real IHC"),
            (generated_images, "Inception features of the generated IHC"),
        )
    )
    kid = kernel_distance(real, generated)
    return FeatureDistances(
        frechet_distance(real, generated),
        kid.mean,
        kid.sd,
        len(generated),
        _note(len(real), len(generated), weights),
    )


def load_inception(weights: str | Path = IMAGENET) -> "keras.Model":
    """InceptionV3 without its top, to the mean over positions of its last features.

    Szegedy et al. (2016), https://arxiv.org/abs/1512.00567, as
    `keras.applications.InceptionV3` builds it, in float32.

    Args:
        weights: "imagenet", which Keras downloads once (88 MB) and keeps, or a file of
            weights: `WEIGHTS_FILE`, or any that Keras loads into this network.

    Returns:
        A model from `(batch, 299, 299, 3)` in [-1, 1] to `(batch, 2048)`.

    Raises:
        ValueError: If the file is missing or holds other weights, or the download
            fails.
    """
    if weights != IMAGENET and not Path(weights).is_file():
        raise ValueError(f"{weights} is no file. {_WHERE_FROM}")
    inception = _inception(IMAGENET if weights == IMAGENET else None)
    if weights != IMAGENET:
        _load(inception, Path(weights))
    return inception


def inception_features(
    inception: "keras.Model",
    images: Iterable[AnyImage],
    *,
    batch_size: int = _BATCH,
    doing: str = "Inception features",
    progress: Progress | None = None,
) -> np.ndarray:
    """Features of images, of which only a few batches are in memory at a time.

    Each image is resized to 299 x 299 pixels, whatever its shape, by Pillow's bicubic
    filter, which widens with the factor and so does not alias: a 1024 x 1024 patch
    loses what is finer than about 3.4 pixels.

    Args:
        inception: See `load_inception`.
        images: Image files, or uint8 arrays `(height, width, 3)` in [0, 255].
        batch_size: Images that the network sees at a time.
        doing: What `progress` is told.
        progress: See `he2ihc_keras.scoring.streaming.Progress`.

    Returns:
        float32 `(images, 2048)`, 0 or more.

    Raises:
        TypeError: If an array is not uint8.
        ValueError: If there is no image, or one is not RGB.
    """
    from keras.applications.inception_v3 import preprocess_input

    resized = stream(_resized, images, doing=doing, progress=progress)
    features = [
        np.asarray(inception.predict_on_batch(preprocess_input(batch)))
        for batch in _batches(resized, batch_size)
    ]
    if not features:
        raise ValueError("There is no image to take features of.")
    return np.concatenate(features)


_WHERE_FROM = (
    f"Give {WEIGHTS_FILE} as `weights`, fetched from {WEIGHTS_URL} where there is a "
    f"network, or {IMAGENET!r} to let Keras download it."
)


def _inception(weights):
    import keras

    try:
        with _in_float32():
            return keras.applications.InceptionV3(
                include_top=False,
                weights=weights,
                input_shape=(_SIZE, _SIZE, 3),
                pooling="avg",
            )
    except Exception as error:  # Keras raises a bare Exception for a failed download
        if weights is None:
            raise
        raise ValueError(
            f"Keras could not download the weights of InceptionV3: {error}. "
            f"{_WHERE_FROM}"
        ) from error


def _load(inception, path):
    try:
        with warnings.catch_warnings():
            # One for each layer that a file of another network lacks
            warnings.simplefilter("ignore", UserWarning)
            inception.load_weights(path)
    except (OSError, ValueError, KeyError) as error:
        raise ValueError(
            f"{path} holds no weights of InceptionV3 without its top "
            f"({str(error).splitlines()[0]}) {_WHERE_FROM}"
        ) from error


@contextmanager
def _in_float32():
    import keras

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _resized(image: AnyImage) -> np.ndarray:
    image = pixels_of(image)
    check_image("image", image)
    resized = Image.fromarray(image).resize((_SIZE, _SIZE), Image.Resampling.BICUBIC)
    return np.asarray(resized)


def _batches(images: Iterable[np.ndarray], size: int) -> Iterator[np.ndarray]:
    images = iter(images)
    while batch := list(islice(images, size)):
        yield np.stack(batch).astype(np.float32)


def _note(real, generated, weights):
    note = (
        f"FID and KID of {generated} generated and {real} real images, resized to "
        f"{_SIZE} x {_SIZE} pixels (Pillow, bicubic, antialiased), on features of "
        f"Keras's InceptionV3 with {_in_words(weights)}. They do not compare with "
        "numbers of pytorch-fid, whose weights and resizing are others."
    )
    return f"{note} {rank_note(min(real, generated), _DIMENSIONS)}".strip()


def _in_words(weights):
    if weights == IMAGENET or _md5(weights) == _WEIGHTS_MD5:
        return "its ImageNet weights"
    return f"the weights of {Path(weights).name}, which are not its ImageNet weights"


def _md5(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()
