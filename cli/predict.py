"""he2ihc-keras predict."""

import contextlib
from pathlib import Path

import click

from he2ihc_keras.cli import console as consoles
from he2ihc_keras.cli.backends import backend_option, start_keras
from he2ihc_keras.cli.folders import ModelPath


@click.command()
@backend_option
@click.argument("run", metavar="MODEL", type=ModelPath(path_type=Path))
@click.argument(
    "inputs",
    metavar="IMAGE_OR_FOLDER...",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, path_type=Path),
)
@click.option(
    "--out",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for the stained images: same names, as PNG.",
)
@click.option(
    "--statistics",
    type=click.Choice(["running", "image"]),
    default="running",
    show_default=True,
    help="What batch norm normalises by: the training's, or each image's own.",
)
@click.option(
    "--dropout",
    type=click.Choice(["on", "off"]),
    default="off",
    show_default=True,
    help="Whether dropout stays on while staining.",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Of --dropout on: with the pixels, it says which units each image loses. Of a "
    "diffusion model: with the places of the pixels, what it draws.",
)
@click.option(
    "--reverse",
    is_flag=True,
    help="From IHC to H&E, by the other generator of a CycleGAN.",
)
@click.option(
    "--steps",
    type=click.IntRange(min=1),
    help="Of a diffusion model: evaluations for an image.  [default: the recipe's]",
)
@click.option(
    "--samples",
    type=click.IntRange(min=1),
    help="Of a diffusion model: images drawn for one, whose mean is written.",
)
@click.option(
    "--spread",
    is_flag=True,
    help="Also write how far the samples differ, to OUT/spread; as much time again.",
)
def predict(run, inputs, out, reverse, spread, **options):
    """Stain H&E images of any size; no IHC is needed.

    MODEL is a run folder, a .keras file, or phantom_attn_pyramid: a small one that
    comes with this package, trained on synthetic tissue, to try things on.

    The authors of pix2pix and PyramidPix2pix test with --statistics image --dropout on.
    An image is stained alike whichever others are stained with it.

    Beside the images, predict.json says which model stained them, and how. A folder
    takes more images of the same model and modes, but none of others.

    A diffusion model draws an image: in one step the mean of what may be, in more steps
    one that may be. --samples 8 gives the mean of eight, and --spread their standard
    deviation at each pixel in gray, gray value = 4 x deviation, at most 255.

    An image that cannot be read does not stop the others; it is listed at the end, and
    the exit code is 1.

    \b
    Example:
      he2ihc-keras predict phantom_attn_pyramid patch.png --out stained
      he2ihc-keras predict runs/attn_pyramid BCI_dataset/HE/test --out stained
      he2ihc-keras predict model.keras a.png b.jpg --out stained
      he2ihc-keras predict runs/cyclegan IHC_FOLDER --out as_he --reverse
      he2ihc-keras predict runs/bridge a.png --samples 8 --spread --out stained
    """
    consoles.check_writable(out)
    start_keras()
    from he2ihc_keras import inference

    if reverse:
        run = inference.kept_network(run, "reverse_generator")
    dropout = options.pop("dropout") == "on"
    asked = inference.Modes(dropout=dropout, **options)
    images = inference.find_images(inputs)
    generator = inference.load_generator(run)
    modes = asked.of(generator)
    by = inference.stained_by(run, modes)
    by_spread = {**by, "shows": "spread"}
    inference.check_out(images, out, by)
    if spread:
        inference.check_out(images, out / "spread", by_spread)
    generator = inference.with_modes(generator, asked)
    maps = inference.showing_spread(generator) if spread else None
    _warn_of_scale(inference.load_recipe(run), images)
    failures = _stain(generator, images, out, by, "Staining")
    consoles.say(
        f"{len(images) - len(failures)} of {len(images)} images stained: {out}"
    )
    if modes != inference.Modes():
        consoles.say(f"Modes: {modes.in_words()}.")
    if maps is not None:
        title = "Drawing the spread"
        failures += _stain(maps, images, out / "spread", by_spread, title)
        consoles.say(f"Spread of the samples: {out / 'spread'}")
    if failures:
        consoles.say("\n".join(["Failed:", *failures]), err=True)
        raise SystemExit(1)


def _stain(generator, images, out, by, title):
    from he2ihc_keras import inference

    with consoles.bar(title) as advance:
        done = iter(range(1, len(images) + 1))
        return inference.predict_files(
            inference.Stainer(generator),
            images,
            out,
            by=by,
            progress=lambda: advance(next(done), len(images)),
        )


def _warn_of_scale(recipe, images):
    from he2ihc_keras.data.images import image_size

    if recipe is None or recipe.data.fit != "resize":
        return
    size, sizes = recipe.data.patch_size, set()
    for image in images:
        with contextlib.suppress(ValueError):  # it is told when it is to be stained
            sizes.add(image_size(image))
    if sizes <= {(size, size)}:
        return
    consoles.say(
        f"This network was trained on images resized to {size} x {size} pixels; yours "
        "are stained at the scale they have.",
        err=True,
    )
