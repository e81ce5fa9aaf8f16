"""Questions of understanding: tables of answers.toml, from the generator to the commands."""

import re
import sys

import pytest
from watchfiles import Change

from chapters.course.answers import (
    blank_tables,
    find_answers,
    find_tables,
    open_keys,
    read_table,
    text_of,
)
from chapters.course.check import only_answers
from chapters.course.files import CHAPTERS
from chapters.course.progress import fingerprint

from . import answer_tables_fixture, small_course
from .mistakes import Variant, with_answers

ANSWERS = """\
# What a mark does.

["0.9"]
# Used at all times, seldom or never?
mark = "always"
heads = [
    [1, 4],
]

# The next one.
["0.10"]  # last
shape = "pentagon"
["0.10".deep]
with = 3
# The end.
"""
PAGE = "# Looking\n" + "".join(
    f"""
### {number} {title} {{ .exercise difficulty=1 importance=2 minutes=5 points=1 }}

Say it.

??? hint "How"
    Look at {title}.
"""
    for number, title in (("0.10", "Shapes"), ("0.9", "Marks"))
)
GRADERS = """from tests.grading import exercise


@exercise("0.9")
def test_the_mark_is_used_rarely(answers):
    table = answers("ch00_looking", "0.9")
    assert table["mark"] == "always", f"the mark decides, got {table['mark']}"
    assert table["heads"] == [[1, 4]]


@exercise("0.10")
def test_the_shape_is_a_pentagon(answers):
    table = answers("ch00_looking", "0.10")
    assert (table["shape"], table["deep"]) == ("pentagon", {"with": 3}), "five corners"
"""


@pytest.fixture
def course(tmp_path):
    """The small course with a chapter 0 of two questions."""
    course = small_course.make(tmp_path)
    files = {
        "solutions/ch00_looking/__init__.py": "",
        "chapters/ch00_looking/__init__.py": "",
        "solutions/ch00_looking/answers.toml": ANSWERS,
        "chapters/ch00_looking/answers.toml": blank_tables(ANSWERS),
        "docs/ch00_behaviour.md": PAGE,
        "tests/ch00_looking/test_looking.py": GRADERS,
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, "utf-8")
    course.page = tmp_path / "chapters/ch00_looking/answers.toml"
    return course


def edit(course, **answers: str) -> None:
    """Write values in place of question marks."""
    text = course.page.read_text("utf-8")
    for key, value in answers.items():
        text = re.sub(f"(?m)^{key} = .*$", f"{key} = {value}", text)
    course.page.write_text(text, "utf-8")


def test_a_table_ends_before_the_comments_of_the_next():
    lines = ANSWERS.split("\n")
    tables = find_tables(ANSWERS)
    spans = [(t.number, lines[t.first_line - 1], lines[t.last_line - 1]) for t in tables]
    assert spans == [("0.9", '["0.9"]', "]"), ("0.10", '["0.10"]  # last', "with = 3")]


def test_an_error_in_one_table_leaves_the_others_readable():
    broken = ANSWERS.replace('"always"\n', "always\n")
    assert read_table(broken, "0.10") == {"shape": "pentagon", "deep": {"with": 3}}
    with pytest.raises(ValueError, match="line 5"):
        read_table(broken, "0.9")
    with pytest.raises(KeyError, match="0.1"):
        read_table(ANSWERS, "0.1")


def test_a_question_mark_in_a_value_leaves_its_key_open():
    table = {"a": "?", "b": [1, ["?"]], "c": {"d": " ? "}, "e": "why?", "f": 0, "g": ""}
    assert open_keys(table) == ("a", "b", "c")
    blank = blank_tables(ANSWERS)
    assert open_keys(read_table(blank, "0.9")) == ("mark", "heads")


def test_a_variant_changes_its_own_table_only(tmp_path):
    path = tmp_path / "answers.toml"
    path.write_text(ANSWERS.replace("pentagon", "always"), "utf-8")

    def changed(number: str, changes: dict[str, str]) -> str:
        bodies = Variant(number, "n", changes).bodies(path, path)
        return with_answers(path.read_text("utf-8"), path.name, bodies)

    edited = changed("0.9", {'"always"': '"never"'})
    assert read_table(edited, "0.9")["mark"] == "never" and '"always"' in edited
    whole = changed("0.9", {"0.9": "mark = 1"})
    assert read_table(whole, "0.9") == {"mark": 1} and "# The next one." in whole
    with pytest.raises(ValueError, match="once in the answer, got 0 times"):
        changed("0.10", {"[1, 4]": "[]"})


def test_a_pass_depends_on_its_own_table_only(tmp_path):
    path = tmp_path / "answers.toml"

    def prints(text: str) -> list[str]:
        path.write_text(text, "utf-8")
        return [fingerprint(tmp_path, number) for number in ("0.9", "0.10", "0.1")]

    before = prints(ANSWERS)
    assert prints(ANSWERS.replace("# The end.", "# It is.").replace(" = 3", "=3")) == before
    after = prints(ANSWERS.replace("pentagon", "square"))
    assert [one == other for one, other in zip(before, after, strict=True)] == [True, False, True]
    broken = prints(ANSWERS.replace('"pentagon"', "pentagon"))
    assert broken[::2] == before[::2] and broken[1] not in (before[1], after[1])


