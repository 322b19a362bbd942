"""How sharp a generated IHC patch is: blur wins SSIM on every image of BCI."""

import math

import numpy as np

from he2ihc_keras.measures.checks import check_image, check_pair, size_text

# As in `skimage.color.rgb2gray`
_LUMINANCE = np.array([0.2125, 0.7154, 0.0721], np.float32)


def gradient_energy(image: np.ndarray) -> float:
    """Mean squared gradient of the luminance, by central differences.

    Args:
        image: Patch, uint8 `(height, width, 3)` in [0, 255], 2 x 2 pixels or more.

    Returns:
        Squared grey levels a pixel, 0 or more. It falls with blur, with contrast and
        with magnification: compare images of one field at one size.

    Raises:
        TypeError: If the image is not a uint8 array.
        ValueError: If the image is not RGB, or is below 2 x 2 pixels.
    """
    check_image("image", image)
    if min(image.shape[:2]) < 2:
        raise ValueError(
            "A gradient needs 2 x 2 pixels or more. "
            f"Received: {size_text(image)} (width x height)."
        )
    down, right = np.gradient(image @ _LUMINANCE)
    return float(np.mean(down**2 + right**2, dtype=np.float64))


def sharpness_ratio(ihc: np.ndarray, fake_ihc: np.ndarray) -> float:
    """Gradient energy of the generated patch over that of the real one.

    Args:
        ihc: Real IHC patch, uint8 `(height, width, 3)` in [0, 255], 2 x 2 pixels or
            more.
        fake_ihc: Generated patch of the same shape and range.

    Returns:
        1 for an equally sharp patch, below 1 for a blurred, 0 for a flat one, above 1
        for a noisy one; `inf` where only the real one is flat, and 1 where both are.

    Raises:
        TypeError: If an image is not a uint8 array.
        ValueError: If an image is not RGB or is below 2 x 2 pixels, or the two differ
            in size.
    """
    check_pair(ihc, fake_ihc)
    real, fake = gradient_energy(ihc), gradient_energy(fake_ihc)
    if real == 0:
        return 1.0 if fake == 0 else math.inf
    return fake / real
