import dataclasses
import tomllib

import pytest

from he2ihc_keras import models, trainers
from he2ihc_keras.recipe import (
    Choice,
    Data,
    Fit,
    Network,
    Optimizer,
    Recipe,
    parse_setting,
)
from he2ihc_keras.training import build_trainer
from helpers import refusal

GENERATORS, TRAINERS = map(", ".join, (models.generators(), trainers.names()))
UNET = {
    "name": "unet",
    "trainer": {"name": "supervised"},
    "networks": {"generator": {"name": "unet", "filters": 8}},
}
GAN = {
    "name": "gan",
    "trainer": {"name": "conditional_gan", "pyramid_weights": [1, 2.5]},
    "networks": {
        "generator": {"name": "attn_pyramid", "filters": 8, "attention": ["down_1"]},
        "discriminator": {"name": "patchgan", "normalization": "none"},
    },
    "optimizer": {"generator": {"learning_rate": 1e-3}},
    "fit": {"epochs": 200, "decay_epochs": 100},
    "quick_start": {
        "phantom": {"pairs": 12, "size": 64},
        "networks": {"generator": {"filters": 4}},
        "fit": {"epochs": 3, "decay_epochs": 1},
    },
}


def unet(**tables):
    return Recipe.from_dict({**UNET, **tables})


def gan(**tables):
    return Recipe.from_dict({**GAN, **tables})


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


# Tables and back


@pytest.mark.parametrize("tables", [UNET, GAN])
def test_recipe_survives_the_way_to_toml_and_back(tables, tmp_path):
    recipe = Recipe.from_dict(tables)
    path = write(tmp_path / "recipe.toml", recipe.to_toml())
    assert Recipe.load(path) == Recipe.load_complete(path) == recipe


def test_what_a_table_leaves_out_is_the_default():
    recipe = gan()
    assert recipe.trainer.name == "conditional_gan"
    assert recipe.trainer.options == {
        "adversarial": "vanilla",
        "pyramid_weights": (1.0, 2.5),
        "average": 0.0,
    }
    assert recipe.networks["generator"].options == {
        "filters": 8,
        "blocks": 9,
        "dropout": 0.5,
        "upsampling": "transposed",
        "attention": ("down_1",),
        "key_dim": None,
    }
    assert recipe.optimizer["generator"] == Optimizer(learning_rate=1e-3, beta_1=0.5)
    assert recipe.optimizer["discriminator"] == Optimizer()
    assert (recipe.data, unet().fit) == (Data(), Fit())


def test_toml_says_every_value_also_the_defaults():
    tables = tomllib.loads(unet().to_toml())
    adam = {k: v for k, v in dict(Optimizer()).items() if v is not None}
    assert tables == {
        "name": "unet",
        "trainer": {"name": "supervised", "pyramid_weights": [1.0], "average": 0.0},
        "networks": {
            "generator": {
                "name": "unet",
                "filters": 8,
                "depth": 3,
                "normalization": "none",
            }
        },
        "optimizer": {"generator": adam},
        "data": dict(Data()),
        "fit": dict(Fit()),
    }


def test_toml_says_a_limit_of_gradients_where_there_is_one():
    limited = unet().override({"optimizer.generator.clip_norm": 0.5})
    assert "clip_norm = 0.5" in limited.to_toml()
    assert limited.override({"optimizer.generator.clip_norm": "none"}) == unet()
    [(_, optimizer)] = build_trainer(limited, steps=1).optimizer.players.items()
    assert optimizer.global_clipnorm == 0.5


def test_network_is_built_with_its_options():
    model = unet().networks["generator"].build()
    assert (model.name, model.get_layer("down_0_conv_1").filters) == ("unet", 8)


def test_recipe_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        unet().name = "another"
    for table in (unet().data, unet().fit, unet().optimizer["generator"]):
        with pytest.raises(ValueError, match="frozen"):
            setattr(table, next(iter(type(table).model_fields)), None)


# Overriding


