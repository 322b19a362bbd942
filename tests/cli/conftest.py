import pytest

from he2ihc_keras.data import phantom


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Sixteen pairs of 48 x 48 pixels, in BCI's layout."""
    root = tmp_path_factory.mktemp("data") / "phantom"
    phantom.write_phantom(root, 16, size=48)
    return root
