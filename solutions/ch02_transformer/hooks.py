"""Named points in a forward pass, at which anyone may look or interfere.

A HookPoint is an identity that a module calls on each tensor worth naming:
`x = self.hook_resid_pre(x)`. Nothing happens there until somebody asks. Hooks may replace the
tensor; observers see what the rest of the model will see. A HookedModule finds its points by name,
puts hooks on, and takes them off again whatever happens.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

Hook = Callable[[Tensor, "HookPoint"], Tensor | None]
Hooks = Mapping[str, Hook | Sequence[Hook]]
Names = str | Iterable[str] | Callable[[str], bool] | None
PositionIndex = Sequence[int] | slice | None


class HookPoint(nn.Module):
    """Identity with a name: the place where a tensor can be read or replaced."""

    def __init__(self, pos_axis: int = 1, on_request: bool = False) -> None:
        super().__init__()
        self.name = ""
        self.pos_axis = pos_axis
        self.on_request = on_request
        self.hooks: list[Hook] = []
        self.observers: list[Callable[[Tensor, HookPoint], None]] = []

    @property
    def has_hooks(self) -> bool:
        """Whether anybody waits here; costly tensors are computed only then."""
        return bool(self.hooks or self.observers)

    def forward(self, x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """Pass x through every hook in order, show the result to the observers, return it.

        A hook is called as hook(tensor, point). It gets a copy, so that editing in place changes
        nothing that is already cached. What it returns goes on; if it returns None, its copy goes
        on, edited or not.

        Raises: ValueError when a hook returns a wrong shape (through `check_replacement`).
        """
        # exercise 2.1
        for hook in self.hooks:
            copy = x.clone()
            returned = hook(copy, self)
            replacement = copy if returned is None else returned
            check_replacement(replacement, x, hook, self)
            x = replacement
        for observer in self.observers:
            observer(x, self)
        return x


def check_replacement(new: Any, old: Tensor, hook: Hook, point: HookPoint) -> None:
    """Refuse what a hook returned unless it is a tensor of the shape that came in."""
    came = f"shape {tuple(new.shape)}" if torch.is_tensor(new) else f"a {type(new).__name__}"
    if not torch.is_tensor(new) or new.shape != old.shape:
        raise ValueError(
            f"the hook {getattr(hook, '__name__', repr(hook))!r} at {point.name!r} returned "
            f"{came}; a tensor of shape {tuple(old.shape)} is expected, or None"
        )


class HookedModule(nn.Module):
    """Module whose hook points are known by name."""

    def hook_points(self) -> dict[str, HookPoint]:
        """Every hook point inside, by its dotted name, in the order of definition."""
        points = {}
        for name, module in self.named_modules():
            if isinstance(module, HookPoint):
                module.name = name
                points[name] = module
        return points

    def find_points(self, names: Iterable[str]) -> list[HookPoint]:
        """Look hook points up by name.

        Raises: KeyError for a name that does not exist, with the three nearest that do.
        """
        points = self.hook_points()
        for name in names:
            if name not in points:
                nearest = get_close_matches(name, points, n=3, cutoff=0.0)
                raise KeyError(f"no hook point {name!r}; the nearest are {', '.join(nearest)}")
        return [points[name] for name in names]

    def choose_names(self, names: Names) -> list[str]:
        """Spell out which points are meant: one, several, a condition, or None for all.

        All leaves out the points that compute something only on request (`hook_result`).
        """
        if isinstance(names, str):
            return [names]
        if names is None:
            return [name for name, point in self.hook_points().items() if not point.on_request]
        if callable(names):
            return [name for name in self.hook_points() if names(name)]
        return list(names)

    @contextmanager
    def hooks(self, hooks: Hooks) -> Iterator["HookedModule"]:
        """Keep hooks on while a `with` block runs, and leave every point as it was found.

        Several hooks on one point run in the order given, after those of an enclosing block.

        Raises: KeyError for an unknown name, before any hook is put on.
        """
        points = self.find_points(list(hooks))
        lists = [[given] if callable(given) else list(given) for given in hooks.values()]
        # exercise 2.2
        before = [point.hooks for point in points]
        try:
            for point, added in zip(points, lists, strict=True):
                point.hooks = [*point.hooks, *added]
            yield self
        finally:
            for point, found in zip(points, before, strict=True):
                point.hooks = found

    @contextmanager
    def observing(self, names: Iterable[str], observer: Callable) -> Iterator[None]:
        """Call observer(tensor, point) at the named points while a `with` block runs."""
        points = self.find_points(list(names))
        try:
            for point in points:
                point.observers.append(observer)
            yield
        finally:
            for point in points:
                point.observers.remove(observer)

    def run_with_hooks(self, *inputs: Any, hooks: Hooks, **options: Any) -> Tensor:
        """Run the model once with these hooks on."""
        with self.hooks(hooks):
            return self(*inputs, **options)

    def run_with_cache(
        self,
        *inputs: Any,
        names: Names = None,
        positions: PositionIndex = None,
        gradients: bool = False,
        **options: Any,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Run the model once and return its output with the activations at the named points.

        names: which points (see `choose_names`). positions: keep only these token positions, as a
        copy, so that the rest can be freed. gradients: keep the graph, and let each cached tensor
        collect its gradient in `.grad` when somebody calls backward; otherwise cached tensors are
        detached. Other options go to forward, such as `stop_at_layer=4`. Cached tensors are the
        model's own, not copies: they cost no memory beyond themselves.

        Raises: KeyError for an unknown name; ValueError for gradients of selected positions, which
            would be copies that no output depends on.
        """
        if gradients and positions is not None:
            raise ValueError("positions and gradients exclude each other: cache all, then select")
        if not (positions is None or isinstance(positions, slice)):
            positions = list(positions)  # a tuple would index several axes
        cache: dict[str, Tensor] = {}

        def keep(x: Tensor, point: HookPoint) -> None:
            # exercise 2.3
            if positions is not None:
                index = torch.arange(x.shape[point.pos_axis], device=x.device)[positions]
                x = x.index_select(point.pos_axis, index)
            if gradients:
                x.requires_grad_().retain_grad()
            cache[point.name] = x if gradients else x.detach()

        chosen = self.choose_names(names)
        with self.observing(chosen, keep), torch.set_grad_enabled(gradients):
            output = self(*inputs, **options)
        return output, cache
