"""Figures: the same bytes on every run, two variants, and metadata in JSON."""

import json
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.figure import Figure

from docs._figures import overview_figure
from docs._figures.lib import figure_files, plotting
from docs._figures.lib.theme import DARK, LIGHT

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
    "attention": lambda f: plotting.attention_pattern(
        f.subplots(), PATTERN, TOKENS, title="head 3"
    ),
}


@pytest.fixture
def figures_folder(tmp_path, monkeypatch):
    """Write figures to a temporary folder."""
    monkeypatch.setattr(plotting, "FIGURES", tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", DRAWINGS)
def test_rendering_twice_gives_the_same_bytes(name):
    first, second = (plotting.render(name, DRAWINGS[name], LIGHT, (4, 3)) for _ in range(2))
    assert first == second
    assert "Matplotlib" not in first and "<dc:date>" not in first


@pytest.mark.parametrize("name", DRAWINGS)
def test_light_and_dark_differ_in_colour_only(name):
    light, dark = (plotting.render(name, DRAWINGS[name], p, (4, 3)) for p in (LIGHT, DARK))
    shapes = [[e.tag for e in ElementTree.fromstring(svg).iter()] for svg in (light, dark)]
    assert shapes[0] == shapes[1] and light != dark
    assert LIGHT.text in light and LIGHT.text not in dark


def test_publish_writes_both_variants_and_the_metadata(figures_folder):
    written = plotting.publish(
        "lens",
        DRAWINGS["bars"],
        alt="Paris wins",
        sources=[figure_files.__file__],
        numbers={"p": np.float32(0.123456789), "all": np.ones(2), "n": 3},
        seeds=[0],
    )
    assert sorted(p.name for p in figures_folder.iterdir()) == [
        "lens.dark.svg",
        "lens.json",
        "lens.svg",
    ]
    metadata = json.loads(written[2].read_text(encoding="utf-8"))
    assert metadata["alt"] == "Paris wins" and metadata["seeds"] == [0]
    assert metadata["numbers"] == {"p": 0.123457, "all": [1.0, 1.0], "n": 3}
    assert list(metadata["sources"]) == ["docs/_figures/lib/figure_files.py"]


def test_a_figure_needs_an_alt_text(figures_folder):
    with pytest.raises(ValueError, match="alt"):
        plotting.publish("lens", DRAWINGS["bars"], alt=" ", sources=[])
    assert list(figures_folder.iterdir()) == []


def test_a_figure_has_a_largest_size(figures_folder, monkeypatch):
    monkeypatch.setattr(plotting, "LARGEST", 10)
    with pytest.raises(ValueError, match="draw fewer"):
        plotting.publish("lens", DRAWINGS["bars"], alt="Paris wins", sources=[])
    assert list(figures_folder.iterdir()) == []


CODE = """\"\"\"Docstring.\"\"\"


def f(x: int) -> int:
    \"\"\"Docstring.\"\"\"
    y: int = 2 * x  # comment
    return y
"""


def test_code_hash_ignores_docstrings_comments_and_types(tmp_path):
    def hashed(text, name="script.py"):
        (tmp_path / name).write_bytes(text.encode())
        return figure_files.code_hash(tmp_path / name)

    same = ("Docstring.", "Other words."), ("  # comment", ""), (": int", ""), ("\n", "\r\n")
    assert {hashed(CODE.replace(*pair)) for pair in same} == {hashed(CODE)}
    assert hashed(CODE.replace("2 * x", "3 * x")) != hashed(CODE)
    assert hashed("a = 1", "data.txt") != hashed("a = 2", "data.txt")


def test_numbers_without_a_form_in_json_raise():
    with pytest.raises(TypeError, match="set"):
        figure_files.to_json({"a": {1, 2}})


def test_a_logarithmic_axis_keeps_labels_of_its_own():
    axes = Figure().subplots()
    axes.set(xscale="log", xlim=(4, 64))
    axes.set_xticks([4, 8, 16, 32, 64], ["4", "8", "16", "32", "64"])
    plotting.shorten_log_labels(axes.xaxis)
    assert [label.get_text() for label in axes.get_xticklabels()] == ["4", "8", "16", "32", "64"]


def test_series_colours_stand_out_from_the_page():
    """WCAG requires a contrast of 3 to 1 for graphics; text has 7 to 1."""

    def luminance(colour):
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
        return 0.2126 * r + 0.7152 * g + 0.0722 * b

    def contrast(a, b):
        low, high = sorted((luminance(a), luminance(b)))
        return (high + 0.05) / (low + 0.05)

    for palette in (LIGHT, DARK):
        assert all(contrast(colour, palette.background) >= 3 for colour in palette.series)
        assert contrast(palette.text, palette.background) >= 7


def test_the_committed_overview_is_what_the_script_draws():
    for suffix, palette in (("", overview_figure.LIGHT), (".dark", overview_figure.DARK)):
        committed = (figure_files.FIGURES / f"overview{suffix}.svg").read_text(encoding="utf-8")
        assert committed == overview_figure.overview(palette), (
            "run python -m docs._figures.overview_figure"
        )


def test_every_figure_has_metadata_and_a_dark_variant():
    for figure in figure_files.FIGURES.glob("*.svg"):
        if not figure.name.endswith(".dark.svg"):
            metadata = json.loads(figure.with_suffix(".json").read_text(encoding="utf-8"))
            assert metadata["alt"].strip() and metadata["sources"], figure.name
            assert figure.with_suffix(".dark.svg").exists(), figure.name


NOT_BY_SOURCE = {"ch05_cost", "ch07_circuit", "ch07_paths", "ch07_signals"}
"""Times of one machine, and chapter 7's main experiment, of which test_ioi_experiment.py compares
what the code computes."""
CHECKED = [
    name
    for name in sorted(path.stem for path in figure_files.FIGURES.glob("*.json"))
    if name[:4] in {"ch00", "ch01", "ch02", "ch03", "ch04", "ch05", "ch07", "over"}
    and name not in NOT_BY_SOURCE
]


@pytest.mark.parametrize("name", CHECKED)
def test_a_figure_was_drawn_by_the_present_code(name):
    metadata = json.loads((figure_files.FIGURES / f"{name}.json").read_text(encoding="utf-8"))
    for source, digest in metadata["sources"].items():
        now = figure_files.code_hash(figure_files.ROOT / source)
        assert now == digest, f"run {source} again"
