"""A toy model set by hand from your own seed: which features share dimensions, and who interferes?

Of the 24 features some form antipodal pairs and triangles, each in a subspace of its own; seven
share three dimensions irregularly; one has a dimension to itself. The rest are hardly represented:
their directions have almost no norm, and point where others point. Which feature is which, the
rotation of the hidden space, and the norms follow from the seed; there is no list of them.
Axes: inst (one), d_hidden, n_features.
Source: Elhage et al. 2022, "Toy Models of Superposition", on geometry and adversarial examples.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from .geometry import polygon
from .toy_model import ReluOutputToy, ToyConfig

N_FEATURES, D_HIDDEN, N_CROWD, N_FAINT = 24, 10, 7, 6
FAINT = 0.06
"""Norm of a feature that is hardly represented, at most."""
CLEAR = 0.08
"""By how much the strongest interferers of the crowd lead the others."""


class OwnToy(NamedTuple):
    """A model, and the features that the questions are about."""

    model: ReluOutputToy
    """One instance, set by hand; its biases are zero."""
    in_pair: int
    """A feature of an antipodal pair."""
    in_triangle: int
    """A feature of a triangle."""
    in_crowd: int
    """One of seven features that share three dimensions."""


@torch.no_grad()
def open_toy(seed: int) -> OwnToy:
    """Draw the directions of all features, their order and a rotation from a seed."""
    generator = Generator().manual_seed(55_000_027 + seed)
    crowd = draw_crowd(generator)
    digon = torch.tensor([[1.0, -1.0]])
    shapes = [digon, digon, polygon(3).float(), polygon(3).float(), crowd, torch.ones(1, 1)]
    W = torch.zeros(D_HIDDEN, N_FEATURES)
    row = column = 0
    for number, shape in enumerate(shapes):
        norms = torch.ones(1) if number == 4 else 0.9 + 0.2 * torch.rand(1, generator=generator)
        W[row : row + len(shape), column : column + shape.shape[1]] = norms * shape
        row, column = row + len(shape), column + shape.shape[1]
    models = [0, 4, 10, 11, 12, 17][:N_FAINT]  # the features whose directions the faint ones copy
    signs = 1 - 2 * torch.randint(2, (N_FAINT,), generator=generator)
    W[:, column:] = signs * FAINT * W[:, models] / W[:, models].norm(dim=0)
    rotation = torch.linalg.qr(torch.randn(D_HIDDEN, D_HIDDEN, generator=generator)).Q
    order = torch.randperm(N_FEATURES, generator=generator)
    model = ReluOutputToy(ToyConfig(n_inst=1, n_features=N_FEATURES, d_hidden=D_HIDDEN))
    model.W.copy_((rotation @ W)[None, :, order])
    place = order.argsort().tolist()  # of each feature before the shuffle
    return OwnToy(model.requires_grad_(False), place[0], place[4], place[10])


def draw_crowd(generator: Generator) -> Float[Tensor, "three crowd"]:
    """Draw directions of different norms, until the first has two clear interferers of each sign.

    They are clear by overlap, and another feature has the largest or the smallest cosine.
    """
    while True:
        W = torch.randn(3, N_CROWD, generator=generator)
        W = W / W.norm(dim=0) * (0.5 + torch.rand(N_CROWD, generator=generator))
        W[:, 0] /= W[:, 0].norm()
        overlap = W[:, 0] @ W[:, 1:]
        cosine = overlap / W[:, 1:].norm(dim=0)
        ordered, by_cosine = overlap.argsort(), cosine.argsort()
        steps = overlap[ordered].diff()[[1, -2]]  # what separates two from the third, at each end
        different = {*ordered[:2].tolist()} != {*by_cosine[:2].tolist()}
        different &= {*ordered[-2:].tolist()} != {*by_cosine[-2:].tolist()}
        signed = overlap[ordered[1]] < -0.2 and overlap[ordered[-2]] > 0.2
        if different and signed and bool((steps > CLEAR).all()):
            return W


@torch.no_grad()
def output_of(own: OwnToy, feature: int, on: Sequence[int]) -> float:
    """Compute one feature's output when some features have strength 1 and all others are off."""
    x = torch.zeros(1, 1, N_FEATURES)
    x[:, :, list(on)] = 1.0
    return own.model(x)[0, 0, feature].item()
