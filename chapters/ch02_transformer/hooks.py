"""Hook points: named places in the forward pass where activations can be read or replaced.

A HookPoint is an identity that a module calls on each of its activations:
`x = self.hook_resid_pre(x)`. Without hooks it returns its input. Hooks may replace the activation;
observers are read-only hooks that run after them. A HookedModule finds its hook points by name,
attaches hooks, and removes them again even if an error occurs.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from difflib import get_close_matches
from inspect import CO_VARARGS
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

Hook = Callable[[Tensor, "HookPoint"], Tensor | None]
Hooks = Mapping[str, Hook | Sequence[Hook]]
Observer = Callable[[Tensor, "HookPoint"], None]
Names = str | Iterable[str] | Callable[[str], bool] | None
PositionIndex = Sequence[int] | slice | None


class HookPoint(nn.Module):
    """Identity with a name, at which an activation can be read or replaced.

    pos_axis: the axis of token positions. on_request: whether the activation is computed only if a
    hook or observer is attached.
    """

    def __init__(self, pos_axis: int = 1, *, on_request: bool = False) -> None:
        super().__init__()
        self.name = ""
        self.pos_axis = pos_axis
        self.on_request = on_request
        self.hooks: list[Hook] = []
        self.observers: list[Observer] = []

    @property
    def has_hooks(self) -> bool:
        """Whether a hook or observer is attached. Expensive activations are computed only if so."""
        return bool(self.hooks or self.observers)

    def forward(self, x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """Apply the hooks to x in order, pass the result to the observers, return it.

        A hook is called as hook(tensor, point). It gets a copy, so editing in place changes nothing
        that was cached before. Its return value replaces x, in the precision of x; if it returns
        None, its copy does, edited or not.

        Raises: ValueError when a hook returns a wrong shape (through `check_replacement`).
        """
        # exercise 2.1
        raise NotImplementedError("exercise 2.1")


def match_precision(returned: Any, x: Tensor) -> Any:
    """Convert a tensor of real numbers from a hook to the type and device of the activation."""
    real = isinstance(returned, Tensor) and not returned.is_complex()
    return returned.to(x) if real else returned


def hooks_at(name: str, given: Any) -> list[Hook]:
    """Return the hooks that are given for one point as a list.

    Raises: ValueError unless each of them is a function of a tensor and a hook point.
    """
    several = not callable(given) and isinstance(given, Iterable)
    found = list(given) if several else [given]
    if not all(map(callable, found)):
        raise ValueError(
            f"expected a function or a list of functions as hook at {name!r}, got {given!r:.80}"
        )
    for hook in found:
        if not takes_two(hook):
            raise ValueError(
                f"expected a hook of two arguments, hook(tensor, point), at {name!r}, got "
                f"{getattr(hook, '__name__', hook)!r:.80} of another number"
            )
    return found


def takes_two(hook: Any) -> bool:
    """Whether a function takes two arguments by position; True for other callables."""
    code = getattr(hook, "__code__", None)
    if code is None or code.co_flags & CO_VARARGS:
        return True
    most = code.co_argcount - (getattr(hook, "__self__", None) is not None)
    return most - len(hook.__defaults__ or ()) <= 2 <= most


def check_replacement(new: object, old: Tensor, hook: Hook, point: HookPoint) -> None:
    """Raise ValueError unless a hook returned real numbers of the activation's shape."""
    if isinstance(new, Tensor) and new.shape == old.shape and not new.is_complex():
        return
    returned = f"a {type(new).__name__}"
    if isinstance(new, Tensor):
        returned = f"shape {tuple(new.shape)} of {new.dtype}"
    raise ValueError(
        f"expected a tensor of shape {tuple(old.shape)} or None from the hook "
        f"{getattr(hook, '__name__', repr(hook))!r} at {point.name!r}, got {returned}"
    )


class _AllObserved(Exception):
    """Every chosen point was observed: the rest of the forward is not needed."""


class ActivationCache(dict[str, Tensor]):
    """Hook name -> activation. Printing it shows names and shapes, not numbers."""

    def __repr__(self) -> str:
        shapes = [f"{name} {list(x.shape)}" for name, x in list(self.items())[:3]]
        more = [f"... {len(self) - 3} more"] if len(self) > 3 else []
        return f"ActivationCache({', '.join([*shapes, *more])})"


