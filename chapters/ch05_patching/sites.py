"""One vocabulary for changing a model: an Intervention says what to put at a Site.

1. A Site is a place (chapter 2): hook, layer, head, position, neurons or directions.
2. An action says what becomes of what is there; its operand is a tensor or comes from another run.
3. `intervening` puts interventions on, and raises if one of them never happened.

With directions, replacing from another run is the interchange of a rotated subspace: coordinates
along the directions are the other run's, the rest stays. Nothing here knows any model family.
Source of the interchange: Geiger et al. 2023, "Finding Alignments Between Interpretable Causal
Variables and Distributed Neural Representations".
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from ..ch02_transformer import HookedTransformer, HookPoint
from ..ch02_transformer.sites import Positions, Site
from .actions import ACTIONS

Runs = Mapping[str, Mapping[str, Tensor]]
DURING = ("all", "prompt", "generated")


@dataclass(frozen=True)
class FromRun:
    """An operand taken from what another run had at the same hook point."""

    run: str
    """Name of the run: a key of the `runs` that are given."""
    position: Positions = None
    """Where in that run; None for the site's own positions."""
    average: bool = False
    """Whether to take the mean over all examples of that run, place by place."""


@dataclass(frozen=True, eq=False)
class Intervention:
    """What happens at a site.

    Raises: ValueError for an unknown action, or for operands that the action does not take.
    """

    site: Site
    """Where."""
    action: str
    """What, a key of ACTIONS."""
    value: Tensor | None = None
    """Operand that broadcasts to the part: [batch, place, d], or [batch, place, head, d]."""
    source: FromRun | None = None
    """Operand from another run, in place of a value."""
    during: str = "all"
    """Which tokens when text is generated: those of the prompt, those generated, or all."""

    def __post_init__(self) -> None:
        for what, came, known in (
            ("an action", self.action, tuple(ACTIONS)),
            ("during", self.during, DURING),
        ):
            if came not in known:
                raise ValueError(f"{what} is one of {', '.join(known)}, but {came!r} came")
        operands = (self.value is not None) + (self.source is not None)
        expected = 0 if self.action == "zero" else 1
        if operands != expected:
            raise ValueError(
                f"{self.action} at {self.site.name} takes {expected} operands (a value, or a "
                f"source), but {operands} came"
            )

    @classmethod
    def zero(cls, site: Site) -> "Intervention":
        """Zero ablation."""
        return cls(site, "zero")

    @classmethod
    def mean(cls, site: Site, run: str) -> "Intervention":
        """Mean ablation: what that run has there on average over its examples."""
        return cls(site, "replace", source=FromRun(run, average=True))

    @classmethod
    def put(cls, site: Site, value: Tensor) -> "Intervention":
        """A given value."""
        return cls(site, "replace", value=value)

    @classmethod
    def patch(cls, site: Site, run: str, position: Positions = None) -> "Intervention":
        """What another run has there, example by example; with directions, in these only."""
        return cls(site, "replace", source=FromRun(run, position))

    @classmethod
    def add(cls, site: Site, vector: Tensor) -> "Intervention":
        """A vector on top, as in steering."""
        return cls(site, "add", value=vector)

    @classmethod
    def scale(cls, site: Site, factor: float) -> "Intervention":
        """Everything times a factor."""
        return cls(site, "scale", value=torch.tensor(float(factor)))


def operand(
    intervention: Intervention, runs: Runs, point: HookPoint, where: Int[Tensor, "batch place"]
) -> Tensor:
    """What an intervention puts, adds or multiplies by at the places `where` of the text.

    Raises: KeyError for a run, or an activation of one, that was not given; ValueError for a run of
        another number of examples, or too short.
    """
    site, source = intervention.site, intervention.source
    if source is None:
        return torch.zeros(()) if intervention.value is None else intervention.value
    if site.name not in runs.get(source.run, {}):
        raise KeyError(
            f"{site.name} of run {source.run!r} is needed but was not given; "
            f"runs given: {', '.join(map(repr, runs)) or 'none'}"
        )
    other = runs[source.run][site.name]
    if len(other) != len(where) and not source.average:
        raise ValueError(
            f"run {source.run!r} has {len(other)} examples, but {len(where)} are to be patched"
        )
    if source.position is not None:
        site = replace(site, position=source.position)
    if site.position is None:
        where = where[:1].expand(len(other), -1)
    else:
        where = site.places(len(other), other.shape[point.pos_axis])
    if where.max() >= other.shape[point.pos_axis]:
        raise ValueError(f"run {source.run!r} is too short: it has no position {int(where.max())}")
    taken = site.take(other, point, where)
    return taken.mean(dim=0, keepdim=True) if source.average else taken


