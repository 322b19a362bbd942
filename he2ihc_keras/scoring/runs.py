"""Scores of a run on pairs that its networks have not seen."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from he2ihc_keras.data import Pair, find_pairs
from he2ihc_keras.measures.deconvolution import RUIFROK_JOHNSTON, StainVectors
from he2ihc_keras.scoring.baselines import mean_colour
from he2ihc_keras.scoring.images import See, score_images
from he2ihc_keras.scoring.protocols import BCI, Protocol
from he2ihc_keras.scoring.results import ImageFile
from he2ihc_keras.scoring.scores import SCORED_IHC, TRAINING_IHC, Scores
from he2ihc_keras.scoring.slides import SlideSource
from he2ihc_keras.scoring.streaming import Progress

if TYPE_CHECKING:
    import keras

    from he2ihc_keras.inference import Modes
    from he2ihc_keras.recipe import Recipe


def score_run(
    run: Path,
    data: Path | None = None,
    *,
    generator: "keras.Model | None" = None,
    modes: "Modes | None" = None,
    protocol: Protocol = BCI,
    vectors: StainVectors = RUIFROK_JOHNSTON,
    slides: SlideSource | None = None,
    see: See | None = None,
    progress: Progress | None = None,
) -> tuple[str, Scores]:
    """Stain and score held-out pairs with the generator of a run.

    The split "test" is scored, or "val" where there is no "test". A run that resized
    its pairs is scored at that size, one that cut patches on whole images; under a
    protocol that is not of native size, on what the protocol leaves of them.

    Args:
        run: A run folder, or a `.keras` file such as `convert` makes.
        data: Folder of pairs; a run's own if not given. A `.keras` file needs it.
        generator: The run's, where it is loaded already.
        modes: How the generator runs; as it was evaluated in training if not given.
        protocol: What is compared, and how.
        vectors: Stain vectors of the colour deconvolution.
        slides: Where the slide of an image is told; MIST's names are known.
        see: See `score_images`.
        progress: See `he2ihc_keras.scoring.streaming.Progress`.

    Returns:
        What was scored, in words, and the scores.

    Raises:
        ValueError: If there is no run or no model yet, no data or no held-out pair, or
            the slide of one is not told.
    """
    # Imported here: scores of two folders need neither Keras nor TensorFlow.
    from he2ihc_keras import inference

    recipe, pairs = recipe_and_pairs(Path(run), data)
    split, chosen = inference.held_out(pairs)
    slide_of_each, told_by = (slides or SlideSource()).of([p.name for p in chosen])
    generator = generator or inference.load_generator(run)
    modes = (modes or inference.Modes()).of(generator)
    generator = inference.with_modes(generator, modes)
    colour, colour_of = mean_training_colour(pairs, chosen, progress)
    scale = _as_trained(recipe, protocol)
    stained = inference.stain_pairs(
        inference.Stainer(generator),
        chosen,
        recipe,
        view=None if protocol.is_native else protocol.view,
    )
    scores = score_images(
        stained,
        mean_colour=colour,
        mean_colour_of=colour_of,
        protocol=protocol,
        vectors=vectors,
        scale=scale,
        total=len(chosen),
        see=see,
        progress=progress,
    )
    seen = scale or ("whole images" if protocol.is_native else protocol.size)
    what = f"Held-out split: {split}, {len(chosen)} pairs, {seen}; {modes.in_words()}."
    return what, scores.with_slides(slide_of_each, told_by)


def recipe_and_pairs(
    run: Path, data: Path | None
) -> tuple["Recipe | None", Sequence[Pair]]:
    """The recipe of a run or a `.keras` file, and the pairs that it is scored on.

    Raises:
        ValueError: If a `.keras` file comes without data, or `data` holds no pairs.
    """
    from he2ihc_keras.inference import load_recipe
    from he2ihc_keras.training import RunFolder

    if data is None and run.suffix == ".keras":
        raise ValueError(
            f"{run} is a model and knows no data. Give a folder of pairs with --data."
        )
    if data is None:
        return RunFolder(run).read()
    recipe = load_recipe(run)
    if recipe is None:
        return None, find_pairs(data)
    pairs = find_pairs(
        data,
        validation_fraction=recipe.data.validation_fraction,
        seed=recipe.fit.seed,
        unpaired="unpaired" in recipe.needs,
    )
    return recipe, pairs


def mean_training_colour(
    pairs: Sequence[Pair], chosen: Sequence[Pair], progress: Progress | None
):
    """The mean colour of the training IHC, or of the scored, and which it is."""
    train = [pair for pair in pairs if pair.split == "train" and pair.ihc]
    colour = mean_colour([_ihc(pair) for pair in train or chosen], progress=progress)
    return colour, TRAINING_IHC if train else SCORED_IHC


def _ihc(pair):
    return ImageFile(pair.ihc, 1, 2) if pair.side_by_side else ImageFile(pair.ihc)


def _as_trained(recipe, protocol):
    """What is done to the images before the protocol; "" if nothing is."""
    if not protocol.is_native or recipe is None or recipe.data.fit == "crop":
        return ""
    size = recipe.data.patch_size
    return f"resized to {size} x {size} as trained"
