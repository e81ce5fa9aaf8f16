"""The built book in a real browser: nothing breaks, nothing leaves the page, nothing sticks out."""

import importlib.util
import json
from pathlib import Path

import pytest

from tests.book.program import ROOT, made_once, run

CHROMIUM = Path("/usr/bin/chromium")
WIDTHS = ("desktop", "phone")

# The first test waits for the build and for a browser that opens every page.
pytestmark = pytest.mark.timeout(540)


@pytest.fixture(scope="session")
def browser():
    """The path of the browser."""
    for package in ("mkdocs", "material", "playwright"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed: pip install -e '.[docs]'")
    if not CHROMIUM.exists():
        pytest.skip(f"no browser: {CHROMIUM} is missing (Debian's package chromium)")
    return CHROMIUM


@pytest.fixture(scope="session")
def report(browser, site, shared_folder):
    """What tests/book/browse.py saw on every page, at desktop and phone width."""
    file = shared_folder / "report.json"
    made_once(file, lambda: run("tests.book.browse", str(site), str(file)))
    return json.loads(file.read_text(encoding="utf-8"))


def offenders(report, judge):
    return {name: judge(page) for name, page in report["pages"].items() if judge(page)}


def test_every_page_was_opened_at_both_widths(report):
    pages = {f"{page.stem}.html ({w})" for page in (ROOT / "docs").glob("*.md") for w in WIDTHS}
    assert set(report["pages"]) == pages
    assert not offenders(report, lambda page: not page["heading"]), "a page has no heading"


def test_the_console_stays_silent(report):
    assert offenders(report, lambda page: page["errors"]) == {}


def test_no_request_leaves_the_page(report):
    assert offenders(report, lambda page: page["outside"]) == {}
    assert sum(page["requests"] for page in report["pages"].values()) > 100, "nothing was counted"


def test_every_image_is_there_and_has_an_alt_text(report):
    assert offenders(report, lambda page: page["without_alt"] + page["broken"]) == {}


def test_every_formula_is_set(report):
    assert offenders(report, lambda page: page["formulas"] - page["set"]) == {}
    assert sum(page["formulas"] for page in report["pages"].values()) > 0, "no formula was found"


def test_nothing_sticks_out_sideways(report):
    assert offenders(report, lambda page: max(page["overflow"], 0)) == {}


def test_the_measure_sees_what_is_cut_and_what_scrolls(report):
    assert [len(report["bad card"][what]) for what in ("cut", "scrolling")] == [2, 1]


def test_nothing_is_cut_off(report):
    assert offenders(report, lambda page: page["cut"]) == {}


def test_code_and_tables_fit_a_desktop(report):
    """On a phone they scroll in their own box; the references of papers.html always may."""
    wide = {name: page["scrolling"] for name, page in report["pages"].items() if "desktop" in name}
    wide.pop("papers.html (desktop)")
    assert {name: found for name, found in wide.items() if found} == {}


def test_solutions_are_closed_until_clicked(report):
    assert offenders(report, lambda page: page["open"]) == {}
    assert offenders(report, lambda page: page["cards"] - page["solutions"]) == {}
    clicks = [click for click in report["clicks"].values() if "hidden_before" in click]
    assert clicks, "no page has an exercise"
    assert all(click["hidden_before"] and click["visible_after"] for click in clicks)


def test_light_and_dark_can_be_switched(report):
    assert all(click["palette_switches"] for click in report["clicks"].values())


def test_search_finds_what_is_there_and_nothing_else(report):
    assert report["search"]["residual stream"] > 0
    assert report["search"]["qwertyzxcvb"] == 0
