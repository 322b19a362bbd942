"""The recipe that a command line asks for, and what in it differs from a run's."""

import tomllib

import click

# What each flag changes
_KEYS = {
    "epochs": "fit.epochs",
    "batch_size": "fit.batch_size",
    "patch_size": "data.patch_size",
    "precision": "fit.precision",
    "seed": "fit.seed",
}


def named(model):
    """The recipe of a name in the zoo, or of a file that ends in .toml."""
    if model.endswith(".toml"):
        from he2ihc_keras.recipe import Recipe

        return Recipe.load(model)
    from he2ihc_keras import zoo

    return zoo.recipe(model)


def with_options(recipe, settings, epochs, **flags):
    """A recipe changed by the flags, and then by each --set in turn."""
    if any(text.startswith("quick_start") for text in settings):
        raise click.UsageError("--set changes the recipe itself, not `quick_start`.")
    recipe = recipe if epochs is None else recipe.with_epochs(epochs)
    recipe = recipe.override({_KEYS[name]: value for name, value in flags.items()})
    return recipe.override(_parsed(settings))


def differences(stored, model, options, *, is_quick):
    """What a command line asks for and a run has not, in words, an argument each.

    What is left out does not differ. Of a file MODEL, which may have been edited since,
    every key is compared.

    Args:
        stored: The run's recipe.
        model: MODEL, or `None`.
        options: As for `with_options`.
        is_quick: Whether the run is a quick start.
    """
    recipe = stored if model is None else named(model)
    recipe = recipe.quick() if is_quick and model is not None else recipe
    has, asked = _keys(stored), _keys(with_options(recipe, **options))
    asks = {} if model is None else _of_model(model, asked)
    asks |= {key: (flag, asked.get(key)) for key, flag in _flags(options).items()}
    return [
        f"{what}: the run has {_in_words(has.get(key))}, received {_in_words(value)}."
        for key, (what, value) in asks.items()
        if value != has.get(key) and (key, value) != ("fit.precision", "auto")
    ]


def _of_model(model, keys):
    if model.endswith(".toml"):
        return {key: (f"{model}, {key}", value) for key, value in keys.items()}
    return {"name": ("MODEL", keys["name"])}


def _flags(options):
    """The key of each option that was given, and how it was given."""
    flags = {
        key: f"--{name.replace('_', '-')}"
        for name, key in _KEYS.items()
        if options[name] is not None
    }
    from he2ihc_keras.recipe.settings import nested

    for key in _leaves(nested(_parsed(options["settings"]))):
        flags.setdefault(key, f"--set {key}")
    return flags


def _parsed(settings):
    from he2ihc_keras.recipe import parse_setting

    return dict(parse_setting(text) for text in settings)


def _keys(recipe):
    """Values by dotted key, as a run's file has them; not those of the quick start."""
    tables = tomllib.loads(recipe.to_toml())
    tables.pop("quick_start", None)
    return _leaves(tables)


def _leaves(tables, prefix=""):
    leaves = {}
    for key, value in tables.items():
        if isinstance(value, dict):
            leaves |= _leaves(value, f"{prefix}{key}.")
        else:
            leaves[prefix + key] = value
    return leaves


def _in_words(value):
    return "none" if value is None else value
