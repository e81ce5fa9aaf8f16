"""Fail a wrong value by a claim and the entry that differs most.

`check(function, *args, expected=..., claim=...)` runs an answer on copies of its arguments, so that
nothing it does to them reaches another test. `assert_close` judges a value that is there already.
Both note what they judge, which is how a failure is traced to a known mistake (`naming.py`).
"""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from .evidence import Comparison, Mismatch, judge

FLOAT32 = 1e-5
"""Relative difference that a longer computation in float32 may make."""
MOST_NAMES = 2
"""More mistakes than these that give one value are not named: most of them are not the cause."""


def check(
    function: Callable[..., Any],
    *arguments: Any,
    expected: Any,
    claim: str,
    tolerance: float = 1e-10,
    scale: float = 1.0,
    **keywords: Any,
) -> Any:
    """Run an answer on copies of its arguments, and judge its value and what is left of the copies.

    Modules are not copied, but their parameters are compared too. Gives the value back.
    """
    copies, named = copy_of(arguments), copy_of(keywords)
    actual = function(*copies, **named)
    try:
        assert_close(actual, expected, claim, tolerance=tolerance, scale=scale)
    except Mismatch as wrong:
        given = inspect.signature(function).bind(*arguments, **keywords).arguments
        name = getattr(function, "__name__", "")
        wrong.comparison = Comparison(actual, expected, given, name)
        raise
    pairs = [(f"argument {place}", *pair) for place, pair in enumerate(zip(arguments, copies), 1)]
    pairs += [(f"argument `{name}`", keywords[name], named[name]) for name in keywords]
    for name, before, after in pairs:
        judge(_tensors(after))
        unchanged = is_close(_tensors(after), _tensors(before), 0.0)
        assert unchanged, (
            f"The {name} is changed in place. The caller still uses it: copy it first."
        )
    return actual


def copy_of(value: Any) -> Any:
    """A copy of tensors, random generators, and containers of them; everything else as it is."""
    if isinstance(value, Tensor):
        copy = value.detach().clone(memory_format=torch.preserve_format)
        return copy.requires_grad_(value.requires_grad)
    if isinstance(value, torch.Generator):
        copy = torch.Generator(value.device)
        copy.set_state(value.get_state())
        return copy
    if isinstance(value, dict):
        return {key: copy_of(part) for key, part in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*map(copy_of, value))
    return type(value)(map(copy_of, value)) if type(value) in (list, tuple) else value


