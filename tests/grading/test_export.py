"""A student's copy works without any answer, and gets what the calendar releases."""

import json
import os
import re
import subprocess
import sys
import tomllib
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from chapters.course import export as exporting
from chapters.course.answers import TABLE_FILE, answer_files, answers_in, read_table
from chapters.course.exercise_pages import read_exercises
from chapters.course.export_student import imported, parse, student_tree, without_entries
from chapters.course.terminal import CourseError
from docs._extension.calendar import chosen

from .mistakes import SOLUTIONS, Mistake, RightAnswer, gather

ROOT = Path(__file__).resolve().parents[2]
CHAPTERS = sorted(SOLUTIONS.glob("ch*/"))
ROOMS = ("chapters", "docs", "tests", "toy_models")
SHORTEST, RUN = 40, 4
"""Fewer characters, or fewer lines in a row, are in the graders and in given code as well."""


def lines_of(text):
    """The lines of a text without indents, comments, double spaces and blank lines."""
    bare = (re.sub(r"(^|\s)#\s.*", "", line) for line in text.splitlines())
    return [" ".join(line.split()) for line in bare if line.strip()]


def joined(lines):
    return "\n" + "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    folder = tmp_path_factory.mktemp("class") / "course"
    exporting.export(student=str(folder))
    return folder


@pytest.fixture(scope="module")
def texts(copy):
    found = {}
    for path in copy.rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".safetensors":
            found[path.relative_to(copy).as_posix()] = path.read_text("utf-8", "replace")
    assert len(found) > 500
    return {name: lines_of(text) for name, text in found.items()}


@pytest.fixture(scope="module")
def is_there(texts):
    """Whether some lines are in one file of the copy, one below the other."""
    pairs = {pair for lines in texts.values() for pair in pairwise(lines)}
    whole = {name: joined(lines) for name, lines in texts.items()}

    def search(lines, outside=""):
        if any(pair not in pairs for pair in pairwise(lines)):
            return []
        names = [name for name in whole if not (outside and name.startswith(outside))]
        return [name for name in names if joined(lines) in whole[name]]

    return search


def answers():
    """Exercise and function -> the lines of the reference's answer."""
    for chapter in CHAPTERS:
        for path in answer_files(chapter):
            text = path.read_text("utf-8")
            for one in answers_in(path, text):
                body = text.split("\n")[one.mark_line : one.last_line]
                yield path, one, lines_of("\n".join(body))


def test_no_answer_of_the_reference_is_in_the_copy(is_there):
    seen, found = 0, []
    for path, answer, body in answers():
        if path.name == TABLE_FILE or len(joined(body)) < SHORTEST:
            continue
        seen += 1
        found += [f"{answer.number} {answer.qualname}: {name}" for name in is_there(body)]
        runs = [body[start : start + RUN] for start in range(len(body) - RUN + 1)]
        found += [f"{answer.number}: {run}" for run in runs if is_there(run, "chapters/ch")]
    assert seen > 200 and found == []


def test_no_answer_to_a_question_is_in_the_copy(texts):
    found = []
    for path, answer, _ in answers():
        if path.name == TABLE_FILE:
            values = read_table(path.read_text("utf-8"), answer.number)
            given = texts[f"chapters/{path.parent.name}/{TABLE_FILE}"]
            found += [f"{answer.number} {key}" for key in values if f'{key} = "?"' not in given]
    assert found == []


def test_no_record_of_a_mistake_or_right_answer_is_in_the_copy(texts, is_there):
    assert not [name for name in texts if "/mistakes/" in name]
    seen, found = 0, []
    for chapter in CHAPTERS:
        for one in [*gather(chapter.name, Mistake), *gather(chapter.name, RightAnswer)]:
            for body in map(lines_of, one.changes.values()):
                if len(body) > 1 and len(joined(body)) > SHORTEST:
                    seen += 1
                    found += [f"{one}: {name}" for name in is_there(body)]
    assert seen > 300 and found == []