def edit(
    x: Tensor, point: HookPoint, intervention: Intervention, runs: Runs, start: int = 0
) -> Tensor:
    """What passes a hook point, with the intervention done, in place.

    start: position in the text of the first one in x, for a model that goes on from a cache.

    Raises: ValueError for places before the start.
    """
    site, here = intervention.site, x.shape[point.pos_axis]
    where = site.places(len(x), start + here)
    if site.position is None:
        where = where[:, start:]
    if where.min() < start:
        raise ValueError(f"{site.name}: position {where.min().item()} was read before this forward")
    new = operand(intervention, runs, point, where).to(x)
    # exercise 5.1
    raise NotImplementedError("exercise 5.1")


@contextmanager
def intervening(
    model: HookedTransformer,
    interventions: Sequence[Intervention],
    runs: Runs | None = None,
    generating: bool = False,
) -> Iterator[None]:
    """Keep interventions on while a `with` block runs; several at one hook in the order given.

    runs: activations of other runs by name, as `record` gives them. generating: forwards in the
    block go on from each other with a cache, so that positions go on too; the first is the prompt.

    Raises: KeyError and ValueError for sites that the model does not have, before anything runs;
        ValueError at the end of the block when an intervention never happened.
    """
    for intervention in interventions:
        intervention.site.check(model)
    read, fired = [0, 0], set()

    def clock(x: Tensor, _: HookPoint) -> None:
        read[:] = [read[1] if generating else 0, x.shape[1] + (read[1] if generating else 0)]

    def hook(number: int) -> Callable[[Tensor, HookPoint], Tensor]:
        one = interventions[number]

        def change(x: Tensor, point: HookPoint) -> Tensor:
            start, here = read[0], x.shape[point.pos_axis]
            out = outside(one.site, start, here) if generating else torch.tensor(False)
            if one.during == ("prompt" if start else "generated") or out.all():
                return x
            fired.add(number)
            if out.any():
                return edit_step(x, point, one, runs or {}, start)
            return edit(x, point, one, runs or {}, start)

        return change

    table: dict[str, list] = {"hook_embed": [clock]}
    for number, intervention in enumerate(interventions):
        table.setdefault(intervention.site.name, []).append(hook(number))
    with model.hooks(table):
        yield
    missed = [one.site for i, one in enumerate(interventions) if i not in fired]
    if missed:
        raise ValueError(
            f"{len(missed)} of {len(interventions)} interventions never happened, the first at "
            f"{missed[0]}: did the forward reach it, and is text generated with generating=True?"
        )


def outside(site: Site, start: int, here: int) -> Bool[Tensor, "*places"]:
    """Which places of a site lie outside of this step of generation; None is everywhere.

    Negative positions count from the end of the prompt.
    """
    rows = site.rows()
    if rows is None:
        return torch.tensor(False)
    return (rows >= start + here) | (rows < start) & (start > 0)


def edit_step(
    x: Tensor, point: HookPoint, intervention: Intervention, runs: Runs, start: int
) -> Tensor:
    """One step of generation with some places in it and others not: those are blank meanwhile.

    Raises: ValueError for negative positions, which mean another place in every step.
    """
    rows, here = intervention.site.rows(), x.shape[point.pos_axis]
    if rows is None or rows.min() < 0:
        raise ValueError(
            f"{intervention.site.name}: positions that count from the end of the prompt need an "
            f"intervention of their own; {intervention.site.position} came"
        )
    shape = list(x.shape)
    shape[point.pos_axis] = max(start + here, int(rows.max()) + 1)
    text = x.new_zeros(shape)
    text.narrow(point.pos_axis, start, here).copy_(x)
    return edit(text, point, intervention, runs).narrow(point.pos_axis, start, here)
