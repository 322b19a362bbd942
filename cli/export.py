"""he2ihc-keras export."""

from pathlib import Path

import click

from he2ihc_keras.cli import console as consoles
from he2ihc_keras.cli.backends import backend_option, start_keras
from he2ihc_keras.cli.folders import ModelPath


@click.command()
@backend_option
@click.argument("run", metavar="MODEL", type=ModelPath(path_type=Path))
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    help="Folder to make; it must not exist, or be empty.",
)
def export(run, out):
    """Write a SavedModel that plain TensorFlow runs, images of any size.

    Endpoints: `serve` uint8 to uint8, `serve_float` float32 in [-1, 1], `serve_png`
    PNG files to PNG files. Beside the graph lies he2ihc.json, which describes it.

    \b
    Example:
      he2ihc-keras export runs/attn_pyramid --out attn_pyramid_saved_model
    """
    consoles.check_writable(out)
    start_keras(needs="tensorflow")
    from he2ihc_keras import inference
    from he2ihc_keras.export import export_saved_model

    generator = inference.load_generator(run)
    export_saved_model(generator, out, recipe=inference.load_recipe(run))
    consoles.say(f"Exported: {out}")
    consoles.say(f"  stained = tf.saved_model.load({str(out)!r}).serve(images)")
    consoles.say(
        "Images: uint8 in [0, 255], (batch, height, width, 3); serve_float: [-1, 1]."
    )
