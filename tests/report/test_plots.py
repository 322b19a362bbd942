"""Plots as elements of a page."""

from xml.etree import ElementTree

import pytest

from he2ihc_keras.report import plots
from he2ihc_keras.report.svg import as_svg, new_figure, style


def drawn(name="a", text="text"):
    with style():
        figure, axes = new_figure()
        axes.scatter([1, 2], [3, 4], label=text)
        axes.plot([1, 2], [3, 4])
        axes.legend()
        return as_svg(figure, name)


def ids(svg):
    return {e.get("id") for e in ElementTree.fromstring(svg).iter() if e.get("id")}


def test_svg_scales_with_the_page():
    root = ElementTree.fromstring(drawn())
    assert root.tag == "svg"
    assert "viewBox" in root.attrib
    assert not {"width", "height"} & set(root.attrib)


def test_two_svgs_share_no_id():
    assert ids(drawn("a")) and not ids(drawn("a")) & ids(drawn("b"))


def test_every_reference_of_an_svg_has_its_target():
    svg = drawn("a")
    elements = list(ElementTree.fromstring(svg).iter())
    used = {e.get("href") for e in elements if e.get("href")}
    clips = {e.get("clip-path") for e in elements if e.get("clip-path")}
    assert used and clips
    assert used <= {f"#{id_}" for id_ in ids(svg)}
    assert clips <= {f"url(#{id_})" for id_ in ids(svg)}


@pytest.mark.parametrize("text", ["<script>", '"><b>', "$x^", "a & b", "漢字"])
def test_text_stays_text(text):
    texts = [e.text for e in ElementTree.fromstring(drawn(text=text)).iter("text")]
    assert text in texts


def test_the_readers_fonts_are_used():
    assert "font-family" not in drawn()
    assert "<style" not in drawn()


def test_svg_is_the_same_at_every_call():
    assert drawn() == drawn()


@pytest.mark.parametrize("maximum", [0.5, 1.25, 3.0])
def test_scale_of_the_maps_names_the_positive_threshold(maximum):
    root = ElementTree.fromstring(plots.colour_bar(maximum))
    texts = [element.text for element in root.iter("text")]
    assert "0.15" in texts and "0" in texts


def test_many_images_are_told_by_boxes_alone(results, monkeypatch):
    with_points = plots.distributions(results.scores)
    monkeypatch.setattr(plots, "_MOST_POINTS", 3)
    without = plots.distributions(results.scores)
    assert "Dots" in with_points.about and "Dots" not in without.about
    assert len(without.plots[0].svg) < len(with_points.plots[0].svg)
