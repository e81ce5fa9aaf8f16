"""Measure what the heads of a circuit do: effects along paths, attention, copying, self-repair.

1. Path patching backwards from the logits finds heads by their effects (`path_effects`,
   `select_significant`): first those that write to the answer, then those that change the queries
   of these, and so on back to the names.
2. The measurement that found a head cannot also show what the head does.
   So each head is measured on new prompts by where it attends (`attention_between`), which names
   its OV circuit would copy (`copy_score`), and how much of its direct effect later layers make up
   for when it is ablated (`self_repair`).

Axes: sender is a head, batch a prompt; query and key are positions.
Source: Wang et al. 2022, "Interpretability in the Wild", section 3 and appendices B, C.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from einops import einsum
from jaxtyping import Float, Int
from torch import Tensor

from ..ch00_looking.checks import check_finite, check_token_ids
from ..ch02_transformer import HookedTransformer
from ..ch02_transformer.attention import repeat_kv_heads
from ..ch02_transformer.sites import Site
from ..ch03_circuits.circuits import per_query_head
from ..ch04_induction.ablate import Head
from ..ch05_patching import Intervention, cache_sites, patch_sweep, path_patch
from ..ch05_patching.activation import head_sites
from ..ch05_patching.metrics import ResidMetric, unpatched
from ..ch05_patching.path import MLPs
from .prompts import IOIPrompts

Effects = Float[Tensor, "sender batch"]


def site_positions(positions: Int[Tensor, " batch"]) -> tuple[tuple[int, ...], ...]:
    """Convert one position per prompt to the form that a Site takes."""
    return tuple((position,) for position in positions.tolist())


def senders(model: HookedTransformer, positions: Int[Tensor, " batch"]) -> list[list[Site]]:
    """List the output of every head at one position per prompt, layer by layer."""
    return [[site] for site in head_sites(model, site_positions(positions))]


def receivers(
    model: HookedTransformer,
    heads: Sequence[Head],
    side: Literal["q", "k", "v"],
    positions: Int[Tensor, " batch"],
) -> list[Site]:
    """List queries, keys or values of heads at one position per prompt, each once.

    Query heads that share a KV head share its keys and values.
    """
    group = 1 if side == "q" else model.config.n_heads // model.config.kv_heads
    return [
        Site(f"attn.hook_{side}", layer, head=index, position=site_positions(positions))
        for layer, index in sorted({(layer, head // group) for layer, head in heads})
    ]


def path_effects(
    model: HookedTransformer,
    clean: IOIPrompts,
    corrupted: IOIPrompts,
    sites: Sequence[Sequence[Site]],
    into: Sequence[Site],
    metric: ResidMetric,
    mlps: MLPs = "recomputed",
) -> Effects:
    """Compute the change of the metric when a sender's corrupted output reaches only the receivers.

    sites: the senders, for example all heads (`senders`).
    into: the receivers; none means the logits.
    mlps: whether MLPs between sender and receiver are recomputed, or frozen.

    Units: those of the metric, patched minus clean: below 0 the sender works for the answer.
    """
    patched = path_patch(model, clean.tokens, corrupted.tokens, sites, into, metric, mlps=mlps)
    return patched - unpatched(model, clean.tokens, metric)


def average_pairs(
    values: Float[Tensor, "*any batch"], pair: Int[Tensor, " batch"]
) -> Float[Tensor, "*any pair"]:
    """Average the values of the two prompts of each mirror pair, which count as one sample.

    pair: the pair of each prompt, from `mirror_pairs`.
    """
    member = (pair == pair.unique()[:, None]).to(values)  # [pair, batch]
    return values @ (member / member.sum(dim=1, keepdim=True)).T


def select_significant(
    effects: Effects, clean: Float[Tensor, " batch"], min_effect_share: float, min_z: float
) -> Int[Tensor, " found"]:
    """Select the senders whose mean effect is large and certain, the largest first.

    min_effect_share: least size of the mean effect, as a share of the size of the clean mean.
    min_z: least size of the mean effect in standard errors over the batch. Without it a few unusual
        prompts could select a head. Each entry of the batch has to be a draw of its own: average a
        prompt and its copy with swapped names first (`average_pairs`).

    Raises: ValueError for an effect or a clean metric that is NaN or infinite.
    """
    check_finite(effects, "effects")
    check_finite(clean, "clean metrics")
    mean = effects.mean(dim=1)
    # exercise 7.6
    error: Tensor = effects.std(dim=1) / effects.shape[1] ** 0.5
    large = mean.abs() >= min_effect_share * clean.mean().abs()
    found = (large & (mean.abs() >= min_z * error)).nonzero()[:, 0]
    return found[mean[found].abs().argsort(descending=True)]


def attention_between(
    pattern: Float[Tensor, "batch head query key"],
    query: Int[Tensor, " batch"],
    key: Int[Tensor, " batch"],
) -> Float[Tensor, "batch head"]:
    """Select each head's attention from one position of a prompt to another.

    Units: attention weight, 0 to 1.
    """
    # exercise 7.4
    prompt = torch.arange(len(pattern), device=pattern.device)
    return pattern[prompt, :, query, key]


def role_attention(
    model: HookedTransformer, prompts: IOIPrompts, query: str, key: str
) -> Float[Tensor, "layer head batch"]:
    """Measure every head's attention from one role to another, such as `end` to `io`."""
    return role_attentions(model, prompts, query, [key])[0]


