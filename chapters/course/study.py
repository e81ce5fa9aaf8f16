"""Help with one exercise: its statement, one hint more each time, the tested solution.

How many hints were shown is kept in chapters/hints.toml, a plain file that git ignores.
"""

import sys
import tomllib

from .answer_tables import FILE, text_of
from .exercise_pages import Exercise
from .paper import heading, points, say, say_code, say_markdown
from .reset import reference_of
from .steps import DeskError
from .where import CHAPTERS, attempted, find, next_exercise, places, shown

HINTS = CHAPTERS / "hints.toml"


def show_next(core: bool = False) -> None:
    """Show the first exercise that is not passed, with all that is needed to begin."""
    exercise = next_exercise(core)
    if exercise is None:
        say("Every exercise " + ("of the core path " if core else "") + "is passed.")
        return
    show_statement(exercise)


def show_statement(exercise: Exercise) -> None:
    """Show what an exercise asks, where its answer goes and what to type afterwards."""
    star = "  (core path)" if exercise.core else ""
    heading(f"{exercise.number} {exercise.title}{star}")
    say(
        f"difficulty {exercise.difficulty} of 5, importance {exercise.importance} of 5, "
        f"about {exercise.minutes} minutes, {points(exercise.points)}\n"
    )
    say_markdown(exercise.text)
    say()
    for place in places(exercise.number):
        say(f"write it in   {place}")
    say(f"then type     mi check {exercise.number}     (or mi hint {exercise.number})")
    say(f"the page      {shown(exercise.page)}     (mi book shows it in a browser)")


def hint(number: str | None, everything: bool = False) -> None:
    """Show one hint more than last time, or all of them."""
    exercise = find(number)
    shown_so_far = read_hints().get(exercise.number, 0)
    count = len(exercise.hints)
    upto = count if everything else min(shown_so_far + 1, count)
    for place in range(0 if everything else max(upto - 1, 0), upto):
        heading(f"{exercise.number} {exercise.title}: hint {place + 1} of {count}")
        say_markdown(exercise.hints[place])
    write_hints({**read_hints(), exercise.number: upto})
    if shown_so_far >= count and not everything:
        say(f"That was the last hint. mi hint {exercise.number} --all shows them together,")
        say(f"mi solution {exercise.number} shows one answer.")


def read_hints() -> dict[str, int]:
    """How many hints of each exercise have been shown."""
    if not HINTS.exists():
        return {}
    try:
        return {number: int(count) for number, count in tomllib.loads(HINTS.read_text()).items()}
    except (tomllib.TOMLDecodeError, TypeError, ValueError) as error:
        raise DeskError(f"{shown(HINTS)} cannot be read ({error}); delete it to begin again.")


def write_hints(counts: dict[str, int]) -> None:
    """Replace the record of hints, never leaving half of one."""
    lines = ["# How many hints of each exercise `mi hint` has shown."]
    lines += [f'"{number}" = {count}' for number, count in counts.items()]
    beside = HINTS.with_suffix(".toml.new")
    beside.write_text("\n".join(lines) + "\n")
    beside.replace(HINTS)


def solution(number: str | None) -> None:
    """Show the tested answer, after asking someone who has not tried yet."""
    exercise = find(number)
    if not attempted(exercise.number) and sys.stdin.isatty() and sys.stdout.isatty():
        asked = f"{exercise.number} has no answer of yours yet. Show the solution anyway? [y/N] "
        if input(asked).strip().lower() not in ("y", "yes"):
            return
    for path in sorted({place.path for place in places(exercise.number)}):
        reference = reference_of(path)
        if not reference.exists():
            raise DeskError("This copy of the course keeps its solutions back.")
        heading(f"{exercise.number} {exercise.title}: {shown(reference)}")
        language = "toml" if reference.name == FILE else "python"
        say_code(text_of(reference, exercise.number).rstrip(), language)
