"""Image files to arrays and back, and the two ranges an image lives in.

Files, the command line and metrics hold uint8 in [0, 255]; networks hold float32 in
[-1, 1]. `to_float` and `to_uint8` are the only places that go from one to the other.
"""

import contextlib
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from he2ihc_keras.files import whole_file

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp")

_FORMATS = ("PNG", "JPEG", "TIFF", "BMP")
# Pillow's names of what becomes RGB without a choice that only the user can make:
# 1 bit, gray, palette, each with or without alpha.
_MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA")
_KINDS = {"I": "32-bit integer", "F": "32-bit float"}
_GLASS = (255, 255, 255, 255)
_EXIF_ORIENTATION = 0x0112
_OPENING = threading.Lock()


def read_image(path: str | Path) -> np.ndarray:
    """Read a PNG, JPEG, TIFF or BMP file.

    The content decides the format, not the name: BCI's files may be JPEG named .png.
    Gray, palette and 1-bit images become RGB. Opaque alpha is dropped; what is
    transparent is laid on white, which is how empty glass looks. Of an image without
    one visible pixel, that would be a guess, unless it holds one colour.

    Args:
        path: An image of 8 bits a channel.

    Returns:
        uint8 in [0, 255], `(height, width, 3)`, writable.

    Raises:
        ValueError: If the file is missing, truncated or not an image; if it holds more
            than 8 bits a channel, ink (CMYK) or several images; if it is stored
            rotated; if all its pixels are transparent and differ; or if it has more
            than `PIL.Image.MAX_IMAGE_PIXELS` pixels, 9459 x 9459 unless you change
            that.
    """
    with _opened(path) as image:
        return np.array(_as_rgb(image))


def image_size(path: str | Path) -> tuple[int, int]:
    """Read `(height, width)` from the header; no pixel is decoded.

    Raises:
        ValueError: As `read_image`, but a truncated file may pass.
    """
    with _opened(path) as image:
        return image.height, image.width


def write_image(path: str | Path, image: np.ndarray) -> None:
    """Write a PNG, whole or not at all.

    Args:
        path: A name that ends in .png, in a folder that exists.
        image: uint8 in [0, 255], `(height, width, 3)`.

    Raises:
        TypeError: If `image` is not uint8.
        ValueError: If `image` is not RGB, or `path` does not end in .png.
    """
    path, image = Path(path), np.asarray(image)
    if path.suffix.lower() != ".png":
        raise ValueError(
            f"Images are written as PNG. Received: {path}. Name it {path.stem}.png."
        )
    if image.dtype != np.uint8:
        raise TypeError(
            f"`image` must be uint8 in [0, 255]. Received: {image.dtype}. "
            "Convert a network's output with `to_uint8`."
        )
    if image.ndim != 3 or image.shape[-1] != 3 or 0 in image.shape:
        raise ValueError(
            f"`image` must be (height, width, 3). Received: {image.shape}. "
            "Write the images of a batch one by one."
        )
    with whole_file(path) as temporary:
        # Level 1 of 9: a tissue patch becomes 1 % larger and is written 3 times faster.
        Image.fromarray(image).save(temporary, format="PNG", compress_level=1)


def resize(image: np.ndarray, size: int) -> np.ndarray:
    """An image at `size` x `size`, bicubic and antialiased, as pix2pix's code scales.

    Args:
        image: uint8 `(height, width, 3)`.
        size: New height and width in pixels.

    Returns:
        uint8 `(size, size, 3)`.
    """
    if image.shape[:2] == (size, size):
        return image
    return np.array(
        Image.fromarray(image).resize((size, size), Image.Resampling.BICUBIC)
    )


def to_float(image):
    """Bring an image from [0, 255] to the range of networks, [-1, 1].

    Made of `keras.ops`: runs eagerly, inside a network and in a `tf.data` graph.

    Args:
        image: Any shape, uint8 or another number type, in [0, 255].

    Returns:
        float32 of the same shape, in [-1, 1].
    """
    from keras import ops

    # Exact, then rounded once: the same bits on every backend, compiled or not.
    return (ops.cast(image, "float32") - 127.5) * (1 / 127.5)


