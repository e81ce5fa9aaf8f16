"""Draw sparse features: numbers that are mostly zero, as the features of the world are.

A feature is on with a small probability, and then has a strength between 0 and 1. Every function
draws for all instances at once; an instance is one toy model with its own probabilities.
Axes: inst (toy models side by side), batch (examples), n_features, n_pairs = n_features / 2.
Source: Elhage et al. 2022, "Toy Models of Superposition".
"""

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor


def sparse_features(
    probability: Float[Tensor, "inst n_features"], batch: int, generator: torch.Generator
) -> Float[Tensor, "inst batch n_features"]:
    """Strengths uniform on [0, 1), each feature on by itself with its own probability, else 0.

    The paper's sparsity S is 1 - probability.

    Raises: ValueError for a probability outside [0, 1], or without features or examples.
    """
    check_probability(probability, batch)
    # exercise 1.1
    raise NotImplementedError("exercise 1.1")


def correlated_pairs(
    probability: Float[Tensor, "inst n_pairs"], batch: int, generator: torch.Generator
) -> Float[Tensor, "inst batch n_features"]:
    """Features 2i and 2i + 1 are always on together, with strengths of their own.

    probability: of either feature of a pair.
    Raises: ValueError for a probability outside [0, 1], or without features or examples.
    """
    check_probability(probability, batch)
    # exercise 1.2
    raise NotImplementedError("exercise 1.2")


def anticorrelated_pairs(
    probability: Float[Tensor, "inst n_pairs"], batch: int, generator: torch.Generator
) -> Float[Tensor, "inst batch n_features"]:
    """Of features 2i and 2i + 1 at most one is on.

    probability: of either feature of a pair; it can be 1/2 at most, since they never share.
    Raises: ValueError for a probability outside [0, 1/2], or without features or examples.
    """
    check_probability(probability, batch, highest=0.5)
    # exercise 1.2
    raise NotImplementedError("exercise 1.2")


def random_signs(
    x: Float[Tensor, "inst batch n_features"], generator: torch.Generator
) -> Float[Tensor, "inst batch n_features"]:
    """Gives every number a random sign, so that strengths are uniform on (-1, 1)."""
    return torch.where(torch.rand(x.shape, generator=generator, device=x.device) < 0.5, -x, x)


def draw_uniform(
    like: Float[Tensor, "inst n"], batch: int, generator: torch.Generator
) -> Float[Tensor, "inst batch n"]:
    """Uniform numbers on [0, 1), with the device and precision of `like`."""
    shape = (like.shape[0], batch, like.shape[1])
    return torch.rand(shape, generator=generator, dtype=like.dtype, device=like.device)


def check_probability(probability: Tensor, batch: int, highest: float = 1.0) -> None:
    """Raises ValueError where no features can be drawn, saying what came."""
    if probability.ndim != 2 or probability.numel() == 0:
        came = list(probability.shape)
        raise ValueError(f"at least one instance and one feature are needed; the shape is {came}")
    if batch < 1:
        raise ValueError(f"batch is the number of examples, at least 1; {batch} came")
    if not ((probability >= 0) & (probability <= highest)).all():
        low, high = probability.min().item(), probability.max().item()
        raise ValueError(f"probabilities lie in [0, {highest:g}]; these reach {low:g} to {high:g}")


def density_schedule(
    n_inst: int, sparsest: float, n_features: int, densest: float = 1.0
) -> Float[Tensor, "inst n_features"]:
    """Probabilities from densest to sparsest, evenly spaced on a logarithmic scale.

    All features of an instance share one probability.
    Raises: ValueError unless 0 < sparsest <= densest <= 1 and n_features >= 1.
    """
    if not 0 < sparsest <= densest <= 1:
        raise ValueError(f"expected 0 < sparsest <= densest <= 1; {sparsest} and {densest} came")
    if n_features < 1 or n_inst < 1:
        raise ValueError(f"{n_inst} instances of {n_features} features: both must be at least 1")
    exponents = torch.linspace(0, 1, n_inst)
    densities = densest * (sparsest / densest) ** exponents
    return densities[:, None].expand(n_inst, n_features).contiguous()


def importance_schedule(n_features: int, decay: float) -> Float[Tensor, " n_features"]:
    """Importances 1, decay, decay^2, ...: how much an error in each feature costs.

    Raises: ValueError unless n_features >= 1 and decay > 0.
    """
    if n_features < 1 or decay <= 0:
        raise ValueError(f"expected n_features >= 1 and decay > 0; {n_features} and {decay} came")
    return decay ** torch.arange(n_features, dtype=torch.get_default_dtype())
