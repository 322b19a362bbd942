"""The Gaussian pyramid of PyramidPix2pix, as its authors' code computes it."""

import numpy as np
from keras import ops

_BLURS_PER_OCTAVE = 4


def gaussian_pyramid(images, levels: int) -> list:
    """Images at scales 1, 1/2, 1/4, ...: the octaves of Liu et al. (2022), section 3.2.

    https://arxiv.org/abs/2204.11425. An octave is four blurs (3x3, sigma 1, reflected
    border) and every second pixel. A symmetric blur keeps a reflected signal
    reflected, so the four blurs are one of 9 taps, and the border is padded once.
    The pyramid is linear: that of a difference is the difference of two.

    Args:
        images: `(batch, height, width, channels)`, any range; both sizes known and at
            least 5 at each level that is halved.
        levels: Number of scales, the first being the images themselves.

    Returns:
        `levels` float32 tensors; height and width are halved (rounded up) each time.

    Raises:
        ValueError: If the images are too small for so many levels.
    """
    check_levels(images.shape[1:3], levels)
    pyramid = [ops.cast(images, "float32")]
    for _ in range(levels - 1):
        pyramid.append(_octave(pyramid[-1]))
    return pyramid


def _octave(images):
    channels = images.shape[-1]
    taps = _octave_taps()
    kernel = np.outer(taps, taps)[:, :, None, None].repeat(channels, axis=2)
    border = (len(taps) // 2,) * 2
    padded = ops.pad(images, ((0, 0), border, border, (0, 0)), mode="reflect")
    return ops.depthwise_conv(padded, kernel.astype("float32"), strides=2)


def _octave_taps():
    """Four blurs of 3 taps, sigma 1, in one: 9 taps."""
    blur = np.exp(-(np.array([-1.0, 0.0, 1.0]) ** 2) / 2)
    blur /= blur.sum()
    taps = np.ones(1)
    for _ in range(_BLURS_PER_OCTAVE):
        taps = np.convolve(taps, blur)
    return taps


def check_levels(size, levels: int) -> None:
    """Refuses a `(height, width)` that cannot be halved so often."""
    smallest = _BLURS_PER_OCTAVE + 1
    sides = [side for side in size if side is not None]
    halved = [-(-side // 2**level) for side in sides for level in range(levels - 1)]
    if any(side < smallest for side in halved):
        needed = (smallest - 1) * 2 ** (levels - 2) + 1
        raise ValueError(
            f"A pyramid of {levels} levels needs images of at least {needed} x "
            f"{needed} pixels. Received: {size[0]} x {size[1]}. Use fewer "
            "`pyramid_weights` or a larger patch."
        )
