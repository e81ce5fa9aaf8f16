"""Draw sparse features: numbers that are mostly zero, as most features are absent from most inputs.

A feature is on with a small probability, and then has a strength between 0 and 1. Every function
draws for all instances at once; an instance is one toy model with its own probabilities.
Axes: inst (toy models in a batch), batch (examples), n_features, n_pairs = n_features / 2.
Source: Elhage et al. 2022, "Toy Models of Superposition".
"""

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor


def sparse_features(
    probability: Float[Tensor, "inst n_features"], batch: int, generator: torch.Generator
) -> Float[Tensor, "inst batch n_features"]:
    """Draw independent features: uniform on [0, 1) with their own probability, else 0.

    The paper's sparsity S is 1 - probability.

    Raises: ValueError for a probability outside [0, 1], or without features or examples.
    """
    check_probability(probability, batch)
    # exercise 1.1
    raise NotImplementedError("exercise 1.1")


def correlated_pairs(
    probability: Float[Tensor, "inst n_pairs"], batch: int, generator: torch.Generator
) -> Float[Tensor, "inst batch n_features"]:
    """Draw pairs of features 2i and 2i + 1 that are on together, with independent strengths.

    probability: of either feature of a pair.
    Raises: ValueError for a probability outside [0, 1], or without features or examples.
    """
    check_probability(probability, batch)
    # exercise 1.2
    raise NotImplementedError("exercise 1.2")


def anticorrelated_pairs(
    probability: Float[Tensor, "inst n_pairs"], batch: int, generator: torch.Generator
) -> Float[Tensor, "inst batch n_features"]:
    """Draw pairs of features 2i and 2i + 1 that are never on together.

    probability: of either feature of a pair; at most 1/2, since only one of the two is ever on.
    Raises: ValueError for a probability outside [0, 1/2], or without features or examples.
    """
    check_probability(probability, batch, highest=0.5)
    # exercise 1.2
    raise NotImplementedError("exercise 1.2")


def random_signs(
    x: Float[Tensor, "inst batch n_features"], generator: torch.Generator
) -> Float[Tensor, "inst batch n_features"]:
    """Give every number a random sign, so that strengths are uniform on (-1, 1)."""
    return torch.where(torch.rand(x.shape, generator=generator, device=x.device) < 0.5, -x, x)


def draw_uniform(
    like: Float[Tensor, "inst n"], batch: int, generator: torch.Generator
) -> Float[Tensor, "inst batch n"]:
    """Draw uniform numbers on [0, 1), with the device and precision of `like`."""
    shape = (like.shape[0], batch, like.shape[1])
    return torch.rand(shape, generator=generator, dtype=like.dtype, device=like.device)


def check_probability(probability: Tensor, batch: int, highest: float = 1.0) -> None:
    """Raise ValueError for a wrong shape, no examples, or a probability outside [0, highest]."""
    if probability.ndim != 2 or probability.numel() == 0:
        raise ValueError(
            "expected probability of shape [inst, n_features], at least one of each, got "
            f"{list(probability.shape)}"
        )
    if batch < 1:
        raise ValueError(f"expected batch, the number of examples, to be at least 1, got {batch}")
    if not ((probability >= 0) & (probability <= highest)).all():
        low, high = probability.min().item(), probability.max().item()
        raise ValueError(f"expected probabilities in [0, {highest:g}], got {low:g} to {high:g}")


def density_schedule(
    n_inst: int, sparsest: float, n_features: int, densest: float = 1.0
) -> Float[Tensor, "inst n_features"]:
    """Space probabilities from densest to sparsest evenly on a logarithmic scale.

    All features of an instance share one probability.
    Raises: ValueError unless 0 < sparsest <= densest <= 1 and both sizes are at least 1.
    """
    if not 0 < sparsest <= densest <= 1:
        raise ValueError(
            f"expected 0 < sparsest <= densest <= 1, got sparsest {sparsest} and densest {densest}"
        )
    if n_features < 1 or n_inst < 1:
        raise ValueError(
            f"expected at least one instance and one feature, got {n_inst} and {n_features}"
        )
    exponents = torch.linspace(0, 1, n_inst)
    densities = densest * (sparsest / densest) ** exponents
    return densities[:, None].expand(n_inst, n_features).contiguous()


def importance_schedule(n_features: int, decay: float) -> Float[Tensor, " n_features"]:
    """Compute the importances 1, decay, decay^2, ...: the weight of each feature in the loss.

    Raises: ValueError unless n_features >= 1 and decay > 0.
    """
    if n_features < 1 or decay <= 0:
        raise ValueError(f"expected n_features >= 1 and decay > 0, got {n_features} and {decay}")
    return decay ** torch.arange(n_features, dtype=torch.get_default_dtype())
