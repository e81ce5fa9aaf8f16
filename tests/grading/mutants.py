"""Put each slip of `slips.py` behind each answer of the reference, and run the answer's graders.

    python -m tests.grading.mutants             the whole map
    python -m tests.grading.mutants --only 5    a chapter, or an exercise such as 5.3
    python -m tests.grading.mutants --slips "clamp at 50,no cast"

1. The graders of an exercise run once, while `__slip__` compares each value that an answer returns
   with what each slip would make of it. A slip that no grader could see has survived.
2. Each other slip runs in place of the answer, under the graders that could see it, until one
   fails. It is refused by that one.
3. A slip that survives is a fault of the graders, unless `equivalents.py` has the reason why an
   answer with it is right.
"""

import argparse
import ast
import builtins
import contextlib
import itertools
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import pytest
import torch
from tqdm import tqdm

from chapters.course.answers import functions_of

from . import mistakes, slips
from .code_changes import Code
from .equivalents import reason
from .mistakes import SOLUTIONS, TESTS, Variant, in_place, numbers_of
from .replay import Graders

CALLS = 100
"""How many calls of an answer by one grader are compared with what slips make of them."""
OWN = slips.ARGUMENTS + slips.CODE
"""Slips that a returned value alone does not show."""
GRADIENTS = ("detach", "no gradients afterwards")
NO_GRAD = "The decorator torch.no_grad leaves no graph, and sets the mode back."
LEFT = ("survived", "unseen")
"""What a slip must not be."""


class Outcome(NamedTuple):
    """What became of one slip behind one function."""

    number: str
    function: str
    slip: str
    status: str
    """refused, survived (graders could see it), unseen (none could), equivalent."""
    words: str
    """The grader that refused it, or the reason why it is right."""


def codes_of(number: str) -> list[Code]:
    """The answers of an exercise, with the parameters of each function."""
    file = numbers_of(SOLUTIONS / mistakes.chapter_of(number))[number]
    if file.suffix != ".py":
        return []
    functions = functions_of(ast.parse(file.read_text("utf-8")))
    return [
        Code.of(name, text, functions[name])
        for name, text in mistakes.answers_of(SOLUTIONS, number).items()
    ]


