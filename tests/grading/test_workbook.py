"""The generator writes the workbook, and never over a learner's work."""

import subprocess
from pathlib import Path

import pytest

from chapters.course.answers import blank_tables
from chapters.course.workbook import workbook

SOURCE = '''\
"""A file."""


def double(x):
    """Twice x."""
    # exercise 2.1
    return 2 * x


def half(x):
    """Half of x."""
    # exercise 2.2
    return x / 2
'''
ANSWERS = """\
# Which heads?
heads = [
    [1, 4],  # the one
    [2, 5],
]

[why]  # a table
"because.of" = "the 4 = four"
share = 0.5
"""


class Project:
    """A repository of one small chapter."""

    def __init__(self, root: Path):
        self.root = root
        self.source = root / "solutions/ch02_small/a.py"
        self.page = root / "chapters/ch02_small/a.py"
        self.source.parent.mkdir(parents=True)
        self.source.write_text(SOURCE, "utf-8")
        (self.source.parent / "table.csv").write_bytes(b"a,b\r\n")
        (self.source.parent / "answers.toml").write_text(ANSWERS, "utf-8")
        self.git("init", "-q", "-b", "main")

    def git(self, *words: str) -> None:
        who = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "core.autocrlf=false"]
        subprocess.run(["git", *who, *words], cwd=self.root, check=True, capture_output=True)

    def commit(self) -> None:
        self.git("add", ".")
        self.git("commit", "-q", "-m", "a step")

    def edit_source(self, old: str, new: str) -> None:
        self.source.write_text(self.source.read_text("utf-8").replace(old, new), "utf-8")


@pytest.fixture
def project(tmp_path):
    project = Project(tmp_path)
    assert workbook(root=tmp_path) == 0
    project.commit()
    return project


def test_the_workbook_is_the_source_with_the_answers_removed(project):
    text = project.page.read_text("utf-8")
    assert text.count("raise NotImplementedError") == 2 and "Twice x." in text
    assert (project.page.parent / "table.csv").read_bytes() == b"a,b\r\n"
    assert workbook(check=True, root=project.root) == 0
    assert not list(project.root.rglob("*.part"))


def test_answers_to_questions_become_question_marks(project):
    text = (project.page.parent / "answers.toml").read_text("utf-8")
    assert text == (
        '# Which heads?\nheads = "?"\n\n[why]  # a table\n"because.of" = "?"\nshare = "?"\n'
    )
    with pytest.raises(ValueError, match="expected TOML, got from here on: heads = "):
        blank_tables("# fine\nheads = [1,\n")


def test_a_changed_source_rewrites_an_untouched_stub(project, capsys):
    project.edit_source("Twice x", "Two times x")
    assert workbook(check=True, root=project.root) == 1
    assert "chapters/ch02_small/a.py is not what" in capsys.readouterr().out
    assert workbook(root=project.root) == 0
    assert "Two times x" in project.page.read_text("utf-8")


def test_a_stub_of_an_older_source_is_untouched_too(project):
    for word in ("Two times", "Double"):
        project.edit_source("Twice", word)
        project.commit()
        project.edit_source(word, "Twice")
    project.edit_source("Twice", "Thrice")
    workbook(root=project.root)
    assert "Thrice" in project.page.read_text("utf-8")


@pytest.mark.parametrize("committed", [False, True])
@pytest.mark.parametrize(
    "old, new",
    [
        ('raise NotImplementedError("exercise 2.1")', "return x + x"),
        ('"""A file."""\n', '"""A file."""\n\n\ndef helper():\n    return 1\n'),
        ("def half", "def half("),
    ],
    ids=["answer", "helper", "half a word"],
)
def test_a_learners_work_is_not_overwritten(project, capsys, old, new, committed):
    project.page.write_text(project.page.read_text("utf-8").replace(old, new), "utf-8")
    before = project.page.read_bytes()
    if committed:
        project.commit()
    project.edit_source("Twice", "Two times")
    assert workbook(root=project.root) == 0
    assert project.page.read_bytes() == before
    assert "left unchanged chapters/ch02_small/a.py" in capsys.readouterr().out


def test_without_git_only_missing_files_are_written(project, monkeypatch):
    monkeypatch.setenv("PATH", "")
    project.edit_source("Twice", "Two times")
    (project.page.parent / "table.csv").unlink()
    workbook(root=project.root)
    assert "Twice" in project.page.read_text("utf-8")
    assert (project.page.parent / "table.csv").exists()


def test_a_file_without_a_source_is_removed_unless_edited(project):
    project.source.unlink()
    (project.source.parent / "table.csv").unlink()
    (project.page.parent / "own.py").write_text("x = 1\n", "utf-8")
    workbook(root=project.root)
    assert not project.page.exists() and (project.page.parent / "own.py").exists()


def test_windows_line_ends_make_no_difference(project):
    project.page.write_bytes(project.page.read_bytes().replace(b"\n", b"\r\n"))
    assert workbook(check=True, root=project.root) == 0


def test_a_merge_adds_new_docstrings_and_keeps_answers(project):
    """Upstream changes docstrings right above two answers; the learner has written both."""
    project.git("switch", "-q", "-c", "learner")
    text = project.page.read_text("utf-8")
    for number, answer in (("2.1", "return x + x"), ("2.2", "y = x * 0.5\n    return y")):
        text = text.replace(f'raise NotImplementedError("exercise {number}")', answer)
    project.page.write_text(text, "utf-8")
    project.commit()
    project.git("switch", "-q", "main")
    project.edit_source("Twice x.", "Two times x.")
    project.edit_source("Half of x.", "Half as much as x.")
    workbook(root=project.root)
    project.commit()
    project.git("switch", "-q", "learner")
    project.git("merge", "-q", "-m", "update", "main")
    merged = project.page.read_text("utf-8")
    for part in ("Two times x.", "Half as much as x.", "return x + x", "y = x * 0.5"):
        assert part in merged
    assert workbook(root=project.root) == 0
    assert project.page.read_text("utf-8") == merged
