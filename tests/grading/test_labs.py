"""Labs: guesses before results, the runner's report, the blanked script, and the course's labs."""

import io
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest
import torch

from chapters import lab as lab_module
from chapters.course import lab_runner, labs
from chapters.course.answers import blank_lab, is_open
from chapters.course.files import ROOT
from chapters.course.lab_runner import run_lab, split_cells, title_of
from chapters.course.terminal import CourseError
from chapters.lab import REFERENCE, Lab, WaitingForGuess, as_json, read_notes, seed_of

from . import small_course

SCRIPT = """# A head above the first cell.

# %% [markdown]
# # Title
#
# A *word*.

# %%
from chapters.lab import Lab
lab = Lab(8, "ann", notes=NOTES)

# %%
answer = {
    "a": [1, 2],
}  # guess: which two?
lab.guess("8a", answer)

# %%
lab.compare("8a", {"a": [1, 2]}, as_guessed=True)

# %% your own cell
secret = 40 + 2
secret
"""

LABS = sorted(ROOT.glob("solutions/ch*/lab.py"))
RUNS = [
    pytest.param(path, marks=[pytest.mark.weights] * ("smollm2" in path.read_text("utf-8")))
    for path in LABS
]


@pytest.fixture
def lab(tmp_path):
    return Lab(8, "ann", tmp_path / "notes.toml")


def script(folder, text=SCRIPT):
    return text.replace("NOTES", f"__import__('pathlib').Path({str(folder / 'notes.toml')!r})")


@pytest.mark.parametrize("value", ["?", " ?", [1, "?"], {"a": ("?",)}])
def test_an_open_guess_stops_the_lab(lab, value):
    assert is_open(value)
    with pytest.raises(WaitingForGuess, match='write your guess 8a in place of "\\?"'):
        lab.guess("8a", value)
    assert not lab.notes.exists()


def test_the_first_guess_is_compared_and_later_ones_are_marked(lab, capsys):
    lab.guess("8a", 3)
    lab.guess("8a", 3)
    lab.compare("8a", torch.tensor([1.0, 0.33333]))
    lab.guess("8a", '4 \n[[note]] " ü')
    lab.compare("8a", 5, as_guessed=False)
    notes = read_notes(lab.notes)
    assert [(n["kind"], n["value"], n["after_result"]) for n in notes] == [
        ("guess", "3", False),
        ("measured", "[1.0, 0.333]", False),
        ("guess", '"4 \\n[[note]] \\" ü"', True),
    ]
    said = capsys.readouterr().out
    assert "after the result was shown" in said
    assert "guessed 3, measured 5. Not as guessed" in said


def test_a_comparison_needs_a_guess(lab):
    with pytest.raises(WaitingForGuess, match="cell with guess 8a"):
        lab.compare("8a", 1)


def test_a_count_of_the_learner_is_waited_for(lab):
    lab.guess("8a", 1)
    with pytest.raises(WaitingForGuess, match="what you counted for 8a"):
        lab.compare("8a", [3, "?"])
    assert not lab.read("8a", "measured")


def test_notes_of_others_are_left_alone(lab):
    lab.guess("8a", 1)
    Lab(8, "bob", lab.notes).guess("8a", 2)
    Lab(9, "ann", lab.notes).guess("8a", 3)
    assert [n["value"] for n in lab.read("8a", "guess")] == ["1"]
    assert len(read_notes(lab.notes)) == 3


@pytest.mark.parametrize("content", [b"[[note]", b"\xe4", b"note = 3"])
def test_damaged_notes_are_named_and_kept(lab, content):
    lab.notes.write_bytes(content)
    with pytest.raises(ValueError, match=r"notes\.toml: expected"):
        lab.guess("8a", 1)
    assert lab.notes.read_bytes() == content


def test_progress_counts_measured_guesses_and_begun_projects(tmp_path, lab, monkeypatch):
    monkeypatch.setattr(labs, "CHAPTERS", tmp_path)
    monkeypatch.setattr(labs, "NOTES", lab.notes)
    file = tmp_path / "ch08_saes" / "lab.py"
    file.parent.mkdir()
    file.write_text(blank_lab(SCRIPT), "utf-8")
    assert (labs.lab_line(8), labs.lab_line(9)) == ("mi lab 8: 0 of 1 guesses measured", "")
    lab.guess("8a", 1)
    assert labs.lab_line(8) == "mi lab 8: 0 of 1 guesses measured"
    lab.compare("8a", 2)
    file.write_text(SCRIPT, "utf-8")
    assert labs.lab_line(8) == "mi lab 8: 1 of 1 guesses measured, mini-project begun"
    lab.notes.write_text("[[note]]\nlab = 8\n[", "utf-8")
    assert labs.lab_line(8) == "mi lab 8: 0 of 1 guesses measured, mini-project begun"


