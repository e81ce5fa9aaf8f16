"""Compare dictionaries with each other: activations across models, decoder rows across seeds.

Axes: row (token positions), unit, neuron.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from solutions.ch08_saes.metrics import cosines, recover_features

Acts = Float[Tensor, "row unit"]
Rows = Float[Tensor, "unit neuron"]
NEAR = 0.7
"""Cosine from which a latent counts as a child."""


def best_correlations(x: Acts, y: Acts) -> Float[Tensor, " unit"]:
    """Correlate each unit of x with every unit of y, and keep the largest correlation."""
    return (standardized(x).T @ standardized(y)).max(dim=1).values


def standardized(x: Acts) -> Acts:
    """Center each unit and divide it by its length; constant units become zero."""
    x = x - x.mean(dim=0)
    norms = x.norm(dim=0)
    return x / torch.where(norms > 0, norms, 1)


def displaced(acts: Acts, rows: int) -> Acts:
    """Move activations to other tokens: the control for correlations between models."""
    return acts.roll(rows, dims=0)


def shuffled_rows(W_dec: Rows, seed: int) -> Rows:
    """Permute each neuron's weights across latents: the control for cosines.

    Every neuron keeps its weights, so what all decoder rows have in common stays.
    """
    generator = torch.Generator().manual_seed(seed)
    order = torch.rand(W_dec.shape, generator=generator).argsort(dim=0)
    return W_dec.gather(0, order)


def matched_cosines(first: Rows, second: Rows) -> Float[Tensor, " unit"]:
    """Match latents one to one (Hungarian method), and return the cosines of the pairs."""
    return recover_features(second, first).cosine


def children(parents: Rows, latents: Rows) -> Int[Tensor, " unit"]:
    """Count for each parent the latents whose cosine with it is above NEAR."""
    return (cosines(parents, latents) > NEAR).sum(dim=1)


def nearest_parent(parents: Rows, latents: Rows) -> Int[Tensor, " unit"]:
    """Find for each latent the parent with the largest cosine."""
    return cosines(parents, latents).argmax(dim=0)


def interval(values: Tensor, seed: int = 0, draws: int = 1000) -> tuple[float, float]:
    """Compute the middle 95 % of the mean when units are drawn again with replacement."""
    generator = torch.Generator().manual_seed(seed)
    picks = torch.randint(len(values), (draws, len(values)), generator=generator)
    low, high = values.double()[picks].mean(dim=1).quantile(torch.tensor([0.025, 0.975]).double())
    return low.item(), high.item()


def summary(sets: Sequence[Tensor]) -> dict[str, object]:
    """Summarize one number per unit of several seeds: mean, interval over units, and each seed."""
    pooled = torch.cat([one[one.isfinite()] for one in sets])
    low, high = interval(pooled)
    return {
        "mean": pooled.double().mean(),
        "median": pooled.double().median(),
        "low": low,
        "high": high,
        "seeds": [one[one.isfinite()].double().mean() for one in sets],
        "units": len(pooled),
    }
