import numpy as np
import pytest

from he2ihc_keras.training.panels import _GAP, _HEADER, sample_panel
from helpers import noise_image


def noise_rows(count, height, width, columns=3):
    numbers = iter(range(count * columns))
    return [
        [noise_image(height, width, next(numbers)) for _ in range(columns)]
        for _ in range(count)
    ]


def cell(panel, row, column, height, width):
    """What a panel shows in a place; heights and widths are those on the panel."""
    top = _HEADER + row * (height + _GAP)
    left = _GAP + column * (width + _GAP)
    return panel[top : top + height, left : left + width]


@pytest.mark.parametrize(
    ("height", "width", "zoom"),
    [(192, 200, 1), (300, 192, 1), (191, 200, 2), (64, 96, 3), (1, 2, 192)],
)
@pytest.mark.parametrize("count", [1, 3])
def test_each_image_stands_in_its_cell_at_a_whole_multiple(height, width, zoom, count):
    rows = noise_rows(count, height, width)
    panel = sample_panel(rows)
    for row, images in enumerate(rows):
        for column, image in enumerate(images):
            shown = cell(panel, row, column, height * zoom, width * zoom)
            np.testing.assert_array_equal(shown, image.repeat(zoom, 0).repeat(zoom, 1))


def test_panel_is_as_large_as_its_cells_gaps_and_titles():
    panel = sample_panel(noise_rows(2, 200, 210))
    assert panel.shape == (28 + 2 * (200 + 8), 8 + 3 * (210 + 8), 3)
    assert panel.dtype == np.uint8


def test_between_images_is_white():
    rows = noise_rows(2, 200, 210)
    panel = np.array(sample_panel(rows))
    for row in range(2):
        for column in range(3):
            cell(panel, row, column, 200, 210)[:] = 255
    assert (panel[_HEADER:] == 255).all()


@pytest.mark.parametrize("columns", [1, 2, 3])
def test_each_column_has_a_title_of_its_own(columns):
    panel = sample_panel(noise_rows(1, 200, 210, columns))
    header = panel[:_HEADER, _GAP:].reshape(_HEADER, columns, 218, 3)
    titles = [header[:, column] for column in range(columns)]
    assert all((title < 128).any() for title in titles)
    assert len({title.tobytes() for title in titles}) == columns


def test_images_are_left_as_they_were():
    rows = noise_rows(1, 200, 210)
    sample_panel(rows)
    np.testing.assert_array_equal(rows, noise_rows(1, 200, 210))


def test_caption_stands_to_the_right_of_its_row():
    rows = noise_rows(2, 200, 210, 2)
    panel = sample_panel(rows, ("H&E", "real IHC"), ("slide 0", "slide 3+\nread 2+"))
    beside = [cell(panel, row, 2, 200, 210) for row in range(2)]
    assert all((text < 128).any() for text in beside)
    assert not np.array_equal(*beside)
    assert np.array_equal(cell(panel, 1, 1, 200, 210), rows[1][1])