class Watch:
    """What `__slip__` does while the reference runs: it notes which slips each call would show."""

    def __init__(self) -> None:
        self.item: pytest.Item | None = None
        self.function = ""
        self.calls: Counter[tuple[str, str]] = Counter()
        self.shows: dict[tuple[str, str], list[pytest.Item]] = {}
        self.applies: set[tuple[str, str]] = set()

    def __call__(self, function: str, value: Any, arguments: dict[str, Any]) -> Any:
        """Compare a value with what each slip makes of it."""
        key, self.function = (function, self.item.nodeid), function
        self.calls[key] += 1
        if self.calls[key] <= CALLS:
            for slip, change in slips.VALUES.items():
                seen = self.shows.setdefault((function, slip), [])
                if self.item not in seen and self._shows(value, slip, change):
                    seen.append(self.item)
        return value

    def given(self, function: str, name: str, value: Any) -> Any:
        """Compare an argument with what each slip makes of it."""
        place = f"{function}:{name}"
        key, self.function = (place, self.item.nodeid), place
        self.calls[key] += 1
        if self.calls[key] <= CALLS:
            for slip, change in slips.GIVEN.items():
                seen = self.shows.setdefault((place, slip), [])
                if self.item not in seen and self._differs(value, change):
                    seen.append(self.item)
                    self.applies.add((place, slip))
        return value

    def _differs(self, value: Any, change: Callable[[Any], Any]) -> bool:
        try:
            return slips.differs(slips.change_value(value, change), value)
        except Exception:  # a slip that cannot run fails every grader that sees it
            return True

    def _shows(self, value: Any, slip: str, change: Callable[[Any], Any]) -> bool:
        try:
            changed = slips.change_value(value, self._noting(slip, change))
            return slip == "clone" and changed is not value or slips.differs(changed, value)
        except Exception:  # a slip that cannot run fails every grader that sees it
            return True

    def _noting(self, slip: str, change: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def noting(part: Any) -> Any:
            if slips.APPLIES[slip](part):
                self.applies.add((self.function, slip))
            return change(part)

        return noting


def acting(function: str, slip: str) -> Callable[..., Any]:
    """What `__slip__` does in order to make a slip in one function."""
    before: dict[str, Any] = {}

    def act(name: str, value: Any, arguments: dict[str, Any]) -> Any:
        if name != function:
            return value
        if slip in slips.VALUES:
            return slips.change_value(value, slips.VALUES[slip])
        if slip == "in-place":
            act.acted |= slips.change_argument(arguments)
        if slip == "global seed":
            torch.manual_seed(0)
        if slip == "no gradients afterwards":
            torch.set_grad_enabled(False)
        if slip != "remembered":
            return value
        told = all(map(slips.is_told_by_gist, arguments.values()))
        act.acted |= value is not None and not told
        return before.setdefault(slips.gist(arguments), value)

    def given(name: str, parameter: str, value: Any) -> Any:
        if slip in slips.GIVEN and function == f"{name}:{parameter}":
            return slips.change_value(value, slips.GIVEN[slip])
        return value

    act.given = given
    act.acted = slip not in ("in-place", "remembered")
    return act


@contextlib.contextmanager
def slipping(number: str, codes: list[Code], act: Callable[..., Any]) -> Iterator[None]:
    """Pass what the answers return through a function."""
    bodies = {code.name: code.with_returns() for code in codes}
    builtins.__slip__ = act
    try:
        with in_place("solutions", [Variant(number, "slip", bodies)]):
            yield
    finally:
        del builtins.__slip__


class Map:
    """The slips of the exercises of one chapter."""

    def __init__(self, chapter: str, everything: bool = False, wanted: Sequence[str] = slips.SLIPS):
        self.graders = Graders(TESTS / chapter, "solutions")
        self.everything = everything
        self.slips = wanted

    def of(self, number: str) -> Iterator[Outcome]:
        """Try every slip behind every answer of an exercise."""
        codes, own = codes_of(number), self.graders.of(number)
        if not codes:
            return
        watch = self._watch(number, codes, own)
        cost = Counter({item: one.duration for item, one in self._last.items()})
        refusals: Counter[pytest.Item] = Counter()
        for code, slip, place in _places(codes, self.slips):
            if slip not in OWN and (place, slip) not in watch.applies:
                continue
            items = own if slip in OWN else watch.shows.get((place, slip), [])
            why = NO_GRAD if code.no_grad and slip in GRADIENTS else reason(number, slip, place)
            if why and not self.everything:
                yield Outcome(number, place, slip, "equivalent", why)
                continue
            if slip != "remembered":  # what one grader leaves, a later one may see
                items = sorted(items, key=lambda item: (-refusals[item], cost[item]))
            yield from self._one(number, code, slip, place, items, refusals, why)

    def _watch(self, number: str, codes: list[Code], own: list[pytest.Item]) -> Watch:
        watch = Watch()
        self._last: dict[pytest.Item, Any] = {}
        with slipping(number, codes, watch):
            for item in own:
                watch.item = item
                for _, run in self.graders.run([item]):
                    if run.outcome not in ("passed", "skipped"):
                        raise AssertionError(f"the reference fails {item.nodeid}: {run.text}")
                    self._last[item] = _Timed(run.seconds)
        return watch

    def _one(self, number, code, slip, place, items, refusals, why) -> Iterator[Outcome]:
        bodies = code.with_code(slip) if slip in slips.CODE else [None]
        for body in bodies:
            status, words = "survived" if items else "unseen", ""
            act = acting(place, slip)
            changed = (
                slipping(number, [code], act)
                if body is None
                else in_place("solutions", [Variant(number, "slip", {code.name: body})])
            )
            with changed:
                for item in items:
                    for _, run in self.graders.run([item]):
                        if run.outcome == "failed":
                            status, words = "refused", item.name
                    if status == "refused":
                        refusals[item] += 1
                        break
            if not act.acted and status != "refused":  # nothing to edit, or nothing to forget
                continue
            if why and status != "refused":
                status, words = "equivalent", why
            yield Outcome(number, place, slip, status, words)


def _places(codes: list[Code], wanted: Sequence[str]) -> Iterator[tuple[Code, str, str]]:
    """(code, slip, place): a function, or "function:parameter" for what is given."""
    for code, slip in itertools.product(codes, wanted):
        if slip in slips.GIVEN:
            for name in code.given:
                yield code, slip, f"{code.name}:{name}"
        else:
            yield code, slip, code.name


class _Timed(NamedTuple):
    duration: float


def numbers(only: str = "") -> list[str]:
    """The exercises with code: all, those of a chapter, or one."""
    found = [
        number
        for chapter in sorted(TESTS.glob("ch*"))
        for number, file in numbers_of(SOLUTIONS / chapter.name).items()
        if file.suffix == ".py"
    ]
    wanted = only.split(",") if only else []
    return [one for one in found if not wanted or one in wanted or one.split(".")[0] in wanted]


def main() -> int:
    """Print a table: exercise, function, slip, and what became of it; survivors last."""
    parser = argparse.ArgumentParser(prog="python -m tests.grading.mutants")
    parser.add_argument("--only", default="", help="chapters or exercises, as in 5,7.2")
    parser.add_argument("--slips", default="", help="slips alone, as in 'squeeze,no cast'")
    parser.add_argument("--all", action="store_true", help="run known equivalents too")
    options = parser.parse_args()
    start, outcomes, maps = time.process_time(), [], {}
    bar = tqdm(numbers(options.only), unit="exercise", disable=not sys.stderr.isatty())
    for number in bar:
        bar.set_postfix_str(number)
        chapter = mistakes.chapter_of(number)
        maps.setdefault(chapter, None)
        if maps[chapter] is None:
            wanted = options.slips.split(",") if options.slips else slips.SLIPS
            maps[chapter] = Map(chapter, options.all, wanted)
        own = list(maps[chapter].of(number))
        outcomes += own
        tqdm.write(row(number, own), file=sys.stdout)
    left = [one for one in outcomes if one.status in LEFT]
    for one in left:
        print(f"{one.status:9} {one.number:5} {one.function}: {one.slip}")
    count = Counter(one.status for one in outcomes)
    print(dict(count), f"{time.process_time() - start:.0f} s of CPU")
    return len(left) > 0


def row(number: str, outcomes: list[Outcome]) -> str:
    """One line for an exercise: how many slips are refused, and the names of the others."""
    count = Counter(one.status for one in outcomes)
    parts = [f"{number:5} refused {count['refused']:3}"]
    for status in ("survived", "unseen", "equivalent"):
        names = dict.fromkeys(one.slip for one in outcomes if one.status == status)
        parts += [f"{status}: {', '.join(names)}"] if names else []
    return "; ".join(parts)


if __name__ == "__main__":
    sys.exit(main())
