"""The graders graded: no stub passes, every right answer does, and every mistake is named.

Each chapter lists WRONG in tests/chNN_x/wrong_answers.py and RIGHT in right_answers.py. That the
reference itself passes is what `pytest --impl=solutions` runs the graders for.
"""

import builtins
import itertools
from importlib import import_module
from pathlib import Path

import pytest

from chapters.course import import_hook

from .variants import SOLUTIONS, Right, Stub, Wrong, grade, numbers_of, tree

TESTS = Path(__file__).resolve().parents[1]
CHAPTERS = [path for path in sorted(TESTS.glob("ch*")) if (path / "wrong_answers.py").is_file()]
each_chapter = pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.name)


def wrong_answers(chapter: Path) -> list[Wrong]:
    return import_module(f"tests.{chapter.name}.wrong_answers").WRONG


def right_answers(chapter: Path) -> list[Right]:
    return import_module(f"tests.{chapter.name}.right_answers").RIGHT


def each(answers) -> pytest.MarkDecorator:
    """One test an answer."""
    cases = [
        pytest.param(chapter, answer, id=str(answer))
        for chapter in CHAPTERS
        for answer in answers(chapter)
    ]
    return pytest.mark.parametrize("chapter, answer", cases)


def not_(result: str, outcomes: dict) -> dict[str, str]:
    """The graders with another outcome than expected, and what they said.

    Those that cannot run here, for want of weights or of a GPU, are skipped and prove nothing.
    """
    ran = {test: outcome for test, outcome in outcomes.items() if outcome.result != "skipped"}
    assert ran, "no grader ran"
    return {test: f"{o.result}\n{o.text}" for test, o in ran.items() if o.result != result}


@each(wrong_answers)
def test_a_wrong_answer_is_refused_in_its_words(chapter: Path, answer: Wrong, tmp_path: Path):
    assert answer.says, f"{answer}: `says` must name the words of its refusal"
    with tree(tmp_path, [answer]) as package:
        outcomes = grade(package, chapter, answer.number, until=answer.says)
    texts = [outcome.text for outcome in outcomes.values() if outcome.result == "failed"]
    assert texts, f"{answer}: no grader refuses it; {len(outcomes)} ran"
    assert any(answer.says in text for text in texts), (
        f"{answer}: refused, but not with the words {answer.says!r}:\n" + "\n\n".join(texts)
    )


@each(right_answers)
def test_a_right_answer_passes_its_exercise(chapter: Path, answer: Right, tmp_path: Path):
    with tree(tmp_path, [answer]) as package:
        assert not not_("passed", grade(package, chapter, answer.number))


@each_chapter
def test_right_answers_together_pass_the_chapter(chapter: Path, tmp_path: Path):
    """As many trees as some exercise has right answers, each tree with one of every exercise."""
    answers = sorted(right_answers(chapter), key=lambda answer: answer.number)
    answers = itertools.groupby(answers, key=lambda answer: answer.number)
    for combination in itertools.zip_longest(*(list(group) for _, group in answers)):
        with tree(tmp_path, filter(None, combination)) as package:
            assert not not_("passed", grade(package, chapter))


@each_chapter
def test_every_stub_is_todo_for_every_grader(chapter: Path, tmp_path: Path):
    stubs = [Stub(number) for number in numbers_of(SOLUTIONS / chapter.name)]
    with tree(tmp_path, stubs, switched=True) as package:
        assert not not_("todo", grade(package, chapter))


@each_chapter
def test_no_grader_runs_another_exercises_answer(chapter, tmp_path, monkeypatch):
    """Each answer is right, and objects to being run while another one is graded."""

    def only_under(number: str) -> None:
        if import_hook.current_exercise != number:
            graded = import_hook.current_exercise
            pytest.fail(f"the answer of {number} ran while {graded} was graded")

    monkeypatch.setattr(builtins, "only_under", only_under, raising=False)
    numbers = numbers_of(SOLUTIONS / chapter.name)
    with tree(tmp_path, [Objecting(number) for number in numbers], switched=True) as package:
        assert not not_("passed", grade(package, chapter))


@each_chapter
@pytest.mark.parametrize("odd", [0, 1], ids=["others-wrong", "others-todo"])
def test_a_right_answer_passes_among_bad_ones(chapter: Path, odd: int, tmp_path: Path):
    """Every other exercise is wrong, or not written; those between are right and pass."""
    numbers = list(numbers_of(SOLUTIONS / chapter.name))
    wrong = {answer.number: answer for answer in wrong_answers(chapter)}
    bad = [Stub(number) if odd else wrong[number] for number in numbers[1 - odd :: 2]]
    good = numbers[odd::2]
    with tree(tmp_path, bad, switched=True) as package:
        assert not not_("passed", grade(package, chapter, *good))


class Objecting(Right):
    """The reference's answer behind a check that its own exercise is the one being graded."""

    def __init__(self, number: str):
        super().__init__(number, "objecting")

    def answer(self, function, text: str) -> str:
        """The check, then the answer; nothing can be run in a table."""
        if function.qualname == function.number:
            return text
        return f'{function.indent}only_under("{self.number}")\n{text}'
