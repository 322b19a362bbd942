"""he2ihc-keras score."""

from dataclasses import asdict
from pathlib import Path

import click

from he2ihc_keras.cli import console as consoles
from he2ihc_keras.cli.backends import backend_option, chosen, start_keras
from he2ihc_keras.cli.folders import ModelPath

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_FROM_DATA = "a run; they come from --data"
_EXPLAIN = "--explain, which shows PSNR and SSIM alone"
# As `scoring.PROTOCOLS`, whose import would make --help slow
_PROTOCOLS = ("bci", "bci-readme", "pooled", "gaussian")


@click.command()
@backend_option
@click.argument(
    "predicted",
    metavar="PREDICTED_OR_MODEL",
    type=ModelPath(exists=True, path_type=Path),
)
@click.argument("target", metavar="[TARGET]", required=False, type=_FOLDER)
@click.option(
    "--data", type=_FOLDER, help="With MODEL: folder of pairs to stain and score."
)
@click.option("--he", type=_FOLDER, help="With PREDICTED: H&E, for the copy baseline.")
@click.option(
    "--train-ihc",
    type=_FOLDER,
    help="With PREDICTED: training IHC, for the mean colour; else that of the scored.",
)
@click.option(
    "--panels",
    metavar="ROLES",
    help="With PREDICTED: what lies side by side in its files, such as "
    "he,fake_ihc,ihc.",
)
@click.option(
    "--protocol",
    type=click.Choice(_PROTOCOLS),
    default="bci",
    show_default=True,
    help="What is compared, and how.",
)
@click.option(
    "--features",
    metavar="WEIGHTS",
    help="With PREDICTED, or a MODEL without pairs: KID and FID too, on InceptionV3 "
    "with these weights: imagenet, which Keras downloads, or a file.",
)
@click.option(
    "--explain",
    is_flag=True,
    help="PSNR and SSIM of the same images under every protocol, and nothing else.",
)
@click.option(
    "--level",
    "level",
    metavar="RUN",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    multiple=True,
    help="The HER2 level too, read by this run of her2_level. Twice: by one that reads "
    "the H&E, for the floor.",
)
@click.option(
    "--stain-vectors",
    metavar="H DAB",
    help='Absorbance of haematoxylin and DAB: "0.65,0.70,0.29 0.27,0.57,0.78".',
)
@click.option("--slide-regex", help="Finds the slide in an image's name.")
@click.option(
    "--groups",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="CSV with the columns image and slide.",
)
@click.option(
    "--statistics",
    type=click.Choice(("running", "image")),
    help="With MODEL: what batch norm normalises by.  [default: running]",
)
@click.option(
    "--dropout",
    type=click.Choice(("on", "off")),
    help="With MODEL: whether dropout stays on.  [default: off]",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    help="With MODEL: of the dropout, or of what a diffusion model draws.",
)
@click.option(
    "--steps",
    type=click.IntRange(min=1),
    help="With MODEL of a diffusion model: evaluations for an image.",
)
@click.option(
    "--samples",
    type=click.IntRange(min=1),
    help="With MODEL of a diffusion model: images drawn for one, whose mean is scored.",
)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="CSV, a row an image; its record is written beside it as .json.",
)
def score(predicted, target, explain, out, **options):
    """Score stained images against real IHC, beside trivial baselines.

    PREDICTED and TARGET are folders with images of the same names, or PREDICTED is a
    result folder of pix2pix, CycleGAN, CUT or ASP, which holds both. MODEL is a run
    folder, a .keras file or phantom_attn_pyramid: it stains the held-out pairs of
    --data (a run's own data if not given). Where none of them is a pair, as CycleGAN
    allows, DAB and sharpness of the sets are compared alone.

    Protocols: bci, as the authors of BCI evaluate (scikit-image's defaults on uint8 at
    native size, means of per-image values); bci-readme, what their README's test
    command really scores (scaled to 320, middle 256); pooled, PSNR of the pooled error;
    gaussian, SSIM as torchmetrics and tf.image.ssim. --explain shows all of them.

    A MODEL that reads levels is scored on real IHC alone: how well its readings agree
    with the names.

    \b
    Example:
      he2ihc-keras score stained BCI_dataset/IHC/test --he BCI_dataset/HE/test
      he2ihc-keras score results/pyramidpix2pix --protocol bci-readme
      he2ihc-keras score runs/attn_pyramid --data BCI_dataset --out scores.csv
      he2ihc-keras score runs/unet --level runs/her2_level --level runs/her2_level_he
    """
    console = consoles.stdout()
    is_run = _is_run(predicted)
    if is_run and target is not None:
        raise click.UsageError(
            f"{predicted} is a run or a model, which brings its own pairs: leave "
            "TARGET out, or give --data FOLDER."
        )
    _refuse_what_does_not_go(is_run, explain, options)
    _prepare(out)
    if explain:
        _explain(predicted, target, is_run, out, options, console)
    elif is_run:
        _score_run(predicted, out, options, console)
    else:
        _score_folders(_folders(predicted, target, options), out, options, console)


