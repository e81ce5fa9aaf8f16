"""Composition: how strongly later heads read what earlier heads write, from weights.

An earlier head writes through its OV circuit. A later head can read that through its queries
(Q-composition), its keys (K) or its values (V). Each is a product of two low-rank matrices, and
its norm measures how well the output of the one fits the input of the other. Random matrices have
a nonzero score too, which is subtracted as the baseline. Axes: earlier, later (heads of two
layers).
Source: Elhage et al. 2021, "A Mathematical Framework for Transformer Circuits".
"""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from ..ch02_transformer import HookedTransformer
from .circuits import ov_circuit, qk_circuit
from .factored_matrix import FactoredMatrix


def composition_score(
    first: FactoredMatrix, second: FactoredMatrix
) -> Float[Tensor, "earlier later"]:
    """Divide the norm of each product by the product of the norms: ||F S|| / (||F|| ||S||).

    first: the OV circuits of the earlier heads, [earlier, d_model, d_model]. second: the circuits
    of the later heads, with the residual stream that they read on the left.

    Units: 0 to 1; 0 where nothing that is written is read, about 1 / sqrt(d_model) for random
    weights.
    """
    # exercise 3.12
    raise NotImplementedError("exercise 3.12")


class CompositionScores(NamedTuple):
    """Scores of each earlier head with each later one, the baseline not subtracted."""

    q: Float[Tensor, "earlier later"]
    """Through the later head's queries."""
    k: Float[Tensor, "earlier later"]
    """Through its keys."""
    v: Float[Tensor, "earlier later"]
    """Through its values."""


def all_composition_scores(
    model: HookedTransformer, earlier: int, later: int, distance: int = 0
) -> CompositionScores:
    """Compute Q-, K- and V-composition between the heads of two layers.

    distance: see `qk_circuit`; for rotary models.
    Raises: ValueError unless the first layer comes before the second.
    """
    if earlier >= later:
        raise ValueError(f"expected an earlier and a later layer, got {earlier} and {later}")
    written, values = ov_circuit(model, earlier), ov_circuit(model, later)
    scores = qk_circuit(model, later, distance)
    # exercise 3.13
    raise NotImplementedError("exercise 3.13")


def random_composition_scores(
    d_model: int, d_head: int, n_pairs: int, generator: torch.Generator
) -> Float[Tensor, " n_pairs"]:
    """Compute scores of pairs of heads with independent Gaussian weights: the baseline.

    Their mean square is 1 / d_model for every d_head.
    """
    draws = torch.randn(4, n_pairs, d_model, d_head, generator=generator)
    reads, writes, other_reads, other_writes = draws
    first = FactoredMatrix(reads, writes.mT)
    second = FactoredMatrix(other_reads, other_writes.mT)
    return (first @ second).norm() / (first.norm() * second.norm())
