"""A fact about wrong values is stated where it holds for all of them, and nowhere else."""

import pytest
import torch

from . import mistakes, naming
from .assertions import normal
from .evidence import Comparison
from .mistakes import TESTS, Variant, in_place
from .relations import relation as of_comparisons
from .replay import Graders

SIZES = (2, 4, 5), (3, 5, 5), (2, 6, 4)
FACTS = {
    "2.5 times the expected one": lambda x: 2.5 * x,
    "the expected one with the other sign": lambda x: -x,
    "the expected one plus 3": lambda x: x + 3,
    "a multiple of the expected one: 0.25, 0.2, 0.1667": lambda x: x / x.shape[1],
    "the absolute value of the expected one": torch.abs,
    "the expected one with axes 1 and 2 exchanged": lambda x: x.mT,
    "the expected one in reverse along axis 1": lambda x: x.flip(1),
    "the expected one, one place too late along axis 1": lambda x: x.roll(1, 1),
    "the expected one, one place too early along axis 2": lambda x: x.roll(-1, 2),
    "the same everywhere along axis 0, the expected first one": lambda x: x[:1].expand_as(x),
    "the same everywhere along axis 0, the mean of the expected ones": (
        lambda x: x.mean(0, keepdim=True).expand_as(x)
    ),
    "the same everywhere along axis 2, where the expected ones differ": (
        lambda x: x.amax(2, keepdim=True).expand_as(x)
    ),
    "wrong only at the last place along axis 1": (
        lambda x: torch.cat([x[:, :-1], 2 * x[:, -1:] ** 2], 1)
    ),
    "right only at the first place along axis 2": (
        lambda x: torch.cat([x[..., :1], x[..., 1:] ** 2], 2)
    ),
    "wrong only where the expected one is 0": lambda x: torch.where(x == 0, 1.0, x),
    "wrong only where it is 0": lambda x: x.where(x.flatten().argsort().view_as(x) % 3 > 0, 0),
    "wrong only where the expected one is negative": lambda x: x.where(x > 0, 7 * x**2 + 1),
    "the expected numbers in another order along axis 1": lambda x: x.roll(2, 1),
    "the expected numbers, but in other places": (lambda x: x.flatten().roll(7).view_as(x)),
    "the expected one, multiplied by another number at each place along axis 2": (
        lambda x: x * torch.arange(2.0, 2 + x.shape[2])
    ),
    "the expected one, multiplied by another number at each place along the axes other than 1": (
        lambda x: x / x.norm(dim=1, keepdim=True)
    ),
    "the expected one plus another number at each place along axis 1": (
        lambda x: x + torch.arange(2.0, 2 + x.shape[1])[:, None]
    ),
    "the expected one plus another number at each place along the axes other than 2": (
        lambda x: x - x.mean(dim=2, keepdim=True)
    ),
    "right except for some signs": (lambda x: x * (2 * (x.flatten().argsort().view_as(x) % 2) - 1)),
    "nearly right, so something small is added, cut off or rounded": lambda x: x + 1e-4 * x.cos(),
}


def relation(pairs):
    return of_comparisons([Comparison(*pair) for pair in pairs])


def values(sizes=SIZES):
    """Random numbers, every second of them 0."""
    return [normal(*size, seed=place) for place, size in enumerate(sizes)]


@pytest.mark.parametrize("fact", FACTS)
def test_a_fact_is_found_and_holds_for_every_value(fact):
    right = values()
    if "one is 0" in fact:
        right = [x.where(x > 0, 0.0) for x in right]
    pairs = [(FACTS[fact](x), x) for x in right]
    assert relation(pairs) == f"In each comparison that failed, your value is {fact}."
    assert relation([*pairs, (right[0].cos(), right[0])]) == "", "it must hold for all"
    parts = [({"part": wrong, "other": 1.0}, {"part": x, "other": 1.0}) for wrong, x in pairs]
    assert relation(parts) == relation(pairs), "parts that are right do not count"


@pytest.mark.parametrize(
    "pairs",
    [
        [],
        [(normal(3, 4, seed=1), normal(3, 4, seed=2))],
        [(0.6, 0.75)],
        [(torch.tensor([0.5, 0.0]), torch.tensor([1.0, 0.0]))],
        [("a", "b"), (2 * normal(5, seed=1), normal(5, seed=1))],
        [({"a": 1.0}, {"b": 1.0})],
        [(torch.full((4,), torch.nan), normal(4, seed=1))],
        [(torch.zeros(0), torch.zeros(1))],
        [(torch.ones(4), torch.zeros(4))],
        [(2j * normal(5, seed=1), 1j * normal(5, seed=1))],
    ],
)
def test_chance_gives_no_words(pairs):
    assert relation(pairs) == ""


def test_a_fact_may_hold_for_one_function_alone():
    x, y = normal(4, 5, seed=1), normal(4, 5, seed=2)
    found = [Comparison(2 * x, x, {}, "first"), Comparison(y.cos(), y, {}, "second")]
    words = "In each comparison of `first` that failed, your value is 2 times the expected one."
    assert of_comparisons(found) == words
    assert of_comparisons([*found, Comparison(3 * x.cos(), x, {}, "first")]) == ""


def test_an_unknown_mistake_is_described():
    """A factor that no record of 5.3 has; the numbers come through the graders."""
    number = "5.3"
    chapter = mistakes.chapter_of(number)
    graders = Graders(TESTS / chapter, "solutions")
    try:
        text = mistakes.answers_of(mistakes.SOLUTIONS, number)["kl_divergence"]
        body = "def right():\n" + "\n".join(f"    {line}" for line in text.split("\n"))
        with in_place(
            "solutions", [Variant(number, "x", {"kl_divergence": body + "\nreturn 1.7 * right()"})]
        ):
            runs = dict(graders.run(graders.of(number)))
    finally:
        graders.close()
    assert naming.names(number, runs, "solutions") == []
    words = "In each comparison that failed, your value is 1.7 times the expected one."
    assert naming.facts(runs.values()) == [words]
