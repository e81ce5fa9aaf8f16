"""The seed of a question that every learner gets another case of.

In the workbook it follows from the learner's id; any other package holds the reference's answers.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from chapters import lab

REFERENCE, seed_of = lab.REFERENCE, lab.seed_of


def case_seed(request: pytest.FixtureRequest, values: Mapping[str, Any], number: str) -> int:
    """Return the seed of the case that an answer is about; fail where it is of no known case."""
    package = request.config.getoption("--impl")
    return seed_for(package, values, number)


def seed_for(package: str, values: Mapping[str, Any], number: str) -> int:
    """Return the seed of an exercise for the learner whose answers a package holds."""
    if package != "chapters":
        return seed_of(REFERENCE, number)
    assert "MI_LEARNER" in os.environ or lab.LEARNER.exists(), (
        "expected your id in chapters/learner.toml, got no such file. Copy it from where you "
        f'answered, or call own_seed("{number}") of chapters.lab, which draws an id.'
    )
    learner = lab.learner_id()
    assert learner != REFERENCE, (
        f'expected an id of your own in chapters/learner.toml, got "{REFERENCE}", whose '
        "answers are public. Delete the file, and own_seed draws an id."
    )
    assert "seed" not in values, (
        f"seed = {values['seed']} is of an earlier version of {number}: the case is now drawn from "
        f'your id, "{learner}". Open it with own_seed("{number}") of chapters.lab, answer again, '
        "and delete the line with the seed. Until then your old answer stays in the file."
    )
    return seed_of(learner, number)


def check_tables(
    seeds: Sequence[int],
    tables: Sequence[Mapping[str, Any]],
    passes: Callable[[int, Mapping[str, Any]], bool],
) -> None:
    """Fail unless each seed's table passes, and the table of another seed does not."""
    for seed, table, copied in zip(seeds, tables, [*tables[1:], tables[0]], strict=True):
        assert passes(seed, table), f"right answers of seed {seed} fail: {table}"
        assert not passes(seed, copied), f"copied answers pass for seed {seed}"


def read_numbers(
    values: Mapping[str, Any], key: str, n: int, what: str, size: int | None = None
) -> list[int]:
    """Read a list of different numbers from 0 to n - 1, of a given size if any; fail for others."""
    value = values[key]
    fits = isinstance(value, list) and all(type(i) is int and 0 <= i < n for i in value)
    count = "" if size is None else f"{size} "
    assert fits and value and len(set(value)) == len(value) and size in (None, len(value)), (
        f"{key}: expected a list of {count}different {what} from 0 to {n - 1}, got {value!r}."
    )
    return sorted(value)