def _is_run(path):
    return path.suffix == ".keras" or (path / "recipe.toml").is_file()


def score_run(run, out, console):
    """Stains and scores the held-out pairs of a run, as `train` does at its end."""
    _score_run(run, out, {"levels": False}, console)


def _score_run(run, out, options, console):
    how = _how(options)  # first, as it refuses what cannot be used
    start_keras()
    from he2ihc_keras import inference

    _SCORED[inference.predicts(run)](run, out, options, how, console)


def _score_levels(run, out, options, how, console):
    """Of a run that reads levels: real images alone."""
    from he2ihc_keras.scoring import levels

    with consoles.bar("Reading") as advance:
        what, readings = levels.read_run(
            run,
            options.get("data"),
            beside=options.get("level") or (),
            slides=how["slides"],
            progress=lambda doing, done, total: advance(done, total, doing),
        )
    console.print(f"\n{what}")
    _show_levels(readings, out, console)


def _score_images(run, out, options, how, console):
    from he2ihc_keras import inference, scoring
    from he2ihc_keras.scoring.generators import Generators

    reading = _reading(options)
    generator = inference.load_generator(run)
    modes = inference.Modes(
        options.get("statistics") or "running",
        options.get("dropout") == "on",
        options.get("seed") or 0,
        options.get("steps"),
        options.get("samples"),
    ).of(generator)
    loaded = {"generator": generator, "modes": modes}
    if not scoring.has_held_out_pairs(run, options.get("data")):
        return _score_sets(run, loaded, how["vectors"], out, options, console)
    _refuse(("features",), options, _FROM_DATA)
    # Which look at the generator as it is
    generators = Generators.of(generator) if modes == inference.Modes() else None
    looks = [look for look in (reading, generators) if look is not None]
    with consoles.bar("Staining and scoring") as advance:
        what, scores = scoring.score_run(
            run,
            options.get("data"),
            **loaded,
            see=lambda image, ruler: [look(image, ruler) for look in looks],
            progress=lambda doing, done, total: advance(done, total),
            **how,
        )
    console.print(f"\n{what}")
    source = {"run": str(run.resolve()), "scored": what, "modes": modes.as_dict()}
    source["backend"] = chosen()
    if options.get("data"):
        source["data"] = str(options["data"].resolve())
    if reading is not None:
        source["levels"] = True
    if generators is not None:
        source["generators"] = [asdict(row) for row in generators.scores()]
    _show(scores, out, source, options, console)
    if generators is not None:
        _show_generators(generators.scores(), console)
    if reading is not None:
        _show_levels(reading.readings(how["slides"]), out, console)


def _show_generators(scores, console):
    from he2ihc_keras.scoring import generators

    console.print(generators.generators_table(scores))
    consoles.say(generators.NOTE)


# How a run is scored, by what it predicts
_SCORED = {"image": _score_images, "level": _score_levels}


def _reading(options):
    """What reads the levels of the images that pass; `None` where none is asked."""
    runs = options.get("level")
    if not runs:
        return None
    start_keras()
    from he2ihc_keras.scoring import levels

    with consoles.bar("Readers of levels") as advance:
        readers = levels.Readers.load(
            *runs, progress=lambda doing, done, total: advance(done, total, doing)
        )
    if readers.network is None:
        raise click.UsageError(
            f"--level {runs[0]} reads the H&E. Give a run that reads the IHC too."
        )
    return levels.LevelReading(readers)


def _show_levels(readings, out, console):
    from he2ihc_keras.scoring import levels

    if out is not None:
        path = levels.levels_beside(out)
        levels.write_levels(path, readings)
    for table in levels.level_tables(readings):
        console.print(table)
    for line in (*levels.level_notes(readings), levels.level_verdict(readings)):
        consoles.say(line)
    if out is not None:
        consoles.say(f"Levels: {path}; who read them: {path.with_suffix('.json')}")


def _score_sets(run, loaded, vectors, out, options, console):
    from he2ihc_keras import scoring
    from he2ihc_keras.scoring.sets import NO_PAIRS

    with consoles.bar("Staining and scoring") as advance:
        what, scores = scoring.score_sets(
            run,
            options.get("data"),
            **loaded,
            vectors=vectors,
            features=options.get("features"),
            progress=lambda doing, done, total: advance(done, total),
        )
    written = scores.write(out) if out is not None else None
    console.print(f"\n{NO_PAIRS}\n{what}", soft_wrap=True)
    console.print(scores.table())
    consoles.say(scores.in_words())
    if written is not None:
        consoles.say(f"Each image: {written}")


