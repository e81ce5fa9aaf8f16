"""Every chapter has material for its lecturer, and the points of an exam sheet add up."""

import re

import pytest

from chapters.course.exercise_pages import read_exercises
from tests.book.program import ROOT

CHAPTERS = sorted({f"{int(number.split('.')[0]):02d}" for number in read_exercises()})
each_chapter = pytest.mark.parametrize("chapter", CHAPTERS)


def text(name):
    return (ROOT / "docs" / name).read_text("utf-8")


def section(page, title):
    """The lines below a heading, up to the next one."""
    return re.split(r"(?m)^## ", page.split(f"\n## {title}", 1)[1])[0]


def rubric_of_lab(chapter):
    """The five lines of a good report, which end a lab."""
    lab = next(ROOT.glob(f"solutions/ch{chapter}_*/lab.py")).read_text("utf-8")
    project = re.split(r"(?m)^# ## \d+\. Doubt", lab)[-1]
    lines = re.findall(r"(?m)^# \d\. (.*(?:\n#    .*)*)", project)
    return [re.sub(r"\n#\s+", " ", line).rstrip(";.") for line in lines]


def numbered(part):
    return [int(number) for number in re.findall(r"(?m)^(\d+)\. \S", part)]


@each_chapter
def test_a_lecturers_page_has_all_its_parts(chapter):
    page = text(f"lecturer/chapter_{chapter}.md")
    assert 3 <= len(numbered(section(page, "Objectives"))) <= 6
    assert numbered(section(page, "Discussion questions")) == list(range(1, 6))
    assert numbered(section(page, "Oral questions")) == list(range(1, 11))
    assert len(section(page, "What to say in the lecture").split()) > 150
    assert section(page, "Rubric of the mini-project")
    links = re.findall(r"\((\S+?)\)", section(page, "Reading"))
    pages = [link for link in links if link.startswith("../")]
    assert len(pages) > 1 and len(links) > len(pages)
    assert all((ROOT / "docs/lecturer" / page).resolve().is_file() for page in pages)
    assert f"lecturer/chapter_{chapter}.md" in text("instructors.md")


@each_chapter
def test_the_rubric_has_the_lines_of_the_lab(chapter):
    part = section(text(f"lecturer/chapter_{chapter}.md"), "Rubric of the mini-project")
    rows = re.findall(r"(?m)^\| \d\. (.*) \| (\d) \|$", part)
    assert [line for line, _ in rows] == rubric_of_lab(chapter)
    assert sum(int(points) for _, points in rows) == 10


@each_chapter
def test_points_of_an_exam_sheet_add_up(chapter):
    sheet = text(f"_exams/ch{chapter}.md")
    total = int(re.search(r"(\d+) points, no computer", sheet)[1])
    questions = re.split(r"(?m)^(?=\*\*\d+\. )", sheet)[1:]
    points = [int(re.match(r"\*\*\d+\. .*?\((\d+) points\)", one)[1]) for one in questions]
    assert 5 <= len(questions) <= 7 and sum(points) == total
    for question, whole in zip(questions, points, strict=True):
        parts = [int(number) for number in re.findall(r"\((\d)\)\s*$", question, re.MULTILINE)]
        assert not parts or sum(parts) == whole, question.splitlines()[0]


@each_chapter
def test_every_question_of_an_exam_has_an_answer(chapter):
    sheet, answers = text(f"_exams/ch{chapter}.md"), text(f"_exams/ch{chapter}_answers.md")
    assert numbered(section(answers, "Keys of the oral questions")) == list(range(1, 11))
    asked = re.split(r"(?m)^(?=\*\*\d+\. )", sheet)[1:]
    given = re.split(r"(?m)^(?=\*\*\d+\.\*\*)", answers.split("\n## ")[0])[1:]
    assert len(asked) == len(given)
    for question, answer in zip(asked, given, strict=True):
        letters = re.findall(r"(?m)^([a-e])\) ", question)
        assert letters == re.findall(r"(?m)^([a-e])\) ", answer), question.splitlines()[0]
