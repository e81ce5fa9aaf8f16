"""The graders graded: no stub passes, every right answer does, every mistake fails and is named.

Records are in tests/chNN_x/mistakes. That the reference itself passes is what
`pytest --impl=solutions` runs the graders for.
"""

import builtins
from collections import Counter
from collections.abc import Iterator
from time import process_time

import pytest

from chapters.course import import_hook

from . import mistakes
from .evidence import Run, alike
from .mistakes import SOLUTIONS, TESTS, Mistake, RightAnswer, Variant, in_place, numbers_of, stub
from .naming import known
from .replay import Graders
from .thorough import is_heavy, without_heavy
from .workbook import workbook

CHAPTERS = [path.name for path in sorted(TESTS.glob("ch*"))]
SECONDS = 0.02
"""How long a grader is taken to run before it has run."""
each_chapter = pytest.mark.parametrize("chapter", CHAPTERS)


def each(kind: type[Variant]) -> pytest.MarkDecorator:
    """One test a record; of several with the same words, all but the first are thorough."""
    cases, said = [], set()
    for chapter in CHAPTERS:
        for one in mistakes.gather(chapter, kind):
            again = getattr(one, "named", False) and (one.number, one.words) in said
            said.add((one.number, one.words))
            marks = [pytest.mark.thorough] * (again or getattr(one, "slow", False))
            cases.append(pytest.param(chapter, one, id=str(one), marks=marks))
    return pytest.mark.parametrize("chapter, record", cases)


@pytest.fixture(scope="module")
def graders() -> Iterator:
    """The graders of a chapter for a package: `graders("ch05_patching")`, collected once."""
    made: dict[tuple[str, str], Graders] = {}

    def graders(chapter: str, package: str = "solutions") -> Graders:
        if (chapter, package) not in made:
            made[chapter, package] = Graders(TESTS / chapter, package)
        return made[chapter, package]

    yield graders
    for one in made.values():
        one.close()


@pytest.fixture(scope="module")
def rows(graders) -> "Rows":
    return Rows(graders)


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A workbook whose answers are the reference's."""
    with workbook(tmp_path_factory.mktemp("workbook")) as name:
        yield name


class Rows:
    """What each grader sees of each record, worked out when it is asked for."""

    def __init__(self, graders):
        self.graders = graders
        self.number = ""
        self.useful: Counter[pytest.Item] = Counter()
        self.seconds: dict[object, float] = {}  # by function, for all its parameters
        self.runs: dict[tuple[Variant, pytest.Item], Run] = {}

    def items(self, record: Variant) -> list[pytest.Item]:
        """The graders of an exercise, those first that failed or separated most per second.

        Heavy ones come last.
        """
        own = self.graders(mistakes.chapter_of(record.number)).of(record.number)
        costs = {item: self.seconds.get(item.function, SECONDS) for item in own}
        rates = {item: (self.useful[item] + 1) / costs[item] for item in own}
        return sorted(own, key=lambda item: (is_heavy(item), -rates[item]))

    def of(self, record: Variant, items: list[pytest.Item]) -> Iterator[tuple[pytest.Item, Run]]:
        """The runs of some graders; what follows after the last one taken is not run."""
        if record.number != self.number:  # runs hold tensors: a gigabyte for all exercises
            self.number = record.number
            self.runs.clear()
        for item in items:
            if (record, item) in self.runs:
                yield item, self.runs[record, item]
                continue
            with in_place("solutions", [record]):
                chapter, start = self.graders(mistakes.chapter_of(record.number)), process_time()
                for _, run in chapter.run([item]):
                    self.runs[record, item] = run
                    self.useful[item] += run.outcome == "failed"
                slowest = self.seconds.get(item.function, 0.001)
                self.seconds[item.function] = max(process_time() - start, slowest)
            yield item, self.runs[record, item]

    def are_alike(self, one: Variant, other: Variant, items: list[pytest.Item]) -> bool:
        """Whether the graders cannot separate two records; one that cannot run is like no other."""
        try:
            for (item, run), (_, theirs) in zip(
                self.of(one, items), self.of(other, items), strict=True
            ):
                if not alike(run, theirs):
                    self.useful[item] += 1
                    return False
            return True
        except (ValueError, LookupError, SyntaxError):  # its own test reports it
            return False

    def names(self, record: Mistake) -> list[str]:
        """The words of the mistakes that every grader sees as this one.

        Graders run until the others are separated, the first one that failed in front. Other code
        with the same words needs no separation. A run whose end proves nothing names nothing.
        """
        items = self.items(record)
        first = next(item for item, run in self.of(record, items) if run.outcome == "failed")
        order = [first, *(item for item in items if item is not first)]
        others = [one for one in known(record.number) if one.words != record.words]
        words = [one.words for one in others if self.are_alike(record, one, order)]
        ran = [self.runs[record, item] for item in order if (record, item) in self.runs]
        own = [record.words] * all(run.end is not None for run in ran)
        return list(dict.fromkeys(own + words))


