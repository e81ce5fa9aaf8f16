"""The built files: both builders take the pages, and the search index gives nothing away."""

import functools
import importlib.util
import json
import re
import shutil

import pytest

from chapters.course.exercise_pages import read_exercises
from docs._extension.code import exercise_code
from tests.book.program import ROOT, run


def needs(package):
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed")


@functools.cache
def shown():
    """Everything that pages and the given code of all exercises spell out."""
    pages = [page.read_text(encoding="utf-8") for page in (ROOT / "docs").glob("*.md")]
    given = [code.given for number in read_exercises() for code in exercise_code(ROOT, number)]
    return "".join([*pages, *given])


def answer_lines(number):
    """The lines of an answer that say something of their own, and that nothing shown has."""
    for code in exercise_code(ROOT, number):
        table = code.language == "toml"
        bodies = [code.solution] if table else code.solution.split(f"# exercise {number}\n")[1:]
        for body in bodies:
            for line in map(str.strip, body.splitlines()):
                if len(line) > (12 if table else 24) and line not in shown():
                    yield line


def test_no_python_file_and_no_script_is_published(site):
    assert [p for p in site.rglob("*") if p.suffix == ".py" or p.name.startswith("_")] == []


def test_every_exercise_is_a_card_with_a_folded_solution(site):
    for number, exercise in read_exercises().items():
        page = (site / f"{exercise.page.stem}.html").read_text(encoding="utf-8")
        anchor = f'id="exercise-{number.replace(".", "-")}"'
        assert page.count(anchor) == 1, f"{number} has no card on {exercise.page.name}"


def test_the_navigation_names_each_page_once(site):
    html = (site / "index.html").read_text(encoding="utf-8")
    primary = html[html.index("md-nav--primary") : html.index("md-sidebar--secondary")]
    for page in (ROOT / "docs").glob("ch*.md"):
        assert primary.count(f'href="{page.stem}.html"') == 1, f"{page.name} in mkdocs.yml"


def test_the_search_index_holds_no_line_of_an_answer(site):
    text = (site / "search" / "search_index.json").read_text(encoding="utf-8")
    indexed = " ".join(entry["text"] for entry in json.loads(text)["docs"])
    assert "residual stream" in indexed
    for number in read_exercises():
        for line in answer_lines(number):
            assert line not in indexed, f"{number}: search would show {line!r}"


def test_a_fault_on_a_page_is_one_message_and_no_traceback(tmp_path):
    needs("material")
    for room in ("docs", "solutions", "chapters"):
        shutil.copytree(ROOT / room, tmp_path / room)
    shutil.copy(ROOT / "mkdocs.yml", tmp_path)
    page = tmp_path / "docs" / "ch02_layers.md"
    text = page.read_text(encoding="utf-8")
    page.write_text(text.replace("difficulty=", "dificulty=", 1), encoding="utf-8")
    with pytest.raises(AssertionError) as said:
        run("mkdocs", "build", "--strict", root=tmp_path)
    assert re.search(r"ch02_layers\.md:\d+", str(said.value)) and "dificulty" in str(said.value)
    assert "Traceback" not in str(said.value)


def test_zensical_builds_the_same_pages(site, tmp_path):
    needs("zensical")
    for room in ("docs", "solutions", "chapters"):
        shutil.copytree(ROOT / room, tmp_path / room)
    shutil.copy(ROOT / "mkdocs.yml", tmp_path)
    said = run("zensical", "build", "--strict", root=tmp_path)
    assert "No issues found" in said, said
    for page in site.glob("*.html"):
        theirs = (tmp_path / "site" / page.name).read_text(encoding="utf-8")
        cards = page.read_text(encoding="utf-8").count('<section class="exercise')
        assert theirs.count('<section class="exercise') == cards, page.name
    index = (tmp_path / "site" / "search.json").read_text(encoding="utf-8")
    assert "residual stream" in index
    for number in read_exercises():
        for line in answer_lines(number):
            assert line not in index, f"{number}: Zensical's search would show {line!r}"
