"""The commands that show exercises, and `mi reset`, which replaces an answer by its stub.

`mi`, `mi progress`, `mi next`, `mi hint` and `mi solution` read text files only. The number of
hints that were shown is kept in chapters/hints.toml.

`mi reset` keeps a backup in chapters/backups/. The stub is made from the reference's function, so a
changed signature is restored too; in a copy of the course without solutions/, from the learner's
own function. In a file that is not Python at the moment, the answer's end is found by the indent of
its lines.
"""

import ast
import contextlib
import os
import sys
from collections.abc import Collection
from datetime import datetime
from pathlib import Path

from .answers import (
    TABLE_FILE,
    answer_files,
    find_answers,
    first_line,
    functions_of,
    marked_lines,
    parse,
    stub_line,
    tables_of,
    text_of,
    without_answers,
)
from .exercises import Exercise, exercises, find, next_exercise, numeric, places
from .files import (
    CHAPTERS,
    RecordFile,
    UnreadableFile,
    chapter_folder,
    read_bytes,
    read_leniently,
    read_text,
    reference_of,
    replace_file,
    shown,
)
from .labs import lab_line
from .progress import delete_pass, read_passes, read_place, remember_place
from .terminal import CourseError, bar, heading, paint, plural, say, say_code, say_markdown

COMMANDS = "mi next (read it) · mi check (grade it) · mi hint · mi watch · mi --help (all)"
BACKUPS = CHAPTERS / "backups"


def show_status() -> None:
    """Show the current chapter, the next exercise, and where its answer goes."""
    every, passes, following = exercises(), read_passes(), next_exercise()
    say(paint("Mechanistic Interpretability from Scratch", "1"))
    if following is None:
        say(f"Every exercise is passed: {len(every)} of {len(every)}. mi progress lists them.")
        return
    chapter = numeric(following.number)[0]
    here = [found for found in every.values() if numeric(found.number)[0] == chapter]
    say(_row(chapter, here, passes.current))
    star = ", on the core path" if following.core else ""
    say(f"Next: {following.number} {following.title} (about {following.minutes} minutes{star})")
    for place in places(following.number):
        state = place.problem or ("" if place.stub else "begun")
        say(f"      {place}" + (f"  ({state})" if state else ""))
    _say_outdated(passes.outdated)
    say(COMMANDS)


def show_progress() -> None:
    """Show every chapter with its bar and points, and which exercises are passed."""
    every, passes = exercises(), read_passes()
    done = passes.current
    for chapter in sorted({numeric(number)[0] for number in every}):
        here = [found for found in every.values() if numeric(found.number)[0] == chapter]
        heading(_row(chapter, here, done))
        for found in here:
            mark = paint("passed  ", "32") if found.number in done else "        "
            mark = paint("outdated", "33") if found.number in passes.outdated else mark
            star = "*" if found.core else " "
            say(f"  {mark}  {found.number:>5} {star} {found.title}")
        if line := lab_line(chapter):
            say(f"               lab  {line}")
    core = [found for found in every.values() if found.core]
    say(
        f"\n* the core path: {sum(found.number in done for found in core)} of {len(core)} passed. "
        f"In total: {sum(found.number in done for found in every.values())} of {len(every)}."
    )
    _say_skipped(passes.current)
    _say_outdated(passes.outdated)


def _say_skipped(done: Collection[str]) -> None:
    """Say how many exercises before the learner's place are open, of which `mi next` shows none."""
    place = numeric(read_place() or "0.0")
    skipped = [n for n in exercises() if n not in done and numeric(n) < place]
    if skipped:
        say(f"Skipped: {plural(len(skipped), 'exercise')}; mi next {skipped[0]} goes back there.")


def _say_outdated(outdated: Collection[str]) -> None:
    """Say how recorded passes count again after an update of the course."""
    if outdated:
        say(
            f"{plural(len(outdated), 'exercise')} passed before an answer or given code changed; "
            "mi check --recorded grades them again (after an update of the course, see mi doctor)."
        )


def _row(chapter: int, here: list[Exercise], done: Collection[str]) -> str:
    """Format one chapter as one line."""
    passed = [found for found in here if found.number in done]
    earned, total = (sum(found.points for found in some) for some in (passed, here))
    return (
        f"Chapter {chapter}  {bar(len(passed), len(here))}  "
        f"{len(passed)} of {len(here)} exercises, {earned} of {total} points"
    )


