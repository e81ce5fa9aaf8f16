"""What the heads of the circuit do: found along paths, checked by other means on other prompts.

1. Path patching backwards from the logits finds heads by what they cause (`path_effects`,
   `select_significant`): first those that write to the answer, then those that steer their queries, and so
   on down to the names.
2. What found a head cannot also prove what it is. So each is measured on new prompts by where it
   looks (`attention_between`), what it would copy (`copy_score`), and what the model loses without
   it beyond what the head itself wrote (`self_repair`).

Axes: sender is a head, batch a prompt; query and key are positions.
Source: Wang et al. 2022, "Interpretability in the Wild", section 3 and appendices B, C.
"""

from collections.abc import Sequence

import torch
from einops import einsum
from jaxtyping import Float, Int
from torch import Tensor

from ..ch02_transformer import HookedTransformer
from ..ch02_transformer.attention import repeat_kv_heads
from ..ch02_transformer.sites import Site
from ..ch05_patching import Intervention, cache_sites, patch_sweep, path_patch
from ..ch05_patching.metrics import ResidMetric
from ..ch05_patching.sweep import cache_prompt
from .prompts import IOIPrompts

Head = tuple[int, int]


def site_positions(where: Int[Tensor, " batch"]) -> tuple[tuple[int, ...], ...]:
    """One position a prompt, as a Site takes them."""
    return tuple((position,) for position in where.tolist())


def senders(model: HookedTransformer, where: Int[Tensor, " batch"]) -> list[list[Site]]:
    """The output of every head at one position a prompt, layer by layer."""
    position = site_positions(where)
    return [
        [Site("attn.hook_z", layer, head=head, position=position)]
        for layer in range(len(model.blocks))
        for head in range(model.config.n_heads)
    ]


