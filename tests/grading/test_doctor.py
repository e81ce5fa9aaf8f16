"""`mi doctor`: packages that are not whole; and, after an update, conflicts and old names.

solutions_before_renames.tar.xz holds the marked files of solutions/ at commit c5599ec, before the
names of the public functions changed. The stubs of these files are the old workbook, and their
answers are the learner's.
"""

import ast
import importlib.metadata
import re
import subprocess
import tarfile
from collections.abc import Iterable
from pathlib import Path

import pytest

from chapters.course import doctor, files, grading, old_names, progress
from chapters.course.answers import find_answers, functions_of, make_stub
from chapters.course.terminal import CourseError
from chapters.course.workbook import expected_files

ROOT = Path(__file__).resolve().parents[2]
OLD = Path(__file__).with_name("solutions_before_renames.tar.xz")
WRITTEN = "0.4 0.9 0.12 1.3 1.15 2.2 2.5 2.9 2.14 2.18 3.1 3.10 4.2 4.10 5.1 5.3 5.7 5.13 7.1 7.10"


def old_solutions() -> dict[str, str]:
    """Path below solutions/ -> text, of every marked file before the names changed."""
    with tarfile.open(OLD) as archive:
        texts = {entry.name: archive.extractfile(entry) for entry in archive if entry.isfile()}
        return {name: text.read().decode() for name, text in texts.items() if text}


def answer_texts(source: str, numbers: list[str]) -> list[str]:
    lines = source.split("\n")
    chosen = [answer for answer in find_answers(source) if answer.number in numbers]
    return ["\n".join(lines[a.mark_line : a.last_line]) for a in chosen]


def fill_in(source: str, numbers: list[str]) -> str:
    """Turn the answers of all other exercises into stubs."""
    lines = source.split("\n")
    stub = make_stub(source).split("\n")
    for mine, theirs in zip(
        reversed(find_answers(source)), reversed(find_answers("\n".join(stub))), strict=True
    ):
        if mine.number in numbers:
            stub[theirs.mark_line : theirs.last_line] = lines[mine.mark_line : mine.last_line]
    return "\n".join(stub)


class Learner:
    """A learner's repository: the old workbook, some answers, then a merge of the new workbook."""

    def __init__(self, root: Path, numbers: list[str]):
        self.root, self.numbers = root, numbers
        old = old_solutions()
        self.git("init", "-q", "-b", "main")
        self.commit({f"chapters/{name}": make_stub(text) for name, text in old.items()})
        self.git("switch", "-q", "-c", "learner")
        self.commit({f"chapters/{name}": fill_in(text, numbers) for name, text in old.items()})
        self.git("switch", "-q", "main")
        for name in old:
            (root / "chapters" / name).unlink()
        self.commit(expected_files(ROOT))
        self.git("switch", "-q", "learner")
        for number in numbers:
            progress.record_pass(number)
        self.git("merge", "-q", "main", check=False)
        self.answers = [a for text in old.values() for a in answer_texts(text, numbers)]

    def git(self, *words: str, check: bool = True) -> str:
        who = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "core.autocrlf=false"]
        done = subprocess.run(
            ["git", *who, *words], cwd=self.root, check=check, capture_output=True, text=True
        )
        return done.stdout

    def commit(self, texts) -> None:
        for name, text in texts.items():
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            (self.root / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "a step")


def make_learner(root: Path, monkeypatch, numbers: list[str]) -> Learner:
    """Build the repository, and let the tools look at it."""
    root.mkdir()
    for module in (files, old_names, progress):
        monkeypatch.setattr(module, "CHAPTERS", root / "chapters")
    monkeypatch.setattr(files, "ROOT", root)
    return Learner(root, numbers)


@pytest.fixture
def learner(tmp_path, monkeypatch):
    return make_learner(tmp_path / "twenty", monkeypatch, WRITTEN.split())


def test_a_merge_keeps_every_answer(learner):
    texts = [path.read_text("utf-8") for path in (learner.root / "chapters").rglob("*.py")]
    assert len(learner.answers) >= len(learner.numbers) == 20
    assert [a for a in learner.answers if not any(a in text for text in texts)] == []


def test_no_recorded_pass_is_lost(learner):
    passes = progress.read_passes()
    assert passes.current | passes.outdated == set(learner.numbers)
    assert "2.14" in passes.outdated, "given code that has changed makes a pass outdated"


def test_conflicts_and_moved_files_are_listed(learner):
    changes = "\n".join(old_names.changes_needed())
    for line in learner.git("status", "--porcelain").splitlines():
        state, name = line.split(maxsplit=1)
        if state == "UU":
            assert re.search(rf"{re.escape(name)}:\d+: merge conflict", changes), name
        elif state in ("UD", "DU"):
            assert f"{name}:1: move your answers to chapters/" in changes, name
    assert "chapters/ch05_patching/sites.py:1: move your answers" in changes


