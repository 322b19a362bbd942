"""Protocols: what is done to two images before and while they are compared.

The same 977 images of BCI score 22.81 dB as the mean of per-image values and 19.96 dB
from their pooled error. A score without its protocol says nothing.
"""

import difflib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image

from he2ihc_keras import measures


@dataclass(frozen=True)
class Protocol:
    """How a number comes about.

    Attributes:
        name: What `--protocol` takes.
        how: What is measured and how it is averaged, in a line.
        source: Who scores like this.
        ssim: SSIM of two uint8 images.
        pooled: PSNR from the mean squared error of all pixels of all images, rather
            than the mean of each image's PSNR.
        scale_width: Width that images are scaled to first, in pixels, or `None`.
        centre: Side of the square in the middle that is compared, or `None`.
    """

    name: str
    how: str
    source: str
    ssim: Callable[[np.ndarray, np.ndarray], float] = measures.ssim
    pooled: bool = False
    scale_width: int | None = None
    centre: int | None = None

    @property
    def size(self) -> str:
        """At what size images are compared, in words."""
        if self.is_native:
            return "native size"
        return f"scaled to {self.scale_width}, middle {self.centre} x {self.centre}"

    @property
    def summary(self) -> str:
        """The protocol in a line."""
        return f"{self.size}; {self.how}"

    @property
    def is_native(self) -> bool:
        """Whether images are compared whole, at the size they have."""
        return self.scale_width is None and self.centre is None

    def factor(self, shape: tuple[int, ...]) -> float:
        """Pixels of the view per pixel of an image of this shape."""
        if self.scale_width is None or self._is_viewed(shape):
            return 1.0
        return self.scale_width / shape[1]

    def view(self, image: np.ndarray) -> np.ndarray:
        """The part of an image that is compared.

        Args:
            image: uint8 `(height, width, 3)`. One of the final size already, such as
                the authors' test command writes, is taken as it is.

        Returns:
            uint8 `(height, width, 3)`.
        """
        if self.is_native or self._is_viewed(image.shape):
            return image
        return _centre(_scaled(image, self.scale_width, self.centre), self.centre)

    def _is_viewed(self, shape):
        return tuple(shape[:2]) == (self.centre, self.centre)


BCI = Protocol(
    "bci",
    "SSIM 7 x 7 uniform, mean of per-image values",
    "`evaluate.py` of PyramidPix2pix, https://github.com/bupt-ai-cz/BCI",
)
BCI_README = Protocol(
    "bci-readme",
    "SSIM 7 x 7 uniform, mean of per-image values",
    "what the test command of PyramidPix2pix's README does: `TestOptions` sets "
    "scale_width_and_midcrop, load_size 320, crop_size 256",
    scale_width=320,
    centre=256,
)
POOLED = Protocol(
    "pooled",
    "PSNR of the error of all pixels of all images",
    "torchmetrics' PeakSignalNoiseRatio over a whole set",
    pooled=True,
)
GAUSSIAN = Protocol(
    "gaussian",
    "SSIM 11 x 11 Gaussian (sigma 1.5)",
    "torchmetrics, `tf.image.ssim`; Wang et al. (2004)",
    ssim=measures.gaussian_ssim,
)

PROTOCOLS = {
    protocol.name: protocol for protocol in (BCI, BCI_README, POOLED, GAUSSIAN)
}


def protocol(name: str) -> Protocol:
    """The protocol of a name.

    Raises:
        ValueError: If there is none of that name.
    """
    if name not in PROTOCOLS:
        near = difflib.get_close_matches(name, PROTOCOLS, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ValueError(
            f"Unknown protocol {name!r}. Known: {', '.join(PROTOCOLS)}.{hint}"
        )
    return PROTOCOLS[name]


def _scaled(image, width, least_height):
    # As `base_dataset.py` of PyramidPix2pix: the height is truncated, not rounded.
    height = int(max(width * image.shape[0] / image.shape[1], least_height))
    scaled = Image.fromarray(image).resize((width, height), Image.Resampling.BICUBIC)
    return np.array(scaled)


def _centre(image, side):
    top, left = ((length - side) // 2 for length in image.shape[:2])
    return image[top : top + side, left : left + side]
