"""Refuse a wrong value by the mistake that gives it, where one is known.

A grader works out what is right and what the usual mistakes would give:
`assert_close(got, right, "The rows must ...", {"Is the softmax over queries?": wrong})`.
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn


def assert_close(
    got: Any,
    expected: Any,
    claim: str,
    mistakes: Mapping[str, Any] | None = None,
    tolerance: float = 1e-10,
) -> None:
    """Raises AssertionError unless a value is the expected one up to a relative tolerance.

    The message holds the claim, one entry that differs most, and every mistake (words -> the value
    that it gives) whose value came. Tensors and numbers of any dtype are compared in float64.
    """
    if is_close(got, expected, tolerance):
        return
    words = [f"{claim} {difference(got, expected)}"]
    words += [text for text, value in (mistakes or {}).items() if is_close(got, value, tolerance)]
    if is_close(got, expected, 1e-4):
        words.append("They differ by rounding alone: is something computed in lower precision?")
    raise AssertionError("\n".join(words))


def is_close(got: Any, expected: Any, tolerance: float = 1e-10) -> bool:
    """Whether two values have one shape and the same numbers."""
    if not isinstance(got, Tensor | bool | int | float):
        return False
    left, right = _wide(got), _wide(expected)
    if left.shape != right.shape:
        return False
    return torch.allclose(left, right, rtol=tolerance, atol=tolerance, equal_nan=True)


def difference(got: Any, expected: Any) -> str:
    """Says where two values differ most, as one entry."""
    if not isinstance(got, Tensor | bool | int | float):
        return f"A tensor is expected, {type(got).__name__} came."
    left, right = _wide(got), _wide(expected)
    if left.shape != right.shape:
        return f"Shape {list(right.shape)} is expected, {list(left.shape)} came."
    same = (left == right) | (left.isnan() & right.isnan())
    gap = torch.where(same, 0.0, left - right).abs().nan_to_num(nan=torch.inf)
    place = [int(index) for index in torch.unravel_index(gap.argmax(), gap.shape)]
    where = f"At {place} " if place else ""
    return f"{where}{right[tuple(place)]:.6g} is expected, {left[tuple(place)]:.6g} came."


def seen_at(part: nn.Module, name: str, *inputs: Tensor) -> Tensor:
    """What the hook point of that name sees while a part runs once.

    Raises: AssertionError unless it is called exactly once, and if its tensor is edited afterwards.
    """
    seen, point = [], getattr(part, name)
    point.observers = [lambda tensor, _: seen.append((tensor.detach(), tensor.detach().clone()))]
    part(*inputs)
    point.observers = []
    assert len(seen) == 1, f"{name} must be called once in a pass; it was called {len(seen)} times."
    later, then = seen[0]
    assert torch.equal(later, then), (
        f"The tensor that {name} saw is edited in place afterwards. A cache holds this very "
        "tensor, so it would show something that never passed here."
    )
    return then


def wrong_gradients(function: Callable[[], Tensor], leaves: Mapping[str, Tensor]) -> list[str]:
    """Names of the float64 leaves whose gradient disagrees with central differences.

    Each leaf is moved a little along one random direction; what the function gives is weighed at
    random and summed.
    """
    out = function()
    weights = normal(*out.shape, seed=0)
    total = (out * weights).sum()
    grads: list[Tensor | None] = [None] * len(leaves)
    if total.requires_grad:
        grads = torch.autograd.grad(total, list(leaves.values()), allow_unused=True)
    wrong = []
    for seed, ((name, leaf), grad) in enumerate(zip(leaves.items(), grads, strict=True), start=1):
        step = 1e-5 * normal(*leaf.shape, seed=seed)
        with torch.no_grad():
            middle = leaf.clone()
            leaf.copy_(middle + step)
            change = (function() * weights).sum().item()
            leaf.copy_(middle - step)
            change -= (function() * weights).sum().item()
            leaf.copy_(middle)
        slope = 0.0 if grad is None else (grad * step).sum().item()
        if abs(change / 2 - slope) > 1e-6 * step.abs().max():
            wrong.append(name)
    return wrong


def normal(*shape: int, seed: int) -> Tensor:
    """Random numbers in float64, the same for the same seed."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def randomise(module: nn.Module, seed: int) -> Any:
    """Fills every parameter, gains and biases too, with random numbers in float64."""
    module.double()
    with torch.no_grad():
        for number, parameter in enumerate(module.parameters()):
            parameter.copy_(normal(*parameter.shape, seed=1000 * seed + number))
    return module


def _wide(value: Any) -> Tensor:
    if isinstance(value, Tensor):
        return value.detach().to("cpu", torch.float64)
    return torch.tensor(value, dtype=torch.float64)
