"""Side effects that an answer must not have, and a count of its steps.

`assert_no_side_effects(acts=acts)` is a context: the answer runs inside it, and at its end the
arguments, torch's global random state and the gradient mode are compared with those before.
"""

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import Any

import torch
from jaxtyping import TypeCheckError
from torch import Tensor


@contextlib.contextmanager
def assert_no_side_effects(**arguments: Tensor) -> Iterator[None]:
    """Fail an answer that edits an argument, or changes torch's global state."""
    before = {name: (x.detach().clone(), x.requires_grad) for name, x in arguments.items()}
    random, gradients = torch.get_rng_state(), torch.is_grad_enabled()
    yield
    mode = torch.is_grad_enabled()
    torch.set_grad_enabled(gradients)
    assert mode == gradients, (
        f"Gradients were {'on' if gradients else 'off'} for the caller and are "
        f"{'on' if mode else 'off'} afterwards: switch them inside a `with`, which puts them back."
    )
    assert torch.equal(torch.get_rng_state(), random), (
        "torch's global random state changed. The caller has random numbers of its own "
        "to repeat: no manual_seed, and every draw takes generator=generator."
    )
    for name, x in arguments.items():
        value, wanted = before[name]
        assert torch.equal(x.detach(), value), (
            f"The argument `{name}` is edited in place; the caller goes on using it."
        )
        assert x.requires_grad == wanted and (not x.is_leaf or x.grad is None), (
            f"The caller's own tensor `{name}` now asks for gradients, or holds one: work on "
            f"{name}.detach() or a clone."
        )


@contextlib.contextmanager
def no_none() -> Iterator[None]:
    """Explain the likely cause when an answer returns None instead of a gradient."""
    try:
        yield
    except TypeCheckError as error:
        if "Actual value: None" not in str(error):
            raise
        raise AssertionError(
            "Got None. Is it .grad after backward()? Only a tensor that starts a graph gets one. "
            "The embedding that comes in was computed from something else, and so was a clone of "
            "it: their .grad stays None, and requires_grad_() does not change that. Start from "
            "embedded.detach().requires_grad_(), which also leaves the caller's tensor alone. (If "
            "there is no .grad in your answer: is a `return` missing?)"
        ) from error


def python_steps(function: Callable[[], Any]) -> int:
    """Count the lines and calls of Python that a function runs."""
    count, before = 0, sys.gettrace()

    def trace(frame, event, argument):
        nonlocal count
        count += 1
        return trace

    sys.settrace(trace)
    try:
        function()
    finally:
        sys.settrace(before)
    return count
