"""Gated SAEs: one decision whether a latent is active, another one how strong it is.

What it solves: an L1 penalty must act on the same number that carries the strength, so it shrinks
strengths. Here it acts on the gate alone.
    gate = (x - b_dec) @ W_enc + b_enc                            active where gate > 0
    strength = (x - b_dec) @ (W_enc * exp(r_mag)) + b_mag         one scale per latent: weights tied
The step of the gate has no gradient, so a second reconstruction, from ReLU(gate) and a decoder
that is held fixed, trains the gate.
What it costs: half again the compute of an L1 step; the paper compares with a baseline of half
again as many latents.

Axes: batch (tokens), d_in, d_sae.
Source: Rajamanoharan et al. 2024, "Improving Dictionary Learning with Gated Sparse Autoencoders".
"""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ..ch08_saes import AbstractSAE, LossParts, Reconstruction
from ..ch08_saes.sae import Acts, squared_error
from ..ch08_saes.vanilla import check_coefficient, normalize_rows, remove_parallel_gradient

X = Float[Tensor, "*batch d_in"]


class GatedSAE(AbstractSAE):
    """A gate with an L1 penalty, and strengths without one. pre_acts are those of the gate."""

    def __init__(self, d_in: int, d_sae: int, l1_coefficient: float, seed: int = 0) -> None:
        super().__init__(d_in, d_sae, seed)
        self.l1_coefficient = check_coefficient(l1_coefficient)
        self.r_mag: Float[Tensor, " d_sae"] = nn.Parameter(torch.zeros(d_sae))
        self.b_mag: Float[Tensor, " d_sae"] = nn.Parameter(torch.zeros(d_sae))

    def activate(self, pre_acts: Acts) -> Acts:
        """Compute the strength of each latent whose gate is positive.

        The weights are tied, so the strength follows from the gate's pre-activation: subtract the
        gate's bias, scale by exp(r_mag), add b_mag, apply ReLU.
        """
        # exercise 9.8
        raise NotImplementedError("exercise 9.8")

    def loss_parts(self, x: X, made: Reconstruction) -> LossParts:
        """Compute the squared error, the L1 penalty of ReLU(gate), and the gate's own error."""
        # exercise 9.9
        raise NotImplementedError("exercise 9.9")

    def constrain_gradients(self) -> None:
        """Remove the component of the decoder's gradient along its rows."""
        remove_parallel_gradient(self.W_dec)

    def constrain_weights(self) -> None:
        """Normalize the decoder's rows."""
        normalize_rows(self.W_dec)


class JumpReLUWeights(NamedTuple):
    """An encoder that is zero below a threshold per latent."""

    W_enc: Float[Tensor, "d_in d_sae"]
    """Encoder."""
    b_enc: Float[Tensor, " d_sae"]
    """Its bias."""
    threshold: Float[Tensor, " d_sae"]
    """Pre-activation above which the latent is active, with that strength."""


@torch.no_grad()
def as_jumprelu(sae: GatedSAE) -> JumpReLUWeights:
    """Write a gated SAE's encoder as a JumpReLU: strength where strength > threshold.

    The gate is open where the strength exceeds b_mag - exp(r_mag) b_enc. Where that is negative the
    ReLU of the strength decides, so the threshold is zero.
    """
    # exercise 9.10
    raise NotImplementedError("exercise 9.10")
