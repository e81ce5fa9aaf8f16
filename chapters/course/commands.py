"""The list of `mi` commands: what each is called, what it takes, and which function does its work.

The function's file is imported only when its command is given, so that `mi` answers at once; the
words of the command become the function's arguments of the same names.
"""

import argparse
import io
import sys
from collections.abc import Sequence
from importlib import import_module

from .steps import DeskError

Commands = "argparse._SubParsersAction[argparse.ArgumentParser]"


def main(words: Sequence[str] | None = None) -> int:
    """Run one `mi` command; the number that comes back is the exit status."""
    speak_utf8()
    words = sys.argv[1:] if words is None else list(words)
    arguments = vars(parser().parse_args(words))
    module, function = arguments.pop("work").split(":")
    try:
        if arguments.pop("needs_environment"):
            from .setup import enter

            code = enter(words)
            if code is not None:
                return code
        work = getattr(import_module(f".{module}", __package__), function)
        return work(**arguments) or 0
    except DeskError as error:
        print(error, file=sys.stderr)
        return 1
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        sys.stderr.close()
        return 0
    except KeyboardInterrupt:
        print("\nInterrupted; nothing is left half done that the same command does not mend.")
        return 130


def speak_utf8() -> None:
    """Write UTF-8 also where the console's own code page has no such signs."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="replace")


def parser() -> argparse.ArgumentParser:
    """Put the commands together: those for learning, for looking, for the whole course."""
    top = argparse.ArgumentParser(
        prog="mi", description="The desk of Mechanistic Interpretability from Scratch."
    )
    top.set_defaults(work="overview:show_where", needs_environment=False)
    commands = top.add_subparsers(title="commands", metavar="COMMAND")
    _add_learning(commands)
    _add_looking(commands)
    _add_course(commands)
    return top


def _add_learning(commands: Commands) -> None:
    following = _add(commands, "next", "study:show_next", "show the next exercise")
    _flag(following, "core", "only of the core path")
    check = _add(commands, "check", "check:check", "grade an exercise or a chapter", True)
    check.add_argument("what", nargs="?", help="an exercise (2.4), a chapter (2); else the next")
    _flag(check, "own", "use nothing but your own code, for every exercise")
    watch = _add(commands, "watch", "watch:watch", "grade again whenever you save", True)
    watch.add_argument("number", nargs="?", help="stay with this exercise (2.4)")
    hint = _add(commands, "hint", "study:hint", "show one hint more")
    hint.add_argument("number", nargs="?", help="an exercise (2.4); else the next")
    hint.add_argument("--all", action="store_true", dest="everything", help="show every hint")
    solution = _add(commands, "solution", "study:solution", "show the tested answer")
    solution.add_argument("number", nargs="?", help="an exercise (2.4); else the next")
    _add(commands, "progress", "overview:show_progress", "show what is passed, with points")
    reset = _add(commands, "reset", "reset:reset", "put a stub back, keeping what stood there")
    reset.add_argument("number", help="an exercise (2.4)")


def _add_looking(commands: Commands) -> None:
    book = _add(commands, "book", "book:book", "build the book and serve it", True)
    _flag(book, "no_serve", "end when it is built")
    tour = _add(commands, "tour", "programs:tour", "look into the real model", True)
    tour.add_argument("--prompt", help="a sentence of your own to look at")
    _add(commands, "model", "programs:fetch_model", "fetch the real model", True)
    figures = _add(commands, "figures", "programs:remake_figures", "remake figures", True)
    figures.add_argument("chapter", type=int, help="the chapter whose figures are remade")
    _add(commands, "doctor", "doctor:examine", "look for what is missing on this machine")


def _add_course(commands: Commands) -> None:
    course = _add(commands, "course", "course:course", "set everything up, and begin")
    _flag(course, "no_serve", "end when the book is built")
    guard = _add(commands, "test", "guard:guard", "set up, then run all that guards the project")
    _flag(guard, "slow", "run the slow tests instead")


def _add(commands: Commands, name: str, work: str, about: str, needs_environment: bool = False):
    command = commands.add_parser(name, help=about, description=about)
    command.set_defaults(work=work, needs_environment=needs_environment)
    return command


def _flag(command: argparse.ArgumentParser, name: str, meaning: str) -> None:
    command.add_argument(f"--{name.replace('_', '-')}", action="store_true", help=meaning)
