"""What every measure asks of the images that it is given."""

import numpy as np


def check_pair(ihc: np.ndarray, fake_ihc: np.ndarray) -> None:
    """Refuse what is not two uint8 RGB images of one size."""
    for name, image in (("ihc", ihc), ("fake_ihc", fake_ihc)):
        check_image(name, image)
    if ihc.shape != fake_ihc.shape:
        raise ValueError(
            "`ihc` and `fake_ihc` must have one size. Received: "
            f"{size_text(ihc)} and {size_text(fake_ihc)} (width x height). "
            "Score at the size of the real IHC."
        )


def check_image(name: str, image: np.ndarray) -> None:
    """Refuse what is not a uint8 RGB image; `name` is that of the argument."""
    if getattr(image, "dtype", None) != np.uint8:
        received = getattr(image, "dtype", type(image).__name__)
        raise TypeError(
            f"`{name}` must be a uint8 array in [0, 255]. Received: {received}. "
            "Convert a network's output with `he2ihc_keras.data.images.to_uint8`."
        )
    if image.ndim != 3 or image.shape[-1] != 3:
        raise ValueError(
            f"`{name}` must be RGB, of shape (height, width, 3). "
            f"Received: {image.shape}."
        )


def size_text(image: np.ndarray) -> str:
    """Width x height, as people say it."""
    height, width = image.shape[:2]
    return f"{width} x {height}"
