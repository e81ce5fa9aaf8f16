"""How good is an SAE? Sparsity, reconstruction, dead latents, and recovery of known features.

Two formulas are in use under the name "explained variance". `explained_variance` compares the error
with predicting the mean (SAEBench, sparsify: 1 - FVU). `centered_explained_variance` (in
dictionary_learning) subtracts the mean of the error first, so that a constant offset costs nothing
there. The rest of the course means the first one.

All functions take flat batches, [batch, d], and compute in float32 at least. Over a whole data set
add up `ReconstructionSums`: a mean of the batches' ratios is another number.
Axes: batch (tokens), d_in, d_sae (latents), feature (a known direction).
"""

from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from ..ch02_transformer.norms import at_least_float32

X = Float[Tensor, "batch d_in"]
Acts = Float[Tensor, "batch d_sae"]
Scalar = Float[Tensor, ""]
Rows = Float[Tensor, "d_sae d_in"]
Features = Float[Tensor, "feature d_in"]


def l0(acts: Acts) -> Scalar:
    """Count the active latents per token, on average. From 0 to d_sae; lower is sparser."""
    acts = at_least_float32(acts)
    # exercise 8.6
    return (acts != 0).to(acts.dtype).sum(dim=-1).mean()


def firing_density(acts: Acts) -> Float[Tensor, " d_sae"]:
    """Compute the fraction of tokens on which each latent is active. From 0 to 1."""
    acts = at_least_float32(acts)
    # exercise 8.6
    return (acts != 0).to(acts.dtype).mean(dim=0)


def dead_fraction(density: Float[Tensor, " d_sae"]) -> float:
    """Compute the fraction of latents that are never active. Lower is better.

    It depends on the number of tokens: a latent that is active once in 10,000 looks dead in 1,000.
    """
    return (density == 0).double().mean().item()


class DensityHistogram(NamedTuple):
    """Latents per decade of density."""

    edges: list[float]
    """Edges of the bins: log10 of density, from `lowest` to 0."""
    counts: list[int]
    """Latents per bin."""
    never: int
    """Latents that were never active, which have no logarithm."""


def density_histogram(
    density: Float[Tensor, " d_sae"], bins: int = 24, lowest: float = -6.0
) -> DensityHistogram:
    """Count latents by log10 of their density; values below `lowest` count in the first bin.

    Raises: ValueError for fewer than one bin, or a lowest that is not negative.
    """
    if bins < 1 or lowest >= 0:
        raise ValueError(f"expected bins >= 1 and lowest < 0, got {bins} and {lowest}")
    logs = density[density > 0].double().log10().clamp(min=lowest, max=0)
    counts, edges = np.histogram(logs.cpu().numpy(), bins=bins, range=(lowest, 0))
    return DensityHistogram(edges.tolist(), counts.tolist(), int((density == 0).sum()))


def fraction_unexplained(x: X, x_hat: X) -> Scalar:
    """Divide the squared error by that of predicting the mean: ||x - x_hat||^2 / ||x - mean||^2.

    Both are summed over tokens and dimensions before they are divided. FVU; 0 is perfect, 1 is
    as good as the mean, more is worse. NaN where x is constant.
    """
    x, x_hat = at_least_float32(x), at_least_float32(x_hat)
    # exercise 8.7
    return (x - x_hat).square().sum() / (x - x.mean(dim=0)).square().sum()


def explained_variance(x: X, x_hat: X) -> Scalar:
    """Compute 1 - FVU. 1 is perfect, 0 is as good as predicting the mean; below 0 is worse."""
    return 1 - fraction_unexplained(x, x_hat)


def centered_explained_variance(x: X, x_hat: X) -> Scalar:
    """Compute 1 - Var(x - x_hat) / Var(x), with variances summed over dimensions.

    A constant error costs nothing here, so it is never lower than `explained_variance`.
    """
    x, x_hat = at_least_float32(x), at_least_float32(x_hat)
    # exercise 8.7
    error = x - x_hat
    unexplained = (error - error.mean(dim=0)).square().sum()
    return 1 - unexplained / (x - x.mean(dim=0)).square().sum()


def shrinkage(x: X, x_hat: X) -> Scalar:
    """Compute gamma = mean ||x_hat||^2 / mean (x_hat . x), the relative size of x_hat.

    1 is unbiased, less is shrunken: gamma is 1 / c for the factor c by which x_hat would have to be
    multiplied to be closest to x. On centered x it measures what the L1 penalty costs.
    Source: Rajamanoharan et al. 2024, "Improving Dictionary Learning with Gated Sparse
    Autoencoders", eq. 10.
    """
    x, x_hat = at_least_float32(x), at_least_float32(x_hat)
    # exercise 8.8
    return x_hat.square().sum() / (x_hat * x).sum()


def mean_cosine(x: X, x_hat: X) -> Scalar:
    """Average the cosine similarity of each token's reconstruction with x; 0 where one is zero."""
    x, x_hat = at_least_float32(x), at_least_float32(x_hat)
    return F.cosine_similarity(x, x_hat, dim=-1).mean()


