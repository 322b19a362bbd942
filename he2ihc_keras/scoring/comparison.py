"""Two methods on the same images: which is better, by how much, and is it noise."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from he2ihc_keras.scoring import statistics
from he2ihc_keras.scoring.measured import MEASURES, PSNR, Measure
from he2ihc_keras.scoring.results.problems import shortened
from he2ihc_keras.scoring.scores import GENERATED, Scores
from he2ihc_keras.scoring.statistics import FEWEST_TO_TELL, Interval

# Files may have been written on two machines; other targets differ by more.
_SAME = 1e-6
# One of two images is all but flat, and how flat says nothing.
_BEYOND = 100

Outcome = Literal["a", "b", "noise", "too few", "equal", "undefined"]


@dataclass(frozen=True)
class Difference:
    """One measure of two methods on the same images.

    Attributes:
        measure: What was measured.
        a: Mean of the first method.
        b: Mean of the second.
        gain: How much better b is than a in the mean, image by image; below 0 where it
            is worse. Of a ratio, by which factor it is nearer to 1.
        clusters: How many slides, or images, this is from.
        identical: Images of either method that are identical to the real one, where
            that leaves the measure infinite.
    """

    measure: Measure
    a: float
    b: float
    gain: Interval
    clusters: int
    identical: int = 0

    @property
    def outcome(self) -> Outcome:
        """What the images tell: `"b"` and `"a"` name the better method."""
        if self.identical:
            return "undefined"
        if self.clusters < FEWEST_TO_TELL:
            return "too few"
        if self.gain.contains(self._no_gain):
            return "noise"
        if {self.measure.text(abs(bound)) for bound in self._logs} == {self._nothing}:
            return "equal"
        return "b" if self.gain.value > self._no_gain else "a"

    @property
    def is_nil(self) -> bool:
        """Whether there is no difference at all."""
        return set(self.gain) == {self._no_gain}

    def in_words(self, a: str = "A", b: str = "B") -> str:
        """`PSNR: B is better by 0.31 dB [0.18, 0.44].`, or why that cannot be said."""
        better = b if self.outcome == "b" else a
        words = {
            "undefined": f"undefined, as {self.identical} images are identical to "
            "their real IHC. Have targets been copied?",
            "equal": f"equal to {self.measure.digits} decimals.",
            "too few": f"{self.clusters} images or slides are too few to tell "
            f"({b} against {a}: {self.gain_text}).",
            "noise": f"within noise ({b} against {a}: {self.gain_text}).",
        }
        found = words.get(self.outcome, f"{better} is better by {self.size_text}.")
        return f"{self.measure.title}: {found}"

    @property
    def gain_text(self) -> str:
        """The gain with unit and interval: `-0.31 dB [-0.44, -0.18]`."""
        if self.measure.is_ratio and not 1 < self.gain.value * _BEYOND < _BEYOND**2:
            return f"a factor beyond {_BEYOND}"
        value, low, high = map(self.measure.form.format, self.gain)
        text = f"{value} {self.measure.unit}".rstrip()
        text = f"a factor of {value}" if self.measure.is_ratio else text
        return f"{text} [{low}, {high}]" if self.gain.has_bounds else text

    @property
    def size_text(self) -> str:
        """The same without the direction of the gain: `0.31 dB [0.18, 0.44]`."""
        if self.gain.value > self._no_gain:
            return self.gain_text
        value, low, high = self.gain
        turned = (-value, -high, -low)
        if self.measure.is_ratio:
            turned = (1 / value, 1 / high, 1 / low)
        return replace(self, gain=Interval(*turned)).gain_text

    @property
    def _no_gain(self):
        return 1.0 if self.measure.is_ratio else 0.0

    @property
    def _logs(self):
        bounds = [bound for bound in self.gain if not math.isnan(bound)]
        return [math.log(b) for b in bounds] if self.measure.is_ratio else bounds

    @property
    def _nothing(self):
        return self.measure.text(0.0)


def difference(
    measure: str, a: Scores, b: Scores, a_method=GENERATED, b_method=GENERATED
) -> Difference:
    """How two methods differ in one measure.

    Args:
        measure: A name in `MEASURES` of which a value can be better than another.
        a: Scores of the first method.
        b: Scores of the second, of the same images in the same order; may be `a`.
        a_method: Which method of `a`.
        b_method: Which method of `b`.

    Raises:
        ValueError: If no value of the measure is better than another.
    """
    about = MEASURES[measure]
    of_a, of_b = a.values(measure, a_method), b.values(measure, b_method)
    if b.protocol.pooled and measure == PSNR.name:
        gain = statistics.pooled_psnr_difference(of_a, of_b, a.pixels, a.slides)
        identical = 0
    else:
        goodness = about.goodness(of_a), about.goodness(of_b)
        gain = statistics.mean_difference(*goodness, a.slides)
        identical = _infinite(*goodness)
    if about.is_ratio:
        gain = Interval(*map(math.exp, gain))
    means = a.mean(measure, a_method), b.mean(measure, b_method)
    return Difference(about, *means, gain, a.clusters, identical)


def _infinite(of_a, of_b):
    """Images of which one value alone is infinite, so that they differ infinitely."""
    return int(np.count_nonzero(np.isinf(of_a) != np.isinf(of_b)))


@dataclass(frozen=True)
class Comparison:
    """Two methods on the same images.

    Attributes:
        images: How many.
        differences: One for each measure that can be better or worse.
        by_level: The same for each HER2 level, where names tell it.
        slides_from: Where slides come from, in words; empty where they are not known.
        note: What to mind when reading the intervals, or empty.
    """

    images: int
    differences: tuple[Difference, ...]
    by_level: dict[str | None, "Comparison"]
    slides_from: str
    note: str


def compare(
    a: Scores,
    b: Scores,
    a_method: str = GENERATED,
    b_method: str = GENERATED,
) -> Comparison:
    """Compare two methods image by image, over slides where they are known.

    Args:
        a: Scores of the first method.
        b: Scores of the second; may be `a`, for one of its baselines.
        a_method: Which method of `a`: `"generated"` or a baseline.
        b_method: Which method of `b`.

    Raises:
        ValueError: If the two are not of the same images under the same protocol, or a
            method was not scored.
    """
    b = _in_order_of(a, b)
    for scores, method in ((a, a_method), (b, b_method)):
        _check_has(scores, method)
    parts = zip(a.by_level().items(), b.by_level().values(), strict=True)
    by_level = {
        level: _compare(of_a, of_b, a_method, b_method) for (level, of_a), of_b in parts
    }
    whole = _compare(a, b, a_method, b_method)
    return whole if set(by_level) == {None} else replace(whole, by_level=by_level)


def _compare(a, b, a_method, b_method):
    shared = [m for m in a.measures if m in b.measures and m.best != "none"]
    differences = (difference(m.name, a, b, a_method, b_method) for m in shared)
    return Comparison(
        len(a.images), tuple(differences), {}, a.slides_from, a.few_clusters_note()
    )


def _in_order_of(a: Scores, b: Scores) -> Scores:
    """`b` with its images in the order of `a`."""
    if a.protocol != b.protocol:
        raise ValueError(
            "Scores of different protocols do not compare. "
            f"A: {a.protocol.name}; B: {b.protocol.name}. Score both under one."
        )
    if _directions(a) != _directions(b):
        raise ValueError(
            "Scores with different stain vectors do not compare. "
            f"A: {a.vectors.source}; B: {b.vectors.source}. Score both with the same."
        )
    of_b = {image.name: image for image in b.images}
    of_a = {image.name: image for image in a.images}
    problems = [
        _listed("only in A", of_a.keys() - of_b.keys()),
        _listed("only in B", of_b.keys() - of_a.keys()),
    ]
    if any(problems):
        raise ValueError(
            "Both must be scored on the same images, and nothing was compared:\n"
            + "\n".join(filter(None, problems))
        )
    _check_same_targets(a.images, of_b)
    return replace(b, images=tuple(of_b[image.name] for image in a.images))


def _check_same_targets(images, of_b):
    apart = [i.name for i in images if not _same_target(i, of_b[i.name])]
    if apart:
        raise ValueError(
            "Both must be scored against the same real IHC, and nothing was compared. "
            f"{_listed('with other targets', apart).strip()} The sizes or the DAB of "
            "their real IHC differ. Score both on one folder."
        )


def _directions(scores):
    return np.round(scores.vectors.matrix, 3).tolist()


def _same_target(image, other):
    shared = image.real.keys() & other.real.keys()
    near = (abs(image.real[k] - other.real[k]) <= _SAME for k in shared)
    return image.size == other.size and all(near)


def _check_has(scores, method):
    if method not in scores.methods:
        raise ValueError(
            f"{method!r} was not scored. Scored: {', '.join(scores.methods)}."
        )


def _listed(problem: str, names: Sequence[str]) -> str:
    if not names:
        return ""
    return f"  {len(names)} {problem}: {shortened(sorted(names))}."
