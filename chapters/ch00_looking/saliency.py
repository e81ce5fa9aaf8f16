"""Saliency: attribute a score to the entries of the input embedding.

A score is a function of the embedded tokens that returns one number per review. Every method here
returns one number per entry of the embedding; `per_token` sums them over each token.

1. gradient: the derivative of the score with respect to an entry;
2. gradient x input: the derivative times the entry;
3. integrated gradients: the mean derivative on the path from a baseline, times the difference;
4. SmoothGrad: the mean derivative over noisy copies of the input.

Axes: batch, pos, d_model.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from .sentiment_model import SentimentModel
from .tensors import score_of_answer

Embedded = Float[Tensor, "batch pos d_model"]
Score = Callable[[Embedded], Float[Tensor, " batch"]]


def input_gradient(score: Score, embedded: Embedded) -> Embedded:
    """Differentiate each review's score with respect to its own embedding.

    No gradient is stored in the argument or in the weights of the model.

    Source: Simonyan et al. 2013, "Deep Inside Convolutional Networks".
    """
    # exercise 0.5
    raise NotImplementedError("exercise 0.5")


def gradient_times_input(score: Score, embedded: Embedded) -> Embedded:
    """Multiply the gradient by the input, entry by entry.

    For a linear score this is the exact contribution of each entry.

    Source: Shrikumar et al. 2016, "Not Just a Black Box".
    """
    # exercise 0.5
    raise NotImplementedError("exercise 0.5")


def integrated_gradients(
    score: Score, embedded: Embedded, baseline: Embedded, steps: int
) -> Embedded:
    """Multiply embedded - baseline by the mean gradient on the straight path between them.

    The mean is taken at the midpoints of `steps` equal intervals of the path (midpoint rule).
    Completeness: the attributions of all entries of a review sum to score(embedded) -
    score(baseline), up to the error of the rule.

    Raises: ValueError when steps is below 1.
    Source: Sundararajan et al. 2017, "Axiomatic Attribution for Deep Networks".
    """
    if steps < 1:
        raise ValueError(f"expected steps >= 1, got {steps}")
    # exercise 0.6
    raise NotImplementedError("exercise 0.6")


def smooth_grad(
    score: Score, embedded: Embedded, noise: float, n_samples: int, generator: torch.Generator
) -> Embedded:
    """Average the gradient over copies of the input, each with Gaussian noise of its own.

    noise: standard deviation of the noise added to every entry.

    Raises: ValueError when noise is negative or n_samples below 1.
    Source: Smilkov et al. 2017, "SmoothGrad".
    Differs: the noise is not scaled by the range of the input.
    """
    if noise < 0 or n_samples < 1:
        raise ValueError(
            f"expected noise >= 0 and n_samples >= 1, got noise {noise} and n_samples {n_samples}"
        )
    # exercise 0.7
    raise NotImplementedError("exercise 0.7")


def per_token(attribution: Embedded) -> Float[Tensor, "batch pos"]:
    """Sum an attribution over the entries of each token."""
    return attribution.sum(dim=-1)


def logit_score(model: SentimentModel, answer: Int[Tensor, " batch"]) -> Score:
    """Return the score "logit of the answer minus the other logit"."""
    return lambda embedded: score_of_answer(model.logits_from_embedded(embedded), answer)


def probability_score(model: SentimentModel, answer: Int[Tensor, " batch"]) -> Score:
    """Return the score "probability of the answer"; it saturates where the model is confident."""
    return lambda embedded: logit_score(model, answer)(embedded).sigmoid()
