"""The secant graph: the change between two prompts, as an exact sum.

The graph of one prompt explains a number. To explain the difference of two prompts, replace every
constant of the local model by the mean of both, and every slope by the secant's. For a product

    x y - x' y' = mean(x) (y - y') + mean(y) (x - x')

holds exactly, so each change of a neuron, of attention or of a norm is a sum of changes:

    norm        mean(1/s) dx                    + mean(x) d(1/s)
    attention   mean(pattern) d(values)         + mean(values) d(pattern)
    neuron      mean(u) secant dg               + mean(act(g)) du

The first column is what the graph follows. The second one is new: the terms `norms` and `moved`,
"the attention moved", one for each head. A graph with frozen patterns cannot see them.
Axes: target, node, pos, layer, head.
Source: Shrikumar et al. 2017, "Learning Important Features Through Propagating Activation
Differences", for secants instead of slopes.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from einops import einsum
from jaxtyping import Float
from torch import Tensor

from ..ch02_transformer.attention import project, repeat_kv_heads
from .contrast import Run
from .edges import add_targets, remainder_writes, write_effects
from .local import (
    FrozenAttention,
    FrozenLayer,
    FrozenNorm,
    LocalModel,
    Vectors,
    apply_norm,
    attention_transpose,
    norm_transpose,
    run_local,
)
from .nodes import Basis, Targets
from .relp import Activation, Factors, NeuronLayer, Where, basis_of


class Shift(NamedTuple):
    """What one layer writes because its constants changed, not its input."""

    norm1: Vectors
    """Output of the norm before attention: mean(x) times the change of 1 / scale."""
    moved: Float[Tensor, "pos head d_model"]
    """Output of each head: mean values, moved by the change of the pattern."""
    norm2: Vectors
    """Output of the norm before the MLP."""


class ChangeModel(NamedTuple):
    """Two prompts, as one linear model of their difference: the first minus the second."""

    local: LocalModel
    """Means as constants; embeddings and MLP outputs are differences."""
    layers: list[NeuronLayer]
    """Coefficients by secants; activations are differences."""
    shifts: list[Shift]
    """Of each layer."""
    shift_final: Vectors
    """Of the final norm."""


class ChangeEffects(NamedTuple):
    """Contributions to the change of each target."""

    nodes: Float[Tensor, "target node"]
    """Changes of the nodes that are shown."""
    tokens: Float[Tensor, "target pos"]
    """Changed embeddings."""
    remainders: Float[Tensor, "target layer pos"]
    """Changes of all other neurons."""
    moved: Float[Tensor, "target layer head"]
    """Attention that moved."""
    norms: Float[Tensor, " target"]
    """Changed divisors of norms."""

    def total(self) -> Float[Tensor, " target"]:
        """Sum all contributions: the change of the target."""
        parts = [self.nodes.sum(dim=1), self.tokens.sum(dim=1), self.remainders.sum(dim=(1, 2))]
        return torch.stack([*parts, self.moved.sum(dim=(1, 2)), self.norms]).sum(dim=0)


def derivative(
    function: Callable[[Tensor], Tensor], x: Float[Tensor, "*shape"]
) -> Float[Tensor, "*shape"]:
    """Compute the derivative of an elementwise function."""
    with torch.enable_grad():
        x = x.detach().clone().requires_grad_()
        return torch.autograd.grad(function(x).sum(), x)[0]


def secant(
    function: Callable[[Tensor], Tensor],
    x: Float[Tensor, "*shape"],
    other: Float[Tensor, "*shape"],
) -> Float[Tensor, "*shape"]:
    """Compute (f(x) - f(other)) / (x - other), and the derivative where both are equal."""
    # exercise 12.15
    gap = x - other
    same = gap == 0
    slope = (function(x) - function(other)) / torch.where(same, 1.0, gap)
    return torch.where(same, derivative(function, x), slope)


def secant_coefficients(activation: Activation, factors: Factors, other: Factors) -> Factors:
    """Compute coefficients with which changes of the factors add up to the neuron's change."""
    # exercise 12.15
    slope = secant(activation, factors[0], other[0])
    if len(factors) == 1:
        return slope[None]
    linear = (factors[1] + other[1]) / 2
    value = (activation(factors[0]) + activation(other[0])) / 2
    return torch.stack([slope * linear, value])