def test_seeds_differ_by_learner_chapter_and_question(lab):
    seeds = {seed_of(who, what) for who in ("a", "b") for what in ("8/x", "8/y", "9/x")}
    assert len(seeds) == 6 and all(0 <= seed < 2**48 for seed in seeds)
    assert lab.seed("x") == seed_of("ann", "8/x")


def test_values_are_written_as_json():
    assert as_json({1: {3, 2}, "b": (torch.tensor(0.12345), None, True)}) == (
        '{"1": [2, 3], "b": [0.123, null, true]}'
    )


def test_a_blanked_lab_keeps_questions_and_loses_answers():
    blanked = blank_lab(SCRIPT)
    assert 'answer = "?"  # guess: which two?' in blanked
    assert "# %% your own cell\n# Write your code here.\n" in blanked
    assert "secret" not in blanked and "[1, 2]}" in blanked
    assert [c.is_text for c in split_cells(blanked)] == [c.is_text for c in split_cells(SCRIPT)]
    assert blank_lab(blanked) == blanked, "blanking twice changes nothing"


def test_a_guess_without_assignment_stops_the_generator():
    with pytest.raises(ValueError, match="line 2: expected `name = value  # guess`, got"):
        blank_lab("# %%\nprint(3)  # guess\n")


def test_a_whole_lab_is_reported(tmp_path, capsys):
    report = tmp_path / "new" / "lab08.html"
    assert run_lab(script(tmp_path), "lab.py", report) == 0
    text = report.read_text("utf-8")
    assert "<h1>Title</h1>" in text and "<em>word</em>" in text
    assert "As guessed." in text and "42" in text
    assert "42" in capsys.readouterr().out


def test_the_terminal_shows_headings_and_whole_first_paragraphs():
    assert title_of("## 3. Measure\n\nA text.") == "3. Measure"
    assert title_of("A sentence that\nneeds two lines.\n\nMore.") == (
        "A sentence that\nneeds two lines."
    )


def test_a_lab_that_waits_ends_in_a_sentence(tmp_path, capsys):
    report = tmp_path / "lab08.html"
    assert run_lab(script(tmp_path, blank_lab(SCRIPT)), "lab.py", report) == 0
    said = capsys.readouterr().out
    assert "Stopped here: write your guess 8a" in said and "lab.py:12" in said
    assert "Traceback" not in said and "As guessed" not in report.read_text("utf-8")


def test_a_cell_that_fails_shows_its_line(tmp_path, capsys):
    report = tmp_path / "lab08.html"
    broken = "# %%\nx = 1\n\n# %%\n\ny = x / 0\n"
    assert run_lab(broken, "lab.py", report) == 1
    said = capsys.readouterr().out
    assert 'File "lab.py", line 6' in said and "ZeroDivisionError" in said
    assert "lab_runner.py" not in said, "the runner's own frames do not help"


def test_a_cell_that_reaches_a_stub_names_the_exercise(tmp_path, capsys):
    stub = '# %%\nraise NotImplementedError("exercise 0.1")\n'
    assert run_lab(stub, "lab.py", tmp_path / "lab08.html") == 0
    said = capsys.readouterr().out
    assert "this cell needs exercise 0.1, which is not written yet" in said
    assert "Traceback" not in said and "mi next 0.1" in said
    other = stub.replace("exercise 0.1", "no such axis")
    assert run_lab(other, "lab.py", tmp_path / "lab08.html") == 1


def test_a_lab_that_is_not_python_is_named(tmp_path):
    with pytest.raises(CourseError, match="lab.py, line 3: "):
        run_lab("# %%\nx = 1\ny = = 2\n", "lab.py", tmp_path / "lab.html")
    with pytest.raises(CourseError, match="lab.py: an expression or a block is nested"):
        run_lab("# %%\nx = " + "-" * 100_000 + "1\n", "lab.py", tmp_path / "lab.html")


@pytest.mark.skipif(os.name == "nt", reason="makes a pipe")
def test_a_lab_that_cannot_be_read_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(lab_runner, "CHAPTERS", tmp_path)
    for chapter in (12, 3, 4):
        (tmp_path / f"ch{chapter:02d}_x").mkdir()
    (tmp_path / "ch03_x/lab.py").write_bytes(b"# %%\n# \xe4\n")
    os.mkfifo(tmp_path / "ch04_x/lab.py")
    (tmp_path / "ch12_x/lab.py").touch()
    for chapter, words in (
        (3, "lab.py, line 2: expected UTF-8"),
        (4, "got a pipe or a device"),
        (5, "Chapter 5 has no lab. Labs: 3, 4, 12."),
    ):
        with pytest.raises(CourseError, match=words):
            lab_runner.run(chapter)


class Terminal(io.StringIO):
    """Standard error, as on a terminal."""

    def isatty(self) -> bool:
        return True