class HookedModule(nn.Module):
    """Module whose hook points can be found by name."""

    def hook_points(self) -> dict[str, HookPoint]:
        """Collect all hook points by their dotted names, in the order of definition."""
        points = {}
        for name, module in self.named_modules():
            if isinstance(module, HookPoint):
                module.name = name
                points[name] = module
        return points

    def hooked_names(self) -> list[str]:
        """List the points that have hooks, which may replace activations."""
        return [name for name, point in self.hook_points().items() if point.hooks]

    def find_points(self, names: Iterable[str]) -> list[HookPoint]:
        """Look up hook points by name.

        Each name is followed directly to its module: a sweep calls this for every patch, and
        walking through all modules costs more than a small model's forward.

        Raises: KeyError for a name that does not exist, with the three nearest that do.
        """
        found = []
        for name in names:
            point: nn.Module | None = self
            for part in str(name).split("."):
                point = None if point is None else point._modules.get(part)
            if not isinstance(point, HookPoint):
                nearest = get_close_matches(str(name), self.hook_points(), n=3, cutoff=0.0)
                raise KeyError(f"no hook point {name!r}; the nearest are {', '.join(nearest)}")
            point.name = name
            found.append(point)
        return found

    def choose_names(self, names: Names) -> list[str]:
        """List the hook points that are selected by a name, several, a condition, or None for all.

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
        """Attach hooks while a `with` block runs, and restore every point afterwards.

        Several hooks at one point run in the order given, after those of an enclosing block.

        Raises: KeyError for an unknown name, before any hook is attached; ValueError unless hooks
            is a mapping of names to functions.
        """
        if not isinstance(hooks, Mapping):
            raise ValueError(
                f"expected hooks as a dict {{name: function}}, got a {type(hooks).__name__}; "
                "convert pairs with dict(pairs), and give one name several hooks as a list"
            )
        points = self.find_points(list(hooks))
        lists = [hooks_at(name, given) for name, given in hooks.items()]
        # exercise 2.2
        raise NotImplementedError("exercise 2.2")

    @contextmanager
    def observing(self, names: Iterable[str], observer: Observer) -> Iterator[None]:
        """Call observer(tensor, point) at the named points while a `with` block runs."""
        points = self.find_points(names)
        try:
            for point in points:
                point.observers.append(observer)
            yield
        finally:
            for point in points:
                point.observers.remove(observer)

    def run_until_observed(
        self, *inputs: Any, names: Iterable[str], observer: Observer, **options: Any
    ) -> None:
        """Call observer(tensor, point) at the named points, and stop after the last of them.

        Nothing behind the last point is computed: for the patterns of all heads neither the last
        MLP nor the logits.

        Raises: KeyError for an unknown name.
        """
        names = list(names)
        left = set(names)

        def observe(x: Tensor, point: HookPoint) -> None:
            observer(x, point)
            left.discard(point.name)
            if not left:
                raise _AllObserved

        with self.observing(names, observe), suppress(_AllObserved):
            self(*inputs, **options)

    def run_with_hooks(self, *inputs: Any, hooks: Hooks, **options: Any) -> Tensor:
        """Run the model once with these hooks attached."""
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
        """Run the model once; return its output and the activations at the named points.

        names: which points (see `choose_names`). positions: cache only these token positions, as a
        copy, so that the full activation can be freed. gradients: keep the graph, and let each
        cached tensor collect its gradient in `.grad` on backward; otherwise cached tensors are
        detached. Other options go to forward, such as `stop_at_layer=4`. Cached tensors are the
        model's own, not copies: they need no additional memory.

        Raises: KeyError for an unknown name; ValueError for gradients of selected positions, which
            would be copies that no output depends on, and for gradients in inference mode.
        """
        if gradients and positions is not None:
            raise ValueError("positions and gradients exclude each other: cache all, then select")
        if gradients and torch.is_inference_mode_enabled():
            raise ValueError(
                "expected gradients=True outside of torch.inference_mode, which keeps no graph, "
                "got it inside; use torch.no_grad around the rest instead"
            )
        if isinstance(positions, int):
            raise ValueError(f"expected positions as a list or a slice, got {positions}")
        if not (positions is None or isinstance(positions, slice)):
            positions = list(positions)  # a tuple would index several axes
        cache = ActivationCache()

        def keep(x: Tensor, point: HookPoint) -> None:
            # exercise 2.3
            raise NotImplementedError("exercise 2.3")

        chosen = self.choose_names(names)
        with self.observing(chosen, keep), torch.set_grad_enabled(gradients):
            output = self(*inputs, **options)
        return output, cache
