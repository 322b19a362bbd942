"""What `train --resume` asks of a run: to be the one that the command line tells of."""

import tomllib

import click

from he2ihc_keras.cli import console as consoles
from he2ihc_keras.cli import recipes


def check_is_asked_for(run, recipe, model, data, options):
    """Refuses to go on with another run than the arguments tell of.

    What is left out does not differ. Of a file MODEL, which may have been edited since,
    every key is compared.

    Args:
        run: The run folder.
        recipe: The run's recipe.
        model: MODEL, or `None`.
        data: --data, or `None`.
        options: The others, as for `recipes.with_options`.

    Raises:
        click.ClickException: With each argument that differs, by name.
    """
    phantom = run.path / "phantom"
    told = _differences(recipe, model, options, is_quick=phantom.is_dir())
    if data and phantom.is_dir() and not data.samefile(phantom):
        told.append(f"--data: the run has the phantom of a quick start, not {data}.")
    if told:
        heading = f"{run.path} was begun with other arguments:"
        advice = "Leave out what differs, or choose another --out."
        raise click.ClickException("\n".join([heading, *told, advice]))


def pairs_in(data, recipe, recorded, console):
    """The recorded pairs as they lie in a folder, compared behind a progress bar."""
    from he2ihc_keras.data import find_pairs, relocated

    found = find_pairs(
        data,
        validation_fraction=recipe.data.validation_fraction,
        seed=recipe.fit.seed,
        unpaired="unpaired" in recipe.needs,
    )
    with consoles.bar("Comparing the images", console) as advance:
        pairs = relocated(recorded, found, progress=advance)
    if pairs != recorded:
        console.print(f"The pairs moved to {data}; not a byte of them has changed.")
    return pairs


# Differences


def _differences(stored, model, options, *, is_quick):
    """What the arguments ask for and the run has not, in words, a line each."""
    recipe = stored if model is None else recipes.named(model)
    recipe = recipe.quick() if is_quick and model is not None else recipe
    has, asked = _keys(stored), _keys(recipes.with_options(recipe, **options))
    # What an option changed, itself or with the network that it named, is the option's.
    own = {k: v for k, v in _keys(recipe).items() if k in asked and asked[k] == v}
    asks = {} if model is None else _of_model(model, own)
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
    from he2ihc_keras.recipe.settings import leaves, nested

    flags = {
        key: f"--{name.replace('_', '-')}"
        for name, key in recipes.KEYS.items()
        if options[name] is not None
    }
    for key in leaves(nested(recipes.parsed(options["settings"]))):
        flags.setdefault(key, f"--set {key}")
    return flags


def _keys(recipe):
    """Values by dotted key, as a run's file has them; not those of the quick start."""
    from he2ihc_keras.recipe.settings import leaves

    tables = tomllib.loads(recipe.to_toml())
    tables.pop("quick_start", None)
    return leaves(tables)


def _in_words(value):
    return "none" if value is None else value