def mean_norm(norm: FrozenNorm, other: FrozenNorm) -> FrozenNorm:
    """Average 1 / scale over both prompts; the bias cancels in a difference."""
    scale = 2 / (1 / norm.scale + 1 / other.scale)
    return norm._replace(scale=scale, bias=torch.zeros_like(norm.bias))


def norm_shift(norm: FrozenNorm, other: FrozenNorm, x: Vectors, x_other: Vectors) -> Vectors:
    """Compute the change of a norm's output that is due to its divisor alone."""
    # exercise 12.16
    middle = (x + x_other) / 2
    return apply_norm(norm, middle) - apply_norm(other, middle)


def attention_shift(
    frozen: FrozenAttention,
    other: FrozenAttention,
    x: Vectors,
    x_other: Vectors,
) -> Float[Tensor, "pos head d_model"]:
    """Compute the change of each head's output that is due to its pattern alone.

    x: what attention reads, after its norm.
    """
    attn = frozen.attn
    # exercise 12.16
    values = project(((x + x_other) / 2)[None], attn.W_V, attn.b_V)
    values = repeat_kv_heads(values, len(frozen.pattern))
    z = attn.apply_pattern((frozen.pattern - other.pattern)[None], values)[0]
    return einsum(z, attn.W_O, "pos head d_head, head d_head d_model -> pos head d_model")


def change_neurons(layer: NeuronLayer, other: NeuronLayer) -> NeuronLayer:
    """Replace coefficients by secants, activations and factors by their change, biases by zero."""
    return layer._replace(
        weights=tuple(weight._replace(b=torch.zeros_like(weight.b)) for weight in layer.weights),
        factors=layer.factors - other.factors,
        coefficients=secant_coefficients(layer.activation, layer.factors, other.factors),
        acts=layer.acts - other.acts,
        b_out=torch.zeros_like(layer.b_out),
    )


def reads_attention(local: LocalModel) -> list[Vectors]:
    """Return the residual stream before each layer, and after the last one."""
    run = run_local(local)
    before = [local.embed + local.pos_embed]
    for middle, layer in zip(run.resid_mid, local.layers, strict=True):
        before.append(middle + layer.mlp_out)
    return before


@torch.no_grad()
def change_model(run: Run, other: Run) -> ChangeModel:
    """Build the linear model of the difference between two prompts of one length.

    Raises: ValueError for prompts of different lengths.
    """
    (local, neurons), (local_other, neurons_other) = run, other
    if len(local.tokens) != len(local_other.tokens):
        raise ValueError(
            f"expected prompts of one length, got {len(local.tokens)} and "
            f"{len(local_other.tokens)} tokens; positions must correspond"
        )
    pre, pre_other = reads_attention(local), reads_attention(local_other)
    mid, mid_other = run_local(local).resid_mid, run_local(local_other).resid_mid
    layers, shifts = [], []
    for number, (a, b) in enumerate(zip(local.layers, local_other.layers, strict=True)):
        x, x_other = pre[number], pre_other[number]
        attn, pattern = a.attention
        read = [apply_norm(one.norm1, y) + one.norm1.bias for one, y in ((a, x), (b, x_other))]
        shifts.append(
            Shift(
                norm_shift(a.norm1, b.norm1, x, x_other),
                attention_shift(a.attention, b.attention, *read),
                norm_shift(a.norm2, b.norm2, mid[number], mid_other[number]),
            )
        )
        attention = FrozenAttention(attn, (pattern + b.attention.pattern) / 2)
        norms = mean_norm(a.norm1, b.norm1), mean_norm(a.norm2, b.norm2)
        out = a.mlp_out - b.mlp_out
        layers.append(FrozenLayer(norms[0], attention, norms[1], a.mlp_in - b.mlp_in, out))
    final = norm_shift(local.norm_final, local_other.norm_final, pre[-1], pre_other[-1])
    embed, pos = local.embed - local_other.embed, local.pos_embed - local_other.pos_embed
    mean = local._replace(
        embed=embed,
        pos_embed=pos,
        layers=tuple(layers),
        norm_final=mean_norm(local.norm_final, local_other.norm_final),
        logits=local.logits - local_other.logits,
    )
    changes = [change_neurons(one, two) for one, two in zip(neurons, neurons_other, strict=True)]
    return ChangeModel(mean, changes, shifts, final)


