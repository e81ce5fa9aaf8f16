"""A file that cannot be read: its own exercises fail, and all commands go on with the others."""

import os
import sys

import pytest

from chapters.course.answers import blank_tables, make_stub

from . import small_course
from .test_files import make_folder, make_large

pytestmark = pytest.mark.skipif(os.name == "nt", reason="makes pipes")
MORE = '''"""Differences."""


def minus(left: float, right: float) -> float:
    """Subtract."""
    # exercise 2.11
    return left - right
'''
TABLE = '["2.12"]\nsign = "minus"\n'
HEADING = "\n### {} More {{ .exercise difficulty=1 importance=2 minutes=5 points=1 }}\n\nAnswer.\n"
GRADERS = """

@exercise("2.11")
def test_minus(impl):
    assert impl("ch02_sums.more").minus(3.0, 1.0) == 2.0


@exercise("2.12")
def test_sign(answers):
    assert answers("ch02_sums", "2.12")["sign"] == "minus"
"""
MINE = MORE.replace('"""Differences', '"""My differences').encode()
KINDS = {
    "no UTF-8": lambda path: path.write_bytes(MINE + b"# \xe4\n"),
    "a folder": make_folder,
    "a pipe": os.mkfifo,
    "huge": make_large,
    "empty": lambda path: path.touch(),
    "missing": lambda path: None,
    "not Python": lambda path: path.write_bytes(MINE + b"def broken(:\n"),
    "NUL": lambda path: path.write_bytes(MINE + b"\0"),
    "deep": lambda path: path.write_bytes(MINE + b"x = " + b"-" * 100_000 + b"1\n"),
    "a long sum": lambda path: path.write_bytes(MINE + b"x = 1" + b" + 1" * 700 + b"\n"),
    "a long chain": lambda path: path.write_bytes(MINE + b"if 0: 1\n" + b"elif 0: 1\n" * 900),
    "a long line": lambda path: path.write_bytes(MINE + b"x = " + b"(" * 5000 + b"\n"),
    "a dangling link": lambda path: path.symlink_to("nowhere"),
}
SAID = {
    "no UTF-8": "chapters/ch02_sums/more.py, line 8: expected UTF-8",
    "empty": "minus of exercise 2.11 is missing from the file; restore it with `mi reset 2.11`",
    "missing": "chapters/ch02_sums/more.py cannot be read: No such file",
    "not Python": "chapters/ch02_sums/more.py, line 8: invalid syntax",
    "deep": "chapters/ch02_sums/more.py: an expression or a block is nested too deeply;",
    "a long sum": "chapters/ch02_sums/more.py: an expression or a block is nested too deeply;",
    "a long chain": "chapters/ch02_sums/more.py: an expression or a block is nested too deeply;",
    "a long line": "chapters/ch02_sums/more.py, line 8: ",
}


@pytest.fixture
def course(tmp_path):
    """The small course with a second file, which the first one imports, and a table."""
    course = small_course.make(tmp_path)
    for tree, more, table in (("solutions", MORE, TABLE), ("chapters", make_stub(MORE), TABLE)):
        folder = tmp_path / tree / "ch02_sums"
        (folder / "more.py").write_text(more)
        (folder / "answers.toml").write_text(blank_tables(table) if tree == "chapters" else table)
        (folder / "__init__.py").write_text("from . import more\n")
    with (tmp_path / "docs/ch02_sums.md").open("a") as page:
        page.write(HEADING.format("2.11") + HEADING.format("2.12"))
    with (tmp_path / "tests/ch02_sums/test_sums.py").open("a") as graders:
        graders.write(GRADERS)
    course.answer("2.1", "return 2 * number")
    return course


def without_tracebacks(*commands) -> None:
    for command in commands:
        said = command.stdout + command.stderr
        assert "Traceback" not in said and command.returncode == 0, said


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_cannot_be_read_fails_its_own_exercises(course, kind):
    path = course.root / "chapters/ch02_sums/more.py"
    path.unlink()
    KINDS[kind](path)
    graded = course.mi("check", "2")
    assert "passed     2.1 Twice" in graded.stdout, graded.stdout + graded.stderr
    assert "failed    2.11 More" in graded.stdout and "todo       2.2 " in graded.stdout
    assert SAID.get(kind, "chapters/ch02_sums/more.py") in graded.stdout
    assert max(map(len, graded.stdout.splitlines())) < 400
    assert "Traceback" not in graded.stdout + graded.stderr
    without_tracebacks(course.mi(), course.mi("next"), course.mi("hint"), course.mi("progress"))
    assert "passed      2.1 " in course.mi("progress").stdout
    reset = course.mi("reset", "2.11")
    assert "Traceback" not in reset.stderr
    if kind not in ("a folder", "a pipe", "huge", "a dangling link"):
        assert "2.11 is a stub again" in reset.stdout, reset.stderr
        assert b'raise NotImplementedError("exercise 2.11")' in path.read_bytes()
        assert path.read_bytes().endswith(b"# \xe4\n") == (kind == "no UTF-8")
    else:
        assert "more.py" in reset.stderr


