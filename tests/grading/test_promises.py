"""What every answer promises, and that each way to break it is noticed."""

from typing import NamedTuple

import beartype
import jaxtyping
import pytest
import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn

from . import contract, promises
from .assertions import normal
from .values import SMALL

Rows = Float[Tensor, "batch d_model"]
Means = Float[Tensor, " batch"]
memory: dict[str, Tensor] = {}


def right(x: Rows, W: Rows) -> Means:
    return (x * W).mean(dim=-1)


def squeezed(x: Rows, W: Rows) -> Means:
    return right(x, W).squeeze()


def edited(x: Rows, W: Rows) -> Means:
    return x.mul_(W).mean(dim=-1)


def edited_and_restored_list(x: list[Rows]) -> Means:
    x.append(x[0])
    return x[0].mean(dim=-1)


def seeded(x: Rows, W: Rows) -> Means:
    torch.manual_seed(0)
    return right(x, W)


def drawn(x: Rows, W: Rows) -> Means:
    return right(x, W) + torch.rand(len(x))


def switched_off(x: Rows, W: Rows) -> Means:
    torch.set_grad_enabled(False)
    return right(x, W)


def widened(x: Rows, W: Rows) -> Means:
    torch.set_default_dtype(torch.float64)
    return right(x, W)


def hanging(x: Rows, W: Rows) -> Means:
    return right(x, W).requires_grad_()


def asking(x: Rows, W: Rows) -> Means:
    return right(x.requires_grad_(), W).detach()


def narrowed(x: Rows, W: Rows) -> Means:
    return right(x, W).float()


def viewed(x: Rows, W: Rows) -> Means:
    return (x.view(-1) * W.view(-1)).view(len(x), -1).mean(dim=-1)


def in_order_of_memory(x: Rows, W: Rows) -> Means:
    return right(x.as_strided(x.shape, (x.shape[1], 1)), W)


def without_nan(x: Rows, W: Rows) -> Means:
    return right(x, W).nan_to_num()


def without_small(x: Rows, W: Rows) -> Means:
    return right(x, W).masked_fill(right(x, W).abs() < 1e-6, 0.0)


def clamped(x: Rows, W: Rows) -> Means:
    return right(x, W).clamp(-1e4, 1e4)


def softly_capped(x: Rows, W: Rows) -> Means:
    return 50 * (right(x, W) / 50).tanh()


def of_clamped(x: Rows, W: Rows) -> Means:
    return right(x.clamp(-50, 50), W)


def of_capped(x: Rows, W: Rows) -> Means:
    return right(x, W.clamp(max=1e4))


def in_float32_or_64(x: Rows, W: Rows) -> Means:
    return torch.from_numpy(x.numpy() * W.numpy()).mean(dim=-1)


def accumulated(x: Rows, W: Rows) -> Means:
    memory["sum"] = memory.get("sum", 0) + right(x, W)
    return memory["sum"]


def broken_by(function, *arguments, number="0.0"):
    """What a function breaks in one call by a grader of an exercise."""
    check = jaxtyping.jaxtyped(typechecker=beartype.beartype)
    contract.begin()
    promises.run(number, check(function), function, arguments, {})
    found = list(contract.broken)
    contract.begin()
    return found


BREAKS = [
    (squeezed, "the axis batch has length 1"),
    (edited, "changes an argument in place"),
    (seeded, "global random state"),
    (drawn, "global random state"),
    (switched_off, "switches gradients"),
    (widened, "default dtype"),
    (hanging, "asks for gradients, though no argument does"),
    (asking, "makes an argument ask for gradients"),
    (narrowed, "is in float32, narrower"),
    (viewed, "use reshape instead of view"),
    (in_order_of_memory, "another result where the memory"),
    (without_nan, "must not turn into a number"),
    (without_small, "must not count as 0"),
    (in_float32_or_64, "in bfloat16"),
    (clamped, "Is something clamped?"),
    (softly_capped, "Is something clamped?"),
    (of_clamped, "The numbers in `x` are of the order of 1e9"),
    (of_capped, "The positive numbers in `W` are of the order of 1e9"),
    (accumulated, "when it is called again"),
]


@pytest.mark.parametrize("function, words", BREAKS, ids=lambda one: getattr(one, "__name__", ""))
def test_a_broken_promise_is_noticed(function, words):
    memory.clear()
    found = broken_by(function, normal(2, 3, seed=1), normal(2, 3, seed=2))
    assert len(found) == 1 and words in found[0], found
    assert torch.is_grad_enabled() and torch.get_default_dtype() == torch.float32


def test_a_list_that_grows_is_noticed():
    assert "in place" in broken_by(edited_and_restored_list, [normal(2, 3, seed=1)])[0]


def test_a_relu_of_large_negative_numbers_breaks_nothing():
    def positive(x: Rows, W: Rows) -> Means:
        return right(x.relu(), W)

    assert not broken_by(positive, normal(2, 3, seed=1), normal(2, 3, seed=2))


@pytest.mark.parametrize("asks", [False, True])
def test_a_right_answer_breaks_nothing(asks):
    x = normal(2, 3, seed=1).requires_grad_(asks)
    assert not broken_by(right, x, normal(2, 3, seed=2))


