"""Answers that loop, wait, crash or end Python: the parent process ends and names each of them."""

import os
import re
import signal as signals
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest

from chapters.course import grading
from chapters.course.files import LOCK_SECONDS
from chapters.course.stopwatch import in_words

from . import small_course

pytestmark = pytest.mark.skipif(os.name == "nt", reason="uses signals")
ENDINGS = {
    "os._exit": ("import os; os._exit(0)", "The answer ended Python with status 0, as os._exit"),
    "crash": ("import ctypes; ctypes.string_at(0)", "crashed: it read memory that is not its own"),
    "killed": ("import os; os.kill(os.getpid(), 9)", "ended by the system (SIGKILL), most often"),
    "aborted": ("import os; os.abort()", "The answer was ended by SIGABRT"),
    "sys.exit": ("raise SystemExit(0)", "SystemExit: 0"),
    "interrupt": ("raise KeyboardInterrupt", "interrupted pytest, as KeyboardInterrupt does"),
    "memory": ("return bytearray(10**15)", "MemoryError"),
    "input": ("return float(input())", "OSError: your code reads its input, and a grader has none"),
    "breakpoint": ("breakpoint(); return 1", "BdbQuit: a breakpoint waits for commands, and"),
    "json replaced": (
        "import json; json.dumps = None; return 1",
        "ended Python with status 1, as os._exit does. TypeError: 'NoneType' object is not",
    ),
    "str of its error": (
        "class Odd(Exception): __str__ = lambda self: 1 / 0\n    raise Odd",
        "Odd: its message cannot be shown, because of ZeroDivisionError",
    ),
    "pytest broken": ("import _pytest.runner as r; r.TestReport = None", "broke pytest, which"),
    "too much memory": (  # never written to, which would take CPU time
        "import numpy; return [numpy.empty(1 << 30, 'u1') for _ in range(200)]",
        "MemoryError",
    ),
    "loop": ("while True: pass", "Stopped after 1 s of CPU time: does a loop never end?"),
    "loop in C": ("return sum(iter(int, 1))", "Stopped after 1 s of CPU time: does a loop"),
    "wait": ("import time; time.sleep(999)", "does it wait for something?"),
}
STUBBORN = ["while True:", "    try: self.total += 1", "    except BaseException: pass"]


@pytest.fixture
def course(tmp_path):
    """A course in a folder whose name pytest would parse, with limits of a second."""
    course = small_course.make(tmp_path / "my [first] course")
    set_limits(course, CPU_SECONDS=1.0, WAITING_SECONDS=4.0, GRACE=1.0)
    set_limits(course, **{"MEMORY_SHARE, LEAST_MEMORY": "0.0, 1 << 30"})
    return course


def set_limits(course, **limits: float | str) -> None:
    """Write other limits into the tools of a course."""
    for name in ("files.py", "grading.py", "grading_child.py"):
        path = course.root / "chapters/course" / name
        text = path.read_text()
        for limit, value in limits.items():
            text = re.sub(f"(?m)^{limit} = .*$", f"{limit} = {value}", text)
        path.write_text(text)


@pytest.mark.parametrize("name", ENDINGS)
def test_each_way_to_end_is_said_in_a_sentence(course, name):
    line, words = ENDINGS[name]
    course.answer("2.1", line)
    ended = course.mi("check", "2.1")
    assert words in ended.stdout, ended.stdout + ended.stderr
    assert ended.returncode == 1 and "Traceback" not in ended.stdout + ended.stderr
    if name in ("crash", "aborted", "loop", "loop in C", "wait"):
        assert "chapters/ch02_sums/sums.py, line 7, in double" in ended.stdout.replace(
            "line 7: while", "line 7, in double: while"
        )


def test_an_ended_process_costs_no_other_exercise(course):
    course.answer("2.1", "return 2 * number")
    course.answer("2.2", *STUBBORN)
    course.answer("2.10", "return self.total / count")
    graded = course.mi("check", "2")
    for verdict in ("passed     2.1 ", "failed     2.2 ", "passed    2.10 "):
        assert verdict in graded.stdout, graded.stdout
    assert graded.returncode == 1
    assert {"2.1", "2.10"} == set(re.findall(r'"(\S+)" =', course.progress()))


