"""Every example on a page that shows its output (`>>>`) gives that output."""

import doctest
import re

import pytest

from tests.book.page_models import skip_without_models
from tests.book.program import ROOT

PAGES = sorted(p for p in (ROOT / "docs").glob("*.md") if ">>> " in p.read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_examples_show_what_they_give(page):
    text = page.read_text(encoding="utf-8")
    skip_without_models("\n".join(re.findall(r">>> .*", text)))
    # A learner's chapters/ may be unfinished; the page shows the reference's output.
    text = text.replace("from chapters.ch", "from solutions.ch")
    # A fence would pass for output; an empty line ends it and keeps the line numbers.
    text = re.sub(r"^ *```.*$", "", text, flags=re.MULTILINE)
    test = doctest.DocTestParser().get_doctest(text, {}, page.name, str(page), 0)
    said = []
    doctest.DocTestRunner(verbose=False).run(test, out=said.append)
    assert said == [], "".join(said)
