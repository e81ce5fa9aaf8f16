"""What transcoders and CLTs cost: parameters, and multiplications per token.

A transcoder per layer has n_layers decoders; a CLT has one from each layer to each layer from there
on, n_layers (n_layers + 1) / 2. Encoders are the same. With few latents active, the sparse step
multiplies only the decoder rows of active ones, but every parameter needs memory, and a gradient
and two averages of Adam besides.
"""

from typing import NamedTuple


class Sizes(NamedTuple):
    """Sizes of a model and of the latents that replace its MLPs."""

    n_layers: int
    """Layers."""
    d_model: int
    """Width of the residual stream, which is also that of MLP inputs and outputs."""
    d_sae: int
    """Latents per layer."""
    k: int
    """Active latents per token and layer."""


class Cost(NamedTuple):
    """What a set of transcoders costs."""

    parameters: int
    """Weights and biases."""
    multiplications: int
    """Per token, in a forward pass that decodes active latents alone."""


def per_layer_cost(sizes: Sizes) -> Cost:
    """Count parameters and multiplications of one transcoder per layer."""
    layers, d_model, d_sae, k = sizes
    # exercise 11.12
    parameters = layers * (2 * d_model * d_sae + d_sae + d_model)
    return Cost(parameters, layers * d_model * (d_sae + k))


def crosslayer_cost(sizes: Sizes) -> Cost:
    """Count parameters and multiplications of a CLT."""
    layers, d_model, d_sae, k = sizes
    # exercise 11.12
    decoders = layers * (layers + 1) // 2
    parameters = (layers + decoders) * d_model * d_sae + layers * (d_sae + d_model)
    return Cost(parameters, d_model * (layers * d_sae + decoders * k))


def training_bytes(cost: Cost) -> int:
    """Count the bytes of training in float32: weights, gradients and Adam's two averages."""
    # exercise 11.12
    return 4 * 4 * cost.parameters