def test_a_third_ending_leaves_the_rest_ungraded(course):
    for number in ("2.1", "2.2", "2.10"):
        course.answer(number, "import os; os._exit(3)")
    graded = course.mi("check", "2").stdout
    assert graded.count("ended Python with status 3") == 1 and "1 more test" in graded
    assert "Not graded, because of these: 2.10." in graded


def test_a_loop_at_import_is_waited_for_once(course):
    course.page.write_text(course.page.read_text() + "\nwhile True:\n    pass\n")
    graded = course.mi("check", "2").stdout
    assert graded.count("Stopped after 1 s of CPU time") == 1
    assert "Not run, because an earlier grader was stopped." in graded


def test_the_other_graders_of_a_loop_are_refused_at_once(course):
    more = "".join(
        f'\n\n@exercise("2.1")\ndef test_{i}(impl):\n    impl("ch02_sums.sums").double({i})\n'
        for i in range(30)
    )
    page = course.root / "tests/ch02_sums/test_sums.py"
    page.write_text(page.read_text() + more)
    course.answer("2.1", "while True: pass")
    graded = course.mi("check", "2.1").stdout
    assert graded.count("Stopped after") == 1 and "and 29 more tests" in graded
    assert "Not run, because an earlier grader was stopped." in graded


def test_threads_that_go_on_do_not_hold_a_check(course):
    course.answer(
        "2.1",
        "import threading, time",
        "threading.Thread(target=lambda: time.sleep(999)).start()",
        "return 2 * number",
    )
    graded = course.mi("check", "2.1")
    assert graded.returncode == 0 and "2.1 is right: 1 point." in graded.stdout


def test_what_an_answer_prints_is_cut(course):
    course.answer("2.1", "print('many words ' * 300_000)", "print(chr(27) + '[2J')")
    graded = course.mi("check", "2.1").stdout
    assert len(graded) < 4000 and "... (3,300,016 characters in all)" in graded


@pytest.mark.parametrize(
    "variables",
    [
        {"PYTHONOPTIMIZE": "2"},
        {"PYTHONWARNINGS": "error"},
        {"PYTEST_ADDOPTS": "--collect-only"},
        {"PYTEST_PLUGINS": "no_such_plugin"},
    ],
)
def test_settings_of_python_and_pytest_change_no_grade(course, monkeypatch, variables):
    answers = {"2.1": "return 2 * number", "2.10": "return 0.0"}
    for number, answer in answers.items():
        course.answer(number, answer)
    before = course.options
    monkeypatch.setattr(course, "options", lambda: before() | {"env": before()["env"] | variables})
    right, wrong = (course.mi("check", number) for number in answers)
    assert "2.1 is right: 1 point." in right.stdout, right.stdout + right.stderr
    assert "2.10 is not right yet." in wrong.stdout, wrong.stdout + wrong.stderr
    assert (right.returncode, wrong.returncode) == (0, 1)


def test_rubbish_among_the_events_is_left_out(course):
    rubbish = 'b"[1]\\n{}\\n3\\n" + b"[" * 9999 + b"\\n"'
    course.answer("2.1", f"import os; os.write(3, {rubbish})", "return 2 * number")
    graded = course.mi("check", "2.1")
    assert "2.1 is right: 1 point." in graded.stdout, graded.stdout + graded.stderr


@pytest.mark.parametrize(
    "line",
    [
        "sys.stdout.close(); sys.stderr.close()",
        "sys.stdout = sys.stderr = 3",
        "sys.stdout.buffer.write(b'\\xff')",
        "print('\\udce4')",
        "os.chdir('/'); os.umask(0o777)",
    ],
)
def test_what_an_answer_does_to_its_streams_reaches_no_other(course, line):
    course.answer("2.1", "import os, sys", line, "return 2 * number")
    course.answer("2.2", "print('seen')", "self.total += number", "return self.total")
    graded = course.mi("check", "2").stdout
    assert "failed     2.1 Twice" in graded or "passed     2.1 Twice" in graded
    assert "passed     2.2 Running" in graded and "failed     2.2" not in graded, graded
    assert "passed      2.2   Running" in course.mi("progress").stdout