def test_open_keys_are_named_and_then_graded(course):
    todo = course.mi("check")
    assert todo.returncode == 1 and "0.9 is not written yet" in todo.stdout
    assert "chapters/ch00_looking/answers.toml:3  (still open: mark, heads)" in todo.stdout
    edit(course, mark='"never"')
    assert "(still open: heads)" in course.mi("check", "0.9").stdout
    edit(course, heads="[[1, 4]]")
    assert "the mark decides, got never" in course.mi("check", "0.9").stdout
    page = course.page.read_text("utf-8")
    course.page.write_text(page.replace('mark = "never"\n', ""), "utf-8")
    failed = course.mi("check", "0.9").stdout
    assert "has no mark; write `mark = ...` there" in failed and "Traceback" not in failed
    course.page.write_text(page.replace("never", "always"), "utf-8")
    right = course.mi("check", "0.9")
    assert "0.9 is right: 1 point. Next: 0.10 Shapes" in right.stdout, right.stderr
    edit(course, shape='"pentagon"')
    assert "0.10 is not written yet" in course.mi("check").stdout
    edit(course, **{"with": "3"})
    assert "Next: 2.1 Twice" in course.mi("check", "0.10").stdout
    assert "2 of 2 exercises" in course.mi("progress").stdout
    graded = course.mi("check", "0")
    assert graded.stdout.count("passed") == 4, "both, and both again on the learner's own"


@pytest.mark.parametrize(
    "old, new, words",
    [
        ('mark = "always"\n', "", 'the table ["0.9"] has no mark; write `mark = ...` there'),
        ('"always"', "always", 'the table ["0.9"] is not TOML: Invalid value (at line 5'),
        ('["0.9"]', '["0.8"]', 'the table ["0.9"] is gone; `mi reset 0.9` brings it back'),
    ],
)
def test_what_is_missing_is_named_with_file_and_remedy(tmp_path, old, new, words):
    path = tmp_path / "chapters/ch00_looking/answers.toml"
    path.parent.mkdir(parents=True)
    path.write_text(ANSWERS.replace(old, new), "utf-8-sig")
    with pytest.raises(pytest.fail.Exception) as failed:
        answer_tables_fixture.table(path.parent, "0.9")["mark"]
    assert f"chapters/ch00_looking/answers.toml: {words}" in str(failed.value)
    path.unlink()
    with pytest.raises(pytest.fail.Exception, match="answers.toml is gone; `mi reset 0.10`"):
        answer_tables_fixture.table(path.parent, "0.10")


def test_next_hint_and_solution_work_on_tables(course):
    shown = course.mi("next").stdout
    assert "0.9 Marks" in shown and "write it in   chapters/ch00_looking/answers.toml:3" in shown
    assert "Look at Marks" in course.mi("hint").stdout
    solution = course.mi("solution", "0.9").stdout
    assert 'mark = "always"' in solution and "pentagon" not in solution
    edit(course, mark='"never"')
    assert "answers.toml:3" in course.mi().stdout and "(begun)" in course.mi().stdout


def test_watch_sees_saved_tables_and_not_the_tools_files():
    saved = only_answers()
    graded = ("ch00_looking/answers.toml", "ch00_looking/interventions.py")
    others = ("progress.toml", ".progress.toml.9.part", "place.toml", "backups/a_answers.toml")
    assert all(saved(Change.modified, str(CHAPTERS / name)) for name in graded)
    assert not any(saved(Change.modified, str(CHAPTERS / name)) for name in others)


@pytest.mark.parametrize("withheld", [False, True])
def test_reset_blanks_one_table_and_keeps_a_backup(course, withheld):
    if withheld:
        (course.root / "solutions/ch00_looking/answers.toml").unlink()
    stub = course.page.read_text("utf-8")
    edit(course, shape='"square"')
    other = course.page.read_text("utf-8")
    edit(course, mark='"never"', heads="[[1, 4]]")
    mine = course.page.read_text("utf-8")
    assert "is a stub again" in course.mi("reset", "0.9").stdout
    assert course.page.read_text("utf-8") == other
    (backup,) = (course.root / "chapters/backups").iterdir()
    assert backup.read_text("utf-8") == mine
    course.mi("reset", "0.10")
    assert course.page.read_text("utf-8") == stub
    assert text_of(course.page, "0.9").startswith('["0.9"]')


def test_grading_tables_needs_no_solutions(course):
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "tests/ch00_looking"]
    done = course.run(*command, "--impl=solutions")
    assert "2 passed" in done.stdout, done.stdout
    (course.root / "solutions/ch00_looking/answers.toml").unlink()
    assert "2 todo" in course.run(*command).stdout
    course.page.write_text(ANSWERS, "utf-8")
    done = course.run(*command)
    assert "2 passed" in done.stdout, done.stdout
    assert "without its solutions" in course.mi("solution", "0.9").stderr


def test_marks_and_tables_are_not_confused():
    assert find_tables("def f():\n    # exercise 0.1\n    return 1\n") == []
    assert find_answers('x = ["0.9"]\n') == []
