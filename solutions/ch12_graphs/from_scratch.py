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
    factors: dict[str, Tensor] = {}
    activation = cast(GatedMLP, cast(MLPBlock, model.blocks[0]).mlp).activation

    def constant(x: Tensor, _: HookPoint) -> Tensor:
        return x.detach()

    def keep(x: Tensor, point: HookPoint) -> Tensor:
        factors[point.name] = x
        return x

    def half(_: Tensor, point: HookPoint) -> Tensor:
        name = point.name.removesuffix("post")
        gate, linear = factors[name + "pre"], factors[name + "pre_linear"]
        inner = torch.where(gate == 0, 1e-6, gate).detach()
        slope = activation(inner) / inner
        return slope * (linear.detach() * gate + gate.detach() * linear) / 2

    hooks: dict[str, Hook] = {}
    for name in model.hook_points():
        if name.endswith(("hook_pattern", "hook_scale")):
            hooks[name] = constant
        elif name.endswith(("hook_pre", "hook_pre_linear")):
            hooks[name] = keep
        elif name.endswith("hook_post"):
            hooks[name] = half
    posts = [name for name in hooks if name.endswith("hook_post")]
    names = [*posts, "hook_embed", "ln_final.hook_normalized"]
    with model.hooks(hooks), torch.enable_grad():
        _, cache = model.run_with_cache(tokens, names=names, gradients=True)
        metric = (cache["ln_final.hook_normalized"][:, -1] * direction).sum(dim=-1)
        leaves = [cache[name] for name in [*posts, "hook_embed"]]
        *neurons, embed = torch.autograd.grad(metric.sum(), leaves)
    return Attributions(metric.detach(), neurons, embed)
