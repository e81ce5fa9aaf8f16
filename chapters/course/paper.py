"""How the desk writes: plain text, or with colour and rendered Markdown where a person looks on.

Not in a terminal, or with NO_COLOR set, or before rich is installed, everything is plain.
"""

import os
import sys


def in_colour() -> bool:
    """Say whether the output is a terminal that wants colour."""
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ


def say(text: str = "") -> None:
    """Write a line."""
    print(text, flush=True)


def heading(text: str) -> None:
    """Write a line that starts something new."""
    say("\n" + paint(text, "1"))


def paint(text: str, code: str) -> str:
    """Colour a text by its ANSI code: 1 bold, 2 faint, 31 red, 32 green, 33 yellow."""
    return f"\x1b[{code}m{text}\x1b[0m" if in_colour() else text


def bar(done: int, total: int, width: int = 24) -> str:
    """Draw how much of something is done."""
    full = width * done // total if total else 0
    return "█" * full + "░" * (width - full)


def points(count: int) -> str:
    """A number of points, in words that agree with it."""
    return f"{count} point" + "s" * (count != 1)


def say_code(text: str, language: str = "python") -> None:
    """Write code, coloured in a terminal."""
    if in_colour():
        say_markdown(f"```{language}\n{text}\n```")
    else:
        say(text)


def say_markdown(text: str) -> None:
    """Write Markdown: rendered in a terminal, as it stands elsewhere."""
    if in_colour():
        try:
            from rich.console import Console
            from rich.markdown import Markdown
        except ImportError:
            pass
        else:
            Console().print(Markdown(text, code_theme="ansi_dark"))
            return
    say(text)
