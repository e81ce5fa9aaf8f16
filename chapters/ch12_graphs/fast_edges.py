"""The same edges as `edges.py`, by fewer matrix products, on what each target can read alone.

1. What all targets share is multiplied out once (`fold`): norms with weights and patterns, decoder
   rows with activations.
2. Targets are traced in batches, ordered by position. A target reads nothing from later positions,
   so a batch is cut off after the position of its last target.
3. Targets are the columns of a batch, ordered from the last layer down. At each layer, those that
   read after it are the first columns, so no other is touched.
4. Where a target reads, its row is zero at all other positions. Its first step through attention
   is one vector per head, times the pattern (`first_step`).

Results equal those of `direct_effects` up to rounding, in a fraction of the time.
Axes: target, node, pos (query and key are both positions), head, layer, d_model;
    z: all heads' d_head side by side.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from ..ch02_transformer.attention import repeat_kv_heads
from .edges import BIASES, Effects, bias_writes, remainder_writes
from .local import LocalModel
from .nodes import Basis, Nodes, Targets, Writes, take

Columns = Float[Tensor, "pos d_model target"]


class Run(NamedTuple):
    """Consecutive nodes at one position that write to the same MLP output."""

    pos: int
    """Their position."""
    nodes: slice
    """Their numbers."""
    written: Float[Tensor, "node d_model"]
    """What each writes: its decoder row times its activation."""


class FoldedLayer(NamedTuple):
    """One layer in this text, with all that does not depend on a target multiplied out."""

    W_O: Float[Tensor, "z d_model"]
    """Output weights of all heads."""
    W_V: Float[Tensor, "d_model z"]
    """Value weights of all query heads, times the norm's gain, centered if the norm centers."""
    pattern: Float[Tensor, "head key query"]
    """The transposed pattern, over the norm's divisor at the key."""
    attention_sources: Float[Tensor, "pos 2 d_model"]
    """What the biases of norm and attention write."""
    mlp_sources: Float[Tensor, "pos 3 d_model"]
    """Error, remainder and bias of the MLP's output."""
    runs: tuple[Run, ...]
    """The nodes that write to the MLP's output."""


def find_runs(nodes: Nodes, writes: Writes) -> tuple[Run, ...]:
    """Split what is written to one MLP output where the position or the order of nodes breaks."""
    node, rows = writes
    if not len(node):
        return ()
    written, pos = rows * nodes.acts[node, None], nodes.pos[node]
    breaks = ((node.diff() != 1) | (pos.diff() != 0)).nonzero()[:, 0] + 1
    ends = [0, *breaks.tolist(), len(node)]
    numbers, places = node.tolist(), pos.tolist()
    return tuple(
        Run(places[a], slice(numbers[a], numbers[b - 1] + 1), written[a:b])
        for a, b in zip(ends[:-1], ends[1:], strict=True)
    )


def fold(local: LocalModel, basis: Basis) -> list[FoldedLayer]:
    """Multiply out what all targets share, in every layer."""
    rest = remainder_writes(local, basis)
    folded = []
    for number, layer in enumerate(local.layers):
        (attn, pattern), norm = layer.attention, layer.norm1
        group = len(pattern) // len(attn.W_V)
        W_V = attn.W_V.repeat_interleave(group, dim=0) * norm.gain[:, None]
        if norm.centers:
            W_V = W_V - W_V.mean(dim=1, keepdim=True)
        *by_attention, by_mlp = bias_writes(layer, basis.bias[number])
        folded.append(
            FoldedLayer(
                attn.W_O.flatten(0, 1),
                rearrange(W_V, "head d_model d_head -> d_model (head d_head)").contiguous(),
                rearrange(pattern, "head query key -> head key query") / norm.scale,
                torch.stack(by_attention, dim=1),
                torch.stack([basis.error[number], rest[number], by_mlp], dim=1),
                find_runs(basis.nodes, basis.nodes.writes[number]),
            )
        )
    return folded


def step_back(layer: FoldedLayer, columns: Columns) -> None:
    """Add to each column what attention and its norm read for it, in place."""
    (pos, d_model, targets), heads = columns.shape, len(layer.pattern)
    z = torch.bmm(layer.W_O.expand(pos, -1, -1), columns)  # [query, z, target]
    z = z.view(pos, heads, -1).transpose(0, 1)  # [head, query, (d_head target)]
    v = torch.empty_like(z, memory_format=torch.preserve_format)
    torch.bmm(layer.pattern[:, :pos, :pos], z, out=v)
    v = v.transpose(0, 1).reshape(pos, -1, targets)  # [key, z, target]
    columns.baddbmm_(layer.W_V.expand(pos, d_model, -1), v)


