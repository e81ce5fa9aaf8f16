"""Repeat a call in ways that leave its result, or its shape, the same.

Copies of the arguments are given once more as they are, with strided memory, with each axis that
the signature names cut to length 1, with NaN alone, close to 0, in bfloat16, and above 1e9.
"""

import contextlib
import functools
import typing
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from .evidence import same
from .large_numbers import Change, limits_of
from .values import (
    bare,
    floats,
    generator_copy,
    has_functions,
    is_float,
    mapped,
    modules,
    numbers,
    scaled,
    strided,
    tensors,
    weights,
    with_weights,
)

TINY = 2.0**-26
"""What arguments and weights are multiplied by, to be close to 0: no rounding, no underflow."""
OF_DATA = ("batch", "pos")
"""Axes that no weight has."""


class Repeats:
    """The repetitions of one call; each yields what is wrong with it, or nothing."""

    def __init__(self, checked: Any, function: Any, arguments: Any, value: Any):
        self.checked, self.function = checked, function
        self.arguments, self.value = arguments, value
        self.exact = all(x.dtype.itemsize > 2 for x in floats(arguments))

    def all(self, spared: list[str]) -> Iterator[str]:
        """Try every kind of repetition."""
        self.spared = spared
        kinds = {
            "again": self.again,
            "grad": self.grad,
            "strided": self.strided,
            "ones": self.ones,
            "nan": self.nan,
            "tiny": self.tiny,
            "half": self.half,
            "huge": self.huge,
        }
        for name, kind in kinds.items():
            if name not in spared:
                yield from kind()

    def _run(self, change: Callable[[Tensor], Tensor] = Tensor.clone, scale: float = 1.0) -> Any:
        """Call the answer on copies whose tensors are changed, and weights multiplied."""

        def copied(x: Any) -> Any:
            if isinstance(x, nn.Module):
                return x if scale == 1 else scaled(x, scale)
            return change(x.detach()) if isinstance(x, Tensor) else generator_copy(x)

        args, kwargs = mapped(self.arguments, copied)
        state = torch.get_rng_state()
        try:
            return self.checked(*args, **kwargs)
        finally:
            torch.set_rng_state(state)

    def again(self) -> Iterator[str]:
        """The same arguments once more."""
        try:
            alike = same(bare(self._run()), bare(self.value))
        except Exception as error:
            yield f"{{}} raises {type(error).__name__} when it is called a second time: {error}"
            return
        if not alike:
            yield (
                "{} gives another result for the same arguments when it is called again. It keeps "
                "something between calls, or draws without the generator."
            )

    def grad(self) -> Iterator[str]:
        """The same arguments with gradients, where the grader itself switched them off."""
        if torch.is_grad_enabled():
            return
        with torch.enable_grad(), contextlib.suppress(Exception):
            self._run()
            if not torch.is_grad_enabled():
                yield "{} switches gradients off for its caller: do so in a `with` block."

    def strided(self) -> Iterator[str]:
        """The same numbers in memory with gaps."""
        if not any(x.dim() for x in tensors(self.arguments)):
            return
        try:
            alike = same(bare(self._run(strided)), bare(self.value))
        except Exception as error:
            yield (
                "{}"
                f" raises {type(error).__name__} where the memory of an argument is not "
                "contiguous; use reshape instead of view."
            )
            return
        if not alike and self.exact:
            yield "{} gives another result where the memory of an argument is not contiguous."

    def ones(self) -> Iterator[str]:
        """Each axis that the signature names, cut to its first entry; the shape alone is judged."""
        if modules(self.arguments) and has_functions(self.arguments):
            return  # a metric of a model knows its number of prompts
        named = dict.fromkeys(name for names in self._axes().values() for name in names)
        has_weights = bool(modules(self.arguments))  # an axis of 1 next to theirs would broadcast
        for axis in [name for name in named if name in OF_DATA or not has_weights]:
            places = {key: names for key, names in self._axes().items() if axis in names}

            def cut(x: Tensor, places=places, axis=axis) -> Tensor:
                names = places.get(id(x), ())
                index = [slice(0, 1) if name == axis else slice(None) for name in names]
                return x[(..., *index)] if index else x

            wrong = self._wrong_shape(cut)
            if wrong:
                yield (
                    "{}"
                    f" returns a wrong shape where the axis {axis} has length 1. Is there a "
                    "`squeeze()` without an axis?"
                )

    def _wrong_shape(self, cut: Callable[[Tensor], Tensor]) -> bool:
        args, kwargs = mapped(
            self.arguments, lambda x: cut(x) if isinstance(x, Tensor) else generator_copy(x)
        )
        state = torch.get_rng_state()
        try:
            value = self.checked(*args, **kwargs)
        except Exception as error:
            return "the return value of" in str(error)
        finally:
            torch.set_rng_state(state)
        was, now = ([x.dim() for x in tensors(one)] for one in (self.value, value))
        return len(was) == len(now) and was != now

    def _named(self) -> dict[str, Any]:
        """Parameter -> argument."""
        args, kwargs = self.arguments
        code = self.function.__code__
        names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        return dict(zip(names, args)) | kwargs

    @functools.cache
    def _axes(self) -> dict[int, tuple[str, ...]]:
        """Identity of a tensor in the arguments -> the names of its last axes."""
        found: dict[int, tuple[str, ...]] = {}
        for name, value in self._named().items():
            _name_axes(value, self.function.__annotations__.get(name), found)
        return found

    def _has_numbers(self) -> bool:
        """Whether all numbers that matter are in arguments: a metric of a model has its own."""
        if modules(self.arguments):
            return not has_functions(self.arguments)
        return bool(floats(self.arguments))

    def nan(self) -> Iterator[str]:
        """NaN in every number and weight: the result has NaN as well, or the answer raises."""
        if not self._has_numbers() or not floats(self.value):
            return
        try:
            value = self._run(lambda x: x * torch.nan if is_float(x) else x.clone(), torch.nan)
        except Exception:
            return
        if not any(x.isnan().any() for x in floats(value)):
            yield (
                "Every number in the arguments of {} is NaN, and there is none in its result: a "
                "NaN must not turn into a number."
            )

    def tiny(self) -> Iterator[str]:
        """Arguments and weights close to 0: a result that was not 0 has a number other than 0."""
        if not self._has_numbers() or not self.exact:
            return
        try:
            value = self._run(lambda x: x * TINY if is_float(x) else x.clone(), TINY)
        except Exception:
            return
        if "graph" not in self.spared and any(x.requires_grad for x in tensors(value)):
            yield "The result of {} asks for gradients, though no argument and no weight does."
        pairs = zip(numbers(value), numbers(self.value))
        if any(was.any() and not now.any() for now, was in pairs):
            yield (
                "The numbers in the arguments of {} are close to 0, and its result is exactly 0: "
                "a small number must not count as 0."
            )

    def huge(self) -> Iterator[str]:
        """One argument above 1e9 after the other; the weights, where no argument has numbers."""
        if not self.exact or not self._takes_names():
            return
        named = {name: x for name, x in self._named().items() if floats(x)}
        for name, argument in named.items():
            if f"huge={name}" not in self.spared:
                run = functools.partial(self._with_larger, name)
                yield from limits_of(run, argument, f"`{name}`", self.value)
        parts = modules(self.arguments)
        if parts and not named and not has_functions(self.arguments):
            found = [x.detach() for part in parts for x in weights(part)]
            run = functools.partial(self._with_larger, None)
            yield from limits_of(run, found, "the weights", self.value)

    def _takes_names(self) -> bool:
        return len(self._named()) == len(self.arguments[0]) + len(self.arguments[1])

    def _with_larger(self, name: str | None, change: Change) -> Any:
        """Call the answer with one argument changed, or the weights."""

        def copied(x: Any, change: Change) -> Any:
            if isinstance(x, nn.Module):
                return with_weights(x, change) if name is None else x
            if not isinstance(x, Tensor):
                return generator_copy(x)
            return change(x.detach()) if is_float(x) else x.clone()

        args, kwargs = self.arguments
        names = list(self._named())
        changes = [change if name in (one, None) else Tensor.clone for one in names]
        changed = [
            mapped(x, functools.partial(copied, change=one))
            for x, one in zip([*args, *kwargs.values()], changes)
        ]
        state = torch.get_rng_state()
        try:
            return self.checked(*changed[: len(args)], **dict(zip(kwargs, changed[len(args) :])))
        finally:
            torch.set_rng_state(state)

    def half(self) -> Iterator[str]:
        """The arguments in bfloat16, against the same ones in float64."""
        if not floats(self.arguments) or not self.exact or modules(self.arguments):
            return

        def rounded(x: Tensor) -> Tensor:
            return x.bfloat16() if x.is_floating_point() else x.clone()

        try:
            self._run(lambda x: rounded(x).to(x.dtype))
        except Exception:  # the answer does not take the rounded numbers either
            return
        try:
            self._run(rounded)
        except Exception as error:
            if "not implemented for" in str(error):  # such as torch's decompositions
                return
            text = str(error)[:200]
            if "dtype" in text or "scalar type" in text:
                text += ". Give each tensor that you create the dtype of an argument: .to(x)."
            yield f"{{}} raises {type(error).__name__} in bfloat16: {text}"


def _name_axes(value: Any, hint: Any, found: dict[int, tuple[str, ...]]) -> None:
    """Read the axes of a tensor, or of the fields of a record, from their annotations."""
    if isinstance(value, Tensor):
        hints = [hint, *typing.get_args(hint)]
        words = next((h.dim_str.split() for h in hints if hasattr(h, "dim_str")), [])
        start = next((i + 1 for i, w in reversed(list(enumerate(words))) if w[0] in "*."), 0)
        found[id(value)] = tuple(words[start:])
        return
    fields = getattr(value, "_fields", None) or getattr(value, "__dataclass_fields__", ())
    for name in fields:
        _name_axes(getattr(value, name), type(value).__annotations__.get(name), found)
