"""The import hook on invented chapters: whose answer runs, for every kind of function."""

import ast
import inspect
import itertools
import pickle
import re
import sys
import traceback
import warnings
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from chapters.course import import_hook
from chapters.course.answers import make_stub

FRESH = itertools.count()

REFERENCE = '''\
"""One function of every kind."""

import functools
from contextlib import contextmanager

BASE = 10


def plain(x: int) -> tuple:
    """Says who answers."""
    # exercise 2.1
    return ("reference", BASE + x)


def uses_plain(x):
    # exercise 2.2
    return ("reference", plain(x))


class Parent:
    def greet(self):
        return "parent"


class Child(Parent):
    def greet(self):
        # exercise 2.3
        return ("reference", super().greet(), __class__.__name__)

    @property
    def size(self):
        # exercise 2.4
        return "reference"

    @contextmanager
    def opened(self):
        log = []
        # exercise 2.5
        log.append("reference")
        yield log
        log.append("closed")

    @staticmethod
    def fixed():
        # exercise 2.6
        return "reference"

    def makes(self, n):
        given = n + 1

        def inner(m):
            # exercise 2.7
            return ("reference", given + m)

        return inner


def counts(n):
    # exercise 2.8
    for _ in range(n):
        yield "reference"


def reduces(xs):
    # exercise 2.9
    return functools.reduce(max, xs)
'''
MINE = REFERENCE.replace('"reference"', '"mine"')
SIBLING = "from .a import Child, plain\n\n\ndef through():\n    return plain(1), Child().greet()\n"

CALLS = {
    "2.1": lambda m: m.plain(1)[0],
    "2.3": lambda m: m.Child().greet()[0],
    "2.4": lambda m: m.Child().size,
    "2.5": lambda m: open_and_close(m.Child()),
    "2.6": lambda m: m.Child.fixed(),
    "2.7": lambda m: m.Child().makes(1)(1)[0],
    "2.8": lambda m: next(m.counts(1)),
}


def open_and_close(child) -> str:
    with child.opened() as log:
        assert len(log) == 1
    assert log[1] == "closed"
    return log[0]


@pytest.fixture
def workbook(tmp_path, monkeypatch):
    """Writes a workbook of one chapter with a sibling file, and imports the sibling's package."""
    monkeypatch.setattr(import_hook, "current_exercise", None)
    monkeypatch.setattr(import_hook, "typechecker", None)
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(import_hook, "_said", set())

    def make(learners: str, reference: str | None = REFERENCE) -> SimpleNamespace:
        package = f"made_up_{next(FRESH)}"
        for tree, text in ((package, learners), ("answers", reference)):
            folder = tmp_path / tree / "ch02_small"
            folder.mkdir(parents=True, exist_ok=True)
            for name, code in {"__init__": "", "a": text, "b": SIBLING}.items():
                if code is not None:
                    (folder / f"{name}.py").write_text(code, "utf-8")
        import_hook.install(package, tmp_path / package, tmp_path / "answers")
        return import_module(f"{package}.ch02_small.b"), import_module(f"{package}.ch02_small.a")

    return make


@pytest.mark.parametrize("number", CALLS)
def test_a_grader_runs_only_its_own_learners_answer(workbook, number):
    _, module = workbook(MINE)
    for import_hook.current_exercise in CALLS:
        expected = "mine" if import_hook.current_exercise == number else "reference"
        assert CALLS[number](module) == expected


@pytest.mark.parametrize("number", CALLS)
def test_outside_graders_the_learners_answer_runs(workbook, number):
    _, module = workbook(MINE)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert CALLS[number](module) == "mine"


@pytest.mark.parametrize("number", CALLS)
def test_outside_graders_stubs_are_replaced_with_one_line(workbook, number, capsys):
    _, module = workbook(make_stub(REFERENCE))
    assert [CALLS[number](module), CALLS[number](module)] == ["reference"] * 2
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith("Chapter 2: ") and f"such as {number}," in said
    assert [call(module) for call in CALLS.values()] and not capsys.readouterr().err


@pytest.mark.parametrize("number", CALLS)
@pytest.mark.parametrize("graded", ["own number", import_hook.OWN_CODE_ONLY])
def test_a_graded_stub_raises(workbook, number, graded):
    _, module = workbook(make_stub(REFERENCE))
    import_hook.current_exercise = number if graded == "own number" else graded
    with pytest.raises(NotImplementedError, match=f"exercise {number}"):
        CALLS[number](module)


