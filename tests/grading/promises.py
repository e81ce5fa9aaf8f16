"""What every answer promises, whatever it computes.

1. The arguments, the weights of a model among them, torch's random state, the gradient mode and
   the default dtype stay as they are.
2. A result asks for no gradient unless an argument does, and is not narrower than all arguments.
3. Calls whose arguments are plain values (tensors, numbers, generators, containers of them) can be
   repeated: `repeats.py`.

No oracle is needed, so this covers every exercise.
"""

import sys
import time
import warnings
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn

from chapters.course import import_hook

from . import contract
from .repeats import Repeats
from .values import (
    SMALL,
    containers,
    generator_copy,
    is_plain,
    mapped,
    modules,
    tensors,
    weights,
)

REPEATED, REPEATED_WITH_MODEL = 3, 1
"""How many calls of a function by one grader are repeated."""
SLOW = 0.2
"""CPU seconds of a call that is not repeated."""
REPEATS = "again grad strided ones nan tiny half huge"

SPARED = {
    "0.5": "graph",  # times the input that has the graph
    "0.6": "huge=embedded",  # a score that is flat has an attribution that is constant
    "0.8": "weights",  # trains
    "0.11": "huge",  # a share of divisions
    "1.1": "precision tiny",  # draws in float32 are random enough; a feature is seldom on
    "1.2": "precision tiny",
    "1.3": "nan",  # a ReLU by comparison, where(x > 0, x, 0), is right
    "1.5": "weights",
    "1.7": "nan tiny",  # a short direction is absent, and its 0 / 0 may become 0 by nan_to_num
    "1.8": "tiny",
    "1.11": "huge=b",  # a ReLU with a bias far below 0 lets nothing through
    "1.12": "huge=b",
    "1.13": "nan",
    "1.14": "nan",
    "1.15": "nan",
    "1.19": "nan half tiny huge",  # no NaN is exceeded; training in float32 is right
    "2.9": "huge=q huge=k",  # a softmax of large scores is 1 at one key
    "2.16": "weights",
    "2.17": "huge",  # a softmax of large logits is 1 at one token
    "3.6": "tiny huge=final",  # a divergence is of second order; a softmax saturates
    "3.8": "ones",  # with one row or column the product has fewer singular values
    "3.14": "ones",  # the axis pos of one argument is the axis key of another
    "4.1": "ones",  # the axes query and key of a pattern are one axis of the text
    "4.2": "ones",
    "4.3": "ones",
    "4.9": "huge=alpha",  # a sigmoid of large numbers is 0 or 1
    "4.10": f"arguments {REPEATS}",  # a hook gets a copy
    "4.14": "huge",  # a list of heads
    "5.1": f"arguments {REPEATS}",  # in place, by its docstring
    "5.3": "tiny huge=clean",
    "5.8": "huge=q",
    "7.5": "precision",  # 0 and 1
    "7.6": "huge=clean",  # a threshold that no effect reaches
    "7.14": "huge",
    "8.3": "arguments again strided ones",  # in place, by its docstring; copies have no gradient
    "8.4": "weights",  # in place, by its docstring
    "8.5": "weights",
    "8.6": "nan",  # NaN is not zero, so it counts as active
    "8.7": "huge=x",  # next to x above 1e9 any x_hat is 0
    "8.11": "weights",  # in place, by its docstring
    "8.12": "weights",  # trains
    "8.19": "half nan",  # training in float32 is right; weights before step 1 need not see x
    "9.6": "nan",  # where(z >= bound, z, 0) fails for ties, which its graders name
    "9.7": "nan tiny huge=batches",  # where(z > threshold, z, 0) is right
    "9.8": "nan",
    "9.13": "nan tiny huge=made",  # NaN does not exceed a threshold, so it does not count
    "9.15": "nan",  # NaN is not active
    "9.16": "tiny",  # the exponent of equal errors is 0 or a rounding error
    "9.17": REPEATS,  # a thousand fits
    "9.18": "half",  # training in float32 is right
    "11.3": "again",  # another module is another object
    "11.10": "huge=acts",  # the penalty is a tanh
    "11.11": "again",
    "11.13": REPEATS,  # adds its activations to a list for later layers
    "11.14": "tiny huge=original",  # a share of positions; a softmax saturates
    "11.15": "half",  # training in float32 is right
    "12.1": "ones",  # the axis pos of one argument is the axes key and query of a pattern
    "12.2": "ones",
    "12.7": "nan",  # 0 / 0 may become 0 by nan_to_num; a flow that is NaN never runs out
    "12.8": "huge=local",  # next to what a model writes above 1e9 its embedding is 0
    "12.9": "ones",  # target and source are one axis of a graph, of all its nodes
    "12.11": "huge=factors",  # silu(x) / x is 1
    "12.16": "ones",
    "12.20": "tiny",  # a product of seven weights
}
"""Exercise -> what it does not promise."""
SPARED_IF_OWN = dict.fromkeys(["12.8", "12.9", "12.10"], "nan")  # 12.7 may loop on NaN for ever
"""Exercise -> what it does not promise where it calls the learner's answers to other exercises."""


