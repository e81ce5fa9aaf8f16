"""Small SAEs with given or random weights in float64."""

from torch import nn

from tests.grading.assertions import normal, randomise

WEIGHTS = ("W_enc", "b_enc", "W_dec", "b_dec")


def weights(d_in, d_sae, seed=1):
    """Random weights, biases too, in the order of WEIGHTS."""
    shapes = ((d_in, d_sae), (d_sae,), (d_sae, d_in), (d_in,))
    return tuple(normal(*shape, seed=seed + i) for i, shape in enumerate(shapes))


def with_weights(kind, given, l1_coefficient=0.7):
    """An SAE of a class with these weights."""
    W_dec = given[2]
    made = kind(W_dec.shape[1], len(W_dec), l1_coefficient)
    for name, value in zip(WEIGHTS, given, strict=True):
        setattr(made, name, nn.Parameter(value))
    return made


def random_sae(kind, d_in, d_sae, seed=1, l1_coefficient=0.7):
    """An SAE of a class with random weights."""
    return randomise(kind(d_in, d_sae, l1_coefficient), seed)
