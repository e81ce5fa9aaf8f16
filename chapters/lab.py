"""The learner's id and seeds; for labs, guesses noted before results, and `mi lab 8`.

A lab is a script of cells (`# %%`): run it in an editor, in a notebook, or whole with `mi lab 8`.
`Lab.guess` stops the script while a guess is still "?". The first guess is noted with its time
before anything is measured; a later one is added with a remark and never replaces it.
Notes are in chapters/lab_notes.toml, which a person can read and git ignores. They are a diary:
nothing in them is graded.

`mi lab 8` runs the cells in order and writes what they show into one HTML report. A cell shows what
it prints, its figures, and the value of its last line if that has an HTML form. A cell that waits
for a guess ends the run; the report then holds everything before it.
"""

import ast
import contextlib
import datetime
import hashlib
import html
import io
import json
import os
import re
import secrets
import sys
import time
import tomllib
import traceback
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from .course.answers import CELL, LAB_FILE, is_open
from .course.files import CHAPTERS, ROOT, replace_file, shown
from .course.terminal import CourseError, say

NOTES, LEARNER = CHAPTERS / "lab_notes.toml", CHAPTERS / "learner.toml"
#: The id whose answers solutions/ holds.
REFERENCE = "reference"
STYLE = """html{color-scheme:light dark}
body{font:16px/1.6 Georgia,serif;margin:2em auto;max-width:58em;padding:0 1em}
table{border-collapse:collapse}td,th{padding:.2em .8em;border-bottom:1px solid gray}
pre{font-size:12.5px;overflow-x:auto;background:rgb(128 128 128/.1);padding:.6em}
summary{color:gray;font-size:13px}svg{max-width:100%;height:auto;background:white}
.out{border-left:3px solid #0072b2;padding-left:.8em}
.stop{border-left:3px solid #d55e00;padding-left:.8em;white-space:pre-wrap}"""


class WaitingForGuess(Exception):
    """A cell that waits for the learner; shown as one sentence, without a traceback."""

    def _render_traceback_(self) -> list[str]:  # the hook of IPython and Jupyter
        return [f"Stopped here: {self}"]


