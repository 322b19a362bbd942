import dataclasses
import tomllib

import pytest

from he2ihc_keras.recipe import (
    Data,
    Fit,
    Loss,
    Network,
    Recipe,
    check_patch_size,
    parse_setting,
)
from helpers import refusal

UNET = {
    "name": "unet",
    "generator": {"name": "unet", "filters": 8},
    "loss": {"adversarial": "none", "pyramid_weights": [1.0]},
}
GAN = {
    "name": "gan",
    "generator": {"name": "attn_pyramid", "attention": ["down_1"]},
    "discriminator": {"name": "patchgan", "filters": 8},
    "fit": {"epochs": 200, "decay_epochs": 100},
    "quick_start": {
        "phantom": {"pairs": 12, "size": 64},
        "generator": {"filters": 4},
        "fit": {"epochs": 3, "decay_epochs": 1},
    },
}


def unet(**tables):
    return Recipe.from_dict({**UNET, **tables})


def gan(**tables):
    return Recipe.from_dict({**GAN, **tables})


# Tables and back


@pytest.mark.parametrize("tables", [UNET, GAN])
def test_recipe_survives_the_way_to_toml_and_back(tables, tmp_path):
    recipe = Recipe.from_dict(tables)
    (tmp_path / "recipe.toml").write_text(recipe.to_toml(), encoding="utf-8")
    assert Recipe.load(tmp_path / "recipe.toml") == recipe


def test_what_a_table_leaves_out_is_the_default():
    recipe = unet()
    assert recipe.generator == Network("unet", {"filters": 8})
    assert recipe.discriminator is None
    assert recipe.loss == Loss(adversarial="none", pyramid_weights=(1.0,))
    assert (recipe.data, recipe.fit) == (Data(), Fit())


def test_toml_says_every_value_also_the_defaults():
    tables = tomllib.loads(unet().to_toml())
    for section, key in (("data", Data), ("fit", Fit), ("loss", Loss)):
        assert set(tables[section]) == {f.name for f in dataclasses.fields(key)}


def test_whole_number_stands_for_a_float():
    recipe = unet(
        loss={"adversarial": "none", "pyramid_weights": [1, 2]}, data={"mpp": 1}
    )
    assert recipe.loss.pyramid_weights == (1.0, 2.0)
    assert repr(recipe.data.mpp) == "1.0"


def test_network_is_built_with_its_options():
    model = unet().generator.build()
    assert (model.name, model.get_layer("down_0_conv_1").filters) == ("unet", 8)


@pytest.mark.parametrize("part", ["", "data", "fit", "loss", "generator"])
def test_recipe_is_frozen(part):
    recipe = unet()
    target = getattr(recipe, part) if part else recipe
    field = dataclasses.fields(target)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(target, field, None)


# Overriding


def test_dotted_keys_change_what_they_name_and_nothing_else():
    before = gan()
    after = before.override({"fit.epochs": 300, "generator.filters": 16})
    assert after.fit == dataclasses.replace(before.fit, epochs=300)
    assert after.generator.options == {"attention": ["down_1"], "filters": 16}
    assert (after.data, after.loss) == (before.data, before.loss)


def test_key_without_a_value_is_left_as_it_is():
    assert gan().override({"fit.epochs": None, "fit.seed": None}) == gan()


@pytest.mark.parametrize(
    "key", ["fit.seed", "generator.filters", "quick_start.phantom.pairs"]
)
def test_overridden_recipe_itself_stays_as_it_was(key):
    recipe = Recipe.from_dict(tomllib.loads(gan().to_toml()))
    assert recipe.override({key: 5}) != recipe
    assert recipe == gan()


def test_table_that_was_not_there_can_be_added():
    added = unet().override(
        {"discriminator.name": "patchgan", "loss.adversarial": "hinge"}
    )
    assert added.discriminator == Network("patchgan", {})


@pytest.mark.parametrize(
    ("epochs", "decay_epochs"), [(200, 100), (10, 5), (1000, 500), (2, 1)]
)
def test_other_number_of_epochs_keeps_the_share_that_decays(epochs, decay_epochs):
    fit = gan().with_epochs(epochs).fit
    assert (fit.epochs, fit.decay_epochs) == (epochs, decay_epochs)


