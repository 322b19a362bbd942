"""What scoring found: each image, their mean, and the margin over the baselines."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from he2ihc_keras.data.pairs import LEVELS

# The methods that stand in every table, in its order
GENERATED = "generated"
MEAN_COLOUR = "mean_colour"
HE_COPY = "he_copy"

MEASURES = ("psnr", "ssim")

# Whose mean colour the flat baseline has
TRAINING_IHC = "training IHC"
SCORED_IHC = "scored IHC"  # where no training set was given


@dataclass(frozen=True)
class Score:
    """PSNR in dB and SSIM of one image, or their means over several."""

    psnr: float
    ssim: float


@dataclass(frozen=True)
class ScoredImage:
    """One real IHC patch and how near each method comes to it.

    `scores` maps `"generated"`, `"mean_colour"` and, where the H&E was given,
    `"he_copy"` to a `Score`; `level` is one of `LEVELS` or `None`.
    """

    name: str
    level: str | None
    scores: dict[str, Score]


@dataclass(frozen=True)
class Scores:
    """The scored images of one set.

    `mean_colour` is the flat colour of that baseline, RGB in [0, 255], and
    `mean_colour_of` says which images it is the mean of, such as `"training IHC"`.

    Raises:
        ValueError: If there is no image, or if some were scored by other methods than
            the first: their means would be over different subsets.
    """

    images: Sequence[ScoredImage]
    mean_colour: tuple[int, int, int]
    mean_colour_of: str = TRAINING_IHC

    def __post_init__(self):
        if not self.images:
            raise ValueError("There is no image to score.")
        for image in self.images:
            if set(image.scores) != set(self.methods):
                raise ValueError(
                    "Every image must be scored by the same methods. "
                    f"{self.images[0].name}: {', '.join(self.methods)}; "
                    f"{image.name}: {', '.join(image.scores)}. "
                    "Give the H&E of all images, or of none."
                )

    @property
    def methods(self) -> tuple[str, ...]:
        """Generated first, then the baselines."""
        return tuple(self.images[0].scores)

    @property
    def baselines(self) -> tuple[str, ...]:
        """The methods that need no model."""
        return tuple(method for method in self.methods if method != GENERATED)

    def mean(self, method: str = GENERATED) -> Score:
        """Mean of per-image values; its PSNR is `inf` if that of any image is."""
        scores = [image.scores[method] for image in self.images]
        return Score(*(fmean(getattr(score, m) for score in scores) for m in MEASURES))

    def by_level(self) -> dict[str | None, "Scores"]:
        """The same scores by HER2 level, 0 to 3+, then `None` for names without one."""
        return {
            level: replace(self, images=images)
            for level in (*LEVELS, None)
            if (images := tuple(i for i in self.images if i.level == level))
        }

    def best_baseline(self, measure: str) -> str:
        """The baseline of the highest mean `"psnr"` or `"ssim"`."""
        return max(self.baselines, key=lambda method: self._mean_of(method, measure))

    def margin(self, measure: str) -> float:
        """Generated minus the best baseline, in dB or SSIM; 0 where both are `inf`."""
        generated = self._mean_of(GENERATED, measure)
        baseline = self._mean_of(self.best_baseline(measure), measure)
        return 0.0 if generated == baseline else generated - baseline

    def _mean_of(self, method, measure):
        return getattr(self.mean(method), measure)
