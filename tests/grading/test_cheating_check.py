"""What a submission may not do, and what it may."""

import pytest

from .cheating_check import offence

FORBIDDEN = [
    "from solutions.ch02_small.a import double",
    "import solutions as s",
    "import tests.grading",
    "from tests.grading import variants",
    "import pytest",
    "import importlib",
    "import chapters; chapters.course.import_hook.current_exercise = None",
    "from chapters import course",
    "import chapters.course.import_hook",
    "from ..course import import_hook",
    "from ..course.import_hook import dispatch",
    "from .. import course",
    "from sys import modules",
    "import sys; x = sys.modules",
    "x = open('solutions/ch02_small/a.py').read()",
    "x = __import__('solut' + 'ions')",
    "x = (lambda: 0).__closure__",
    "x = print.__wrapped__",
    "exec('x = 1')",
    "eval('1')",
]
ALLOWED = [
    '"""The solutions of other people, and their tests."""',
    "# import solutions",
    "import torch.testing",
    "from ..ch01_small import a",
    "from . import b",
    "from chapters.ch01_small.a import double",
    "model.eval()",
    "model.modules()",
    "x = 'the test of time'",
    "def broken(:",
]


@pytest.fixture
def submit(tmp_path):
    def submit(line: str, given: str = "") -> str | None:
        for tree, text in (("mine", f"x = 1\n{line}\n"), ("solutions", given)):
            folder = tmp_path / tree / "ch02_small" / "part"
            folder.mkdir(parents=True)
            (folder / "a.py").write_text(text, "utf-8")
        return offence(tmp_path / "mine", tmp_path / "solutions")

    return submit


@pytest.mark.parametrize("line", FORBIDDEN)
def test_looking_answers_up_is_refused_with_file_and_line(submit, line):
    said = submit(line)
    assert said and said.startswith("mine/ch02_small/part/a.py, line 2: the ")


@pytest.mark.parametrize("line", ALLOWED)
def test_ordinary_code_is_allowed(submit, line):
    assert submit(line) is None


def test_what_is_given_is_allowed(submit):
    assert submit("import inspect", given="import inspect\n") is None


def test_a_table_of_answers_is_data_and_may_say_anything(submit, tmp_path):
    assert submit("x = 2") is None
    table = tmp_path / "mine/ch02_small/answers.toml"
    table.write_text('["2.1"]\nwhy = "import solutions; see the tests"\n', "utf-8")
    assert offence(tmp_path / "mine", tmp_path / "solutions") is None
