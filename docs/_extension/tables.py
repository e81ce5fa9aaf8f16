"""Turn the line `::: exercises 2` into a table of chapter 2's exercises."""

import re
from pathlib import Path

from markdown import Markdown
from markdown.preprocessors import Preprocessor

from chapters.course.exercise_pages import Exercise, outside_fences, read_exercises
from docs._extension.errors import plainly

LINE = re.compile(r"::: exercises (\d+)\s*$")


class TableWriter(Preprocessor):
    """Preprocessor that writes tables of exercises from the headings of the pages."""

    def __init__(self, md: Markdown, root: Path) -> None:
        super().__init__(md)
        self.root = root

    @plainly
    def run(self, lines: list[str]) -> list[str]:
        """Return the lines with each table in its place."""
        for index, line in reversed(list(outside_fences(lines))):
            if match := LINE.match(line):
                exercises = read_exercises(self.root / "docs").values()
                chosen = [e for e in exercises if e.number.split(".")[0] == match[1]]
                lines[index : index + 1] = _table(chosen)
        return lines


def _table(exercises: list[Exercise]) -> list[str]:
    if not exercises:
        return ["*This chapter has no exercises yet.*"]
    rows = [
        f"| [{e.number} {e.title}]({e.page.name}#exercise-{e.number.replace('.', '-')})"
        f"{' ★' if e.core else ''} | {e.difficulty} | {e.importance} | {e.minutes} | {e.points} |"
        for e in exercises
    ]
    total = (
        f"| **{len(exercises)} exercises, {sum(e.core for e in exercises)} of them core** | | "
        f"| **{sum(e.minutes for e in exercises)}** | **{sum(e.points for e in exercises)}** |"
    )
    head = ["| exercise | difficulty | importance | minutes | points |", "|---|---|---|---|---|"]
    # A style sheet has to know these tables: on a phone their heads are turned.
    return ['<div class="exercises" markdown>', "", *head, *rows, total, "", "</div>"]
