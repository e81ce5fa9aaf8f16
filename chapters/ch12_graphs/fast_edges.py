"""The same edges as `edges.py`, by fewer matrix products, on what each target can read alone.

1. What all targets share is multiplied out once (`fold`): norms with weights and patterns, decoder
   rows with activations.
2. Targets are traced in batches, ordered by position. A target reads nothing from later positions,
   so a batch is cut off after the position of its last target.
3. Targets are the columns of a batch, ordered from the last layer down. At each layer, those that
   read after it are the first columns, so no other is touched.
4. Where a target reads, its row is zero at all other positions. Its first step through attention
   is one vector per head, times the pattern (`first_step`).
5. The first layer's attention is applied to the embeddings instead of the targets
   (`embedding_writes`): there are fewer of them.

Results equal those of `direct_effects` up to rounding, in a fraction of the time.
Axes: target, node, pos (query and key are both positions), head, layer, d_model;
    z: all heads' d_head side by side.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from einops import einsum, rearrange
from jaxtyping import Float, Int
from torch import Tensor

from .edges import BIASES, CONSTANTS, Effects, bias_writes, remainder_writes
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


def embedding_writes(
    local: LocalModel, first: FoldedLayer
) -> Float[Tensor, "kind key query d_model"]:
    """Compute what each embedding writes at each query: its own, and by the first attention.

    kind: tokens, positions.
    """
    embeddings = torch.stack([local.embed, local.pos_embed])  # [kind, key, d_model]
    split = (len(first.pattern), -1)
    W_V, W_O = first.W_V.unflatten(1, split), first.W_O.unflatten(0, split)
    axes = "kind key d_model, d_model head d_head -> kind head key d_head"
    z = einsum(embeddings, W_V, axes)
    axes = "kind head key d_head, head d_head d_model -> kind head key d_model"
    written = einsum(z, W_O, axes)
    axes = "kind head key d_model, head key query -> kind key query d_model"
    moved = einsum(written, first.pattern, axes)
    moved.diagonal(dim1=1, dim2=2).add_(embeddings.transpose(1, 2))
    return moved


def step_back(layer: FoldedLayer, columns: Columns) -> None:
    """Add to each column what attention and its norm read for it, in place."""
    (pos, _, targets), (size, _), heads = columns.shape, layer.W_O.shape, len(layer.pattern)
    z = torch.bmm(layer.W_O.expand(pos, -1, -1), columns)  # [query, (head d_head), target]
    z = z.view(pos, heads, size // heads * targets).transpose(0, 1)
    v = torch.empty_like(z)  # laid out as z is, so that the next view needs no copy
    torch.bmm(layer.pattern[:, :pos, :pos], z, out=v)  # [head, key, (d_head target)]
    v = v.transpose(0, 1).reshape(pos, size, targets)
    columns.baddbmm_(layer.W_V.expand(pos, -1, -1), v)


def first_step(
    layer: FoldedLayer,
    columns: Columns,
    directions: Float[Tensor, "target d_model"],
    pos: Int[Tensor, " target"],
) -> None:
    """Do the same for targets that read before this layer's MLP, at their positions alone.

    Each head carries one vector per target.
    """
    heads = len(layer.pattern)
    z = (layer.W_O @ directions.T).unflatten(0, (heads, -1))  # [head, d_head, target]
    W_V = layer.W_V.unflatten(1, (heads, -1)).transpose(0, 1)  # [head, d_model, d_head]
    carried = torch.bmm(W_V, z)  # [head, d_model, target]
    attended = layer.pattern[:, : len(columns), pos]  # [head, key, target]
    for weights, vectors in zip(attended, carried, strict=True):
        columns.addcmul_(weights[:, None], vectors)


def trace_batch(
    layers: Sequence[FoldedLayer],
    embeddings: Float[Tensor, "kind key query d_model"],
    chosen: Targets,
    effects: Effects,
) -> None:
    """Carry targets back, and fill in their effects.

    chosen: ordered from the last layer down.
    """
    pos, n_targets, n_layers = int(chosen.pos.max()) + 1, len(chosen.pos), len(layers)
    columns = embeddings.new_zeros(pos, embeddings.shape[-1], n_targets)
    columns[chosen.pos, :, torch.arange(n_targets)] = chosen.directions
    # how many targets read at the end; and before the last layer's MLP or later; and so on
    counts = torch.bincount(n_layers - chosen.layer, minlength=n_layers + 1).cumsum(dim=0).tolist()
    for number in reversed(range(n_layers)):
        layer, later, reached = layers[number], *counts[n_layers - number - 1 :][:2]
        if later:
            old = columns[:, :, :later]
            for run in layer.runs:
                if run.pos < pos:
                    effects.nodes[:later, run.nodes].addmm_(old[run.pos].T, run.written.T)
            made = torch.bmm(layer.mlp_sources[:pos], old)  # [pos, 3, target]
            effects.errors[:later, number, :pos] = made[:, 0].T
            effects.remainders[:later, number, :pos] = made[:, 1].T
            effects.biases[:later, number, 2] = made[:, 2].sum(dim=0)
        if reached:
            made = torch.bmm(layer.attention_sources[:pos], columns[:, :, :reached])
            effects.biases[:reached, number, :2] = made.sum(dim=0).T
        if later and number:
            step_back(layer, old)
        if reached > later and number:
            new = slice(later, reached)
            first_step(layer, columns[:, :, new], chosen.directions[new], chosen.pos[new])
    read = embeddings[:, :pos, :pos].flatten(2) @ columns.flatten(0, 1)  # [kind, key, target]
    effects.tokens[:, :pos], effects.positions[:, :pos] = read[0].T, read[1].T


def no_effects(local: LocalModel, basis: Basis, n_targets: int) -> Effects:
    """Return zeros for the effects on some targets."""
    n_layers, n_pos = len(local.layers), len(local.tokens)
    zeros = local.embed.new_zeros
    at_position, at_layer = (n_targets, n_pos), (n_targets, n_layers)
    return Effects(
        nodes=zeros(n_targets, len(basis.nodes.unit)),
        tokens=zeros(at_position),
        positions=zeros(at_position),
        errors=zeros(*at_layer, n_pos),
        remainders=zeros(*at_layer, n_pos),
        biases=zeros(*at_layer, len(BIASES)),
        constants=zeros(n_targets, len(CONSTANTS)),
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
    embeddings = embedding_writes(local, layers[0])
    by_position = targets.pos.argsort(stable=True)
    for part in by_position.split(batch) if len(by_position) else ():
        part = part[targets.layer[part].argsort(descending=True, stable=True)]
        made = no_effects(local, basis, len(part))
        trace_batch(layers, embeddings, take(targets, part), made)
        for whole, field in zip(effects, made, strict=True):
            whole[part] = field
    effects.constants[:] = targets.constants
    return effects