def test_dotted_keys_change_what_they_name_and_nothing_else():
    before = gan()
    after = before.override({"fit.epochs": 300, "networks.generator.filters": 16})
    assert after.fit == Fit(epochs=300, decay_epochs=100)
    options = before.networks["generator"].options
    assert after.networks["generator"].options == {**options, "filters": 16}
    for part in ("trainer", "optimizer", "data", "quick_start"):
        assert getattr(after, part) == getattr(before, part)


def test_table_of_keys_is_laid_over_the_old_one():
    after = gan().override({"fit": {"epochs": 300}})
    assert after == gan().override({"fit.epochs": 300})


def test_key_without_a_value_is_left_as_it_is():
    assert gan().override({"fit.epochs": None, "fit.seed": None}) == gan()


@pytest.mark.parametrize(
    "key", ["fit.seed", "networks.generator.filters", "quick_start.phantom.pairs"]
)
def test_overridden_recipe_itself_stays_as_it_was(key):
    recipe = Recipe.from_dict(tomllib.loads(gan().to_toml()))
    assert recipe.override({key: 5}) != recipe
    assert recipe == gan()


@pytest.mark.parametrize(
    ("epochs", "decay_epochs"), [(200, 100), (10, 5), (1000, 500), (2, 1)]
)
def test_other_number_of_epochs_keeps_the_share_that_decays(epochs, decay_epochs):
    fit = gan().with_epochs(epochs).fit
    assert (fit.epochs, fit.decay_epochs) == (epochs, decay_epochs)


@pytest.mark.parametrize("decay_epochs", [0, 1, 199, 200])
def test_any_number_of_epochs_gives_a_recipe(decay_epochs):
    recipe = gan(fit={"epochs": 200, "decay_epochs": decay_epochs})
    for epochs in (1, 2, 3, 7):
        assert 0 <= recipe.with_epochs(epochs).fit.decay_epochs <= epochs


def test_quick_start_changes_its_tables_and_keeps_the_rest():
    quick = gan().quick()
    assert (quick.fit.epochs, quick.fit.decay_epochs) == (3, 1)
    assert quick.networks["generator"].options["filters"] == 4
    assert quick.networks["generator"].options["attention"] == ("down_1",)
    assert (quick.data, quick.optimizer) == (gan().data, gan().optimizer)


def test_recipe_without_quick_start_is_its_own():
    assert unet().quick() == unet()


# Another network, another trainer


def test_other_network_keeps_what_was_set_and_what_it_knows():
    after = gan().override({"networks.generator.name": "unet"})
    options = {"filters": 8, "depth": 3, "normalization": None}
    assert after.networks["generator"] == Network("unet", options)
    assert after.networks["discriminator"] == gan().networks["discriminator"]


def test_other_network_has_its_own_defaults():
    pix2pix = unet().override({"networks.generator.name": "pix2pix"})
    assert pix2pix.networks["generator"].options["depth"] == 8


def test_option_that_another_network_lacks_is_refused_if_it_is_given_with_it():
    changes = {"networks.generator.name": "unet", "networks.generator.blocks": 3}
    assert refusal(gan().override, changes) == (
        "Unknown key `networks.generator.blocks`. Known: networks.generator.name, "
        "networks.generator.filters, networks.generator.depth, "
        "networks.generator.normalization."
    )


def test_other_trainer_leaves_out_the_networks_and_players_that_it_lacks():
    alone = gan().override({"trainer.name": "supervised"})
    options = {"pyramid_weights": (1.0, 2.5), "average": 0.0}
    assert alone.trainer == Choice("supervised", options)
    assert alone.networks == {"generator": gan().networks["generator"]}
    assert alone.optimizer == {"generator": gan().optimizer["generator"]}


def test_other_trainer_asks_for_the_networks_that_it_needs():
    changes = {"trainer.name": "conditional_gan"}
    assert refusal(unet().override, changes) == (
        "`[networks.discriminator]` is missing. Trainer 'conditional_gan' needs "
        "generator and discriminator."
    )
    both = unet().override({**changes, "networks.discriminator.name": "patchgan"})
    assert both.trainer.options["pyramid_weights"] == (25.0,) * 4
    assert both.networks["discriminator"].options["filters"] == 64


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

