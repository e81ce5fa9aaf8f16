"""Which heads read what which earlier heads wrote: composition, read from weights.

An earlier head writes through its OV circuit. A later one can read that in three ways: its queries
(Q-composition), its keys (K), its values (V). Each is a product of two low-rank matrices, and its
norm says how well the one's output fits into what the other reads. Random matrices fit a little
too, so their score is subtracted. Axes: earlier, later (heads of two layers).
Source: Elhage et al. 2021, "A Mathematical Framework for Transformer Circuits".
"""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from ..ch02_transformer import HookedTransformer
from .circuits import ov_circuit, qk_circuit
from .factored import FactoredMatrix


def composition_score(
    first: FactoredMatrix, second: FactoredMatrix
) -> Float[Tensor, "earlier later"]:
    """Norm of each product over the product of the norms, ||F S|| / (||F|| ||S||).

    first: what the earlier heads write, [earlier, d_model, d_model]; second: what the later ones
    read, written so that the stream stands on the left.

    Units: 0 to 1; 0 where nothing that is written is read, about 1 / sqrt(d_model) for random ones.
    """
    # exercise 3.12
    earlier = FactoredMatrix(first.A[:, None], first.B[:, None])
    return (earlier @ second).norm() / (first.norm()[:, None] * second.norm())


class Compositions(NamedTuple):
    """Scores of each earlier head with each later one, the baseline not yet subtracted."""

    q: Float[Tensor, "earlier later"]
    """Through the later head's queries."""
    k: Float[Tensor, "earlier later"]
    """Through its keys."""
    v: Float[Tensor, "earlier later"]
    """Through its values."""


def compositions(
    model: HookedTransformer, earlier: int, later: int, distance: int = 0
) -> Compositions:
    """All three kinds, between the heads of two layers.

    distance: see `qk_circuit`; for rotary models.
    Raises: ValueError unless the first layer comes before the second.
    """
    if earlier >= later:
        raise ValueError(f"layer {earlier} does not come before layer {later}")
    written, values = ov_circuit(model, earlier), ov_circuit(model, later)
    scores = qk_circuit(model, later, distance)
    # exercise 3.13
    return Compositions(
        q=composition_score(written, scores),
        k=composition_score(written, scores.T),
        v=composition_score(written, values),
    )


def random_composition(
    d_model: int, d_head: int, n_pairs: int, generator: torch.Generator
) -> Float[Tensor, " n_pairs"]:
    """Scores of heads with independent Gaussian weights: the baseline to subtract.

    Their mean square is 1 / d_model, whatever d_head is.
    """
    draws = torch.randn(4, n_pairs, d_model, d_head, generator=generator)
    reads, writes, other_reads, other_writes = draws
    first = FactoredMatrix(reads, writes.mT)
    second = FactoredMatrix(other_reads, other_writes.mT)
    return (first @ second).norm() / (first.norm() * second.norm())
