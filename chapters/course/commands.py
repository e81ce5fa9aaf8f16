"""The `mi` commands: their names, their arguments, and the function that each one calls.

The function's module is imported only when its command is given, so that `mi` starts fast. The
arguments of the command are passed to the function's parameters of the same names.
"""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from .endings import run
from .files import ROOT
from .terminal import CourseError, printable, warn

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction["_Parser"]


def main(words: Sequence[str] | None = None) -> int:
    """Run one `mi` command and return the exit status."""
    return run(lambda: _run(sys.argv[1:] if words is None else list(words)))


def _run(words: Sequence[str]) -> int | None:
    arguments = vars(parser().parse_args(words))
    module, function = arguments.pop("calls").split(":")
    _say_which_course()
    if arguments.pop("needs_environment"):
        from .environment import enter

        code = enter(words)
        if code is not None:
            return code
    command = getattr(import_module(module, __package__), function)
    status: int | None = command(**arguments)
    return status


def _say_which_course() -> None:
    """Print the course's folder if the working directory is inside another copy of the course."""
    try:
        here = Path.cwd()
    except FileNotFoundError:
        raise CourseError("The working directory was deleted; change to another one.") from None
    for folder in (here, *here.parents):
        if (folder / "chapters" / "course").is_dir() and (folder / "docs").is_dir():
            if not folder.samefile(ROOT):
                other = f"not in {folder}; for the latter, run `python -m chapters` there."
                warn(printable(f"This `mi` works in {ROOT}, {other}"))
            return


class _Parser(argparse.ArgumentParser):
    """A parser that shows a wrong command line without its control characters."""

    def error(self, message: str) -> NoReturn:
        """Print the usage and what is wrong, and exit."""
        super().error(printable(message))


def parser() -> argparse.ArgumentParser:
    """Build the parser: commands for exercises, for book and model, for the whole course."""
    top = _Parser(
        prog="mi", description="Commands of the course Mechanistic Interpretability from Scratch."
    )
    top.set_defaults(calls=".exercise_commands:show_status", needs_environment=False)
    commands = top.add_subparsers(title="commands", metavar="COMMAND")
    _add_exercise_commands(commands)
    _add_book_and_model(commands)
    _add_course_commands(commands)
    return top


def _add_exercise_commands(commands: "Commands") -> None:
    following = _add(commands, "next", ".exercise_commands:show_next", "show the next exercise")
    following.add_argument("number", nargs="?", help="go on from this exercise (2.4)")
    _flag(following, "core", "only of the core path")
    check = _add(commands, "check", ".check:check", "grade an exercise or a chapter", True)
    check.add_argument("what", nargs="?", help="an exercise (2.4) or a chapter (2); else the next")
    _flag(check, "own", "run your own code for every exercise, not the reference's")
    _flag(check, "recorded", "grade again what passed before an answer or given code changed")
    watch = _add(commands, "watch", ".check:watch", "grade again whenever you save", True)
    watch.add_argument("number", nargs="?", help="stay with this exercise (2.4)")
    hint = _add(commands, "hint", ".exercise_commands:hint", "show one hint more")
    hint.add_argument("number", nargs="?", help="an exercise (2.4); else the next")
    hint.add_argument("--all", action="store_true", dest="show_all", help="show every hint")
    solution = _add(commands, "solution", ".exercise_commands:solution", "show the tested answer")
    solution.add_argument("number", nargs="?", help="an exercise (2.4); else the next")
    shows = "show what is passed, with points"
    _add(commands, "progress", ".exercise_commands:show_progress", shows)
    about = "replace an answer by its stub; keeps a backup"
    reset = _add(commands, "reset", ".reset:reset", about, True)
    reset.add_argument("number", help="an exercise (2.4)")


