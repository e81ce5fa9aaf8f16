"""Induction heads from an empty file: look at patterns, then ablate, without `scores.py`.

Axes: batch, query, key; a head is a pair (layer, head).
Source: Olsson et al. 2022, "In-context Learning and Induction Heads".
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from ..ch02_transformer import HookedTransformer
from ..ch02_transformer.hooks import HookPoint

Head = tuple[int, int]
STRONG: tuple[Head, ...] = ((17, 3), (17, 4), (17, 5), (18, 6), (18, 7), (20, 6), (23, 7))
"""Heads of smollm2-135m with a high prefix-matching score."""


def removed_heads(seed: int) -> list[Head]:
    """Draw the three strong heads of smollm2-135m that exercise 4.16 takes out."""
    chosen = torch.randperm(len(STRONG), generator=torch.Generator().manual_seed(seed))[:3]
    return sorted(STRONG[int(index)] for index in chosen)


@torch.no_grad()
def find_induction_heads(model: HookedTransformer, generator: torch.Generator) -> list[Head]:
    """List the induction heads of a model, ordered by layer and head; they may be none.

    An induction head meets two conditions on texts of random tokens that repeat:

    1. It attends to the token that followed an earlier copy of the current token.
    2. The model predicts the repeats worse without it: when it is ablated alone, or when other
       heads that meet 1 are ablated as well, since heads back each other up.

    The texts fit into the model's context (`model.config.n_ctx`) and are drawn from the generator.
    """
    # exercise 4.14
    raise NotImplementedError("exercise 4.14")
