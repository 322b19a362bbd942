"""Scores of a run on pairs that its networks have not seen."""

from collections.abc import Sequence
from pathlib import Path

from he2ihc_keras.data import Pair, find_pairs, read_image, read_pair
from he2ihc_keras.scoring.baselines import mean_colour
from he2ihc_keras.scoring.images import score_images
from he2ihc_keras.scoring.scores import SCORED_IHC, TRAINING_IHC, Scores
from he2ihc_keras.scoring.streaming import Progress


def score_run(
    run: Path, data: Path | None = None, *, progress: Progress | None = None
) -> tuple[str, Scores]:
    """Stain and score held-out pairs with the generator of a run.

    The split "test" is scored, or "val" where there is no "test". A run that resized
    its pairs is scored at that size, one that cut patches on whole images.

    Args:
        run: A run folder.
        data: Folder of pairs; the run's own if not given.
        progress: See `he2ihc_keras.scoring.streaming.Progress`.

    Returns:
        What was scored, in words, and the scores.

    Raises:
        ValueError: If the folder holds no run or no model yet, or there is no held-out
            pair.
    """
    # Imported here: scores of two folders need neither Keras nor TensorFlow.
    from he2ihc_keras import inference
    from he2ihc_keras.recipe import Recipe
    from he2ihc_keras.training import RunFolder

    folder = RunFolder(Path(run))
    if data is None:
        recipe, pairs = folder.read()
    else:
        recipe = Recipe.load(folder.recipe)
        pairs = find_pairs(
            data,
            validation_fraction=recipe.data.validation_fraction,
            seed=recipe.fit.seed,
        )
    split, chosen = inference.held_out(pairs)
    stainer = inference.Stainer(inference.load_generator(run))
    colour, colour_of = _mean_colour(pairs, chosen)
    scores = score_images(
        inference.stain_pairs(stainer, chosen, recipe),
        mean_colour=colour,
        mean_colour_of=colour_of,
        progress=progress,
    )
    return _in_words(split, len(chosen), recipe.data), scores


def _mean_colour(pairs: Sequence[Pair], chosen: Sequence[Pair]):
    train = [pair for pair in pairs if pair.split == "train"]
    colour = mean_colour(_ihc(pair) for pair in train or chosen)
    return colour, TRAINING_IHC if train else SCORED_IHC


def _ihc(pair):
    return read_pair(pair)[1] if pair.side_by_side else read_image(pair.ihc)


def _in_words(split, count, data):
    words = f"Held-out split: {split}, {count} pairs"
    if data.fit == "crop":
        return f"{words}, whole images."
    size = data.patch_size
    return f"{words}, resized to {size} x {size} as trained."
