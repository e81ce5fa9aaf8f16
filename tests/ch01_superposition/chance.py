"""Statistics of drawn features: frequencies, strengths, correlations."""

import torch
from torch import Tensor


def new(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def shares(x: Tensor) -> Tensor:
    """Frequency of each feature of each instance, [inst, n_features]."""
    return (x != 0).double().mean(1)


def together(x: Tensor) -> Tensor:
    """Frequency of two features in one example, [inst, n_features, n_features]."""
    on = (x != 0).double()
    return torch.einsum("ibf,ibg->ifg", on, on) / x.shape[1]


def far(actual: Tensor, expected: Tensor, n: int, sigmas: float = 5.5) -> Tensor:
    """Where frequencies in n examples differ from probabilities by more than chance."""
    error = (expected * (1 - expected) / n).sqrt()
    return (actual - expected).abs() > sigmas * error + 1e-4


def correlation(one: Tensor, other: Tensor) -> float:
    """Pearson's correlation of two rows of numbers."""
    return torch.corrcoef(torch.stack([one.double().flatten(), other.double().flatten()]))[
        0, 1
    ].item()


def check_strengths(x: Tensor, name: str = "A feature that is on") -> None:
    """Fail strengths that are not uniform on [0, 1]."""
    strengths = x[x != 0].double()
    assert len(strengths), f"{name} has no strength: it is never on."
    low, high, mean = strengths.min().item(), strengths.max().item(), strengths.mean().item()
    assert strengths.unique().numel() > 2, (
        f"{name} always has strength {high:.3g}: its strength is random too, uniform on [0, 1]."
    )
    cause = "Is randn used for rand?"
    if -1 <= low < 0 and high <= 1:
        cause = "Are they drawn from -1 to 1, or is their sign reversed?"
    assert low >= 0 and high <= 1, (
        f"Strengths are between 0 and 1, got {low:.3g} to {high:.3g}. {cause}"
    )
    wanted = torch.tensor([0.1, 0.25, 0.5, 0.75, 0.9], dtype=torch.float64)
    quantiles = strengths.quantile(wanted)
    error = (wanted * (1 - wanted) / len(strengths)).sqrt()
    rescale = (
        " It never reaches one of the ends: if one draw is used for both, it has to be rescaled. "
        "Where u < p, u / p is uniform again."
    )
    assert ((quantiles - wanted).abs() < 5.5 * error).all(), (
        f"{name} has a strength uniform on [0, 1], with mean .5 and quartiles .25, .5, .75; the "
        f"mean is {mean:.3f}, the quartiles are {quantiles[1]:.2f}, {quantiles[2]:.2f}, "
        f"{quantiles[3]:.2f}." + rescale * (low > 0.04 or high < 0.96)
    )