TABLES = {
    "a deep list": lambda path: path.write_text('["2.12"]\nsign = ' + "[" * 20_000),
    "a huge number": lambda path: path.write_text('["2.12"]\nsign = ' + "9" * 10_000),
    "UTF-16": lambda path: path.write_text(TABLE, "utf-16"),
}
OTHERS = ("no UTF-8", "a folder", "a pipe", "empty", "missing", "deep", "a dangling link")


@pytest.mark.parametrize("kind", [*OTHERS, *TABLES])
def test_a_table_that_cannot_be_read_fails_its_own_exercises(course, kind):
    path = course.root / "chapters/ch02_sums/answers.toml"
    path.unlink()
    (KINDS | TABLES)[kind](path)
    graded = course.mi("check", "2")
    assert "passed     2.1 Twice" in graded.stdout, graded.stdout + graded.stderr
    assert "failed    2.12 More" in graded.stdout and "answers.toml" in graded.stdout
    assert "Traceback" not in graded.stdout + graded.stderr
    without_tracebacks(course.mi(), course.mi("next"), course.mi("progress"))
    reset = course.mi("reset", "2.12")
    assert "Traceback" not in reset.stderr
    refused = kind in ("no UTF-8", "a folder", "a pipe", "a dangling link", "UTF-16")
    assert ("is a stub again" in reset.stdout) != refused, reset.stdout + reset.stderr
    assert "brings it back" not in graded.stdout or not refused, "reset cannot do that here"


@pytest.mark.parametrize("ends", ["\r\n", "\r"])
def test_other_line_ends_and_a_mark_survive_a_reset(course, ends):
    text = course.page.read_text()
    course.page.write_bytes(b"\xef\xbb\xbf" + text.replace("\n", ends).encode())
    course.mi("reset", "2.1")
    after = course.page.read_bytes().decode()
    assert after.startswith("\ufeff") and after.replace(ends, "").count("\n") == 0
    assert after.count(ends) == text.count("\n")
    assert after.count('NotImplementedError("exercise 2.1")') == 1


def test_a_reset_of_utf16_names_the_encoding(course):
    text = course.page.read_text()
    course.page.write_text(text, "utf-16")
    reset = course.mi("reset", "2.1")
    assert reset.returncode == 1 and "line 1: expected UTF-8, got the byte 0xff" in reset.stderr
    assert course.page.read_text("utf-16") == text


def test_a_deleted_mark_is_said(course):
    course.page.write_text(course.page.read_text().replace("        # exercise 2.2\n", ""))
    graded = course.mi("check", "2.2").stdout
    assert "2.2 is not written yet, and its comment `# exercise 2.2` is missing." in graded
    assert "mi reset 2.2 restores both." in graded


def test_two_resets_in_a_second_keep_two_backups(course):
    for answer in ("return 1.0", "return 2.0"):
        course.answer("2.2", answer)
        course.mi("reset", "2.2")
    kept = [path.read_text() for path in (course.root / "chapters/backups").iterdir()]
    assert len(kept) == 2 and "1.0" in "".join(kept) and "2.0" in "".join(kept)


@pytest.mark.parametrize("words", [["reset", "2.1"], ["hint"], ["check", "2.1"]])
def test_a_full_disk_ends_in_a_sentence(course, words):
    before = course.page.read_bytes()
    limited = "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0)); "
    code = f"{limited}from chapters.__main__ import main; sys.exit(main({words}))"
    ended = course.run(sys.executable, "-c", code)
    assert "Traceback" not in ended.stderr and course.page.read_bytes() == before
    if words[0] == "check":
        assert "2.1 is right: 1 point." in ended.stdout, ended.stdout + ended.stderr
        assert "could not be recorded: File too large." in ended.stdout
    if words[0] == "reset":
        assert ended.returncode == 1 and "File too large. No answer is lost." in ended.stderr