def run(number: str, checked: Callable[..., Any], function: Any, args: tuple, kwargs: dict) -> Any:
    """Run an answer once, and note what it breaks."""
    spared, name = SPARED.get(number, "").split(), f"`{function.__name__}`"
    if import_hook.current_exercise == import_hook.OWN_CODE_ONLY:
        spared += SPARED_IF_OWN.get(number, "").split()
    before = State((args, kwargs))
    most = REPEATED_WITH_MODEL if modules((args, kwargs)) else REPEATED
    is_repeated = contract.calls[name] < most
    # Tensors themselves: an answer that changes them is not repeated.
    given = mapped((args, kwargs), generator_copy) if is_repeated else None
    start = time.process_time()
    value = checked(*args, **kwargs)
    is_slow = time.process_time() - start > SLOW
    found = list(before.changes(spared))
    busy = sys.gettrace() is not None or torch._C._len_torch_dispatch_stack() > 0
    plain = is_plain((args, kwargs)) and is_plain(value)
    if plain and not busy and not before.trained():
        contract.calls[name] += 1
        found += broken_by(value, (args, kwargs), spared)
        if is_repeated and not found and not is_slow:
            repeats = Repeats(checked, function, given, value)
            with warnings.catch_warnings(action="ignore"):
                large = contract.with_large_numbers and contract.calls[name] == 1
                left_out = spared if large else [*spared, "huge"]
                found += islice(repeats.all(left_out), 1)
    if not found and _new_leaf(value, (args, kwargs)):
        found.append("The result of {} asks for gradients, and has no graph: return it as it is.")
    contract.broken.extend(text.replace("{}", name) for text in found)
    return value


def _new_leaf(value: Any, arguments: Any) -> bool:
    """Whether a result starts a graph of its own, and is neither a weight nor an argument."""
    known = {id(x) for x in tensors(arguments)}
    leaves = [x for x in tensors(value) if x.requires_grad and x.is_leaf and id(x) not in known]
    return any(not x._is_view() and not isinstance(x, nn.Parameter) for x in leaves)


class State:
    """The arguments and torch's global state before a call."""

    def __init__(self, arguments: Any):
        self.tensors = [(x, _version(x), x.requires_grad, _grad(x)) for x in tensors(arguments)]
        found = [x for module in modules(arguments) for x in weights(module)]
        self.weights = [(x, _version(x), _grad(x)) for x in found]
        small = sum(x.numel() for x in found) < SMALL
        self.copies = [x.detach().clone() for x in found] if small else []
        self.containers = [(x, _items(x)) for x in containers(arguments)]
        self.random = torch.get_rng_state()
        self.gradients = torch.is_grad_enabled()
        self.dtype = torch.get_default_dtype()

    def trained(self) -> bool:
        """Whether a weight of a module in the arguments has changed, or its gradient."""
        return any(_version(x) != v or _grad(x) is not g for x, v, g in self.weights)

    def changes(self, spared: list[str]) -> Iterator[str]:
        """What is different now, in words."""
        edited = any(_version(x) != version for x, version, *_ in self.tensors)
        edited |= any(_items(x) != items for x, items in self.containers)
        if edited and "arguments" not in spared:
            yield "{} changes an argument in place. The caller still uses it: copy it first."
        pairs = zip(self.weights, self.copies) if "weights" not in spared else ()
        if any(_version(x) != v and not torch.equal(x, copy) for (x, v, _), copy in pairs):
            yield "{} changes a weight of its model in place: work on a copy."
        asks = any(x.requires_grad != asked or _grad(x) is not g for x, _, asked, g in self.tensors)
        if asks and "arguments" not in spared:
            yield (
                "{} makes an argument ask for gradients, or leaves one in it: work on "
                "x.detach() or a clone."
            )
        if "random" not in spared and not torch.equal(torch.get_rng_state(), self.random):
            yield (
                "{} changes torch's global random state: no manual_seed, and every draw takes "
                "generator=generator."
            )
        if torch.is_grad_enabled() != self.gradients:
            torch.set_grad_enabled(self.gradients)
            yield "{} switches gradients on or off for its caller: do so in a `with` block."
        if torch.get_default_dtype() != self.dtype:
            torch.set_default_dtype(self.dtype)
            yield "{} changes torch's default dtype for its caller."


def broken_by(value: Any, arguments: Any, spared: list[str]) -> Iterator[str]:
    """What a result has that no argument gave it."""
    found = [x for module in modules(arguments) for x in weights(module)]
    given = [x for x in [*tensors(arguments), *found] if x.is_floating_point()]
    floats = [x for x in tensors(value) if x.is_floating_point()]
    for field, hint in getattr(type(value), "__annotations__", {}).items():
        if hint in (int, float, bool, str) and isinstance(getattr(value, field, None), Tensor):
            yield f"The field {field} of the result of {{}} is a tensor, not a {hint.__name__}."
    if (
        "graph" not in spared
        and any(x.requires_grad for x in floats)
        and not any(x.requires_grad for x in given)
    ):
        yield "The result of {} asks for gradients, though no argument does."
    digits = [torch.finfo(x.dtype).eps for x in given]
    if given and "precision" not in spared:
        narrow = [x for x in floats if torch.finfo(x.dtype).eps > max(digits)]
        if narrow:
            dtype = dtype_name(narrow[0].dtype)
            yield f"The result of {{}} is in {dtype}, narrower than its arguments."


def _version(x: Tensor) -> int:
    return -1 if x.is_inference() else x._version


def _grad(x: Tensor) -> Tensor | None:
    return x.grad if x.is_leaf else None


def _items(x: Any) -> list[int]:
    values = [*x, *x.values()] if isinstance(x, dict) else x
    return [id(value) for value in values]


def dtype_name(dtype: torch.dtype) -> str:
    """A dtype as people write it."""
    return str(dtype).removeprefix("torch.")
