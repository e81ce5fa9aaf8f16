"""Each slip behind each answer is refused, or has a reason why the answer stays right."""

import pytest

from . import mistakes, mutants, slips
from .equivalents import EQUIVALENTS, reason
from .slips import SLIPS


@pytest.fixture(scope="module")
def map_of():
    """The map of a chapter, whose graders are collected once."""
    made: dict[str, mutants.Map] = {}

    def map_of(chapter: str) -> mutants.Map:
        if chapter not in made:
            closed = [slip for slip in SLIPS if slip not in slips.OPEN]
            made[chapter] = mutants.Map(chapter, wanted=closed)
        return made[chapter]

    yield map_of
    for one in made.values():
        one.graders.close()


def test_equivalents_name_slips_and_exercises_that_exist():
    numbers = {*mutants.numbers(), "*"}
    for slip, exercises, why in EQUIVALENTS:
        known = {one.partition("/")[0] for one in exercises.split()} <= numbers
        assert slip in SLIPS and known and why
    assert reason("0.1", "clone") and not reason("0.1", "squeeze")


@pytest.mark.slow
@pytest.mark.parametrize("number", mutants.numbers())
def test_no_slip_survives(map_of, number):
    found = map_of(mistakes.chapter_of(number)).of(number)
    left = [f"{one.function}: {one.slip}" for one in found if one.status in mutants.LEFT]
    assert not left, f"Nothing refuses, or excuses, behind {', '.join(left)}."
