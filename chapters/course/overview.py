"""Bare `mi` and `mi progress`: how far you are and what is next. Reads text files only."""

from .exercise_pages import Exercise, numeric
from .paper import bar, heading, paint, say
from .where import exercises, passes, places

COMMANDS = "mi next (what it asks) · mi check (grade it) · mi hint · mi watch · mi --help (all)"


def show_where() -> None:
    """Show the chapter at hand, the next exercise, and where to write it."""
    every, done = exercises(), passes()
    following = next((found for found in every.values() if found.number not in done), None)
    say(paint("Mechanistic Interpretability from Scratch", "1"))
    if following is None:
        say(f"Every exercise is passed: {len(every)} of {len(every)}. mi progress shows them all.")
        return
    chapter = numeric(following.number)[0]
    here = [found for found in every.values() if numeric(found.number)[0] == chapter]
    say(_row(chapter, here, done))
    star = ", on the core path" if following.core else ""
    say(f"Next: {following.number} {following.title} (about {following.minutes} minutes{star})")
    for place in places(following.number):
        say(f"      {place}" + ("" if place.stub else "  (begun)"))
    say(COMMANDS)


def show_progress() -> None:
    """Show every chapter with its bar and points, and what is passed in it."""
    every, done = exercises(), passes()
    for chapter in sorted({numeric(number)[0] for number in every}):
        here = [found for found in every.values() if numeric(found.number)[0] == chapter]
        heading(_row(chapter, here, done))
        for found in here:
            mark = paint("passed", "32") if found.number in done else "      "
            star = "*" if found.core else " "
            say(f"  {mark}  {found.number:>5} {star} {found.title}")
    core = [found for found in every.values() if found.core]
    say(
        f"\n* the core path: {sum(found.number in done for found in core)} of {len(core)} passed. "
        f"In all: {sum(found.number in done for found in every.values())} of {len(every)}."
    )


def _row(chapter: int, here: list[Exercise], done: set[str]) -> str:
    """One chapter on one line."""
    passed = [found for found in here if found.number in done]
    got, total = (sum(found.points for found in some) for some in (passed, here))
    return (
        f"Chapter {chapter}  {bar(len(passed), len(here))}  "
        f"{len(passed)} of {len(here)} exercises, {got} of {total} points"
    )
