"""Two methods on the same images: which is better, by how much, and is it noise."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from he2ihc_keras.scoring import statistics
from he2ihc_keras.scoring.measured import MEASURES, PSNR, Measure
from he2ihc_keras.scoring.results.problems import shortened
from he2ihc_keras.scoring.scores import GENERATED, Scores
from he2ihc_keras.scoring.statistics import Interval

# Files may have been written on two machines; other targets differ by more.
_SAME = 1e-6


@dataclass(frozen=True)
class Difference:
    """One measure of two methods on the same images.

    Attributes:
        measure: What was measured.
        a: Mean of the first method.
        b: Mean of the second.
        gain: How much better b is than a in the mean, image by image; below 0 where it
            is worse. Of a measure that is best at 1, how much nearer to 1.
    """

    measure: Measure
    a: float
    b: float
    gain: Interval

    @property
    def is_noise(self) -> bool:
        """Whether the images do not tell which of the two is better."""
        return self.gain.contains(0.0) or not self.gain.has_bounds

    def in_words(self, a: str = "A", b: str = "B") -> str:
        """`B is better by 0.31 dB [0.18, 0.44]`, or that it is within noise."""
        title = self.measure.title
        if not self.gain.has_bounds:
            return f"{title}: one image or slide tells nothing; {self.gain_text} apart."
        if self._shows_nothing:
            return f"{title}: equal to {self.measure.digits} decimals."
        if self.is_noise:
            return f"{title}: within noise ({b} against {a}: {self.gain_text})."
        better = b if self.gain.value > 0 else a
        return f"{title}: {better} is better by {self.size_text}."

    @property
    def _shows_nothing(self):
        bounds = {self.measure.text(abs(bound)) for bound in self.gain}
        return not self.is_noise and bounds == {self.measure.text(0.0)}

    @property
    def gain_text(self) -> str:
        """The gain with unit and interval: `-0.31 dB [-0.44, -0.18]`."""
        value, low, high = map(self.measure.form.format, self.gain)
        text = f"{value} {self.measure.unit}".rstrip()
        return f"{text} [{low}, {high}]" if self.gain.has_bounds else text

    @property
    def size_text(self) -> str:
        """The same without the sign of the gain: `0.31 dB [0.18, 0.44]`."""
        if self.gain.value > 0:
            return self.gain_text
        value, low, high = self.gain
        return replace(self, gain=Interval(-value, -high, -low)).gain_text


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
    of_a, of_b = a.values(measure, a_method), b.values(measure, b_method)
    if b.protocol.pooled and measure == PSNR.name:
        gain = statistics.pooled_psnr_difference(of_a, of_b, a.pixels, a.slides)
    else:
        goodness = MEASURES[measure].goodness
        gain = statistics.mean_difference(goodness(of_a), goodness(of_b), a.slides)
    means = a.mean(measure, a_method), b.mean(measure, b_method)
    return Difference(MEASURES[measure], *means, gain)


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