@pytest.mark.parametrize("epochs", [1, 2, 3, 7])
@pytest.mark.parametrize("decay_epochs", [0, 1, 199, 200])
def test_any_number_of_epochs_gives_a_recipe(epochs, decay_epochs):
    recipe = gan(fit={"epochs": 200, "decay_epochs": decay_epochs})
    assert 0 <= recipe.with_epochs(epochs).fit.decay_epochs <= epochs


def test_quick_start_changes_its_tables_and_keeps_the_rest():
    quick = gan().quick()
    assert (quick.fit.epochs, quick.fit.decay_epochs) == (3, 1)
    assert quick.generator.options == {"attention": ["down_1"], "filters": 4}
    assert quick.data == gan().data


def test_recipe_without_quick_start_is_its_own():
    assert unet().quick() == unet()


# Settings of the command line


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("2e-4", 2e-4),
        ("true", True),
        ("[25, 25]", [25, 25]),
        ('"crop"', "crop"),
        ("crop", "crop"),
        (" resize ", "resize"),
        ("", ""),
        ("a=b", "a=b"),
    ],
)
def test_setting_is_a_toml_value_or_a_bare_word(text, value):
    assert parse_setting(f" data.fit ={text}") == ("data.fit", value)


def test_setting_without_an_equals_sign_is_refused():
    assert refusal(parse_setting, "fit.epochs") == (
        "A setting is written key=value. Received: 'fit.epochs'."
    )


# Keys


@pytest.mark.parametrize("missing", ["name", "generator"])
def test_recipe_needs_a_name_and_a_generator(missing):
    tables = {key: value for key, value in UNET.items() if key != missing}
    assert refusal(Recipe.from_dict, tables) == (
        "A recipe needs `name` and a `[generator]` table."
    )


@pytest.mark.parametrize(
    ("key", "known"),
    [
        ("fits", "name, generator, discriminator, loss, data, fit, quick_start"),
        ("loss.weight", "loss.adversarial, loss.pyramid_weights"),
        (
            "fit.lr",
            "fit.epochs, fit.decay_epochs, fit.batch_size, fit.learning_rate, "
            "fit.beta_1, fit.precision, fit.checkpoint_minutes, fit.seed",
        ),
        (
            "generator.ngf",
            "generator.name, generator.filters, generator.depth, "
            "generator.normalization",
        ),
        (
            "generator.input_shape",
            "generator.name, generator.filters, generator.depth, "
            "generator.normalization",
        ),
    ],
)
def test_unknown_key_is_named_beside_the_known(key, known):
    assert refusal(unet().override, {key: 1}) == (
        f"Unknown key `{key}`. Known: {known}."
    )


def test_quick_start_with_an_unknown_key_is_refused():
    recipe = unet(quick_start={"generator": {"ngf": 4}})
    assert refusal(recipe.quick) == (
        "Unknown key `generator.ngf`. "
        "Known: generator.name, generator.filters, generator.depth, "
        "generator.normalization."
    )


def test_key_below_a_value_is_refused():
    assert refusal(unet().override, {"fit.epochs.first": 1}) == (
        "`epochs` is a value, not a table: 'fit.epochs.first'."
    )


def test_network_without_a_name_is_refused():
    assert refusal(unet, generator={"filters": 8}) == (
        "`[generator]` needs a `name`. `he2ihc-keras zoo` lists them."
    )


def test_unknown_network_is_named_beside_the_known():
    assert refusal(unet, generator={"name": "unett"}) == (
        "Unknown model 'unett'. Known: attn_pyramid, pix2pix, pyramid_pix2pix, unet. "
        "Did you mean 'unet'?"
    )


def test_discriminator_is_no_generator():
    assert refusal(unet, generator={"name": "patchgan"}) == (
        "Unknown model 'patchgan'. Known: attn_pyramid, pix2pix, pyramid_pix2pix, unet."
    )


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("fit.learning_rate", float("nan"), "`fit.learning_rate` must be positive."),
        ("fit.learning_rate", float("inf"), "`fit.learning_rate` must be positive."),
        ("fit.seed", -1, "`fit.seed` must be in [0, 2147483647]."),
        ("fit.beta_1", 1.5, "`fit.beta_1` must be in [0, 0.9999]."),
        ("loss.pyramid_weights", [-1.0], "`loss.pyramid_weights` must be in [0, inf]."),
    ],
)
def test_number_out_of_its_range_is_refused(key, value, message):
    assert refusal(unet().override, {key: value}).startswith(message)


