"""`he2ihc-keras predict`."""

from he2ihc_keras.recipe import Recipe
from helpers import lively_generator, run_command, write_pairs

RECIPE = Recipe.from_dict(
    {
        "name": "resizes",
        "trainer": {"name": "supervised"},
        "networks": {"generator": {"name": "unet", "filters": 4, "depth": 2}},
        "data": {"fit": "resize", "patch_size": 32},
    }
)


def test_an_image_that_cannot_be_read_stops_none_of_a_recipe_that_resizes(tmp_path):
    run, he = tmp_path / "run", tmp_path / "he"
    for folder in (run, he):
        folder.mkdir()
    (run / "recipe.toml").write_text(RECIPE.to_toml())
    lively_generator().save(run / "model.keras")
    write_pairs(he, 2, ihc_is_he=True)
    (he / "a.png").write_bytes(b"no image")
    result = run_command("predict", run, he, "--out", tmp_path / "out")
    assert result.exit_code == 1
    assert "trained on images resized to 32 x 32 pixels; yours" in result.output
    assert f"2 of 3 images stained: {tmp_path / 'out'}" in result.output
    assert f"Failed:\n{he / 'a.png'} is not an image of a known kind." in result.output
