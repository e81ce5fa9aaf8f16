"""The `mi` commands, as a learner runs them, in a small course of three exercises."""

import argparse
import inspect
import os
import signal
import subprocess
import sys
import time
from importlib import import_module

import pytest

from chapters.course import commands, course_commands
from chapters.course.check import Failure, _say_failures
from chapters.course.reset import restore
from chapters.course.terminal import CourseError

from . import small_course

FULL = 120.0  # seconds that a very busy machine may need for what takes three


@pytest.fixture
def course(tmp_path):
    return small_course.make(tmp_path)


def _commands():
    actions = commands.parser()._subparsers._group_actions[0]
    return list(actions.choices.items())


@pytest.mark.parametrize(("name", "command"), _commands())
def test_arguments_of_a_command_are_parameters_of_its_function(name, command):
    words = {action.dest for action in command._actions} - {"help"}
    module, function = command.get_default("calls").split(":")
    called = getattr(import_module(module, "chapters.course"), function)
    parameters = set(inspect.signature(called).parameters) - {"root"}
    assert words == parameters, f"mi {name}"
    assert isinstance(command, argparse.ArgumentParser) and command.description


def test_bare_mi_shows_the_next_exercise_without_slow_imports():
    code = (
        "import sys; from chapters.__main__ import main; main([]); "
        "heavy = {'torch', 'rich', 'pytest', 'numpy'} & set(sys.modules); assert not heavy, heavy"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8")
    assert ended.returncode == 0, ended.stderr
    assert "Next:" in ended.stdout or "Every exercise is passed" in ended.stdout


def test_mi_names_its_folder_inside_another_course_only(monkeypatch, capsys, tmp_path):
    other = tmp_path / "other/docs/inside"
    other.mkdir(parents=True)
    (tmp_path / "other/chapters/course").mkdir(parents=True)
    for folder, named in ((commands.ROOT / "docs", False), (tmp_path, False), (other, True)):
        monkeypatch.chdir(folder)
        assert commands.main([]) == 0
        said = capsys.readouterr().err
        words = f"works in {commands.ROOT}, not in {tmp_path / 'other'};"
        assert (words in said) == named and said.count("works in") == named


def test_wrong_number_gets_a_sentence_with_the_nearest_numbers(course):
    ended = course.mi("check", "2.3")
    assert ended.returncode == 1
    assert ended.stderr.startswith("There is no exercise 2.3. The nearest ones are 2.2, 2.1, 2.10.")
    assert "Traceback" not in course.mi("hint", "attention").stderr


@pytest.mark.parametrize(
    "word", ["²", "2.²", "٣", "9" * 5000, "", "2.1.1", "\x1b[2J", "-1", "\udce4"]
)
@pytest.mark.parametrize("command", ["check", "next", "hint", "solution", "reset", "figures"])
def test_wrong_numbers_get_a_sentence(monkeypatch, capsys, command, word):
    monkeypatch.setattr("chapters.course.environment.enter", lambda words: None)
    try:
        code = commands.main([command, word])
    except SystemExit as ended:
        code = ended.code
    said = capsys.readouterr().err
    assert code in (1, 2) and said and "\x1b" not in said


def test_next_shows_statement_and_place_as_plain_text(course):
    shown = course.mi("next").stdout
    for part in ("2.1 Twice", "Return twice the number.", "chapters/ch02_sums/sums.py:6"):
        assert part in shown
    assert "Think of two of them" not in shown, "a hint was shown"
    assert "\x1b" not in shown, "colours were written to a file"


def test_hints_are_shown_one_by_one_and_counted_in_a_file(course):
    assert "Think of two" in course.mi("hint", "2.1").stdout
    second = course.mi("hint", "2.1").stdout
    assert "The sign is" in second and "Think of two" not in second
    assert "That was the last hint" in course.mi("hint", "2.1").stdout
    assert '"2.1" = 2' in (course.root / "chapters/hints.toml").read_text()
    assert "Think of two" in course.mi("hint", "2.1", "--all").stdout


def test_solution_is_the_tested_source(course):
    assert "return self.total / count" in course.mi("solution", "2.10").stdout
    (course.root / "solutions/ch02_sums/sums.py").unlink()
    withheld = course.mi("solution", "2.10")
    assert withheld.returncode == 1 and "without its solutions" in withheld.stderr


def test_check_goes_from_todo_to_failed_to_passed(course):
    todo = course.mi("check")
    assert todo.returncode == 1 and "2.1 is not written yet" in todo.stdout
    course.answer("2.1", "return number + 2")
    failed = course.mi("check", "2.1")
    assert failed.returncode == 1
    assert "expected 6.0, twice 3.0, got 5.0; did you add 2?" in failed.stdout
    assert "seen 5.0" in failed.stdout, "what the learner printed is not shown"
    assert "Traceback" not in failed.stdout
    course.page.write_text(course.page.read_text().replace("number + 2", "number * 2"))
    right = course.mi("check", "2.1")
    assert right.returncode == 0
    assert "2.1 is right: 1 point. Next: 2.2 Running" in right.stdout
    assert "1 of 3 exercises, 1 of 6 points" in course.mi().stdout
    assert "passed      2.1 * Twice" in course.mi("progress").stdout
    assert "2.10 Mean" in course.mi("next", "--core").stdout


def test_next_goes_on_from_where_the_learner_is(course):
    course.mi("hint", "2.2")
    assert "2.2 Running" in course.mi("next").stdout
    assert "Skipped: 1 exercise; mi next 2.1 goes back there." in course.mi("progress").stdout
    course.answer("2.10", "return self.total / count")
    assert "Next: 2.1 Twice" in course.mi("check", "2.10").stdout, "none is open after the last"
    assert "2.2 Running" in course.mi("next", "2.2").stdout
    assert "Next: 2.2 Running" in course.mi().stdout and "Skipped" in course.mi("progress").stdout
    (course.root / "chapters/place.toml").unlink()
    assert "2.1 Twice" in course.mi("next").stdout


def test_check_of_a_chapter_ends_on_own_code_only(course):
    course.answer("2.1", "return 2 * number")
    graded = course.mi("check", "2")
    assert graded.returncode == 0, graded.stdout + graded.stderr
    both, own = graded.stdout.split("on your own code only")
    for part in (both, own):
        assert "passed     2.1 Twice" in part
    assert "todo       2.2 Running" in both and "2.2" not in own, (
        "an exercise that did not pass was graded again"
    )


def test_check_on_own_code_says_what_is_missing(course):
    course.answer("2.10", "return self.total / count")
    alone = course.mi("check", "2.10", "--own")
    assert alone.returncode == 1
    assert "2.10 depends on exercises that are not written yet" in alone.stdout
    assert "2.10 is not written yet" not in alone.stdout
    (course.root / "solutions/ch02_sums/sums.py").unlink()
    withheld = course.mi("check", "2.10")
    assert withheld.returncode == 1 and "not written yet: 2.2." in withheld.stdout
    assert "This copy of the course has no solutions of them" in withheld.stdout


def test_graders_that_cannot_run_name_what_is_missing(course):
    page = course.root / "tests/ch02_sums/test_sums.py"
    skip = 'import pytest\n\n\n@pytest.mark.skip(reason="needs the real model: `mi model`")\n@'
    page.write_text(page.read_text().replace("\n@", skip, 1))
    ended = course.mi("check", "2.1")
    assert ended.returncode == 1 and "2.1 is right" not in ended.stdout
    assert "2.1 cannot be graded here: needs the real model: `mi model`" in ended.stderr


STRAY = ("random.py", "json.py", "queue.py", "copy.py", "token.py", "chapters/ch02_notes/x.py")


def test_a_learners_own_files_change_no_grade(course):
    for name in STRAY:
        (course.root / name).parent.mkdir(exist_ok=True)
        (course.root / name).write_text("raise SystemExit('a scratch file')\n")
    (course.root / "pytest.ini").write_text("[pytest]\naddopts = --no-such-option\n")
    course.answer("2.1", "return 2 * number")
    graded = course.mi("check", "2.1")
    assert "2.1 is right: 1 point." in graded.stdout, graded.stdout + graded.stderr
    assert "1 of 3 exercises" in course.mi().stdout


def test_broken_python_is_reported_once_with_file_and_line(course):
    course.answer("2.1", "return (2 * number")
    failed = course.mi("check", "2").stdout
    assert "chapters/ch02_sums/sums.py, line 7: '(' was never closed" in failed
    assert failed.count("was never closed") == 1
    assert "and 2 more tests for the same reason" in failed


def test_reset_changes_one_exercise_and_keeps_a_backup(course):
    stub = course.page.read_text()
    course.answer("2.2", "return 7.0")
    others = course.page.read_text()
    course.answer("2.1", "x = 2", "", "return (x * number")
    broken = course.page.read_text()
    said = course.mi("reset", "2.1").stdout
    assert course.page.read_text() == others, "reset changed more than its exercise"
    (backup,) = (course.root / "chapters/backups").iterdir()
    assert backup.read_text() == broken and backup.name in said
    course.mi("reset", "2.2")
    assert course.page.read_text() == stub
    assert "is a stub already" in course.mi("reset", "2.2").stdout


def test_failures_for_one_reason_are_counted(capsys):
    reasons = ["1\na", "b", "2\na", "c", "d", "3\na"]
    failures = [Failure("2.1", f"claim {i}", text) for i, text in enumerate(reasons)]
    _say_failures([*failures, Failure("2.2", "another", "e")])
    said = capsys.readouterr().out
    assert "claim 0\n  1\n  a\n  and 2 more tests for the same reason\n" in said
    assert "claim 1\n  b\n" in said and "2.2  another\n  e\n" in said
    assert "2.1  2 more tests failed for other reasons\n" in said


def test_an_edited_answer_is_outdated_until_it_is_graded_again(course):
    course.answer("2.1", "return 2 * number")
    course.answer("2.2", "self.total += number", "return self.total")
    course.mi("check", "2")
    text = course.page.read_text()
    course.page.write_text(text.replace('"""Sums', 'GIVEN = 1\n"""Sums'))
    assert "2 exercises passed before an answer or given code changed" in course.mi().stdout
    assert "outdated    2.1 * Twice" in course.mi("progress").stdout
    course.page.write_text(course.page.read_text().replace("2 * number", "3 * number"))
    again = course.mi("check", "--recorded")
    assert again.returncode == 1
    assert "failed     2.1 Twice" in again.stdout and "passed     2.2 Running" in again.stdout
    progress = course.mi("progress").stdout
    assert "outdated    2.1 * Twice" in progress and "passed      2.2" in progress
    course.page.write_text(course.page.read_text().replace("3 * number", "2 * number"))
    assert course.mi("check", "--recorded").returncode == 0
    assert "Every recorded pass is up to date." in course.mi("check", "--recorded").stdout


def test_merge_conflicts_lose_no_recorded_pass(course):
    course.answer("2.1", "return 2 * number")
    course.mi("check", "2.1")
    conflict = "<<<<<<< HEAD\nGIVEN = 1\n=======\nGIVEN = 2\n>>>>>>> main\n"
    course.page.write_text(course.page.read_text() + conflict)
    stopped = course.mi("check", "--recorded")
    assert stopped.returncode == 1
    assert "chapters/ch02_sums/sums.py:" in stopped.stderr and "merge conflict" in stopped.stderr
    assert "outdated    2.1" in course.mi("progress").stdout


STUB = '    def add(self, x):\n        # exercise 2.2\n        raise NotImplementedError("2.2")'


def test_reset_restores_signatures_and_deleted_functions():
    changed = "class Sum:\n    def add(self):\n        return 1\n\n    def rest(self): ...\n"
    restored = restore(changed, {"Sum.add": STUB}, "2.2", "sums.py")
    assert restored == f"class Sum:\n{STUB}\n\n    def rest(self): ...\n"
    gone = "class Sum:\n    total = 0\n\n\nx = 1\n"
    restored = restore(gone, {"Sum.add": STUB}, "2.2", "sums.py")
    assert restored == f"class Sum:\n    total = 0\n\n{STUB}\n\n\nx = 1\n"
    with pytest.raises(CourseError, match="Sum is missing"):
        restore("x = 1\n", {"Sum.add": STUB}, "2.2", "sums.py")


@pytest.mark.skipif(os.name == "nt", reason="Windows sends Ctrl-C to whole consoles only")
def test_watch_grades_on_save_and_ends_its_workers(course):
    log = course.root / "log"
    with log.open("w") as out:
        options = {**course.options(), "stdout": out, "stderr": out, "start_new_session": True}
        # In tests that a shell runs in the background the child would ignore Ctrl-C.
        options["preexec_fn"] = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)
        watching = subprocess.Popen([sys.executable, "-m", "chapters", "watch"], **options)
        try:
            _wait(log, "2.1 is not written yet")
            course.answer("2.1", "return number + 2")
            _wait(log, "did you add 2?")
            course.page.write_text(course.page.read_text().replace("number + 2", "number * 2"))
            _wait(log, "2.1 is right")
            _wait(log, "2.2 is not written yet")
            workers = _children(watching.pid)
        finally:
            watching.send_signal(signal.SIGINT)
            code = watching.wait(FULL)
    assert code == 0 and "Traceback" not in log.read_text()
    assert not [pid for pid in workers if _alive(pid)], "a worker process is still running"


def _wait(log, words):
    end = time.monotonic() + FULL
    while words not in log.read_text():
        assert time.monotonic() < end, f"expected {words!r}, got:\n{log.read_text()}"
        time.sleep(0.05)


def _children(pid):
    """The child processes of one, where the system lists them (Linux)."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            return [int(child) for child in file.read().split()]
    except FileNotFoundError:
        return []


def _alive(pid):
    return os.path.exists(f"/proc/{pid}")


@pytest.mark.parametrize("command", ["look", "graph", "tour"])
def test_a_prompt_that_is_not_text_is_refused(command):
    with pytest.raises(CourseError, match=r"text in UTF-8, got b'caf.xe9'"):
        getattr(course_commands, command)("caf\udce9")