def test_a_bar_counts_cells_and_its_clock_goes_on(tmp_path, monkeypatch, capsys):
    slow = "# %%\nprint(1)\n\n# %%\nimport time\ntime.sleep(1.6)\n"
    run_lab(slow, "lab.py", tmp_path / "lab.html")
    assert capsys.readouterr().err == "", "no bar where no one watches"
    monkeypatch.setattr(sys, "stderr", Terminal())
    run_lab(slow, "lab.py", tmp_path / "lab.html")
    assert re.search("line 4 #+ +1 of 2 cells, 00:01", sys.stderr.getvalue())
    assert "of 2 cells" not in (tmp_path / "lab.html").read_text("utf-8")


@pytest.mark.skipif(os.name == "nt", reason="uses signals")
@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_keep_the_last_report_and_leave_no_files(tmp_path, ending):
    course = small_course.make(tmp_path / "course")
    shutil.copy(ROOT / "chapters/lab.py", course.root / "chapters/lab.py")
    report, temporary = course.root / "reports/lab02.html", tmp_path / "temporary"
    for path in (report.parent, temporary):
        path.mkdir()
    report.write_text("an earlier run", "utf-8")
    (course.root / "chapters/ch02_sums/lab.py").write_text(
        "# %%\nimport pathlib, tempfile, time\n"
        "pathlib.Path(tempfile.mkdtemp(), 'begun').touch()\ntime.sleep(60)\n"
    )
    options = course.options()
    options["env"] |= {"TMPDIR": str(temporary)}
    command, pipe = [sys.executable, "-m", "chapters", "lab", "2"], subprocess.PIPE
    run = subprocess.Popen(command, stdout=pipe, stderr=pipe, **options)
    deadline = time.monotonic() + 60
    while not list(temporary.glob("*/*/begun")):
        assert run.poll() is None and time.monotonic() < deadline, run.communicate()
        time.sleep(0.05)
    run.send_signal(ending)
    errors = run.communicate(timeout=30)[1]
    assert run.returncode == 128 + ending and errors.count("\n") == 2
    assert errors.endswith("Run the same command again to continue.\n")
    assert [path.name for path in report.parent.iterdir()] == ["lab02.html"]
    assert report.read_text("utf-8") == "an earlier run" and not list(temporary.iterdir())


def test_plain_python_stops_without_a_traceback(tmp_path):
    path = tmp_path / "lab.py"
    path.write_text(script(tmp_path, blank_lab(SCRIPT)), "utf-8")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, path], capture_output=True, text=True, env=environment)
    assert done.returncode == 1 and done.stderr.startswith("Stopped here: write your guess 8a")
    assert "Traceback" not in done.stderr


@pytest.fixture
def reference(tmp_path, monkeypatch):
    """Run a lab of the course for the reference's learner; notes and report go to a new folder."""
    monkeypatch.setenv("MI_LEARNER", REFERENCE)
    monkeypatch.setattr(lab_module, "NOTES", tmp_path / "notes.toml")

    def run(text):
        text = text.replace("from chapters.ch", "from solutions.ch")
        return run_lab(text, "lab.py", tmp_path / "lab.html"), tmp_path / "lab.html"

    return run


@pytest.mark.project
@pytest.mark.parametrize("path", LABS, ids=lambda path: path.parent.name)
def test_a_lab_of_the_course_waits_for_its_first_guess(path, reference, capsys):
    status, report = reference(blank_lab(path.read_text("utf-8")))
    said = capsys.readouterr().out
    assert status == 0 and re.search("Stopped here: write your guess [0-9]+a", said), said
    assert "measured" not in report.read_text("utf-8").partition("Stopped here")[2]


@pytest.mark.project
@pytest.mark.parametrize("path", LABS, ids=lambda path: path.parent.name)
def test_a_lab_of_the_course_orders_guesses_and_has_a_rubric(path):
    text, chapter = path.read_text("utf-8"), int(path.parent.name[2:4])
    keys = re.findall(r'^lab\.guess\("(\w+)"', text, re.M)
    assert keys == [f"{chapter}{'abcdefghij'[n]}" for n in range(len(keys))], keys
    assert set(re.findall(r'lab\.compare\("(\w+)"', text)) <= set(keys)
    project = re.split(r"^# ## \d+\. Doubt", text, flags=re.M)[-1]
    assert re.findall(r"^# (\d)\. ", project, re.M) == list("12345"), "a rubric of five lines"
    assert "It fails if" in project and "\ndef " in project, "a way to fail, and a starter"


@pytest.mark.project
@pytest.mark.slow
@pytest.mark.parametrize("path", RUNS, ids=lambda path: path.parent.name)
def test_a_lab_of_the_course_runs_with_the_reference(path, reference, capsys):
    text = path.read_text("utf-8")
    status, report = reference(text)
    said = capsys.readouterr().out
    assert status == 0 and "Stopped here" not in said, said
    for key in re.findall(r'lab\.compare\("(\w+)"', text):
        assert f"{key}: guessed" in said, f"{key} was not compared"
    assert report.stat().st_size < 2_000_000