FIT = (
    "fit.epochs, fit.decay_epochs, fit.batch_size, fit.checkpoint_minutes, fit.seed, "
    "fit.precision"
)
OPTIMIZER = ", ".join(
    f"optimizer.generator.{key}"
    for key in ("learning_rate", "beta_1", "beta_2", "epsilon", "clip_norm")
)
NETWORK = (
    "networks.generator.name, networks.generator.filters, networks.generator.depth, "
    "networks.generator.normalization"
)


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ({"trainer": UNET["trainer"]}, "`name` is missing."),
        ({"name": "a"}, "`[trainer]` is missing."),
        ({"name": "a", "trainer": {"name": "supervised"}}, "`[networks]` is missing."),
        (
            {**UNET, "trainer": {"average": 0.5}},
            f"`[trainer]` needs a `name`. Known: {TRAINERS}.",
        ),
        (
            {**UNET, "networks": {"generator": {"filters": 8}}},
            f"`[networks.generator]` needs a `name`. Known: {GENERATORS}.",
        ),
        (
            {**UNET, "networks": {}},
            "`[networks.generator]` is missing. Trainer 'supervised' needs generator.",
        ),
    ],
)
def test_recipe_needs_name_trainer_and_networks(tables, message):
    assert refusal(Recipe.from_dict, tables) == message


@pytest.mark.parametrize(
    ("key", "message"),
    [
        (
            "fits",
            "key `fits`. Known: name, trainer, networks, optimizer, data, fit, "
            "quick_start. Did you mean 'fit'?",
        ),
        (
            "trainer.pyramid_weight",
            "key `trainer.pyramid_weight`. Known: trainer.name, "
            "trainer.pyramid_weights, trainer.average. "
            "Did you mean 'trainer.pyramid_weights'?",
        ),
        ("fit.lr", f"key `fit.lr`. Known: {FIT}."),
        ("fit.epoch", f"key `fit.epoch`. Known: {FIT}. Did you mean 'fit.epochs'?"),
        (
            "optimizer.generator.lr",
            f"key `optimizer.generator.lr`. Known: {OPTIMIZER}.",
        ),
        (
            "networks.generator.ngf",
            f"key `networks.generator.ngf`. Known: {NETWORK}.",
        ),
        (
            "networks.generator.input_shape",
            f"key `networks.generator.input_shape`. Known: {NETWORK}.",
        ),
        (
            "networks.genrator.filters",
            "table `[networks.genrator]` of trainer 'supervised'. "
            "Known: networks.generator. Did you mean 'networks.generator'?",
        ),
        (
            "optimizer.discriminator.beta_1",
            "table `[optimizer.discriminator]` of trainer 'supervised'. "
            "Known: optimizer.generator.",
        ),
    ],
)
def test_unknown_key_is_named_beside_the_known_and_the_nearest(key, message):
    assert refusal(unet().override, {key: 1}) == f"Unknown {message}"


@pytest.mark.parametrize(
    ("quick_start", "message"),
    [
        (
            {"networks": {"generator": {"ngf": 4}}},
            f"[quick_start]: Unknown key `networks.generator.ngf`. Known: {NETWORK}.",
        ),
        (
            {"fits": {}},
            "[quick_start]: Unknown key `fits`. Known: name, trainer, networks, "
            "optimizer, data, fit, quick_start. Did you mean 'fit'?",
        ),
        (
            {"networks": 3},
            "[quick_start]: `[networks]` must be a table. Received: 3.",
        ),
        (
            {"phantom": {"pair": 4}},
            "Unknown key `quick_start.phantom.pair`. Known: quick_start.phantom.pairs, "
            "quick_start.phantom.size. Did you mean 'quick_start.phantom.pairs'?",
        ),
    ],
)
def test_wrong_quick_start_is_refused_when_the_recipe_is_read(quick_start, message):
    kind = TypeError if quick_start == {"networks": 3} else ValueError
    assert refusal(unet, quick_start=quick_start, error=kind) == message


