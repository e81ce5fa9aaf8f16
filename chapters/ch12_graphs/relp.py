"""The neuron basis: every neuron is a node, with nothing to train and no error node.

A neuron is not linear in what it reads, so its activation has to be divided over its inputs by a
rule. Hold the slope of the activation function, act(g) / g, at its value in this text. A neuron of
GPT-2 is then slope g. A gated neuron is a product, slope g u, of two factors that are linear in
the residual stream. The half rule gives each factor one half:

    a = c_g g + c_u u,    c_g = slope u / 2,    c_u = slope g / 2

so that the incoming edges of every neuron sum to its activation.
Axes: node, pos, factor (1, or gate and linear), d_mlp, d_model.
Source: Jafari et al. 2025, "RelP: Faithful and Efficient Circuit Discovery via Relevance Patching";
Arora et al. 2026 for neurons as nodes.
"""

from collections.abc import Callable
from typing import NamedTuple, cast

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..ch02_transformer import HookedTransformer
from ..ch02_transformer.layers import AbstractMLP
from ..ch02_transformer.model import MLPBlock
from ..ch02_transformer.norms import at_least_float32
from .local import FrozenLayer, LocalModel, Vectors, attention_transpose, norm_transpose
from .nodes import Basis, Nodes, Targets, Writes, read_through

Factors = Float[Tensor, "factor *pos d_mlp"]
Activation = Callable[[Tensor], Tensor]
NEAR_ZERO = 1e-9
"""Where the slope at exactly 0 is read instead."""


def frozen_slope(
    activation: Activation, pre: Float[Tensor, "*pos d_mlp"]
) -> Float[Tensor, "*pos d_mlp"]:
    """Compute activation(pre) / pre, the slope of the line from zero to the neuron's value."""
    inner = torch.where(pre == 0, NEAR_ZERO, at_least_float32(pre))
    return activation(inner) / inner


def half_rule(activation: Activation, factors: Factors) -> Factors:
    """Compute the coefficient of each factor of a neuron, so that they add up to its activation.

    factors: the gate alone, or the gate and the linear factor. With one factor its coefficient is
    the slope. With two, each gets one half of the product.

    Differs: the product rule gives each of two factors all of the product. It is the derivative,
    and its coefficients add up to twice the activation.
    """
    slope = frozen_slope(activation, factors[0])
    # exercise 12.11
    raise NotImplementedError("exercise 12.11")


class FactorWeights(NamedTuple):
    """The weights of one factor of all neurons of an MLP."""

    W: Float[Tensor, "d_model d_mlp"]
    """Input weights."""
    b: Float[Tensor, " d_mlp"]
    """Bias."""


class NeuronLayer(NamedTuple):
    """One layer's neurons in one text, as sums of linear factors."""

    activation: Activation
    """Nonlinearity of the first factor."""
    weights: tuple[FactorWeights, ...]
    """Of each factor."""
    factors: Factors
    """The gate alone, or the gate and the linear factor."""
    coefficients: Factors
    """Of each factor, by the half rule."""
    acts: Float[Tensor, "pos d_mlp"]
    """Activations."""
    W_out: Float[Tensor, "d_mlp d_model"]
    """What each neuron writes."""
    b_out: Float[Tensor, " d_model"]
    """What the MLP writes without any neuron."""


@torch.no_grad()
def neuron_layer(mlp: AbstractMLP, x: Vectors) -> NeuronLayer:
    """Compute neurons, factors and coefficients of an MLP that reads x."""
    activation = cast(Activation, mlp.activation)
    weights = tuple(
        FactorWeights(getattr(mlp, W).detach(), getattr(mlp, b).detach()) for W, b in mlp.readers
    )
    factors = torch.stack([x @ W + b for W, b in weights])
    acts = activation(factors[0]) * factors[1:].prod(dim=0)
    W_out, b_out = mlp.W_out.detach(), mlp.b_out.detach()
    coefficients = half_rule(activation, factors)
    return NeuronLayer(activation, weights, factors, coefficients, acts, W_out, b_out)


def neuron_layers(model: HookedTransformer, local: LocalModel) -> list[NeuronLayer]:
    """Compute the neurons of every layer of a local replacement model."""
    blocks = (cast(MLPBlock, block) for block in model.blocks)
    return [
        neuron_layer(block.mlp, layer.mlp_in)
        for block, layer in zip(blocks, local.layers, strict=True)
    ]


class Where(NamedTuple):
    """Indices of neurons at positions, ordered by layer."""

    layer: Int[Tensor, " node"]
    """Layer."""
    pos: Int[Tensor, " node"]
    """Position."""
    unit: Int[Tensor, " node"]
    """Number of the neuron in its layer."""


def neuron_reads(
    layer: NeuronLayer, frozen: FrozenLayer, pos: Int[Tensor, " node"], unit: Int[Tensor, " node"]
) -> Targets:
    """Write neurons of one layer as what they read of the residual stream, plus constants.

    The layer's number is left at 0.
    """
    # exercise 12.12
    raise NotImplementedError("exercise 12.12")


@torch.no_grad()
def neuron_basis(model: HookedTransformer, local: LocalModel, where: Where) -> Basis:
    """Show some neurons as nodes. What the others write is a remainder; there is no error.

    Raises: ValueError unless the nodes are ordered by layer.
    """
    return basis_of(neuron_layers(model, local), local, where)


@torch.no_grad()
def basis_of(layers: list[NeuronLayer], local: LocalModel, where: Where) -> Basis:
    """Show some neurons of these layers as nodes.

    Raises: ValueError unless the nodes are ordered by layer.
    """
    if (where.layer.diff() < 0).any():
        raise ValueError(f"expected nodes ordered by layer, got {where.layer.tolist()[:20]}")
    targets, writes = [], []
    for number, layer in enumerate(layers):
        here = (where.layer == number).nonzero()[:, 0]
        pos, unit = where.pos[here], where.unit[here]
        read = neuron_reads(layer, local.layers[number], pos, unit)
        targets.append(read._replace(layer=where.layer[here]))
        writes.append(Writes(here, layer.W_out[unit]))
    joined = Targets(*(torch.cat(fields) for fields in zip(*targets, strict=True)))
    nodes = Nodes(joined, where.unit, joined.values, tuple(writes))
    bias = torch.stack([layer.b_out for layer in layers])
    error = torch.stack([torch.zeros_like(layer.mlp_out) for layer in local.layers])
    return Basis("neuron", nodes, bias, error)


class TotalEffects(NamedTuple):
    """Gradients of one number that is read at the end, along all paths, in the linearized model."""

    neurons: Float[Tensor, "layer pos d_mlp"]
    """With respect to each neuron's activation."""
    embed: Vectors
    """With respect to each position's embedding."""


@torch.no_grad()
def total_effects(layers: list[NeuronLayer], local: LocalModel, row: Vectors) -> TotalEffects:
    """Carry a direction of the final residual stream back through attention, norms and neurons.

    row: read from the residual stream before the final norm (its transpose is applied already).
    An edge stops at a neuron; here the row of each neuron goes on, by its coefficients.
    """
    found = []
    # exercise 12.13
    raise NotImplementedError("exercise 12.13")