def test_a_gradient_left_in_an_argument_is_noticed():
    def differentiated(x: Rows, W: Rows) -> Means:
        right(x, W).sum().backward()
        return right(x, W)

    x = normal(2, 3, seed=1).requires_grad_()
    assert "leaves one in it" in broken_by(differentiated, x, normal(2, 3, seed=2))[0]


def test_a_second_call_that_fails_is_noticed():
    def once(x: Rows, W: Rows) -> Means:
        assert not memory, "called again"
        memory["called"] = x
        return right(x, W)

    memory.clear()
    found = broken_by(once, normal(2, 3, seed=1), normal(2, 3, seed=2))
    assert "raises AssertionError when it is called a second time" in found[0]


def test_gradients_left_off_are_noticed_under_no_grad():
    with torch.no_grad():
        found = broken_by(switched_off, normal(2, 3, seed=1), normal(2, 3, seed=2))
    assert "switches gradients off for its caller" in found[0]


def test_tensors_of_inference_mode_can_be_arguments():
    with torch.inference_mode():
        x, W = normal(2, 3, seed=1), normal(2, 3, seed=2)
        assert not broken_by(right, x, W)


class Linear(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.W = nn.Parameter(normal(3, seed=3))


def mapped(linear: Linear, x: Rows) -> Means:
    return right(x, linear.W)


def trained(linear: Linear, x: Rows) -> Means:
    with torch.no_grad():
        linear.W.add_(1)
    return right(x, linear.W)


def without_nan_in_weights(linear: Linear, x: Rows) -> Means:
    return right(x, linear.W).nan_to_num()


def hanging_by_itself(linear: Linear, x: Rows) -> Means:
    return right(x, linear.W).detach().requires_grad_()


def with_a_graph_of_its_own(linear: Linear, x: Rows) -> Means:
    return right(x, linear.W.detach().requires_grad_())


class Pair(NamedTuple):
    mean: Means
    x: Rows


def squeezed_in_a_record(linear: Linear, x: Rows) -> Pair:
    return Pair(right(x, linear.W).squeeze(), x)


WITH_WEIGHTS = [
    (trained, "changes a weight of its model"),
    (without_nan_in_weights, "must not turn into a number"),
    (hanging_by_itself, "asks for gradients"),
    (with_a_graph_of_its_own, "though no argument and no weight does"),
    (squeezed_in_a_record, "the axis batch has length 1"),
]


@pytest.mark.parametrize("function, words", WITH_WEIGHTS, ids=lambda x: getattr(x, "__name__", ""))
def test_a_promise_about_a_model_is_noticed(function, words):
    x = normal(2, 3, seed=1)
    assert not broken_by(mapped, Linear(), x)
    found = broken_by(function, Linear(), x)
    assert len(found) == 1 and words in found[0], found


def gradient(linear: Linear, x: Rows) -> Float[Tensor, " d_model"]:
    right(x, linear.W).sum().backward()
    return linear.W.grad.clone()


@pytest.mark.parametrize("function", [trained, gradient])
def test_an_answer_that_may_train_is_not_repeated(function):
    assert "1.5" in promises.SPARED
    assert not broken_by(function, Linear(), normal(2, 3, seed=1), number="1.5")


class Large(Linear):
    """A model that is too large to be called once more."""

    def __init__(self) -> None:
        super().__init__()
        self.unused = nn.Parameter(torch.zeros(SMALL))


def test_a_new_leaf_is_noticed_in_a_single_call():
    found = broken_by(hanging_by_itself, Large(), normal(2, 3, seed=1))
    assert len(found) == 1 and "has no graph" in found[0], found
    assert not broken_by(mapped, Large(), normal(2, 3, seed=1))


def test_a_parameter_may_be_the_result():
    def parameter(linear: Linear, x: Rows) -> Means:
        return nn.Parameter(right(x, linear.W).detach())

    assert not broken_by(parameter, Large(), normal(2, 3, seed=1))


def test_a_view_of_a_weight_may_be_the_result():
    def view(linear: Linear, x: Rows) -> Float[Tensor, "1 d_model"]:
        return linear.W[None]

    with torch.no_grad():  # a view then asks for gradients, and has no graph
        assert not broken_by(view, Large(), normal(2, 3, seed=1))


class Summary(NamedTuple):
    mean: float


def test_a_tensor_in_the_place_of_a_number_is_noticed():
    def summary(x: Rows) -> Summary:
        return Summary(x.mean())

    assert "is a tensor, not a float" in broken_by(summary, normal(2, 3, seed=1))[0]


def test_draws_from_a_generator_break_nothing():
    def draw(x: Rows, generator: Generator) -> Means:
        return x.mean(dim=-1) + torch.rand(len(x), generator=generator)

    assert not broken_by(draw, normal(2, 3, seed=1), Generator().manual_seed(1))


def test_an_answer_that_keeps_the_generator_is_noticed():
    kept = Generator().manual_seed(1)

    def draw(x: Rows, generator: Generator) -> Means:
        return x.mean(dim=-1) + torch.rand(len(x), generator=kept)

    assert "draws without" in broken_by(draw, normal(2, 3, seed=1), Generator())[0]