def _score_folders(folders, out, options, console):
    from he2ihc_keras import scoring

    how = _how(options)  # first, as it refuses what cannot be used
    weights = options["features"]
    features = weights and _feature_distances(folders, weights)
    reading = _reading(options)
    with consoles.bar("Scoring") as advance:
        what, scores = scoring.score_folders(
            folders,
            see=reading,
            progress=lambda doing, done, total: advance(done, total, doing),
            **how,
        )
    console.print(f"\n{what}")
    source = {**folders.as_source(), "scored": what}
    if features:
        source["features"] = features._asdict()
    if reading is not None:
        source["levels"] = True
    _show(scores, out, source, options, console)
    if reading is not None:
        _show_levels(reading.readings(how["slides"]), out, console)
    if features:
        consoles.say(features.in_words())


def _feature_distances(folders, weights):
    """KID and FID; first of all, as they fail where the weights are not at hand."""
    start_keras()
    from he2ihc_keras.scoring import inception

    rows = folders.find().rows
    with consoles.bar("Inception features") as advance:
        return inception.feature_distances(
            [row.ihc for row in rows],
            [row.fake_ihc for row in rows],
            weights,
            progress=lambda doing, done, total: advance(done, total, doing),
        )


def _explain(predicted, target, is_run, out, options, console):
    if is_run:
        raise click.UsageError(
            "--explain goes with folders of images. Stain them first: he2ihc-keras "
            f"predict {predicted} HE --out stained"
        )
    if out is not None:
        raise click.UsageError("--explain writes no file; --out does not go with it.")
    from he2ihc_keras import scoring

    folders = _folders(predicted, target, options)
    with consoles.bar("Scoring") as advance:
        explained = scoring.explain_folders(
            folders, progress=lambda doing, done, total: advance(done, total, doing)
        )
    console.print(scoring.explanation(explained))
    consoles.say(scoring.explanation_in_words(explained))


def _how(options):
    """Protocol, stain vectors and slides, as the library takes them."""
    from he2ihc_keras import scoring
    from he2ihc_keras.measures import RUIFROK_JOHNSTON, parse_stain_vectors

    text, regex = options.get("stain_vectors"), options.get("slide_regex")
    return {
        "protocol": scoring.protocol(options.get("protocol") or "bci"),
        "vectors": parse_stain_vectors(text) if text else RUIFROK_JOHNSTON,
        "slides": scoring.SlideSource(regex, options.get("groups")),
    }


def _folders(predicted, target, options):
    from he2ihc_keras import scoring

    panels = options["panels"]
    return scoring.Folders(
        predicted,
        target,
        options["he"],
        options["train_ihc"],
        panels and tuple(panels.split(",")),
    )


def _show(scores, out, source, options, console):
    from he2ihc_keras import scoring

    levels = options.get("levels", True)
    # First: who reads the tables may not want all of them (`| head`).
    if out is not None:
        scoring.write_scores(out, scores, source)
    console.print(scoring.table(scores, levels=levels))
    console.print(scoring.stain_table(scores, levels=levels))
    consoles.say(scoring.verdict(scores))
    if out is not None:
        consoles.say(
            f"Each image: {out}; how it was scored: {out.with_suffix('.json')}"
        )


def _prepare(out):
    """Finds what is wrong with --out before the long work, not after it."""
    if out is None:
        return
    if out.suffix.lower() != ".csv":
        raise click.UsageError(f"--out must end in .csv. Received: {out}.")
    from he2ihc_keras.scoring.record import check_place

    check_place(out)
    consoles.check_writable(out)
    out.parent.mkdir(parents=True, exist_ok=True)


def _refuse_what_does_not_go(is_run, explain, options):
    of_run = ("data", "statistics", "dropout", "seed", "steps", "samples")
    of_folders = ("he", "train_ihc", "panels")
    if is_run:
        _refuse(of_folders, options, _FROM_DATA)
    else:
        _refuse(of_run, options, "folders of images; use --he and --train-ihc")
    if explain:
        of_all = ("stain_vectors", "slide_regex", "groups", "features", "level")
        _refuse(of_all, options, _EXPLAIN)
    if options["features"] and options["protocol"] == "bci-readme":
        raise click.UsageError("--features are of whole images: not with bci-readme.")


def _refuse(names, options, where):
    given = [
        f"--{name.replace('_', '-')}"
        for name in names
        if options.get(name) not in (None, ())
    ]
    if given:
        raise click.UsageError(f"{', '.join(given)} does not go with {where}.")