def _tensors(value: Any) -> Any:
    """What an answer could change of an argument: the tensors in it."""
    if isinstance(value, nn.Module):
        return dict(value.state_dict())
    if isinstance(value, dict):
        return {key: _tensors(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_tensors(part) for part in value]
    return value if isinstance(value, Tensor | bool | int | float | str) else None


def assert_close(
    actual: Any,
    expected: Any,
    claim: str,
    mistakes: Mapping[str, Any] | None = None,
    tolerance: float = 1e-10,
    scale: float = 1.0,
) -> None:
    """Fail unless a value is the expected one up to a relative tolerance.

    Numbers that differ by less than the tolerance times the scale are equal too.

    Tensors and numbers of any dtype are compared in float64, containers part by part. The message
    holds the claim and the entry that differs most. mistakes: words -> the value that a mistake
    would give; the words are added where that value is the actual one, unless many mistakes give
    it, or it is empty or NaN, which proves nothing.

    Raises: AssertionError when they differ.
    """
    judge(actual)
    if is_close(actual, expected, tolerance, scale):
        return
    words = [f"{claim} {difference(actual, expected, tolerance)}"]
    given = (mistakes or {}).items() if _tells_apart(actual) else ()
    named = [text for text, value in given if is_close(actual, value, tolerance, scale)]
    words += named if len(named) <= MOST_NAMES else []
    if tolerance < FLOAT32 and _differ_by_rounding(actual, expected):
        words.append("They agree to five digits: is a precision lower, or a small number added?")
    raise Mismatch("\n".join(words), actual, expected)


def _tells_apart(value: Any) -> bool:
    """Whether a value has a number or a name, by which a mistake can be recognised."""
    if isinstance(value, dict):
        return any(map(_tells_apart, value.values()))
    if isinstance(value, list | tuple):
        return any(map(_tells_apart, value))
    if isinstance(value, Tensor | float):
        return not bool(torch.as_tensor(value).isnan().all())  # of an empty tensor all are
    return value is not None and value != ""


def is_close(actual: Any, expected: Any, tolerance: float = 1e-10, scale: float = 1.0) -> bool:
    """Whether two values have one shape and the same numbers; containers, the same parts."""
    if _is_number(actual) and _is_number(expected):
        left, right = _wide(actual), _wide(expected)
        if left.shape != right.shape:
            return False
        return torch.allclose(left, right, rtol=tolerance, atol=tolerance * scale, equal_nan=True)
    if isinstance(actual, dict) and isinstance(expected, dict):
        parts = ((actual[key], expected[key]) for key in actual if key in expected)
        alike = all(is_close(*pair, tolerance, scale) for pair in parts)
        return list(actual) == list(expected) and alike
    if isinstance(actual, list | tuple) and isinstance(expected, list | tuple):
        pairs = zip(actual, expected)
        alike = all(is_close(*pair, tolerance, scale) for pair in pairs)
        return len(actual) == len(expected) and alike
    if _is_number(actual) or _is_number(expected):
        return False
    return type(actual) is type(expected) and bool(actual == expected)


def difference(actual: Any, expected: Any, tolerance: float = 1e-10) -> str:
    """Where two values differ most, as one entry."""
    for kind in (dict, list | tuple):
        if isinstance(actual, kind) and isinstance(expected, kind):
            return _different_part(actual, expected, tolerance)
    if not (_is_number(actual) and _is_number(expected)):
        return f"Expected {_kind(expected)}, got {_kind(actual)}."
    left, right = _wide(actual), _wide(expected)
    if left.shape != right.shape:
        return f"Expected shape {list(right.shape)}, got {list(left.shape)}."
    same = (left == right) | (left.isnan() & right.isnan())
    gap = torch.where(same, 0.0, left - right).abs().nan_to_num(nan=torch.inf)
    place = [int(index) for index in torch.unravel_index(gap.argmax(), gap.shape)]
    where = f"At {place} expected" if place else "Expected"
    return f"{where} {right[tuple(place)]:.6g}, got {left[tuple(place)]:.6g}."


def _different_part(actual: Any, expected: Any, tolerance: float) -> str:
    """The first part in which two containers differ."""
    if not isinstance(actual, dict):
        actual, expected = (dict(enumerate(value)) for value in (actual, expected))
    if list(actual) != list(expected):
        return f"Expected the entries {list(expected)}, got {list(actual)}."
    key = next(key for key in actual if not is_close(actual[key], expected[key], tolerance))
    return f"In entry {key!r}: {difference(actual[key], expected[key], tolerance)}"


def _differ_by_rounding(actual: Any, expected: Any) -> bool:
    """Whether every entry agrees to about five digits."""
    if isinstance(actual, list | tuple) and isinstance(expected, list | tuple):
        alike = all(_differ_by_rounding(*pair) for pair in zip(actual, expected))
        return len(actual) == len(expected) and alike
    if not (_is_number(actual) and _is_number(expected)):
        return False
    left, right = _wide(actual), _wide(expected)
    if left.shape != right.shape or not right.isfinite().all():
        return False
    near = FLOAT32 * 1e-2 * right.square().mean().sqrt().item()
    return torch.allclose(left, right, rtol=FLOAT32, atol=near)


def _is_number(value: Any) -> bool:
    return isinstance(value, Tensor | bool | int | float)


def _kind(value: Any) -> str:
    if _is_number(value):
        return "a tensor" if isinstance(value, Tensor) else "a number"
    return repr(value) if isinstance(value, str | None) else f"a {type(value).__name__}"


def seen_at(part: nn.Module, name: str, *inputs: Tensor) -> Tensor:
    """Record what a hook point sees while a part runs once.

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
        "tensor, so it would show a value that was never computed here."
    )
    return then


def wrong_gradients(function: Callable[[], Tensor], leaves: Mapping[str, Tensor]) -> list[str]:
    """Names of the float64 leaves whose gradient disagrees with central differences.

    Each leaf is moved a little along one random direction. The output is multiplied by random
    weights and summed.
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
    """Draw random numbers in float64, the same for the same seed."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def randomise(module: nn.Module, seed: int) -> Any:
    """Fill every parameter, gains and biases too, with random numbers in float64."""
    module.double()
    with torch.no_grad():
        for number, parameter in enumerate(module.parameters()):
            parameter.copy_(normal(*parameter.shape, seed=1000 * seed + number))
    return module


def _wide(value: Any) -> Tensor:
    if isinstance(value, Tensor):
        value = value.detach().resolve_conj()
        parts = torch.view_as_real(value) if value.is_complex() else value
        return parts.to("cpu", torch.float64)
    return torch.tensor(value, dtype=torch.float64)
