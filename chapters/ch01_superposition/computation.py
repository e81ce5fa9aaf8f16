"""Compute in superposition: the absolute values of more features than there are neurons.

The hidden layer's axes are neurons here, each with a ReLU, so a single axis means something. One
feature needs two neurons, |x| = ReLU(x) + ReLU(-x); with sparse features fewer will do. How many
features a neuron serves is a number, `features_per_neuron`: a neuron is polysemantic above 1.
Axes: inst, batch, n_features, d_hidden (neurons).
Source: Elhage et al. 2022, "Toy Models of Superposition", on a privileged basis and on computation.
"""

import torch
from einops import einsum
from jaxtyping import Float
from torch import Tensor, nn

from .toy_model import AbstractToy, ToyConfig


def features_per_neuron(
    W: Float[Tensor, "inst d_hidden n_features"],
) -> Float[Tensor, "inst d_hidden"]:
    """How many features a neuron serves: the participation ratio (sum w^2)^2 / sum w^4.

    Units: features; 1 where a single weight is not zero (monosemantic), k where k weights are
    equally large, 0 for a neuron without weights.
    """
    # exercise 1.13
    raise NotImplementedError("exercise 1.13")


class AbsoluteToy(AbstractToy):
    """Two layers, h = ReLU(W_in x) and y = ReLU(W_out h + b), trained towards |x|; not tied."""

    W_in: Float[Tensor, "inst d_hidden n_features"]
    W_out: Float[Tensor, "inst n_features d_hidden"]
    b: Float[Tensor, "inst n_features"]

    def __init__(self, config: ToyConfig, seed: int = 0) -> None:
        super().__init__(config, seed)
        self.W_in = self.random_weight(config.n_features, config.d_hidden)
        self.W_out = self.random_weight(config.d_hidden, config.n_features)
        self.b = nn.Parameter(torch.zeros(config.n_inst, config.n_features))

    def neurons(
        self, x: Float[Tensor, "inst batch n_features"]
    ) -> Float[Tensor, "inst batch d_hidden"]:
        """Activations of the hidden neurons, h = ReLU(W_in x); there is no bias."""
        # exercise 1.14
        raise NotImplementedError("exercise 1.14")

    def forward(
        self, x: Float[Tensor, "inst batch n_features"]
    ) -> Float[Tensor, "inst batch n_features"]:
        """The guess at |x|, y = ReLU(W_out h + b)."""
        # exercise 1.14
        raise NotImplementedError("exercise 1.14")


def r_squared(
    y: Float[Tensor, "inst batch n_features"], target: Float[Tensor, "inst batch n_features"]
) -> Float[Tensor, "inst n_features"]:
    """Share of each feature's variance that a guess explains, R^2.

    Units: fraction; 1 is perfect, 0 is as good as the mean, below 0 is worse than it.
    """
    missed = (y - target).square().mean(dim=1)
    return 1 - missed / target.var(dim=1, correction=0)
