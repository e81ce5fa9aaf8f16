"""Grade a class: read it, have its answers run, judge, sum up the points, write the results."""

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ..exercise_pages import Exercise
from ..files import replace_file
from ..terminal import bar, plural, printable, say
from .course_copy import course_digest
from .folders import submissions
from .reading import Reader
from .records import NOT_GRADED, PASSED, Expected, Records, Verdict, judge
from .report import class_page, student_page
from .results import Marks, gradescope, junit, marks_of, table
from .settings import Settings
from .submission import Submission
from .taken import digest
from .workers import Job, Pool, Task, Unit, Worker, reference_task

CONFINEMENT = "confinement"
"""The record of what the system refused when answers last ran."""
NAMES = {
    "network": "answers could reach the network",
    "files": "answers could read and write this disk",
    "processes": "processes that an answer starts are ended by their group only",
    "user": "answers ran as you, not as another user",
}
"""What a system may refuse -> the words in the result when it does."""


class Class:
    """The submissions of a class, and what became of them."""

    def __init__(
        self, folder: Path, results: Path, settings: Settings, chosen: dict[str, Exercise]
    ):
        self.folder, self.results, self.settings, self.chosen = folder, results, settings, chosen
        found = submissions(folder, results / "work" / "unpacked")
        self.submissions = [one.submission for one in found]
        self.remarks = {one.submission.name: one.remarks for one in found}
        self.records = Records(results / "records")
        self.verdicts: dict[str, dict[str, Verdict]] = {}
        self.waiting: dict[str, list[tuple[str, str]]] = {}
        self.reader, self.model = Reader(course_digest(), settings, chosen), True
        self.done = self.total = 0

    def leave_out_model(self) -> None:
        """Grade without the real model: with fewer graders, whose verdicts are others."""
        self.reader.course, self.model = f"{self.reader.course} without the model", False

    def grade(self, jobs: int, fresh: bool) -> int:
        """Grade everything, and write the results; return 1 if something was not graded."""
        start = time.monotonic()
        chosen = plural(len(self.chosen), "exercise")
        say(f"{plural(len(self.submissions), 'submission')}, {chosen}: reading the answers.")
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
        for remark in (one for own in self.remarks.values() for one in own):
            say(remark)
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
            self.verdicts[one.name] = {}
            for number in self.chosen:
                job = self.reader.job(one, number)
                if isinstance(job, Verdict):
                    self.verdicts[one.name][number] = job
                    continue
                self.waiting.setdefault(job.key, []).append((one.name, number))
                jobs[number].setdefault(job.key, job)
        self.reader.add_reference_shapes()
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
                units.append(self.reader.unit(number, list(keyed.values())))
        return units

    def _reference_key(self, number: str) -> str:
        return digest(number, [self.reader.course, "the reference"])

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

    def _marks(self, one: Submission) -> Marks:
        """Sum up a student's points, and subtract what late days cost."""
        own = self.verdicts[one.name]
        verdicts = {
            number: own.get(number, Verdict(NOT_GRADED, "the command ended before"))._replace(
                notes=self.reader.notes[one.name].get(number, ())
            )
            for number in self.chosen
        }
        marks = marks_of(one.name, verdicts, self.chosen, self.settings.partial)
        days = self.settings.late_days(one.name, one.time())
        lost = round(sum(marks.points.values()) * self.settings.lost(days), 2)
        return marks._replace(late_days=days, lost=lost)

    def _write(self, marks: Sequence[Marks], remarks: list[str]) -> None:
        """Write every result."""
        for one in marks:
            folder = self.results / "students" / one.student
            own = one._replace(notes=[*one.notes, *self.remarks[one.student], *remarks])
            _replace(folder / "results.json", gradescope(own, self.chosen))
            _replace(folder / "junit.xml", junit(own, self.chosen))
            page = student_page(own, self.chosen)
            _replace(folder / "report.html", page)
        _replace(self.results / "scores.csv", table(list(marks), self.chosen))
        remarks = [*remarks, *(one for own in self.remarks.values() for one in own)]
        if self.reader.full_of_numbers:
            told = "Read these answers, which may be tables of expected values"
            remarks = [*remarks, f"{told}: {'; '.join(self.reader.full_of_numbers)}."]
        page = class_page(marks, self.chosen, remarks, self.reader.similar())
        _replace(self.results / "class.html", page)


def _replace(path: Path, text: str) -> None:
    """Write a file of results; what is not Unicode, as in the name of a file, is escaped."""
    replace_file(path, text.encode("utf-8", "backslashreplace"))
