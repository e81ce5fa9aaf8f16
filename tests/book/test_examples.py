"""Every example on a page that shows its output (`>>>`) gives that output."""

import doctest
import warnings

import pytest

from tests.book.program import ROOT

PAGES = sorted(p for p in (ROOT / "docs").glob("*.md") if ">>> " in p.read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_examples_show_what_they_give(page):
    text = page.read_text(encoding="utf-8")
    test = doctest.DocTestParser().get_doctest(text, {}, page.name, str(page), 0)
    said = []
    with warnings.catch_warnings():
        # A stub that gives way to the reference says so; the page is about what comes out.
        warnings.simplefilter("ignore")
        doctest.DocTestRunner(verbose=False).run(test, out=said.append)
    assert said == [], "".join(said)
