"""A class graded end to end by `mi grade`: outcomes, the files of results, and records."""

import csv
import json
import os
import random
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from chapters.course.files import ROOT
from chapters.course.grade import classroom, command
from chapters.course.grade.records import Records
from chapters.course.grade.workers import Unit, Worker, reference_task
from chapters.course.terminal import CourseError

from . import sample_class

pytestmark = pytest.mark.skipif(os.name == "nt", reason="forks")
STATUSES, VISIBILITIES = {"passed", "failed"}, {"hidden", "after_due_date", "visible"}
FORMATS = {"text", "html", "simple_format", "md", "ansi"}
#: Key -> its type, of Gradescope's documented results.json and of one test in it.
WHOLE = {
    "score": (int, float),
    "execution_time": (int, float),
    "output": str,
    "output_format": str,
    "stdout_visibility": str,
    "extra_data": dict,
    "tests": list,
}
ONE = {
    "score": (int, float),
    "max_score": (int, float),
    "status": str,
    "name": str,
    "number": str,
    "output": str,
    "output_format": str,
    "tags": list,
    "visibility": str,
}


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """The class, graded once: its folder, and the folder of results."""
    folder = sample_class.make(tmp_path_factory.mktemp("class") / "hand-ins")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(classroom, "course_digest", lambda: "this version")
        assert command.grade(str(folder), only=sample_class.ONLY, jobs=1) == 0
    return folder, folder.with_name("hand-ins-grades")


def results_of(folder: Path, student: str) -> dict:
    return json.loads((folder / "students" / student / "results.json").read_text("utf-8"))


def rows_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "scores.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_every_kind_of_submission_gets_its_outcome(graded):
    found = {}
    for student in sample_class.EXPECTED:
        tests = {one["number"]: one for one in results_of(graded[1], student)["tests"]}
        found[student] = tuple(tests[number]["tags"][0] for number in ("0.15", "3.3", "3.6"))
    assert found == sample_class.EXPECTED


@pytest.mark.parametrize(
    "student, words",
    [
        ("broken syntax", "is not Python"),
        ("empty", "nothing of chapter 3 was handed in"),
        ("hostile", "it changed allclose of Tensor"),
        ("latin-1", "UTF-8"),
        ("link", "is a link"),
        ("renamed", "found ch03_circuits/lens (1).py"),
        ("wrong", "KL(final || guess)"),
    ],
)
def test_the_reason_is_said_in_words(graded, student, words):
    tests = results_of(graded[1], student)["tests"]
    assert words in next(one["output"] for one in tests if one["number"] == "3.6")
    assert words.split("||")[0] in (graded[1] / f"students/{student}/report.html").read_text()


def test_results_have_gradescopes_form(graded):
    for student in sample_class.EXPECTED:
        whole = results_of(graded[1], student)
        assert whole.keys() <= WHOLE.keys()
        assert all(isinstance(value, WHOLE[name]) for name, value in whole.items())
        assert whole["stdout_visibility"] in VISIBILITIES and whole["output_format"] in FORMATS
        assert whole["score"] == sum(one["score"] for one in whole["tests"])
        for one in whole["tests"]:
            assert one.keys() <= ONE.keys()
            assert all(isinstance(value, ONE[name]) for name, value in one.items())
            assert one["status"] in STATUSES and one["visibility"] in VISIBILITIES
            assert 0 <= one["score"] <= one["max_score"] and one["output_format"] in FORMATS


def test_the_table_adds_up(graded):
    rows = rows_of(graded[1])
    assert [row["student"] for row in rows] == sorted(sample_class.EXPECTED)
    for row in rows:
        points = [float(row[number]) for number in ("0.15", "3.3", "3.6")]
        assert float(row["score"]) == sum(points) - float(row["lost"])
        assert float(row["score"]) == results_of(graded[1], row["student"])["score"]


def test_junit_counts_failures_and_skips(graded):
    suite = ET.parse(graded[1] / "students/wrong/junit.xml").getroot()[0]
    counts = [suite.get(name) for name in ("tests", "failures", "skipped")]
    assert counts == ["3", "2", "1"]


