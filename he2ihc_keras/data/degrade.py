"""Degraded patches: out of focus, of another light, compressed.

A network that reads a stain has seen real images alone; generated ones are blurred, and
of other colours. So that it does not take these for a level, it meets them in training.
"""

import io

import numpy as np
from PIL import Image
from scipy import ndimage

DRAWS = 8

# At strength 1
_BLUR = 2.0  # largest sigma, pixels
_GAIN = 0.08  # largest change of the light, and of each channel of it
_WORST, _BEST = 40, 95  # JPEG quality
# Share of the patches that each change leaves alone
_SPARED = 0.5


def degraded(image: np.ndarray, draws: np.ndarray, strength: float) -> np.ndarray:
    """A patch as a poor microscope, a poor scanner and a small file leave it.

    The same on every backend: NumPy, SciPy and Pillow alone.

    Args:
        image: uint8 `(height, width, 3)`.
        draws: `DRAWS` random numbers in [0, 1): the first three say whether it is
            blurred and compressed and of another light, half of the time each; the
            others how much.
        strength: In [0, 1]; 0 changes nothing.

    Returns:
        uint8 of the same shape.
    """
    is_blurred, is_compressed, is_lit = draws[:3] >= _SPARED
    if not strength:
        return image
    if is_blurred:
        image = _blurred(image, strength * _BLUR * draws[3])
    if is_lit:
        image = _lit(image, strength * _GAIN * (2 * draws[4:7] - 1))
    if is_compressed:
        quality = _BEST - strength * (_BEST - _WORST) * draws[7]
        image = _compressed(image, round(quality))
    return image


def _blurred(image, sigma):
    soft = ndimage.gaussian_filter(image, (sigma, sigma, 0), output=np.float32)
    return np.rint(soft).astype(np.uint8)


def _lit(image, change):
    return np.rint(np.clip(image * (1 + change), 0, 255)).astype(np.uint8)


def _compressed(image, quality):
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))
