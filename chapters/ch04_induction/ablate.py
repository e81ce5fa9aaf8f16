"""Take heads out, and see what is lost: with everything after them recomputed, or not.

Full ablation sets a head's z to zero and lets the rest of the model react. Pattern-preserving
ablation also holds every attention pattern at what it was, so only what the head *moves* is lost,
and not what it does to where later heads look. The difference between the two is what the head did
through patterns: a previous-token head loses its induction head under the first and not the second.
Axes: batch, pos; a head is a pair (layer, head).
Source: Olsson et al. 2022, "In-context Learning and Induction Heads", argument 3.
"""

from collections.abc import Iterable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..ch00_looking import random_sets
from ..ch02_transformer import HookedTransformer
from ..ch02_transformer.hooks import Hook, HookPoint
from ..ch02_transformer.sites import Site

Head = tuple[int, int]
HookTable = dict[str, Hook]


def check_heads(model: HookedTransformer, heads: Iterable[Head]) -> None:
    """Refuse heads that the model does not have.

    Raises: ValueError naming the first of them, and what there is.
    """
    layers, n_heads = len(model.blocks), model.config.n_heads
    for layer, head in heads:
        if not (0 <= layer < layers and 0 <= head < n_heads):
            raise ValueError(
                f"no head {layer}.{head}: layers are 0..{layers - 1}, heads 0..{n_heads - 1}"
            )


def zero_hooks(model: HookedTransformer, heads: Iterable[Head]) -> HookTable:
    """Hooks that set the z of these heads to zero, one a layer.

    Raises: ValueError for a head that the model does not have.
    """
    chosen = sorted(set(heads))
    check_heads(model, chosen)
    by_layer: dict[int, list[int]] = {}
    for layer, head in chosen:
        by_layer.setdefault(layer, []).append(head)

    def silence(layer: int, numbers: list[int]) -> Hook:
        site = Site("attn.hook_z", layer, head=tuple(numbers))

        def hook(z: Tensor, point: HookPoint) -> Tensor | None:
            places = site.places(*z.shape[:2])
            # exercise 4.10
            raise NotImplementedError("exercise 4.10")

        return hook

    return {f"blocks.{layer}.attn.hook_z": silence(layer, by_layer[layer]) for layer in by_layer}


@torch.no_grad()
def full_ablation(
    model: HookedTransformer, tokens: Int[Tensor, "batch pos"], heads: Iterable[Head]
) -> Float[Tensor, "batch pos d_vocab"]:
    """Logits without these heads, everything after them recomputed."""
    return model.run_with_hooks(tokens, hooks=zero_hooks(model, heads))


@torch.no_grad()
def pattern_preserving_ablation(
    model: HookedTransformer, tokens: Int[Tensor, "batch pos"], heads: Iterable[Head]
) -> Float[Tensor, "batch pos d_vocab"]:
    """Logits without what these heads write, all patterns held at those of the whole model."""
    hooks = zero_hooks(model, heads)
    names = [f"blocks.{layer}.attn.hook_pattern" for layer in range(len(model.blocks))]
    # exercise 4.11
    raise NotImplementedError("exercise 4.11")


def random_heads(
    model: HookedTransformer,
    size: int,
    n_sets: int,
    generator: torch.Generator,
    but: Iterable[Head],
) -> list[list[Head]]:
    """Sets of other heads to compare with: as many heads, none of those left out.

    Raises: ValueError when too few heads are left.
    """
    n_heads = model.config.n_heads
    excluded = torch.tensor([layer * n_heads + head for layer, head in but], dtype=torch.long)
    sets = random_sets(len(model.blocks) * n_heads, size, n_sets, generator, excluded)
    return [[divmod(number, n_heads) for number in one] for one in sets.tolist()]
