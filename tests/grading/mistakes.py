"""Known mistakes and right answers: one record each, and how one runs in place of an answer.

tests/chNN_x/mistakes/*.py hold tables of records, which MISTAKES.md describes:

    KL = mistakes("5.3", "kl_divergence", {"Is this KL(patched || clean)?": "return ..."})

`in_place` lends the code object of a record to the learner's own function. Then decorators, shape
checks, importers and callers run the record, and no file is written.
"""

import ast
import contextlib
import functools
import inspect
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import CodeType, FunctionType

from chapters.course.answers import (
    TABLE_FILE,
    Answer,
    answer_files,
    answers_in,
    blank_tables,
    stub_line,
)
from chapters.course.import_hook import merge_reference

from .answer_tables_fixture import REPLACED

ROOT = Path(__file__).resolve().parents[2]
SOLUTIONS, TESTS = ROOT / "solutions", ROOT / "tests"

Form = str | Mapping[str, str]
SEAM = "\n# the next answer\n"


@dataclass(frozen=True, eq=False)
class Variant:
    """Another answer to one exercise, as an edit of the reference's or as whole bodies."""

    number: str
    """The exercise."""
    words: str
    """What a mistake's failure says; the name of a right answer."""
    changes: Mapping[str, str]
    """Function -> its whole body below the mark, or a text of the reference's answers -> another.

    Each text must be found exactly once in the exercise's answers.
    """
    function: str = ""
    """The function that the record is about; the file of tables for a question."""

    def __str__(self) -> str:
        return f"{self.number} {self.words or next(iter(self.changes.values()))}"[:80]

    def bodies(self, path: Path, reference: Path) -> dict[str, str]:
        """Function of a file -> its changed answer without indent; a table is called by its number.

        The reference is read for an edit only.
        Raises: ValueError when a text to replace is not found exactly once.
        """
        names = _answers(path, self.number)
        found = {name: text for name, text in self.changes.items() if name in names}
        edits = {old: new for old, new in self.changes.items() if old not in names}
        if edits:
            own = _answers(reference, self.number)
            whole = edited(SEAM.join(own.values()), edits)
            found |= {
                name: text
                for name, text in zip(own, whole.split(SEAM), strict=True)
                if text != own[name]
            }
        return {name: textwrap.dedent(text).strip("\n") for name, text in found.items()}


@dataclass(frozen=True, eq=False)
class Mistake(Variant):
    """A wrong answer that some grader of its exercise must fail."""

    named: bool = True
    """Whether its words are printed when a learner's answer behaves like it. If not, they are a
    part of a grader's claim, which its failure must contain (nothing where they are empty)."""
    slow: bool = False
    """Whether it is tried only with --thorough."""


@dataclass(frozen=True, eq=False)
class RightAnswer(Variant):
    """A correct answer, written another way than the reference's."""


def mistakes(
    number: str,
    function: str,
    named: Mapping[str, Form | Sequence[Form]] | None = None,
    unnamed: Mapping[str, Form | Sequence[Form]] | Sequence[Form] = (),
    slow: Mapping[str, Form | Sequence[Form]] | None = None,
    base: str = "",
) -> list[Mistake]:
    """Make the records of one function's mistakes.

    named: words that are printed -> a whole body, an edit {old: new} of the reference's answer, or
    a list of several of them. unnamed: wrong answers whose failure is explained by the grader's
    claim, of which the keys are a part. slow: as named, tried only with --thorough. base: a body
    that edits change, instead of the reference's.
    """
    if not isinstance(unnamed, Mapping):
        unnamed = {"": list(unnamed)}
    made = [Mistake(number, *one) for one in _records(function, named or {}, base)]
    made += [Mistake(number, *one, named=False) for one in _records(function, unnamed, base)]
    return made + [Mistake(number, *one, slow=True) for one in _records(function, slow or {}, base)]


def right_answers(number: str, function: str, forms: Mapping[str, Form]) -> list[RightAnswer]:
    """Make the records of right answers: name -> a whole body, or an edit of the reference's."""
    return [RightAnswer(number, *one) for one in _records(function, forms)]


def _records(function: str, table: Mapping[str, Form | Sequence[Form]], base: str = ""):
    for words, forms in table.items():
        for form in [forms] if isinstance(forms, str | Mapping) else forms:
            if base and isinstance(form, Mapping):
                form = edited(textwrap.dedent(base), form)
            yield words, {function: form} if isinstance(form, str) else form, function


def edited(text: str, edits: Mapping[str, str]) -> str:
    """A text with old parts replaced, all at once, so that two may be exchanged.

    Raises: ValueError when an old part is not found exactly once, or overlaps another.
    """
    for old in edits:
        if text.count(old) != 1:
            raise ValueError(f"expected {old!r} once in the answer, got {text.count(old)} times")
    places = sorted((text.index(old), old) for old in edits)
    parts, end = [], 0
    for start, old in places:
        if start < end:
            raise ValueError(f"expected edits that do not overlap, got {old!r} inside another")
        parts += [text[end:start], edits[old]]
        end = start + len(old)
    return "".join([*parts, text[end:]])


def stub(number: str) -> Variant:
    """The answer of a fresh workbook: one line that raises, or question marks."""
    answers = answers_of(SOLUTIONS, number)
    if number in answers:
        return Variant(number, "stub", {number: blank_tables(answers[number])})
    return Variant(number, "stub", dict.fromkeys(answers, stub_line(number)))


def answers_of(package: Path, number: str) -> dict[str, str]:
    """Function, or number of a table -> the text below its mark, without indent."""
    return _answers(numbers_of(package / chapter_of(number))[number], number)


