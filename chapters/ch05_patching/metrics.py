"""Metrics of a patch: one number per prompt, from the logits at the last position.

Each docstring gives the range and which direction is better. Average over prompts last: normalize a
mean effect by a mean effect (`normalized_recovery`). A mean of normalized effects would be
dominated by prompts on which the clean and corrupted runs hardly differ.
Axes: *patch (any leading axes), batch, d_vocab.
Source: Zhang and Nanda 2023, "Towards Best Practices of Activation Patching in Language Models".
"""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from ..ch02_transformer import HookedTransformer
from ..ch03_circuits import lens

Logits = Float[Tensor, "*patch batch d_vocab"]
Scores = Float[Tensor, "*patch batch"]
Answers = Int[Tensor, " batch"]
ResidMetric = Callable[[Float[Tensor, "patch batch d_model"]], Float[Tensor, "patch batch"]]
"""A metric computed from the residual stream after the last block, at the last position."""


def gather_answer(
    x: Shaped[Tensor, "*patch batch d_vocab"], answer: Answers
) -> Shaped[Tensor, "*patch batch"]:
    """Select the entry of each prompt's own answer."""
    index = answer.expand(x.shape[:-1])[..., None]  # [*patch, batch, 1]
    return x.gather(-1, index)[..., 0]


def logit_diff(logits: Logits, answer: Answers, wrong: Answers) -> Scores:
    """Compute the logit of the right answer minus the logit of the wrong one.

    A change that both logits share cancels. Heads that write against the answer show up, which a
    probability near 0 or 1 hides.

    Units: logits; any sign, higher is better, 0 means both answers are equally likely.
    """
    # exercise 5.2
    raise NotImplementedError("exercise 5.2")


def probability(logits: Logits, answer: Answers) -> Scores:
    """Compute the probability of the answer: 0 to 1, higher is better."""
    return gather_answer(logits.softmax(dim=-1), answer)


def kl_divergence(patched: Logits, clean: Float[Tensor, "batch d_vocab"]) -> Scores:
    """Compute KL(clean || patched) from logits, with the formula of exercise 3.6.

    The clean distribution is the one to be kept, so it gives the weights of the log-ratios. With
    the two exchanged, a token that the patch makes impossible would cost nothing.

    Units: nats, 0 or more; lower is better, 0 means that the prediction is unchanged.
    """
    # exercise 5.3
    raise NotImplementedError("exercise 5.3")


def rank_of_answer(logits: Logits, answer: Answers) -> Int[Tensor, "*patch batch"]:
    """Count the tokens with a higher logit than the answer: 0 is best, d_vocab - 1 worst.

    Tokens that tie with the answer are not counted.
    """
    # exercise 5.4
    raise NotImplementedError("exercise 5.4")


def normalized_recovery(
    patched: Scores, clean: Float[Tensor, " batch"], corrupted: Float[Tensor, " batch"]
) -> Float[Tensor, "*patch"]:
    """Compute the share of the gap between corrupted and clean that a patch closes.

    (mean patched - mean corrupted) / (mean clean - mean corrupted): a ratio of means over prompts.

    Units: 1 for the clean run, 0 for the corrupted run; below 0 and above 1 are possible.
    Raises: ValueError when the clean and corrupted means are equal.
    """
    span = clean.mean(dim=-1) - corrupted.mean(dim=-1)
    if (span == 0).any():
        raise ValueError(
            f"expected different mean scores of the clean and corrupted runs, got "
            f"{clean.mean():.4g} for both; there is no effect to recover"
        )
    # exercise 5.5
    raise NotImplementedError("exercise 5.5")


def logit_diff_from_resid(model: HookedTransformer, answer: Answers, wrong: Answers) -> ResidMetric:
    """Return a metric that computes the logit difference without the other logits.

    A vocabulary of 49,152 costs more than several layers, but the difference needs only one
    direction of the residual stream per prompt.
    """
    W_U, b_U = model.unembed.W_U.detach(), model.unembed.b_U.detach()
    direction = (W_U[:, answer] - W_U[:, wrong]).T  # [batch, d_model]
    bias = b_U[answer] - b_U[wrong]
    return lambda resid: (model.ln_final(resid) * direction).sum(dim=-1) + bias


def metric_from_logits(model: HookedTransformer, metric: Callable[[Logits], Scores]) -> ResidMetric:
    """Return a metric that computes all logits first, one patch at a time to save memory."""
    return lambda resid: torch.stack(
        [metric(model.unembed_resid(one[:, None])[:, 0]) for one in resid]
    )


@torch.no_grad()
def unpatched(
    model: HookedTransformer, tokens: Int[Tensor, "batch pos"], metric: ResidMetric
) -> Float[Tensor, " batch"]:
    """Compute a metric of the prompts themselves, with nothing patched."""
    resid = model(tokens, stop_at_layer=len(model.blocks))
    return metric(resid[None, :, -1])[0]
