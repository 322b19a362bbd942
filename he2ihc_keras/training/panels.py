"""Sample panels: H&E, real IHC and generated IHC side by side."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

_GAP, _HEADER, _SMALLEST = 8, 28, 192


def sample_panel(
    rows: Sequence[Sequence[np.ndarray]],
    titles: Sequence[str] = ("H&E", "real IHC", "generated IHC"),
    captions: Sequence[str] = (),
) -> np.ndarray:
    """Rows of pictures, such as `(he, ihc, fake_ihc)`, as one with titles.

    Args:
        rows: Images uint8 `(height, width, 3)`, all of one size. Small ones are shown
            at a whole multiple of their size.
        titles: Of the columns.
        captions: Text to the right of each row; none if not given.

    Returns:
        The picture, uint8 `(height, width, 3)`.
    """
    height, width, _ = rows[0][0].shape
    zoom = max(1, -(-_SMALLEST // min(height, width)))
    cell_height, cell_width = height * zoom, width * zoom
    columns = len(rows[0]) + bool(captions)
    panel = Image.new(
        "RGB",
        (
            columns * (cell_width + _GAP) + _GAP,
            _HEADER + len(rows) * (cell_height + _GAP),
        ),
        "white",
    )
    draw, font = ImageDraw.Draw(panel), ImageFont.load_default(size=16)
    for column, title in enumerate(titles[: len(rows[0])]):
        left = _GAP + column * (cell_width + _GAP)
        middle = (left + cell_width // 2, _HEADER // 2)
        draw.text(middle, title, fill="black", font=font, anchor="mm")
        for row, images in enumerate(rows):
            image = Image.fromarray(np.asarray(images[column]))
            image = image.resize((cell_width, cell_height), Image.Resampling.NEAREST)
            panel.paste(image, (left, _HEADER + row * (cell_height + _GAP)))
    for row, caption in enumerate(captions):
        left = _GAP + (columns - 1) * (cell_width + _GAP)
        middle = _HEADER + row * (cell_height + _GAP) + cell_height // 2
        draw.text((left, middle), caption, fill="black", font=font, anchor="lm")
    return np.asarray(panel)
