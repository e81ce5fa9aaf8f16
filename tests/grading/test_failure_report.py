"""What a failure says, for every way in which an answer can be wrong."""

import importlib.util
import itertools
import sys

import pytest

from . import failure_report

FRESH = itertools.count()
TENSORS = """
import torch
from beartype import beartype
from jaxtyping import Float, jaxtyped
from torch import Tensor


@jaxtyped(typechecker=beartype)
def pattern(
    q: Float[Tensor, "batch query d"], k: Float[Tensor, "batch key d"]
) -> Float[Tensor, "batch query key"]:
    return torch.zeros(len(q), k.shape[1], q.shape[1])
"""


class Config:
    def __init__(self, root):
        self.rootpath = root

    def getoption(self, _):
        return "graded"


class Item:
    """As much of a test as a failure looks at."""

    name = originalname = "test_rows_sum_to_one"

    def __init__(self, root):
        self.config = Config(root)


@pytest.fixture
def refuse(tmp_path):
    """Runs a line in a module of the graded package and returns the failure of what it raises."""

    def refuse(line: str, before: str = "") -> str:
        path = tmp_path / "graded" / "page.py"
        path.parent.mkdir()
        body = f"{before}\nimport pytest\n\n\ndef run():\n    {line}\n"
        path.write_text(body, "utf-8")
        name = f"graded.ch00_page_{next(FRESH)}"
        spec = importlib.util.spec_from_file_location(name, path)
        module = sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        try:
            module.run()
        except BaseException:
            lines = failure_report.explain(pytest.ExceptionInfo.from_current(), Item(tmp_path))
            return "\n".join(sum(lines, []))
        raise AssertionError("nothing was raised")

    return refuse


def test_an_assertions_own_words_come_first_and_alone(refuse):
    message = "MESSAGE = 'expected 1, got 2\\nassert False\\n  +  where ...'"
    said = refuse("raise AssertionError(MESSAGE)", message)
    assert said.splitlines()[0] == "expected 1, got 2" and "where ..." not in said


def test_a_bare_assertion_is_called_by_the_graders_name(refuse):
    said = refuse("raise AssertionError('assert 1.2 == 1.0')")
    assert said.startswith("rows sum to one\nassert 1.2 == 1.0")


def test_a_long_message_is_cut(refuse):
    lines = refuse("raise ValueError('x' * 1000 + '\\n' + 'y\\n' * 100)").splitlines()
    assert len(lines) < 16 and max(map(len, lines)) <= 320 and lines[-2] == "..."


def test_an_error_comes_with_the_learners_line(refuse):
    said = refuse("return {}['a']")
    assert said == "KeyError: 'a'\n    in graded/page.py, line 6: return {}['a']"


def test_a_missing_error_says_which(refuse):
    said = refuse("pytest.raises(KeyError, lambda: None)")
    assert said.startswith("rows sum to one: expected KeyError, got no error")


def test_a_wait_is_not_called_a_loop(refuse):
    assert "it waits, or this machine is very busy" in refuse(
        "pytest.fail('Timeout (>60.0s) from pytest-timeout.')"
    )


def test_a_wrong_return_shape_shows_axes_and_no_tensor(refuse):
    said = refuse("return pattern(torch.ones(2, 3, 5), torch.ones(2, 4, 5))", TENSORS)
    lines = said.splitlines()
    assert lines[0].startswith("wrong shape or type: the return value of ")
    assert lines[1:4] == [
        "    expected  Float[Tensor, 'batch query key'] = [2,3,4]",
        "    got       f32[2,4,3]",
        "    axes      batch=2 query=3 d=5 key=4",
    ]
    assert "tensor(" not in said and len(lines) == 5


def test_a_wrong_argument_is_named(refuse):
    said = refuse("return pattern(torch.ones(2, 3, 5), torch.ones(2, 4, 6))", TENSORS)
    assert "the argument k of " in said and "got       f32[2,4,6]" in said
    assert "expected  Float[Tensor, 'batch key d']" in said


def test_a_line_python_cannot_read_is_shown(refuse):
    said = refuse("compile('def f(:', 'graded/other.py', 'exec')")
    assert said.startswith("graded/other.py, line 1: ") and "    def f(:" in said


CASES = [("exercise 2.10", "2.10"), ("exercise 0.9: still open: a", "0.9"), ("not here", None)]


@pytest.mark.parametrize("text, number", CASES)
def test_only_a_stubs_own_error_is_todo(text, number):
    assert failure_report.unwritten(NotImplementedError(text)) == number
    assert failure_report.unwritten(RuntimeError(text)) is None