RECORDS = """
import dataclasses
import torch
from typing import NamedTuple


class Scores(NamedTuple):
    values: torch.Tensor
    names: list
    share: torch.Tensor = torch.tensor(0.5)


@dataclasses.dataclass
class Config:
    width: int
    sizes: tuple = (1, 2)


class Own(NamedTuple):
    values: torch.Tensor

    def __repr__(self):
        return "mine"
"""


def test_records_of_tensors_have_a_short_repr(workbook):
    _, module = workbook(MINE + RECORDS)
    many = module.Scores(torch.zeros(20, 30), [f"head {i}" for i in range(99)])
    assert repr(many) == "Scores(values=Tensor[20, 30], names=list of 99, share=tensor(0.5000))"
    assert repr(module.Config(3)) == "Config(width=3, sizes=(1, 2))"
    assert repr(module.Own(torch.zeros(9))) == "mine"


def test_one_answer_calls_another_through_dispatch(workbook):
    sibling, module = workbook(MINE)
    import_hook.current_exercise = "2.2"
    assert module.uses_plain(1) == ("mine", ("reference", 11))
    import_hook.current_exercise = "2.1"
    assert sibling.through() == (("mine", 11), ("reference", "parent", "Child"))
    import_hook.current_exercise = import_hook.OWN_CODE_ONLY
    assert sibling.through() == (("mine", 11), ("mine", "parent", "Child"))


def test_without_a_reference_the_learners_answers_run(workbook):
    _, module = workbook(MINE, reference=None)
    import_hook.current_exercise = "2.99"
    assert {call(module) for call in CALLS.values()} == {"mine"}


def test_types_pickles_and_sources_are_the_learners(workbook):
    sibling, module = workbook(MINE)
    assert sibling.Child is module.Child and vars(module.Child).keys() >= {"greet", "size"}
    assert not [name for name in dir(module.Child) + dir(module) if "reference" in name]
    assert pickle.loads(pickle.dumps(module.plain)) is module.plain
    assert type(pickle.loads(pickle.dumps(module.Child()))) is module.Child
    assert '"mine"' in inspect.getsource(module.plain) and "Says who" in module.plain.__doc__


def test_a_traceback_shows_each_answer_in_its_own_file(workbook):
    broken = REFERENCE.replace('return ("reference", plain(x))', 'return plain(x) / "reference"')
    _, module = workbook("# a line more\n" + MINE, reference=broken)
    import_hook.current_exercise = "2.1"
    with pytest.raises(TypeError) as caught:
        module.uses_plain(1)
    last = traceback.extract_tb(caught.value.__traceback__)[-1]
    assert last.name == "uses_plain" and last.line == 'return plain(x) / "reference"'
    assert "answers" in last.filename


def test_imports_that_an_editor_removed_are_restored(workbook):
    stub = make_stub(REFERENCE).replace(
        "import functools\n", "from __future__ import annotations\n"
    )
    _, module = workbook(stub)
    import_hook.current_exercise = "2.1"
    assert module.reduces([1, 3, 2]) == 3


def test_a_deleted_function_fails_only_its_own_exercise(workbook):
    renamed = MINE.replace("def plain", "def plane")
    _, module = workbook(
        renamed.replace("def greet(self):\n        #", "def grit(self):\n        #")
    )
    import_hook.current_exercise = "2.2"
    assert module.uses_plain(1) == ("mine", ("reference", 11))
    assert module.Child().greet() == ("reference", "parent", "Child")
    import_hook.current_exercise = "2.1"
    with pytest.raises(AttributeError, match="plain of exercise 2.1 is missing .* `mi reset 2.1`"):
        module.plain(1)


def test_both_answers_are_checked_for_shapes_and_types(workbook):
    import_hook.check_shapes()
    _, module = workbook(MINE)
    for import_hook.current_exercise in ("2.1", "2.2"):
        with pytest.raises(TypeError, match="argument|parameters of .*plain"):
            module.plain("one")


def test_an_unreadable_file_names_its_line(workbook):
    with pytest.raises(SyntaxError) as caught:
        workbook(MINE + "def broken(:\n")
    assert caught.value.filename.endswith("a.py")
    assert caught.value.text == "def broken(:\n"


def test_internals_page_shows_the_merged_source():
    page = (Path(__file__).resolve().parents[2] / "docs/internals.md").read_text("utf-8")
    blocks = dict(re.findall(r"<!-- (.+?) -->\n```python\n(.+?)```", page, re.DOTALL))
    reference, learners, merged = blocks.values()
    assert blocks["merged"] == merged
    tree = ast.parse(learners)
    import_hook.merge_reference(tree, reference, typechecked=True)
    assert ast.unparse(tree).strip() == merged.strip()
