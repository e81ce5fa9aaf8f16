"""The fourth way: change one thing inside, and see whether the answer changes.

A probe shows that a property is decodable. Whether the model uses the property shows only when
it alone is changed: in the input (`swap` in sentiment_data.py), or in the activations, along a
direction.

1. find a direction (a probe's, or the difference of two means);
2. ablate it: every activation gets the same coordinate along it; or swap it: every activation gets
   the coordinate of another one;
3. let the model go on from there, and count the verdicts that flip.

Axes: batch, d_model.
"""

import torch
from einops import einsum
from jaxtyping import Float, Int
from torch import Tensor

from .behaviour import flips
from .probe import LinearProbe, held_out_accuracy
from .sentiment_data import Reviews, draw_reviews, swap
from .sentiment_model import SentimentModel


def ablate_direction(
    acts: Float[Tensor, "batch d_model"],
    direction: Float[Tensor, " d_model"],
    mean: Float[Tensor, " d_model"],
) -> Float[Tensor, "batch d_model"]:
    """Give every activation the coordinate that the mean has along a direction.

    What is at right angles to the direction stays. The direction's length does not matter.

    Raises: ValueError when the direction has length zero.
    """
    check_direction(direction)
    # exercise 0.13
    raise NotImplementedError("exercise 0.13")


def swap_direction(
    acts: Float[Tensor, "batch d_model"],
    source: Float[Tensor, "batch d_model"],
    direction: Float[Tensor, " d_model"],
) -> Float[Tensor, "batch d_model"]:
    """Give every activation the coordinate that its source has along a direction.

    What is at right angles to the direction stays. The direction's length does not matter.

    Raises: ValueError when the direction has length zero.
    """
    check_direction(direction)
    # exercise 0.14
    raise NotImplementedError("exercise 0.14")


def difference_in_means(
    acts: Float[Tensor, "batch d_model"], labels: Int[Tensor, " batch"]
) -> Float[Tensor, " d_model"]:
    """The mean activation where the label is 1, minus the mean where it is 0."""
    return acts[labels == 1].mean(dim=0) - acts[labels == 0].mean(dim=0)


def check_direction(direction: Float[Tensor, " d_model"]) -> None:
    """Refuse a direction that points nowhere."""
    if not direction.norm() > 0:
        raise ValueError(f"expected a direction, but its length is {direction.norm().item()}")


def pooled_acts(model: SentimentModel, reviews: Reviews) -> Float[Tensor, "batch d_model"]:
    """The model's average vector of each review: what its hidden layer gets to see."""
    return model.pool(model.embed(reviews.tokens)).detach()


def decodability(model: SentimentModel, name: str, seed: int = 0) -> float:
    """How well a linear probe reads a property off the averages, on fresh reviews.

    The reviews are balanced: every property is a fair coin, independent of the others. So a probe
    cannot read one property by way of another.

    Units: a share from 0 to 1; .5 is guessing.
    """
    generator = torch.Generator().manual_seed(seed)
    reviews = draw_reviews(4000, generator, agree=0.5, irony=0.5)
    acts = pooled_acts(model, reviews)
    return held_out_accuracy(LinearProbe(acts.shape[-1]), acts, getattr(reviews, name))


def flips_when_swapped(
    model: SentimentModel, reviews: Reviews, name: str
) -> Float[Tensor, " batch"]:
    """1 for each review whose verdict changes when one property of it is swapped in the input."""
    return flips(model.predict(reviews.tokens), model.predict(swap(reviews, name).tokens))


def flips_when_swapped_along(
    model: SentimentModel, reviews: Reviews, name: str, direction: Float[Tensor, " d_model"]
) -> Float[Tensor, " batch"]:
    """1 for each review whose verdict changes when its average gets the swapped one's coordinate.

    Only what lies along the direction is swapped. If the model carries the property there and
    nowhere else, as many verdicts flip as when the input is swapped.
    """
    here, there = pooled_acts(model, reviews), pooled_acts(model, swap(reviews, name))
    after = model.logits_from_pooled(swap_direction(here, there, direction)).argmax(dim=-1)
    return flips(model.predict(reviews.tokens), after)
