"""Resample dead latents: give them the direction of an input that the SAE reconstructs badly.

A latent whose pre-activation is negative on every input gets no gradient, so it stays dead.

1. Draw an input for each dead latent, with probability proportional to its squared loss.
2. Decoder row = the input as a unit vector; encoder column = the same direction, .2 times the mean
   norm of the encoder columns that are alive; encoder bias = 0.
3. Set Adam's moments of these entries to zero: they belong to the old weights.

Axes: input, latent, d_in.
Source: Bricken et al. 2023, appendix "Neuron resampling".
"""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from .sae import AbstractSAE

ENCODER_SCALE = 0.2


def draw_inputs(
    losses: Float[Tensor, " input"], n: int, generator: torch.Generator
) -> Int[Tensor, " drawn"]:
    """Draw inputs with probability proportional to their squared loss, none of them twice.

    If fewer than n inputs have a loss above zero, only these are drawn.

    Raises: ValueError for a loss that is negative or not finite.
    """
    if not (losses.isfinite().all() and (losses >= 0).all()):
        raise ValueError("expected finite losses of zero or more, got others")
    if not (losses > 0).any():
        return torch.empty(0, dtype=torch.long)
    # The largest loss is 1, so that the squares of small ones do not underflow.
    losses = (losses.double() / losses.max()).to(generator.device)
    possible = min(n, int((losses > 1e-100).sum()))
    # exercise 8.10
    raise NotImplementedError("exercise 8.10")


@torch.no_grad()
def resample(
    sae: AbstractSAE,
    dead: Bool[Tensor, " d_sae"],
    x: Float[Tensor, "input d_in"],
    optimizer: torch.optim.Optimizer,
    generator: torch.Generator,
) -> Int[Tensor, " resampled"]:
    """Replace dead latents in place, and return their indices.

    With fewer usable inputs than dead latents, the first latents are replaced.

    Raises: ValueError when all latents are dead: there is no norm to scale the encoder by.
    """
    if dead.all():
        raise ValueError("expected at least one latent that is alive, got none; lower lambda")
    losses = (sae(x).x_hat - x).square().sum(dim=-1)
    drawn = draw_inputs(losses, int(dead.sum()), generator)
    latents = dead.nonzero()[:, 0][: len(drawn)]
    directions = F.normalize(x[drawn], dim=-1)  # [resampled, d_in]
    # exercise 8.11
    raise NotImplementedError("exercise 8.11")
