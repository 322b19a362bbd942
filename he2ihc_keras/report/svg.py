"""Figures of Matplotlib as SVG that stands inside a page, many on one page."""

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple
from xml.etree import ElementTree

from he2ihc_keras.report.colours import INK, MUTED, RULE

# A unit of the drawing is a CSS pixel where a plot is shown in its own width, as on a
# phone: 12 is then the size of the text that is read.
_WIDTH, _FONT_SIZE = 348, 12
_UNITS_PER_INCH = 72

_STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "he2ihc-keras",
    # What is from a file may hold "$".
    "text.parse_math": False,
    "font.family": "sans-serif",
    "font.size": _FONT_SIZE,
    "axes.titlesize": _FONT_SIZE,
    "axes.labelsize": _FONT_SIZE,
    "xtick.labelsize": _FONT_SIZE,
    "ytick.labelsize": _FONT_SIZE,
    "legend.fontsize": _FONT_SIZE,
    "legend.frameon": False,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "grid.color": RULE,
    "grid.linewidth": 0.8,
}

_SVG = "{http://www.w3.org/2000/svg}"
_XLINK = "{http://www.w3.org/1999/xlink}"
_FONT_FAMILY = re.compile(r"font-family:[^;]*;?\s*")
_REFERENCE = re.compile(r"url\(#([^)]+)\)")


class Plot(NamedTuple):
    """A plot.

    Attributes:
        title: What it shows.
        svg: An `<svg>` element.
        alt: The same in words, for who does not see it.
        note: What to know when looking at it, or "".
    """

    title: str
    svg: str
    alt: str
    note: str = ""


class Section(NamedTuple):
    """Plots that belong together."""

    title: str
    about: str
    plots: list[Plot]


@contextmanager
def style() -> Iterator[None]:
    """The look of every plot of the page."""
    import matplotlib

    with matplotlib.rc_context(_STYLE), warnings.catch_warnings():
        # Text stays text: the reader's fonts draw it, and they may know more glyphs.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


def new_figure(height: int = 250):
    """A figure of one panel, as wide as a phone, with `height` in the same units."""
    from matplotlib.figure import Figure

    size = (_WIDTH / _UNITS_PER_INCH, height / _UNITS_PER_INCH)
    figure = Figure(figsize=size, layout="constrained")
    figure.patch.set_visible(False)
    return figure, figure.subplots()


def as_svg(figure, name: str) -> str:
    """The figure as an `<svg>` element, the same at every call.

    Args:
        figure: A Matplotlib figure.
        name: Put before every id, so that no two plots of a page share one.
    """
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    root = ElementTree.fromstring(buffer.getvalue())
    for size in ("width", "height", "version"):
        root.attrib.pop(size, None)  # `viewBox` is left: the page sets the width.
    root.set("aria-hidden", "true")
    _remove(root, ("metadata", "style"))
    used = _used_ids(root)
    for element in root.iter():
        _adapt(element, used, name)
    return ElementTree.tostring(root, encoding="unicode")


def _remove(root, tags):
    for parent in root.iter():
        for child in [c for c in parent if c.tag.removeprefix(_SVG) in tags]:
            parent.remove(child)


def _used_ids(root):
    references = {e.get(f"{_XLINK}href", "").removeprefix("#") for e in root.iter()}
    clips = (_REFERENCE.findall(e.get("clip-path", "")) for e in root.iter())
    return references.union(*clips)


def _adapt(element, used, name):
    """Without namespaces and fonts, and with ids of its own, as HTML takes it."""
    element.tag = element.tag.removeprefix(_SVG)
    attributes = dict(element.attrib)
    element.attrib.clear()
    if attributes.get("id") not in used:
        attributes.pop("id", None)
    for key, value in attributes.items():
        if key == "id":
            value = f"{name}-{value}"
        elif key == f"{_XLINK}href":
            key, value = "href", f"#{name}-{value.removeprefix('#')}"
        elif key == "clip-path":
            value = _REFERENCE.sub(rf"url(#{name}-\1)", value)
        elif key == "style":
            value = _FONT_FAMILY.sub("", value)
        element.set(key, value)