def test_the_copy_has_no_history_exam_record_or_recipe(copy, texts):
    assert not [path.name for path in copy.iterdir() if path.name in (".git", "site", "solutions")]
    unwanted = r"docs/(lecturer|_[a-df-z])|instructors|^toy_models/.*train\.py|progress\.toml|xz$"
    assert not [name for name in texts if re.search(unwanted, name)]
    lines = {line for text in texts.values() for line in text}
    for exam in sorted((ROOT / "docs/_exams").glob("*.md")):
        sentences = [line for line in lines_of(exam.read_text("utf-8")) if len(line) > SHORTEST]
        assert len(sentences) > 10 and lines.isdisjoint(sentences), exam.name


def test_every_import_of_the_copy_is_in_the_copy(copy):
    missing = []
    for path in [file for room in ROOMS for file in copy.glob(f"{room}/**/*.py")]:
        name = path.relative_to(copy).as_posix()
        for module in imported(parse(path.read_text("utf-8")), name):
            place = copy / module.replace(".", "/")
            ours = (ROOT / module.replace(".", "/")).with_suffix(".py").is_file()
            if ours and not place.with_suffix(".py").is_file():
                missing.append(f"{name} imports {module}")
    assert missing == []


def test_navigation_and_links_name_only_pages_of_the_copy(copy):
    pages = {page.name for page in (copy / "docs").glob("*.md")}
    entries = re.findall(r": ([\w/]+\.md)$", (copy / "mkdocs.yml").read_text("utf-8"), re.M)
    assert len(entries) > 40 and {entry for entry in entries if entry not in pages} == set()
    for page in sorted(pages):
        targets = re.findall(r"\]\((\w[\w/]*\.md)[)#]", (copy / "docs" / page).read_text("utf-8"))
        assert {target for target in targets if target not in pages} == set(), page


def test_an_empty_heading_leaves_the_navigation():
    text = "nav:\n  - A: a.md\n  - Group:\n      - B: x/b.md\n      - C: c.md\n"
    assert without_entries(text, {"a.md"}) == "nav:\n  - A: a.md\n"
    assert without_entries(text, {"a.md", "c.md"}) == text.replace("      - B: x/b.md\n", "")