def test_quick_start_gives_way_with_the_network_that_it_was_of():
    recipe = unet(quick_start={"networks": {"generator": {"depth": 2}}})
    assert recipe.override({"fit.epochs": 2}).quick_start == recipe.quick_start
    other = recipe.override({"networks.generator.name": "pyramid_pix2pix"})
    assert other.quick_start == {}


@pytest.mark.parametrize(
    ("key", "place"),
    [
        ("generator.filters", "networks.generator.filters"),
        ("discriminator", "networks.discriminator"),
        ("loss.pyramid_weights", "trainer.pyramid_weights"),
        ("fit.learning_rate", "optimizer.generator.learning_rate"),
        ("fit.beta_1", "optimizer.generator.beta_1"),
    ],
)
def test_key_of_0_1_is_told_its_new_place(key, place):
    assert refusal(gan().override, {key: 1}) == (
        f"Unknown key `{key}`: since 0.2 it is `{place}`."
    )


# Names


@pytest.mark.parametrize(
    ("key", "name", "message"),
    [
        (
            "networks.generator.name",
            "unett",
            f"Unknown `networks.generator.name` 'unett'. Known: {GENERATORS}. "
            "Did you mean 'unet'?",
        ),
        (
            "networks.generator.name",
            "patchgan",
            f"`networks.generator.name` must be a generator: {GENERATORS}. "
            "Received: 'patchgan'.",
        ),
        (
            "networks.discriminator.name",
            "unet",
            "`networks.discriminator.name` must be a discriminator: patchgan. "
            "Received: 'unet'.",
        ),
        (
            "networks.generator.name",
            3,
            f"Unknown `networks.generator.name` 3. Known: {GENERATORS}.",
        ),
        (
            "trainer.name",
            "supervise",
            f"Unknown trainer 'supervise'. Known: {TRAINERS}. "
            "Did you mean 'supervised'? One from elsewhere needs --import MODULE.",
        ),
    ],
)
def test_name_that_is_none_of_the_known_is_refused(key, name, message):
    assert refusal(gan().override, {key: name}) == message


NO_WORDS = ("", ".", "..", ".hidden", "-x", "a/b", "a\\b", "a b", "a.b", "ä", "a\n")


def test_name_that_is_no_plain_word_is_refused():
    for name in NO_WORDS:
        assert refusal(unet, name=name) == (
            "`name` must be a plain word, of letters, digits, `_` and `-`, the last "
            f"not first. Received: {name!r}."
        )


def test_plain_word_is_a_name():
    for name in ("unet", "_a", "8", "attn_pyramid-2"):
        assert unet(name=name).name == name


# Values


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("name", 3, "str. Received: 3 of type int"),
        ("fit.epochs", 2.0, "int. Received: 2.0 of type float"),
        ("fit.epochs", True, "int. Received: True of type bool"),
        ("fit.epochs", {"first": 1}, "int. Received: {'first': 1} of type dict"),
        (
            "optimizer.generator.learning_rate",
            "2e-4",
            "float. Received: '2e-4' of type str",
        ),
        ("data.flip", 1, "bool. Received: 1 of type int"),
        ("data.stain", 2, "str. Received: 2 of type int"),
        (
            "trainer.pyramid_weights",
            25.0,
            "list of float. Received: 25.0 of type float",
        ),
        ("trainer.pyramid_weights", ["a"], "float. Received: 'a' of type str"),
        ("networks.generator.filters", "8", "int. Received: '8' of type str"),
        ("networks.generator.key_dim", "8", "int. Received: '8' of type str"),
        (
            "networks.generator.attention",
            "down_1",
            "list of str. Received: 'down_1' of type str",
        ),
    ],
)
def test_value_of_a_wrong_type_is_refused(key, value, expected):
    message = refusal(gan().override, {key: value}, error=TypeError)
    assert message == f"`{key}` must be of type {expected}."


