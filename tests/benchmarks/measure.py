"""Two computations timed side by side, so that what else the machine does hits both alike.

1. Each is run once to warm up.
2. Then they alternate, and every pair gives one ratio (`compare`).
3. The median ratio is reported, with the quartiles.

On the CPU the clock counts the processor's time, on a GPU the wall's. Memory that is fresh from the
operating system costs page faults, which are system time: user time is therefore kept apart.
"""

import gc
import statistics
import time
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]


class Sample(NamedTuple):
    """One run."""

    seconds: float
    """Processor time of this process, or wall time where a GPU works."""
    user: float
    """The part of it that is not the operating system's."""
    faults: int
    """Pages that were touched for the first time."""


class Comparison(NamedTuple):
    """One computation against another."""

    ratio: float
    """Median of the pairs' ratios; below 1 the first is faster."""
    low: float
    """Lower quartile."""
    high: float
    """Upper quartile."""
    user: float
    """Median ratio of user time alone."""
    faults: int
    """Median of how many more pages the first touches."""
    seconds: float
    """Median time of the first."""
    baseline: float
    """Median time of the second."""


def sample(call: Callable[[], Any], device: torch.device) -> Sample:
    """Run once and measure; what the call returns is freed before the clock stops."""
    user, faults = _user_and_faults()
    start = _clock(device)
    call()
    seconds = _clock(device) - start
    user_after, faults_after = _user_and_faults()
    return Sample(seconds, user_after - user, faults_after - faults)


def compare(
    new: Callable[[], Any],
    baseline: Callable[[], Any],
    device: torch.device,
    repeats: int,
    tick: Callable[[], Any] = lambda: None,
) -> Comparison:
    """Measure two computations in alternation; `tick` is called after every pair."""
    new(), baseline()
    pairs = []
    gc.collect()
    gc.disable()
    try:
        for turn in range(repeats):
            # Who goes first alternates too, so that neither always finds the caches warm.
            order = [new, baseline] if turn % 2 else [baseline, new]
            first, second = (sample(call, device) for call in order)
            pairs.append((first, second) if turn % 2 else (second, first))
            tick()
    finally:
        gc.enable()
    ratios = sorted(ours.seconds / theirs.seconds for ours, theirs in pairs)
    quarter = len(ratios) // 4
    return Comparison(
        ratio=statistics.median(ratios),
        low=ratios[quarter],
        high=ratios[-1 - quarter],
        user=statistics.median(a.user / max(b.user, 1e-9) for a, b in pairs),
        faults=int(statistics.median(a.faults - b.faults for a, b in pairs)),
        seconds=statistics.median(a.seconds for a, _ in pairs),
        baseline=statistics.median(b.seconds for _, b in pairs),
    )


def memory(tensors: Iterable[Tensor], model: nn.Module | None = None) -> tuple[int, int]:
    """Bytes that tensors keep alive, and bytes of these that no tensor shows.

    A storage that several tensors share is counted once, and the model's own weights never.
    """
    weights = {
        weight.untyped_storage().data_ptr() for weight in (model or nn.Module()).parameters()
    }
    kept: dict[int, int] = {}
    views: dict[int, dict[tuple, int]] = {}
    for tensor in tensors:
        storage = tensor.untyped_storage()
        if storage.data_ptr() in weights:
            continue
        reach = 1 + sum(
            stride * (size - 1) for stride, size in zip(tensor.stride(), tensor.shape, strict=True)
        )
        kept[storage.data_ptr()] = storage.nbytes()
        view = (tensor.storage_offset(), tensor.shape, tensor.stride())
        shown = min(reach, tensor.numel()) * tensor.element_size()
        views.setdefault(storage.data_ptr(), {})[view] = shown
    hidden = [max(0, kept[place] - sum(shown.values())) for place, shown in views.items()]
    return sum(kept.values()), sum(hidden)


def _clock(device: torch.device) -> float:
    if device.type == "cpu":
        return time.process_time()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    else:
        torch.mps.synchronize()
    return time.perf_counter()


def _user_and_faults() -> tuple[float, int]:
    if resource is None:
        return time.process_time(), 0
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime, usage.ru_minflt