def show_next(number: str | None = None, core: bool = False) -> None:
    """Show the next open exercise, or another one: its statement, where to write, what to type."""
    exercise = next_exercise(core) if number is None else find(number)
    if number is not None:
        remember_place(number)
    if exercise is None:
        say("Every exercise " + ("of the core path " if core else "") + "is passed.")
        return
    heading(f"{exercise.number} {exercise.title}" + ("  (core path)" if exercise.core else ""))
    say(
        f"difficulty {exercise.difficulty} of 5, importance {exercise.importance} of 5, "
        f"about {exercise.minutes} minutes, {plural(exercise.points, 'point')}\n"
    )
    say_markdown(exercise.text)
    say()
    for place in places(exercise.number):
        say(f"write it in   {place}" + (f"  ({place.problem})" if place.problem else ""))
    say(f"then type     mi check {exercise.number}     (or mi hint {exercise.number})")
    say(f"the page      {shown(exercise.page)}     (mi book shows it in a browser)")


def hint(number: str | None, show_all: bool = False) -> None:
    """Show one hint more than last time, or all of them."""
    exercise = find(number)
    remember_place(exercise.number)
    shown_before = int(hints_file().read().get(exercise.number, ["0"])[-1])
    count = len(exercise.hints)
    last = count if show_all else min(shown_before + 1, count)
    for index in range(0 if show_all else max(last - 1, 0), last):
        heading(f"{exercise.number} {exercise.title}: hint {index + 1} of {count}")
        say_markdown(exercise.hints[index])
    with contextlib.suppress(OSError, ImportError):  # a read-only course still has its hints
        hints_file().change(lambda records: {**records, exercise.number: [str(last)]})
    if shown_before >= count and not show_all:
        say(f"That was the last hint. mi hint {exercise.number} --all shows all of them,")
        say(f"mi solution {exercise.number} shows one answer.")


def hints_file() -> RecordFile:
    """Return chapters/hints.toml."""
    header = "# How many hints of each exercise `mi hint` has shown.\n"
    return RecordFile(CHAPTERS / "hints.toml", header, "[0-9]{1,4}")


def solution(number: str | None) -> None:
    """Show the tested answer, after a question to a learner who has not tried yet."""
    exercise = find(number)
    where = places(exercise.number)
    if all(place.stub for place in where) and sys.stdin.isatty() and sys.stdout.isatty():
        question = f"You have not written {exercise.number} yet. Show the solution anyway? [y/N] "
        if input(question).strip().lower() not in ("y", "yes"):
            return
    for path in sorted({place.path for place in where}):
        reference = reference_of(path)
        if not reference.exists():
            raise CourseError("This copy of the course comes without its solutions.")
        heading(f"{exercise.number} {exercise.title}: {shown(reference)}")
        language = "toml" if reference.name == TABLE_FILE else "python"
        say_code(text_of(reference, exercise.number).rstrip(), language)


def reset(number: str) -> None:
    """Replace an exercise's answer by its stub in each file, and delete its recorded pass.

    Raises: CourseError when the exercise cannot be found in a file.
    """
    number = find(number).number
    for path in files_of(number):
        there = os.path.lexists(path)
        content = read_bytes(path) if there else b""
        before = content.decode("utf-8", "surrogateescape").replace("\r\n", "\n")
        after = restored(before, path, number)
        if there and after == before:
            say(f"{shown(path)}: {number} is a stub already.")
            continue
        backup = keep(content, path, number)
        ends = "\r\n" if b"\r\n" in content else "\n"
        replace_file(path, after.replace("\n", ends).encode("utf-8", "surrogateescape"))
        say(f"{shown(path)}: {number} is a stub again. The file before is {shown(backup)}")
    delete_pass(number)


def restored(before: str, path: Path, number: str) -> str:
    """Return the text of a file with one answer replaced; of an empty file, the whole stub."""
    reference = reference_of(path)
    if not before.strip() and reference.is_file():
        text = read_text(reference)
        return without_answers(text, path.name)
    mark = "\ufeff" * before.startswith("\ufeff")
    edit = restore_table if path.name == TABLE_FILE else restore
    return mark + edit(before.removeprefix("\ufeff"), stubs_for(path, number), number, shown(path))


def files_of(number: str) -> list[Path]:
    """List the learner's files of an exercise, by the reference's marks or by the learner's.

    Raises: CourseError when the exercise is marked in none.
    """
    folder = chapter_folder(number)
    theirs = [
        folder / path.relative_to(reference_of(folder))
        for path in answer_files(reference_of(folder))
    ]
    files = [
        path
        for path in sorted({*answer_files(folder), *theirs})
        if any(_holds(file, number) for file in (path, reference_of(path)))
    ]
    if not files:
        raise CourseError(f"No file in {shown(folder)} has the comment `# exercise {number}`.")
    return files


