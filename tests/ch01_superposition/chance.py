"""What a draw of sparse features looks like from outside: how often, how large, what with what."""

import torch
from torch import Tensor


def new(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def shares(x: Tensor) -> Tensor:
    """How often each feature of each instance is on, [inst, n_features]."""
    return (x != 0).double().mean(1)


def together(x: Tensor) -> Tensor:
    """How often two features are on in one example, [inst, n_features, n_features]."""
    on = (x != 0).double()
    return torch.einsum("ibf,ibg->ifg", on, on) / x.shape[1]


def far(came: Tensor, expected: Tensor, n: int, sigmas: float = 5.5) -> Tensor:
    """Where shares differ from probabilities by more than chance explains, in n examples."""
    error = (expected * (1 - expected) / n).sqrt()
    return (came - expected).abs() > sigmas * error + 1e-4


def correlation(one: Tensor, other: Tensor) -> float:
    """Pearson's correlation of two rows of numbers."""
    return torch.corrcoef(torch.stack([one.double().flatten(), other.double().flatten()]))[
        0, 1
    ].item()


def check_strengths(x: Tensor, name: str = "A feature that is on") -> None:
    """Refuses strengths that are not uniform on [0, 1]."""
    strengths = x[x != 0].double()
    low, high, mean = strengths.min().item(), strengths.max().item(), strengths.mean().item()
    assert strengths.unique().numel() > 2, (
        f"{name} always has strength {high:.3g}: its strength is random too, uniform on [0, 1]."
    )
    assert low >= 0 and high <= 1, (
        f"Strengths lie between 0 and 1; they reach from {low:.3g} to {high:.3g}. Is randn used "
        "for rand?"
    )
    wanted = torch.tensor([0.1, 0.25, 0.5, 0.75, 0.9], dtype=torch.float64)
    quarters = strengths.quantile(wanted)
    error = (wanted * (1 - wanted) / len(strengths)).sqrt()
    stretch = (
        " It never comes near one of the ends: if one draw serves for both, it has to be "
        "stretched. Where u < p, u / p is uniform again."
    )
    assert ((quarters - wanted).abs() < 5.5 * error).all(), (
        f"{name} has a strength uniform on [0, 1], with mean .5 and quartiles .25, .5, .75; the "
        f"mean is {mean:.3f}, the quartiles are {quarters[1]:.2f}, {quarters[2]:.2f}, "
        f"{quarters[3]:.2f}." + stretch * (low > 0.04 or high < 0.96)
    )
