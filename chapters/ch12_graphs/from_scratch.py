"""Attribute a metric to neurons with automatic differentiation: an exercise from an empty file.

The paper's whole method in one function, written with hooks and PyTorch's own backward pass. It is
a second way to the numbers of `relp.py`, and shares no code with it.
Axes: batch, pos, d_mlp, d_model.
Source: Jafari et al. 2025, "RelP: Faithful and Efficient Circuit Discovery via Relevance Patching";
Arora et al. 2026 for neurons as nodes.
"""

from typing import NamedTuple, cast

import torch
from jaxtyping import Float
from torch import Tensor

from ..ch02_transformer import HookedTransformer, HookPoint
from ..ch02_transformer.hooks import Hook
from ..ch02_transformer.layers import GatedMLP, Tokens
from ..ch02_transformer.model import MLPBlock


class Attributions(NamedTuple):
    """Gradients of the metric in the linearized model, and the activations that they multiply."""

    metric: Float[Tensor, " batch"]
    """The direction's product with the final norm's output at the last position."""
    neurons: list[Float[Tensor, "batch pos d_mlp"]]
    """Gradient at `mlp.hook_post` of each layer."""
    embed: Float[Tensor, "batch pos d_model"]
    """Gradient at `hook_embed`."""


def relp_by_autograd(
    model: HookedTransformer, tokens: Tokens, direction: Float[Tensor, "batch d_model"]
) -> Attributions:
    """Return gradients of a direction at the last position, in the linearized model.

    direction: read at `ln_final.hook_normalized`, one row per prompt. Linearized: attention
    patterns and the scales of norms are constants, and gated neurons follow the half rule. The
    model has gated MLPs, and its own outputs must not change.
    """
    # exercise 12.21
    raise NotImplementedError("exercise 12.21")
