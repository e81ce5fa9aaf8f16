"""Rarer mistakes about the geometry of directions: words -> what such an answer gives."""

import torch
from torch import Tensor

from .shapes import pairs
from .slips import EPSILON, EPSILONS, Slips


def averaging(W: Tensor) -> Slips:
    """Exercise 1.6, D*."""
    d_hidden, squared = W.shape[1], W.square().sum((1, 2))
    lengths = W.norm(dim=1)
    near = {f"{EPSILON} ({e:g})": d_hidden / (squared + e) for e in EPSILONS}
    return near | {
        "Only features longer than 1/2 are counted, as 1: squared lengths count.": (
            d_hidden / (lengths > 0.5).sum(1)
        ),
        "Only features longer than 1/2 count: all do, by their squared length.": (
            d_hidden / (lengths.square() * (lengths > 0.5)).sum(1)
        ),
        "The sum is squared: sum the squares.": d_hidden / W.sum((1, 2)).square(),
        "It is cut at 1: short features leave more than one dimension for each.": (
            (d_hidden / squared).clamp(max=1)
        ),
        "It is multiplied by ||W||^2: divide.": d_hidden * squared,
        "The norm is squared twice.": d_hidden / squared.square(),
    }


def sharing(W: Tensor) -> Slips:
    """Exercise 1.7, D_i."""
    squares, along = W.square().sum(1), pairs(W)
    shared, lengths = along.square().sum(2), W.norm(dim=1, keepdim=True)
    unit = (squares / lengths[:, 0]).nan_to_num()
    near = {f"{EPSILON} ({e:g})": squares / (shared + e) for e in EPSILONS}
    for e in EPSILONS:
        onto = (W / (lengths + e)).mT @ W
        near[f"{EPSILON} ({e:g} to the norm)"] = squares / onto.square().sum(2)
    across = W / W.norm(dim=0, keepdim=True)
    whole = W / W.norm(dim=(1, 2), keepdim=True)
    return near | {
        "The feature itself is counted twice in the denominator.": squares / (shared + squares),
        "Only positive overlaps are counted: squares count both.": (
            squares / along.relu().square().sum(2)
        ),
        "Each pair is counted for one of the two only.": squares / along.triu().square().sum(2),
        "The numerator and the feature's own term are 1: both are ||W_i||^2.": (
            1 / (1 + shared - squares)
        ),
        "What_i is divided by a length over the instances: its axis is d_hidden (dim=1).": (
            squares / (across.mT @ W).square().sum(2)
        ),
        "What_i is divided by the length of all of W: each feature has its own (dim=1).": (
            squares / (whole.mT @ W).square().sum(2)
        ),
        "Short features get 0: only absent ones do.": (
            squares * (unit > 0.5) / torch.where(shared > 0, shared, 1.0)
        ),
    }


def disturbing(W: Tensor) -> Slips:
    """Exercise 1.8, interference."""
    squares, along = W.square().sum(1), pairs(W)
    total, lengths = along.square().sum(2), W.norm(dim=1, keepdim=True)
    mask = ~torch.eye(W.shape[-1], dtype=torch.bool)
    near = {}
    for e in EPSILONS:
        onto = ((W / (lengths + e)).mT @ W).square() * mask
        near[f"{EPSILON} ({e:g} to the norm)"] = onto.sum(2)
    return near | {
        "1 is taken away for the feature itself: its own share of the sum is ||W_i||^2.": total - 1,
        "||W_i|| is taken away for the feature itself: its own share is ||W_i||^2.": (
            total - squares.sqrt()
        ),
        "Only negative overlaps are counted: squares count both.": (
            (mask * along.clamp(max=0).square()).sum(2)
        ),
    }


def pairing(W: Tensor, threshold: float) -> Slips:
    """Exercise 1.8, partners."""
    cosine, n = pairs(W, "this other").abs(), W.shape[-1]
    mask, long = ~torch.eye(n, dtype=torch.bool), W.norm(dim=1) > 0.5
    right = mask & (cosine > threshold)
    groups = (cosine > threshold).double()
    for _ in range(n):
        groups = (groups @ groups > 0).double()
    first, corner = cosine > threshold, cosine > threshold
    first[0] &= mask
    for place in range(min(first.shape)):
        corner[place, place, place] = False
    words = "A feature is its own partner in all instances but the first: leave out each diagonal."
    return {
        "Partners of partners are found too: only those with an overlap of their own.": (
            mask & (groups > 0)
        ),
        "Short features have no partners here: a direction is enough.": (
            right & long[:, :, None] & long[:, None]
        ),
        "The threshold is ignored: this is .5.": mask & (cosine > 0.5),
        "Rounded cosines are compared: compare them as they are.": (
            mask & ((10 * cosine).round() / 10 > threshold)
        ),
        words: first,
        "One entry is left out per instance: fill_diagonal_ on three axes is not each instance's "
        "diagonal.": corner,
    }
