"""Walk through values: the tensors and generators in arguments and results."""

import copy
import dataclasses
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

SMALL = 200_000
"""Parameters of a model that costs little to run again."""
PLAIN = (int, float, complex, str, bool, type(None), torch.dtype, torch.device, range)


def is_float(x: Tensor) -> bool:
    """Whether a tensor holds numbers that can be NaN."""
    return x.is_floating_point() or x.is_complex()


def floats(value: Any) -> list[Tensor]:
    return [x for x in tensors(value) if is_float(x)]


def strided(x: Tensor) -> Tensor:
    """The same numbers in memory with gaps, the axes in reverse order."""
    memory = torch.zeros(*reversed(x.shape), 2, dtype=x.dtype)
    return memory[..., 0].permute(tuple(reversed(range(x.dim())))).copy_(x)


def with_weights(module: nn.Module, change: Callable[[Tensor], Tensor]) -> nn.Module:
    """Copy a module, with every parameter changed, and none that asks for gradients."""
    copied = copy.deepcopy(module).requires_grad_(False)
    for parameter in copied.parameters():
        parameter.copy_(change(parameter))
    return copied


def scaled(module: nn.Module, factor: float) -> nn.Module:
    """Copy a module, with every parameter times the factor, and none that asks for gradients."""
    return with_weights(module, lambda x: x * factor)


def generator_copy(x: Any) -> Any:
    if not isinstance(x, torch.Generator):
        return x
    copied = torch.Generator(x.device)
    copied.set_state(x.get_state())
    return copied


def parts(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    if isinstance(value, list | tuple):
        return list(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return list(vars(value).values()) if hasattr(value, "__dict__") else []
    return []


def tensors(value: Any) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value]
    return [x for part in parts(value) for x in tensors(part)]


def numbers(value: Any) -> list[Tensor]:
    """The floating point tensors and numbers of a value."""
    if isinstance(value, float):
        return [torch.tensor(value, dtype=torch.float64)]
    inner = [x for part in parts(value) for x in numbers(part)]
    return inner + [x for x in [value] if isinstance(x, Tensor) and is_float(x)]


def containers(value: Any) -> list[Any]:
    own = [value] if type(value) in (list, dict) else []
    return own + [x for part in parts(value) for x in containers(part)]


def modules(value: Any) -> list[nn.Module]:
    """The modules in a value."""
    if isinstance(value, nn.Module):
        return [value]
    return [x for part in parts(value) for x in modules(part)]


def all_parts(module: nn.Module) -> list[nn.Module]:
    """A module and all modules in it, as `module.modules()` orders them, in a tenth of its time."""
    found, seen, pending = [], set(), [module]
    while pending:
        part = pending.pop()
        if part is not None and id(part) not in seen:
            seen.add(id(part))
            found.append(part)
            pending.extend(reversed(vars(part)["_modules"].values()))
    return found


def weights(module: nn.Module) -> list[nn.Parameter]:
    """The parameters of a module, each once."""
    found = {
        id(x): x
        for part in all_parts(module)
        for x in vars(part)["_parameters"].values()
        if x is not None
    }
    return list(found.values())


def has_functions(value: Any) -> bool:
    """Whether a value holds a function other than a module."""
    if isinstance(value, nn.Module | type):
        return False
    return callable(value) or any(map(has_functions, parts(value)))


def is_at_rest(module: nn.Module) -> bool:
    """Whether a module is small, and no hook of it would notice another call."""
    size = sum(parameter.numel() for parameter in weights(module))
    points = (part for part in all_parts(module) if hasattr(type(part), "has_hooks"))
    hooked = any(point.has_hooks for point in points)
    return size < SMALL and not hooked


def is_plain(value: Any) -> bool:
    """Whether a value holds data and functions alone, so that a call can be repeated."""
    if isinstance(value, nn.Module):
        return is_at_rest(value)
    if dataclasses.is_dataclass(value) and not getattr(value, "__dataclass_params__").frozen:
        return False  # it may change from call to call
    if isinstance(value, (*PLAIN, Tensor, torch.Generator)) or callable(value):
        return True
    return bool(parts(value) or value in ([], (), {})) and all(map(is_plain, parts(value)))


def mapped(value: Any, change: Callable[[Any], Any]) -> Any:
    """Change the tensors, generators and modules of a value; the rest is kept or rebuilt."""
    if isinstance(value, Tensor | torch.Generator | nn.Module):
        return change(value)
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(mapped(part, change) for part in value))
    if type(value) in (list, tuple):
        return type(value)(mapped(part, change) for part in value)
    if type(value) is dict:
        return {key: mapped(part, change) for key, part in value.items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type) and tensors(value):
        fields = {f.name: getattr(value, f.name) for f in dataclasses.fields(value) if f.init}
        return dataclasses.replace(value, **{k: mapped(v, change) for k, v in fields.items()})
    return value


def bare(value: Any) -> Any:
    """A value as lists, numbers and tensors, which `same` compares."""
    if isinstance(value, Tensor):
        return value.detach()
    if isinstance(value, dict):
        return {key: bare(part) for key, part in value.items()}
    return [bare(part) for part in parts(value)] if parts(value) else value
