"""Causal interventions: change one property or one direction, and count changed predictions.

A probe shows that a property is decodable. To test whether the model uses the property, change it
alone: in the input (`swap` in sentiment_data.py), or in the activations along a direction.

1. find a direction: a probe's, or the difference of two class means;
2. ablate it (every activation gets the mean's coordinate) or swap it (every activation gets the
   coordinate of another activation);
3. run the rest of the model and count the predictions that flip.

Axes: batch, d_model.
"""

import torch
from einops import einsum
from jaxtyping import Float, Int
from torch import Tensor

from .behaviour import flips
from .probe import LinearProbe, held_out_accuracy
from .sentiment_data import PropertyName, Reviews, draw_reviews, swap
from .sentiment_model import SentimentModel

Acts = Float[Tensor, "batch d_model"]
Vector = Float[Tensor, " d_model"]


def ablate_direction(acts: Acts, direction: Vector, mean: Vector) -> Acts:
    """Set the coordinate of every activation along a direction to the mean's coordinate.

    The component orthogonal to the direction is unchanged. The norm of `direction` does not matter.

    Raises: ValueError when the direction has length zero.
    """
    check_direction(direction)
    # exercise 0.13
    unit: Float[Tensor, " d_model"] = direction / direction.norm()
    missing = einsum(mean - acts, unit, "batch d_model, d_model -> batch")
    return acts + missing[:, None] * unit


def swap_direction(acts: Acts, source: Acts, direction: Vector) -> Acts:
    """Set the coordinate of every activation along a direction to its source's coordinate.

    The component orthogonal to the direction is unchanged. The norm of `direction` does not matter.

    Raises: ValueError when the direction has length zero.
    """
    check_direction(direction)
    # exercise 0.14
    unit: Float[Tensor, " d_model"] = direction / direction.norm()
    missing = einsum(source - acts, unit, "batch d_model, d_model -> batch")
    return acts + missing[:, None] * unit


def difference_in_means(acts: Acts, labels: Int[Tensor, " batch"]) -> Vector:
    """Subtract the mean activation of label 0 from the mean activation of label 1."""
    return acts[labels == 1].mean(dim=0) - acts[labels == 0].mean(dim=0)


def check_direction(direction: Vector) -> None:
    """Raise ValueError unless a direction has a positive norm."""
    if not direction.norm() > 0:
        raise ValueError(
            f"expected a direction of positive norm, got norm {direction.norm().item()}"
        )


def pooled_acts(model: SentimentModel, reviews: Reviews) -> Acts:
    """Compute the averaged vector of each review, the input of the hidden layer."""
    return model.pool(model.embed(reviews.tokens)).detach()


def decodability(model: SentimentModel, name: PropertyName, seed: int = 0) -> float:
    """Measure the accuracy of a linear probe for a property on fresh, balanced reviews.

    Balanced: every property is a fair coin, independent of the others, so a probe cannot predict
    one property from another.

    Units: a fraction from 0 to 1; 0.5 is guessing.
    """
    generator = torch.Generator().manual_seed(seed)
    reviews = draw_reviews(4000, generator, agree=0.5, irony=0.5)
    acts = pooled_acts(model, reviews)
    return held_out_accuracy(LinearProbe(acts.shape[-1]), acts, getattr(reviews, name))


def flips_when_swapped(
    model: SentimentModel, reviews: Reviews, name: PropertyName
) -> Float[Tensor, " batch"]:
    """Mark with 1 each review whose prediction changes when a property is swapped in the input."""
    return flips(model.predict(reviews.tokens), model.predict(swap(reviews, name).tokens))


def flips_when_swapped_along(
    model: SentimentModel, reviews: Reviews, name: PropertyName, direction: Vector
) -> Float[Tensor, " batch"]:
    """Mark with 1 each review whose prediction changes by a swap along a direction.

    The averaged vector gets the coordinate that it has for the swapped input; all else is kept. If
    the property lies along this direction alone, as many predictions flip as by `swap`.
    """
    here, there = pooled_acts(model, reviews), pooled_acts(model, swap(reviews, name))
    after = model.logits_from_pooled(swap_direction(here, there, direction)).argmax(dim=-1)
    return flips(model.predict(reviews.tokens), after)