def run(copy, *words):
    env = {**os.environ, "PYTHONPATH": "", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", *words]
    done = subprocess.run(command, cwd=copy, env=env, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_a_stub_is_todo_and_an_answer_is_graded_in_the_copy(copy):
    file = copy / "chapters/ch00_looking/tensors.py"
    stub = 'raise NotImplementedError("exercise 0.1")'
    wrong = file.read_text("utf-8").replace(stub, "return embedded.mean(dim=0)", 1)
    file.write_text(wrong, "utf-8")
    words = ["-q", "-p", "no:cacheprovider", "tests/ch00_looking/test_tensors.py"]
    _, said = run(copy, "pytest", "-m", "0.1 or 0.2", *words)
    assert re.search(r"\d failed, \d+ deselected, \d todo", said) and "expected" in said, said
    assert "Traceback" not in said and "passed" not in said, said
    file.write_text(wrong.replace("mean(dim=0)", "mean(dim=1)"), "utf-8")
    code, said = run(copy, "chapters", "check", "0.1")
    assert code == 0 and "0.1" in said, said


@pytest.mark.parametrize(
    "words, said",
    [
        (["chapters", "workbook", "--check"], "no solutions/"),
        (["chapters", "test"], "for students"),
        (["chapters", "solution", "0.2"], "without its solutions"),
        (["toy_models", "train", "attn_0l"], "no recipes"),
        (["chapters", "export", "--student", "../again"], "without solutions/"),
    ],
)
def test_a_tool_says_what_the_copy_lacks(copy, words, said):
    code, output = run(copy, *words)
    assert said in output and "Traceback" not in output, output
    assert code == 1


def test_a_released_chapter_has_its_reference_and_mistakes(tmp_path):
    calendar = tmp_path / "calendar.toml"
    calendar.write_text("[releases]\n0 = 2027-02-08\n1 = 2027-02-15\n4 = 2027-03-15\n", "utf-8")
    released = exporting.released_chapters(str(calendar), "2027-02-15")
    assert released == {0, 1}
    tree = student_tree(ROOT, released)
    chapters = {name.split("/")[1] for name in tree if name.startswith("solutions/ch")}
    assert chapters == {"ch00_looking", "ch01_superposition"}
    records = {name.split("/")[1] for name in tree if "/mistakes/" in name}
    assert records == chapters and "solutions/__init__.py" in tree
    with pytest.raises(CourseError, match="got 99 in the calendar"):
        student_tree(ROOT, {99})


@pytest.mark.parametrize(
    "text, date, said",
    [
        ("[releases]\n4 = 2027-03-15\n", "15.3.2027", "expected a date such as"),
        ("[releases]\nfour = 2027-03-15\n", None, "expected lines such as"),
        ("[releases]\n4 = 'March'\n", None, "expected lines such as"),
        ("[weeks]\n4 = 2027-03-15\n", None, r"expected a table \[releases\]"),
        ("[releases\n", None, "expected a TOML file"),
    ],
)
def test_a_wrong_calendar_is_refused(tmp_path, text, date, said):
    calendar = tmp_path / "calendar.toml"
    calendar.write_text(text, "utf-8")
    with pytest.raises(CourseError, match=said):
        exporting.released_chapters(str(calendar), date)


def test_a_target_in_use_is_refused_and_left_as_it_is(tmp_path, monkeypatch):
    (tmp_path / "notes.txt").write_text("mine", "utf-8")
    for target in (tmp_path, tmp_path / "notes.txt", ROOT / "copy"):
        with pytest.raises(CourseError, match="expected a"):
            exporting.export_student(target, set())
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
    repository = tmp_path / "class"
    (repository / ".git").mkdir(parents=True)
    monkeypatch.setattr(exporting, "student_tree", lambda *_: {"docs/a.md": b"a page"})
    exporting.export_student(repository, set())
    assert sorted(path.name for path in repository.iterdir()) == [".git", "docs"]
    with pytest.raises(CourseError, match="with docs in it"):
        exporting.export_student(repository, set())


def test_a_leak_stops_the_export(tmp_path, monkeypatch):
    leaked = SOLUTIONS / "ch02_transformer" / "layers.py"
    monkeypatch.setattr(exporting, "student_tree", lambda *_: {"docs/a.md": leaked})
    with pytest.raises(CourseError, match=r"docs/a.md: the answer of 2\.7 GatedMLP.forward"):
        exporting.export_student(tmp_path / "copy", set())
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_export_leaves_nothing(tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(exporting, "student_tree", lambda *_: {"a.md": b"a page"})
    monkeypatch.setattr(exporting, "write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        exporting.export_student(tmp_path / "copy", set())
    assert list(tmp_path.iterdir()) == []


def test_the_calendar_has_each_exercise_in_one_week():
    calendar = tomllib.loads((ROOT / "docs/lecturer/calendar.toml").read_text("utf-8"))
    exercises = read_exercises()
    weeks = [chosen(week["exercises"], exercises.values()) for week in calendar["week"]]
    assert len(weeks) == 12
    assert [one.number for week in weeks for one in week] == list(exercises)
    waiting = [one for week in calendar["week"] for one in chosen(week["wait"], exercises.values())]
    assert len(waiting) > 20 and [one.number for one in waiting if one.core] == []
    assert {int(name) for name in calendar["releases"]} == {
        int(number.split(".")[0]) for number in exercises
    }


def test_workflow_and_devcontainer_name_what_is_there(copy):
    container = json.loads((copy / ".devcontainer/devcontainer.json").read_text("utf-8"))
    assert container["image"].startswith("mcr.microsoft.com/") and "course" in str(container)
    workflow = yaml.safe_load((copy / ".github/workflows/check.yml").read_text("utf-8"))
    steps = workflow["jobs"]["check"]["steps"]
    commands = [step["run"] for step in steps if "run" in step]
    assert workflow["permissions"] == {"contents": "read"} and len(commands) == 3
    code = commands[0].split('"')[1].partition(";")[0]
    assert subprocess.run([sys.executable, "-c", code], cwd=copy, check=False).returncode == 0
