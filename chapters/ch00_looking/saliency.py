"""The second way: which parts of the input does the answer depend on?

A score is a function of the embedded tokens that gives one number for each review. Every method
here returns one number for each entry of the embedding; `per_token` adds them up.

1. gradient: how fast the score changes when an entry moves;
2. gradient x input: the same, times how large the entry is;
3. integrated gradients: the gradient's mean on the way from a baseline, times the way;
4. SmoothGrad: the gradient's mean over noisy copies.

Axes: batch, pos, d_model.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from .sentiment_model import SentimentModel
from .tensors import score_of_answer

Score = Callable[[Float[Tensor, "batch pos d_model"]], Float[Tensor, " batch"]]


def input_gradient(
    score: Score, embedded: Float[Tensor, "batch pos d_model"]
) -> Float[Tensor, "batch pos d_model"]:
    """Gradient of each review's score by each entry of its embedding.

    Nothing else collects a gradient: neither the tensor that came in nor the weights of the model.

    Source: Simonyan et al. 2013, "Deep Inside Convolutional Networks".
    """
    # exercise 0.5
    raise NotImplementedError("exercise 0.5")


def gradient_times_input(
    score: Score, embedded: Float[Tensor, "batch pos d_model"]
) -> Float[Tensor, "batch pos d_model"]:
    """The gradient, times the entry itself: what the score would lose if it were linear.

    Source: Shrikumar et al. 2016, "Not Just a Black Box".
    """
    # exercise 0.5
    raise NotImplementedError("exercise 0.5")


def integrated_gradients(
    score: Score,
    embedded: Float[Tensor, "batch pos d_model"],
    baseline: Float[Tensor, "batch pos d_model"],
    steps: int,
) -> Float[Tensor, "batch pos d_model"]:
    """The way from the baseline to the input, times the mean gradient along it.

    The mean is taken at the middles of `steps` equal pieces of the straight line (midpoint rule).
    Complete: over all entries of a review it sums to score(embedded) - score(baseline), up to what
    the rule misses between its points.

    Raises: ValueError when steps is below 1.
    Source: Sundararajan et al. 2017, "Axiomatic Attribution for Deep Networks".
    """
    if steps < 1:
        raise ValueError(f"expected at least one step, but steps is {steps}")
    # exercise 0.6
    raise NotImplementedError("exercise 0.6")


def smooth_grad(
    score: Score,
    embedded: Float[Tensor, "batch pos d_model"],
    noise: float,
    n_samples: int,
    generator: torch.Generator,
) -> Float[Tensor, "batch pos d_model"]:
    """Mean gradient over copies of the input with Gaussian noise added, each copy with its own.

    noise: the standard deviation of what is added to every entry.

    Raises: ValueError when noise is negative or n_samples below 1.
    Source: Smilkov et al. 2017, "SmoothGrad".
    Differs: the noise is not scaled by the range of the input.
    """
    if noise < 0 or n_samples < 1:
        raise ValueError(
            f"expected noise >= 0 and n_samples >= 1, but {noise} and {n_samples} came"
        )
    # exercise 0.7
    raise NotImplementedError("exercise 0.7")


def per_token(
    attribution: Float[Tensor, "batch pos d_model"],
) -> Float[Tensor, "batch pos"]:
    """One number a token: the sum over its entries."""
    return attribution.sum(dim=-1)


def logit_score(model: SentimentModel, answer: Int[Tensor, " batch"]) -> Score:
    """The score that asks how far the answer's logit stands above the other one."""
    return lambda embedded: score_of_answer(model.logits_from_embedded(embedded), answer)


def probability_score(model: SentimentModel, answer: Int[Tensor, " batch"]) -> Score:
    """The score that asks for the probability of the answer; it is flat where the model is sure."""
    return lambda embedded: logit_score(model, answer)(embedded).sigmoid()
