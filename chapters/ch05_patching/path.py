"""Path patching: the effect of a sender on the output through chosen receivers only.

Activation patching of a head measures its effect through everything after it. A path has two ends:

A. run the corrupted prompts and cache the senders' outputs;
B. run the clean prompts and cache every head's output;
C. run the clean prompts with the senders patched from A and all other heads frozen at B, and record
   the receivers' inputs: queries, keys or values of heads, or inputs of MLPs;
D. run the clean prompts with the receivers' inputs patched from C, everything after recomputed.

With the logits as receiver, C is the last run. MLPs between sender and receiver are recomputed in C
(as in the IOI paper), or frozen too (only the direct path through the residual stream is left).
Axes: sender, batch, pos.
Source: Wang et al. 2022, "Interpretability in the Wild", appendix B; Goldowsky-Dill et al. 2023,
"Localizing Model Behavior with Path Patching".
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal, NamedTuple, get_args

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..ch00_looking.checks import check_finite
from ..ch02_transformer import HookedTransformer
from ..ch02_transformer.norms import at_least_float32
from ..ch02_transformer.padding import PaddedPrompts
from ..ch02_transformer.sites import Site
from .activation import cache_sites, check_kv_cache_exact, check_pair
from .interventions import Intervention, Runs
from .metrics import ResidMetric
from .sweep import (
    CachedPrompt,
    Patch,
    SweepBatch,
    cache_prompt,
    check_patches,
    first_position,
    group_patches,
    run_sweep_batch,
)

MLPs = Literal["recomputed", "frozen"]


def frozen_hook_names(model: HookedTransformer, mlps: MLPs) -> list[str]:
    """List the hook points that run C freezes: every z, and every MLP's output if MLPs are frozen.

    Raises: ValueError for another value of `mlps`.
    """
    if mlps not in get_args(MLPs):
        raise ValueError(f"expected mlps in {', '.join(get_args(MLPs))}, got {mlps!r}")
    # exercise 5.14
    raise NotImplementedError("exercise 5.14")


def patch_receivers(recorded: Sequence[Tensor], receivers: Sequence[Site], sender: int) -> Patch:
    """Return run D's interventions for one sender: each receiver gets its input from run C.

    recorded: input of each receiver in run C, [sender, batch, place, ...]. Senders are ordered by
        layer, and a receiver has entries for the first ones only: later senders cannot reach it.
    """
    # exercise 5.15
    raise NotImplementedError("exercise 5.15")


class PathRuns(NamedTuple):
    """Activations of runs A and B that run C needs."""

    corrupted: Runs
    """Run A: the senders' outputs, under the run name "corrupted"."""
    frozen: Mapping[str, Tensor]
    """Run B: hook name -> clean activation that run C freezes."""


def path_patch(
    model: HookedTransformer,
    clean: Int[Tensor, "batch pos"] | PaddedPrompts,
    corrupted: Int[Tensor, "batch pos"],
    senders: Sequence[Sequence[Site]],
    receivers: Sequence[Site],
    metric: ResidMetric,
    *,
    mlps: MLPs = "recomputed",
) -> Float[Tensor, "sender batch"]:
    """Compute a metric of the clean run with the paths from each sender to the receivers corrupted.

    clean: tokens, or tokens with a mask, which then holds for the corrupted prompts too.
    senders: each a list of sites that are patched together, usually one head's z; the embedding is
    `Site("hook_resid_pre", 0)`. receivers: all of them receive at once; none means the logits.

    Raises: ValueError for prompts that cannot be patched into each other, sites outside of blocks,
        or a model that cannot run from a KV cache; KeyError for an unknown hook point.
    """
    tokens, mask = clean if isinstance(clean, PaddedPrompts) else (clean, None)
    check_pair(tokens, corrupted)
    patches = [[Intervention.patch(site, "corrupted") for site in sites] for sites in senders]
    check_patches(model, [*patches, *([Intervention.zero(site)] for site in receivers)])
    sent = cache_sites(model, corrupted, [site for sites in senders for site in sites], mask)
    with torch.no_grad():
        _, frozen = model.run_with_cache(tokens, names=frozen_hook_names(model, mlps), mask=mask)
    runs = PathRuns({"corrupted": sent}, frozen)
    prompt = cache_prompt(model, tokens, mask)
    prompt = replace(prompt, hooked=bool(model.hooked_names()))
    return run_paths(model, prompt, patches, receivers, metric, runs)


@torch.no_grad()
def run_paths(
    model: HookedTransformer,
    prompt: CachedPrompt,
    patches: Sequence[Patch],
    receivers: Sequence[Site],
    metric: ResidMetric,
    runs: PathRuns,
    *,
    max_rows: int = 1024,
) -> Float[Tensor, "sender batch"]:
    """Compute runs C and D for the patch of each sender."""
    ends = [[Intervention.zero(site)] for site in receivers]
    check_kv_cache_exact(model, prompt, [*patches, *ends])
    record_from = min((first_position(end, prompt) for end in ends), default=prompt.n_pos)
    stop = max((site.layer or 0 for site in receivers), default=len(model.blocks) - 1) + 1
    # Senders that no receiver reads keep the clean score.
    clean = at_least_float32(metric(prompt.at_end(prompt.resids[-1], 0)))
    scores = clean.expand(len(patches), -1).clone()
    for senders in group_patches(prompt, patches, max_rows):
        group = [patches[sender] for sender in senders]
        start = min(first_position(group[0], prompt), record_from)
        run_c = SweepBatch(prompt, group, start, runs.corrupted, runs.frozen)
        resid, recorded = run_sweep_batch(model, run_c, receivers, stop)
        if not receivers:
            scores[senders] = metric(prompt.at_end(resid, start)).to(scores)
            continue
        received = [patch_receivers(recorded, receivers, i) for i in range(len(senders))]
        reached = [sender for sender, patch in zip(senders, received, strict=True) if patch]
        received = [patch for patch in received if patch]
        for indices in group_patches(prompt, received, max_rows):
            group = [received[i] for i in indices]
            run_d = SweepBatch(prompt, group, first_position(group[0], prompt), {}, {})
            end = prompt.at_end(run_sweep_batch(model, run_d).resid, run_d.start)
            scores[[reached[i] for i in indices]] = metric(end).to(scores)
    check_finite(scores, "scores of the metric")
    return scores
