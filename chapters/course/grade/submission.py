"""Find which file of a submission answers which exercise.

A file that was renamed or moved is found by its marks.
"""

import contextlib
import functools
import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from ..answers import (
    MARK,
    TABLE_FILE,
    Answer,
    find_answers,
    find_tables,
)
from ..files import LARGEST, UnreadableFile, read_text

CHAPTER = re.compile(r"ch\d\d_\w+")
SKIPPED = {"solutions", "tests", "docs", "site", "toy_models", "node_modules", "__pycache__"}
MOST_FILES, DEEPEST = 3000, 6
MOST_BRACKETS = 150
"""How deep brackets may be nested in a file; Python's own parser gives up soon after."""
MOST_DOTS = 200
"""How many dots a line of TOML may have: the time to read a dotted key grows with their square."""


class Original(NamedTuple):
    """A file of the course that has answers."""

    name: str
    """Its path from the folder of chapters, as in ch02_transformer/softmax.py."""
    text: str
    """The reference's text."""
    answers: tuple[Answer, ...]
    """Its answers."""


class Handed(NamedTuple):
    """What a submission has for one exercise."""

    number: str
    """The exercise."""
    texts: dict[str, str]
    """The course's file -> the text that was handed in for it."""
    problem: str
    """Why there is no answer; empty if there is one."""
    notes: list[str]
    """What its author should know: a file that was renamed, for instance."""


class CannotTake(Exception):
    """Why a file has no answer to an exercise, in words for its author."""


def originals(chapters: Path) -> dict[str, list[Original]]:
    """Map each exercise to the course's files that have its answers."""
    found: dict[str, list[Original]] = {}
    for path in sorted([*chapters.glob("ch*/**/*.py"), *chapters.glob(f"ch*/{TABLE_FILE}")]):
        text = path.read_text("utf-8")
        answers = find_tables(text) if path.name == TABLE_FILE else find_answers(text)
        one = Original(path.relative_to(chapters).as_posix(), text, tuple(answers))
        for number in dict.fromkeys(answer.number for answer in answers):
            found.setdefault(number, []).append(one)
    return found


class Submission:
    """The files of one student."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.name = folder.name
        self.files = list(_files(folder))
        self.base = _base(folder, self.files)

    def handed(self, number: str, files: Sequence[Original]) -> Handed:
        """Find what was handed in for an exercise."""
        texts, notes = {}, []
        for original in files:
            try:
                texts[original.name], note = self._text_of(original, number)
                notes += [note] * bool(note)
            except (UnreadableFile, CannotTake) as error:
                return Handed(number, {}, self._own_words(str(error)), notes)
            except OSError as error:  # a folder that may not be entered, for instance
                words = f"{original.name} cannot be read: {error.strerror}"
                return Handed(number, {}, words, notes)
        return Handed(number, texts, "", notes)

    def time(self) -> float:
        """Return when the newest file with an answer was last changed, in seconds since 1970."""
        times = [path.stat().st_mtime for path in self.files if path.suffix in (".py", ".toml")]
        return max(times, default=0.0)

    def learner(self) -> str:
        """Return the id in the submission's learner.toml; empty without one."""
        for path in self.files:
            if path.name == "learner.toml":
                with contextlib.suppress(UnreadableFile):
                    match = re.search(r'(?m)^id\s*=\s*"([^"\n]{1,80})"', self._read(path))
                    return match[1] if match else ""
        return ""

    def _text_of(self, original: Original, number: str) -> tuple[str, str]:
        """Return the text that was handed in for a file, and a note where it lies elsewhere."""
        path = self.base / original.name
        if path.is_symlink() or any(part.is_symlink() for part in path.parents):
            raise CannotTake(f"{original.name} is a link; hand in the file itself")
        if path.exists():
            text = self._read(path)
            if path.name == TABLE_FILE or number in _numbers(text):
                return text, ""
        elsewhere = [p for p in self.files if p != path and self._could_be(p, original, number)]
        if len(elsewhere) == 1:
            found = elsewhere[0].relative_to(self.folder).as_posix()
            return self._read(elsewhere[0]), f"expected {original.name}, found {found}: taken"
        if elsewhere:
            names = ", ".join(p.relative_to(self.folder).as_posix() for p in elsewhere[:3])
            raise CannotTake(f"expected {original.name}, got several files with {number}: {names}")
        if path.exists():
            raise CannotTake(
                f"{original.name}: expected the comment `# exercise {number}`, got none; "
                f"`mi reset {number}` restores it"
            )
        if not (self.base / original.name.split("/")[0]).is_dir():
            chapter = int(number.split(".")[0])
            raise CannotTake(f"nothing of chapter {chapter} was handed in")
        raise CannotTake(f"{original.name} was not handed in")

    def _could_be(self, path: Path, original: Original, number: str) -> bool:
        """Whether a file has the answers of another one, which it may be under a new name."""
        if path.suffix != Path(original.name).suffix:
            return False
        wanted = {answer.qualname for answer in original.answers if answer.number == number}
        try:
            text = self._read(path)
            if path.suffix == ".py" and number not in _numbers(text):
                return False
            found = _answers_in(text, path.suffix)
        except (UnreadableFile, SyntaxError, ValueError):
            return False
        return wanted <= {answer.qualname for answer in found if answer.number == number}

    def _read(self, path: Path) -> str:
        return _read(path, path.stat().st_mtime_ns if path.exists() else 0)

    def _own_words(self, words: str) -> str:
        """Name the submission's files as its author does."""
        return words.replace(f"{self.folder}{os.sep}", "")


