"""Phantom: synthetic registered pairs of H&E and HER2 IHC, by the Beer-Lambert law.

Real pairs may not be redistributed, so tests, examples and first tries run on a
phantom. A tissue is planned (tumour nests, a duct, stroma, fat), every pixel is given
to a cell, and the cells become three maps of stain: haematoxylin, eosin and DAB. Each
stain then dims the light of the microscope:

    image = white_point * 10 ** -(sum over stains of concentration * vector)

The HER2 level sets how strong and how complete the brown membranes are, and, as it
does on the whole in tumours, how the cells look in H&E: from small, even nuclei at
"0" to large, pleomorphic ones with nucleoli at "3+". A network can therefore learn
the IHC from the H&E, which a constant image or a copy of the H&E cannot imitate.
Pairs with `independent_he` lack that tie: their cells look as those of any level, so
that only the IHC tells the level.
It is no model of disease: what a network scores here says nothing about patients.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image
from scipy import ndimage, special
from scipy.spatial import cKDTree

from he2ihc_keras.data.images import read_image
from he2ihc_keras.files import whole_folder

LEVELS = ("0", "1+", "2+", "3+")
MPP = 0.5  # microns per pixel, close to a 20x scan

# Optical density (base 10) in red, green and blue of one unit of stain, unit length.
# Haematoxylin and DAB: Ruifrok & Johnston (2001), Anal. Quant. Cytol. Histol. 23,
# 291-299, the vectors behind `skimage.color.rgb_from_hdx`. Eosin: QuPath's default
# (https://doi.org/10.1038/s41598-017-17204-5), the salmon pink of scanned slides;
# Ruifrok's (0.07, 0.99, 0.11) is magenta.
HAEMATOXYLIN = (0.651, 0.701, 0.290)
EOSIN = (0.216, 0.801, 0.558)
DAB = (0.269, 0.568, 0.778)

COUNTERSTAIN = 0.42  # haematoxylin of the IHC, as a fraction of that of the H&E

_SMALLEST_SIZE = 32
_FEWEST_PAIRS = 12  # four levels in each of three splits
_SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class Appearance:
    """How a pair is scanned; the tissue itself does not depend on it.

    Attributes:
        registration_error: Standard deviation, in pixels, of the shift of the IHC
            against the H&E along each axis. 0 is a pixel-aligned pair.
        rotation_error: Standard deviation, in degrees, of the turn of the IHC about
            the middle of the patch.
        he_white_point: Colour of empty glass in the H&E as fractions of full light in
            (0, 1], one for all channels or `(red, green, blue)`.
        ihc_white_point: The same for the IHC.
        noise: Standard deviation of the sensor's noise, in grey levels of 255.

    Raises:
        ValueError: If an error or the noise is negative, or a white point is not in
            (0, 1].
    """

    registration_error: float = 0.0
    rotation_error: float = 0.0
    he_white_point: float | tuple[float, float, float] = (0.95, 0.94, 0.95)
    ihc_white_point: float | tuple[float, float, float] = (0.94, 0.95, 0.96)
    noise: float = 1.5

    def __post_init__(self):
        for name in ("registration_error", "rotation_error", "noise"):
            if not getattr(self, name) >= 0:
                raise ValueError(
                    f"`{name}` is a standard deviation. Received: "
                    f"{getattr(self, name)}. Give 0 or more."
                )
        for name in ("he_white_point", "ihc_white_point"):
            white = np.asarray(getattr(self, name), float)
            if white.shape not in ((), (3,)) or not np.all((white > 0) & (white <= 1)):
                raise ValueError(
                    f"`{name}` must be one fraction of full light in (0, 1], or three "
                    f"(red, green, blue). Received: {getattr(self, name)}."
                )


@dataclass(frozen=True)
class PhantomPair:
    """A pair and the truth behind it, `size` x `size` pixels of 0.5 micron.

    Attributes:
        he: H&E image, uint8 `(size, size, 3)`.
        ihc: HER2 IHC image, uint8 `(size, size, 3)`.
        level: HER2 level, one of `LEVELS`.
        haematoxylin: Optical density (log10 of white over image) of haematoxylin in
            the H&E along the unit vector `HAEMATOXYLIN`, float32 `(size, size)`, 0 or
            more; the density in red is 0.651 of it. The IHC has `COUNTERSTAIN` of it.
        eosin: The same for eosin; the IHC has none.
        dab: The same for the DAB of the IHC. All maps lie where the H&E lies: a
            registration error moves the IHC image, not `dab`.
        epithelium: True on the cells of tumour and duct, which alone can hold DAB,
            bool `(size, size)`.
    """

    he: np.ndarray
    ihc: np.ndarray
    level: str
    haematoxylin: np.ndarray
    eosin: np.ndarray
    dab: np.ndarray
    epithelium: np.ndarray


def make_pair(
    level: str,
    size: int = 256,
    *,
    seed: int = 0,
    index: int = 0,
    appearance: Appearance = Appearance(),
    independent_he: bool = False,
) -> PhantomPair:
    """One patch of breast tissue in both stains.

    Args:
        level: HER2 level, one of `LEVELS`.
        size: Height and width in pixels, 32 or more.
        seed: Names a set of pairs.
        index: Names a pair of the set. The same `(seed, index)` gives the same bytes,
            however many pairs are made.
        appearance: Registration error, white points and noise.
        independent_he: Draw how the cells look from the four levels at random: the H&E
            is then the same, to the byte, whatever the level.

    Returns:
        The pair, with the stain maps it was rendered from.

    Raises:
        ValueError: If the level is unknown or the size is below 32.
    """
    _check_level(level)
    _check_size(size)
    streams = np.random.default_rng([seed, index]).spawn(3)
    tissue_rng, scanner_rng, look_rng = streams
    look = LEVELS[look_rng.integers(len(LEVELS))] if independent_he else level
    tissue = _stain_tissue(tissue_rng, size, _grade(look, level))
    haematoxylin, dab = _displace(
        scanner_rng, appearance, tissue.haematoxylin, tissue.dab
    )
    he_density = _density((tissue.haematoxylin, HAEMATOXYLIN), (tissue.eosin, EOSIN))
    ihc_density = _density((COUNTERSTAIN * haematoxylin, HAEMATOXYLIN), (dab, DAB))
    noise = appearance.noise
    return PhantomPair(
        he=_scan(scanner_rng, he_density, appearance.he_white_point, noise),
        ihc=_scan(scanner_rng, ihc_density, appearance.ihc_white_point, noise),
        level=level,
        **tissue._asdict(),
    )


def write_phantom(
    root: str | os.PathLike,
    pairs: int,
    *,
    size: int = 256,
    seed: int = 0,
    appearance: Appearance = Appearance(),
    independent_he: bool = False,
    progress: Callable[[int], None] | None = None,
) -> dict[str, int]:
    """Write a data set in the layout of BCI.

    `root/HE/train/00005_train_1+.png` and `root/IHC/train/00005_train_1+.png` are a
    pair; `val` and `test` look alike. About 70 % of the pairs are for training, 10 %
    for validation and 20 % for test. The levels take turns, so every split holds all
    four. The folder appears under its name when it is complete.

    Args:
        root: Folder to make; it may exist if it is empty.
        pairs: Number of pairs, 12 or more.
        size: Height and width of a patch in pixels, 32 or more.
        seed: Names the set. Pair `index` is `make_pair(LEVELS[index % 4], size,
            seed=seed, index=index)`, however many pairs are written.
        appearance: Registration error, white points and noise.
        independent_he: As for `make_pair`.
        progress: Called after each pair with the number of pairs written so far.

    Returns:
        Number of pairs in each split.

    Raises:
        ValueError: If `root` is not empty or is a file, or there are too few pairs or
            pixels.
    """
    root = Path(root).resolve()
    _check_size(size)
    counts = _split_counts(pairs)
    _check_vacant(root)
    root.parent.mkdir(parents=True, exist_ok=True)
    with whole_folder(root) as folder:
        for index, (level, name) in enumerate(_levels_and_names(counts)):
            pair = make_pair(
                level,
                size,
                seed=seed,
                index=index,
                appearance=appearance,
                independent_he=independent_he,
            )
            _save(pair, folder, name)
            if progress is not None:
                progress(index + 1)
    return counts


def holds_phantom(
    root: str | os.PathLike, pairs: int, *, size: int = 256, seed: int = 0
) -> bool:
    """Whether a folder is what `write_phantom` makes of these arguments.

    Told by the names, and by the pixels of the first pair.
    """
    root = Path(root)
    names = [name for _, name in _levels_and_names(_split_counts(pairs))]
    expected = {root / stain / name for stain in ("HE", "IHC") for name in names}
    if {path for path in root.rglob("*") if path.is_file()} != expected:
        return False
    first = make_pair(LEVELS[0], size, seed=seed, index=0)
    found = (read_image(root / stain / names[0]) for stain in ("HE", "IHC"))
    return all(map(np.array_equal, (first.he, first.ihc), found))


# Data set


def _split_counts(pairs: int) -> dict[str, int]:
    if pairs < _FEWEST_PAIRS:
        raise ValueError(
            f"A phantom needs {_FEWEST_PAIRS} pairs or more, so that each of its "
            f"splits ({', '.join(_SPLITS)}) holds the levels {', '.join(LEVELS)}. "
            f"Received: {pairs}."
        )
    val = max(len(LEVELS), round(0.1 * pairs))
    test = max(len(LEVELS), round(0.2 * pairs))
    return {"train": pairs - val - test, "val": val, "test": test}


def _levels_and_names(counts: dict[str, int]) -> list[tuple[str, str]]:
    splits = [split for split in _SPLITS for _ in range(counts[split])]
    levels = [LEVELS[index % len(LEVELS)] for index in range(len(splits))]
    return [
        (level, f"{split}/{index:05d}_{split}_{level}.png")
        for index, (split, level) in enumerate(zip(splits, levels, strict=True))
    ]


def _save(pair: PhantomPair, folder: Path, name: str) -> None:
    for stain, image in (("HE", pair.he), ("IHC", pair.ihc)):
        path = folder / stain / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path, compress_level=1)  # noise does not compress


def _check_level(level: str) -> None:
    if level not in LEVELS:
        raise ValueError(
            f"Unknown HER2 level {level!r}. Known: {', '.join(map(repr, LEVELS))}."
        )


def _check_size(size: int) -> None:
    if size < _SMALLEST_SIZE:
        raise ValueError(
            f"`size` must be {_SMALLEST_SIZE} pixels or more, to hold whole cells. "
            f"Received: {size}."
        )


def _check_vacant(root: Path) -> None:
    if root.is_dir() and not any(root.iterdir()):
        return
    if root.exists():
        what = "is not empty" if root.is_dir() else "is a file"
        raise ValueError(
            f"{root} {what}. A phantom is written to a new or an empty folder. "
            "Give another folder, or remove this one first."
        )


# Tissue


@dataclass(frozen=True)
class _Grade:
    """How the tumour cells of one HER2 level look; stains in optical density."""

    nucleus: float  # mean diameter, microns
    spacing: float  # from cell to cell, microns
    pleomorphism: float  # spread of nuclear size and shape
    chromatin: float  # contrast of its clumps
    clearing: float  # how pale the middle of a nucleus is
    nucleolus: float  # haematoxylin
    basophilia: float  # haematoxylin of the cytoplasm
    membrane: float  # DAB on a stained membrane
    completeness: float  # fraction of the membranes that is stained
    thickness: float  # of the stained line, microns
    blush: float  # DAB in the cytoplasm


# Strength and completeness of the membranes follow Wolff et al. (2018), the ASCO/CAP
# guideline, https://doi.org/10.1200/JCO.2018.77.8738: 0 no staining, 1+ faint and
# incomplete, 2+ weak to moderate and complete, 3+ intense and complete.
_BY_LEVEL = {
    "nucleus": (7.0, 8.0, 9.3, 11.0),
    "spacing": (9.6, 10.8, 12.4, 14.4),
    "pleomorphism": (0.06, 0.09, 0.13, 0.18),
    "chromatin": (0.18, 0.22, 0.27, 0.32),
    "clearing": (0.20, 0.30, 0.42, 0.50),
    "nucleolus": (0.0, 0.1, 0.3, 0.5),
    "basophilia": (0.05, 0.08, 0.11, 0.15),
    "membrane": (0.0, 0.24, 0.55, 1.15),
    "completeness": (0.0, 0.45, 0.90, 1.10),  # above 1: no place is weak
    "thickness": (0.5, 0.6, 0.8, 1.1),
    "blush": (0.0, 0.0, 0.06, 0.16),
}
_GRADES = {
    level: _Grade(**{name: values[rank] for name, values in _BY_LEVEL.items()})
    for rank, level in enumerate(LEVELS)
}

# What of a grade the IHC alone shows
_STAIN = ("membrane", "completeness", "thickness", "blush")


def _grade(look: str, level: str) -> _Grade:
    """Cells that look as those of one level, with the DAB of another."""
    dab = {name: getattr(_GRADES[level], name) for name in _STAIN}
    return replace(_GRADES[look], **dab)


_STROMA, _LUMEN, _DUCT, _TUMOUR = range(4)

_CELL = np.dtype(
    [
        ("seed", "f4", 2),  # row and column of the point that claims the pixels around
        ("kind", "i4"),
        ("nucleus", "f4", 2),  # row and column of its middle
        ("half_axes", "f4", 2),  # long and short, pixels
        ("angle", "f4"),  # of the long axis, from columns to rows, radians
        ("density", "f4"),  # haematoxylin of the nucleus; 0 where there is none
        ("ragged", "f4"),  # departure of its outline from an ellipse
        ("chromatin", "f4"),
        ("clearing", "f4"),
        ("nucleolus", "f4"),
        ("nucleolus_at", "f4", 2),
        ("expression", "f4"),  # of HER2, relative to the level's
    ]
)


class _Tissue(NamedTuple):
    """The maps of `PhantomPair`."""

    haematoxylin: np.ndarray
    eosin: np.ndarray
    dab: np.ndarray
    epithelium: np.ndarray


def _stain_tissue(rng, size, grade):
    nests = _smooth_noise(rng, size, 85) + 0.2 * _smooth_noise(rng, size, 30)
    cells = _plan_epithelium(rng, size, grade, nests)
    epithelium = _round_off(_assign(rng, cells, size), 0.58 * grade.spacing / MPP)
    fibres, direction = _fibres(rng, size, nests)
    glass = _glass(rng, size, epithelium, fibres)
    stroma = _assign(rng, _plan_stroma(rng, size, epithelium, direction, glass), size)
    patchiness = special.ndtr(_smooth_noise(rng, size, 9))  # in [0, 1]

    is_epithelium = epithelium.of("kind") >= _DUCT
    haematoxylin, eosin = np.where(
        is_epithelium,
        _stain_cells(rng, size, epithelium, grade, patchiness),
        _stain_stroma(rng, size, stroma, fibres, glass),
    )
    dab = np.where(is_epithelium, _stain_her2(epithelium, grade, patchiness), 0)
    thickness = 1 + 0.06 * _smooth_noise(rng, size, 110)
    vigour = rng.uniform(0.92, 1.08, 2)  # no two batches of a dye are alike
    return _Tissue(
        haematoxylin=_blur(haematoxylin * thickness * vigour[0]),
        eosin=_blur(eosin * thickness * vigour[1]),
        dab=_blur(dab * thickness),
        epithelium=is_epithelium,
    )


# Cells


class _Territory(NamedTuple):
    """Which cell each pixel belongs to; maps are `(size, size)`."""

    cells: np.ndarray  # (n,) of `_CELL`
    owner: np.ndarray  # number of the pixel's cell
    neighbour: np.ndarray  # number of the cell across the nearest border
    away: np.ndarray  # pixels to the owner's seed
    border: np.ndarray  # pixels to that border

    def of(self, field):
        """What the owner of each pixel has in a field of `_CELL`."""
        return np.take(self.cells[field], self.owner, axis=0)


def _plan_epithelium(rng, size, grade, nests):
    """Cells of tumour and duct, and empty ones of stroma and lumen around them."""
    lattice = _tumour_cells(rng, size, grade, nests)
    if size < 128 or rng.random() < 0.4:
        return lattice
    centre, radius = _duct_site(rng, size, nests)
    away = np.hypot(*(lattice["seed"] - centre).T) - 1.2 * radius
    beside = away < 28 + grade.spacing / MPP / 2
    lattice["kind"][beside], lattice["density"][beside] = _STROMA, 0
    return np.concatenate([lattice[away > 26], *_duct_cells(rng, centre, radius)])


def _tumour_cells(rng, size, grade, nests):
    """Cells on a lattice, with nuclei where the nests are and stroma elsewhere."""
    cells = _new_cells(_jittered_lattice(rng, size, grade.spacing / MPP, 0.125))
    count, spread = len(cells), grade.pleomorphism
    radius = grade.nucleus / MPP / 2 * np.exp(spread * rng.normal(size=count))
    to_nearest = cKDTree(cells["seed"]).query(cells["seed"], k=2)[0][:, 1]
    radius = np.minimum(radius, 0.48 * to_nearest)
    elongation = np.exp(0.08 + spread * np.abs(rng.normal(size=count)))
    cells["half_axes"] = np.stack([radius * elongation, radius / elongation], 1)
    cells["angle"] = rng.uniform(0, np.pi, count)
    cells["nucleus"] += rng.normal(0, 1.2, (count, 2))
    off_middle = 0.22 * radius[:, None] * rng.normal(size=(count, 2))
    cells["nucleolus_at"] = cells["nucleus"] + off_middle
    cells["nucleolus"] = grade.nucleolus * rng.uniform(0.5, 1.3, count)
    cells["chromatin"], cells["clearing"] = grade.chromatin, grade.clearing
    cells["ragged"] = 0.03 + 0.35 * spread
    # The larger the nucleus the more HER2: a cue to be found in the H&E.
    cells["expression"] = np.clip(radius * MPP * 2 / grade.nucleus, 0.7, 1.3)

    depth = _at(nests, cells["seed"])
    is_tumour = depth >= np.quantile(depth, rng.uniform(0.35, 0.6))
    cells["kind"] = np.where(is_tumour, _TUMOUR, _STROMA)
    density = 0.62 * np.exp(0.6 * spread * rng.normal(size=count))
    cells["density"] = np.where(is_tumour, density, 0)
    return cells


def _duct_site(rng, size, nests):
    """Where the nests leave most room, of a few places."""
    places = rng.uniform(0.2, 0.8, (6, 2)) * size
    centre = places[np.argmin(_at(nests, places))]
    return centre, rng.uniform(13, min(30, 0.12 * size))


def _duct_cells(rng, centre, radius):
    """A ring of columnar cells, between a ring of lumen and one of stroma."""
    count = max(8, round(2 * np.pi * (radius + 9) / 12))
    turn = np.linspace(0, 2 * np.pi, count, endpoint=False) + rng.normal(0, 0.05, count)
    phase = rng.uniform(0, 2 * np.pi, 2)
    shape = 1 + 0.16 * np.cos(2 * turn + phase[0]) + 0.06 * np.cos(3 * turn + phase[1])
    outward = np.stack([np.sin(turn), np.cos(turn)], 1)

    def ring(depth):
        return _new_cells(centre + outward * (radius * shape + depth)[:, None])

    lumen, wall, stroma = ring(-10), ring(9), ring(28)
    middle = _new_cells(np.array([centre]))
    lumen["kind"] = middle["kind"] = _LUMEN
    wall["kind"] = _DUCT
    wall["nucleus"] += outward * rng.normal(2.0, 1.0, (count, 1))
    wall["half_axes"] = rng.normal([7.0, 4.6], 0.4, (count, 2))
    wall["angle"] = turn
    wall["density"] = rng.normal(0.72, 0.05, count)
    wall["ragged"] = 0.05
    wall["chromatin"] = 0.15
    wall["expression"] = 0.15  # benign ducts stain faintly at most
    return middle, lumen, wall, stroma


def _new_cells(seeds):
    cells = np.zeros(len(seeds), _CELL)
    cells["seed"] = cells["nucleus"] = cells["nucleolus_at"] = seeds
    cells["half_axes"] = 1
    return cells


def _assign(rng, cells, size):
    """Give each pixel to the nearest cell, with borders that are not quite straight."""
    rows, columns = np.mgrid[:size, :size].astype("f4")
    rows += 1.5 * _smooth_noise(rng, size, 13)
    columns += 1.5 * _smooth_noise(rng, size, 13)
    # The search takes the time: done for one pixel in four, it names two candidates.
    coarse = np.stack([rows[::2, ::2], columns[::2, ::2]], -1)
    _, nearest = cKDTree(cells["seed"]).query(coarse, k=2)
    one, other = (
        nearest[..., rank].repeat(2, 0).repeat(2, 1)[:size, :size] for rank in (0, 1)
    )
    row, column = cells["seed"][:, 0], cells["seed"][:, 1]
    to_one = np.hypot(rows - row[one], columns - column[one])
    to_other = np.hypot(rows - row[other], columns - column[other])
    apart = np.hypot(row[one] - row[other], column[one] - column[other])
    return _Territory(
        cells,
        owner=np.where(to_one <= to_other, one, other),
        neighbour=np.where(to_one <= to_other, other, one),
        away=np.minimum(to_one, to_other),
        border=np.abs(to_other**2 - to_one**2) / (2 * apart),
    )


def _round_off(territory, reach):
    """Let tumour cells bulge into the stroma, instead of meeting it in corners."""
    _, owner, neighbour, away, border = territory
    facing_stroma = (territory.of("kind") == _TUMOUR) & (
        territory.cells["kind"][neighbour] == _STROMA
    )
    beyond = facing_stroma & (away > reach)
    to_edge = np.minimum(border, np.abs(away - reach))
    return territory._replace(
        owner=np.where(beyond, neighbour, owner),
        neighbour=np.where(beyond, owner, neighbour),
        border=np.where(facing_stroma, to_edge, border),
    )


def _nuclei(rng, size, territory):
    """Cover in [0, 1] and haematoxylin of nuclei."""
    of = territory.of
    down, right = _offset(size, of("nucleus"))
    cosine, sine = np.cos(of("angle")), np.sin(of("angle"))
    long, short = np.moveaxis(of("half_axes"), -1, 0)
    radius = np.hypot(
        (cosine * right + sine * down) / long, (cosine * down - sine * right) / short
    )
    outline = 1 + of("ragged") * _smooth_noise(rng, size, 8)
    cover = np.clip((outline - radius) * short / 1.5 + 0.5, 0, 1)
    clumps = 1 + of("chromatin") * _smooth_noise(rng, size, 3)
    hollow = 1 - of("clearing") * np.clip(1.1 - radius**2, 0, 1)
    from_nucleolus = np.hypot(*_offset(size, of("nucleolus_at")))
    nucleolus = of("nucleolus") * np.exp(-((from_nucleolus / 2.3) ** 2))
    density = np.maximum(of("density") * hollow * clumps, 0.1) + nucleolus
    return cover * (of("density") > 0), density


def _offset(size, points):
    """Rows and columns of each pixel from a point of its own."""
    rows, columns = (axis.astype("f4") for axis in np.ogrid[:size, :size])
    return rows - points[..., 0], columns - points[..., 1]


def _stain_cells(rng, size, territory, grade, patchiness):
    """Haematoxylin and eosin of epithelial cells."""
    nucleus, chromatin = _nuclei(rng, size, territory)
    # No nucleus touches its membrane.
    nucleus = nucleus * np.clip(territory.border / 1.5 - 0.5, 0, 1)
    tumour = territory.of("kind") == _TUMOUR
    haematoxylin = np.where(tumour, grade.basophilia, 0.10)
    eosin = np.where(tumour, 0.20, 0.22)
    grain = 1 + 0.18 * _smooth_noise(rng, size, 4)
    # Borders are seen where they stand upright: there, too, the IHC shows them.
    line = np.exp(-((territory.border / 1.2) ** 2)) * (1.2 - patchiness)
    haematoxylin = haematoxylin * grain + 0.03 * line
    eosin = eosin * grain + 0.18 * line
    return (
        haematoxylin + nucleus * (chromatin - haematoxylin),
        eosin + nucleus * (0.20 - eosin),
    )


def _stain_her2(territory, grade, patchiness):
    """DAB of epithelial cells: lines on the membranes, a blush between them."""
    line = np.exp(-((territory.border * MPP / grade.thickness) ** 2))
    stained = np.clip(4 * (grade.completeness - patchiness) + 0.5, 0, 1)
    stained *= 1.2 - 0.4 * patchiness
    return territory.of("expression") * (grade.membrane * line * stained + grade.blush)


# Stroma


def _fibres(rng, size, nests):
    """Wavy collagen in [0, 1] that flows around the nests, and its direction."""
    rows, columns = np.mgrid[:size, :size].astype("f4")
    angle = rng.uniform(0, np.pi)
    across = np.cos(angle) * rows - np.sin(angle) * columns
    across += 14 * nests + 5 * _smooth_noise(rng, size, 40)
    across += 1.5 * _smooth_noise(rng, size, 14)
    frayed = across + 2.5 * _smooth_noise(rng, size, 9)
    bundles = 0.5 * _profile(rng, across, 9) * _smooth_noise(rng, size, 22)
    bundles += 0.5 * _profile(rng, frayed, 3.5) + 0.4 * _smooth_noise(rng, size, 12)
    down, right = np.gradient(across)
    return special.ndtr(bundles), np.arctan2(right, -down)


def _glass(rng, size, epithelium, fibres):
    """Empty glass in [0, 1]: lumen, fat, and the cracks of a fixed tissue."""
    cleft_width = np.clip(4 * _smooth_noise(rng, size, 40) - 3, 0, 6)
    beside_nest = epithelium.cells["kind"][epithelium.neighbour] >= _DUCT
    cleft = beside_nest * np.clip(cleft_width - epithelium.border + 0.5, 0, 1)
    cracked = _smooth_noise(rng, size, 25) - 1.0
    crack = np.clip(3 * np.minimum(cracked, 0.75 - 3 * fibres), 0, 1)
    return np.maximum.reduce(
        [cleft, crack, epithelium.of("kind") == _LUMEN, _fat(rng, size)]
    )


# Middles of touching adipocytes, in pixels: 45 pixels are 22 micron, small for fat,
# so that a patch can hold several.
_FAT_CELLS = 45 * np.array([[0, 0], [0, 1], [0.87, 0.5], [0.87, -0.5], [-0.87, 0.5]])


def _fat(rng, size):
    """Adipocytes: white discs, thinly parted, in the corner of some patches."""
    if rng.random() < 0.65:
        return np.zeros((size, size), np.float32)
    rows, columns = np.mgrid[:size, :size].astype("f4")
    corner = rng.choice([0.05, 0.95], 2) * size
    middles = corner + _FAT_CELLS + rng.normal(0, 3, _FAT_CELLS.shape)
    inside = [
        rng.uniform(19, 25) - np.hypot(rows - row, columns - column)
        for row, column in middles
    ]
    return np.clip(np.maximum.reduce(inside), 0, 1)


def _plan_stroma(rng, size, epithelium, direction, glass):
    """Spindle-shaped fibroblasts along the fibres, and small dark lymphocytes."""
    fibroblasts = _new_cells(_jittered_lattice(rng, size, 25, 0.3))
    count = len(fibroblasts)
    fibroblasts["half_axes"] = rng.uniform([7, 2.0], [13, 3.0], (count, 2))
    fibroblasts["angle"] = _at(direction, fibroblasts["seed"])
    fibroblasts["density"] = rng.uniform(0.45, 0.75, count)
    fibroblasts = fibroblasts[rng.random(count) < 0.6]

    lymphocytes = _new_cells(_jittered_lattice(rng, size, 15, 0.4))
    lymphocytes["half_axes"] = rng.uniform(4.5, 6, (len(lymphocytes), 2))
    lymphocytes["density"] = 0.95
    infiltrate = _at(_smooth_noise(rng, size, 50), lymphocytes["seed"])
    lymphocytes = lymphocytes[infiltrate > 1.3]

    cells = np.concatenate([fibroblasts, lymphocytes])
    cells["chromatin"] = 0.15
    cells["ragged"] = 0.08
    room = (epithelium.of("kind") == _STROMA) & (epithelium.border > 4) & (glass < 0.5)
    far_off = _new_cells(-9 * size * np.eye(2))  # the two that `_assign` needs
    return np.concatenate([cells[_at(room, cells["seed"])], far_off])


def _stain_stroma(rng, size, stroma, fibres, glass):
    nucleus, chromatin = _nuclei(rng, size, stroma)
    nucleus *= glass < 0.5
    tissue = 1 - glass
    haematoxylin = tissue * (0.03 + 0.03 * fibres)
    eosin = tissue * (0.14 + 0.16 * fibres)
    return (
        haematoxylin + nucleus * (chromatin - haematoxylin),
        eosin + nucleus * (0.20 - eosin),
    )


# Light


def _density(*stains):
    """Optical density `(size, size, 3)` of maps of stain and their vectors."""
    return sum(
        amount[..., None] * np.asarray(vector, np.float32) for amount, vector in stains
    )


def _displace(rng, appearance, *maps):
    """Shift and turn maps as a section that was not laid exactly on the other."""
    shift = appearance.registration_error * rng.normal(size=2)
    turn = np.radians(appearance.rotation_error * rng.normal())
    if not shift.any() and turn == 0:
        return maps
    turned = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    middle = (np.array(maps[0].shape) - 1) / 2
    offset = middle - turned @ (middle + shift)
    return tuple(
        ndimage.affine_transform(image, turned, offset, order=1, mode="reflect")
        for image in maps
    )


def _scan(rng, density, white_point, noise):
    """Beer-Lambert law, then the camera."""
    light = 255 * np.asarray(white_point, np.float32) * 10**-density
    light += noise * rng.standard_normal(light.shape, dtype=np.float32)
    return np.clip(np.rint(light), 0, 255).astype(np.uint8)


def _blur(image):
    """The point spread of the objective."""
    return ndimage.gaussian_filter(image.astype(np.float32), 0.8)


# Randomness


def _smooth_noise(rng, size, scale):
    """Gaussian noise of mean 0 and variance 1 with blobs of about `scale` pixels.

    Cubic B-splines on a grid of random heights: two small matrix products.
    """
    splines = _splines(size, scale)
    heights = rng.standard_normal((splines.shape[1],) * 2, dtype=np.float32)
    return splines @ heights @ splines.T


@lru_cache(maxsize=64)
def _splines(size, scale):
    position = np.arange(size)[:, None] / scale
    distance = np.abs(position - np.arange(-1, int(size / scale) + 3))
    near = 2 / 3 - distance**2 + distance**3 / 2
    far = np.clip(2 - distance, 0, None) ** 3 / 6
    splines = np.where(distance < 1, near, far)
    return (splines / np.sqrt(151 / 315)).astype(np.float32)  # mean sum of squares


def _profile(rng, position, scale):
    """The same noise along a line, read at `position` in pixels."""
    heights = rng.normal(size=256)
    fine = ndimage.zoom(heights, 8, order=3, mode="grid-wrap", grid_mode=True)
    index = np.rint(position * (8 / scale)).astype(int) % fine.size
    return fine[index].astype(np.float32)


def _jittered_lattice(rng, size, spacing, jitter):
    """Points `(n, 2)` about `spacing` apart, on the patch and a margin around it."""
    first, last = -2 * spacing, size + 2 * spacing
    rows, columns = np.mgrid[first : last : 0.87 * spacing, first:last:spacing]
    columns[::2] += spacing / 2  # hexagonal
    points = np.stack([rows.ravel(), columns.ravel()], 1)
    points += rng.uniform(-0.5, 0.5, 2) * spacing  # no two patches in step
    return points + rng.normal(0, jitter * spacing, points.shape)


def _at(image, points):
    """Values of an image at the pixels nearest to points `(n, 2)`."""
    rows, columns = np.clip(np.rint(points).astype(int), 0, len(image) - 1).T
    return image[rows, columns]
