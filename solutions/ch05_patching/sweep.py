"""Run many patches of the same prompts in one batch, and compute only what the patches can change.

A patch in layer L at position p leaves all layers below L and all positions before p unchanged.

1. `cache_prompt` runs the prompts once and keeps each layer's residual stream, keys and values.
2. Patches with the same first position p form a `SweepBatch`, ordered by their first layer.
3. `run_sweep_batch` runs it through the blocks. Patches that begin at a layer are appended there as
   new rows, copied from the cached residual stream. Every row holds positions from p on.
4. Queries of these rows attend to keys and values before p, which all rows of a prompt share and
   which are never copied (`SharedKVCache`).

The results are those of a separate forward for every patch, up to rounding.
Axes: row is (patch batch), patch first; new is the positions from p on.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from einops import einsum, rearrange
from jaxtyping import Bool, Float, Int
from torch import Tensor

from ..ch02_transformer import HookedTransformer, HookPoint, KVCache
from ..ch02_transformer.attention import AbstractLayerCache, Attention, causal_mask
from ..ch02_transformer.norms import at_least_float32
from ..ch02_transformer.padding import Mask, last_index
from ..ch02_transformer.sites import Site
from .interventions import Intervention, Runs, edit_activation

Patch = Sequence[Intervention]
"""Interventions that are applied together: one row per prompt."""
Heads = Float[Tensor, "row new head d_head"]
KvHeads = Float[Tensor, "row new kv_head d_head"]


@dataclass(frozen=True)
class CachedPrompt:
    """Residual streams, keys and values of a batch of prompts, from one forward."""

    resids: list[Float[Tensor, "batch pos d_model"]]
    """Residual stream before each block, and after the last one."""
    kv_cache: KVCache
    """Keys and values of all layers and positions."""
    mask: Mask | None = None
    """Which positions are tokens and not padding; None for all of them."""
    hooked: bool = False
    """Whether hooks of the caller act on the sweep. They expect whole prompts, each patch alone."""

    @property
    def batch(self) -> int:
        """Number of prompts."""
        return len(self.resids[0])

    @property
    def n_pos(self) -> int:
        """Number of tokens per prompt."""
        return self.resids[0].shape[1]

    @property
    def first_end(self) -> int:
        """Position of the last token of the prompt that ends first."""
        return self.n_pos - 1 if self.mask is None else int(last_index(self.mask).min())

    def at_end(
        self, resid: Float[Tensor, "row new d_model"], start: int
    ) -> Float[Tensor, "patch batch d_model"]:
        """Select the last token of every row, whose positions begin at `start`."""
        if self.mask is None:
            return resid[:, -1].unflatten(0, (-1, self.batch))
        rows = resid.unflatten(0, (-1, self.batch))  # [patch, batch, new, d_model]
        prompt = torch.arange(self.batch, device=resid.device)
        return rows[:, prompt, last_index(self.mask) - start]


@torch.no_grad()
def cache_prompt(
    model: HookedTransformer, tokens: Int[Tensor, "batch pos"], mask: Mask | None = None
) -> CachedPrompt:
    """Run prompts once and keep the activations that all patches of them share."""
    kv_cache, n_layers = KVCache(len(model.blocks)), len(model.blocks)
    names = [f"blocks.{layer}.hook_resid_pre" for layer in range(n_layers)]
    last, cache = model.run_with_cache(
        tokens, names=names, past=kv_cache, stop_at_layer=n_layers, mask=mask
    )
    return CachedPrompt([*(cache[name] for name in names), last], kv_cache, mask)


@dataclass(frozen=True)
class SharedKVCache(AbstractLayerCache):
    """Keys and values of some prompts in one layer, each shared by many rows.

    Row i continues prompt i % batch. A copy of the keys and values per row would cost more than the
    rest of a sweep, so scores with the past and among new tokens meet only in the softmax.
    """

    k: Float[Tensor, "batch key kv_head d_head"]
    """Keys of the prompts, after the rotary embedding."""
    v: Float[Tensor, "batch key kv_head d_head"]
    """Values of the same tokens."""
    mask: Bool[Tensor, "row text"] | None = None
    """Which keys, past and new, are tokens and not padding; None for all of them."""

    @property
    def length(self) -> int:
        """Number of shared tokens per prompt."""
        return self.k.shape[1]

    def attend(self, attention: Attention, q: Heads, k: KvHeads, v: KvHeads) -> Heads:
        """Attend to the shared past and to the row's own new tokens."""
        n_patches = len(q) // len(self.k)
        whole = attention.needs_pattern or attention.mask is not causal_mask
        if whole or self.mask is not None:
            # A hook on scores or pattern needs them whole, so here the past is copied per row.
            past_k, past_v = (x.repeat(n_patches, 1, 1, 1) for x in (self.k, self.v))
            k, v = torch.cat([past_k, k], dim=1), torch.cat([past_v, v], dim=1)
            return attention.attend(q, k, v, self.mask)
        q_axes = "patch batch kv_head group new d_head"
        past_axes, new_axes = "batch key kv_head d_head", "patch batch key kv_head d_head"
        pattern_axes = "patch batch kv_head group new key"
        q = rearrange(
            q / q.shape[-1] ** 0.5,
            f"(patch batch) new (kv_head group) d_head -> {q_axes}",
            patch=n_patches,
            kv_head=k.shape[2],
        )
        k = rearrange(k, f"(patch batch) key kv_head d_head -> {new_axes}", patch=n_patches)
        v = rearrange(v, f"(patch batch) key kv_head d_head -> {new_axes}", patch=n_patches)
        # exercise 5.8
        past_scores = einsum(q, self.k, f"{q_axes}, {past_axes} -> {pattern_axes}")
        new_scores = einsum(q, k, f"{q_axes}, {new_axes} -> {pattern_axes}")
        n_new = k.shape[2]
        future = torch.ones(n_new, n_new, dtype=torch.bool, device=q.device).triu(1)  # [new, key]
        new_scores = new_scores.masked_fill(future, -torch.inf)
        # One softmax over the keys of the past and the new ones: [..., new, length + n_new].
        scores = torch.cat([past_scores, new_scores], dim=-1)
        pattern = at_least_float32(scores).softmax(dim=-1).to(q.dtype)
        past_pattern, new_pattern = pattern.split([self.length, n_new], dim=-1)
        z = einsum(past_pattern, self.v, f"{pattern_axes}, {past_axes} -> {q_axes}")
        z = z + einsum(new_pattern, v, f"{pattern_axes}, {new_axes} -> {q_axes}")
        rows: Tensor = rearrange(z, f"{q_axes} -> (patch batch) new (kv_head group) d_head")
        return rows