@pytest.mark.parametrize(
    "key",
    [
        *("trainer", "networks", "networks.generator", "optimizer"),
        *("optimizer.generator", "data", "fit", "quick_start", "quick_start.phantom"),
    ],
)
def test_value_in_place_of_a_table_is_refused(key):
    for value in ("patchgan", 3):
        message = refusal(gan().override, {key: value}, error=TypeError)
        assert message == f"`[{key}]` must be a table. Received: {value!r}."


@pytest.mark.parametrize(
    ("key", "known"),
    [
        ("data.fit", "crop, resize"),
        ("trainer.adversarial", "vanilla, least_squares, hinge"),
        ("fit.precision", "auto, float32, mixed_bfloat16, mixed_float16"),
        ("networks.discriminator.normalization", "batch, instance, none"),
    ],
)
def test_word_that_is_no_choice_is_refused(key, known):
    assert refusal(gan().override, {key: "best"}) == (
        f"`{key}` must be one of {known}. Received: 'best'."
    )


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("key", "value", "condition"),
    [
        ("data.patch_size", 0, "positive"),
        ("data.mpp", -0.5, "positive"),
        ("data.photometric", 1.5, "at most 1"),
        ("data.photometric", -0.1, "at least 0"),
        ("data.photometric", NAN, "finite"),
        ("data.validation_fraction", 0.95, "at most 0.9"),
        ("fit.epochs", -1, "positive"),
        ("fit.batch_size", 0, "positive"),
        ("fit.decay_epochs", 201, "at most 200, the number of epochs"),
        ("fit.decay_epochs", -1, "at least 0"),
        ("fit.checkpoint_minutes", NAN, "at least 0"),
        ("fit.seed", -1, "at least 0"),
        ("fit.seed", 2**31, "at most 2147483647"),
        ("optimizer.generator.learning_rate", 0.0, "positive"),
        ("optimizer.generator.learning_rate", INF, "finite"),
        ("optimizer.discriminator.learning_rate", NAN, "finite"),
        ("optimizer.generator.beta_1", 1.0, "less than 1"),
        ("optimizer.generator.beta_2", -0.1, "at least 0"),
        ("optimizer.generator.epsilon", 0.0, "positive"),
        ("optimizer.generator.clip_norm", 0.0, "positive"),
        ("trainer.average", 1.0, "less than 1"),
        ("trainer.pyramid_weights", [1.0, NAN], "finite"),
        ("trainer.pyramid_weights", [INF], "finite"),
        ("trainer.pyramid_weights", [-1.0], "at least 0"),
        ("networks.generator.filters", 0, "positive"),
        ("networks.generator.blocks", -1, "at least 0"),
        ("networks.generator.dropout", 1.0, "less than 1"),
        ("networks.generator.key_dim", 0, "positive"),
        ("networks.discriminator.filters", -4, "positive"),
    ],
)
def test_value_out_of_its_range_is_refused(key, value, condition):
    wrong = value[-1] if isinstance(value, list) else value
    assert refusal(gan().override, {key: value}) == (
        f"`{key}` must be {condition}. Received: {wrong}."
    )


def test_loss_without_any_weight_is_refused():
    assert refusal(unet().override, {"trainer.pyramid_weights": []}) == (
        "`trainer.pyramid_weights` must have a length of at least 1. Received: []."
    )


def test_checkpoints_within_an_epoch_can_be_left_out():
    assert unet().override({"fit.checkpoint_minutes": INF}).fit.checkpoint_minutes > 0


# Files


def test_file_that_is_no_toml_is_named(tmp_path):
    path = write(tmp_path / "recipe.toml", "name = ")
    assert refusal(Recipe.load, path).startswith(f"{path} cannot be read as a recipe: ")


def test_file_that_is_not_there_is_named(tmp_path):
    path = tmp_path / "recipe.toml"
    assert refusal(Recipe.load, path) == (
        f"{path} cannot be read: No such file or directory."
    )


def test_what_is_wrong_in_a_file_is_told_with_its_name(tmp_path):
    path = write(tmp_path / "recipe.toml", 'name = "a"\n[trainer]\nname = "gan"')
    assert refusal(Recipe.load, path).startswith(f"{path}: `[networks]` is missing.")


