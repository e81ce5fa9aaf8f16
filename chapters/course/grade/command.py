"""`mi grade FOLDER`: grade the submissions of a class on pristine graders.

1. Each submission is read: for every exercise the text that counts, or why there is none.
2. An answer that uses what no answer needs is refused, from its syntax tree alone.
3. Workers run the graders, each answer in a process of its own. What the records hold already is
   not run again.
4. Points, late days and pages are written into the folder of results.
"""

import contextlib
import csv
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from ..exercise_pages import Exercise, numeric
from ..exercises import exercises
from ..terminal import CourseError
from .classroom import Class
from .course_copy import SOLUTIONS
from .folders import is_one, places
from .settings import Settings, read_settings


def grade(
    folder: str,
    out: str | None = None,
    only: str | None = None,
    jobs: int = 2,
    fresh: bool = False,
    ids: bool = False,
    no_model: bool = False,
) -> int:
    """Grade a folder of submissions, or one submission; return 1 if something was not graded."""
    place = Path(folder).resolve()
    if not place.is_dir():
        raise CourseError(f"Expected a folder of submissions, got {folder}.")
    if not SOLUTIONS.is_dir():
        raise CourseError("Grading needs solutions/: use your full copy of the course.")
    if not hasattr(os, "fork"):
        raise CourseError("Grading needs Linux or macOS; on Windows, run it in WSL.")
    # A submission must not bring its own rules.
    settings = read_settings(place.parent if is_one(place) else place)
    if ids:
        return _say_ids(place, settings)
    results = Path(out).resolve() if out else place.with_name(f"{place.name}-grades")
    if results == place or place in results.parents:
        raise CourseError(f"Expected --out outside of {place}, got {results}.")
    chosen = selected(only)
    places(place)  # a folder without submissions gets no folder of results
    with _only_one(results):
        class_ = Class(place, results, settings, chosen)
        if no_model:
            class_.leave_out_model()
        return class_.grade(max(jobs, 1), fresh)


def selected(only: str | None) -> dict[str, Exercise]:
    """Return the exercises of a chapter (4), of several (4,5.2), or all.

    Raises: CourseError for a number that no exercise has.
    """
    every = exercises()
    if only is None:
        return every
    found: dict[str, Exercise] = {}
    for word in only.replace(",", " ").split():
        chosen = {n: one for n, one in every.items() if word in (n, n.split(".")[0])}
        if not chosen:
            raise CourseError(f"Expected exercises such as 4 or 4.2,5.1, got {word}.")
        found |= chosen
    return {number: found[number] for number in sorted(found, key=numeric)}


def _say_ids(folder: Path, settings: Settings) -> int:
    """Print the students' ids as CSV."""
    names = places(folder).keys() | settings.students.keys()
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["student", "id"])
    for name in sorted(names):
        writer.writerow([name, settings.learner(name)])
    return 0


@contextlib.contextmanager
def _only_one(results: Path) -> Iterator[None]:
    """Let one command at a time write into a folder of results, and delete its copies after."""
    from filelock import FileLock, Timeout

    results.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(results / "work.lock", timeout=0):
            shutil.rmtree(results / "work", ignore_errors=True)
            try:
                yield
            finally:
                shutil.rmtree(results / "work", ignore_errors=True)
    except Timeout:
        raise CourseError(
            f"Another `mi grade` is writing to {results}; wait for it, or choose another --out."
        ) from None