def test_old_names_are_listed_with_file_and_line(learner):
    changes = old_names.changes_needed()
    for old, new in (
        ("HookedTransformer.through", "HookedTransformer.run_blocks"),
        ("lift", "at_least_float32"),
        ("2.9 cap", "softcap"),
        ("4.2 first", "n_bos"),
    ):
        assert any(change.endswith(f": {old} is now {new}") for change in changes), old
    only = old_names.changes_needed(["4.2"])
    assert [line for line in only if "4.2 first" in line] and not [
        x for x in only if "is now" in x and "ch05" in x
    ]


def identifiers(nodes: Iterable[ast.AST]) -> set[str]:
    fields = [
        getattr(part, field, None)
        for node in nodes
        for part in ast.walk(node)
        for field in ("id", "attr", "arg", "name")
    ]
    return {field for field in fields if isinstance(field, str)}


def defined(nodes: Iterable[ast.AST]) -> set[str]:
    """Names of functions, classes, arguments and variables that some statements define."""
    parts = [part for node in nodes for part in ast.walk(node)]
    names = {p.id for p in parts if isinstance(p, ast.Name) and isinstance(p.ctx, ast.Store)}
    names |= {p.name for p in parts if isinstance(p, ast.FunctionDef | ast.ClassDef)}
    return names | {part.arg for part in parts if isinstance(part, ast.arg)}


def test_every_name_that_no_longer_exists_is_listed(tmp_path, monkeypatch):
    """With every old answer written, each identifier that the new tree lacks is in some line."""
    old = {name: ast.parse(text) for name, text in old_solutions().items()}
    answers = {name: find_answers(text) for name, text in old_solutions().items()}
    make_learner(tmp_path / "all", monkeypatch, [a.number for f in answers.values() for a in f])
    listed = " ".join(old_names.changes_needed())
    new = identifiers(ast.parse(p.read_text("utf-8")) for p in (ROOT / "solutions").rglob("*.py"))
    gone = defined(old.values()) - new
    missing = set()
    for name, tree in old.items():
        functions = functions_of(tree)
        for answer in answers[name]:
            body = functions[answer.qualname].body
            below = [part for part in body if part.lineno > answer.mark_line]
            names = (identifiers(below) - defined(below)) & gone
            missing |= {(answer.number, n) for n in names if not re.search(rf"\b{n}\b", listed)}
    assert gone and missing == set()


def test_the_reference_uses_no_old_name(monkeypatch):
    """A name that is listed although the tested answers use it would mislead."""
    monkeypatch.setattr(old_names, "CHAPTERS", ROOT / "solutions")
    monkeypatch.setattr(old_names, "reference_of", lambda path: path)
    found = [
        f"{path.name}:{line}: {rename.old}"
        for path in sorted((ROOT / "solutions").glob("ch*/**/*.py"))
        for line, rename in old_names.old_names(path.read_text("utf-8"), path)
    ]
    assert found == []


def test_doctor_finds_a_half_installed_package(monkeypatch):
    assert doctor.packages().ok, doctor.packages().text
    real = importlib.metadata.files

    def files(name):
        if name == "einops":
            raise importlib.metadata.PackageNotFoundError
        lost = importlib.metadata.PackagePath("tqdm/gone.py")
        lost.dist = importlib.metadata.distribution(name)
        return [*real(name), lost] if name == "tqdm" else real(name)

    monkeypatch.setattr(doctor.importlib.metadata, "files", files)
    found = doctor.packages()
    assert not found.ok and "einops (not installed), tqdm (1 missing file)" in found.text
    monkeypatch.setattr(doctor, "read_stamp", lambda venv: {"state": "unfinished"})
    assert not doctor.environment().ok


def test_a_file_that_hides_a_library_is_named(tmp_path, monkeypatch):
    for name in ("torch.py", "random.py", "notes.py", "numpy.txt"):
        (tmp_path / name).touch()
    assert not doctor.hiding_files()
    hiding = doctor.hiding_files(tmp_path)
    assert [line.split(" hides")[0] for line in hiding] == ["random.py", "torch.py"]
    for module in (doctor, grading):
        monkeypatch.setattr(module, "hiding_files", lambda: hiding)
    assert any(not found.ok and "torch.py hides" in found.text for found in doctor.necessary())
    said = grading.could_not("AttributeError: module 'torch' has no attribute 'Tensor'")
    assert "torch.py hides the library of that name: give the file another name." in said


def test_doctor_says_what_would_be_loaded(tmp_path, capsys):
    """A toy would be loaded; a folder without files would not, and both are named."""
    assert doctor.examine(model=str(ROOT / "toy_models/attn_2l")) == 0
    found = capsys.readouterr().out
    for words in ("native", "d_model=64", "49,728 numbers in F16", "It would be loaded."):
        assert words in found, found
    assert doctor.examine(model=str(tmp_path)) == 1
    found = capsys.readouterr().out
    assert "config.json is missing" in found and "It would not be loaded." in found
    with pytest.raises(CourseError, match="expected a folder"):
        doctor.examine(model=str(tmp_path / "none"))
