"""Turn the line `::: calendar lecturer/calendar.toml` into the table of a course's weeks.

Hours are sums of the minutes in the headings of the exercises, so they follow the pages.
"""

import re
import tomllib
from collections.abc import Iterable
from pathlib import Path

from markdown import Markdown
from markdown.preprocessors import Preprocessor

from chapters.course.exercise_pages import Exercise, numeric, outside_fences, read_exercises
from docs._extension.errors import plainly

LINE = re.compile(r"::: calendar (\S+)\s*$")
HEAD = ["| week | topic | exercises | hours in full | hours of the core path | what can wait |"]


class CalendarWriter(Preprocessor):
    """Preprocessor that writes the table of the weeks."""

    def __init__(self, md: Markdown, root: Path) -> None:
        super().__init__(md)
        self.root = root

    @plainly
    def run(self, lines: list[str]) -> list[str]:
        """Return the lines with each calendar in its place."""
        for index, line in reversed(list(outside_fences(lines))):
            if match := LINE.match(line):
                file = self.root / "docs" / match[1]
                weeks = tomllib.loads(file.read_text(encoding="utf-8"))["week"]
                lines[index : index + 1] = _table(weeks, read_exercises(self.root / "docs"))
        return lines


def chosen(words: str, exercises: Iterable[Exercise]) -> list[Exercise]:
    """Select exercises by a chapter (3), a number (3.7), or a range (2.1 to 2.12), with commas."""
    found = []
    for part in words.split(", "):
        first, _, last = part.partition(" to ")
        low = numeric(first)
        high = numeric(last) if last else low
        found += [e for e in exercises if low <= numeric(e.number)[: len(low)] <= high]
    return found


def _table(weeks: list[dict[str, str]], exercises: dict[str, Exercise]) -> list[str]:
    """Write one row for each week, and a row of sums."""
    rows, every = [], []
    for number, week in enumerate(weeks, 1):
        own = chosen(week["exercises"], exercises.values())
        every += own
        numbers = f"{own[0].number} to {own[-1].number}" if own else ""
        rows.append(f"| {number} | {week['topic']} | {numbers} | {_hours(own)} | {week['wait']} |")
    rule = ["|---|---|---|---|---|---|"]
    return [*HEAD, *rule, *rows, f"| | **in all** | | {_hours(every)} | |"]


def _hours(exercises: list[Exercise]) -> str:
    """Write the hours of all exercises, and of those on the core path."""
    of_all, of_core = (
        sum(e.minutes for e in some) / 60 for some in (exercises, [e for e in exercises if e.core])
    )
    return f"{of_all:.1f} | {of_core:.1f}"
