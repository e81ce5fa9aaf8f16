"""An autograder holds all that grading needs, and gives every submission a result."""

import json
import re
import subprocess
import tomllib
import zipfile
from pathlib import Path

import pytest

from chapters.course import export as exporting
from chapters.course import export_run
from chapters.course.terminal import CourseError


def test_the_autograder_holds_scripts_reference_and_graders(tmp_path):
    target = tmp_path / "autograder.zip"
    exporting.export(autograder=str(target))
    with zipfile.ZipFile(target) as archive:
        names = set(archive.namelist())
        rights = {name: archive.getinfo(name).external_attr >> 16 & 0o111 for name in names}
        scripts = {name: archive.read(name).decode() for name in ("setup.sh", "run_autograder")}
    assert rights["setup.sh"] and rights["run_autograder"] and "Dockerfile" in names
    wanted = ["solutions/ch00_looking/tensors.py", "tests/ch00_looking/test_tensors.py"]
    wanted += ["chapters/course/commands.py", "docs/ch00_behaviour.md", "requirements/course.txt"]
    assert not [name for name in wanted if f"course/{name}" not in names]
    assert not [name for name in names if re.search(r"/\.git/|docs/figures|_exams|lecturer", name)]
    for name, text in scripts.items():
        file = tmp_path / name
        file.write_text(text, "utf-8")
        assert subprocess.run(["bash", "-n", str(file)], check=False).returncode == 0
    with pytest.raises(CourseError, match="expected a new file"):
        exporting.export(autograder=str(target))
    assert [path.name for path in tmp_path.glob("*.part")] == []


METADATA = {
    "created_at": "2027-02-02T14:22:32.365935-07:00",
    "users": [{"email": "Ada.L+x@example.org", "id": 7}],
}


def test_the_autograder_names_a_submission_after_its_student(tmp_path, monkeypatch):
    def grade(folder, out):
        stage = Path(folder)
        assert (stage / "ada.l_x" / "chapters" / "a.py").read_text("utf-8") == "x = 1\n"
        assert not (stage / "ada.l_x" / "class.toml").exists()
        seen.append(tomllib.loads((stage / "class.toml").read_text("utf-8")))
        result = Path(out) / "students" / "ada.l_x" / "results.json"
        result.parent.mkdir(parents=True)
        result.write_text('{"score": 3}', "utf-8")

    seen = []
    monkeypatch.setattr(export_run, "grade", grade)
    (tmp_path / "submission_metadata.json").write_text(json.dumps(METADATA), "utf-8")
    (tmp_path / "submission/chapters").mkdir(parents=True)
    (tmp_path / "submission/chapters/a.py").write_text("x = 1\n", "utf-8")
    (tmp_path / "source").mkdir()
    (tmp_path / "source/class.toml").write_text('secret = "s"\n', "utf-8")
    results = tmp_path / "results/results.json"
    assert export_run.main(tmp_path, tmp_path / "submission", results) == 0
    assert json.loads(results.read_text("utf-8")) == {"score": 3}
    assert seen[0]["secret"] == "s"
    assert seen[0]["students"]["ada.l_x"]["submitted"].isoformat() == METADATA["created_at"]


def test_a_submission_that_cannot_be_graded_gets_a_result(tmp_path, monkeypatch):
    def grade(folder, out):
        raise CourseError("expected chapters, got none")

    monkeypatch.setattr(export_run, "grade", grade)
    (tmp_path / "submission").mkdir()
    results = tmp_path / "results.json"
    assert export_run.main(tmp_path, tmp_path / "submission", results) == 0
    whole = json.loads(results.read_text("utf-8"))
    assert whole["score"] == 0 and "expected chapters, got none" in whole["output"]