def stubs_for(path: Path, number: str) -> dict[str, str]:
    """Return the stub of every function or table of the exercise; empty where none can be made."""
    source = reference_of(path) if reference_of(path).exists() else path
    try:
        if path.name == TABLE_FILE:
            return {number: without_answers(text_of(source, number), path.name).rstrip("\n")}
        stub = without_answers(read_text(source), path.name)
    except (UnreadableFile, SyntaxError, ValueError, KeyError):
        return {}
    lines = stub.split("\n")
    answers = [answer for answer in find_answers(stub) if answer.number == number]
    return {
        answer.qualname: "\n".join(lines[answer.first_line - 1 : answer.last_line])
        for answer in answers
    }


def restore(source: str, stubs: dict[str, str], number: str, name: str) -> str:
    """Replace the functions of the same names by stubs, and change nothing else.

    A function that was deleted is added at the end of its class, or of the file.

    Raises: CourseError with the file's name when the class of a stub was deleted too.
    """
    lines = source.split("\n")
    try:
        tree = parse(source)
    except SyntaxError as error:
        return "\n".join(_cut_by_indent(lines, number, name, error))
    if not stubs:
        raise CourseError(
            f"{name}: the comment `# exercise {number}` is missing; restore it first."
        )
    spans = _spans(tree, source)
    edits = []
    for qualname, stub in stubs.items():
        parent = qualname.rpartition(".")[0]
        if qualname in spans:
            edits.append((*spans[qualname], stub.split("\n")))
        elif parent in spans:
            end = spans[parent][1]
            edits.append((end + 1, end, [""] * (1 if parent else 2) + stub.split("\n")))
        else:
            raise CourseError(f"{name}: {parent} is missing, so {qualname} has no place in it.")
    for first, last, text in sorted(edits, reverse=True):
        lines[first - 1 : last] = text
    return "\n".join(lines)


def restore_table(source: str, stubs: dict[str, str], number: str, name: str) -> str:
    """Replace the learner's table by the one with question marks, or add it at the file's end.

    Raises: CourseError with the file's name when the original table cannot be read.
    """
    if number not in stubs:
        raise CourseError(f"{name} is not TOML, so its answers cannot be reset; fix it first.")
    lines = source.split("\n")
    own = tables_of(source, number)
    if not own:
        return source.rstrip("\n") + "\n\n" * bool(source) + stubs[number] + "\n"
    lines[own[0].first_line - 1 : own[0].last_line] = stubs[number].split("\n")
    return "\n".join(lines)


def _spans(tree: ast.Module, source: str) -> dict[str, tuple[int, int]]:
    """Map each function and class, and "" for the whole file, to its first and last line."""
    spans = {"": (1, len(source.rstrip("\n").split("\n")))}
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    for qualname, node in {**functions_of(tree), **classes}.items():
        spans[qualname] = (first_line(node), node.end_lineno or node.lineno)
    with contextlib.suppress(ValueError):  # a mark in a wrong place: comments at its end stay
        spans |= {a.qualname: (a.first_line, a.last_line) for a in find_answers(source)}
    return spans


def keep(content: bytes, path: Path, number: str) -> Path:
    """Write a file's content to chapters/backups/, named after the time and the exercise."""
    when = datetime.now().strftime("%Y-%m-%d_%H-%M-%S")
    name, count = f"{when}_{number}_{path.name}", 1
    while (BACKUPS / name).exists():
        count += 1
        name = f"{when}_{number}_{count}_{path.name}"
    replace_file(BACKUPS / name, content)
    return BACKUPS / name


def _cut_by_indent(lines: list[str], number: str, name: str, error: SyntaxError) -> list[str]:
    marks = marked_lines(lines, number)
    if not marks:
        raise CourseError(
            f"{name}, line {error.lineno}, is not Python ({error.msg}), and the comment "
            f"`# exercise {number}` is missing; restore it, or fix that line, and try again."
        )
    for mark in reversed(marks):
        indent = lines[mark][: -len(lines[mark].lstrip())]
        end = mark + 1
        while end < len(lines) and (not lines[end].strip() or lines[end].startswith(indent)):
            end += 1
        while not lines[end - 1].strip():
            end -= 1
        lines[mark + 1 : end] = [indent + stub_line(number)]
    return lines


def _holds(path: Path, number: str) -> bool:
    text = read_leniently(path)[0]
    if path.name == TABLE_FILE:
        return bool(tables_of(text, number))
    return bool(marked_lines(text.split("\n"), number))
