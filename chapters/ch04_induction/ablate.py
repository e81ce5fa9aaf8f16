"""Ablation of heads, with everything after them recomputed or with all patterns held fixed.

Full ablation sets a head's z to zero and recomputes the rest of the model. Pattern-preserving
ablation also holds every attention pattern at that of the intact model, so it removes what the head
*moves* but not its effect on where later heads attend. The difference between the two is the effect
through patterns: an induction head stops working when its previous-token head is ablated fully,
and keeps working when patterns are held.
Axes: batch, pos; a head is a pair (layer, head).
Source: Olsson et al. 2022, "In-context Learning and Induction Heads", argument 3.
"""

from collections.abc import Iterable
from functools import partial

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..ch00_looking import random_sets
from ..ch02_transformer import HookedTransformer
from ..ch02_transformer.hooks import Hook, HookPoint
from ..ch02_transformer.sites import Site

Head = tuple[int, int]


def head_sites(model: HookedTransformer, heads: Iterable[Head]) -> list[Site]:
    """Group heads by layer: one site of `attn.hook_z` per layer, with its heads in order.

    Raises: ValueError for a head that the model does not have.
    """
    layers, n_heads = len(model.blocks), model.config.n_heads
    by_layer: dict[int, tuple[int, ...]] = {}
    for layer, head in sorted(set(heads)):
        if not (0 <= layer < layers and 0 <= head < n_heads):
            raise ValueError(
                f"expected heads with layer in 0..{layers - 1} and head in 0..{n_heads - 1}, got "
                f"{layer}.{head}"
            )
        by_layer[layer] = (*by_layer.get(layer, ()), head)
    return [Site("attn.hook_z", layer, head=group) for layer, group in by_layer.items()]


def zero_at_site(site: Site, z: Tensor, point: HookPoint) -> Tensor | None:
    """Set z to zero for the heads of a site, in one layer; with `site` bound this is a hook."""
    positions = site.resolve_positions(*z.shape[:2])
    # exercise 4.10
    raise NotImplementedError("exercise 4.10")


def zero_ablation_hooks(model: HookedTransformer, heads: Iterable[Head]) -> dict[str, Hook]:
    """Make the hooks that set the z of these heads to zero, by hook name, one per layer.

    Raises: ValueError for a head that the model does not have.
    """
    sites = head_sites(model, heads)
    return {site.name: partial(zero_at_site, site) for site in sites}


@torch.no_grad()
def full_ablation(
    model: HookedTransformer, tokens: Int[Tensor, "batch pos"], heads: Iterable[Head]
) -> Float[Tensor, "batch pos d_vocab"]:
    """Compute the logits without these heads, everything after them recomputed."""
    return model.run_with_hooks(tokens, hooks=zero_ablation_hooks(model, heads))


@torch.no_grad()
def pattern_preserving_ablation(
    model: HookedTransformer, tokens: Int[Tensor, "batch pos"], heads: Iterable[Head]
) -> Float[Tensor, "batch pos d_vocab"]:
    """Compute the logits without these heads, all patterns held at those of the intact model."""
    hooks = zero_ablation_hooks(model, heads)
    names = [f"blocks.{layer}.attn.hook_pattern" for layer in range(len(model.blocks))]
    # exercise 4.11
    raise NotImplementedError("exercise 4.11")


def random_heads(
    model: HookedTransformer,
    size: int,
    n_sets: int,
    generator: torch.Generator,
    exclude: Iterable[Head],
) -> list[list[Head]]:
    """Draw random sets of `size` heads, none of them in `exclude`: the null of an ablation.

    Raises: ValueError when too few heads remain.
    """
    n_heads = model.config.n_heads
    excluded = torch.tensor([layer * n_heads + head for layer, head in exclude], dtype=torch.long)
    sets = random_sets(len(model.blocks) * n_heads, size, n_sets, generator, excluded)
    return [[divmod(index, n_heads) for index in one] for one in sets.tolist()]
