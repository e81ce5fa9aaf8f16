"""Whether an answer looks its value up: only its own code and the imports that it uses count."""

import pytest

from .cheating_check import offence

LOOKED_UP = [
    ("", "from solutions.ch02_small.a import double"),
    ("", "import solutions as s"),
    ("", "import tests.grading"),
    ("", "import chapters.course.import_hook"),
    ("", "from ..course import import_hook"),
    ("import solutions", "x = solutions.ch02_small.a.double(2)"),
    ("from tests import grading as g", "x = g"),
    ("from chapters import course", "x = course.import_hook"),
]
HONEST = [
    ("", 'print("solutions found", 3)'),
    ("", 'raise ValueError("tests have shown that solutions differ")'),
    ("", "# import solutions"),
    ("import gc", "gc.collect()"),
    ("import inspect", "inspect.signature(print)"),
    ("import importlib", "importlib.import_module('math')"),
    ("", "tests = solutions = course = 3"),
    ("", "eval('1'); exec('x = 1')"),
    ("import torch.testing", "torch.testing"),
    ("import solutions", "pass"),
    ("from ..ch01_small import solutions", "x = solutions"),
    ("", "def broken(:"),
]
FILE = """{above}


def double(x):
    # exercise 2.1
    {line}


def half(x):
    # exercise 2.2
    import solutions
"""


@pytest.fixture
def said(tmp_path):
    def said(above: str, line: str) -> str | None:
        (tmp_path / "a.py").write_text(FILE.format(above=above, line=line), "utf-8")
        return offence(tmp_path, "2.1")

    return said


@pytest.mark.parametrize(("above", "line"), LOOKED_UP)
def test_an_answer_that_is_looked_up_is_named_by_its_line(said, above, line):
    assert "a.py, line 6: the answer uses " in (said(above, line) or "")


@pytest.mark.parametrize(("above", "line"), HONEST)
def test_words_and_other_exercises_are_not_judged(said, above, line):
    assert said(above, line) is None


def test_a_table_of_answers_may_contain_anything(tmp_path):
    (tmp_path / "answers.toml").write_text('["2.1"]\nwhy = "import solutions"\n', "utf-8")
    assert offence(tmp_path, "2.1") is None
