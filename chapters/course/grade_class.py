"""`mi grade FOLDER`: grade the submissions of a class on pristine graders.

1. Each submission is read: for every exercise the text that counts, or why there is none.
2. An answer that uses what no answer needs is refused, from its syntax tree alone.
3. Workers run the graders, each answer in a process of its own. What the records hold already is
   not run again.
4. Points, late days and pages are written into the folder of results.
"""

import contextlib
import csv
import functools
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from . import grade_allowed, grade_report, grade_results, grade_similarity, grade_submission
from .answers import TABLE_FILE, open_keys, read_table, table_text
from .exercises import Exercise, exercises, numeric
from .files import chapter_folder, replace_file
from .grade_course import SOLUTIONS, TESTS, course_digest
from .grade_records import (
    MISSING,
    NOT_GRADED,
    PASSED,
    REFUSED,
    TODO,
    Expected,
    Records,
    Verdict,
    judge,
)
from .grade_results import Marks
from .grade_settings import Settings, read_settings
from .grade_submission import CannotTake, Original, Submission
from .grade_workers import Job, Pool, Task, Unit, Worker, reference_task
from .terminal import CourseError, bar, plural, printable, say

CONFINEMENT = "confinement"
"""The record of what the system refused when answers last ran."""
NAMES = {
    "network": "answers could reach the network",
    "files": "answers could read and write this disk",
    "processes": "processes that an answer starts are ended by their group only",
    "user": "answers ran as you, not as another user",
}
"""What a system may refuse -> the words in the result when it does."""


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
    class_ = Class(place, results, settings, selected(only))
    if no_model:
        class_.leave_out_model()
    with _only_one(results):
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


def submissions(folder: Path) -> list[Submission]:
    """List the submissions in a folder: its subfolders, or itself where it holds chapters.

    Raises: CourseError when there is none.
    """
    if is_one(folder):
        return [Submission(folder)]
    names = [path for path in sorted(folder.iterdir()) if path.is_dir() and path.name[0] != "."]
    if not names:
        raise CourseError(f"Expected one folder per student in {folder}, got none.")
    return [Submission(path) for path in names if not path.is_symlink()]


@functools.cache
def is_own_case(number: str) -> bool:
    """Whether a question is about a model that is drawn from the learner's id."""
    folder = TESTS / chapter_folder(number).name
    texts = [path.read_text("utf-8") for path in folder.glob("test_*.py")]
    return any(f'"{number}"' in text and "own_case" in text for text in texts)


def is_one(folder: Path) -> bool:
    """Whether a folder is one submission: it holds chapters."""
    names = [path.name for path in folder.iterdir() if path.is_dir()]
    return any(name == "chapters" or grade_submission.CHAPTER.match(name) for name in names)


