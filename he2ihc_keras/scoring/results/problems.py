"""What is wrong with the names and sizes of results, in words."""

import operator
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from he2ihc_keras.data.pairs import size_text
from he2ihc_keras.scoring.results.files import (
    FAKE_IHC,
    HE,
    IHC,
    ImageFile,
    ImageSets,
    ResultFiles,
)

_NAMES_SHOWN = 10
_WORDS = {FAKE_IHC: "generated IHC", IHC: "real IHC", HE: "H&E"}


def shortened(texts: Sequence[str]) -> str:
    """Join up to ten texts, and say how many more there are."""
    shown = ", ".join(texts[:_NAMES_SHOWN])
    more = len(texts) - _NAMES_SHOWN
    return f"{shown} and {more} more" if more > 0 else shown


def lacking_text(folder: Path, layout: str, role: str) -> str:
    """Say that a folder, whose layout may be "", has no image of a role."""
    if not layout:
        return (
            f"{folder} holds no image known as real IHC. Expected x_fake_B.png and "
            "x_real_B.png, or the folders fake_B and real_B. Else give the folder of "
            "real IHC, or say with `panels` which images lie side by side in each file."
        )
    message = f"{folder} holds no {_WORDS[role]}. Recognised: {layout}."
    if role == IHC and layout.endswith(" real)"):
        message += " What pix2pix's `--model test` calls real is its input, the H&E."
    return f"{message} Give the folder of {_WORDS[role]}."


def doubled_texts(sets: ImageSets) -> list[str]:
    """Name the files of one folder that share a name."""
    texts = (
        f"{images.place} holds {shortened(images.doubled)}. "
        "A name may stand for one image only: take one away."
        for images in sets
        if images and images.doubled
    )
    return list(dict.fromkeys(texts))


def names_text(sets: ImageSets, unlabelled: Mapping[Path, Sequence[str]]) -> str:
    """List names without a partner, and the images without a label by folder."""
    fake_ihc, ihc = sets.fake_ihc.files.keys(), sets.ihc.files.keys()
    he = sets.he.files.keys() if sets.he else ihc
    lines = [
        _listed("without a prediction", ihc - fake_ihc, sets.fake_ihc.place),
        _listed("predicted without a target", fake_ihc - ihc, sets.ihc.place),
        _listed("without an H&E", ihc - he, sets.he.place if sets.he else ""),
        *(
            _listed("without a label such as fake_B", names, folder)
            for folder, names in unlabelled.items()
        ),
        _case_line(ihc - fake_ihc, fake_ihc - ihc),
    ]
    if not any(lines):
        return ""
    return (
        "Each target needs one prediction of the same name (endings may differ), "
        "and nothing was scored:\n" + "\n".join(filter(None, lines))
    )


def _listed(problem: str, names: Collection[str], place: str | Path) -> str:
    if not names:
        return ""
    return f"  {len(names)} {problem} in {place}: {shortened(sorted(names))}."


def _case_line(missing: Collection[str], extra: Collection[str]) -> str:
    folded = {name.casefold(): name for name in extra}
    twins = [
        f"{name} and {folded[name.casefold()]}"
        for name in sorted(missing)
        if name.casefold() in folded
    ]
    return f"  Different in letter case alone: {shortened(twins)}." if twins else ""


def unreadable_text(rows: Sequence[ResultFiles]) -> str:
    """List the images whose size cannot be read, each with its reason."""
    errors = {}
    for row in rows:
        for image in filter(None, row[1:]):
            try:
                image.size()
            except ValueError as error:
                errors[image.path] = str(error)
    lines = list(errors.values())[:_NAMES_SHOWN]
    if len(errors) > _NAMES_SHOWN:
        lines.append(f"{len(errors) - _NAMES_SHOWN} more images cannot be read.")
    return "\n".join(lines)


def sizes_text(rows: Sequence[ResultFiles], *, same_size: bool) -> str:
    """List the images of another size, or else of another shape, than the real IHC."""
    what, agree = ("size", operator.eq) if same_size else ("shape", _have_one_shape)
    apart = [
        f"{row.name} ({role} {size_text(size)}, real {size_text(expected)})"
        for row in rows
        if (expected := size_of(row.ihc))
        for role, image in (("generated", row.fake_ihc), ("H&E", row.he))
        if image and (size := size_of(image)) and not agree(size, expected)
    ]
    if not apart:
        return ""
    return (
        f"Images of one name must have one {what}, and nothing was scored.\n"
        f"  {len(apart)} of another {what} than the real IHC (width x height): "
        f"{shortened(apart)}.\n{_advice(rows, what)}"
    )


def _advice(rows: Sequence[ResultFiles], what: str) -> str:
    for parts in (2, 3):
        if all(_is_wider(row, parts) for row in rows):
            return (
                f"Generated files are {parts} times as wide as the real IHC. If each "
                f"holds {parts} images side by side, say which with `panels`."
            )
    return f"Generate images at the {what} of the real IHC."


def _is_wider(row: ResultFiles, parts: int) -> bool:
    size = size_of(row.ihc)
    return bool(size) and size_of(row.fake_ihc) == (size[0], parts * size[1])


def _have_one_shape(size: tuple[int, int], other: tuple[int, int]) -> bool:
    # A scaled image has whole numbers of pixels: it may be off by one of them.
    return abs(size[0] * other[1] - size[1] * other[0]) <= max(size[0], other[0])


def size_of(image: ImageFile) -> tuple[int, int] | None:
    """`(height, width)` of an image, or `None` if it cannot be read."""
    try:
        return image.size()
    except ValueError:
        return None
