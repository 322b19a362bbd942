"""What each of several generators paints, and what is lost without it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from he2ihc_keras.data.images import to_float, to_uint8
from he2ihc_keras.measures import psnr
from he2ihc_keras.measures.deconvolution import dab_density, stain_densities

if TYPE_CHECKING:
    from rich.table import Table

    from he2ihc_keras.scoring.images import Generated, Ruler


@dataclass(frozen=True)
class GeneratorScore:
    """One generator over a set of pairs; means of per-image values.

    Attributes:
        generator: Its number, from 1.
        share: Mean weight that the gate gives it, in [0, 1].
        dab: Density of DAB in the real IHC under its weight.
        haematoxylin: That of haematoxylin.
        psnr_loss: What PSNR falls by, in dB, when it is taken out and the weights of
            the others are brought to a sum of 1 again.
        dab_error_gain: What the error of the mean DAB rises by.
    """

    generator: int
    share: float
    dab: float
    haematoxylin: float
    psnr_loss: float
    dab_error_gain: float


class Generators:
    """Looks into a blend at each pair that is scored.

    Args:
        generator: A model of `models.build("mggan")`.
    """

    def __init__(self, generator):
        from he2ihc_keras import models

        self.parts = models.mggan.parts(generator)
        self.stride = models.stride(generator)
        self._found = []

    @classmethod
    def of(cls, generator) -> "Generators | None":
        """Those of a generator; `None` where it paints one image."""
        has_gate = any(layer.name == "gate" for layer in generator.layers)
        return cls(generator) if has_gate else None

    def __call__(self, image: "Generated", ruler: "Ruler") -> None:
        """Measures one pair."""
        _, gate, *images = self._of(image.he, partial(self.parts, training=False))
        haematoxylin, dab = stain_densities(image.ihc, ruler.vectors)

        def errors(weights):
            fake_ihc = _blended(weights, images)
            of_dab = dab_density(fake_ihc, ruler.vectors).mean() - dab.mean()
            return np.array([psnr(image.ihc, fake_ihc), abs(of_dab)])

        whole, rows = errors(gate), []
        for k in range(len(images)):
            under = [np.average(of, weights=gate[..., k]) for of in (dab, haematoxylin)]
            rest = np.where(np.arange(len(images)) == k, 0.0, gate)
            rest = rest / np.maximum(rest.sum(-1, keepdims=True), 1e-6)
            lost = (whole - errors(rest)) * (1, -1)
            rows.append([gate[..., k].mean(), *under, *lost])
        self._found.append(rows)

    def pictures(self, he: np.ndarray) -> dict[str, np.ndarray]:
        """The gate in colours and the image of each generator, by name.

        Args:
            he: uint8 `(height, width, 3)`, as the pictures are.
        """
        from he2ihc_keras.models import mggan

        found = self._of(he, partial(mggan.looked_into, self.parts))
        return {name: np.asarray(to_uint8(image)) for name, image in found.items()}

    def _of(self, he, look):
        """What `look` makes of an image, cut back to it."""
        import keras

        from he2ihc_keras.inference.stainer import pad_by_reflection

        height, width, _ = he.shape
        made = look(pad_by_reflection(to_float(he[None]), self.stride))
        return keras.tree.map_structure(
            lambda x: keras.ops.convert_to_numpy(x)[0, :height, :width], made
        )

    def scores(self) -> list[GeneratorScore]:
        """A row for each generator, over the pairs that were seen."""
        means = np.mean(self._found, axis=0)
        return [GeneratorScore(k + 1, *map(float, row)) for k, row in enumerate(means)]


def _blended(gate, images):
    from keras import ops

    blend = sum(gate[..., k, None] * image for k, image in enumerate(images))
    return ops.convert_to_numpy(to_uint8(blend))


def generators_table(scores: Sequence[GeneratorScore]) -> "Table":
    """The rows as a table of rich."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for title in HEADINGS:
        table.add_column(title, justify="right")
    for score in scores:
        table.add_row(*cells(score))
    return table


HEADINGS = (
    *("generator", "weight", "DAB OD", "haematoxylin OD"),
    *("PSNR without it", "DAB error without it"),
)
NOTE = """\
Generators: mean weight of the gate; density of the real IHC under that weight;
what PSNR and DAB error change by when a generator is taken out and the others
are brought to a sum of 1."""


def cells(score: GeneratorScore) -> tuple[str, ...]:
    """A row in words, under `HEADINGS`."""
    return (
        str(score.generator),
        f"{100 * score.share:.0f} %",
        f"{score.dab:.3f}",
        f"{score.haematoxylin:.3f}",
        f"{-score.psnr_loss:+.2f} dB",
        f"{score.dab_error_gain:+.3f}",
    )
