"""Patching by whole forwards, one per change, with hooks written here."""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from tests.grading.assertions import normal

CLEAN = torch.tensor([[3, 1, 4, 1, 5], [9, 2, 6, 5, 12], [0, 7, 8, 11, 10]])
CORRUPTED = torch.tensor([[8, 1, 2, 6, 5], [9, 4, 6, 0, 12], [11, 7, 3, 11, 2]])


class Change(NamedTuple):
    """A value at some positions of each prompt, in one head or in the whole activation."""

    hook: str
    layer: int
    head: int | None
    places: tuple[int, ...] | tuple[tuple[int, ...], ...]
    value: Tensor
    """[batch, place, ...], without an axis for the head."""

    @property
    def name(self) -> str:
        return f"blocks.{self.layer}.{self.hook}"

    def do(self, x: Tensor) -> None:
        """Write the value, entry by entry; a pattern has heads before positions."""
        for text, values in enumerate(self.value):
            row = self.places[text] if isinstance(self.places[0], tuple) else self.places
            for place, value in zip(row, values, strict=True):
                if self.head is None:
                    x[text, place] = value
                elif "pattern" in self.hook:
                    x[text, self.head, place] = value
                else:
                    x[text, place, self.head] = value


def patch(impl, changes: list[Change]) -> list[Any]:
    """Build the same changes as interventions."""
    Site = impl("ch02_transformer.sites").Site
    Intervention = impl("ch05_patching.interventions").Intervention
    return [
        Intervention.put(
            Site(one.hook, one.layer, head=one.head, position=one.places),
            one.value if one.head is None else one.value[:, :, None],
        )
        for one in changes
    ]


@torch.no_grad()
def last_resid(model: Any, tokens: Tensor, changes: list[Change]) -> Tensor:
    """The residual stream after the last block, with all changes applied."""
    hooks: dict[str, list] = {}
    for one in changes:
        hooks.setdefault(one.name, []).append(lambda x, _, one=one: one.do(x))
    return model.run_with_hooks(tokens, hooks=hooks, stop_at_layer=len(model.blocks))


def all_logits_metric(model: Any, seed: int = 0) -> Any:
    """A metric that depends on all logits."""

    def metric(end: Tensor) -> Tensor:
        logits = model.unembed_resid(end)
        return (logits * normal(logits.shape[-1], seed=seed).to(logits)).sum(-1)

    return metric


class Place(NamedTuple):
    """A sender or receiver: a head or a whole activation, at one position or at all."""

    hook: str
    layer: int
    head: int | None = None
    position: int | None = None

    @property
    def name(self) -> str:
        return f"blocks.{self.layer}.{self.hook}"

    def site(self, impl) -> Any:
        """Build the same place as a Site."""
        Site = impl("ch02_transformer.sites").Site
        return Site(self.hook, self.layer, head=self.head, position=self.position)

    def copy(self, source: Tensor, x: Tensor) -> None:
        """Copy the activation here from the source into x; position None is all of them."""
        rows = range(x.shape[1]) if self.position is None else [self.position]
        for row in rows:
            if self.head is None:
                x[:, row] = source[:, row]
            else:
                x[:, row, self.head] = source[:, row, self.head]


@torch.no_grad()
def path_patched(
    model: Any,
    runs: tuple[Tensor, Tensor],
    sender: list[Place],
    receivers: list[Place],
    frozen: bool = False,
) -> Tensor:
    """The residual stream after the last block of the four runs A to D, each a whole forward.

    runs: clean and corrupted tokens.
    """
    clean, corrupted = runs
    last = len(model.blocks) - 1
    _, theirs = model.run_with_cache(corrupted)
    _, ours = model.run_with_cache(clean)
    hooks: dict[str, list] = {}
    for name in ours:
        if name.endswith("attn.hook_z") or (frozen and name.endswith("hook_mlp_out")):
            hooks[name] = [lambda _, point: ours[point.name].clone()]
    for place in sender:
        hooks.setdefault(place.name, []).append(
            lambda x, point, place=place: place.copy(theirs[point.name], x)
        )
    with model.hooks(hooks):
        end, noted = model.run_with_cache(clean, stop_at_layer=last + 1)
    if not receivers:
        return end
    hooks = {}
    for place in receivers:
        hooks.setdefault(place.name, []).append(
            lambda x, point, place=place: place.copy(noted[point.name], x)
        )
    return model.run_with_hooks(clean, hooks=hooks, stop_at_layer=last + 1)