def other_than(outcome: str, runs) -> dict[str, str]:
    """The graders with another outcome than expected, and their reports.

    Those that cannot run here, without weights or a GPU, are skipped and prove nothing.
    """
    ran = {item.nodeid: run for item, run in runs if run.outcome != "skipped"}
    assert ran, "no grader ran"
    return {test: f"{r.outcome}\n{r.text}" for test, r in ran.items() if r.outcome != outcome}


@each(Mistake)
def test_a_mistake_fails_in_its_words(chapter: str, record: Mistake, rows: Rows):
    texts = []
    for _, run in rows.of(record, rows.items(record)):
        texts += [run.text] * (run.outcome == "failed")
        if texts and (record.words in texts[-1] or record.named):
            break
    assert texts, f"{record}: no grader fails it"
    if record.words in texts[-1]:
        return
    named = rows.names(record) if record.named else []
    assert named == [record.words], (
        f"{record}: fails, but expected the words {record.words!r}, got {named} and\n"
        + "\n\n".join(texts)
    )


@each(RightAnswer)
def test_a_right_answer_passes_its_exercise(chapter, record: RightAnswer, graders, pytestconfig):
    own = graders(chapter)
    items = without_heavy(own.of(record.number), pytestconfig)
    with in_place("solutions", [record]):
        assert not other_than("passed", own.run(items))


@each_chapter
def test_right_answers_together_pass_the_chapter(chapter: str, graders, pytestconfig):
    """The last right answer of every exercise, all at once."""
    last = {record.number: record for record in mistakes.gather(chapter, RightAnswer)}
    own = graders(chapter)
    with in_place("solutions", last.values()):
        assert not other_than("passed", own.run(without_heavy(own.items, pytestconfig)))


@each_chapter
def test_every_stub_is_todo_for_every_grader(chapter: str, graders, package: str):
    own = graders(chapter, package)
    with in_place(package, map(stub, numbers_of(SOLUTIONS / chapter))):
        assert not other_than("todo", own.run(own.items))


@each_chapter
def test_no_grader_runs_another_exercises_answer(
    chapter, graders, package, monkeypatch, pytestconfig
):
    """Each answer is right, and objects to being run while another one is graded."""

    def only_under(number: str) -> None:
        if import_hook.current_exercise != number:
            graded = import_hook.current_exercise
            pytest.fail(f"the answer of {number} ran while {graded} was graded")

    monkeypatch.setattr(builtins, "only_under", only_under, raising=False)
    objecting = [objection(number) for number in numbers_of(SOLUTIONS / chapter)]
    own = graders(chapter, package)
    with in_place(package, objecting):
        assert not other_than("passed", own.run(without_heavy(own.items, pytestconfig)))


def objection(number: str) -> Variant:
    """The reference's answer behind a check that its own exercise is the one being graded."""
    answers = mistakes.answers_of(SOLUTIONS, number)
    check = f'only_under("{number}")\n'
    changes = {name: text if name == number else check + text for name, text in answers.items()}
    return Variant(number, "objecting", changes)


@each_chapter
@pytest.mark.parametrize(
    "odd",
    [
        pytest.param(0, id="others-wrong"),
        pytest.param(1, id="others-todo", marks=pytest.mark.thorough),
    ],
)
def test_a_right_answer_passes_among_bad_ones(chapter, odd: int, graders, package, pytestconfig):
    """Every other exercise is wrong, or not written; those between are right and pass."""
    numbers = list(numbers_of(SOLUTIONS / chapter))
    wrong = {one.number: one for one in mistakes.gather(chapter, Mistake)}
    bad = [stub(number) if odd else wrong[number] for number in numbers[1 - odd :: 2]]
    own = graders(chapter, package)
    items = without_heavy(own.of(*numbers[odd::2]), pytestconfig)
    with in_place(package, bad):
        assert not other_than("passed", own.run(items))
