"""Warm-up: three small functions on tensors with named axes.

The signature of every function names the axes of its tensors. `Float[Tensor, "batch pos d_model"]`
holds, for each review (batch) and each of its tokens (pos), a vector of d_model numbers.
"""

from einops import einsum
from jaxtyping import Float, Int
from torch import Tensor


def mean_over_positions(
    embedded: Float[Tensor, "batch pos d_model"],
) -> Float[Tensor, "batch d_model"]:
    """Average the token vectors of each review; the order of the tokens is lost."""
    # exercise 0.1
    return embedded.mean(dim=1)


def per_head(
    x: Float[Tensor, "batch pos d_model"], W: Float[Tensor, "head d_model d_head"]
) -> Float[Tensor, "batch pos head d_head"]:
    """Multiply each vector by the matrix of each head, without a loop.

    The result at [b, p, h] is x[b, p] @ W[h].
    """
    # exercise 0.2
    return einsum(x, W, "batch pos d_model, head d_model d_head -> batch pos head d_head")


def score_of_answer(
    logits: Float[Tensor, "batch d_out"], answer: Int[Tensor, " batch"]
) -> Float[Tensor, " batch"]:
    """Subtract the mean of the other logits from the logit of the answer.

    A constant added to every logit changes neither the probabilities nor this score. With two
    logits the score is their difference.

    Units: logits; 0 when the answer's logit equals the mean of the others, positive
    when it is larger.
    Raises: ValueError with fewer than two logits, because there is nothing to compare with.
    """
    if logits.shape[-1] < 2:
        raise ValueError(f"expected at least two logits, got d_out = {logits.shape[-1]}")
    # exercise 0.3
    own = logits.gather(-1, answer[:, None]).squeeze(-1)
    others = (logits.sum(dim=-1) - own) / (logits.shape[-1] - 1)
    return own - others
