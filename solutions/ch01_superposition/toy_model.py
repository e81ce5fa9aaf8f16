"""Toy models that encode features in fewer dimensions and decode them again, many at once.

A toy model maps n_features numbers to d_hidden and back. Its instances differ in their weights and
in their data, never in their sizes, so one einsum computes them all.
Axes: inst, batch, n_features, d_hidden. W[i, :, f] is the direction of feature f in instance i.
Source: Elhage et al. 2022, "Toy Models of Superposition".
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from einops import einsum
from jaxtyping import Float
from torch import Tensor, nn

Features = Float[Tensor, "inst batch n_features"]
PerFeature = Float[Tensor, "inst n_features"]
Toy = TypeVar("Toy", bound="AbstractToy")


@dataclass(frozen=True)
class ToyConfig:
    """Sizes of a batch of toy models.

    Raises: ValueError for a size below 1.
    """

    n_inst: int
    """Independent models in the batch."""
    n_features: int
    """Inputs, and outputs, of each model."""
    d_hidden: int
    """Hidden dimensions."""

    def __post_init__(self) -> None:
        for name, size in vars(self).items():
            if size < 1:
                raise ValueError(f"expected {name} to be at least 1, got {size}")


class AbstractToy(nn.Module, ABC):
    """Base of the toy models: a batch of independent models with Xavier-normal initial weights.

    A subclass defines its parameters and `forward`.
    """

    def __init__(self, config: ToyConfig, seed: int = 0) -> None:
        super().__init__()
        self.config = config
        self.generator = torch.Generator().manual_seed(seed)

    def random_weight(self, fan_in: int, fan_out: int) -> nn.Parameter:
        """Draw Xavier-normal weights: mean 0, variance 2 / (fan_in + fan_out)."""
        shape = (self.config.n_inst, fan_out, fan_in)  # [inst, fan_out, fan_in]
        scale = (2 / (fan_in + fan_out)) ** 0.5
        return nn.Parameter(scale * torch.randn(shape, generator=self.generator))

    @abstractmethod
    def forward(self, x: Features) -> Features:
        """Estimate the target from x."""

    @classmethod
    def from_tensors(
        cls: type[Toy], config: Mapping[str, Any], tensors: Mapping[str, Tensor]
    ) -> Toy:
        """Build a model with given weights, such as those of `toy_models.load`."""
        model = cls(ToyConfig(*(config[name] for name in ("n_inst", "n_features", "d_hidden"))))
        model.load_state_dict({name: tensor.float() for name, tensor in tensors.items()})
        return model.requires_grad_(False)


class TiedToy(AbstractToy):
    """A toy whose decoder is the transpose of its encoder."""

    W: Float[Tensor, "inst d_hidden n_features"]
    b: Float[Tensor, "inst n_features"]

    def __init__(self, config: ToyConfig, seed: int = 0) -> None:
        super().__init__(config, seed)
        self.W = self.random_weight(config.n_features, config.d_hidden)
        self.b = nn.Parameter(torch.zeros(config.n_inst, config.n_features))

    def hidden(self, x: Features) -> Float[Tensor, "inst batch d_hidden"]:
        """Encode the features, h = W x."""
        return einsum(
            x, self.W, "inst batch n_features, inst d_hidden n_features -> inst batch d_hidden"
        )

    def decode(self, hidden: Float[Tensor, "inst batch d_hidden"]) -> Features:
        """Decode the hidden vector, W^T h + b: project it onto each feature's direction."""
        x_hat = einsum(
            hidden,
            self.W,
            "inst batch d_hidden, inst d_hidden n_features -> inst batch n_features",
        )
        return x_hat + self.b[:, None, :]


class LinearToy(TiedToy):
    """x' = W^T W x + b. After training it represents the d_hidden most important features only."""

    def forward(self, x: Features) -> Features:
        """Reconstruct x linearly."""
        return self.decode(self.hidden(x))


class ReluOutputToy(TiedToy):
    """x' = ReLU(W^T W x + b). The ReLU removes negative interference.

    With sparse features it represents more features than it has dimensions.
    """

    def forward(self, x: Features) -> Features:
        """Reconstruct x; no output is negative."""
        # exercise 1.3
        return self.decode(self.hidden(x)).relu()


class ReluHiddenToy(TiedToy):
    """h = ReLU(W x), x' = ReLU(W^T h + b). Its hidden axes are neurons: a privileged basis."""

    def forward(self, x: Features) -> Features:
        """Reconstruct x from neurons whose activations are never negative."""
        return self.decode(self.hidden(x).relu()).relu()


def reconstruction_loss(
    x_hat: Features, x: Features, importance: PerFeature
) -> Float[Tensor, " inst"]:
    """Compute the squared error, weighted by importance, summed over features, mean over examples.

    Units: squared strength; 0 is perfect, an output of zeros scores sum(I p) / 3. Lower is better.
    """
    # exercise 1.4
    per_example = einsum(
        (x_hat - x).square(), importance, "inst batch n_features, inst n_features -> inst batch"
    )
    return per_example.mean(dim=-1)
