"""The quick check of shapes decides as jaxtyping does, in the same words."""

import dataclasses
import itertools
from typing import NamedTuple

import pytest
import torch
from beartype import beartype
from jaxtyping import Bool, Float, Int, Num, Shaped, jaxtyped
from torch import Tensor, nn

from chapters.course import shape_checks
from chapters.course.shape_checks import Shape, check

HINTS = [
    Float[Tensor, "a b"],
    Float[Tensor, "a a"],
    Float[Tensor, "b a"],
    Float[Tensor, " a"],
    Float[Tensor, ""],
    Float[Tensor, "a 3"],
    Float[Tensor, "_ b"],
    Float[Tensor, "... b"],
    Float[Tensor, "*a b"],
    Float[Tensor, "a *b"],
    Float[Tensor, "a *c b"],
    Int[Tensor, "a b"],
    Bool[Tensor, "*a"],
    Num[Tensor, "a ..."],
    Shaped[Tensor, "*c"],
    Float[Tensor, "a b"] | None,
    int | Int[Tensor, "a b"],
    Float[Float[Tensor, " b"], " a"],
]
SHAPES = [(), (2,), (3,), (2, 3), (3, 3), (3, 2), (2, 3, 3), (3, 2, 2, 3)]
VALUES = [torch.zeros(shape) for shape in SHAPES]
VALUES += [torch.zeros(2, 3, dtype=dtype) for dtype in (torch.int64, torch.bool, torch.bfloat16)]
VALUES += [nn.Parameter(torch.zeros(2, 3)), None, 3, "a", [[1.0]]]


@pytest.mark.parametrize("first", HINTS, ids=str)
def test_shapes_accept_what_jaxtyping_accepts(first):
    for last, x, y in itertools.product(HINTS, VALUES, VALUES):
        sizes = {}
        actual = Shape(first).accepts(x, sizes) and Shape(last).accepts(y, sizes)
        with jaxtyped("context"):
            assert actual == (isinstance(x, first) and isinstance(y, last)), (last, x, y)


def verdict(function, *values):
    """What a call gives: its value, or the words of its error."""
    try:
        return function(*values)
    except Exception as error:
        return f"{type(error).__name__}: {error}"


WRONG = [VALUES[3], torch.zeros(2, 3, dtype=torch.int64), torch.zeros(4), None, "a"]


def both(x: Float[Tensor, "a b"], y: Float[Tensor, "b a"] | None, n: int) -> Float[Tensor, "a a"]:
    return y if n else x


@pytest.mark.parametrize("value", WRONG, ids=repr)
@pytest.mark.parametrize("place", range(3))
def test_an_error_has_the_words_of_jaxtyping(place, value):
    values = [torch.zeros(3, 2), torch.zeros(2, 3), 0]
    values[place] = value
    complete = jaxtyped(both, typechecker=beartype)
    assert verdict(check(both), *values) == verdict(complete, *values)


def test_a_function_with_a_wrong_result_runs_once():
    calls = []

    def counted(x: Float[Tensor, "a b"]) -> Float[Tensor, " a"]:
        calls.append(x)
        return x

    assert "the return value of" in verdict(check(counted), VALUES[3])
    assert len(calls) == 1


class Pair(NamedTuple):
    rows: Float[Tensor, "a b"]


@check
@dataclasses.dataclass(frozen=True)
class Sums:
    rows: Float[Tensor, "a b"]
    sums: Float[Tensor, " a"]


def test_a_dataclass_checks_its_fields_together():
    first = Sums.__init__
    assert check(Sums).__init__ is first, "decorated once"
    assert len(Sums(torch.ones(2, 3), torch.ones(2)).rows) == 2
    with pytest.raises(Exception, match="sums"):
        Sums(torch.ones(2, 3), torch.ones(3))


def generator(x: Float[Tensor, "a b"]):
    yield x


def with_text(x: "Float[Tensor, 'a b']") -> None:
    pass


def in_a_list(x: list[Float[Tensor, "a b"]]) -> None:
    pass


def computed(x: Float[Tensor, " a"]) -> Float[Tensor, " a+1"]:
    return torch.cat([x, x[:1]])


def broadcast(x: Float[Tensor, "#a b"]) -> None:
    pass


@pytest.mark.parametrize("function", [generator, with_text, in_a_list, computed, broadcast])
def test_unusual_hints_are_left_to_jaxtyping(function):
    with pytest.raises(shape_checks.Unusual):
        shape_checks._quick(function)
    assert check(function).__wrapped__ is function


def test_keywords_defaults_and_methods_are_checked():
    class Layer(nn.Module):
        @check
        def forward(self, x: Float[Tensor, "a b"], *, y: Float[Tensor, " b"] | None = None) -> Pair:
            return Pair(x if y is None else x + y)

    layer = Layer()
    assert layer(torch.ones(2, 3)).rows.sum() == 6
    assert layer(torch.ones(2, 3), y=torch.ones(3)).rows.sum() == 12
    with pytest.raises(Exception, match="parameter 'y'"):
        layer(torch.ones(2, 3), y=torch.ones(2))
    with pytest.raises(TypeError):
        layer()