@torch.no_grad()
def role_attentions(
    model: HookedTransformer, prompts: IOIPrompts, query: str, keys: Sequence[str]
) -> Float[Tensor, "key layer head batch"]:
    """Measure every head's attention from one role to several others, in one forward."""
    positions, found = prompts.positions._asdict(), []

    def observe(pattern: Tensor, _: object) -> None:
        between = [attention_between(pattern, positions[query], positions[key]).T for key in keys]
        found.append(torch.stack(between))  # [key, head, batch]

    names = [f"blocks.{layer}.attn.hook_pattern" for layer in range(len(model.blocks))]
    model.run_until_observed(prompts.tokens, names=names, observer=observe)
    return torch.stack(found, dim=1)


def in_top_k(
    logits: Float[Tensor, "batch d_vocab"], names: Int[Tensor, " batch"], k: int = 5
) -> Float[Tensor, " batch"]:
    """Return 1 for each prompt whose name is among its k highest logits, else 0.

    Raises: ValueError for logits that are NaN or infinite, where -inf forbids a token; for names
        outside the vocabulary.
    """
    check_finite(logits, "logits", allow_minus_inf=True)
    check_token_ids(names, logits.shape[-1], "names")
    # exercise 7.5
    return (logits.topk(k, dim=-1).indices == names[:, None]).any(dim=-1).to(logits)


@torch.no_grad()
def copy_score(
    model: HookedTransformer, prompts: IOIPrompts, heads: Sequence[Head], sign: float = 1.0
) -> Float[Tensor, "head batch"]:
    """Test whether a head that attends only to a name puts that name among the top 5 logits.

    The input is the residual stream at the name after the first block: its embedding and what the
    first layer adds.
    sign: -1 tests whether the head would lower the name's logit instead.

    Units: share of names, 0 to 1; a head that copies is near 1, a random head near 5 / d_vocab.
    Source: Wang et al. 2022, "copy score": the OV matrix on the residual stream after MLP 0, top 5.
    """
    resid = model(prompts.tokens, stop_at_layer=1)
    batch, n_heads = torch.arange(len(resid), device=resid.device), model.config.n_heads
    name = resid[batch, prompts.positions.io][:, None]  # [batch, 1, d_model]
    scores = []
    for layer, head in heads:
        block = model.blocks[layer]
        W_V = per_query_head(block.attn.W_V, n_heads)[head]
        b_V = repeat_kv_heads(block.attn.b_V[None, None], n_heads)[0, 0, head]
        z = einsum(block.ln1(name), W_V, "batch pos d_model, d_model d_head -> batch pos d_head")
        written = sign * (z + b_V) @ block.attn.W_O[head]
        scores.append(in_top_k(model.unembed_resid(written)[:, 0], prompts.io_token))
    return torch.stack(scores)


def self_repair(
    direct: Float[Tensor, "*head batch"], total: Float[Tensor, "*head batch"]
) -> Float[Tensor, "*head"]:
    """Compute how much of a head's direct effect later layers make up for when it is ablated.

    direct: loss of the metric when only the path from the head to the logits is corrupted.
    total: loss when everything after the head is recomputed. Both are clean minus ablated, so a
        head that works for the answer has a positive direct effect.

    Units: those of the metric; 0 means without repair, and below 0 other components depended on
        the head.
    """
    # exercise 7.7
    return direct.mean(dim=-1) - total.mean(dim=-1)


class HeadEffects(NamedTuple):
    """Losses of the metric when a head's output at END is corrupted: clean minus ablated."""

    direct: Float[Tensor, "head batch"]
    """Along the direct path to the logits: MLPs and later heads are frozen."""
    total: Float[Tensor, "head batch"]
    """With everything after the head recomputed."""


@torch.no_grad()
def direct_and_total_effects(
    model: HookedTransformer,
    clean: IOIPrompts,
    corrupted: IOIPrompts,
    heads: Sequence[Head],
    metric: ResidMetric,
) -> HeadEffects:
    """Measure the direct and the total effects of heads at END."""
    end = site_positions(clean.positions.end)
    sites = [Site("attn.hook_z", layer, head=head, position=end) for layer, head in heads]
    base = unpatched(model, clean.tokens, metric)
    alone = [[site] for site in sites]
    direct = path_patch(model, clean.tokens, corrupted.tokens, alone, [], metric, mlps="frozen")
    runs = {"corrupted": cache_sites(model, corrupted.tokens, sites)}
    patches = [[Intervention.patch(site, "corrupted")] for site in sites]
    total = patch_sweep(model, clean.tokens, patches, metric, runs)
    return HeadEffects(base - direct, base - total)