def show_waiting(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """Show WaitingForGuess as a sentence in plain Python, and other exceptions as usual."""
    if issubclass(kind, WaitingForGuess):
        print(f"Stopped here: {error}", file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, trace)


sys.excepthook = show_waiting


class Lab:
    """The lab of one chapter, for one learner."""

    def __init__(self, chapter: int, learner: str | None = None, notes: Path | None = None) -> None:
        self.chapter = chapter
        self.learner = learner or learner_id()
        self.notes = notes or NOTES

    def seed(self, name: str) -> int:
        """Derive this learner's seed for one question, below 2^48."""
        return seed_of(self.learner, f"{self.chapter}/{name}")

    def guess(self, key: str, value: Any) -> None:
        """Note a guess before its result is shown.

        Raises: WaitingForGuess while the guess is "?".
        """
        if is_open(value):
            raise WaitingForGuess(f'write your guess {key} in place of "?", and run again')
        guesses = self.read(key, "guess")
        if not guesses or guesses[-1]["value"] != as_json(value):
            late = bool(self.read(key, "measured"))
            self.note(key, "guess", value, late)
            print(f"guess {key} noted" + " (after the result was shown)" * late)

    def compare(self, key: str, measured: Any, as_guessed: bool | None = None) -> None:
        """Print the first guess next to the measured value, and note the measurement.

        as_guessed: whether the guess counts as right; None where that is for the learner to say.
        """
        guesses = self.read(key, "guess")
        if not guesses:
            raise WaitingForGuess(f"run the cell with guess {key} first")
        if not self.read(key, "measured"):
            self.note(key, "measured", measured, False)
        guessed, found = guesses[0]["value"], as_json(measured)
        verdict = {None: "", True: "As guessed.", False: "Not as guessed: why?"}[as_guessed]
        print(f"{key}: guessed {guessed}, measured {found}. {verdict}".strip())

    def read(self, key: str, kind: str) -> list[dict[str, Any]]:
        """Read the notes on one question, oldest first."""
        wanted = {"lab": self.chapter, "learner": self.learner, "key": key, "kind": kind}
        return [one for one in read_notes(self.notes) if wanted.items() <= one.items()]

    def note(self, key: str, kind: str, value: Any, after_result: bool) -> None:
        """Add a note at the end of the file."""
        fields = {
            "lab": self.chapter,
            "learner": self.learner,
            "key": key,
            "kind": kind,
            "value": as_json(value),
            "after_result": after_result,
            "when": datetime.datetime.now().isoformat(sep=" ", timespec="seconds"),
        }
        # A JSON string, number or boolean is also a TOML one.
        lines = [f"{name} = {json.dumps(field)}" for name, field in fields.items()]
        read_notes(self.notes)  # never write behind a part that cannot be read
        before = self.notes.read_text("utf-8") if self.notes.exists() else ""
        replace_file(self.notes, before + "\n".join(["[[note]]", *lines]) + "\n\n")


def learner_id() -> str:
    """Return the learner's id: from MI_LEARNER, or from chapters/learner.toml, drawn on first use.

    Raises: ValueError when the file has no id.
    """
    if given := os.environ.get("MI_LEARNER"):
        return given
    if not LEARNER.exists():
        text = "# Your models and questions are drawn from this id. Keep it with your answers.\n"
        replace_file(LEARNER, f'{text}id = "{secrets.token_hex(4)}"\n')
    found = read_toml(LEARNER).get("id")
    if not isinstance(found, str) or not found:
        raise ValueError(f'{shown(LEARNER)}: expected a line such as id = "3f1c", got {found!r}')
    return found


def own_seed(number: str) -> int:
    """Return your seed for an exercise, such as "8.20": it follows from your id alone."""
    return seed_of(learner_id(), number)


def seed_of(learner: str, question: str) -> int:
    """Derive a seed below 2^48 from a learner's id and the name of a question."""
    digest = hashlib.sha256(f"{learner}/{question}".encode()).digest()
    return int.from_bytes(digest[:6], "big")


def read_notes(path: Path) -> list[dict[str, Any]]:
    """Read all notes of a file, oldest first."""
    notes = read_toml(path).get("note", []) if path.exists() else []
    if not isinstance(notes, list) or not all(isinstance(one, dict) for one in notes):
        raise ValueError(f"{shown(path)}: expected [[note]] tables, got others; move the file away")
    return notes


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file.

    Raises: ValueError with the file's name when it is not TOML.
    """
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except ValueError as error:  # UnicodeDecodeError and TOMLDecodeError are ValueErrors
        raise ValueError(
            f"{shown(path)}: expected TOML, got {error}; correct it or move it away"
        ) from error


def as_json(value: Any) -> str:
    """Write a value as JSON: tensors and tuples as lists, sets sorted, floats to three digits."""

    def plain(value: Any) -> Any:
        if hasattr(value, "tolist"):
            value = value.tolist()
        if isinstance(value, dict):
            return {str(name): plain(one) for name, one in value.items()}
        if isinstance(value, (set, frozenset)):
            value = sorted(value)
        if isinstance(value, (list, tuple)):
            return [plain(one) for one in value]
        return float(f"{value:.3g}") if isinstance(value, float) else value

    return json.dumps(plain(value), ensure_ascii=False, default=str)


class Cell(NamedTuple):
    """One cell of a percent script."""

    is_text: bool
    """Whether it is Markdown, instead of code."""
    line: int
    """The line of its head, counted from 1."""
    body: str
    """Its lines below the head."""


def run(chapter: int, out: str | None = None) -> int:
    """Run the learner's lab of a chapter; return 0 if it ran to the end or waits for a guess.

    Raises: CourseError when the chapter has no lab, or its file cannot be read.
    """
    paths = sorted(CHAPTERS.glob(f"ch{chapter:02d}_*/{LAB_FILE}"))
    if not paths:
        there = ", ".join(
            str(int(path.parent.name[2:4])) for path in CHAPTERS.glob(f"ch*/{LAB_FILE}")
        )
        raise CourseError(f"Chapter {chapter} has no lab. Labs: {there or 'none'}.")
    try:
        source = paths[0].read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CourseError(f"{shown(paths[0])} cannot be read: {error}") from error
    report = Path(out) if out else ROOT / "reports" / f"lab{chapter:02d}.html"
    return run_lab(source, str(paths[0]), report)


def run_lab(source: str, file: str, report: Path) -> int:
    """Run a lab's cells in one namespace and write the report; return 1 if a cell failed."""
    os.environ.setdefault("MPLBACKEND", "Agg")
    try:
        ast.parse(source, file)
    except SyntaxError as error:
        raise CourseError(f"{shown(Path(file))}, line {error.lineno}: {error.msg}") from error
    namespace: dict[str, Any] = {"__name__": "__main__", "__file__": file}
    parts, status, start = [], 0, time.process_time()
    for cell in split_cells(source):
        if cell.is_text:
            parts.append(render_markdown(cell.body))
            say(f"\n{cell.body.partition(chr(10))[0].lstrip('# ')}")
            continue
        shown_there, stopped = run_cell(cell, namespace, file)
        code = f"<details><summary>code</summary><pre>{html.escape(cell.body)}</pre></details>"
        parts.append(code + shown_there)
        if stopped is not None:
            waits = isinstance(stopped, WaitingForGuess)
            place = f"{shown(Path(file))}:{cell.line}"
            text = f"Stopped here: {stopped}" if waits else failure(stopped, file)
            parts.append(f'<p class="stop">{html.escape(text)} ({html.escape(place)})</p>')
            say(f"{text} ({place})")
            status = 0 if waits else 1
            break
    head = '<!doctype html><html lang="en"><meta charset="utf-8"><title>Lab report</title>'
    head += f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style>'
    replace_file(report, head + "\n".join(parts) + "</html>")
    say(f"Report: {shown(report)} ({time.process_time() - start:.1f} s of CPU)")
    return status


def split_cells(source: str) -> list[Cell]:
    """Split a percent script at its `# %%` lines; lines above the first one are dropped."""
    lines = source.split("\n")
    starts = [i for i, line in enumerate(lines) if line.startswith(CELL)]
    cells = []
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        is_text, body = "[markdown]" in lines[start], lines[start + 1 : end]
        if is_text:
            body = [re.sub("^# ?", "", line) for line in body]
        cells.append(Cell(is_text, start + 1, "\n".join(body).rstrip("\n")))
    return cells


def run_cell(cell: Cell, namespace: dict[str, Any], file: str) -> tuple[str, BaseException | None]:
    """Run one cell; return what it printed and showed as HTML, and the exception that ended it."""
    tree = ast.parse("\n" * cell.line + cell.body, file)  # so that errors name lines of the file
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    printed, rendered, stopped = io.StringIO(), "", None
    try:
        with contextlib.redirect_stdout(printed):
            exec(compile(tree, file, "exec"), namespace)
            if isinstance(last, ast.Expr):
                value = eval(compile(ast.Expression(last.value), file, "eval"), namespace)
                if hasattr(value, "_repr_html_"):
                    rendered = value._repr_html_()
                elif value is not None:
                    print(repr(value))
    except Exception as error:  # the report shows it
        stopped = error
    print(printed.getvalue(), end="", flush=True)
    text = html.escape(printed.getvalue())
    return (f'<pre class="out">{text}</pre>' if text else "") + rendered + figures(), stopped


def figures() -> str:
    """Return every open pyplot figure as inline SVG, and close them."""
    plt = sys.modules.get("matplotlib.pyplot")
    if plt is None:
        return ""
    drawn = ""
    for number in plt.get_fignums():
        buffer = io.StringIO()
        plt.figure(number).savefig(buffer, format="svg", bbox_inches="tight")
        drawn += f"<div>{buffer.getvalue()[buffer.getvalue().index('<svg') :]}</div>"
    plt.close("all")
    return drawn


def failure(error: BaseException, file: str) -> str:
    """Return the error with the lines of the lab and below that led to it."""
    frames = traceback.TracebackException.from_exception(error)
    where = [i for i, frame in enumerate(frames.stack) if frame.filename == file]
    frames.stack = traceback.StackSummary.from_list(frames.stack[where[0] if where else 0 :])
    return "".join(frames.format())


def render_markdown(text: str) -> str:
    """Render Markdown where the library is installed, and paragraphs elsewhere."""
    try:
        from markdown import markdown
    except ImportError:
        return "".join(f"<p>{html.escape(part)}</p>" for part in text.split("\n\n"))
    return markdown(text, extensions=["tables"])