def test_a_right_answer_is_right_while_the_lock_is_held(course):
    from filelock import FileLock

    assert LOCK_SECONDS < grading.WAITING_SECONDS
    set_limits(course, LOCK_SECONDS=0.5)
    course.answer("2.1", "return 2 * number")
    with FileLock(course.root / "chapters/progress.toml.lock"):
        graded = course.mi("check", "2.1").stdout
    assert "2.1 is right: 1 point." in graded, graded
    assert "The pass of 2.1 could not be recorded: The file lock" in graded


def test_a_right_answer_is_right_without_filelock(course):
    course.answer("2.1", "return 2 * number")
    missing = "raise ModuleNotFoundError('No module named filelock', name='filelock')"
    (course.root / "filelock.py").write_text(missing)
    graded = course.mi("check", "2.1")
    assert "2.1 is right: 1 point." in graded.stdout, graded.stdout + graded.stderr
    assert "The pass of 2.1 could not be recorded: No module named filelock." in graded.stdout


def test_a_right_answer_is_right_without_a_record(course):
    course.answer("2.1", "return 2 * number")
    (course.root / "chapters/progress.toml.lock").mkdir()
    graded = course.mi("check", "2.1")
    assert "2.1 is right: 1 point. Next: 2.2 Running" in graded.stdout, graded.stderr
    assert "The pass of 2.1 could not be recorded: Is a directory." in graded.stdout


@pytest.mark.parametrize("signal", ["INT", "TERM", "KILL"])
def test_no_child_outlives_its_check(course, signal):
    set_limits(course, CPU_SECONDS=20.0)  # the signal comes first, on a busy machine too
    course.answer("2.1", "open('started', 'w').close()", "while True: pass")
    options = course.options() | {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    options["preexec_fn"] = heed_interrupts
    checking = subprocess.Popen([sys.executable, "-m", "chapters", "check", "2.1"], **options)
    while not (course.root / "started").exists():
        assert checking.poll() is None
        time.sleep(0.05)
    subprocess.run(["kill", f"-{signal}", str(checking.pid)], check=True)
    said = checking.communicate()[0]
    assert "Traceback" not in said and ("Interrupted" in said) == (signal == "INT")
    deadline = time.monotonic() + 30
    while (running := children_of(course)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not running


def heed_interrupts() -> None:
    """Undo what a shell does to jobs in its background: they, and this test, ignore Ctrl-C."""
    signals.signal(signals.SIGINT, signals.SIG_DFL)


def children_of(course) -> list[str]:
    """The processes in the course's folder."""
    listed = subprocess.run(["ps", "-eo", "pid=,args="], capture_output=True, text=True).stdout
    pids = [line.split()[0] for line in listed.splitlines() if "course.grading_child" in line]
    return [pid for pid in pids if os.path.realpath(f"/proc/{pid}/cwd") == str(course.root)]


def test_a_signal_without_a_sentence_is_named():
    assert in_words(-15) == "was ended by SIGTERM"
    assert in_words(7) == "ended Python with status 7, as os._exit does"


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ("Traceback (most\n  File x\nModuleNotFoundError: No module named 'y'", "installs it."),
        ("INTERNALERROR> Traceback\nINTERNALERROR> ValueError: no\n\n4 deselected", "checks this"),
        ("Fatal Python error: Segmentation fault\n\nThread 0x1 (most recent", "checks this"),
        ("ERROR: no such option: --x", "ERROR: no such option: --x"),
    ],
)
def test_graders_that_could_not_run_end_in_a_line(output, said):
    words = grading.could_not(output)
    assert said in words and "\n" not in words and "Traceback" not in words


class Idle:
    """A child process that grades nothing."""

    pid = os.getpid()

    def send(self, words):
        pass


@pytest.mark.parametrize(
    ("computed", "notes"),
    [
        (5, ["This machine is busy: the graders took 100 s, and computed for 5 s of them."]),
        (90, []),
    ],
)
def test_a_busy_machine_is_named(monkeypatch, computed, notes):
    monkeypatch.setattr(grading, "arguments", lambda numbers, folders: [])
    run = grading.Grading(SimpleNamespace(title="", exercises=[], folders=[]), False, Idle())
    run.start -= 100
    run.whole.computed = computed
    assert run.results().notes == notes