@functools.lru_cache(maxsize=4096)
def _read(path: Path, _changed: int) -> str:
    text = read_text(path)
    if _deepest_bracket(text) > MOST_BRACKETS:
        raise UnreadableFile(f"{path}: expected brackets at most {MOST_BRACKETS} deep, got more")
    if path.suffix == ".toml" and max(line.count(".") for line in text.split("\n")) > MOST_DOTS:
        raise UnreadableFile(f"{path}: expected at most {MOST_DOTS} dots in a line, got more")
    return text


@functools.lru_cache(maxsize=4096)
def _answers_in(text: str, ending: str) -> tuple[Answer, ...]:
    """Parse a file once for all exercises that it is searched for."""
    return tuple(find_tables(text) if ending == ".toml" else find_answers(text))


def _deepest_bracket(text: str) -> int:
    """Count nested brackets, those in strings too: an upper bound that needs no parser."""
    deepest = depth = 0
    for character in re.findall(r"[()\[\]{}]", text):
        depth = max(depth + 1 if character in "([{" else depth - 1, 0)
        deepest = max(deepest, depth)
    return deepest


def _files(folder: Path) -> Iterator[Path]:
    """List the ordinary files of a submission; hidden folders and links are passed over."""
    count = 0
    for place, folders, names in os.walk(folder):
        depth = len(Path(place).relative_to(folder).parts)
        kept = [name for name in sorted(folders) if name[0] != "." and name not in SKIPPED]
        folders[:] = [n for n in kept if depth < DEEPEST and n not in ("venv", "site-packages")]
        for name in sorted(names):
            path = Path(place, name)
            if name[0] == "." or path.suffix not in (".py", ".toml") or path.is_symlink():
                continue
            if path.is_file() and path.stat().st_size <= LARGEST:
                yield path
            count += 1
            if count >= MOST_FILES:
                return


def _base(folder: Path, files: list[Path]) -> Path:
    """Find the folder of chapters: the one below which most files are in chNN_name/."""
    bases: Counter[Path] = Counter()
    for path in files:
        for parent in path.relative_to(folder).parents:
            if CHAPTER.fullmatch(parent.name):
                bases[folder / parent.parent] += 1
    chapters = folder / "chapters"
    if bases[chapters] or not bases:
        return chapters if chapters.is_dir() else folder
    return bases.most_common(1)[0][0]


def _numbers(text: str) -> set[str]:
    return set(re.findall(f"(?m)^[ \t]*{MARK.pattern}", text))
