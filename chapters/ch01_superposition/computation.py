"""Compute in superposition: the absolute values of more features than there are neurons.

The axes of the hidden layer are neurons, each with a ReLU, so a single axis has a meaning. One
feature needs two neurons, |x| = ReLU(x) + ReLU(-x); sparse features can share them. How many
features a neuron represents is a number, `features_per_neuron`: above 1 it is polysemantic.
Axes: inst, batch, n_features, d_hidden (neurons).
Source: Elhage et al. 2022, "Toy Models of Superposition", on a privileged basis and on computation.
"""

import torch
from einops import einsum
from jaxtyping import Float
from torch import Tensor, nn

from ..ch00_looking.checks import check_finite
from .toy_model import AbstractToy, Features, ToyConfig


def features_per_neuron(
    W: Float[Tensor, "inst d_hidden n_features"],
) -> Float[Tensor, "inst d_hidden"]:
    """Compute each neuron's participation ratio over features, (sum w^2)^2 / sum w^4.

    Units: features; 1 where a single weight is not zero (monosemantic), k where k weights are
    equally large, 0 where all weights are zero.
    Raises: ValueError for a weight that is NaN or infinite.
    """
    check_finite(W, "weights")
    # exercise 1.13
    raise NotImplementedError("exercise 1.13")


class AbsoluteToy(AbstractToy):
    """Two untied layers, h = ReLU(W_in x) and y = ReLU(W_out h + b), trained towards |x|."""

    W_in: Float[Tensor, "inst d_hidden n_features"]
    W_out: Float[Tensor, "inst n_features d_hidden"]
    b: Float[Tensor, "inst n_features"]

    def __init__(self, config: ToyConfig, seed: int = 0) -> None:
        super().__init__(config, seed)
        self.W_in = self.random_weight(config.n_features, config.d_hidden)
        self.W_out = self.random_weight(config.d_hidden, config.n_features)
        self.b = nn.Parameter(torch.zeros(config.n_inst, config.n_features))

    def neurons(self, x: Features) -> Float[Tensor, "inst batch d_hidden"]:
        """Compute the neurons' activations, h = ReLU(W_in x); there is no bias."""
        # exercise 1.14
        raise NotImplementedError("exercise 1.14")

    def forward(self, x: Features) -> Features:
        """Estimate |x| as y = ReLU(W_out h + b)."""
        # exercise 1.14
        raise NotImplementedError("exercise 1.14")


def r_squared(y: Features, target: Features) -> Float[Tensor, "inst n_features"]:
    """Compute R^2 of each feature: 1 - mean squared error / variance of the target.

    Units: fraction; 1 is perfect, 0 is as good as the mean, below 0 is worse than the mean.
    """
    error = (y - target).square().mean(dim=1)
    return 1 - error / target.var(dim=1, correction=0)