def to_uint8(image):
    """Bring a network's image from [-1, 1] to uint8, clipped and rounded.

    The inverse of `to_float`; runs in the same places.

    Args:
        image: Any shape, a float type; what lies outside [-1, 1] is clipped.

    Returns:
        uint8 of the same shape, in [0, 255].
    """
    from keras import ops

    scaled = (ops.cast(image, "float32") + 1.0) * 127.5
    return ops.cast(ops.round(ops.clip(scaled, 0.0, 255.0)), "uint8")


@contextlib.contextmanager
def _opened(path: str | Path) -> Iterator[Image.Image]:
    # What a decoder raises on a bad file has no common class; SyntaxError is Pillow's
    # word for a broken PNG.
    try:
        with _open(path) as image:
            yield image
    except _Refused as refused:
        raise ValueError(f"{path} {refused}") from None
    except Image.DecompressionBombError:
        raise ValueError(f"{path} {_too_large()}") from None
    except Image.UnidentifiedImageError:
        raise ValueError(
            f"{path} is not an image of a known kind. Expected the content of a PNG, "
            "JPEG, TIFF or BMP file, 8 bits a channel. Convert or remove it."
        ) from None
    except FileNotFoundError:
        raise ValueError(f"{path} does not exist.") from None
    except (OSError, SyntaxError, EOFError, ValueError, TypeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ValueError(
            f"{path} cannot be read: {reason}. Copy or download it again, or remove it."
        ) from error


def _open(path: str | Path) -> Image.Image:
    # Pillow warns of large images and of odd metadata; neither matters to pixels.
    # One thread at a time: `catch_warnings` swaps a list that all threads share.
    with _OPENING, warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")
        image = Image.open(path, formats=_FORMATS)
        try:
            _check(image)
        except BaseException:
            image.close()
            raise
    return image


class _Refused(Exception):
    """A readable file that is not one upright 8-bit image."""


def _check(image: Image.Image) -> None:
    # Beyond the limit Pillow warns at once and again as it decodes a TIFF; refused
    # here, no thread that decodes has a warning to hold back.
    limit = Image.MAX_IMAGE_PIXELS
    if limit is not None and image.width * image.height > limit:
        raise _Refused(_too_large())
    if image.mode not in _MODES or _is_16_bit(image):
        kind = "16-bit" if _is_16_bit(image) else _KINDS.get(image.mode, image.mode)
        raise _Refused(
            f"has {kind} pixels. Expected 8 bits a channel, RGB or gray. "
            "Convert it to an 8-bit RGB PNG."
        )
    frames = getattr(image, "n_frames", 1)
    if frames > 1:
        raise _Refused(
            f"holds {frames} images (a stack, a pyramid or an animation). Expected "
            "one. Save the one you need to a file of its own."
        )
    if _is_turned(image):
        raise _Refused(
            "is stored rotated or mirrored (Exif orientation). Expected it upright, "
            "as a registered pair is. Save it upright."
        )


def _too_large() -> str:
    return (
        f"has more pixels than `PIL.Image.MAX_IMAGE_PIXELS`, {Image.MAX_IMAGE_PIXELS}. "
        "Cut it into patches, or raise that limit if you trust the file."
    )


def _is_turned(image: Image.Image) -> bool:
    # A PNG that has no Exif up front is not asked: Pillow would decode its pixels.
    if image.format != "TIFF" and "exif" not in image.info:
        return False
    return image.getexif().get(_EXIF_ORIENTATION) in range(2, 9)


def _is_16_bit(image: Image.Image) -> bool:
    # Pillow would read these by their high byte, and 12-bit cameras as black. The
    # raw mode ends in a byte order (RGB;16B); BMP's 5-6-5 colours (BGR;16) do not.
    args = image.tile[0].args if image.tile else ""
    raw_mode = args if isinstance(args, str) else args[0]
    return raw_mode.endswith((";16B", ";16L", ";16N")) or image.mode.startswith("I;16")


def _as_rgb(image: Image.Image) -> Image.Image:
    if not image.has_transparency_data:
        return image.convert("RGB")
    image = image.convert("RGBA")
    *colours, alpha = image.getextrema()
    if alpha == (0, 0) and any(low != high for low, high in colours):
        raise _Refused(
            "is transparent in every pixel, and its colours differ: some programs "
            "leave the alpha of an opaque image at 0. Save it without alpha, as RGB, "
            "or remove it."
        )
    glass = Image.new("RGBA", image.size, _GLASS)
    return Image.alpha_composite(glass, image).convert("RGB")
