"""he2ihc-keras level."""

import secrets
from pathlib import Path

import click

from he2ihc_keras.cli import console as consoles
from he2ihc_keras.cli.backends import backend_option, start_keras

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def level():
    """Read HER2 levels: by a trained reader, or by people, blinded.

    A reader is trained by `he2ihc-keras train her2_level`; `he2ihc-keras score --level`
    puts its readings beside the scores of generated images.

    \b
    Example:
      he2ihc-keras level read runs/her2_level BCI_dataset/IHC/test
      he2ihc-keras level sheet runs/unet --cases 40 --out sheet
      he2ihc-keras level agree sheet/sheet.csv sheet-key.csv
    """


@level.command()
@backend_option
@click.argument("run", metavar="RUN", type=_FOLDER)
@click.argument(
    "inputs",
    metavar="IMAGE_OR_FOLDER...",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, path_type=Path),
)
def read(run, inputs):
    """Read the level of images, as CSV: the level, and the chance of each.

    \b
    Example:
      he2ihc-keras level read runs/her2_level stained > levels.csv
    """
    start_keras()
    from he2ihc_keras import inference
    from he2ihc_keras.data import LEVELS, read_image

    network = inference.LevelNetwork.load(run)
    consoles.say(f"image,level,{','.join(LEVELS)}")
    for path in inference.find_images(inputs):
        image = read_image(path)
        chances = ",".join(f"{chance:.3f}" for chance in network.chances(image))
        consoles.say(f"{path.stem},{LEVELS[network(image)]},{chances}")


@level.command()
@backend_option
@click.argument(
    "predicted",
    metavar="PREDICTED_OR_RUN",
    type=click.Path(exists=True, path_type=Path),
)
@click.argument("target", metavar="[TARGET]", required=False, type=_FOLDER)
@click.option("--data", type=_FOLDER, help="With RUN: folder of pairs to stain.")
@click.option(
    "--cases",
    type=click.IntRange(min=1),
    default=40,
    show_default=True,
    help="Patches; each stands on the sheet twice, real and generated.",
)
@click.option(
    "--out",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for the reader: sheet.html and sheet.csv.",
)
@click.option(
    "--key",
    type=click.Path(dir_okay=False, path_type=Path),
    help="CSV that tells which is which, to be kept apart.  [default: OUT-key.csv]",
)
@click.option("--seed", type=click.IntRange(min=0), help="Of the order; else drawn.")
def sheet(predicted, target, data, cases, out, key, seed):
    """Write a blinded reading sheet: real and generated images, shuffled, by number.

    PREDICTED and TARGET are folders with images of the same names, as for `score`; a
    RUN stains its held-out pairs. The page opens anywhere and prints; the reader ticks
    boxes in it and saves them, or fills in sheet.csv. Keep the key to yourself.

    It takes `pip install 'he2ihc-keras[report]'`. Not for diagnosis.

    \b
    Example:
      he2ihc-keras level sheet runs/unet --cases 40 --out sheet
      he2ihc-keras level sheet stained BCI_dataset/IHC/test --out sheet
    """
    from he2ihc_keras.report import sheet as sheets

    key = key or out.with_name(f"{out.name}-key.csv")
    consoles.check_writable(out)
    sheets.check_places(out, key)
    seed = secrets.randbelow(2**31) if seed is None else seed
    is_run = predicted.suffix == ".keras" or (predicted / "recipe.toml").is_file()
    if is_run:
        start_keras()
    try:
        patches = sheets.find_patches(predicted, target, data, cases, seed)
        with consoles.bar("Preparing the images") as advance:
            shown = []
            for patch in patches:
                shown.append(patch)
                advance(len(shown), cases)
        written = sheets.write_sheet(shown, out, key, seed=seed)
    except ModuleNotFoundError as error:  # of the extra
        raise click.ClickException(str(error)) from error
    consoles.say(f"{written.images} images of {len(shown)} patches: {written.page}")
    consoles.say(f"To fill in, if not on the page: {written.answers}")
    consoles.say(f"Keep from the reader: {written.key}")
    both = f"{consoles.quoted(written.answers)} {consoles.quoted(written.key)}"
    consoles.say(f"Then: he2ihc-keras level agree {both}")


@level.command()
@click.argument("answers", metavar="SHEET.CSV", type=_FILE)
@click.argument("key", metavar="KEY", type=_FILE)
@click.option("--slide-regex", help="Finds the slide in an image's name.")
@click.option("--groups", type=_FILE, help="CSV with the columns image and slide.")
def agree(answers, key, slide_regex, groups):
    """How far a reader's levels agree: of real, generated, and the slides.

    \b
    Example:
      he2ihc-keras level agree sheet/sheet.csv sheet-key.csv
    """
    from he2ihc_keras.scoring import SlideSource, levels

    slides = SlideSource(slide_regex, groups)
    given = levels.read_answers(answers, key, slides)
    console = consoles.stdout()
    for table in levels.level_tables(given.readings):
        console.print(table)
    for line in levels.level_notes(given.readings):
        consoles.say(line)
    consoles.say(levels.answers_in_words(given))
