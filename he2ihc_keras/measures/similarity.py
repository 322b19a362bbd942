"""How alike two IHC patches are: PSNR and SSIM, as BCI's papers count them.

`psnr` and `ssim` are scikit-image's defaults on uint8 RGB, the measures of
`evaluate.py` of PyramidPix2pix (https://github.com/bupt-ai-cz/BCI). `tf.image.ssim`
and torchmetrics measure SSIM under a Gaussian window, here `gaussian_ssim`, which is
0.015 to 0.04 higher on BCI: numbers of the two kinds do not compare.
"""

import numpy as np

from he2ihc_keras.measures.checks import check_pair, size_text

_UNIFORM_WINDOW, _GAUSSIAN_WINDOW = 7, 11
# A strip of this many rows stays in the processor's cache: 2.4 times faster on
# 1024 x 1024 pixels than one call of scikit-image, in 9 MB rather than 128 MB.
_STRIP_ROWS = 64


def psnr(ihc: np.ndarray, fake_ihc: np.ndarray) -> float:
    """Peak signal-to-noise ratio, 10 log10(255**2 / MSE).

    Args:
        ihc: Real IHC patch, uint8 `(height, width, 3)` in [0, 255].
        fake_ihc: Generated patch of the same shape and range.

    Returns:
        Decibels, higher is better; `inf` for identical images, so that a mean over
        images which holds an identical pair is `inf` too.

    Raises:
        TypeError: If an image is not a uint8 array.
        ValueError: If an image is not RGB, or the two differ in size.
    """
    from skimage.metrics import peak_signal_noise_ratio

    check_pair(ihc, fake_ihc)
    with np.errstate(divide="ignore"):  # identical images: 255**2 / 0 = inf
        return float(peak_signal_noise_ratio(ihc, fake_ihc, data_range=255))


def ssim(ihc: np.ndarray, fake_ihc: np.ndarray) -> float:
    """Structural similarity of Wang et al. (2004), mean of the three channels.

    Under a uniform window of 7 x 7 pixels, with sample covariance and without the
    three outermost pixels: scikit-image's defaults, not the Gaussian of the paper.

    Args:
        ihc: Real IHC patch, uint8 `(height, width, 3)` in [0, 255], 7 x 7 pixels or
            more.
        fake_ihc: Generated patch of the same shape and range.

    Returns:
        Similarity in [-1, 1]; 1 for identical images.

    Raises:
        TypeError: If an image is not a uint8 array.
        ValueError: If an image is not RGB or is below 7 x 7 pixels, or the two differ
            in size.
    """
    return _ssim(ihc, fake_ihc, _UNIFORM_WINDOW)


def gaussian_ssim(ihc: np.ndarray, fake_ihc: np.ndarray) -> float:
    """Structural similarity of Wang et al. (2004) under their Gaussian window.

    11 x 11 pixels, sigma 1.5, population covariance, windows inside the image only,
    mean of the three channels: `tf.image.ssim` and torchmetrics.

    Args:
        ihc: Real IHC patch, uint8 `(height, width, 3)` in [0, 255], 11 x 11 pixels or
            more.
        fake_ihc: Generated patch of the same shape and range.

    Returns:
        Similarity in [-1, 1]; 1 for identical images.

    Raises:
        TypeError: If an image is not a uint8 array.
        ValueError: If an image is not RGB or is below 11 x 11 pixels, or the two
            differ in size.
    """
    return _ssim(
        ihc,
        fake_ihc,
        _GAUSSIAN_WINDOW,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )


def _ssim(ihc, fake_ihc, window, **options):
    from skimage.metrics import structural_similarity

    check_pair(ihc, fake_ihc)
    _check_window_fits(ihc, window)
    # Each window lies in exactly one strip, so the strips' means, weighted by their
    # rows of windows, are the mean over the whole image.
    total, rows = 0.0, ihc.shape[0] - (window - 1)
    for top in range(0, rows, _STRIP_ROWS):
        strip_rows = min(_STRIP_ROWS, rows - top)
        strip = slice(top, top + strip_rows + window - 1)
        total += strip_rows * structural_similarity(
            ihc[strip],
            fake_ihc[strip],
            win_size=window,
            channel_axis=-1,
            data_range=255,
            **options,
        )
    return float(total / rows)


def _check_window_fits(image, window):
    if min(image.shape[:2]) < window:
        raise ValueError(
            f"SSIM needs {window} x {window} pixels or more, the size of its window. "
            f"Received: {size_text(image)} (width x height)."
        )