def receivers(
    model: HookedTransformer, heads: Sequence[Head], side: str, where: Int[Tensor, " batch"]
) -> list[Site]:
    """Queries, keys or values ("q", "k", "v") of heads at one position a prompt, each once.

    Heads that share a key head share its keys and values.
    """
    group = 1 if side == "q" else model.config.n_heads // model.config.kv_heads
    return [
        Site(f"attn.hook_{side}", layer, head=number, position=site_positions(where))
        for layer, number in sorted({(layer, head // group) for layer, head in heads})
    ]


def path_effects(
    model: HookedTransformer,
    clean: IOIPrompts,
    corrupted: IOIPrompts,
    where: Int[Tensor, " batch"],
    into: Sequence[Site],
    read: ResidMetric,
) -> Float[Tensor, "sender batch"]:
    """What the metric loses or gains when a head tells the receivers what it says when corrupted.

    where: position of the senders. into: receivers; none means the logits. MLPs are recomputed.

    Units: those of the metric, patched minus clean: below 0 the head works for the answer.
    """
    base = read(cache_prompt(model, clean.tokens).streams[-1][None, :, -1])
    return (
        path_patch(model, clean.tokens, corrupted.tokens, senders(model, where), into, read) - base
    )


def select_significant(
    effects: Float[Tensor, "sender batch"],
    clean: Float[Tensor, " batch"],
    min_effect_share: float,
    min_z: float,
) -> Int[Tensor, " found"]:
    """Senders whose mean effect is large and certain, the largest first.

    min_effect_share: least size of the mean effect, as a share of the clean mean. min_z: least size in
    standard errors over prompts, without which a few odd prompts would make a head.
    """
    mean = effects.mean(dim=1)
    # exercise 7.6
    raise NotImplementedError("exercise 7.6")


def attention_between(
    pattern: Float[Tensor, "batch head query key"],
    query: Int[Tensor, " batch"],
    key: Int[Tensor, " batch"],
) -> Float[Tensor, "batch head"]:
    """How much each head attends from one position of a prompt to another one.

    Units: share of attention, 0 to 1.
    """
    # exercise 7.4
    raise NotImplementedError("exercise 7.4")


@torch.no_grad()
def role_attention(
    model: HookedTransformer, prompts: IOIPrompts, query: str, key: str
) -> Float[Tensor, "layer head batch"]:
    """Every head's attention from one role to another, such as `end` to `io`, in one forward."""
    roles, found = prompts.positions._asdict(), []

    def listen(pattern: Tensor, _: object) -> None:
        found.append(attention_between(pattern, roles[query], roles[key]).T)

    names = [f"blocks.{layer}.attn.hook_pattern" for layer in range(len(model.blocks))]
    with model.observing(names, listen):
        model(prompts.tokens, stop_at_layer=len(model.blocks))
    return torch.stack(found)


def in_top_k(
    logits: Float[Tensor, "batch d_vocab"], names: Int[Tensor, " batch"], k: int = 5
) -> Float[Tensor, " batch"]:
    """Whether the k highest logits hold the prompt's name: 1 if so, 0 if not."""
    # exercise 7.5
    raise NotImplementedError("exercise 7.5")


@torch.no_grad()
def copy_score(
    model: HookedTransformer, prompts: IOIPrompts, heads: Sequence[Head], sign: float = 1.0
) -> Float[Tensor, "head batch"]:
    """Would the head, attending to a name alone, put that name among the five likeliest tokens?

    The stream after the first block stands for the name: the embedding with what the first layer
    makes of it. sign: -1 asks whether the head would push the name down instead.

    Units: share of names, 0 to 1; a head that copies is near 1, a random head near 5 / d_vocab.
    Source: Wang et al. 2022, "copy score": the OV matrix on the stream after MLP 0, top 5.
    """
    first = model(prompts.tokens, stop_at_layer=1)
    roles = torch.arange(len(first), device=first.device)
    name = first[roles, prompts.positions.io][:, None]
    scores = []
    for layer, head in heads:
        block = model.blocks[layer]
        W_V = repeat_kv_heads(block.attn.W_V.transpose(0, 1)[None], model.config.n_heads)[
            0, :, head
        ]
        b_V = repeat_kv_heads(block.attn.b_V[None, None], model.config.n_heads)[0, 0, head]
        z = einsum(block.ln1(name), W_V, "batch pos d_model, d_model d_head -> batch pos d_head")
        wrote = sign * (z + b_V) @ block.attn.W_O[head]
        scores.append(in_top_k(model.unembed_resid(wrote)[:, 0], prompts.io_token))
    return torch.stack(scores)


def self_repair(
    direct: Float[Tensor, "*head batch"], total: Float[Tensor, "*head batch"]
) -> Float[Tensor, "*head"]:
    """How much of a head's direct effect the rest of the model makes up for when it is ablated.

    direct: what the metric loses if only the path from head to logits is corrupted. total: what it
    loses if everything after the head reacts. Both are clean minus ablated, so that a head which
    works for the answer has a positive direct effect.

    Units: those of the metric; 0 means no repair, and below 0 others depended on the head.
    """
    # exercise 7.7
    raise NotImplementedError("exercise 7.7")


@torch.no_grad()
def direct_and_total_effects(
    model: HookedTransformer,
    clean: IOIPrompts,
    corrupted: IOIPrompts,
    heads: Sequence[Head],
    read: ResidMetric,
) -> tuple[Float[Tensor, "head batch"], Float[Tensor, "head batch"]]:
    """Direct and total effects of heads at END, clean minus ablated, by the corrupted run's output.

    Direct: MLPs and later heads held, so only the final norm reacts. Total: all are recomputed.
    """
    end = site_positions(clean.positions.end)
    sites = [[Site("attn.hook_z", layer, head=head, position=end)] for layer, head in heads]
    base = read(cache_prompt(model, clean.tokens).streams[-1][None, :, -1])
    direct = path_patch(model, clean.tokens, corrupted.tokens, sites, [], read, mlps="frozen")
    runs = {
        "corrupted": cache_sites(model, corrupted.tokens, [site for one in sites for site in one])
    }
    versions = [[Intervention.patch(site, "corrupted") for site in one] for one in sites]
    total = patch_sweep(model, clean.tokens, versions, read, runs)
    return base - direct, base - total
