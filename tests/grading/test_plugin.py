"""The plugin, as a learner meets it: pytest in a process and a small course of its own."""

import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import pytest

from . import small_course

OF_FOUR = """

@exercise("2.1")
def test_of_four(impl):
    assert impl("ch02_sums.sums").double(4.0) == 8.0
"""
GRADERS = """
import socket
import pytest
from tests.grading import exercise

@exercise("2.1")
def test_offline():
    for host in ("127.0.0.1", "example.org"):
        with pytest.raises(OSError, match="without a network"):
            socket.create_connection((host, 80), timeout=1)

@exercise("2.1")
@pytest.mark.slow
def test_slow(): pass

@exercise("2.1")
@pytest.mark.weights
def test_weights(): pass

@pytest.mark.project
@exercise("2.2")
def test_project(): pass

def test_no_number():
    server = socket.create_server(("127.0.0.1", 0))
    socket.create_connection(server.getsockname()).close()
    server.close()
"""
TWICE_MARKED = """
from tests.grading import exercise

@exercise("2.1")
@exercise("2.2")
def test(): pass
"""


@pytest.fixture
def course(tmp_path):
    return small_course.make(tmp_path)


def pytest_in(course, *words: str) -> "subprocess.CompletedProcess[str]":
    """Runs pytest as a learner would, without plugins that the course does not need."""
    options = course.options()
    options["env"] |= {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "MI_CACHE": str(course.root)}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *words]
    return subprocess.run(command, **options, capture_output=True)


def outcomes(course, *words: str) -> dict[str, str]:
    """Grader -> its outcome, from the verbose lines."""
    lines = pytest_in(course, "-v", *words).stdout
    return dict(re.findall(r"::(test_\w+) (\w+)", lines))


def test_a_fresh_workbook_is_todo_and_no_failure(course):
    done = pytest_in(course)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 todo" in done.stdout and "ttt" in done.stdout
    assert "passed" not in done.stdout and "failed" not in done.stdout
    assert "graded: chapters" in done.stdout


def test_the_reference_passes_and_is_not_recorded(course):
    done = pytest_in(course, "--impl=solutions", "tests/ch02_sums")
    assert "3 passed" in done.stdout
    assert not (course.root / "chapters/progress.toml").exists()


def test_a_number_selects_its_own_graders_only(course):
    assert outcomes(course, "-m", "2.1") == {"test_double_is_twice": "TODO"}
    assert len(outcomes(course, "-m", "2.1 or 2.10")) == 2


def test_a_pass_is_recorded_when_every_grader_ran(course):
    course.answer("2.1", "return number + number")
    record = course.root / "chapters/progress.toml"
    pytest_in(course, "tests/ch02_sums/test_sums.py")
    assert not record.exists(), "a file that was picked by name may not hold all of an exercise"
    pytest_in(course, "-k", "twice")
    assert '"2.1" = ' in record.read_text("utf-8") and "2.2" not in record.read_text("utf-8")
    grader = course.root / "tests/ch02_sums/test_sums.py"
    grader.write_text(grader.read_text("utf-8").replace("doubled == 6.0", "doubled == 7.0"))
    pytest_in(course)
    assert '"2.1"' not in record.read_text("utf-8"), "a stricter grader takes the pass back"


def test_one_grader_of_two_does_not_pass_an_exercise(course):
    course.answer("2.1", "return 6.0")
    grader = course.root / "tests/ch02_sums/test_sums.py"
    grader.write_text(grader.read_text("utf-8") + OF_FOUR, "utf-8")
    pytest_in(course, "-k", "twice")
    assert not (course.root / "chapters/progress.toml").exists()
    assert outcomes(course)["test_of_four"] == "FAILED"


def test_a_failure_is_the_assertions_words_and_no_traceback(course):
    course.answer("2.1", "return number + 2")
    said = pytest_in(course, "-m", "2.1").stdout
    assert "expected 6.0, twice 3.0, got 5.0; did you add 2?" in said
    assert "assert 5.0 == 6.0" not in said and "def test_double" not in said
    assert "def test_double" in pytest_in(course, "-m", "2.1", "--tb=long").stdout


def test_a_type_error_shows_the_expected_and_the_actual_type(tmp_path):
    course = small_course.make(tmp_path / "course", checks_shapes=True)
    course.answer("2.1", 'return "two"')
    said = pytest_in(course, "-m", "2.1").stdout
    assert "the return value of sums.double" in said
    assert "expected  float" in said and "got       'two'" in said
    assert "beartype" not in said and "Traceback" not in said