def test_file_that_is_no_toml_is_named(tmp_path):
    path = tmp_path / "recipe.toml"
    path.write_text("name = ")
    assert refusal(Recipe.load, path).startswith(f"{path} cannot be read as a recipe: ")


# Types


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("name", 3, "str. Received: 3 of type int"),
        ("fit.epochs", 2.0, "int. Received: 2.0 of type float"),
        ("fit.epochs", True, "int. Received: True of type bool"),
        ("fit.learning_rate", "2e-4", "float. Received: '2e-4' of type str"),
        ("data.flip", 1, "bool. Received: 1 of type int"),
        ("data.stain", 2, "str. Received: 2 of type int"),
        ("loss.pyramid_weights", 25.0, "list of float. Received: 25.0 of type float"),
        ("loss.pyramid_weights", ["a"], "float. Received: 'a' of type str"),
        ("generator.filters", "8", "int. Received: '8' of type str"),
        ("generator.key_dim", "8", "int. Received: '8' of type str"),
        (
            "generator.attention",
            "down_1",
            "list of str. Received: 'down_1' of type str",
        ),
    ],
)
def test_value_of_a_wrong_type_is_refused(key, value, expected):
    message = refusal(gan().override, {key: value}, error=TypeError)
    assert message == f"`{key}` must be of type {expected}."


@pytest.mark.parametrize("key", ["generator", "discriminator", "fit", "quick_start"])
def test_value_in_place_of_a_table_is_refused(key):
    message = refusal(gan().override, {key: "patchgan"}, error=TypeError)
    assert message == f"`[{key}]` must be a table. Received: 'patchgan'."


@pytest.mark.parametrize(
    ("key", "known"),
    [
        ("data.fit", "crop, resize"),
        ("loss.adversarial", "vanilla, least_squares, hinge, none"),
        ("fit.precision", "auto, float32, mixed_bfloat16, mixed_float16"),
    ],
)
def test_word_that_is_no_choice_is_refused(key, known):
    assert refusal(unet().override, {key: "best"}) == (
        f"`{key}` must be one of {known}. Received: 'best'."
    )


# Values


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("data.patch_size", 0),
        ("data.mpp", -0.5),
        ("fit.epochs", -1),
        ("fit.batch_size", 0),
        ("fit.learning_rate", 0.0),
    ],
)
def test_value_that_is_not_positive_is_refused(key, value):
    recipe = unet(fit={"decay_epochs": 0})
    assert refusal(recipe.override, {key: value}) == (
        f"`{key}` must be positive. Received: {value}."
    )


@pytest.mark.parametrize(
    ("key", "value", "interval"),
    [
        ("data.photometric", 1.5, "[0, 1]"),
        ("data.photometric", -0.1, "[0, 1]"),
        ("data.photometric", float("nan"), "[0, 1]"),
        ("data.validation_fraction", 0.95, "[0, 0.9]"),
        ("fit.decay_epochs", 201, "[0, 200]"),
        ("fit.decay_epochs", -1, "[0, 200]"),
    ],
)
def test_value_out_of_its_range_is_refused(key, value, interval):
    assert refusal(gan().override, {key: value}) == (
        f"`{key}` must be in {interval}. Received: {value}."
    )


def test_loss_without_any_weight_is_refused():
    assert refusal(unet().override, {"loss.pyramid_weights": []}) == (
        "`loss.pyramid_weights` needs at least one weight."
    )


@pytest.mark.parametrize(
    ("recipe", "adversarial", "article"),
    [(unet, "hinge", "no"), (gan, "none", "a")],
)
def test_discriminator_and_adversarial_loss_go_together(recipe, adversarial, article):
    assert refusal(recipe().override, {"loss.adversarial": adversarial}) == (
        "A recipe without `[discriminator]` has `loss.adversarial` none, and one with "
        f"it has another. Received: adversarial {adversarial!r} and {article} "
        "discriminator."
    )


def test_patch_size_off_the_stride_is_refused_with_the_nearest_that_fit():
    recipe = unet(data={"patch_size": 100})
    check_patch_size(recipe, 4)
    assert refusal(check_patch_size, recipe, 8) == (
        "Height and width must be multiples of 8, the stride of the network. "
        "Received: (100, 100). Crop to (96, 96) or pad to (104, 104)."
    )
