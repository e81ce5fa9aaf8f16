"""Edges: the direct effect of every source on every target, without automatic differentiation.

A target is a direction that is read from the residual stream. Carry it back, layer by layer:

1. at each MLP output: <row, what was written there> is the effect of each node that writes there,
   of the error, of the bias, and of all nodes that are not shown together (the remainder);
2. add the rows of the targets that read before this MLP;
3. at attention: the effect of its biases, then add the row that attention and its norm read
   (`attention_transpose`, `norm_transpose`) to the row that passes by;
4. at the start: the effects of tokens and positions.

Every target's effects and its constants sum to its value. Rows stop at an MLP: what its input did
is not part of a direct effect, it is the incoming edges of that MLP's nodes.
Axes: target, node, pos, layer, d_model.
Source: Ameisen et al. 2025, "Circuit Tracing", section 3.2.
Differs: sources that the paper's graphs leave out are kept: position embeddings, all biases, and
    nodes that are not shown, as remainders.
"""

from collections.abc import Collection
from typing import NamedTuple

import torch
from einops import einsum
from jaxtyping import Float
from torch import Tensor

from .local import (
    FrozenLayer,
    LocalModel,
    Rows,
    apply_attention,
    attention_transpose,
    norm_transpose,
)
from .nodes import Basis, Nodes, Targets, Writes, take

BIASES = ("norm bias", "attention bias", "MLP bias")
"""What each layer writes whatever it reads: ln1's bias through attention; b_V and b_O; b_dec."""
CONSTANTS = ("norm bias", "own bias")
"""What a target reads besides the residual stream: the bias of its norm, and its own."""
DOT = "target pos d_model, layer pos d_model -> target layer pos"


class Effects(NamedTuple):
    """Direct effects on each target."""

    nodes: Float[Tensor, "target node"]
    """Of each node that is shown."""
    tokens: Float[Tensor, "target pos"]
    """Of each token's embedding."""
    positions: Float[Tensor, "target pos"]
    """Of each position's embedding."""
    errors: Float[Tensor, "target layer pos"]
    """Of each MLP output's error."""
    remainders: Float[Tensor, "target layer pos"]
    """Of all nodes together that write to an MLP output and are not shown."""
    biases: Float[Tensor, "target layer 3"]
    """Of each layer's biases, at all positions together, in the order of BIASES."""
    constants: Float[Tensor, "target 2"]
    """In the order of CONSTANTS."""

    def total(self) -> Float[Tensor, " target"]:
        """Sum all effects on each target: its value."""
        return torch.stack([effect.flatten(1).sum(dim=1) for effect in self]).sum(dim=0)


@torch.no_grad()
def bias_writes(
    layer: FrozenLayer, bias: Float[Tensor, " d_model"]
) -> Float[Tensor, "3 pos d_model"]:
    """Compute what one layer writes at each position whatever it reads, in the order of BIASES.

    The norm's bias is read by attention, and what attention makes of it is written. The bias of
    values is moved by the pattern like any value. bias: what the MLP's replacement adds.
    """
    # exercise 12.6
    raise NotImplementedError("exercise 12.6")


@torch.no_grad()
def remainder_writes(local: LocalModel, basis: Basis) -> Float[Tensor, "layer pos d_model"]:
    """Compute what is left of each MLP's output after its bias, its error and the shown nodes."""
    rest = torch.stack([layer.mlp_out for layer in local.layers]) - basis.error
    rest = rest - basis.bias[:, None]
    for number, (node, rows) in enumerate(basis.nodes.writes):
        written = basis.nodes.acts[node, None] * rows
        rest[number].index_add_(0, basis.nodes.pos[node], -written)
    return rest


def write_effects(rows: Rows, nodes: Nodes, writes: Writes) -> Float[Tensor, "target writer"]:
    """Compute the effect of each node that writes to one MLP output: its activation times a weight.

    The weight is the decoder row, read along the target's row at the node's position.
    """
    node, decoders = writes
    pos = nodes.pos[node]
    effects = rows.new_zeros(len(rows), len(node))
    # exercise 12.5
    raise NotImplementedError("exercise 12.5")


def add_targets(rows: Rows, targets: Targets, layer: int) -> Rows:
    """Add the directions of the targets that read at this layer, at their positions."""
    here = (targets.layer == layer).nonzero()[:, 0]
    return rows.index_put((here, targets.pos[here]), targets.directions[here], accumulate=True)


@torch.no_grad()
def trace_back(local: LocalModel, basis: Basis, targets: Targets) -> Effects:
    """Carry all targets back through the layers at once, and read off every effect."""
    n_targets, (pos, d_model), n_layers = len(targets.pos), local.embed.shape, len(local.layers)
    rows = local.embed.new_zeros(n_targets, pos, d_model)
    nodes = rows.new_zeros(n_targets, len(basis.nodes.unit))
    biases = rows.new_zeros(n_targets, n_layers, len(BIASES))
    written = torch.stack([basis.error, remainder_writes(local, basis)])  # [2, layer, pos, d_model]
    missed = rows.new_zeros(n_targets, 2, n_layers, pos)
    rows = add_targets(rows, targets, n_layers)
    # exercise 12.5
    raise NotImplementedError("exercise 12.5")


@torch.no_grad()
def direct_effects(local: LocalModel, basis: Basis, targets: Targets, batch: int = 256) -> Effects:
    """Compute the direct effect of every source on every target.

    batch: targets that are carried back together; it bounds the memory, batch * pos * d_model.
    """
    order = targets.layer.argsort(descending=True, stable=True)
    parts = [trace_back(local, basis, take(targets, part)) for part in order.split(batch)]
    back = order.argsort()
    return Effects(*(torch.cat(fields)[back] for fields in zip(*parts, strict=True)))


def unclosed(effects: Effects, values: Float[Tensor, " target"], names: Collection[str]) -> float:
    """Measure what these sources leave of the targets' values; 0 if they add up.

    Mean over targets of |value - sum of the effects of these sources|, divided by the mean |value|.
    names: fields of Effects, such as `nodes`.

    Units: share of the values' size.
    """
    # exercise 12.6
    raise NotImplementedError("exercise 12.6")
