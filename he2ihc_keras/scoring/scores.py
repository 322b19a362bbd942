"""What scoring found: each image, the means, and the margin over the baselines."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from he2ihc_keras.data.pairs import LEVELS
from he2ihc_keras.measures.deconvolution import RUIFROK_JOHNSTON, StainVectors
from he2ihc_keras.scoring import statistics
from he2ihc_keras.scoring.measured import MEASURES, PSNR, Measure, log_ratio
from he2ihc_keras.scoring.protocols import BCI, Protocol
from he2ihc_keras.scoring.statistics import Interval

# The methods that stand in every table, in its order
GENERATED = "generated"
MEAN_COLOUR = "mean_colour"
HE_COPY = "he_copy"
BLURRED_TARGET = "blurred_target"

# The real IHC, where what it measures by itself is asked for like that of a method
REAL = "real"

METHODS = (GENERATED, MEAN_COLOUR, HE_COPY, BLURRED_TARGET)
# What needs no model, and has not seen the target that it is compared with
BASELINES = (MEAN_COLOUR, HE_COPY)

# Whose mean colour the flat baseline has
TRAINING_IHC = "training IHC"
SCORED_IHC = "scored IHC"  # where no training set was given


@dataclass(frozen=True)
class ScoredImage:
    """One real IHC patch and how near each method comes to it.

    Attributes:
        name: Its name, without ending.
        level: One of `LEVELS`, that of the slide, or `None`.
        size: `(height, width)` in pixels of what was compared.
        scores: For each method of `METHODS` that was scored, each measure by name.
        real: What the real patch measures by itself (`measured.OF_ONE_IMAGE`).
        slide: The slide that it was cut from, where that is known.
    """

    name: str
    level: str | None
    size: tuple[int, int]
    scores: Mapping[str, Mapping[str, float]]
    real: Mapping[str, float] = field(default_factory=dict)
    slide: str | None = None


@dataclass(frozen=True)
class Scores:
    """The scored images of one set.

    Attributes:
        images: One or more.
        protocol: How they were compared.
        mean_colour: The flat colour of that baseline, RGB in [0, 255].
        mean_colour_of: Which images it is the mean of, such as `"training IHC"`.
        dab_histograms: Pixels by optical density of DAB, over all images, of each
            method and of `"real"`.
        slides_from: Where `ScoredImage.slide` comes from, in words; empty where no
            slide is known.
        scale: What was done to the images before the protocol, in words, such as
            `"resized to 256 x 256 as trained"`; empty for native size.
        vectors: Stain vectors of the colour deconvolution.

    Raises:
        ValueError: If there is no image, or if some were scored by other methods than
            the first: their means would be over different subsets.
    """

    images: Sequence[ScoredImage]
    mean_colour: tuple[int, int, int]
    mean_colour_of: str = TRAINING_IHC
    protocol: Protocol = BCI
    dab_histograms: Mapping[str, np.ndarray] = field(default_factory=dict, repr=False)
    slides_from: str = ""
    scale: str = ""
    vectors: StainVectors = RUIFROK_JOHNSTON

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
        return tuple(m for m in METHODS if m in self.images[0].scores)

    @property
    def baselines(self) -> tuple[str, ...]:
        """The methods that need no model and have not seen the target."""
        return tuple(method for method in self.methods if method in BASELINES)

    @property
    def measures(self) -> tuple[Measure, ...]:
        """What was measured, in the order of `MEASURES`."""
        measured = self.images[0].scores[GENERATED]
        return tuple(m for m in MEASURES.values() if m.name in measured)

    @property
    def slides(self) -> list[str] | None:
        """The slide of each image, or `None` where they are not known."""
        slides = [image.slide for image in self.images]
        return None if None in slides else slides

    def values(self, measure: str, method: str = GENERATED) -> np.ndarray:
        """Per-image values of a measure, `(images,)`; of the `"real"` IHC too."""
        if method == REAL:
            return np.array([image.real[measure] for image in self.images])
        return np.array([image.scores[method][measure] for image in self.images])

    def mean(self, measure: str, method: str = GENERATED) -> float:
        """Mean of per-image values; `inf` if that of any image is.

        The geometric mean of a ratio. Under a pooled protocol, PSNR is that of the
        error of all pixels.
        """
        values = self.values(measure, method)
        if self._is_pooled(measure):
            return statistics.pooled_psnr(values, self.pixels)
        if MEASURES[measure].is_ratio:
            return float(np.exp(np.mean(log_ratio(values))))
        return float(np.mean(values))

    def interval(self, measure: str, method: str = GENERATED) -> Interval:
        """The mean with its 95 % bootstrap interval, over slides where known."""
        values = self.values(measure, method)
        if self._is_pooled(measure):
            return statistics.pooled_psnr_interval(values, self.pixels, self.slides)
        if MEASURES[measure].is_ratio:
            logs = statistics.mean_interval(log_ratio(values), self.slides)
            return Interval(*map(math.exp, logs))
        return statistics.mean_interval(values, self.slides)

    @property
    def clusters(self) -> int:
        """How many slides there are or, where they are not known, images."""
        return len(set(self.slides)) if self.slides else len(self.images)

    @property
    def is_few(self) -> bool:
        """Whether intervals are rough."""
        return self.clusters < statistics.FEW_CLUSTERS

    def with_slides(self, slides: Sequence[str] | None, told_by: str) -> "Scores":
        """The same scores with the slide of each image, for intervals over slides.

        Args:
            slides: In the order of `images`, or `None` where they are not known.
            told_by: What tells the slides, in words.
        """
        if slides is None:
            return self
        images = tuple(
            replace(image, slide=slide)
            for image, slide in zip(self.images, slides, strict=True)
        )
        return replace(self, images=images, slides_from=told_by)

    def dab_correlation(self, method: str = GENERATED) -> Interval:
        """Pearson's r of the images' mean DAB with that of the real, over the set."""
        real, fake = self.values("dab", REAL), self.values("dab", method)
        return statistics.correlation_interval(real, fake, self.slides)

    def few_clusters_note(self) -> str:
        """A sentence that intervals are rough, or ""."""
        if self.slides is None:
            names = [image.name for image in self.images]
            return statistics.few_clusters_note(names, of="images")
        return statistics.few_clusters_note(self.slides)

    def by_level(self) -> dict[str | None, "Scores"]:
        """The same scores by HER2 level, 0 to 3+, then `None` for names without one."""
        return {
            level: replace(self, images=images, dab_histograms={})
            for level in (*LEVELS, None)
            if (images := tuple(i for i in self.images if i.level == level))
        }

    def best_methods(self, measure: str) -> list[str]:
        """The methods whose mean of a measure is best, more than one if they tie.

        The blurred target takes no part, as it has seen what it is compared with. Of a
        measure that is best at no value, none.
        """
        about = MEASURES[measure]
        if about.best == "none":
            return []
        rivals = [method for method in self.methods if method != BLURRED_TARGET]
        goodness = {m: about.goodness(self.mean(measure, m)) for m in rivals}
        return [m for m in rivals if goodness[m] == max(goodness.values())]

    def best_baseline(self, measure: str) -> str:
        """The baseline whose mean of a measure is best."""
        goodness = MEASURES[measure].goodness
        return max(self.baselines, key=lambda m: goodness(self.mean(measure, m)))

    def margin(self, measure: str) -> float:
        """Generated minus the best baseline; 0 where both are `inf`."""
        generated = self.mean(measure)
        baseline = self.mean(measure, self.best_baseline(measure))
        return 0.0 if generated == baseline else generated - baseline

    def _is_pooled(self, measure):
        return self.protocol.pooled and measure == PSNR.name

    @property
    def pixels(self) -> np.ndarray:
        """Pixels of each image, `(images,)`."""
        return np.array([np.prod(image.size) for image in self.images])