@functools.cache
def gather(chapter: str, kind: type[Variant]) -> list:
    """Every record of a kind in a chapter's folder of mistakes, by exercise and file."""
    found: list[Variant] = []
    for path in sorted((TESTS / chapter / "mistakes").glob("*.py")):
        if path.stem != "__init__":
            module = import_module(f"tests.{chapter}.mistakes.{path.stem}")
            lists = [value for value in vars(module).values() if isinstance(value, list)]
            found += [one for values in lists for one in values if isinstance(one, kind)]
    return sorted(dict.fromkeys(found), key=lambda one: int(one.number.split(".")[1]))


@functools.cache
def chapter_of(number: str) -> str:
    """The name of the folder of an exercise's chapter."""
    return next(TESTS.glob(f"ch{int(number.split('.')[0]):02d}_*")).name


@functools.cache
def numbers_of(chapter: Path) -> dict[str, Path]:
    """The exercises that a chapter's files mark or ask in a table, each with its file, in order."""
    found = {answer.number: path for path in answer_files(chapter) for answer in answers_in(path)}
    return {number: found[number] for number in sorted(found, key=lambda n: int(n.split(".")[1]))}


@functools.cache
def _answers(path: Path, number: str) -> dict[str, str]:
    """Function, or number of a table -> the text below its mark, without indent."""
    lines = _text(path).split("\n")
    own = [one for one in answers_of_text(_text(path), path.name) if one.number == number]
    texts = {one.qualname: "\n".join(lines[one.mark_line : one.last_line]) for one in own}
    return {name: textwrap.dedent(text) for name, text in texts.items()}


@functools.cache
def answers_of_text(text: str, file: str) -> list[Answer]:
    """Find the answers of a file; each text is parsed only once."""
    return answers_in(Path(file), text)


def with_answers(text: str, file: str, bodies: Mapping[str, str]) -> str:
    """Replace the bodies below the marks of some functions in the text of a file.

    Raises: LookupError when the file has no such answer.
    """
    lines, left = text.split("\n"), set(bodies)
    for answer in reversed(answers_of_text(text, file)):
        if answer.qualname in left:
            body = textwrap.indent(bodies[answer.qualname], answer.indent)
            lines[answer.mark_line : answer.last_line] = [body]
            left.discard(answer.qualname)
    if left:
        raise LookupError(f"{file} has no answer called {sorted(left)[0]}")
    return "\n".join(lines)


@contextlib.contextmanager
def in_place(package: str, variants: Iterable[Variant]) -> Iterator[None]:
    """Let a package run these answers instead of its own, until the end of the context.

    Raises: LookupError when a mark or the reference is missing; ValueError when an edit or a code
    object does not fit.
    """
    bodies: dict[Path, dict[str, str]] = {}
    for variant in variants:
        file = numbers_of(_folder(package) / chapter_of(variant.number))[variant.number]
        reference = SOLUTIONS / file.relative_to(_folder(package))
        bodies[file] = bodies.get(file, {}) | variant.bodies(file, reference)
    before: list[tuple[FunctionType, CodeType]] = []
    tables = dict(REPLACED)
    try:
        for file, changed in bodies.items():
            if file.name == TABLE_FILE:
                REPLACED[file] = with_answers(_text(file), TABLE_FILE, changed)
                continue
            for function, code in _fits(package, file, changed):
                before.append((function, function.__code__))
                function.__code__ = code
        yield
    finally:
        for function, code in reversed(before):
            function.__code__ = code
        REPLACED.clear()
        REPLACED.update(tables)


def _folder(package: str) -> Path:
    return Path(import_module(package).__path__[0])


@functools.cache
def _text(path: Path) -> str:
    return path.read_text("utf-8")


def _fits(package: str, file: Path, bodies: dict[str, str]):
    """Pairs of a function of the package and the code object that it is lent."""
    parts = file.relative_to(_folder(package)).with_suffix("").parts
    module = import_module(".".join([package, *parts]))
    text = with_answers(_text(file), file.name, bodies)
    # Where the import hook put reference answers into a module, it also chooses inner answers.
    merged = getattr(module.__loader__, "reference", file)
    reference = _text(merged) if merged != file and merged.is_file() else ""
    # An inner function is made by the function around it, so that one is lent other code.
    for name in dict.fromkeys(qualname.split(".<locals>")[0] for qualname in bodies):
        function, code = innermost(module, name), _compiled(text, str(file), reference, name)
        wanted = function.__code__.co_freevars
        if code.co_freevars != wanted and wanted == ("__class__",):
            mentioned = bodies | {name: bodies[name] + "\n__class__"}
            text = with_answers(_text(file), file.name, mentioned)
            code = _compiled(text, str(file), reference, name)
        yield function, code


@functools.lru_cache(maxsize=256)
def _compiled(text: str, path: str, reference: str, qualname: str) -> CodeType:
    """The code object of a function of a file; the file's other definitions are not compiled."""
    tree = ast.parse(text, path)
    if reference:
        merge_reference(tree, reference, typechecked=True)
    outermost = qualname.split(".")[0]
    tree.body = [node for node in tree.body if getattr(node, "name", outermost) == outermost]
    code = compile(tree, path, "exec", dont_inherit=True)
    return {one.co_qualname: one for one in codes_in(code)}[qualname]


def codes_in(code: CodeType) -> Iterator[CodeType]:
    for part in code.co_consts:
        if isinstance(part, CodeType):
            yield part
            yield from codes_in(part)


def innermost(module: object, qualname: str) -> FunctionType:
    """The function itself, below all decorators."""
    found = module
    for name in qualname.split("."):
        found = inspect.getattr_static(found, name)
    while not isinstance(found, FunctionType) or hasattr(found, "__wrapped__"):
        below = ("__wrapped__", "__func__", "fget", "func")
        found = next(getattr(found, name) for name in below if hasattr(found, name))
    return found
