"""Replace, add to, scale or zero the activation at a Site while the model runs.

1. A `Site` (chapter 2) selects part of an activation: hook point, heads, positions, neurons or
   directions.
2. An `Intervention` names the operation on that part. Its operand is a tensor, or the activation
   of another run.
3. `apply_interventions` attaches the hooks for a `with` block, and raises if one never fired.

With directions, replacing by another run is the interchange of a rotated subspace: coordinates
along the directions are the other run's, the orthogonal complement stays.
Axes: batch, place (the selected positions), head, d (the last axis of the hook).
Source: Geiger et al. 2023, "Finding Alignments Between Interpretable Causal Variables and
Distributed Neural Representations".
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Literal, get_args

import torch
from jaxtyping import Int
from torch import Tensor

from ..ch02_transformer import HookedTransformer, HookPoint
from ..ch02_transformer.hooks import Hook
from ..ch02_transformer.sites import PositionSpec, Site

Runs = Mapping[str, Mapping[str, Tensor]]
"""Run name -> hook name -> activation: for each run what `cache_sites` returns."""
Action = Literal["zero", "replace", "add", "scale"]
During = Literal["all", "prompt", "generated"]


def broadcast_to(part: Tensor, operand: Tensor) -> Tensor:
    """Expand the operand to the shape of the part.

    Raises: ValueError when the shapes do not broadcast.
    """
    try:
        return operand.expand_as(part)
    except RuntimeError as error:
        raise ValueError(
            f"expected an operand that broadcasts to {list(part.shape)}, [batch, place, ...], "
            f"got shape {list(operand.shape)}"
        ) from error


OPERATIONS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "zero": lambda part, _: torch.zeros_like(part),
    "replace": broadcast_to,
    "add": lambda part, operand: part + broadcast_to(part, operand),
    "scale": lambda part, operand: part * broadcast_to(part, operand),
}
"""Action -> function of the part and the operand that returns the new part."""


@dataclass(frozen=True)
class FromRun:
    """An operand taken from the activation of another run at the same hook point."""

    run: str
    """Name of the run, a key of `runs`."""
    position: PositionSpec = None
    """PositionSpec in that run; None for the positions of the site."""
    average: bool = False
    """Whether to average over the examples of that run, separately at each position."""


@dataclass(frozen=True, eq=False)
class Intervention:
    """An operation on the part of an activation that a site selects.

    Raises: ValueError for an unknown action, or a number of operands that the action does not take.
    """

    site: Site
    """Part of an activation."""
    action: Action
    """Operation, a key of OPERATIONS."""
    value: Tensor | None = None
    """Operand that broadcasts to the part: [batch, place, d], or [batch, place, head, d]."""
    source: FromRun | None = None
    """Operand from another run, instead of a value."""
    during: During = "all"
    """Tokens that are changed during generation: prompt tokens, generated tokens, or all."""

    def __post_init__(self) -> None:
        if self.action not in get_args(Action):
            raise ValueError(f"expected action in {', '.join(OPERATIONS)}, got {self.action!r}")
        if self.during not in get_args(During):
            words = ", ".join(get_args(During))
            raise ValueError(f"expected during in {words}, got {self.during!r}")
        given = (self.value is not None) + (self.source is not None)
        expected = 0 if self.action == "zero" else 1
        if given != expected:
            raise ValueError(
                f"{self.action} at {self.site.name}: expected {expected} operands (value or "
                f"source), got {given}"
            )

    @classmethod
    def zero(cls, site: Site) -> "Intervention":
        """Zero-ablate."""
        return cls(site, "zero")

    @classmethod
    def mean(cls, site: Site, run: str) -> "Intervention":
        """Mean-ablate: replace by the average over the examples of a run."""
        return cls(site, "replace", source=FromRun(run, average=True))

    @classmethod
    def put(cls, site: Site, value: Tensor) -> "Intervention":
        """Replace by a given value."""
        return cls(site, "replace", value=value)

    @classmethod
    def patch(cls, site: Site, run: str, position: PositionSpec = None) -> "Intervention":
        """Replace by the activation of another run, example by example."""
        return cls(site, "replace", source=FromRun(run, position))

    @classmethod
    def add(cls, site: Site, vector: Tensor) -> "Intervention":
        """Add a vector, as in steering."""
        return cls(site, "add", value=vector)

    @classmethod
    def scale(cls, site: Site, factor: float) -> "Intervention":
        """Multiply by a factor."""
        return cls(site, "scale", value=torch.tensor(float(factor)))


def resolve_operand(
    intervention: Intervention, runs: Runs, point: HookPoint, where: Int[Tensor, "batch place"]
) -> Tensor:
    """Return the tensor that an intervention puts, adds or multiplies by.

    where: positions of the selected part in the text.

    Raises: KeyError for a run, or one of its activations, that was not given; ValueError for a run
        with another number of examples, or too few positions.
    """
    site, source = intervention.site, intervention.source
    if source is None:
        return torch.zeros(()) if intervention.value is None else intervention.value
    if site.name not in runs.get(source.run, {}):
        raise KeyError(
            f"expected {site.name} of run {source.run!r} in `runs`, got runs "
            f"{', '.join(map(repr, runs)) or 'none'}; cache it with cache_sites"
        )
    other = runs[source.run][site.name]
    if len(other) != len(where) and not source.average:
        raise ValueError(
            f"run {source.run!r}: expected {len(where)} examples, as many as are patched, got "
            f"{len(other)}"
        )
    if source.position is not None:
        site = replace(site, position=source.position)
    # PositionSpec in the other run, [its batch, place]: the same ones for a site of all positions.
    if site.position is None:
        where = where[:1].expand(len(other), -1)
    else:
        where = site.resolve_positions(len(other), other.shape[point.pos_axis])
    if where.max() >= other.shape[point.pos_axis]:
        raise ValueError(
            f"run {source.run!r}: expected at least {int(where.max()) + 1} positions, got "
            f"{other.shape[point.pos_axis]}"
        )
    taken = site.take(other, point, where)  # [its batch, place, ...]
    return taken.mean(dim=0, keepdim=True) if source.average else taken


def edit_activation(
    x: Tensor, point: HookPoint, intervention: Intervention, runs: Runs, start: int = 0
) -> Tensor:
    """Apply an intervention to the activation x of a hook point, in place, and return x.

    start: position in the text of the first position of x. It is not 0 when the model continues
        from a cache, so that x holds new tokens only.

    Raises: ValueError for positions before the start.
    """
    site, n_pos = intervention.site, x.shape[point.pos_axis]
    where = site.resolve_positions(len(x), start + n_pos)
    if site.position is None:
        where = where[:, start:]
    if where.min() < start:
        raise ValueError(
            f"{site.name}: expected positions from {start} on, because this forward continues from "
            f"a cache, got {where.min().item()}"
        )
    new = resolve_operand(intervention, runs, point, where).to(x)
    # exercise 5.1
    raise NotImplementedError("exercise 5.1")


@contextmanager
def attach_edits(
    model: HookedTransformer,
    interventions: Sequence[Intervention],
    edit: Callable[[Tensor, HookPoint, Intervention], Tensor | None],
) -> Iterator[None]:
    """Call `edit` at the hook point of each intervention in a `with` block, in the order given.

    edit: returns the new activation, or None where the intervention does not apply.
    A patch without effect would look like a null result, so each one has to be applied.

    Raises: KeyError and ValueError for sites that the model does not have, before anything runs;
        ValueError at the end of the block when an intervention was never applied.
    """
    for one in interventions:
        one.site.check(model)
    hooks: dict[str, list[Hook]] = {}
    missed = dict(enumerate(interventions))

    def make_hook(index: int) -> Hook:
        def hook(x: Tensor, point: HookPoint) -> Tensor | None:
            edited = edit(x, point, interventions[index])
            if edited is not None:
                missed.pop(index, None)
            return edited

        return hook

    for index, one in enumerate(interventions):
        hooks.setdefault(one.site.name, []).append(make_hook(index))
    with model.hooks(hooks):
        yield
    if missed:
        raise ValueError(
            f"{len(missed)} of {len(interventions)} interventions were never applied, the first at "
            f"{next(iter(missed.values())).site}; does the forward reach it, and is text generated "
            "inside apply_while_generating?"
        )


@contextmanager
def apply_interventions(
    model: HookedTransformer, interventions: Sequence[Intervention], runs: Runs | None = None
) -> Iterator[None]:
    """Apply interventions to every forward in a `with` block, those at one hook in the order given.

    runs: activations of other runs by name, from `cache_sites`. Interventions on generated tokens
        need `apply_while_generating`.

    Raises: as `attach_edits`.
    """

    def edit(x: Tensor, point: HookPoint, one: Intervention) -> Tensor | None:
        return None if one.during == "generated" else edit_activation(x, point, one, runs or {})

    with attach_edits(model, interventions, edit):
        yield
