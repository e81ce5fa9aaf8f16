"""Write marks for other programs: Gradescope's results.json, JUnit XML, and one table as CSV.

The form of results.json is Gradescope's documented one: a list of tests with score, max_score,
status, name, number and output, and a score of the whole submission.
"""

import csv
import io
import json
import re
from typing import Any, NamedTuple
from xml.sax.saxutils import escape, quoteattr

from ..exercise_pages import Exercise
from .records import MISSING, NOT_GRADED, PASSED, TODO, Verdict

NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
LONGEST = 4000
"""Characters of one exercise's output."""


class Marks(NamedTuple):
    """What one student earned."""

    student: str
    """The name of the submission's folder."""
    verdicts: dict[str, Verdict]
    """Exercise -> what became of it."""
    points: dict[str, float]
    """Exercise -> what it earned, before late days."""
    late_days: int
    """Days after the due date."""
    lost: float
    """The points that late days cost."""
    notes: list[str]
    """What holds for the whole submission."""

    @property
    def score(self) -> float:
        """The points that count."""
        return round(sum(self.points.values()) - self.lost, 2)


def marks_of(
    student: str, verdicts: dict[str, Verdict], exercises: dict[str, Exercise], partial: bool
) -> Marks:
    """Give points: all of an exercise's for a pass; for a part of its graders, if so chosen."""
    points = {}
    for number, verdict in verdicts.items():
        whole = exercises[number].points
        share = 1.0 if verdict.outcome == PASSED else 0.0
        if partial and verdict.outcome not in (TODO, MISSING):
            share = verdict.share
        points[number] = float(int(10 * whole * share) / 10)
    return Marks(student, verdicts, points, 0, 0.0, [])


def gradescope(marks: Marks, exercises: dict[str, Exercise]) -> str:
    """Write the results.json of one submission."""
    tests: list[dict[str, Any]] = []
    for number, verdict in marks.verdicts.items():
        exercise = exercises[number]
        tests.append(
            {
                "number": number,
                "name": f"{number} {exercise.title}",
                "score": marks.points[number],
                "max_score": exercise.points,
                "status": "passed" if verdict.outcome == PASSED else "failed",
                "output": _output(verdict)[:LONGEST],
                "output_format": "text",
                "tags": [verdict.outcome],
                "visibility": "visible",
            }
        )
    cpu = sum(verdict.cpu for verdict in marks.verdicts.values())
    lines = list(marks.notes)
    if marks.late_days:
        lines.insert(0, f"{marks.late_days} days late: {marks.lost:g} points lost")
    whole = {
        "score": marks.score,
        "execution_time": round(cpu),
        "output": "\n".join(lines),
        "output_format": "text",
        "stdout_visibility": "hidden",
        "extra_data": {"late_days": marks.late_days, "lost": marks.lost},
        "tests": tests,
    }
    return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"


def _output(verdict: Verdict) -> str:
    return "\n".join([f"{verdict.outcome}: {verdict.words}", *verdict.notes])


def junit(marks: Marks, exercises: dict[str, Exercise]) -> str:
    """Write one submission as a JUnit test suite."""
    cases = []
    for number, verdict in marks.verdicts.items():
        name = quoteattr(_xml(f"{number} {exercises[number].title}"))
        child = ""
        if verdict.outcome in (TODO, MISSING, NOT_GRADED):
            child = f"<skipped message={quoteattr(_xml(verdict.words[:300]))}/>"
        elif verdict.outcome != PASSED:
            words = _xml(_output(verdict)[:LONGEST])
            child = f"<failure message={quoteattr(verdict.outcome)}>{escape(words)}</failure>"
        place = f'classname="chapter {number.split(".")[0]}" name={name} time="{verdict.cpu:.2f}"'
        cases.append(f"<testcase {place}>{child}</testcase>")
    failures = sum("<failure" in case for case in cases)
    skipped = sum("<skipped" in case for case in cases)
    head = f'tests="{len(cases)}" failures="{failures}" skipped="{skipped}" errors="0"'
    suite = f"<testsuite name={quoteattr(_xml(marks.student))} {head}>"
    body = "\n".join([suite, *cases, "</testsuite>"])
    return f'<?xml version="1.0" encoding="utf-8"?>\n<testsuites>\n{body}\n</testsuites>\n'


def _xml(text: str) -> str:
    """Replace the characters that XML cannot hold."""
    return NOT_XML.sub("?", text)


def table(marks: list[Marks], exercises: dict[str, Exercise]) -> str:
    """Write the marks of a class as CSV: one row per student, one column per exercise."""
    numbers = list(marks[0].verdicts) if marks else []
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    writer.writerow(["student", "score", "max_score", "late_days", "lost", *numbers])
    whole = sum(exercises[number].points for number in numbers)
    for one in marks:
        earned = [f"{one.points[number]:g}" for number in numbers]
        # A spreadsheet would run a name that starts like a formula.
        name = f"'{one.student}" if one.student[:1] in "=+-@\t" else one.student
        writer.writerow([name, f"{one.score:g}", whole, one.late_days, f"{one.lost:g}", *earned])
    return lines.getvalue()