def test_an_error_in_an_answer_shows_the_learners_line(course):
    course.answer("2.1", "two = []", "return two[number]")
    said = pytest_in(course, "-m", "2.1").stdout
    assert "TypeError: list indices must be integers" in said
    assert "in chapters/ch02_sums/sums.py, line 8: return two[number]" in said
    assert "doubled = impl" not in said


SKIPS = "pytest.skip('no')", "pytest.importorskip('gone')", "pytest.xfail('no')", "raise SkipTest"


@pytest.mark.parametrize("line", SKIPS)
def test_an_answer_cannot_skip_its_grader(course, line):
    course.answer("2.1", "import pytest; from unittest import SkipTest", line)
    done = pytest_in(course, "-m", "2.1")
    assert done.returncode == 1
    assert "An answer may not skip its grader: remove the call." in done.stdout
    assert f"line 8: {line}" in done.stdout


def test_a_broken_file_is_named_by_all_its_graders(course):
    course.answer("2.1", "return 2 * (number")
    said = pytest_in(course).stdout
    assert said.count("chapters/ch02_sums/sums.py, line 7: '(' was never closed") == 3
    assert said.count("    return 2 * (number") == 3


def test_an_answer_that_is_looked_up_fails_and_is_not_run(course):
    course.answer("2.1", "print('it ' + 'ran')", "from solutions import ch02_sums")
    course.answer("2.2", "print('solutions found', number)  # tests", "return self.total")
    done = pytest_in(course, "-s")
    assert done.stdout.count("sums.py, line 8: the answer uses solutions.ch02_sums") == 1
    assert "solutions found" in done.stdout, "another exercise is graded"
    assert done.returncode == 1 and "it ran" not in done.stdout


def test_all_of_my_own_runs_no_reference(course):
    grader = course.root / "tests/ch02_sums/test_sums.py"
    text = grader.read_text("utf-8")
    grader.write_text(text.replace("running.add(6.0)", "running.add(running.total + 6.0)"))
    course.answer("2.10", "return self.total / count")
    assert outcomes(course, "-m", "2.10") == {"test_mean_divides": "PASSED"}
    assert outcomes(course, "--own", "-m", "2.10") == {"test_mean_divides": "TODO"}


def test_graders_that_cannot_run_are_skipped_with_a_reason(course):
    (course.root / "tests/ch02_sums/test_more.py").write_text(GRADERS, "utf-8")
    course.answer("2.1", "return 2 * number")
    done = pytest_in(course, "tests/ch02_sums", "-v", "-rs", "-m", "2.1 or not 2.1")
    ran = dict(re.findall(r"::(test_\w+) (\w+)", done.stdout))
    assert ran["test_offline"] == "PASSED" and ran["test_weights"] == "SKIPPED"
    assert "`mi model` fetches it" in done.stdout
    assert not {"test_slow", "test_project", "test_no_number"} & set(ran)
    assert '"2.1"' in (course.root / "chapters/progress.toml").read_text("utf-8")
    ran = outcomes(course, "tests/ch02_sums", "--slow", "--impl=solutions")
    assert {ran[name] for name in ("test_slow", "test_project", "test_no_number")} == {"PASSED"}


def test_points_are_added_and_xml_reports_name_exercises(course):
    course.answer("2.2", "self.total += number", "return self.total")
    assert "points: 2 of 6" in pytest_in(course, "--junitxml=report.xml").stdout
    suite = ElementTree.parse(course.root / "report.xml").getroot()[0]
    assert (suite.get("tests"), suite.get("skipped"), suite.get("failures")) == ("3", "2", "0")
    assert suite.find("testcase/properties/property[@value='2.10']") is not None


def test_other_processes_find_todos_points_and_passes(course):
    pytest.importorskip("xdist")
    course.answer("2.1", "return 2 * number")
    done = pytest_in(course, "-p", "xdist", "-n", "2")
    assert "2 todo" in done.stdout and done.returncode == 0
    assert "points: 1 of 6" in done.stdout
    assert '"2.1"' in (course.root / "chapters/progress.toml").read_text("utf-8")


def test_points_are_those_of_the_graded_exercises(course):
    course.answer("2.1", "return 2 * number")
    assert "points: 1 of 1\n" in pytest_in(course, "-m", "2.1").stdout


def test_a_test_of_two_exercises_is_an_error(course):
    more = course.root / "tests/ch02_sums/test_more.py"
    more.write_text(TWICE_MARKED, "utf-8")
    assert "grades ['2.1', '2.2']; a grader grades one" in pytest_in(course).stderr
