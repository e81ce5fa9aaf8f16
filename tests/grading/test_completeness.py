"""Every exercise is complete: mark, heading, hints, graders, mistakes and right answers."""

import re
import tomllib
from pathlib import Path

import pytest

from chapters.course.answers import TABLE_FILE, answer_files, answers_in, open_keys, read_table
from chapters.course.exercise_pages import read_exercises

from .mistakes import SOLUTIONS, Mistake, RightAnswer, gather, numbers_of

TESTS = Path(__file__).resolve().parents[1]
HINTS, MISTAKES, RIGHT = 2, 3, 1

CHAPTERS = sorted(path for path in SOLUTIONS.glob("ch*") if numbers_of(path))
each_chapter = pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.name)


def graded(chapter: Path) -> set[str]:
    """The exercises that the graders of a chapter name."""
    texts = [path.read_text("utf-8") for path in (TESTS / chapter.name).rglob("test_*.py")]
    return {number for text in texts for number in re.findall(r'\bexercise\("([\d.]+)"\)', text)}


@each_chapter
def test_marks_and_headings_name_the_same_exercises(chapter: Path):
    number = str(int(chapter.name[2:4]))
    headings = [key for key in read_exercises() if key.split(".")[0] == number]
    assert headings == list(numbers_of(chapter)), "the book's exercises are not those of the code"


@each_chapter
def test_exercises_count_from_one_without_gaps(chapter: Path):
    seconds = [int(number.split(".")[1]) for number in numbers_of(chapter)]
    assert seconds == list(range(1, len(seconds) + 1))


@each_chapter
def test_an_exercise_is_in_one_file(chapter: Path):
    files: dict[str, set[str]] = {}
    for path in answer_files(chapter):
        for answer in answers_in(path):
            files.setdefault(answer.number, set()).add(path.name)
    assert {number: names for number, names in files.items() if len(names) > 1} == {}


@each_chapter
def test_tables_of_answers_are_exercises_and_answered(chapter: Path):
    """A head that is misspelt would leave its questions in the table before it, or in none."""
    path = chapter / TABLE_FILE
    text = path.read_text("utf-8") if path.is_file() else ""
    tables = {answer.number: read_table(text, answer.number) for answer in answers_in(path, text)}
    assert tomllib.loads(text) == tables, f'{path}: every table is headed by a number, as ["0.15"]'
    assert {number: open_keys(table) for number, table in tables.items() if open_keys(table)} == {}


@each_chapter
def test_every_exercise_has_a_statement_and_two_hints(chapter: Path):
    exercises = read_exercises()
    short = [
        f"{number}: {len(exercise.hints)} hints, {len(exercise.text.split())} words"
        for number in numbers_of(chapter)
        if (exercise := exercises.get(number))
        and (len(exercise.hints) < HINTS or not all(exercise.hints) or not exercise.text)
    ]
    assert not short, f"expected a statement and {HINTS} hints: {short}"


@each_chapter
def test_every_exercise_is_graded(chapter: Path):
    assert graded(chapter) == set(numbers_of(chapter)), "graders and exercises differ"


@each_chapter
@pytest.mark.parametrize("kind, least", [(Mistake, MISTAKES), (RightAnswer, RIGHT)])
def test_every_exercise_has_mistakes_and_a_right_answer(chapter: Path, kind: type, least: int):
    numbers = [record.number for record in gather(chapter.name, kind)]
    assert set(numbers) <= set(numbers_of(chapter)), "a record of an exercise that does not exist"
    few = {n: numbers.count(n) for n in numbers_of(chapter) if numbers.count(n) < least}
    assert not few, f"expected at least {least} of {kind.__name__} per exercise, got {few}"