@pytest.mark.parametrize("recipe", [unet(), gan()], ids=["unet", "gan"])
def test_file_of_a_run_that_was_cut_anywhere_is_refused(recipe, tmp_path):
    text = recipe.to_toml().rstrip()
    for length in range(0, len(text), 7 if len(text) > 900 else 1):
        path = write(tmp_path / "recipe.toml", text[:length])
        message = refusal(Recipe.load_complete, path)
        assert message.startswith((f"{path} is not whole", f"{path} cannot be read"))


@pytest.mark.parametrize(
    ("line", "missing"),
    [
        ('name = "unet"\n\n[trainer]', "name"),
        ("average = 0.0", "trainer.average"),
        ("filters = 8", "networks.generator.filters"),
        ("epsilon = 1e-08", "optimizer.generator.epsilon"),
        ('stain = "HER2"', "data.stain"),
        ("seed = 0", "fit.seed"),
    ],
)
def test_key_that_a_run_stored_and_that_is_gone_is_named(line, missing, tmp_path):
    kept = "[trainer]" if "[trainer]" in line else ""
    text = unet().to_toml().replace(line, kept, 1)
    path = write(tmp_path / "recipe.toml", text)
    assert refusal(Recipe.load_complete, path) == (
        f"{path} is not whole: `{missing}` missing. "
        "What a run stores is complete: restore the file, or train anew."
    )


# Trainers from outside


class Pair(trainers.Trainer):
    """Two generators and one player: a way of training that this package has not."""

    roles = {"generator": "generator", "teacher": "generator"}
    players = {"generator": ("generator",)}

    # An annotation as `from __future__ import annotations` leaves it
    def __init__(self, generator, teacher, *, temperature: "float" = 2.0, **kwargs):
        networks = {"generator": generator, "teacher": teacher}
        super().__init__(networks, {"generator": ("loss",)}, **kwargs)


PAIR = {
    "name": "pair",
    "trainer": {"name": "pair", "temperature": 3},
    "networks": {"generator": {"name": "unet"}, "teacher": {"name": "pix2pix"}},
    "data": {"patch_size": 64},
    "fit": {"seed": 3},
}


@pytest.fixture
def registered(monkeypatch):
    monkeypatch.setitem(trainers._TRAINERS, "pair", Pair)


def test_trainer_from_outside_has_roles_players_and_options(registered):
    recipe = Recipe.from_dict(PAIR)
    assert recipe.trainer.options == {"temperature": 3.0, "average": 0.0}
    assert list(recipe.networks) == ["generator", "teacher"]
    assert recipe.optimizer == {"generator": Optimizer()}
    changes = {"trainer.temprature": 1.0}
    assert refusal(recipe.override, changes) == (
        "Unknown key `trainer.temprature`. Known: trainer.name, trainer.temperature, "
        "trainer.average. Did you mean 'trainer.temperature'?"
    )


def test_trainer_that_extends_another_has_its_options_too(monkeypatch):
    class Warm(trainers.ConditionalGAN):
        def __init__(self, *networks, warm: int = 3, pyramid_weights=(9.0,), **kwargs):
            super().__init__(*networks, pyramid_weights=pyramid_weights, **kwargs)

    monkeypatch.setitem(trainers._TRAINERS, "warm", Warm)
    assert gan(trainer={"name": "warm"}).trainer.options == {
        "warm": 3,
        "pyramid_weights": (9.0,),
        "adversarial": "vanilla",
        "average": 0.0,
    }


def test_run_of_a_trainer_that_is_not_known_here_is_read_for_staining(
    registered, monkeypatch, tmp_path
):
    recipe = Recipe.from_dict(PAIR)
    path = write(tmp_path / "recipe.toml", recipe.to_toml())
    monkeypatch.delitem(trainers._TRAINERS, "pair")
    assert Recipe.load_complete(path) == recipe
    assert refusal(Recipe.load, path) == (
        f"{path}: Unknown trainer 'pair'. Known: {TRAINERS}. "
        "One from elsewhere needs --import MODULE."
    )
    cut = write(tmp_path / "cut.toml", recipe.to_toml().partition("[fit]")[0])
    assert "`fit` missing" in refusal(Recipe.load_complete, cut)


