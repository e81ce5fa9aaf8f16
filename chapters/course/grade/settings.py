"""Read class.toml: the due date, late days, partial credit, and the students' ids.

    due = 2026-12-01T23:59:00+01:00
    late_percent_per_day = 10        # of what was earned, for each day that has begun
    free_late_days = 3
    partial = true                   # the share of an exercise's graders that pass earns points
    secret = "any words"             # a student's id follows from it and the folder's name

    [students.ada]
    learner = "4711"
    submitted = 2026-12-03T10:00:00+01:00
    extra_days = 2

Every line may be left out, and the file too.
"""

import datetime
import hashlib
import hmac
import math
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

from ..terminal import CourseError

SETTINGS_FILE = "class.toml"
KINDS: dict[str, tuple[type, ...]] = {
    "due": (datetime.datetime,),
    "late_percent_per_day": (int, float),
    "free_late_days": (int,),
    "partial": (bool,),
    "secret": (str,),
    "students": (dict,),
}
KINDS_OF_STUDENT: dict[str, tuple[type, ...]] = {
    "learner": (str,),
    "submitted": (datetime.datetime,),
    "extra_days": (int,),
}


class Settings(NamedTuple):
    """How a class is graded."""

    due: datetime.datetime | None = None
    """When submissions are due; None where no submission is late."""
    late_percent_per_day: float = 0.0
    """What a late day costs, in percent of the points earned."""
    free_late_days: int = 0
    """How many late days cost nothing."""
    partial: bool = False
    """Whether an exercise earns points for a part of its graders."""
    secret: str = ""
    """What the students' ids follow from."""
    students: dict[str, dict[str, Any]] = {}
    """What is particular to a student."""

    def learner(self, student: str) -> str:
        """Return the id that a student was given; empty where there is none."""
        given = self.students.get(student, {}).get("learner", "")
        if given or not self.secret:
            return str(given)
        return hmac.digest(self.secret.encode(), student.encode(), hashlib.sha256).hex()[:8]

    def late_days(self, student: str, changed: float) -> int:
        """Count the days that a student was late, after the extra ones.

        changed: when the newest file was changed, in seconds since 1970; `submitted` goes before.
        """
        if self.due is None:
            return 0
        own = self.students.get(student, {})
        given = own.get("submitted")
        time = _seconds(given) if given is not None else changed
        days = math.ceil((time - _seconds(self.due)) / 86_400)
        return max(days - own.get("extra_days", 0), 0)

    def lost(self, days: int) -> float:
        """Return the share of the points that late days cost, at most all."""
        return min(max(days - self.free_late_days, 0) * self.late_percent_per_day / 100, 1.0)


def read_settings(folder: Path) -> Settings:
    """Read the settings in a folder of submissions.

    Raises: CourseError with the line to correct.
    """
    path = folder / SETTINGS_FILE
    if not path.is_file():
        return Settings()
    try:
        values = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise CourseError(f"{path}: expected TOML, got {error}") from None
    _check(values, KINDS, path)
    for name, student in values.get("students", {}).items():
        if not isinstance(student, dict):
            raise CourseError(f"{path}: expected a table [students.{name}], got {student!r:.40}")
        _check(student, KINDS_OF_STUDENT, path)
    return Settings(**values)


def _check(values: dict[str, Any], kinds: dict[str, tuple[type, ...]], path: Path) -> None:
    for name, value in values.items():
        if name not in kinds:
            raise CourseError(f"{path}: expected one of {', '.join(kinds)}, got {name}")
        wrong = isinstance(value, bool) and bool not in kinds[name]
        negative = isinstance(value, int | float) and value < 0
        if wrong or negative or not isinstance(value, kinds[name]):
            what = " or ".join(kind.__name__ for kind in kinds[name])
            raise CourseError(f"{path}: expected {name} as {what}, not negative, got {value!r:.40}")


def _seconds(time: datetime.datetime) -> float:
    """Convert a time to seconds since 1970; without a zone it is of this machine's."""
    return time.timestamp()
