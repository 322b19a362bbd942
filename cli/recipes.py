"""The recipe that a command line asks for."""

import click

# What each flag changes
KEYS = {
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
    recipe = recipe.override({KEYS[name]: value for name, value in flags.items()})
    return recipe.override(parsed(settings))


def parsed(settings):
    """Values by key, of what was given with --set."""
    from he2ihc_keras.recipe import parse_setting

    return dict(parse_setting(text) for text in settings)
