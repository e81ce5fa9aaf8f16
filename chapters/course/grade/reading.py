"""Read what a class handed in: for each exercise an answer to run, or the verdict without a run."""

import contextlib
import functools
from collections.abc import Mapping

from ..answers import TABLE_FILE, open_keys, read_table, table_text
from ..exercise_pages import Exercise
from ..files import chapter_folder
from . import similarity
from .allowed import refusal
from .course_copy import SOLUTIONS, TESTS
from .records import MISSING, REFUSED, TODO, Verdict
from .settings import Settings
from .submission import CannotTake, Handed, Original, Submission, originals
from .taken import digest, table_of, take
from .workers import Job, Unit


@functools.cache
def is_own_case(number: str) -> bool:
    """Whether a question is about a model that is drawn from the learner's id."""
    folder = TESTS / chapter_folder(number).name
    texts = [path.read_text("utf-8") for path in folder.glob("test_*.py")]
    return any(f'"{number}"' in text and "own_case" in text for text in texts)


class Reader:
    """Reads submissions, and notes what a person should look at."""

    def __init__(self, course: str, settings: Settings, chosen: Mapping[str, Exercise]):
        self.course, self.settings, self.chosen = course, settings, chosen
        self.files = originals(SOLUTIONS)
        self.notes: dict[str, dict[str, tuple[str, ...]]] = {}
        """Student -> exercise -> what its author should know."""
        self.shapes: dict[str, dict[str, similarity.Shape]] = {}
        """Exercise and file -> student -> the shape of the answer."""
        self.full_of_numbers: list[str] = []
        """Answers that may be tables of expected values."""

    def job(self, one: Submission, number: str) -> Job | Verdict:
        """Return what is to run for an exercise, or the verdict that needs no run."""
        files = self.files[number]
        handed = one.handed(number, files)
        self.notes.setdefault(one.name, {})[number] = tuple(handed.notes)
        if handed.problem:
            return Verdict(MISSING, handed.problem)
        try:
            if files[0].name.endswith(TABLE_FILE):
                return self._question(one, handed, files[0])
            return self._functions(one, handed)
        except CannotTake as error:
            return Verdict(MISSING, str(error))
        except (RecursionError, MemoryError) as error:
            return Verdict(MISSING, f"nested too deep to be read ({type(error).__name__})")

    def _functions(self, one: Submission, handed: Handed) -> Job | Verdict:
        number, sources = handed.number, []
        notes = list(handed.notes)
        for original in self.files[number]:
            taken = take(handed.texts[original.name], original, number)
            notes += taken.notes
            self.notes[one.name][number] = tuple(notes)
            if taken.is_stub:
                return Verdict(TODO, "not written yet")
            words = refusal(taken, original, number, SOLUTIONS)
            if words:
                return Verdict(REFUSED, words)
            count = similarity.numbers_in(taken)
            if count > similarity.MANY_NUMBERS:
                self.full_of_numbers.append(f"{one.name}, {number}: {count} numbers")
            shape = similarity.shape_of(taken)
            if shape is not None:
                self.shapes.setdefault(f"{number} {original.name}", {})[one.name] = shape
            sources += [original.name, taken.source]
        key = digest(number, [self.course, *sources])
        return Job(key, number, handed.texts, "", "")

    def _question(self, one: Submission, handed: Handed, original: Original) -> Job | Verdict:
        number = handed.number
        table = table_of(handed, original.name)
        with contextlib.suppress(ValueError, KeyError):
            left = open_keys(read_table(handed.texts[original.name], number))
            if left:
                return Verdict(TODO, f"still open: {', '.join(left)}")
        learner = ""
        if is_own_case(number):
            learner = self.settings.learner(one.name) or one.learner()
            if not learner:
                return Verdict(
                    MISSING, "expected the id in chapters/learner.toml, got no such file"
                )
        key = digest(number, [self.course, table, learner])
        return Job(key, number, {}, table, learner)

    def unit(self, number: str, jobs: list[Job]) -> Unit:
        """Put the answers to an exercise together."""
        original, table = self.files[number][0], ""
        if original.name.endswith(TABLE_FILE):
            table = table_text(original.text, number)
        return Unit(chapter_folder(number).name, number, jobs, table)

    def add_reference_shapes(self) -> None:
        """Compare the answers with the reference's, too."""
        for place, shapes in self.shapes.items():
            number, name = place.split(" ")
            original = next(one for one in self.files[number] if one.name == name)
            shape = similarity.shape_of(take(original.text, original, number))
            if shape is not None:
                shapes[similarity.REFERENCE] = shape

    def similar(self) -> list[similarity.Pair]:
        """List the answers that are alike."""
        return [
            pair
            for place, shapes in self.shapes.items()
            for pair in similarity.pairs(place.split(" ")[0], shapes)
        ]
