"""Figures: the same bytes on every run, two variants, facts beside them."""

import json
from xml.etree import ElementTree

import numpy as np
import pytest

from docs._figures import house, plotting, write
from docs._figures.look import DARK, LIGHT

PATTERN = np.tril(np.ones((3, 3))) / np.arange(1, 4)[:, None]
TOKENS = ["The", " end", "\n"]

DRAWINGS = {
    "lines": lambda f: plotting.lines(
        f.subplots(), [0, 1], {"a": [0, 1], "b": [1, 2]}, bands={"a": ([0, 0], [1, 2])}
    ),
    "bars": lambda f: plotting.bars(f.subplots(), {" Paris": 0.7, "$x$": -0.1}, label="p"),
    "heatmap": lambda f: plotting.heatmap(
        f.subplots(), [[0.1, np.nan], [0.3, 0.9]], rows=["0", "1"], columns=["a", "b"]
    ),
    "attention": lambda f: plotting.attention(f.subplots(), PATTERN, TOKENS, title="head 3"),
}


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """Figures go to a folder of the test's own."""
    monkeypatch.setattr(plotting, "FIGURES", tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", DRAWINGS)
def test_a_drawing_gives_the_same_bytes_twice(name):
    first, second = (plotting.render(name, DRAWINGS[name], LIGHT, (4, 3)) for _ in range(2))
    assert first == second
    assert "Matplotlib" not in first and "<dc:date>" not in first


@pytest.mark.parametrize("name", DRAWINGS)
def test_light_and_dark_differ_in_colour_only(name):
    light, dark = (plotting.render(name, DRAWINGS[name], p, (4, 3)) for p in (LIGHT, DARK))
    shapes = [[e.tag for e in ElementTree.fromstring(svg).iter()] for svg in (light, dark)]
    assert shapes[0] == shapes[1] and light != dark
    assert LIGHT.ink in light and LIGHT.ink not in dark


def test_publish_writes_both_variants_and_the_facts(shelf):
    written = plotting.publish(
        "lens",
        DRAWINGS["bars"],
        alt="Paris wins",
        sources=[write.__file__],
        numbers={"p": np.float32(0.123456789), "all": np.ones(2), "n": 3},
        seeds=[0],
    )
    assert sorted(p.name for p in shelf.iterdir()) == ["lens.dark.svg", "lens.json", "lens.svg"]
    facts = json.loads(written[2].read_text(encoding="utf-8"))
    assert facts["alt"] == "Paris wins" and facts["seeds"] == [0]
    assert facts["numbers"] == {"p": 0.123457, "all": [1.0, 1.0], "n": 3}
    assert list(facts["sources"]) == ["docs/_figures/write.py"]


def test_a_figure_without_words_is_refused(shelf):
    with pytest.raises(ValueError, match="alt"):
        plotting.publish("lens", DRAWINGS["bars"], alt=" ", sources=[])
    assert list(shelf.iterdir()) == []


def test_a_figure_that_is_too_large_is_refused(shelf, monkeypatch):
    monkeypatch.setattr(plotting, "LARGEST", 10)
    with pytest.raises(ValueError, match="draw less"):
        plotting.publish("lens", DRAWINGS["bars"], alt="Paris wins", sources=[])
    assert list(shelf.iterdir()) == []


def test_numbers_that_json_cannot_hold_are_refused():
    with pytest.raises(TypeError, match="set"):
        write.rounded({"a": {1, 2}})


def test_series_colours_stand_out_from_the_page():
    """WCAG asks 3 to 1 of graphics; words on the page get 7 to 1."""

    def luminance(colour):
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
        return 0.2126 * r + 0.7152 * g + 0.0722 * b

    def contrast(a, b):
        low, high = sorted((luminance(a), luminance(b)))
        return (high + 0.05) / (low + 0.05)

    for palette in (LIGHT, DARK):
        assert all(contrast(colour, palette.page) >= 3 for colour in palette.series)
        assert contrast(palette.ink, palette.page) >= 7


def test_the_house_in_the_repository_is_what_the_script_draws():
    for suffix, palette in (("", house.LIGHT), (".dark", house.DARK)):
        committed = (write.FIGURES / f"house{suffix}.svg").read_text(encoding="utf-8")
        assert committed == house.house(palette), "run python -m docs._figures.house"


def test_every_committed_figure_has_its_facts_and_its_twin():
    for figure in write.FIGURES.glob("*.svg"):
        if not figure.name.endswith(".dark.svg"):
            facts = json.loads(figure.with_suffix(".json").read_text(encoding="utf-8"))
            assert facts["alt"].strip() and facts["sources"], figure.name
            assert figure.with_suffix(".dark.svg").exists(), figure.name
