"""Write pages for people: one for each student, the class, and pairs of answers that are alike."""

import html
from collections.abc import Sequence
from urllib.parse import quote

from ..exercise_pages import Exercise, numeric
from ..terminal import plural
from .records import FAILED, MISSING, NOT_GRADED, PASSED, REFUSED, STOPPED, TODO
from .results import Marks
from .similarity import Pair, summary

STYLE = """html{color-scheme:light dark}
body{font:16px/1.5 system-ui,sans-serif;margin:2em auto;max-width:64em;padding:0 1em}
table{border-collapse:collapse;width:100%}
th,td{padding:.3em .7em;border-bottom:1px solid #8885;text-align:left;vertical-align:top}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}
pre{white-space:pre-wrap;margin:.3em 0;font-size:13px}
.passed{color:#00783c}.failed,.stopped{color:#b4400a}.refused{color:#a3008b}
.todo,.missing,.not{color:gray}
@media(prefers-color-scheme:dark){.passed{color:#4cc38a}.failed,.stopped{color:#ff9b6b}
.refused{color:#ff8be8}}"""
MEANINGS = {
    PASSED: "every grader passed",
    FAILED: "a grader found a wrong value",
    REFUSED: "the answer uses something that no answer may use",
    STOPPED: "the answer ended the process, or used too much time or memory",
    TODO: "not written yet",
    MISSING: "not handed in, or not readable",
    NOT_GRADED: "the graders could not run here, so the answer is neither right nor wrong",
}


def student_page(marks: Marks, exercises: dict[str, Exercise]) -> str:
    """Write the page of one student: the points, and why each exercise did not pass."""
    whole = sum(exercises[number].points for number in marks.verdicts)
    late = f", {plural(marks.late_days, 'day')} late, which cost {marks.lost:g} points"
    sentence = f"<b>{marks.score:g} of {whole} points</b>{late if marks.late_days else ''}"
    lines = [f"<h1>{html.escape(marks.student)}</h1>", f"<p>{sentence}</p>"]
    lines += [f"<p>{html.escape(note)}</p>" for note in marks.notes]
    lines.append(_key(marks))
    lines.append("<table><tr><th>exercise<th class=n>points<th>outcome<th>why</tr>")
    for number, verdict in marks.verdicts.items():
        exercise = exercises[number]
        words = "" if verdict.outcome == PASSED else verdict.words
        notes = "\n".join([words, *verdict.notes]).strip()
        told = f"<pre>{html.escape(notes)}</pre>" if notes else ""
        lines.append(
            f"<tr><td>{number} {html.escape(exercise.title)}"
            f"<td class=n>{marks.points[number]:g} of {exercise.points}"
            f'<td class="{verdict.outcome.split()[0]}">{verdict.outcome}<td>{told}</tr>'
        )
    return _page(marks.student, [*lines, "</table>"])


def _key(marks: Marks) -> str:
    """Explain the outcomes that occur on a page."""
    used = {verdict.outcome for verdict in marks.verdicts.values()}
    rows = [f"<b>{name}</b>: {text}" for name, text in MEANINGS.items() if name in used]
    return f"<p>{'; '.join(rows)}.</p>"


def class_page(
    marks: Sequence[Marks],
    exercises: dict[str, Exercise],
    remarks: Sequence[str],
    found: Sequence[Pair],
) -> str:
    """Write the page of the class: points by student and chapter, and how it was graded."""
    numbers = list(marks[0].verdicts) if marks else []
    chapters = sorted({numeric(number)[0] for number in numbers})
    whole = sum(exercises[number].points for number in numbers)
    lines = [f"<h1>{plural(len(marks), 'submission')}, {plural(len(numbers), 'exercise')}</h1>"]
    lines += [f"<p>{html.escape(text)}</p>" for text in remarks]
    heads = "".join(f"<th class=n>ch {chapter}" for chapter in chapters)
    lines.append(
        f"<table><tr><th>student<th class=n>points of {whole}{heads}"
        "<th class=n>late<th class=n>refused<th class=n>not graded</tr>"
    )
    for one in marks:
        link = f"students/{quote(one.student, errors='surrogateescape')}/report.html"
        sums = [
            sum(points for number, points in one.points.items() if numeric(number)[0] == chapter)
            for chapter in chapters
        ]
        outcomes = [verdict.outcome for verdict in one.verdicts.values()]
        cells = "".join(f"<td class=n>{points:g}" for points in sums)
        lines.append(
            f'<tr><td><a href="{link}">{html.escape(one.student)}</a>'
            f"<td class=n>{one.score:g}{cells}<td class=n>{one.late_days or ''}"
            f"<td class=n>{outcomes.count(REFUSED) or ''}"
            f"<td class=n>{outcomes.count(NOT_GRADED) or ''}</tr>"
        )
    lines.append("</table><h2>Exercises</h2><table><tr><th>exercise<th class=n>passed</tr>")
    for number in numbers:
        passed = sum(one.verdicts[number].outcome == PASSED for one in marks)
        title = html.escape(exercises[number].title)
        lines.append(f"<tr><td>{number} {title}<td class=n>{passed} of {len(marks)}</tr>")
    return _page("Class", [*lines, "</table>", *_alike(found)])


def _alike(found: Sequence[Pair]) -> list[str]:
    """List answers that are alike, for a person to look at."""
    lines = [
        "<h2>Answers that are alike</h2>",
        "<p>Two answers are compared as syntax trees without their names. Short answers are left "
        "out, because there are few ways to write them. A pair proves nothing: read both answers, "
        "and talk to their authors. Marks do not depend on it.</p>",
    ]
    if not found:
        return [*lines, "<p>None.</p>"]
    lines.append("<table><tr><th>one<th>other<th class=n>exercises<th class=n>size</tr>")
    for one, other, count, nodes in summary(found)[:200]:
        names = f"<td>{html.escape(one)}<td>{html.escape(other)}"
        lines.append(f"<tr>{names}<td class=n>{count}<td class=n>{nodes}</tr>")
    lines.append("</table><table><tr><th>exercise<th>one<th>other<th class=n>alike</tr>")
    for pair in sorted(found, key=lambda one: (-one.similarity, numeric(one.number)))[:500]:
        names = f"<td>{html.escape(pair.one)}<td>{html.escape(pair.other)}"
        lines.append(f"<tr><td>{pair.number}{names}<td class=n>{pair.similarity:.2f}</tr>")
    return [*lines, "</table>"]


def _page(title: str, lines: Sequence[str]) -> str:
    head = (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{html.escape(title)}</title>'
    )
    head += '<meta name="viewport" content="width=device-width">'
    return f"{head}<style>{STYLE}</style>\n" + "\n".join(lines) + "\n</html>\n"
