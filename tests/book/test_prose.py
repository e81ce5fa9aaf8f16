"""Prose of the teaching pages: few numbers, a figure on each page, folded results."""

import re

import pytest

from chapters.course.files import ROOT

pytestmark = pytest.mark.project

PAGES = sorted(ROOT.glob("docs/ch[0-9]*_*.md"))
FIGURE = re.compile(r"(?m)^ *(!\[\]\(figures/\w+\.svg|::: (patterns|lens|features|graph) )")
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
NUMBER = re.compile(r"(?<![\w.])-?(?:\d[\d,]*\.?\d*|\.\d+)(?!\w)")


def prose(text):
    """Leave out code, formulas, tables, headings, captions and folds."""
    text = re.sub(r"```.*?```|\$\$.*?\$\$|\$[^$\n]*\$", "", text, flags=re.S)
    lines = [x for x in text.split("\n") if not re.match(r"    |[|#!:>]|\?\?\?", x)]
    return re.sub(r"\]\([^)]*\)", "]", re.sub(r"`[^`]*`", "code", "\n".join(lines)))


@each_page
def test_prose_has_fewer_than_three_numbers_per_hundred_words(page):
    text = prose(page.read_text("utf-8"))
    words, numbers = len(re.findall("[A-Za-z][A-Za-z'-]+", text)), len(NUMBER.findall(text))
    assert numbers < 0.03 * words, f"{numbers} numbers in {words} words; use a table or a fold"


@each_page
def test_a_page_has_a_figure(page):
    assert FIGURE.search(page.read_text("utf-8"))


@each_page
def test_a_guess_is_before_each_result(page):
    """Results that directly follow each other share one guess."""
    parts = re.split(
        r'(?m)^\?\?\? found "What we found.*\n(?:    .*\n|\n)*', page.read_text("utf-8")
    )
    for before in parts[:-1]:
        assert not before.strip() or "!!! question" in before, before[-200:]


@each_page
def test_a_fold_begins_with_its_result_in_one_bold_sentence(page):
    folds = re.findall(
        r'(?m)^\?\?\? found "What we found.*\n((?:    .*\n|\n)*)', page.read_text("utf-8")
    )
    for fold in folds:
        after_figures = re.sub(r"\A(\s*(!\[|::: ).*\n)*\s*", "", fold)
        assert re.match(r"\*\*[^*\n]*[.?!]\*\*\n", after_figures), after_figures[:200]


@pytest.mark.parametrize("page", sorted(ROOT.glob("docs/*.md")), ids=lambda page: page.stem)
def test_a_table_is_a_block_of_its_own(page):
    """Without a blank line, or a fold's title, before it a table is shown as text."""
    text = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.S)
    glued = re.findall(r"(?m)^ *(?![|?!<]| ).+\n *\|.*", text)
    assert not glued, glued[:3]