class ReconstructionSums:
    """Sums over batches, in float64, from which the metrics of all tokens follow."""

    def __init__(self, d_in: int, d_sae: int) -> None:
        self.tokens = 0
        self.active = torch.zeros(d_sae, dtype=torch.long)
        self.x, self.error = (torch.zeros(d_in, dtype=torch.float64) for _ in range(2))
        self.x_squared = self.error_squared = self.hat_squared = self.hat_x = self.cosine = 0.0

    def add(self, x: X, x_hat: X, acts: Acts) -> None:
        """Add one batch."""
        self.active += (acts != 0).sum(dim=0).cpu()
        x, x_hat = x.double().cpu(), x_hat.double().cpu()
        error = x - x_hat
        self.tokens += len(x)
        self.x += x.sum(dim=0)
        self.error += error.sum(dim=0)
        self.x_squared += x.square().sum().item()
        self.error_squared += error.square().sum().item()
        self.hat_squared += x_hat.square().sum().item()
        self.hat_x += (x_hat * x).sum().item()
        self.cosine += F.cosine_similarity(x, x_hat, dim=-1).sum().item()

    def report(self) -> "ReconstructionReport":
        """Divide the sums.

        Raises: ValueError without tokens.
        """
        if not self.tokens:
            raise ValueError("expected at least one token, got none; call add first")
        n = self.tokens
        variance = self.x_squared - (self.x.square().sum() / n).item()
        about_mean = self.error_squared - (self.error.square().sum() / n).item()
        density = self.active.double() / n
        return ReconstructionReport(
            tokens=n,
            l0=density.sum().item(),
            fvu=self.error_squared / variance if variance else float("nan"),
            centered_ev=1 - about_mean / variance if variance else float("nan"),
            gamma=self.hat_squared / self.hat_x if self.hat_x else float("nan"),
            cosine=self.cosine / n,
            dead=dead_fraction(density),
            density=density,
        )


class ReconstructionReport(NamedTuple):
    """The metrics of one SAE on one set of tokens."""

    tokens: int
    """Number of tokens."""
    l0: float
    """Active latents per token."""
    fvu: float
    """Fraction of variance unexplained."""
    centered_ev: float
    """`centered_explained_variance`."""
    gamma: float
    """`shrinkage`."""
    cosine: float
    """`mean_cosine`."""
    dead: float
    """Fraction of latents that were never active on these tokens."""
    density: Float[Tensor, " d_sae"]
    """Fraction of tokens on which each latent is active."""


def mean_max_cosine(W_dec: Rows, features: Features) -> Scalar:
    """Average over features the cosine with the decoder row that is most similar.

    From -1 to 1; higher is better. One row may serve several features, and rows that match
    nothing cost nothing: a larger dictionary always scores higher, so compare equal sizes, and
    report a random dictionary's score.
    """
    # exercise 8.9
    return cosines(features, W_dec).max(dim=1).values.mean()


class Recovery(NamedTuple):
    """A one-to-one matching of known features and latents."""

    latent: Int[Tensor, " feature"]
    """Latent matched to each feature; -1 where there are fewer latents than features."""
    cosine: Float[Tensor, " feature"]
    """Cosine of the matched pair; -1 where there is none."""
    recall: float
    """Fraction of features whose latent has a cosine above the threshold."""
    precision: float
    """Fraction of latents that are matched to a feature with a cosine above the threshold."""


def recover_features(W_dec: Rows, features: Features, threshold: float = 0.9) -> Recovery:
    """Match latents to features one to one with the largest sum of cosines (Hungarian method).

    Precision counts every row of W_dec. Pass the rows of latents that are alive to judge those.

    Raises: ValueError for a value that is not finite.
    """
    if not (W_dec.isfinite().all() and features.isfinite().all()):
        raise ValueError("expected finite decoder rows and features, got NaN or infinity")
    similar = cosines(features, W_dec).detach()
    # exercise 8.9
    rows, columns = linear_sum_assignment(similar.double().cpu().numpy(), maximize=True)
    latent = torch.full((len(features),), -1)
    cosine = similar.new_full((len(features),), -1.0)
    latent[rows] = torch.from_numpy(columns)
    cosine[rows] = similar[rows, columns]
    found = int((cosine > threshold).sum())
    return Recovery(latent, cosine, found / len(features), found / len(W_dec))


def cosines(
    first: Float[Tensor, "row d_in"], second: Float[Tensor, "other d_in"]
) -> Float[Tensor, "row other"]:
    """Compute the cosine of every pair of rows; it is 0 where one of them is zero."""
    first, second = at_least_float32(first), at_least_float32(second)
    return F.normalize(first, dim=-1) @ F.normalize(second, dim=-1).T


def loss_recovered(clean: float, spliced: float, ablated: float) -> float:
    """Compute the share of the loss that an ablation adds and the SAE does not.

    (ablated - spliced) / (ablated - clean): 1 when the spliced model is as good as the model, 0
    when it is as bad as the ablated one. It depends on the ablation: zeros at a residual stream
    destroy the model, so nearly any SAE recovers 95 % of that. Report the mean ablation too.

    Units: none; higher is better.
    Raises: ValueError when the ablation does not raise the loss.
    """
    if not ablated > clean:
        raise ValueError(
            f"expected an ablation that raises the loss, got {ablated:.4f} from {clean:.4f}; there "
            "is nothing to recover"
        )
    # exercise 8.16
    return (ablated - spliced) / (ablated - clean)
