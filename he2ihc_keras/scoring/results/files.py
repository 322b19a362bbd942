"""Images on disk: the parts of files, and which of them belong together."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from he2ihc_keras.data.images import image_size, read_image
from he2ihc_keras.data.pairs import size_text

FAKE_IHC, IHC, HE = ROLES = ("fake_ihc", "ihc", "he")


class ImageFile(NamedTuple):
    """An image on disk: a file, or one of the equal parts that lie in it side by side.

    Attributes:
        path: The file.
        part: Which part, from 0 at the left.
        parts: How many images the file holds.
    """

    path: Path
    part: int = 0
    parts: int = 1

    def read(self) -> np.ndarray:
        """Read the image, uint8 in [0, 255], `(height, width, 3)`.

        Raises:
            ValueError: As `he2ihc_keras.data.images.read_image`, and if the file cannot
                be cut into parts of one width.
        """
        image = read_image(self.path)
        width = self._width(image.shape)
        return image[:, self.part * width : (self.part + 1) * width]

    def size(self) -> tuple[int, int]:
        """Read `(height, width)` as `image_size` does, and raise as `read` does."""
        shape = image_size(self.path)
        return shape[0], self._width(shape)

    def _width(self, shape):
        width, rest = divmod(shape[1], self.parts)
        if rest:
            raise ValueError(
                f"{self.path} is {size_text(shape)}, a width that {self.parts} does "
                f"not divide. Expected {self.parts} images of one width side by side."
            )
        return width


# An image wherever it is: pixels are uint8 (height, width, 3)
AnyImage = Path | ImageFile | np.ndarray


def pixels_of(image: AnyImage) -> np.ndarray:
    """The pixels of an image, read if they are not in memory yet."""
    if isinstance(image, np.ndarray):
        return image
    return image.read() if isinstance(image, ImageFile) else read_image(image)


class ImageSet(NamedTuple):
    """Images of one role.

    Attributes:
        place: Where they lie, in words.
        files: By name: the stem without the label of its role, in Unicode's NFC, as a
            name typed on one system and one unpacked on another differ in bytes alone.
        doubled: Files that share a name, "a.jpg and a.png", and are left out.
    """

    place: str
    files: dict[str, ImageFile]
    doubled: tuple[str, ...] = ()


class ResultFiles(NamedTuple):
    """The images of one patch.

    Attributes:
        name: File name without suffix and without what a method added to it:
            `00001_test_1+` of `00001_test_1+_fake_B.png`.
        fake_ihc: The generated IHC.
        ihc: The real one.
        he: The H&E, where there is one.
    """

    name: str
    fake_ihc: ImageFile
    ihc: ImageFile
    he: ImageFile | None


class ImageSets(NamedTuple):
    """The images of each role, under the names that they share."""

    fake_ihc: ImageSet
    ihc: ImageSet
    he: ImageSet | None

    def rows(self) -> list[ResultFiles]:
        """Rows of the names that have both a generated and a real image."""
        he = self.he.files if self.he else {}
        fake_ihc, ihc = self.fake_ihc.files, self.ihc.files
        return [
            ResultFiles(name, fake_ihc[name], ihc[name], he.get(name))
            for name in sorted(fake_ihc.keys() & ihc.keys())
        ]