@torch.no_grad()
def change_basis(change: ChangeModel, where: Where) -> Basis:
    """Show some neurons as nodes. Their values are changes; `constants` hold what norm2 shifts."""
    basis = basis_of(change.layers, change.local, where)
    targets, constants = basis.nodes.targets, torch.zeros_like(basis.nodes.targets.constants)
    for number, (layer, shift) in enumerate(zip(change.layers, change.shifts, strict=True)):
        here = (where.layer == number).nonzero()[:, 0]
        pos, unit = where.pos[here], where.unit[here]
        for (W, _), coefficient in zip(layer.weights, layer.coefficients, strict=True):
            read = coefficient[pos, unit] * (W.T[unit] * shift.norm2[pos]).sum(dim=1)
            constants[here, 0] += read
    return basis._replace(nodes=basis.nodes._replace(targets=targets._replace(constants=constants)))


@torch.no_grad()
def change_target(change: ChangeModel, answer: int, wrong: int) -> Targets:
    """Return the change of a logit difference at the last position as a target."""
    local, last = change.local, len(change.local.tokens) - 1
    direction = local.W_U[:, answer] - local.W_U[:, wrong]
    row = torch.zeros_like(local.embed)
    row[last] = direction
    return Targets(
        torch.tensor([len(local.layers)]),
        torch.tensor([last]),
        norm_transpose(local.norm_final, row[None])[0, last][None],
        torch.stack([direction @ change.shift_final[last], direction.new_zeros(())])[None],
        (local.logits[last, answer] - local.logits[last, wrong])[None],
    )


@torch.no_grad()
def change_effects(change: ChangeModel, basis: Basis, targets: Targets) -> ChangeEffects:
    """Carry all targets back at once, and read off every contribution to their changes."""
    local, n_targets, n_layers = change.local, len(targets.pos), len(change.layers)
    rows = local.embed.new_zeros(n_targets, *local.embed.shape)
    nodes = rows.new_zeros(n_targets, len(basis.nodes.unit))
    rest = remainder_writes(local, basis)
    remainders, moved, norms = [], [], targets.constants.sum(dim=1)
    rows = add_targets(rows, targets, n_layers)
    # exercise 12.16
    for number in reversed(range(n_layers)):
        layer, shift, writes = (
            local.layers[number],
            change.shifts[number],
            basis.nodes.writes[number],
        )
        nodes[:, writes.node] += write_effects(rows, basis.nodes, writes)
        remainders.append((rows * rest[number]).sum(dim=2))
        rows = add_targets(rows, targets, number)
        axes = "target pos d_model, pos head d_model -> target head"
        moved.append(einsum(rows, shift.moved, axes))
        read = attention_transpose(layer.attention, rows)
        norms = norms + (read * shift.norm1).sum(dim=(1, 2))
        rows = rows + norm_transpose(layer.norm1, read)
    tokens = (rows * (local.embed + local.pos_embed)).sum(dim=2)
    ordered = [torch.stack(found[::-1], dim=1) for found in (remainders, moved)]
    return ChangeEffects(nodes, tokens, ordered[0], ordered[1], norms)
