"""Nodes of an attribution graph: what reads the residual stream, and writes to MLP outputs.

A node is one unit at one position: a transcoder's latent, a CLT's, or a neuron. All of them are the
same five things:

    where        layer, position, unit
    direction    what it reads of the residual stream before its MLP, the norm included
    constants    what its value has besides: the norm's bias, its own bias
    acts         how active it is in this text
    writes       a decoder row for every MLP output that it writes to

so that `directions . resid_mid + constants = values`. For a latent the value is its pre-activation.
What a dictionary of units does not write of an MLP's output is its bias and the error.
Axes: node, target, pos, layer, d_model, d_sae.
Source: Ameisen et al. 2025, "Circuit Tracing", section 3.2.
"""

from collections.abc import Mapping
from typing import Literal, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..ch11_transcoders.crosslayer import AbstractCLT
from ..ch11_transcoders.transcoder import AbstractTranscoder
from .local import FrozenNorm, LocalModel

Index = Int[Tensor, " node"]
Kind = Literal["latent", "neuron"]


class Targets(NamedTuple):
    """Numbers that are read from the residual stream, to be written as sums over sources."""

    layer: Int[Tensor, " target"]
    """Read before this layer's MLP; n_layers for what is read at the end."""
    pos: Int[Tensor, " target"]
    """Position."""
    directions: Float[Tensor, "target d_model"]
    """Direction in the residual stream; the norm's gain, centering and divisor are included."""
    constants: Float[Tensor, "target 2"]
    """What the norm's bias adds, and the target's own bias."""
    values: Float[Tensor, " target"]
    """The numbers."""


class Writes(NamedTuple):
    """What nodes write to one MLP's output."""

    node: Int[Tensor, " writer"]
    """Indices of the nodes that write there."""
    rows: Float[Tensor, "writer d_model"]
    """Their decoder rows; the activations are not multiplied in."""


class Nodes(NamedTuple):
    """Units of a dictionary in one text."""

    targets: Targets
    """What each node reads; `values` are what its incoming edges sum to."""
    unit: Index
    """Number of the neuron or latent in its layer."""
    acts: Float[Tensor, " node"]
    """Activations."""
    writes: tuple[Writes, ...]
    """What they write to each layer's MLP output."""

    @property
    def layer(self) -> Index:
        """Layer that each node reads."""
        return self.targets.layer

    @property
    def pos(self) -> Index:
        """Position of each node."""
        return self.targets.pos


class Basis(NamedTuple):
    """How the MLPs' outputs of one text are divided: nodes, a bias, an error."""

    kind: Kind
    """What the nodes are."""
    nodes: Nodes
    """The nodes that are shown."""
    bias: Float[Tensor, "layer d_model"]
    """What each MLP's replacement adds at every position: b_dec, or b_out for neurons."""
    error: Float[Tensor, "layer pos d_model"]
    """MLP output minus what the whole dictionary writes; zeros for neurons."""


class ReadLatents(NamedTuple):
    """One layer's encoder, and what it computes from the MLP's input."""

    W_enc: Float[Tensor, "d_model d_sae"]
    """Encoder."""
    b_enc: Float[Tensor, " d_sae"]
    """Its bias."""
    pre_acts: Float[Tensor, "pos d_sae"]
    """Before the activation function."""
    acts: Float[Tensor, "pos d_sae"]
    """After it."""


def take(targets: Targets, index: Index) -> Targets:
    """Take the targets with these indices, in their order."""
    return Targets(*(field[index] for field in targets))


def choose(basis: Basis, index: Index) -> Basis:
    """Show the nodes with these indices alone, in their order.

    Bias and error stay: what a node that is not shown writes becomes part of a remainder.
    """
    place = torch.full((len(basis.nodes.unit),), -1, dtype=torch.long)
    place[index] = torch.arange(len(index))
    writes = []
    for node, rows in basis.nodes.writes:
        shown = place[node] >= 0
        writes.append(Writes(place[node][shown], rows[shown]))
    targets, unit, acts, _ = basis.nodes
    nodes = Nodes(take(targets, index), unit[index], acts[index], tuple(writes))
    return basis._replace(nodes=nodes)


def read_through(
    norm: FrozenNorm, pos: Index, W: Float[Tensor, "node d_model"]
) -> Float[Tensor, "node d_model"]:
    """Carry what each node reads after a norm back to before it, at the node's own position."""
    directions = W * norm.gain / norm.scale[pos]
    if norm.centers:
        directions = directions - directions.mean(dim=-1, keepdim=True)
    return directions


def active_latents(layer: int, norm: FrozenNorm, read: ReadLatents) -> tuple[Targets, Index]:
    """List the active latents of one layer as targets, position by position; and their units.

    Active are those whose activation is not 0.
    """
    W_enc, b_enc, pre_acts, acts = (x.detach() for x in read)
    # exercise 12.3
    raise NotImplementedError("exercise 12.3")


def join(parts: list[Targets]) -> Targets:
    """Concatenate targets."""
    return Targets(*(torch.cat(fields) for fields in zip(*parts, strict=True)))


@torch.no_grad()
def transcoder_basis(local: LocalModel, transcoders: Mapping[int, AbstractTranscoder]) -> Basis:
    """Divide each MLP's output by a transcoder of its own.

    A bypass counts as error: it is explained by no latent.

    Raises: ValueError unless every layer has a transcoder.
    """
    if sorted(transcoders) != list(range(len(local.layers))):
        raise ValueError(
            f"expected transcoders of layers 0 to {len(local.layers) - 1}, got "
            f"{sorted(transcoders)}; use all layers"
        )
    targets, units, acts, writes, errors, first = [], [], [], [], [], 0
    for number, layer in enumerate(local.layers):
        one = transcoders[number]
        pre_acts = one.pre_activations(layer.mlp_in)
        active = one.activate(pre_acts)
        read = ReadLatents(one.W_enc, one.b_enc, pre_acts, active)
        target, unit = active_latents(number, layer.norm2, read)
        targets.append(target)
        units.append(unit)
        acts.append(active[target.pos, unit])
        writes.append(Writes(torch.arange(first, first + len(unit)), one.W_dec[unit]))
        errors.append(layer.mlp_out - one.decode(active))
        first += len(unit)
    nodes = Nodes(join(targets), torch.cat(units), torch.cat(acts), tuple(writes))
    bias = torch.stack([transcoders[number].b_dec for number in range(len(local.layers))])
    return Basis("latent", nodes, bias.detach(), torch.stack(errors))


@torch.no_grad()
def clt_basis(local: LocalModel, clt: AbstractCLT) -> Basis:
    """Divide the MLPs' outputs by a CLT, whose latents write to their own layer and later ones.

    Raises: ValueError for a CLT of another depth.
    """
    if clt.n_layers != len(local.layers):
        raise ValueError(f"expected a CLT of {len(local.layers)} layers, got {clt.n_layers}")
    layers = range(clt.n_layers)
    pre_acts = [clt.pre_activations(local.layers[layer].mlp_in, layer) for layer in layers]
    acts = [clt.activate(pre_acts[layer], layer) for layer in layers]
    reads = [ReadLatents(clt.W_enc[i], clt.b_enc[i], pre_acts[i], acts[i]) for i in layers]
    found = [active_latents(i, local.layers[i].norm2, reads[i]) for i in layers]
    units = [unit for _, unit in found]
    targets = join([target for target, _ in found])
    active = torch.cat([acts[i][target.pos, unit] for i, (target, unit) in enumerate(found)])
    # exercise 12.3
    raise NotImplementedError("exercise 12.3")
