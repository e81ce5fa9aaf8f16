"""Activation patching: put what one run had at a place into another run, and see what changes.

Two prompts that differ in one respect give a clean and a corrupted run. Denoising puts a clean
activation into the corrupted run: is it enough to bring the answer back? Noising puts a corrupted
one into the clean run: is it needed? In a circuit of two inputs joined by AND no single one is
enough and each is needed; joined by OR it is the other way round.
Source: Zhang and Nanda 2023, "Towards Best Practices of Activation Patching in Language Models";
Heimersheim and Nanda 2024, "How to use and interpret activation patching".
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..ch02_transformer import HookedTransformer
from ..ch02_transformer.kv_cache import LayerCache
from ..ch02_transformer.sites import Site
from .metrics import Read
from .reuse import Text, Version, Walk, check_patches, first_position, groups, cache_prompt, walk
from .sites import Intervention, Runs, apply_interventions

Tokens = Int[Tensor, "batch pos"]


def check_pair(clean: Tokens, corrupted: Int[Tensor, "its_batch its_pos"]) -> None:
    """Refuse two batches of prompts that cannot be patched into each other.

    Raises: ValueError for different shapes, or for a prompt that is the same in both.
    """
    if clean.shape != corrupted.shape:
        raise ValueError(
            f"clean and corrupted prompts must have equal length and number, so that positions "
            f"mean the same; {list(clean.shape)} and {list(corrupted.shape)} came"
        )
    same = (clean == corrupted).all(dim=1)
    if same.any():
        raise ValueError(
            f"{int(same.sum())} of {len(same)} corrupted prompts equal their clean ones, the first "
            f"is number {int(same.nonzero()[0])}: a patch between them changes nothing"
        )


def record(model: HookedTransformer, tokens: Tokens, sites: Iterable[Site]) -> dict[str, Tensor]:
    """Activations of a run at the hook points of these sites, as operands for interventions.

    Raises: KeyError and ValueError for sites that the model does not have.
    """
    sites = list(sites)
    for site in sites:
        site.check(model)
    layers = [len(model.blocks) if site.layer is None else site.layer for site in sites]
    last = max(layers, default=0)
    stop_after = last if last < len(model.blocks) else None
    names = sorted({site.name for site in sites})
    return model.run_with_cache(tokens, names=names, stop_after=stop_after)[1]


@torch.no_grad()
def run_with_interventions(
    model: HookedTransformer,
    tokens: Tokens,
    interventions: Sequence[Intervention],
    others: Mapping[str, Tokens] | None = None,
) -> Float[Tensor, "batch pos d_vocab"]:
    """Logits with all interventions done at once; other runs are made from their tokens, by name.

    Raises: KeyError for a run whose tokens are missing.
    """
    needed: dict[str, list[Site]] = {}
    for one in interventions:
        if one.source is not None:
            needed.setdefault(one.source.run, []).append(one.site)
    missing = needed.keys() - (others or {}).keys()
    if missing:
        raise KeyError(f"tokens of the run {min(missing)!r} are needed; give them in `others`")
    runs = {run: record(model, (others or {})[run], sites) for run, sites in needed.items()}
    with apply_interventions(model, interventions, runs):
        return model(tokens)


@torch.no_grad()
def check_kv_cache_exact(model: HookedTransformer, text: Text, versions: Sequence[Version]) -> None:
    """Refuse versions that begin behind position 0 of a model that cannot go on from a cache.

    A part that looks at neighbouring positions, such as smeared keys, finds nobody there and says
    something else. So the first text goes on from its last position, block by block.

    Raises: ValueError naming a block that does not write there what it wrote.
    """
    if not any(first_position(version, text) for version in versions):
        return
    end, size = text.n_pos - 1, torch.finfo(text.streams[0].dtype).eps
    for layer, block in enumerate(model.blocks):
        before, after = (x[:1, end:] for x in text.streams[layer : layer + 2])
        read = text.past.layers[layer]
        past = LayerCache(*(None if x is None else x[:1, :end] for x in (read.k, read.v)))
        off = (block(before, past) - after).norm()
        # Of what the block wrote; and of the stream, to which it was added and rounded.
        if off > size**0.5 * (after - before).norm() + 100 * size * after.norm():
            raise ValueError(
                f"this model cannot go on from a cache: block {layer} writes something else when "
                "it is given the last position alone, with earlier keys and values. Patch all "
                "positions at once (position=None), or use `run_with_interventions`"
            )


@torch.no_grad()
def patch_sweep(
    model: HookedTransformer,
    tokens: Tokens,
    versions: Sequence[Version],
    read: Read,
    runs: Runs | None = None,
    max_rows: int = 1024,
) -> Float[Tensor, "version batch"]:
    """A number for each version of the texts, each version a list of interventions done together.

    Equal to running the model anew for every version, but layers below a change and positions
    before it are computed once, and versions run side by side. read: makes the number from the
    stream after the last block at the last position. max_rows: texts side by side; bounds memory.

    Raises: ValueError for versions without interventions or outside of the blocks, and for a model
        that cannot go on from a cache.
    """
    check_patches(model, versions)
    text = cache_prompt(model, tokens)
    check_kv_cache_exact(model, text, versions)
    scores = text.streams[0].new_empty(len(versions), len(tokens))
    for numbers in groups(text, versions, max_rows):
        chosen = [versions[number] for number in numbers]
        start = first_position(chosen[0], text)
        stream, _ = walk(model, Walk(text, chosen, start, runs or {}, {}))
        scores[numbers] = read(stream[:, -1].unflatten(0, (len(chosen), -1)))
    return scores


class PatchingResult(NamedTuple):
    """A metric on every prompt, with each site patched in both directions."""

    denoised: Float[Tensor, "site batch"]
    """The corrupted run with a clean activation. What is sufficient brings the answer back."""
    noised: Float[Tensor, "site batch"]
    """The clean run with a corrupted activation. What is necessary takes the answer away."""
    clean: Float[Tensor, " batch"]
    """The clean run."""
    corrupted: Float[Tensor, " batch"]
    """The corrupted run."""


@torch.no_grad()
def denoise_and_noise(
    model: HookedTransformer, clean: Tokens, corrupted: Tokens, sites: Sequence[Site], read: Read
) -> PatchingResult:
    """Patch each site by itself, clean into corrupted and corrupted into clean.

    Raises: ValueError for prompts that cannot be patched into each other.
    """
    check_pair(clean, corrupted)
    ends = [
        read(cache_prompt(model, tokens).streams[-1][None, :, -1])[0] for tokens in (clean, corrupted)
    ]
    versions = [[Intervention.patch(site, "other")] for site in sites]
    # exercise 5.6
    raise NotImplementedError("exercise 5.6")


def residual_sites(model: HookedTransformer, n_pos: int) -> list[Site]:
    """The stream before each block at each position, layer by layer."""
    layers = range(len(model.blocks))
    return [Site("hook_resid_pre", layer, position=p) for layer in layers for p in range(n_pos)]


def head_sites(
    model: HookedTransformer, position: int | None = None, hook: str = "attn.hook_z"
) -> list[Site]:
    """One site for each head, layer by layer: its z, or its q, k, v or pattern.

    Of k and v there are as many as key heads.
    """
    kv = hook.endswith(("hook_k", "hook_v", "hook_rot_k"))
    n_heads = model.config.kv_heads if kv else model.config.n_heads
    return [
        Site(hook, layer, head=head, position=position)
        for layer in range(len(model.blocks))
        for head in range(n_heads)
    ]


def mlp_sites(model: HookedTransformer, position: int | None = None) -> list[Site]:
    """The output of each MLP."""
    return [Site("hook_mlp_out", layer, position=position) for layer in range(len(model.blocks))]


def neuron_sites(layer: int, neurons: Iterable[int], position: int | None = None) -> list[Site]:
    """Single neurons of one layer's MLP."""
    return [Site("mlp.hook_post", layer, neuron=one, position=position) for one in neurons]


def derangement(batch: int, generator: torch.Generator) -> Int[Tensor, " batch"]:
    """For each example another one whose activation it gets in resample ablation, all different.

    A random permutation that moves everybody: an example that keeps its own activation is not
    ablated, and with few examples that is often enough to look like a small effect.

    Raises: ValueError for fewer than two examples.
    """
    if batch < 2:
        raise ValueError(f"resampling needs two examples or more, but {batch} came")
    # exercise 5.9
    raise NotImplementedError("exercise 5.9")