def test_equal_answers_are_found_for_a_person_to_read(graded):
    page = (graded[1] / "class.html").read_text("utf-8")
    assert "<td>ada<td>(reference)" in page
    assert "<td>another way<td>(reference)" not in page


def test_a_second_run_takes_everything_from_records(graded, capsys, monkeypatch):
    monkeypatch.setattr(classroom, "course_digest", lambda: "this version")
    monkeypatch.setattr(classroom, "Pool", None)  # a run would need it
    before = (graded[1] / "scores.csv").read_text()
    assert command.grade(str(graded[0]), only=sample_class.ONLY) == 0
    assert (graded[1] / "scores.csv").read_text() == before
    assert "0 answers to run" in capsys.readouterr().out


def test_what_the_system_refuses_is_on_every_page(graded, monkeypatch):
    monkeypatch.setattr(classroom, "course_digest", lambda: "this version")
    records = Records(graded[1] / "records")
    before = records.read(classroom.CONFINEMENT)
    records.write(classroom.CONFINEMENT, {"missing": ["network"]})
    command.grade(str(graded[0]), only=sample_class.ONLY)
    words = "Not confined here: answers could reach the network."
    assert words in (graded[1] / "class.html").read_text("utf-8")
    assert words in results_of(graded[1], "ada")["output"]
    records.write(classroom.CONFINEMENT, before)
    command.grade(str(graded[0]), only=sample_class.ONLY)


def test_one_submission_alone_may_be_graded(graded, monkeypatch, tmp_path):
    monkeypatch.setattr(classroom, "course_digest", lambda: "another version")
    monkeypatch.setattr(classroom, "Pool", _Nothing)
    out = tmp_path / "out"
    assert command.grade(str(graded[0] / "half"), out=str(out), only="3") == 1
    assert [row["student"] for row in rows_of(out)] == ["half"]
    assert results_of(out, "half")["tests"][0]["tags"] == ["todo"]


class _Nothing:
    """A pool that grades nothing."""

    def __init__(self, workers):
        pass

    def run(self, units, expect, report):
        pass


@pytest.mark.parametrize("text", ["nonsense", "4.99", "x y"])
def test_an_unknown_exercise_is_refused(text):
    with pytest.raises(CourseError, match="Expected exercises such as"):
        command.selected(text)


def test_selections_keep_the_order_of_the_book():
    assert list(command.selected("3.6,0.15 3.3")) == ["0.15", "3.3", "3.6"]
    assert all(number.startswith("4.") for number in command.selected("4"))


def test_damaged_records_are_not_used(tmp_path):
    records = Records(tmp_path)
    records.write("ab12", {"verdict": {}})
    assert records.read("ab12") == {"key": "ab12", "verdict": {}}
    path = next(tmp_path.rglob("ab12.json"))
    for damage in ("", "{", '{"key": "other"}', "[]"):
        path.write_text(damage)
        assert records.read("ab12") is None


@pytest.mark.slow
def test_killed_ten_times_it_loses_and_doubles_nothing(graded, tmp_path):
    """kill -9 at random moments; the marks at the end are those of a run in one piece."""
    out = tmp_path / "grades"
    words = ["grade", str(graded[0]), "--out", str(out), "--only", sample_class.ONLY]
    command = [sys.executable, "-m", "chapters", *words]
    chance, seen = random.Random(0), []
    for _ in range(10):
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
        time.sleep(chance.uniform(2, 40))
        process.send_signal(signal.SIGKILL)
        process.wait()
        seen.append(sum(1 for _ in out.rglob("records/*/*.json")))
    assert seen == sorted(seen), "a record was lost"
    assert subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL).returncode == 0
    assert (out / "scores.csv").read_text() == (graded[1] / "scores.csv").read_text()
    assert not (out / "work").exists()


@pytest.mark.slow
def test_answers_that_train_can_be_graded(tmp_path):
    """An optimizer of torch imports modules when it is first made, which no answer may cause."""
    worker = Worker(tmp_path / "tree", [])
    for chapter, number in (("ch00_looking", "0.8"), ("ch01_superposition", "1.19")):
        answer = worker.ask(reference_task(Unit(chapter, number, [])))
        assert not answer["tried"] and set(answer["outcomes"].values()) == {"passed"}, answer
    worker.end()
