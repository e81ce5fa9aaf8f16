"""Targets at the end of the model: logits, differences of logits, any direction.

A constant that is added to all logits changes no prediction, so a logit is read around the mean of
all logits. Otherwise what raises every token's logit alike would count as a cause of each.
Axes: target, d_model, d_vocab.
Source: Ameisen et al. 2025, "Circuit Tracing", section 3.2.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from .local import LocalModel
from .nodes import Targets, read_through

Directions = Float[Tensor, "target d_model"]


class LogitTargets(NamedTuple):
    """The likely next tokens at one position."""

    tokens: Int[Tensor, " target"]
    """Tokens, the most likely first."""
    probabilities: Float[Tensor, " target"]
    """Their probabilities."""
    targets: Targets
    """Their logits, around the mean logit."""


@torch.no_grad()
def direction_targets(
    local: LocalModel, directions: Directions, biases: Float[Tensor, " target"], pos: int = -1
) -> Targets:
    """Read directions after the final norm at one position; `biases` are added to the values."""
    last = torch.full((len(directions),), pos % len(local.tokens))
    norm = local.norm_final
    constants = torch.stack([directions @ norm.bias, biases], dim=1)
    values = directions @ local.final[pos] + biases
    layer = torch.full_like(last, len(local.layers))
    return Targets(layer, last, read_through(norm, last, directions), constants, values)


@torch.no_grad()
def logit_targets(
    local: LocalModel, pos: int = -1, share: float = 0.95, most: int = 10
) -> LogitTargets:
    """Choose the fewest tokens that have this share of the probability, from 1 to `most` of them.

    Directions and values are taken around their mean over the vocabulary.
    """
    W, b = local.W_U.T, local.b_U  # [d_vocab, d_model]
    # exercise 12.4
    raise NotImplementedError("exercise 12.4")


@torch.no_grad()
def difference_target(local: LocalModel, token: int, against: int, pos: int = -1) -> Targets:
    """Read the difference of two tokens' logits."""
    W, b = local.W_U.T, local.b_U
    # exercise 12.4
    raise NotImplementedError("exercise 12.4")
