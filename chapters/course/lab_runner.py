"""`mi lab 8`: run a lab's cells in order, and write what they show into one HTML report.

A cell shows what it prints, its figures, and the value of its last line if that has an HTML form.
A cell that waits for a guess ends the run; the report then holds everything before it.

A bar counts the cells while they run, and cells with a long loop add their own. Ctrl-C ends the run
without a report: an earlier one stays, and the files that cells wrote with `tempfile` are deleted.
"""

import ast
import contextlib
import html
import io
import os
import re
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tqdm import tqdm

from ..lab import WaitingForGuess
from .answers import CELL, LAB_FILE, parse, place_of
from .files import CHAPTERS, ROOT, read_text, replace_file, shown
from .terminal import CourseError, say

STUB = r"exercise (\d+\.\d+)"
BAR = "{desc} {bar:24} {n_fmt} of {total_fmt} cells, {elapsed}"
STYLE = """html{color-scheme:light dark}
body{font:16px/1.6 Georgia,serif;margin:2em auto;max-width:58em;padding:0 1em}
table{border-collapse:collapse}td,th{padding:.2em .8em;border-bottom:1px solid gray}
pre{font-size:12.5px;overflow-x:auto;background:rgb(128 128 128/.1);padding:.6em}
summary{color:gray;font-size:13px}svg{max-width:100%;height:auto;background:white}
.out{border-left:3px solid #0072b2;padding-left:.8em}
.stop{border-left:3px solid #d55e00;padding-left:.8em;white-space:pre-wrap}"""


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
        labs = sorted(CHAPTERS.glob(f"ch*/{LAB_FILE}"))
        there = ", ".join(str(int(path.parent.name[2:4])) for path in labs)
        raise CourseError(f"Chapter {chapter} has no lab. Labs: {there or 'none'}.")
    source = read_text(paths[0])
    report = Path(out) if out else ROOT / "reports" / f"lab{chapter:02d}.html"
    return run_lab(source, str(paths[0]), report)


def run_lab(source: str, file: str, report: Path) -> int:
    """Run a lab's cells in one namespace and write the report; return 1 if a cell failed."""
    os.environ.setdefault("MPLBACKEND", "Agg")
    try:
        parse(source, file)
    except SyntaxError as error:
        raise CourseError(f"{place_of(error, shown(Path(file)))}: {error.msg}") from error
    cells = split_cells(source)
    namespace: dict[str, Any] = {"__name__": "__main__", "__file__": file}
    parts, status, start = [], 0, time.process_time()
    with temporary_files(), counting(sum(not cell.is_text for cell in cells)) as bar:
        for cell in cells:
            if cell.is_text:
                parts.append(render_markdown(cell.body))
                show(bar, f"\n{title_of(cell.body)}\n")
                continue
            bar.set_description_str(f"line {cell.line}")
            printed, drawn, stopped = run_cell(cell, namespace, file)
            show(bar, printed)
            code = f"<details><summary>code</summary><pre>{html.escape(cell.body)}</pre></details>"
            text = f'<pre class="out">{html.escape(printed)}</pre>' if printed else ""
            parts.append(code + text + drawn)
            bar.update()
            if stopped is not None:
                place, waits = f"{shown(Path(file))}:{cell.line}", waiting(stopped)
                text = f"Stopped here: {waits}" if waits else failure(stopped, file)
                parts.append(f'<p class="stop">{html.escape(text)} ({html.escape(place)})</p>')
                show(bar, f"{text} ({place})\n")
                status = 0 if waits else 1
                break
    head = '<!doctype html><html lang="en"><meta charset="utf-8"><title>Lab report</title>'
    head += f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style>'
    replace_file(report, head + "\n".join(parts) + "</html>")
    say(f"Report: {shown(report)} ({time.process_time() - start:.1f} s of CPU)")
    return status


@contextlib.contextmanager
def temporary_files() -> Iterator[None]:
    """Let `tempfile` write into one folder, which is deleted at the end."""
    before = tempfile.tempdir
    # Windows cannot delete a file that is still mapped into memory.
    with tempfile.TemporaryDirectory(prefix="mi-lab-", ignore_cleanup_errors=True) as folder:
        tempfile.tempdir = folder
        try:
            yield
        finally:
            tempfile.tempdir = before


@contextlib.contextmanager
def counting(cells: int) -> Iterator["tqdm[Any]"]:
    """Show a bar of the cells that have run on a terminal; its clock goes on within a cell."""
    with tqdm(total=cells, bar_format=BAR, leave=False, disable=None) as bar:
        ended = threading.Event()

        def refresh() -> None:
            while not ended.wait(0.5):
                bar.refresh()

        clock = threading.Thread(target=refresh, daemon=True)
        clock.start()
        try:
            yield bar
        finally:
            ended.set()
            clock.join()


def show(bar: "tqdm[Any]", text: str) -> None:
    """Print a text above the bar."""
    with bar.external_write_mode(file=sys.stdout):
        print(text, end="", flush=True)


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


class Shown(NamedTuple):
    """What a cell shows."""

    printed: str
    """What it printed."""
    drawn: str
    """The HTML of its last line and its figures."""
    stopped: Exception | None
    """What ended it, if it did not run to its end."""


def run_cell(cell: Cell, namespace: dict[str, Any], file: str) -> Shown:
    """Run one cell of a lab."""
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
    return Shown(printed.getvalue(), rendered + figures(), stopped)


def waiting(stopped: Exception) -> str:
    """Say what a cell waits for; empty for an error.

    A stub is reached where the reference is not there to run in its place, in a student's copy.
    """
    stub = isinstance(stopped, NotImplementedError) and re.fullmatch(STUB, str(stopped))
    if stub:
        return f"this cell needs {stub[0]}, which is not written yet; `mi next {stub[1]}` shows it"
    return str(stopped) if isinstance(stopped, WaitingForGuess) else ""


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


def title_of(text: str) -> str:
    """Return what the terminal shows of a text: its heading, or its first paragraph."""
    if text.startswith("#"):
        return text.partition("\n")[0].lstrip("# ")
    return text.partition("\n\n")[0]


def render_markdown(text: str) -> str:
    """Render Markdown where the library is installed, and paragraphs elsewhere."""
    try:
        from markdown import markdown
    except ImportError:
        return "".join(f"<p>{html.escape(part)}</p>" for part in text.split("\n\n"))
    return markdown(text, extensions=["tables"])