# Version 0.1

V0_1 = """
name = "pix2pix"

[generator]
name = "pix2pix"
filters = 32

[discriminator]
name = "patchgan"
filters = 16

[loss]
adversarial = "hinge"
pyramid_weights = [100.0]

[data]
patch_size = 512
fit = "crop"
flip = true
quarter_turns = false
photometric = 0.0
validation_fraction = 0.1
mpp = 0.46
stain = "HER2"

[fit]
epochs = 200
decay_epochs = 100
batch_size = 2
learning_rate = 3e-4
beta_1 = 0.6
precision = "float32"
checkpoint_minutes = 10.0
seed = 7

[quick_start]
phantom = { pairs = 120, size = 128 }
generator = { depth = 5 }
discriminator = { filters = 8 }
loss = { pyramid_weights = [50.0] }
data = { patch_size = 64 }
fit = { epochs = 40, decay_epochs = 20, learning_rate = 7e-4 }
"""


def test_recipe_of_0_1_is_read_as_one_of_today(tmp_path):
    recipe = Recipe.load(write(tmp_path / "recipe.toml", V0_1))
    adam = {"learning_rate": 3e-4, "beta_1": 0.6}
    quick_adam = {"learning_rate": 7e-4}
    assert recipe == Recipe.from_dict(
        {
            "name": "pix2pix",
            "trainer": {
                "name": "conditional_gan",
                "adversarial": "hinge",
                "pyramid_weights": [100.0],
            },
            "networks": {
                "generator": {"name": "pix2pix", "filters": 32},
                "discriminator": {"name": "patchgan", "filters": 16},
            },
            "optimizer": {"generator": adam, "discriminator": adam},
            "fit": {"epochs": 200, "decay_epochs": 100, "batch_size": 2, "seed": 7},
            "quick_start": {
                "phantom": {"pairs": 120, "size": 128},
                "trainer": {"pyramid_weights": [50.0]},
                "networks": {
                    "generator": {"depth": 5},
                    "discriminator": {"filters": 8},
                },
                "optimizer": {"generator": quick_adam, "discriminator": quick_adam},
                "data": {"patch_size": 64},
                "fit": {"epochs": 40, "decay_epochs": 20},
            },
        }
    )
    assert (recipe.version, recipe.quick().version) == ("0.1", "0.2")


def test_recipe_of_0_1_without_a_discriminator_is_supervised():
    recipe = Recipe.from_dict(
        {
            "name": "unet",
            "generator": {"name": "unet"},
            "loss": {"adversarial": "none", "pyramid_weights": [1.0]},
            "fit": {"learning_rate": 1e-3},
        }
    )
    assert recipe.trainer.name == "supervised"
    assert recipe.optimizer == {"generator": Optimizer(learning_rate=1e-3)}


def test_run_of_0_1_is_read_and_refused_if_it_was_cut_short(tmp_path):
    path = write(tmp_path / "recipe.toml", V0_1)
    assert Recipe.load_complete(path).fit.seed == 7
    for line in ("[data]", "[fit]", "seed = 7"):
        path = write(tmp_path / "recipe.toml", V0_1.partition(line)[0])
        assert "is not whole" in refusal(Recipe.load_complete, path)


def test_wrong_recipe_of_0_1_is_refused_in_words():
    tables = {"name": "a", "generator": {"name": "unet"}, "fit": 3}
    assert refusal(Recipe.from_dict, tables, error=TypeError) == (
        "`[fit]` must be a table. Received: 3."
    )
    tables = {"name": "a", "generator": {"name": "unet", "ngf": 3}}
    assert refusal(Recipe.from_dict, tables).startswith(
        "Unknown key `networks.generator.ngf`."
    )
