"""The page put together: what was scored, and what came of it, in one file."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from he2ihc_keras.report import cases, tables
from he2ihc_keras.report.cases import Case, Picture
from he2ihc_keras.report.html import check_extra, check_place, rendered, write_page
from he2ihc_keras.report.levels import level_section
from he2ihc_keras.report.provenance import provenance
from he2ihc_keras.report.sources import Source, read_images
from he2ihc_keras.scoring import (
    GENERATED,
    MEASURES,
    REAL,
    SCORED_IHC,
    Scores,
    generators,
    verdict,
)
from he2ihc_keras.scoring.baselines import TARGET_BLUR
from he2ihc_keras.scoring.inception import FeatureDistances
from he2ihc_keras.scoring.levels import levels_beside, read_levels
from he2ihc_keras.scoring.streaming import Progress

_ROLES = {
    "he": "H&E",
    "ihc": "Real IHC",
    "fake_ihc": "Generated IHC",
    "dab": "DAB, real",
    "fake_dab": "DAB, generated",
}


def needs_a_model(source: Path) -> bool:
    """Whether `write_report` stains with the model of a run: it then needs Keras."""
    return not _has_levels_alone(source) and Source.read(source).run is not None


def write_report(
    source: Path,
    out: Path,
    *,
    sort_by: str = "psnr",
    command: str = "",
    progress: Progress | None = None,
) -> str:
    """Write scores as one HTML file, whole or not at all; replaces such a page.

    The page has the verdict, tables, plots, and the best, median and worst images of
    each HER2 level, which are read from their folders or stained again by their run;
    and the levels that readers saw, where they were asked. That of a run which reads
    levels has these alone.

    Args:
        source: A run folder that has been scored, or a CSV of `write_scores`.
        out: A name that ends in `.html`; its folder is made.
        sort_by: The measure of `MEASURES` that says which images are best.
        command: What made the page, as the page tells it; this call if not given.
        progress: See `he2ihc_keras.scoring.streaming.Progress`.

    Returns:
        Why the page has no images, in a sentence; "" where it has.

    Raises:
        ValueError: If there are no scores, `sort_by` is no measure of theirs, or `out`
            is a file that this package did not make.
        ModuleNotFoundError: If Matplotlib or Jinja is not installed.
    """
    check_place(Path(out))
    check_extra()
    from he2ihc_keras.report import plots

    if _has_levels_alone(source):
        write_page(out, _level_page(Path(source), command))
        return ""
    found = Source.read(source)
    shown = _shown_cases(found, sort_by, progress or _no_progress)
    run = found.run
    text = rendered(
        "template.html",
        roles=_ROLES,
        longest_side=cases.LONGEST_SIDE,
        REAL=REAL,
        source=found,
        scores=found.scores,
        about=_about(found),
        verdict=_verdict(found.scores),
        notes=_notes(found),
        tables=_tables(found.scores),
        readings=_readings(found),
        generators=_generators(found),
        plots=plots.sections(found.scores, run and run / "history.csv"),
        shown=shown,
        colour_bar=plots.colour_bar(shown.maximum) if shown.cases else "",
        sort_by=MEASURES[sort_by],
        provenance=provenance(found),
        command=command or _call(source),
    )
    write_page(out, text)
    return shown.missing


def _readings(source):
    # An older file may lie there, of images that were scored before.
    return level_section(_csv_of(source.path)) if "levels" in source.said else None


def _generators(source):
    """Headings, rows and colours of the generators; none where there is one alone."""
    rows = [
        generators.GeneratorScore(**row) for row in source.said.get("generators", ())
    ]
    if not rows:
        return None
    from he2ihc_keras.models.mggan import colour

    cells, colours = zip(
        *((generators.cells(row), colour(row.generator)) for row in rows), strict=True
    )
    return generators.HEADINGS, cells, colours


def _call(source):
    return f"he2ihc_keras.report.write_report({str(source)!r}, ...)"


# Of a run that reads levels


def _csv_of(path):
    return path / "scores.csv" if path.is_dir() else path


def _has_levels_alone(source):
    scores = _csv_of(Path(source))
    return levels_beside(scores).is_file() and not scores.is_file()


def _level_page(run, command):
    from he2ihc_keras.report.curves import training

    readings = read_levels(levels_beside(_csv_of(run)))
    recipe = run / "recipe.toml"
    return rendered(
        "level_page.html",
        name=run.resolve().name,
        count=len(readings.images),
        readings=level_section(_csv_of(run)),
        plots=training(run / "history.csv"),
        recipe=recipe.read_text(encoding="utf-8") if recipe.is_file() else "",
        command=command or _call(run),
    )


# Cases


class ShownCase(NamedTuple):
    """An image of the page: its place among the others, pictures and measures."""

    case: Case
    pictures: dict[str, Picture]
    values: list[tuple]
    dab: dict[str, str]


class ShownCases(NamedTuple):
    """The images of the page.

    Attributes:
        cases: None where the images cannot be shown.
        maximum: Optical density at the dark end of the colours of DAB.
        is_scaled: Whether some are shown smaller than they are.
        missing: Why there are none, in a sentence.
    """

    cases: list[ShownCase]
    maximum: float = 1.0
    is_scaled: bool = False
    missing: str = ""


def _shown_cases(source: Source, sort_by: str, progress: Progress) -> ShownCases:
    chosen = cases.choose_cases(source.scores, sort_by)
    try:
        maps = list(_maps(source, chosen, progress))
    except (ValueError, OSError) as error:
        # The numbers stand without the images.
        return ShownCases([], missing=str(error))
    maximum = cases.densest(maps)
    shown = [
        ShownCase(
            case,
            cases.pictures(of_case, maximum),
            tables.case_values(case.image),
            _dab(case.image),
        )
        for case, of_case in zip(chosen, maps, strict=True)
    ]
    is_scaled = any(max(case.image.size) > cases.LONGEST_SIDE for case in chosen)
    return ShownCases(shown, maximum, is_scaled)


def _maps(source, chosen, progress) -> Iterator[cases.Maps]:
    vectors = source.scores.vectors
    doing = "Staining the cases" if source.run else "Reading the cases"
    progress(doing, 0, len(chosen))
    images = read_images(source, [case.image for case in chosen])
    for done, (image, parts) in enumerate(images, start=1):
        yield cases.shown(image, vectors, parts)
        progress(doing, done, len(chosen))


def _dab(image) -> dict[str, str]:
    """Mean DAB of the real and the generated image, by the role of their maps."""
    if "dab" not in image.real:
        return {}
    text = MEASURES["dab"].text
    means = {"dab": image.real["dab"], "fake_dab": image.scores[GENERATED]["dab"]}
    return {role: text(mean) for role, mean in means.items()}


# Words


def _about(source: Source) -> str:
    scores, said = source.scores, source.said
    number = len(scores.images)
    count = f"{number} generated patch{'es' if number > 1 else ''}"
    if source.run:
        what = said.get("scored", f"{count}.")
        return f"What the generator of this run makes of H&E it has not seen. {what}"
    if "target" in said:
        real = Path(said["target"]).name
        return f"{count} in {source.name}, against the real IHC in {real}."
    return f"{count} against the real IHC."


def _verdict(scores: Scores) -> list[tuple[str, str]]:
    """Subject of each line of the verdict, and what it says of it."""
    lines = (line.partition(": ") for line in verdict(scores).splitlines())
    return [(subject, said) for subject, _, said in lines]


def _notes(source: Source) -> list[str]:
    scores = source.scores
    drawn = "images, which may share slides"
    if scores.slides:
        slides = len(set(scores.slides))
        drawn = f"{slides} slides (from {scores.slides_from})"
    notes = [
        "Means of per-image values; beneath, their 95 % bootstrap interval, drawn over "
        f"{drawn}. The best value of a column is bold.",
        scores.few_clusters_note(),
        _colour_note(scores),
        _feature_note(source),
        f"Blurred real is the target out of focus (sigma {TARGET_BLUR:g} pixels): what "
        "blur alone can score. No model can know it, and it is never bold.",
    ]
    if not source.record:
        notes.append(
            "The CSV has no .json beside it, which would tell the flat colour, the "
            "histograms of DAB and where the images are."
        )
    return [note for note in notes if note]


def _colour_note(scores):
    if not scores.mean_colour:
        return ""
    red, green, blue = scores.mean_colour
    note = (
        f"Mean colour is one flat image, RGB {red}, {green}, {blue}, the mean of the "
        f"{scores.mean_colour_of}"
    )
    if scores.mean_colour_of == SCORED_IHC:
        return f"{note}, as no training set was given: no model may know it."
    return f"{note}: it needs no model and knows no image."


def _feature_note(source):
    features = source.said.get("features")
    return FeatureDistances(**features).in_words() if features else ""


def _tables(scores):
    found = (f(scores) for f in (tables.likeness_table, tables.stain_table))
    return [*filter(None, found)], tables.level_table(scores)


def _no_progress(doing, done, total):
    pass
