"""Write why an answer failed: the assertion's own words first, never a long traceback.

A failed assertion shows its message. A shape error shows the function, the argument, the expected
type, the actual one and the sizes of the axes. Any other error shows the learner's line that
raised it. A file that Python cannot read shows its name, line and text.
"""

import linecache
import re
from pathlib import Path

import pytest

from chapters.course.answers import place_of
from chapters.course.files import UnreadableFile
from chapters.course.terminal import printable

UNREADABLE = "Until this file can be read, its exercises cannot be graded."
STUB = re.compile(r"exercise (\d+\.\d+)(: .+)?$")
LINES, WIDTH = 12, 300


def unwritten(error: BaseException) -> str | None:
    """The exercise whose stub raised this error, if one did."""
    match = STUB.match(words_of(error)) if isinstance(error, NotImplementedError) else None
    return match and match[1]


def words_of(error: BaseException) -> str:
    """The message of an error, whose class may be the learner's own and may raise another one."""
    try:
        return str(error)
    except BaseException as other:
        return f"its message cannot be shown, because of {type(other).__name__}"


def explain(failure: pytest.ExceptionInfo, item: pytest.Item) -> tuple[list[str], list[str]]:
    """The lines that say why a test failed, and the learner's line where it did."""
    error = failure.value
    if isinstance(error, SyntaxError):
        return _syntax(error, item.config.rootpath), []
    if isinstance(error, UnreadableFile):
        return [str(error), UNREADABLE], []
    where = _learners_line(failure, item)
    if type(error).__name__ == "TypeCheckError":
        return _shapes(words_of(error)), where
    if isinstance(error, AssertionError):
        return _claim(words_of(error), item), where
    if isinstance(error, pytest.fail.Exception):
        return _failed(words_of(error), item), where
    name, words = type(error).__name__, words_of(error)
    if name == "BdbQuit":
        words = "a breakpoint waits for commands, and a grader has no input"
    elif isinstance(error, OSError) and words.startswith("pytest: reading from stdin"):
        words = "your code reads its input, and a grader has none"
    return _short(f"{name}: {words}"), where


def _syntax(error: SyntaxError, root: Path) -> list[str]:
    """File, line, the text of the line, and what follows from it."""
    name = _shown(error.filename or "?", root)
    lines = [f"{place_of(error, name)}: {error.msg}"]
    if error.text:
        place = max((error.offset or 1) - 1, 0)
        first = max(place - WIDTH // 2, 0)  # of a long line, the part around the error
        text = error.text.rstrip("\n")[first : first + WIDTH]
        lines += [f"    {text}", " " * (4 + place - first) + "^"]
    return [*map(printable, lines), UNREADABLE]


def _claim(message: str, item: pytest.Item) -> list[str]:
    """The message of an assertion without pytest's own explanation of how it was computed."""
    words, _, computed = message.partition("\nassert ")
    if message.startswith("assert "):
        words, computed = "", message
    if words:
        return _short(words)
    return [_name(item), *_short(computed)[:3]]


def _failed(message: str, item: pytest.Item) -> list[str]:
    """The grader's own words, the error that was not raised, or the time limit."""
    if message.startswith("Timeout"):
        return [f"{_name(item)}: stopped, because it waits, or this machine is very busy"]
    if message.startswith("DID NOT RAISE"):
        error = message.removeprefix("DID NOT RAISE ").replace("<class '", "").replace("'>", "")
        return [f"{_name(item)}: expected {error}, got no error"]
    return _short(message)


def _name(item: pytest.Item) -> str:
    """The name of a grader in words, which is its claim."""
    return getattr(item, "originalname", item.name).removeprefix("test_").replace("_", " ")


def _shapes(message: str) -> list[str]:
    """Shorten a shape error to the expected type, the actual one, and the size of each axis."""
    function = re.search(r"whilst checking (the .+?) of (\S+?)\.\n", message + "\n")
    argument = re.search(r"typechecking parameter '(\w+)'", message)
    actual = re.search(r"Actual value: (.+?)\n(?:Expected|-----)", message, re.DOTALL)
    expected = re.search(r"Expected type: (.+?)\.?\n", message + "\n")
    axes = dict(re.findall(r"^(\w+)=(\d+)$", message, re.MULTILINE))
    place = ".".join(function[2].split(".")[2:]) if function else "a function"
    part = f"argument {argument[1]}" if argument else "return value"
    lines = [f"wrong shape or type: the {part} of {place}"]
    if expected:
        hint = re.sub(r"^<class '(.+)'>$", r"\1", expected[1])
        lines.append(f"    expected  {hint}{_sizes(hint, axes)}")
    if actual:
        lines.append(f"    got       {actual[1].replace('(torch)', '')[:WIDTH]}")
    if axes:
        lines.append("    axes      " + " ".join(f"{name}={size}" for name, size in axes.items()))
    return lines


def _sizes(hint: str, axes: dict[str, str]) -> str:
    """The expected shape in numbers, where every axis is known."""
    names = re.fullmatch(r"\w+\[Tensor, '([\w ]+)'\]", hint)
    sizes = [axes.get(name, name) for name in names[1].split()] if names else []
    return f" = [{','.join(sizes)}]" if sizes and all(size.isdigit() for size in sizes) else ""


def passed_through_answer(error: BaseException, item: pytest.Item) -> bool:
    """Whether an error was raised by code of the graded package."""
    failure = pytest.ExceptionInfo.from_exception(error)
    return bool(_learners_line(failure, item))


def _learners_line(failure: pytest.ExceptionInfo, item: pytest.Item) -> list[str]:
    """Return the last line of the graded package that was running, and its text."""
    package = item.config.getoption("--impl") + "."
    for entry in reversed(failure.traceback):
        names = entry.frame.f_globals
        learners = names.get("__name__", "").startswith(package + "ch")
        if learners and str(entry.path) == names["__file__"]:
            place = f"{_shown(entry.path, item.config.rootpath)}, line {entry.lineno + 1}"
            text = linecache.getline(str(entry.path), entry.lineno + 1).strip()
            return [f"    in {place}: {text[:WIDTH]}"]
    return []


def _shown(path: str | Path, root: Path) -> str:
    path = Path(path)
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()


def _short(text: str) -> list[str]:
    """A text cut to a screenful, each line to a few hundred letters."""
    lines = [printable(line[:WIDTH]) for line in text.rstrip().splitlines()]
    return lines if len(lines) <= LINES else [*lines[:LINES], "..."]
