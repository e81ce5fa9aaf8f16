"""Copy the course for a worker that grades, without anything that answers an exercise.

In the copy the package `chapters` holds the reference's files, which the worker deletes as soon as
it has imported them; the tables of answers.toml are blank. There are no solutions, no records of
mistakes and right answers, no book, and no history.
"""

import hashlib
import os
import platform
import re
import shutil
from importlib.metadata import version
from pathlib import Path

from ..answers import TABLE_FILE, blank_tables
from ..files import ROOT

SOLUTIONS, TESTS = ROOT / "solutions", ROOT / "tests"
LEFT_OUT = shutil.ignore_patterns("__pycache__", "mistakes", ".*")
PACKAGES = ("torch", "numpy", "pytest", "jaxtyping", "beartype", "einops")


def copy_course(to: Path) -> None:
    """Copy the course into an empty folder."""
    shutil.copytree(ROOT / "chapters/course", to / "chapters/course", ignore=LEFT_OUT)
    shutil.copytree(TESTS / "grading", to / "tests/grading", ignore=LEFT_OUT)
    for name in ("chapters/__init__.py", "chapters/lab.py", "tests/__init__.py"):
        shutil.copy(ROOT / name, to / name)
    shutil.copy(TESTS / "conftest.py", to / "tests/conftest.py")
    shutil.copy(ROOT / "pyproject.toml", to / "pyproject.toml")
    for folder in sorted(SOLUTIONS.glob("ch*/")):
        shutil.copytree(folder, to / "chapters" / folder.name, ignore=LEFT_OUT)
        table = to / "chapters" / folder.name / TABLE_FILE
        if table.exists():
            table.write_text(blank_tables(table.read_text("utf-8")), "utf-8")
    for folder in sorted(TESTS.glob("ch*/")):
        shutil.copytree(folder, to / "tests" / folder.name, ignore=_without_project_tests)
    (to / "docs").mkdir()
    for page in sorted((ROOT / "docs").glob("ch*.md")):
        headings = re.findall(r"(?m)^### \d+\.\d+.*$", page.read_text("utf-8"))
        (to / "docs" / page.name).write_text("\n\n".join(headings) + "\n", "utf-8")
    if (ROOT / "toy_models").is_dir():
        shutil.copytree(
            ROOT / "toy_models", to / "toy_models", ignore=LEFT_OUT, copy_function=_link
        )
    for path in [to, *to.rglob("*")]:  # the user that runs answers reads, and owns nothing
        if path.is_dir():
            path.chmod(0o755)


def _without_project_tests(folder: str, names: list[str]) -> set[str]:
    """Leave out tests of no exercise, which may import what the copy does not have."""
    tests = [name for name in names if name.startswith("test_") and name.endswith(".py")]
    others = {name for name in tests if "exercise(" not in Path(folder, name).read_text("utf-8")}
    return set(LEFT_OUT(folder, names)) | others


def _link(source: str, target: str) -> None:
    """Link a large file, or copy it to another disk."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy(source, target)


def course_digest() -> str:
    """Hash everything that verdicts depend on: code, graders, toy models, versions of packages."""
    content = hashlib.sha256(platform.python_version().encode())
    for name in PACKAGES:
        content.update(f"{name} {version(name)}".encode())
    rooms = [SOLUTIONS, TESTS / "grading", *sorted(TESTS.glob("ch*/")), ROOT / "chapters/course"]
    paths = [path for room in rooms for path in sorted(room.rglob("*")) if path.is_file()]
    paths += [TESTS / "conftest.py", ROOT / "chapters/lab.py"]
    models = [path for path in sorted((ROOT / "toy_models").rglob("*")) if path.is_file()]
    for path in [*paths, *models]:
        relative = path.relative_to(ROOT)
        if "__pycache__" in relative.parts or "mistakes" in relative.parts:
            continue
        content.update(relative.as_posix().encode())
        small = path.suffix in (".py", ".toml", ".json")
        content.update(path.read_bytes() if small else str(path.stat().st_size).encode())
    return content.hexdigest()