def first_step(layer: FoldedLayer, columns: Columns, chosen: Targets) -> None:
    """Do the same, in place, for targets that read before this layer's MLP.

    Their directions are at their own positions alone, so each head carries one vector per target.
    """
    heads = len(layer.pattern)
    z = rearrange(layer.W_O @ chosen.directions.T, "(head z) target -> head z target", head=heads)
    W_V = rearrange(layer.W_V, "d_model (head z) -> head d_model z", head=heads)
    carried = torch.bmm(W_V, z)  # [head, d_model, target]
    attended = layer.pattern[:, : len(columns), chosen.pos]  # [head, key, target]
    for weights, vectors in zip(attended, carried, strict=True):
        columns.addcmul_(weights[:, None], vectors)


def trace_batch(
    local: LocalModel, layers: Sequence[FoldedLayer], chosen: Targets, effects: Effects
) -> None:
    """Carry targets back, and fill in their effects.

    chosen: ordered from the last layer down.
    """
    pos, n_targets, n_layers = int(chosen.pos.max()) + 1, len(chosen.pos), len(layers)
    columns = local.embed.new_zeros(pos, local.embed.shape[1], n_targets)
    columns[chosen.pos, :, torch.arange(n_targets)] = chosen.directions
    # how many targets read before the MLP of layer n_layers, n_layers - 1, ... or of a later one
    counts = torch.bincount(n_layers - chosen.layer, minlength=n_layers + 1).cumsum(dim=0).tolist()
    for number, later, reached in zip(range(n_layers)[::-1], counts, counts[1:], strict=False):
        layer, old = layers[number], columns[:, :, :later]
        for run in layer.runs if later else ():
            if run.pos < pos:
                effects.nodes[:later, run.nodes].addmm_(old[run.pos].T, run.written.T)
        made = torch.bmm(layer.mlp_sources[:pos], old)  # [pos, 3, target]
        effects.errors[:later, number, :pos] = made[:, 0].T
        effects.remainders[:later, number, :pos] = made[:, 1].T
        effects.biases[:later, number, 2] = made[:, 2].sum(dim=0)
        made = torch.bmm(layer.attention_sources[:pos], columns[:, :, :reached])
        effects.biases[:reached, number, :2] = made.sum(dim=0).T
        step_back(layer, old)
        new = slice(later, reached)
        first_step(layer, columns[:, :, new], take(chosen, new))
    start = torch.stack([local.embed, local.pos_embed], dim=1)[:pos]
    made = torch.bmm(start, columns)
    effects.tokens[:, :pos], effects.positions[:, :pos] = made[:, 0].T, made[:, 1].T


def no_effects(local: LocalModel, basis: Basis, n_targets: int) -> Effects:
    """Return zeros for the effects on some targets."""
    n_layers, n_pos = len(local.layers), len(local.tokens)
    zeros = local.embed.new_zeros
    return Effects(
        zeros(n_targets, len(basis.nodes.unit)),
        *(zeros(n_targets, n_pos) for _ in range(2)),
        *(zeros(n_targets, n_layers, n_pos) for _ in range(2)),
        zeros(n_targets, n_layers, len(BIASES)),
        zeros(n_targets, 2),
    )


@torch.no_grad()
def fast_effects(
    local: LocalModel,
    basis: Basis,
    targets: Targets,
    batch: int = 256,
    out: Effects | None = None,
) -> Effects:
    """Compute the direct effect of every source on every target, like `direct_effects`.

    batch: targets that are carried back together. out: where to write the effects, zeros so far.
    """
    effects = no_effects(local, basis, len(targets.pos)) if out is None else out
    layers = fold(local, basis)
    by_position = targets.pos.argsort(stable=True)
    for part in by_position.split(batch) if len(by_position) else ():
        part = part[targets.layer[part].argsort(descending=True, stable=True)]
        made = no_effects(local, basis, len(part))
        trace_batch(local, layers, take(targets, part), made)
        for whole, field in zip(effects, made, strict=True):
            whole[part] = field
    effects.constants[:] = targets.constants
    return effects