@dataclass(frozen=True)
class SweepBatch:
    """Patches that run together: none of them changes a position before `start`."""

    prompt: CachedPrompt
    """Unpatched prompts."""
    patches: Sequence[Patch]
    """Patches, ordered by the layer of their first change."""
    start: int
    """First position that is computed."""
    runs: Runs
    """Activations of other runs, for operands."""
    frozen_activations: Mapping[str, Tensor]
    """Hook name -> activation of the prompts that replaces the computed one in every row."""

    def n_active(self, layer: int) -> int:
        """Count the patches whose first change is in this layer or below."""
        return sum(first_layer(patch) <= layer for patch in self.patches)

    def append_new(self, resid: Tensor, layer: int) -> Float[Tensor, "row new d_model"]:
        """Append the rows of the patches that begin at this layer to the rows that are running."""
        # exercise 5.7
        n_new = self.n_active(layer) - len(resid) // self.prompt.batch
        clean = self.prompt.resids[layer][:, self.start :]  # [batch, new, d_model]
        return torch.cat([resid, clean.repeat(n_new, 1, 1)])

    def shared_kv(self, layer: int) -> SharedKVCache:
        """Return keys and values of the prompts before the start, which no patch changes."""
        cached = self.prompt.kv_cache.layers[layer]
        if cached.k is None or cached.v is None:
            raise ValueError(f"layer {layer}: expected cached keys and values, got none")
        # exercise 5.7
        return SharedKVCache(cached.k[:, : self.start], cached.v[:, : self.start])

    def hook(self, x: Tensor, point: HookPoint) -> Tensor:
        """Replace x by the frozen activation if there is one, then apply each patch in its rows."""
        batch, n_active = self.prompt.batch, len(x) // self.prompt.batch
        if point.name in self.frozen_activations:
            frozen = self.frozen_activations[point.name]  # [batch, pos, ...]
            n_new = frozen.shape[point.pos_axis] - self.start
            frozen = frozen.narrow(point.pos_axis, self.start, n_new)
            x = frozen.repeat(n_active, *[1] * (frozen.ndim - 1))  # [row, new, ...]
        for index, patch in enumerate(self.patches[:n_active]):
            rows = x[index * batch : (index + 1) * batch]
            for change in patch:
                if change.site.name == point.name:
                    edit_activation(rows, point, change, self.runs, self.start)
        return x

    @contextmanager
    def hooks(self, model: HookedTransformer) -> Iterator[None]:
        """Apply all patches in a `with` block."""
        names = {change.site.name for patch in self.patches for change in patch}
        with model.hooks({name: self.hook for name in names | set(self.frozen_activations)}):
            yield


def first_layer(patch: Patch) -> int:
    """Return the lowest block that a patch changes."""
    return min(-1 if change.site.layer is None else change.site.layer for change in patch)


