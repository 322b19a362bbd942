"""The readers on phantom pairs whose H&E does not tell the level."""

import pytest

from he2ihc_keras import data, training, zoo
from he2ihc_keras.scoring import levels
from he2ihc_keras.scoring.levels import HE_ALONE, NAME, NETWORK
from he2ihc_keras.scoring.scores import MEAN_COLOUR, REAL


@pytest.mark.slow
def test_real_ihc_tells_the_level_and_its_independent_he_does_not(tmp_path):
    data.write_phantom(tmp_path / "pairs", 120, size=128, independent_he=True)
    pairs = data.find_pairs(tmp_path / "pairs")
    for stain in ("ihc", "he"):
        quick = zoo.recipe("her2_level").quick().with_epochs(30)
        recipe = quick.override({"trainer.stain": stain})
        training.fit(recipe, pairs, tmp_path / stain)
    _, found = levels.read_run(tmp_path / "ihc", beside=[tmp_path / "he"])
    kappa = {
        method: found.agreement("kappa", NETWORK, method, NAME)
        for method in (REAL, MEAN_COLOUR, HE_ALONE)
    }
    assert kappa[REAL].value > 0.9
    assert kappa[MEAN_COLOUR].value == 0
    assert kappa[HE_ALONE].contains(0)
    assert found.difference("kappa", NETWORK, REAL, HE_ALONE, NAME).low > 0.4