def _add_book_and_model(commands: "Commands") -> None:
    book = _add(commands, "book", ".course_commands:book", "build the book and serve it", True)
    _flag(book, "no_serve", "end when it is built")
    tour = _add(commands, "tour", ".course_commands:tour", "look into the real model", True)
    tour.add_argument("--prompt", help="a sentence of your own")
    about = "see patterns and predictions on a text of your own"
    looking = _add(commands, "look", ".course_commands:look", about, True)
    looking.add_argument("text", help="a text of your own")
    _flag(looking, "no_open", "open no browser")
    graph = _add(
        commands, "graph", ".course_commands:graph", "trace a prompt in the real model", True
    )
    graph.add_argument("prompt", help="a sentence without its last word")
    graph.add_argument("--contrast", help="the same sentence with another word in it")
    graph.add_argument("--answers", nargs=2, metavar="TOKEN", help="the next tokens to compare")
    graph.add_argument("--nodes", type=int, default=300, help="how many neurons are shown")
    _flag(graph, "serve", "serve the page, so that neurons can be switched off")
    _flag(graph, "no_open", "open no browser")
    lab = _add(commands, "lab", ".lab_runner:run", "run a chapter's lab and write a report", True)
    lab.add_argument("chapter", type=_chapter, help="the chapter of the lab")
    lab.add_argument("--out", help="the report; else reports/labNN.html")
    _add(commands, "model", ".course_commands:fetch_model", "fetch the real model", True)
    figures = _add(commands, "figures", ".course_commands:draw_figures", "draw figures again", True)
    figures.add_argument("chapter", type=_chapter, help="the chapter of the figures")
    about = "check this machine, and answers after an update"
    doctor = _add(commands, "doctor", ".doctor:examine", about)
    _flag(doctor, "verify", "compare every model file with its checksum")
    doctor.add_argument("--model", metavar="FOLDER", help="what would be loaded from this folder")


def _add_course_commands(commands: "Commands") -> None:
    course = _add(commands, "course", ".course_commands:course", "set everything up, and start")
    _flag(course, "no_serve", "end when the book is built")
    about = "write a copy for students, or an autograder"
    exporting = _add(commands, "export", ".export:export", about)
    exporting.add_argument("--student", metavar="FOLDER", help="a copy without the answers")
    exporting.add_argument("--autograder", metavar="FILE.zip", help="Gradescope's zip")
    exporting.add_argument("--settings", metavar="FILE", help="the autograder's class.toml")
    exporting.add_argument("--calendar", metavar="FILE", help="TOML: when chapters are released")
    exporting.add_argument("--date", help="the day of the copy, as 2027-03-01; else today")
    about = "grade the submissions of a class (instructors)"
    grading = _add(commands, "grade", ".grade.command:grade", about, True)
    grading.add_argument("folder", help="one folder per student, or one submission")
    grading.add_argument("--out", help="the folder of the results; else FOLDER-grades")
    grading.add_argument("--only", help="chapters and exercises, as in 4 or 4.2,5.1; else all")
    grading.add_argument("--jobs", type=int, default=2, help="answers that run at a time")
    _flag(grading, "fresh", "grade again what is recorded")
    _flag(grading, "no_model", "leave out the graders that run the real model")
    _flag(grading, "ids", "print the students' ids, and grade nothing")
    test = _add(commands, "test", ".course_commands:test", "set up, then check the whole project")
    _flag(test, "slow", "run the slow tests instead")
    workbook = _add(
        commands,
        "workbook",
        ".workbook:workbook",
        "write chapters/ch* from solutions/ (project)",
    )
    _flag(workbook, "check", "write nothing; fail when a file differs")


def _add(
    commands: "Commands", name: str, calls: str, about: str, needs_environment: bool = False
) -> "_Parser":
    command = commands.add_parser(name, help=about, description=about)
    command.set_defaults(calls=calls, needs_environment=needs_environment)
    return command


def _flag(command: argparse.ArgumentParser, name: str, meaning: str) -> None:
    command.add_argument(f"--{name.replace('_', '-')}", action="store_true", help=meaning)


def _chapter(word: str) -> int:
    """Read the number of a chapter.

    Raises: ArgumentTypeError for anything but one or two digits; int() would read those of any
        script.
    """
    if not (word.isascii() and word.isdecimal() and len(word) < 3):
        raise argparse.ArgumentTypeError(f"expected a chapter such as 4, got {word!r:.30}")
    return int(word)
