"""Sparse autoencoders (SAEs): write an activation as a sparse sum of directions.

1. pre_acts = (x - b_dec) @ W_enc + b_enc
2. acts = activate(pre_acts): zero for most latents, positive for a few
3. x_hat = acts @ W_dec + b_dec: a sum of rows of W_dec, the dictionary

A latent is one entry of acts, with its encoder column and its decoder row. Variants differ in how
they activate, in what keeps acts sparse, and in constraints on the decoder: each is a leaf of
AbstractSAE. Nothing here knows which model, layer or data the activations are from.
Axes: batch (any number of axes before the last: tokens, or batch and pos), d_in, d_sae (latents).
Source: Bricken et al. 2023, "Towards Monosemanticity".
"""

from abc import ABC, abstractmethod
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

Acts = Float[Tensor, "*batch d_sae"]
Scalar = Float[Tensor, ""]


class LossParts(NamedTuple):
    """The parts of a loss; each is a mean over the batch."""

    reconstruction: Scalar
    """Squared error, summed over d_in."""
    sparsity: Scalar
    """Penalty on active latents, times its coefficient."""
    auxiliary: Scalar
    """What a variant adds besides; zero for most."""

    def total(self, sparsity_weight: float = 1.0) -> Scalar:
        """Sum the parts. The weight of sparsity grows from 0 to 1 during a warm-up."""
        return self.reconstruction + sparsity_weight * self.sparsity + self.auxiliary


class Reconstruction(NamedTuple):
    """What an SAE computes from x."""

    x_hat: Float[Tensor, "*batch d_in"]
    """Reconstruction of x."""
    acts: Acts
    """Activation of each latent, zero or positive."""
    pre_acts: Acts
    """The same before the activation function."""


class SAEOutput(NamedTuple):
    """A reconstruction and its loss."""

    x_hat: Float[Tensor, "*batch d_in"]
    """Reconstruction of x."""
    acts: Acts
    """Activation of each latent, zero or positive."""
    pre_acts: Acts
    """The same before the activation function."""
    loss: LossParts
    """Parts of the training loss."""


class TrainedModule(nn.Module, ABC):
    """What the trainer needs of a module with latents: an SAE, or a transcoder of chapter 11."""

    silent_for: Int[Tensor, " latents"]
    """Training steps since each latent was last active; the trainer counts."""

    @property
    @abstractmethod
    def row_size(self) -> int:
        """Numbers in one row of its training data."""

    @abstractmethod
    def constrain_gradients(self) -> None:
        """Change gradients in place, after backward and before the optimizer's step."""

    @abstractmethod
    def constrain_weights(self) -> None:
        """Change weights in place, after the optimizer's step."""


class AbstractSAE(TrainedModule):
    """Encoder, decoder and the four decisions that a variant makes.

    The decoder starts as random unit rows and the encoder as its transpose, so that each latent
    first reads the direction that it writes.

    Raises: ValueError for sizes below 1.
    """

    W_enc: Float[Tensor, "d_in d_sae"]
    b_enc: Float[Tensor, " d_sae"]
    W_dec: Float[Tensor, "d_sae d_in"]
    b_dec: Float[Tensor, " d_in"]

    def __init__(self, d_in: int, d_sae: int, seed: int = 0) -> None:
        super().__init__()
        if d_in < 1 or d_sae < 1:
            raise ValueError(f"expected d_in and d_sae of at least 1, got {d_in} and {d_sae}")
        generator = torch.Generator().manual_seed(seed)
        rows = F.normalize(torch.randn(d_sae, d_in, generator=generator), dim=-1)
        self.W_dec = nn.Parameter(rows)
        self.W_enc = nn.Parameter(rows.T.clone(memory_format=torch.contiguous_format))
        self.b_enc = nn.Parameter(torch.zeros(d_sae))
        self.b_dec = nn.Parameter(torch.zeros(d_in))
        self.register_buffer("silent_for", torch.zeros(d_sae, dtype=torch.long))

    @property
    def d_in(self) -> int:
        """Size of the activations."""
        return self.W_dec.shape[1]

    @property
    def d_sae(self) -> int:
        """Number of latents."""
        return self.W_dec.shape[0]

    @property
    def row_size(self) -> int:
        """Numbers in one row of its training data: d_in."""
        return self.d_in

    @abstractmethod
    def activate(self, pre_acts: Acts) -> Acts:
        """Compute acts from pre_acts."""

    @abstractmethod
    def loss_parts(self, x: Float[Tensor, "*batch d_in"], made: Reconstruction) -> LossParts:
        """Compute the training loss of a reconstruction of x."""

    def pre_activations(self, x: Float[Tensor, "*batch d_in"]) -> Acts:
        """Project x, minus the decoder's bias, to the latents, and add the encoder's bias.

        b_dec is subtracted first because decode adds it last: latents then explain how x differs
        from a common mean.

        Raises: ValueError when the last axis of x is not d_in.
        """
        self.check_input(x)
        # exercise 8.1
        return (x - self.b_dec) @ self.W_enc + self.b_enc

    def encode(self, x: Float[Tensor, "*batch d_in"]) -> Acts:
        """Compute the latents' activations."""
        return self.activate(self.pre_activations(x))

    def decode(self, acts: Acts) -> Float[Tensor, "*batch d_in"]:
        """Add the decoder rows, each times the activation of its latent, and the decoder's bias."""
        # exercise 8.1
        return acts @ self.W_dec + self.b_dec

    def forward(self, x: Float[Tensor, "*batch d_in"]) -> SAEOutput:
        """Encode, decode and compute the loss."""
        pre_acts = self.pre_activations(x)
        acts = self.activate(pre_acts)
        made = Reconstruction(self.decode(acts), acts, pre_acts)
        return SAEOutput(*made, self.loss_parts(x, made))

    def check_input(self, x: Tensor) -> None:
        """Raise ValueError unless the last axis of x has d_in entries."""
        if x.shape[-1] != self.d_in:
            raise ValueError(
                f"expected activations of d_in={self.d_in} entries, got shape {list(x.shape)}"
            )


def squared_error(x: Float[Tensor, "*batch d_in"], x_hat: Float[Tensor, "*batch d_in"]) -> Scalar:
    """Compute the squared length of the error, as a mean over the batch."""
    return (x_hat - x).square().sum(dim=-1).mean()
