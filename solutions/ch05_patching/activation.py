"""Activation patching: replace an activation of one run by that of another, and measure the effect.

A clean and a corrupted prompt differ in one respect. Denoising patches a clean activation into the
corrupted run: is it sufficient to restore the answer? Noising patches a corrupted activation into
the clean run: is it necessary? With an AND of two inputs neither one is sufficient and each is
necessary; with an OR it is the other way round.
Axes: patch, batch, pos.
Source: Zhang and Nanda 2023, "Towards Best Practices of Activation Patching in Language Models";
Heimersheim and Nanda 2024, "How to use and interpret activation patching".
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..ch00_looking.checks import check_finite
from ..ch02_transformer import HookedTransformer
from ..ch02_transformer.kv_cache import LayerCache
from ..ch02_transformer.layers import Tokens
from ..ch02_transformer.norms import at_least_float32
from ..ch02_transformer.padding import Mask, last_index
from ..ch02_transformer.sites import PositionSpec, Site
from .interventions import Intervention, Runs, apply_interventions
from .metrics import ResidMetric, unpatched
from .sweep import (
    CachedPrompt,
    Patch,
    SweepBatch,
    cache_prompt,
    check_not_padding,
    check_patches,
    first_position,
    group_patches,
    run_sweep_batch,
)


def check_pair(clean: Tokens, corrupted: Int[Tensor, "its_batch its_pos"]) -> None:
    """Check that two batches of prompts can be patched into each other.

    Raises: ValueError for different shapes, or for a prompt that is the same in both.
    """
    if clean.shape != corrupted.shape:
        raise ValueError(
            f"expected clean and corrupted tokens of one shape, got {list(clean.shape)} and "
            f"{list(corrupted.shape)}; positions must correspond"
        )
    same = (clean == corrupted).all(dim=1)
    if same.any():
        raise ValueError(
            f"expected every corrupted prompt to differ from its clean one, got {int(same.sum())} "
            f"of {len(same)} equal, the first at index {int(same.nonzero()[0])}; a patch between "
            "equal prompts changes nothing"
        )


def cache_sites(
    model: HookedTransformer, tokens: Tokens, sites: Iterable[Site], mask: Mask | None = None
) -> dict[str, Tensor]:
    """Cache the activations of a run at the hook points of these sites.

    mask: True for tokens, False for padding.

    Raises: KeyError and ValueError for sites that the model does not have.
    """
    sites, n_layers = list(sites), len(model.blocks)
    for site in sites:
        site.check(model)
    # Blocks after the last site are not needed; a site outside of the blocks needs the whole model.
    last = max((n_layers if site.layer is None else site.layer for site in sites), default=0)
    stop = last + 1 if last < n_layers else None
    names = sorted({site.name for site in sites})
    return model.run_with_cache(tokens, names=names, stop_at_layer=stop, mask=mask)[1]


@torch.no_grad()
def run_with_interventions(
    model: HookedTransformer,
    tokens: Tokens,
    interventions: Sequence[Intervention],
    other_tokens: Mapping[str, Tokens] | None = None,
    *,
    mask: Mask | None = None,
) -> Float[Tensor, "batch pos d_vocab"]:
    """Return the logits with all interventions applied.

    other_tokens: run name -> tokens of the other runs that the interventions take operands from.
    mask: True for tokens, False for padding, in all of these runs.

    Raises: KeyError for a run whose tokens are missing.
    """
    tokens_of = dict(other_tokens or {})
    sites_of: dict[str, list[Site]] = {}
    for one in interventions:
        if one.source is not None:
            sites_of.setdefault(one.source.run, []).append(one.site)
    missing = sites_of.keys() - tokens_of.keys()
    if missing:
        raise KeyError(
            f"expected tokens of the run {min(missing)!r} in `other_tokens`, got "
            f"{sorted(tokens_of)}"
        )
    runs = {run: cache_sites(model, tokens_of[run], sites, mask) for run, sites in sites_of.items()}
    if mask is not None:
        for one in interventions:
            check_not_padding(one.site, one.site.resolve_positions(*tokens.shape), mask)
    with apply_interventions(model, interventions, runs):
        logits: Tensor = model(tokens, mask=mask)
    return logits


@torch.no_grad()
def check_kv_cache_exact(
    model: HookedTransformer, prompt: CachedPrompt, patches: Sequence[Patch]
) -> None:
    """Check that the model computes the same from a KV cache, if a patch begins after position 0.

    Modules that mix neighboring positions, such as smeared keys, give other results when earlier
    positions are missing. The check runs each block on the last position of one prompt alone,
    with cached keys and values.

    Raises: ValueError with the first block whose output differs.
    """
    if not any(first_position(patch, prompt) for patch in patches):
        return
    last, eps = prompt.first_end, torch.finfo(prompt.resids[0].dtype).eps
    row = slice(0, 1)
    if prompt.mask is not None:
        row = slice(first := int(last_index(prompt.mask).argmin()), first + 1)
    mask = None if prompt.mask is None else prompt.mask[row, : last + 1]
    for layer, block in enumerate(model.blocks):
        before, after = (resid[row, last : last + 1] for resid in prompt.resids[layer : layer + 2])
        cached = prompt.kv_cache.layers[layer]
        keys, values = (None if x is None else x[row, :last] for x in (cached.k, cached.v))
        past = LayerCache(keys, values, mask)
        error = (block(before, past) - after).norm()
        # Rounding scales with the block's output, and with the residual stream it is added to.
        if error > eps**0.5 * (after - before).norm() + 100 * eps * after.norm():
            raise ValueError(
                f"expected block {layer} to compute the last position alone from cached keys and "
                f"values, got a difference of {error:.3g} from the whole prompt; this model cannot "
                "run from a KV cache: patch all positions (position=None), or use "
                "run_with_interventions"
            )


@torch.no_grad()
def patch_sweep(
    model: HookedTransformer,
    tokens: Tokens,
    patches: Sequence[Patch],
    metric: ResidMetric,
    runs: Runs | None = None,
    *,
    mask: Mask | None = None,
    max_rows: int = 1024,
) -> Float[Tensor, "patch batch"]:
    """Compute a metric for every patch of the prompts, each applied in a run of its own.

    Equal to a forward per patch, but layers and positions before a patch are computed once, and
    many patches run in one batch. Inside the caller's own hooks every patch runs alone and from the
    first position, as those hooks expect.

    mask: True for tokens, False for padding; the metric then reads each prompt's last token.
    max_rows: largest number of rows in a batch; bounds memory.

    Raises: ValueError for patches without interventions, outside of the blocks or of padding, for a
        model that cannot run from a KV cache, and for scores that are NaN or infinite.
    """
    check_patches(model, patches)
    prompt = cache_prompt(model, tokens, mask)
    prompt = replace(prompt, hooked=bool(model.hooked_names()))
    check_kv_cache_exact(model, prompt, patches)
    scores = at_least_float32(prompt.resids[0].new_empty(len(patches), len(tokens)))
    for indices in group_patches(prompt, patches, max_rows):
        group = [patches[index] for index in indices]
        start = first_position(group[0], prompt)
        resid, _ = run_sweep_batch(model, SweepBatch(prompt, group, start, runs or {}, {}))
        scores[indices] = metric(prompt.at_end(resid, start)).to(scores)
    check_finite(scores, "scores of the metric")
    return scores


class PatchingResult(NamedTuple):
    """The metric per prompt: each site patched in both directions, and both unpatched runs."""

    denoised: Float[Tensor, "site batch"]
    """Corrupted run with a clean activation. A sufficient site restores the answer."""
    noised: Float[Tensor, "site batch"]
    """Clean run with a corrupted activation. A necessary site destroys the answer."""
    clean: Float[Tensor, " batch"]
    """Clean run, unpatched."""
    corrupted: Float[Tensor, " batch"]
    """Corrupted run, unpatched."""


@torch.no_grad()
def denoise_and_noise(
    model: HookedTransformer,
    clean: Tokens,
    corrupted: Tokens,
    sites: Sequence[Site],
    metric: ResidMetric,
) -> PatchingResult:
    """Patch each site on its own in both directions: clean into corrupted, corrupted into clean.

    Raises: ValueError for prompts that cannot be patched into each other.
    """
    check_pair(clean, corrupted)
    clean_scores = unpatched(model, clean, metric)
    corrupted_scores = unpatched(model, corrupted, metric)
    patches = [[Intervention.patch(site, "other")] for site in sites]
    # exercise 5.6
    clean_run = {"other": cache_sites(model, clean, sites)}
    corrupted_run = {"other": cache_sites(model, corrupted, sites)}
    denoised = patch_sweep(model, corrupted, patches, metric, clean_run)
    noised = patch_sweep(model, clean, patches, metric, corrupted_run)
    return PatchingResult(denoised, noised, clean_scores, corrupted_scores)


def residual_sites(model: HookedTransformer, n_pos: int) -> list[Site]:
    """List the residual stream before each block at each position, layer by layer."""
    layers = range(len(model.blocks))
    return [Site("hook_resid_pre", layer, position=p) for layer in layers for p in range(n_pos)]


def head_sites(
    model: HookedTransformer, position: PositionSpec = None, hook: str = "attn.hook_z"
) -> list[Site]:
    """List each head, layer by layer: its z, or its q, k, v or pattern.

    k and v have one site per key head.
    """
    kv = hook.endswith(("hook_k", "hook_v", "hook_rot_k"))
    n_heads = model.config.kv_heads if kv else model.config.n_heads
    return [
        Site(hook, layer, head=head, position=position)
        for layer in range(len(model.blocks))
        for head in range(n_heads)
    ]


def mlp_sites(model: HookedTransformer, position: int | None = None) -> list[Site]:
    """List the output of each MLP."""
    return [Site("hook_mlp_out", layer, position=position) for layer in range(len(model.blocks))]


def neuron_sites(layer: int, neurons: Iterable[int], position: int | None = None) -> list[Site]:
    """List single neurons of one layer's MLP."""
    return [Site("mlp.hook_post", layer, neuron=one, position=position) for one in neurons]


def derangement(batch: int, generator: torch.Generator) -> Int[Tensor, " batch"]:
    """Draw a random permutation without fixed points, for resample ablation.

    Entry i is the example whose activation example i receives. An example that kept its own
    activation would not be ablated, and with few examples that alone looks like a small effect.

    Raises: ValueError for fewer than two examples.
    """
    if batch < 2:
        raise ValueError(f"expected at least 2 examples to resample from, got {batch}")
    # exercise 5.9
    order = torch.randperm(batch, generator=generator)
    source = torch.empty(batch, dtype=torch.long)
    source[order] = order.roll(1)  # each example receives from its neighbor in a random circle
    return source