class Class:
    """The submissions of a class, and what became of them."""

    def __init__(
        self, folder: Path, results: Path, settings: Settings, chosen: dict[str, Exercise]
    ):
        self.folder, self.results, self.settings, self.chosen = folder, results, settings, chosen
        self.files = grade_submission.originals(SOLUTIONS)
        self.submissions = submissions(folder)
        self.records = Records(results / "records")
        self.verdicts: dict[str, dict[str, Verdict]] = {}
        self.notes: dict[str, dict[str, tuple[str, ...]]] = {}
        self.waiting: dict[str, list[tuple[str, str]]] = {}
        self.shapes: dict[str, dict[str, grade_similarity.Shape]] = {}
        self.full_of_numbers: list[str] = []
        self.course, self.model = course_digest(), True
        self.done = self.total = 0

    def leave_out_model(self) -> None:
        """Grade without the real model: with fewer graders, whose verdicts are others."""
        self.course, self.model = f"{self.course} without the model", False

    def grade(self, jobs: int, fresh: bool) -> int:
        """Grade everything, and write the results; return 1 if something was not graded."""
        start = time.monotonic()
        count = f"{plural(len(self.submissions), 'submission')}, {len(self.chosen)} exercises"
        say(f"{count}: reading the answers.")
        units = self._read(fresh)
        self.total = sum(len(unit.jobs) for unit in units)
        say(f"{plural(self.total, 'answer')} to run, {self.done} known from an earlier run.")
        hidden = [self.folder, self.results]
        workers = [
            Worker(self.results / "work" / str(place), hidden, self.model)
            for place in range(min(jobs, max(len(units), 1)))
        ]
        self.done = 0
        if units:
            Pool(workers).run(units, self._expected, self._report)
            missing = sorted({part for worker in workers for part in worker.missing})
            self.records.write(CONFINEMENT, {"missing": missing})
        missing = (self.records.read(CONFINEMENT) or {"missing": []})["missing"]
        marks = [self._marks(one) for one in self.submissions]
        self._write(marks, [f"Not confined here: {NAMES[part]}." for part in missing])
        whole = sum(exercise.points for exercise in self.chosen.values())
        say()
        for one in marks:
            say(f"  {one.score:>7g} of {whole}  {printable(one.student)}")
        say(f"\nResults: {self.results} ({time.monotonic() - start:.0f} s)")
        outcomes = [v.outcome for one in marks for v in one.verdicts.values()]
        left = outcomes.count(NOT_GRADED)
        if left:
            say(f"{plural(left, 'exercise')} could not be graded; the pages say why.")
        return 1 if left else 0

    def _read(self, fresh: bool) -> list[Unit]:
        """Judge what needs no run, and return what does."""
        jobs: dict[str, dict[str, Job]] = {number: {} for number in self.chosen}
        for one in self.submissions:
            self.verdicts[one.name], self.notes[one.name] = {}, {}
            for number in self.chosen:
                job = self._job(one, number)
                if isinstance(job, Verdict):
                    self.verdicts[one.name][number] = job
                    continue
                self.waiting.setdefault(job.key, []).append((one.name, number))
                jobs[number].setdefault(job.key, job)
        self._add_reference_shapes()
        if fresh:
            self.records.clear([*self.waiting, *map(self._reference_key, self.chosen)])
        units = []
        for number, keyed in jobs.items():
            for key in list(keyed):
                known = self.records.read(key)
                if known is not None:
                    self._note(key, Verdict(**{**known["verdict"], "notes": ()}))
                    del keyed[key]
                    self.done += 1
            if keyed:
                units.append(self._unit(number, list(keyed.values())))
        return units

    def _unit(self, number: str, jobs: list[Job]) -> Unit:
        original, table = self.files[number][0], ""
        if original.name.endswith(TABLE_FILE):
            table = table_text(original.text, number)
        return Unit(chapter_folder(number).name, number, jobs, table)

    def _job(self, one: Submission, number: str) -> Job | Verdict:
        """Return what is to run for an exercise, or the verdict that needs no run."""
        files = self.files[number]
        handed = one.handed(number, files)
        self.notes[one.name][number] = tuple(handed.notes)
        if handed.problem:
            return Verdict(MISSING, handed.problem)
        try:
            if files[0].name.endswith(TABLE_FILE):
                return self._question(one, handed, files[0])
            return self._functions(one, handed)
        except CannotTake as error:
            return Verdict(MISSING, str(error))
        except (RecursionError, MemoryError) as error:
            return Verdict(MISSING, f"nested too deep to be read ({type(error).__name__})")

    def _functions(self, one: Submission, handed: grade_submission.Handed) -> Job | Verdict:
        number, sources = handed.number, []
        notes = list(handed.notes)
        for original in self.files[number]:
            taken = grade_submission.take(handed.texts[original.name], original, number)
            notes += taken.notes
            self.notes[one.name][number] = tuple(notes)
            if taken.is_stub:
                return Verdict(TODO, "not written yet")
            words = grade_allowed.refusal(taken, original, number, SOLUTIONS)
            if words:
                return Verdict(REFUSED, words)
            count = grade_similarity.numbers_in(taken)
            if count > grade_similarity.MANY_NUMBERS:
                self.full_of_numbers.append(f"{one.name}, {number}: {count} numbers")
            shape = grade_similarity.shape_of(taken)
            if shape is not None:
                self.shapes.setdefault(f"{number} {original.name}", {})[one.name] = shape
            sources += [original.name, taken.source]
        key = grade_submission.digest(number, [self.course, *sources])
        return Job(key, number, handed.texts, "", "")

    def _question(
        self, one: Submission, handed: grade_submission.Handed, original: Original
    ) -> Job | Verdict:
        number = handed.number
        table = grade_submission.table_of(handed, original.name)
        with contextlib.suppress(ValueError, KeyError):
            left = open_keys(read_table(handed.texts[original.name], number))
            if left:
                return Verdict(TODO, f"still open: {', '.join(left)}")
        learner = ""
        if is_own_case(number):
            learner = self.settings.learner(one.name) or one.learner()
            if not learner:
                return Verdict(
                    MISSING, "expected the id in chapters/learner.toml, got no such file"
                )
        key = grade_submission.digest(number, [self.course, table, learner])
        return Job(key, number, {}, table, learner)

    def _reference_key(self, number: str) -> str:
        return grade_submission.digest(number, [self.course, "the reference"])

    def _expected(self, unit: Unit, ask: Callable[[Task], dict[str, Any]]) -> Expected | None:
        """Return what the reference does under an exercise's graders, run if it is not known."""
        key = self._reference_key(unit.number)
        known = self.records.read(key)
        if known is None:
            answer = ask(reference_task(unit))
            outcomes = answer.get("outcomes", {})
            graders = [name for name, outcome in outcomes.items() if outcome == PASSED]
            failed = [n for n, o in outcomes.items() if o not in (PASSED, "skipped")]
            reason = answer.get("broken") or answer.get("ended") or answer.get("tried") or ""
            if failed or reason or not graders:
                texts = "\n".join(text for _, text in answer.get("texts", []))
                words = f"the reference's own answer does not pass: {reason}{failed[:1]}\n{texts}"
                if outcomes and set(outcomes.values()) == {"skipped"}:
                    words = "its graders cannot run here; `mi model` fetches the real model"
                for job in unit.jobs:
                    self._note(job.key, Verdict(NOT_GRADED, words))
                return None
            known = {name: answer[name] for name in ("cpu", "memory", "strict", "modules")}
            known |= {"graders": graders}
            self.records.write(key, known)
        return Expected(**{name: known[name] for name in Expected._fields})

    def _report(self, unit: Unit, job: Job, answer: dict[str, Any], expected: Expected) -> None:
        """Judge and record one answer, and show how far it is."""
        verdict = judge(answer, expected, unit.chapter)
        if verdict.outcome != NOT_GRADED:
            self.records.write(job.key, {"verdict": verdict._replace(notes=())._asdict()})
        self._note(job.key, verdict)
        self.done += 1
        if sys.stdout.isatty():
            line = f"\r{bar(self.done, self.total)} {self.done} of {self.total}, {job.number}  "
            print(line, end="", flush=True)
        elif self.done % 100 == 0:
            say(f"{self.done} of {self.total}")

    def _note(self, key: str, verdict: Verdict) -> None:
        for student, number in self.waiting[key]:
            self.verdicts[student][number] = verdict

    def _add_reference_shapes(self) -> None:
        for place, shapes in self.shapes.items():
            number, name = place.split(" ")
            original = next(one for one in self.files[number] if one.name == name)
            shape = grade_similarity.shape_of(
                grade_submission.take(original.text, original, number)
            )
            if shape is not None:
                shapes[grade_similarity.REFERENCE] = shape

    def _marks(self, one: Submission) -> Marks:
        """Sum up a student's points, and subtract what late days cost."""
        own = self.verdicts[one.name]
        verdicts = {
            number: own.get(number, Verdict(NOT_GRADED, "the command ended before"))._replace(
                notes=self.notes[one.name].get(number, ())
            )
            for number in self.chosen
        }
        marks = grade_results.marks_of(one.name, verdicts, self.chosen, self.settings.partial)
        days = self.settings.late_days(one.name, one.time())
        lost = round(sum(marks.points.values()) * self.settings.lost(days), 2)
        return marks._replace(late_days=days, lost=lost)

    def _write(self, marks: Sequence[Marks], remarks: list[str]) -> None:
        """Write every result."""
        for one in marks:
            folder = self.results / "students" / one.student
            own = one._replace(notes=[*one.notes, *remarks])
            replace_file(folder / "results.json", grade_results.gradescope(own, self.chosen))
            replace_file(folder / "junit.xml", grade_results.junit(own, self.chosen))
            page = grade_report.student_page(own, self.chosen)
            replace_file(folder / "report.html", page)
        replace_file(self.results / "scores.csv", grade_results.table(list(marks), self.chosen))
        found = [
            pair
            for place, shapes in self.shapes.items()
            for pair in grade_similarity.pairs(place.split(" ")[0], shapes)
        ]
        if self.full_of_numbers:
            told = "Read these answers, which may be tables of expected values"
            remarks = [*remarks, f"{told}: {'; '.join(self.full_of_numbers)}."]
        page = grade_report.class_page(marks, self.chosen, remarks, found)
        replace_file(self.results / "class.html", page)


def _say_ids(folder: Path, settings: Settings) -> int:
    """Print the students' ids as CSV."""
    names = {one.name for one in submissions(folder)} | settings.students.keys()
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
        raise CourseError(f"Another `mi grade` is writing to {results}.") from None
