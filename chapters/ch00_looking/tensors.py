"""Warm-up: three small functions on tensors whose axes have names.

Every tensor of this course says in its signature what its axes are: `Float[Tensor, "batch pos
d_model"]` has one row for each review (batch), in it one for each token (pos), and in that d_model
numbers. Written out like that, most operations can be read off the shapes.
"""

from einops import einsum
from jaxtyping import Float, Int
from torch import Tensor


def mean_over_positions(
    embedded: Float[Tensor, "batch pos d_model"],
) -> Float[Tensor, "batch d_model"]:
    """The average vector of each review: what its tokens have in common, without their order."""
    # exercise 0.1
    raise NotImplementedError("exercise 0.1")


def per_head(
    x: Float[Tensor, "batch pos d_model"], W: Float[Tensor, "head d_model d_head"]
) -> Float[Tensor, "batch pos head d_head"]:
    """Multiply each vector by the matrix of each head, all of them at once.

    The result at [b, p, h] is x[b, p] @ W[h].
    """
    # exercise 0.2
    raise NotImplementedError("exercise 0.2")


def score_of_answer(
    logits: Float[Tensor, "batch d_out"], answer: Int[Tensor, " batch"]
) -> Float[Tensor, " batch"]:
    """How far the logit of an answer stands above the mean of all the other logits.

    A constant added to every logit changes no probability, and does not change this number either.
    With two logits it is their difference.

    Units: logits; 0 when the answer is as likely as the others, higher for more.
    Raises: ValueError with fewer than two logits, when there is nothing to compare with.
    """
    if logits.shape[-1] < 2:
        raise ValueError(f"expected two logits or more, but d_out is {logits.shape[-1]}")
    # exercise 0.3
    raise NotImplementedError("exercise 0.3")
