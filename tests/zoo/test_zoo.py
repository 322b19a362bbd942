import re
from pathlib import Path

import pytest

from he2ihc_keras import models, zoo
from he2ihc_keras.recipe import parse_setting
from he2ihc_keras.training import build_trainer
from helpers import refusal

ROOT = Path(__file__).parents[2]
HEADINGS = [
    "## What it does",
    "## Input and output",
    "## Data",
    "## Training",
    "## Scores",
    "## Limits",
    "## References",
]

every_name = pytest.mark.parametrize("name", zoo.names())
STAINING = (*models.generators(), *models.of_kind("denoiser"))
every_generator = pytest.mark.parametrize("name", STAINING)


@every_generator
def test_generator_has_a_recipe_of_its_name(name):
    staining = next(iter(zoo.recipe(name).networks.values()))
    assert staining.name == name


@every_generator
def test_model_is_four_files_of_one_name(name):
    for file in (
        f"he2ihc_keras/models/{name}.py",
        f"zoo/{name}.toml",
        f"zoo/{name}.md",
        f"tests/models/test_{name}.py",
    ):
        assert (ROOT / file).is_file(), file


# Recipes

BRIDGES = ("bridge", "bridge_i2sb", "bridge_bbdm")


@every_name
def test_recipe_has_the_name_of_its_file_and_says_how_to_run_it(name):
    assert zoo.recipe(name).name == name
    text = (ROOT / "zoo" / f"{name}.toml").read_text(encoding="utf-8")
    assert f"he2ihc-keras train {name} --data " in text


@every_name
def test_recipe_becomes_a_trainer_that_takes_its_patches(name):
    for recipe in (zoo.recipe(name), zoo.recipe(name).quick()):
        # Filters do not change a stride, and few of them are built faster.
        small = {f"networks.{role}.filters": 4 for role in recipe.networks}
        trainer = build_trainer(recipe.override(small), steps=1)
        assert [*trainer.optimizer.players] == [*recipe.optimizer]


@every_name
def test_discriminator_is_the_patchgan_where_there_is_one(name):
    discriminator = zoo.recipe(name).networks.get("discriminator")
    assert discriminator is None or discriminator.name == "patchgan"


@every_name
def test_mpp_is_that_of_the_patches_as_the_network_sees_them(name):
    data = zoo.recipe(name).data
    bci_mpp, bci_side = 0.46, 1024
    scale = bci_side / data.patch_size if data.fit == "resize" else 1
    assert data.mpp == pytest.approx(bci_mpp * scale)


@every_name
def test_quick_start_is_smaller_than_the_published_run(name):
    recipe, quick = zoo.recipe(name), zoo.recipe(name).quick()
    for small, full in zip(
        quick.networks.values(), recipe.networks.values(), strict=True
    ):
        assert small.options["filters"] < full.options["filters"]
    assert quick.data.patch_size < recipe.data.patch_size


@every_name
def test_quick_start_cuts_patches_from_a_phantom_that_is_large_enough(name):
    phantom, quick = zoo.recipe(name).quick_start["phantom"], zoo.recipe(name).quick()
    assert set(phantom) == {"pairs", "size"}
    assert phantom["size"] >= quick.data.patch_size
    assert phantom["pairs"] >= 10 * quick.fit.batch_size


def test_attn_pyramid_is_trained_as_in_the_report():
    recipe = zoo.recipe("attn_pyramid")
    assert (recipe.data.patch_size, recipe.data.fit) == (512, "resize")
    assert (recipe.fit.epochs, recipe.fit.decay_epochs) == (10, 0)
    assert recipe.optimizer["generator"].learning_rate == 2e-4


def test_bridges_differ_as_their_authors_do():
    label = {name: zoo.recipe(name).trainer.options for name in BRIDGES}
    told = ("label", "error", "schedule", "noise")
    assert [[label[name][key] for key in told] for name in BRIDGES] == [
        ["ihc", "absolute", "i2sb", 0.3],
        ["scaled", "squared", "i2sb", 0.3],
        ["difference", "absolute", "bbdm", 1.0],
    ]
    assert len({str(zoo.recipe(name).networks) for name in BRIDGES}) == 1


def test_unet_gan_is_the_unet_trained_as_pyramid_pix2pix():
    recipe, trained_as = zoo.recipe("unet_gan"), zoo.recipe("pyramid_pix2pix")
    assert recipe.networks["generator"] == zoo.recipe("unet").networks["generator"]
    patchgan = trained_as.networks["discriminator"]
    assert recipe.networks["discriminator"] == patchgan
    for part in ("trainer", "optimizer", "data", "fit"):
        assert getattr(recipe, part) == getattr(trained_as, part), part


def test_cyclegan_is_trained_as_by_its_authors():
    recipe = zoo.recipe("cyclegan")
    assert recipe.trainer.options == {
        "cycle_he": 10.0,
        "cycle_ihc": 10.0,
        "identity": 0.5,
        "pool": 50,
        "aligned": False,
        "average": 0.0,
    }
    assert recipe.needs == ("unpaired",)
    assert (recipe.fit.epochs, recipe.fit.decay_epochs) == (200, 100)
    assert (recipe.fit.batch_size, recipe.data.patch_size) == (1, 256)
    for network in list(recipe.networks.values())[2:]:
        options = network.options
        assert (options["inputs"], options["normalization"]) == (1, "instance")


def test_settings_of_the_card_make_cyclegan_that_of_bci():
    card = " ".join(zoo.card("cyclegan").split())
    settings = re.findall(r"--set ([\w.]+=\w+)", card)
    recipe = zoo.recipe("cyclegan").override(dict(map(parse_setting, settings)))
    norms = {n.options["normalization"] for n in recipe.networks.values()}
    assert norms == {"batch"}
    assert recipe.needs == ("paired",)
    assert (recipe.fit.batch_size, recipe.data.patch_size) == (2, 1024)


# Cards


@every_name
def test_card_has_its_headings_in_order(name):
    lines = zoo.card(name).splitlines()
    assert [line for line in lines if line.startswith("## ")] == HEADINGS


@every_name
def test_card_is_titled_by_the_name_and_warns(name):
    card = zoo.card(name)
    assert card.splitlines()[0] == f"# {name}"
    assert "Not for diagnosis" in card.partition("## Limits")[2]


@every_name
def test_summary_is_one_whole_sentence_of_the_card(name):
    summary = zoo.summary(name)
    card = " ".join(zoo.card(name).partition("## What it does")[2].split())
    assert card.startswith(summary)
    assert len(summary) > 30
    assert not summary.endswith(("al.", "e.g.", "i.e.", "vs."))


# Unknown names


@pytest.mark.parametrize("lookup", [zoo.recipe, zoo.card, zoo.summary])
def test_unknown_name_is_answered_with_the_known(lookup):
    assert refusal(lookup, "unett") == (
        f"Unknown model 'unett'. Known: {', '.join(zoo.names())}. Did you mean 'unet'?"
    )


def test_name_like_no_other_gets_no_suggestion():
    assert refusal(zoo.recipe, "../secret") == (
        f"Unknown model '../secret'. Known: {', '.join(zoo.names())}."
    )