def first_position(patch: Patch, prompt: CachedPrompt) -> int:
    """Return the first position to compute: the earliest that a patch changes, or that is read.

    Raises: ValueError for a patch of padding.
    """
    first = prompt.first_end
    for change in patch:
        positions = change.site.resolve_positions(prompt.batch, prompt.n_pos)
        if prompt.mask is not None:
            check_not_padding(change.site, positions, prompt.mask)
        first = min(first, int(positions.min()))
    return 0 if prompt.hooked else first


def check_not_padding(site: Site, positions: Int[Tensor, "batch selected"], mask: Mask) -> None:
    """Raise ValueError if positions that a site names are padding, where a patch has no effect."""
    real = mask.gather(1, positions.to(mask.device)).all(dim=1)
    if site.position is not None and not real.all():
        raise ValueError(
            f"{site.name}: expected positions of tokens, got padding in prompt "
            f"{int((~real).nonzero()[0])} at {site.position}; give each prompt its own row of "
            "positions, or pad on the left and count from the end"
        )


def check_patches(model: HookedTransformer, patches: Sequence[Patch]) -> None:
    """Check that every patch changes something inside the blocks, in the prompt.

    Raises: ValueError otherwise; KeyError or ValueError for sites that the model does not have.
    """
    if not patches:
        raise ValueError("expected at least one patch (a list of interventions), got no patches")
    for patch in patches:
        if not patch:
            raise ValueError("expected at least one intervention per patch, got an empty list")
        for change in patch:
            change.site.check(model)
            if change.site.layer is None:
                raise ValueError(
                    f"expected a site inside a block, got {change.site.name}; use "
                    "run_with_interventions for it"
                )
            if change.during == "generated":
                raise ValueError(
                    f"{change.site.name}: expected during='all' or 'prompt', got 'generated'; a "
                    "sweep generates no tokens"
                )


def group_patches(
    prompt: CachedPrompt, patches: Sequence[Patch], max_rows: int
) -> Iterator[list[int]]:
    """Yield indices of patches that run together: same first position, ordered by first layer.

    Where the caller's hooks act, each patch runs alone, since they expect one row per prompt.
    """
    keys = [(first_position(one, prompt), first_layer(one), i) for i, one in enumerate(patches)]
    keys.sort()
    size = 1 if prompt.hooked else max(1, max_rows // prompt.batch)
    while keys:
        group = [key for key in keys if key[0] == keys[0][0]][:size]
        yield [index for _, _, index in group]
        keys = keys[len(group) :]


class SweepResult(NamedTuple):
    """What a sweep batch computes."""

    resid: Float[Tensor, "row new d_model"]
    """Residual stream after the last block that was run."""
    recorded: list[Tensor]
    """Activation at each recorded site, [patch, batch, place, ...], of the patches that had begun
    by its layer. Empty where none had."""


@torch.no_grad()
def run_sweep_batch(
    model: HookedTransformer,
    sweep: SweepBatch,
    recorded_sites: Sequence[Site] = (),
    stop_at_layer: int | None = None,
) -> SweepResult:
    """Run the patches of a batch from the first layer that one changes.

    stop_at_layer: stop before this block; None for after the last one.

    Raises: ValueError for a recorded site before the first position that is computed.
    """
    prompt = sweep.prompt
    for site in recorded_sites:
        if site.resolve_positions(prompt.batch, prompt.n_pos).min() < sweep.start:
            raise ValueError(f"{site}: expected positions from {sweep.start} on, got earlier ones")
    activations: dict[str, Tensor] = {}
    names = sorted({site.name for site in recorded_sites})
    points = dict(zip(names, model.find_points(names), strict=True))

    def observe(x: Tensor, point: HookPoint) -> None:
        activations[point.name] = x

    resid = prompt.resids[0][:0, sweep.start :]  # no rows yet
    stop = len(model.blocks) if stop_at_layer is None else stop_at_layer
    with sweep.hooks(model), model.observing(names, observe):
        for layer in range(first_layer(sweep.patches[0]), stop):
            resid = sweep.append_new(resid, layer)
            past = sweep.shared_kv(layer)
            if prompt.mask is not None:
                past = replace(past, mask=prompt.mask.repeat(len(resid) // prompt.batch, 1))
            resid = model.blocks[layer](resid, past)
    recorded = []
    for site in recorded_sites:
        x = activations.get(site.name, resid[:0])
        if len(x):
            where = site.resolve_positions(prompt.batch, prompt.n_pos).repeat(
                len(x) // prompt.batch, 1
            )
            x = site.take(x, points[site.name], where - sweep.start)  # [row, place, ...]
            x = x.unflatten(0, (-1, prompt.batch))  # [patch, batch, place, ...]
        recorded.append(x)
    return SweepResult(resid, recorded)
