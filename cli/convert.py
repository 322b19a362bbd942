"""he2ihc-keras convert."""

import math
from pathlib import Path

import click

from he2ihc_keras.cli import console as consoles
from he2ihc_keras.cli.backends import backend_option, start_keras


@click.command()
@backend_option
@click.argument("weights", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--out",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="The .keras file to make; it must not exist.",
)
@click.option(
    "--dropout/--no-dropout",
    default=None,
    help="How a U-Net was trained; its file does not tell.  [default: --dropout]",
)
def convert(weights, out, dropout):
    """Make a Keras model of weights that the authors' PyTorch code trained.

    WEIGHTS is a state dict of PyramidPix2pix, pix2pix or CycleGAN, as .pth,
    .safetensors or .npz: a ResNet generator, a U-Net or a PatchGAN. Filters, blocks,
    depth, norm and dropout are read from it. A file that would run code is refused.

    .pth takes `pip install 'he2ihc-keras[torch]'`, .safetensors takes
    `pip install 'he2ihc-keras[safetensors]'`.

    \b
    Example:
      he2ihc-keras convert latest_net_G.pth --out pyramid_pix2pix_bci.keras
      he2ihc-keras score pyramid_pix2pix_bci.keras --data BCI_dataset
    """
    consoles.check_writable(out)
    start_keras(saves=True)
    from he2ihc_keras import export

    try:
        network, model = export.convert(weights, out, dropout=dropout)
    except ImportError as error:  # of an extra
        raise click.ClickException(str(error)) from error
    options = ", ".join(f"{key} {value}" for key, value in network.options.items())
    consoles.say(f"Found: {network.name}, {options}; {_weights(model):,} weights.")
    consoles.say(f"Written: {out}")
    consoles.say(_next(network, out))
    consoles.say(
        "Not for diagnosis. Weights fall under the terms of the data they were trained "
        "on: those of BCI allow no commercial use, of derivatives neither."
    )


def _weights(model):
    return sum(math.prod(variable.shape) for variable in model.trainable_variables)


def _next(network, out):
    if network.name == "patchgan":
        return "A discriminator judges and does not stain: keras.models.load_model."
    drops = bool(network.options.get("dropout"))
    if network.name == "cyclegan":  # with the statistics of each image in any case
        return f"As the authors test:\n{_commands(out)}"
    as_tested = " --statistics image" + " --dropout on" * drops
    return (
        f"As the authors test, by each image's statistics{', with dropout' * drops}:\n"
        f"{_commands(out, as_tested)}\n"
        f"As their --eval, by the training's statistics{', without dropout' * drops}:\n"
        f"{_commands(out)}"
    )


def _commands(out, modes=""):
    out = consoles.quoted(out)
    return (
        f"  he2ihc-keras predict {out} HE_FOLDER --out stained{modes}\n"
        f"  he2ihc-keras score {out} --data FOLDER{modes}"
    )
