"""Metrics of a patch: one number per prompt, from the logits at the last position.

Each docstring gives the range and which direction is better. Average over prompts last: normalize a
mean effect by a mean effect (`normalized_recovery`). A mean of normalized effects would be
dominated by prompts on which the clean and corrupted runs hardly differ.
Logits of half precision are converted to float32, and NaN and infinity are refused.
Axes: *patch (any leading axes), batch, d_vocab.
Source: Zhang and Nanda 2023, "Towards Best Practices of Activation Patching in Language Models".
"""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from ..ch00_looking.checks import check_finite, check_token_ids
from ..ch02_transformer import HookedTransformer
from ..ch02_transformer.norms import at_least_float32
from ..ch02_transformer.padding import Mask, last_token
from ..ch03_circuits import lens

Logits = Float[Tensor, "*patch batch d_vocab"]
Scores = Float[Tensor, "*patch batch"]
Answers = Int[Tensor, " batch"]
ResidMetric = Callable[[Float[Tensor, "patch batch d_model"]], Float[Tensor, "patch batch"]]
"""A metric computed from the residual stream after the last block, at the last position."""


def check_logits(logits: Tensor, answers: int) -> Tensor:
    """Return logits in float32 at least, if they are finite and at one position per prompt.

    Raises: ValueError otherwise; also for logits [n, n, d_vocab] of n prompts, where n patches
        look the same as n positions.
    """
    ambiguous = answers > 1 and logits.shape[:-1] == (answers, answers)
    if logits.ndim < 2 or logits.shape[-2] != answers or ambiguous:
        raise ValueError(
            f"expected logits [..., {answers}, d_vocab] at one position per prompt, got "
            f"{list(logits.shape)}; select the last position with logits[:, -1], or mark "
            f"{answers} patches of {answers} prompts by another axis, logits[None]"
        )
    check_finite(logits, "logits", allow_minus_inf=True)
    return at_least_float32(logits)


def gather_answer(
    x: Shaped[Tensor, "*patch batch d_vocab"], answer: Answers
) -> Shaped[Tensor, "*patch batch"]:
    """Select the entry of each prompt's own answer.

    Raises: ValueError for answers outside the vocabulary.
    """
    check_token_ids(answer, x.shape[-1], "answers")
    index = answer.expand(x.shape[:-1])[..., None]  # [*patch, batch, 1]
    return x.gather(-1, index)[..., 0]


def logit_diff(logits: Logits, answer: Answers, wrong: Answers) -> Scores:
    """Compute the logit of the right answer minus the logit of the wrong one.

    A change that both logits share cancels. Heads that write against the answer show up, which a
    probability near 0 or 1 hides.

    Units: logits; any sign, higher is better, 0 means both answers are equally likely.
    """
    logits = check_logits(logits, len(answer))
    # exercise 5.2
    return gather_answer(logits, answer) - gather_answer(logits, wrong)


def probability(logits: Logits, answer: Answers) -> Scores:
    """Compute the probability of the answer: 0 to 1, higher is better."""
    return gather_answer(check_logits(logits, len(answer)).softmax(dim=-1), answer)


def kl_divergence(patched: Logits, clean: Float[Tensor, "batch d_vocab"]) -> Scores:
    """Compute KL(clean || patched) from logits, with the formula of exercise 3.6.

    The clean distribution is the one to be kept, so it gives the weights of the log-ratios. With
    the two exchanged, a token that the patch makes impossible would cost nothing.

    Units: nats, 0 or more; lower is better, 0 means that the prediction is unchanged.
    """
    patched, clean = (check_logits(logits, len(clean)) for logits in (patched, clean))
    # exercise 5.3
    return lens.kl_divergence(guess=patched, final=clean.expand_as(patched))


def rank_of_answer(logits: Logits, answer: Answers) -> Int[Tensor, "*patch batch"]:
    """Count the tokens with a higher logit than the answer: 0 is best, d_vocab - 1 worst.

    Tokens that tie with the answer are not counted.
    """
    logits = check_logits(logits, len(answer))
    # exercise 5.4
    return (logits > gather_answer(logits, answer)[..., None]).sum(dim=-1)


def normalized_recovery(
    patched: Scores, clean: Float[Tensor, " batch"], corrupted: Float[Tensor, " batch"]
) -> Float[Tensor, "*patch"]:
    """Compute the share of the gap between corrupted and clean that a patch closes.

    (mean patched - mean corrupted) / (mean clean - mean corrupted): a ratio of means over prompts.

    Units: 1 for the clean run, 0 for the corrupted run; below 0 and above 1 are possible.
    Raises: ValueError when the clean and corrupted means are equal, or a score is not finite.
    """
    for scores in (patched, clean, corrupted):
        check_finite(scores, "scores")
    patched, clean, corrupted = map(at_least_float32, (patched, clean, corrupted))
    span = clean.mean(dim=-1) - corrupted.mean(dim=-1)
    if (span == 0).any():
        raise ValueError(
            f"expected different mean scores of the clean and corrupted runs, got "
            f"{clean.mean():.4g} for both; there is no effect to recover"
        )
    # exercise 5.5
    return (patched.mean(dim=-1) - corrupted.mean(dim=-1)) / span


def final_norm(model: HookedTransformer, resid: Tensor) -> Tensor:
    """Apply the final norm to residual streams without an axis of positions.

    Raises: ValueError for a hook there, which would expect that axis.
    """
    points = model.find_points(["ln_final.hook_scale", "ln_final.hook_normalized"])
    if any(point.hooks for point in points):
        raise ValueError(
            "expected no hooks at ln_final around a metric of the residual stream, got one; it "
            "would not see [batch, pos, ...]: use run_with_hooks, and a metric of its logits"
        )
    return model.ln_final(resid)


def logit_diff_from_resid(model: HookedTransformer, answer: Answers, wrong: Answers) -> ResidMetric:
    """Return a metric that computes the logit difference without the other logits.

    A vocabulary of 49,152 costs more than several layers, but the difference needs only one
    direction of the residual stream per prompt. Where the logits are capped, all are computed.

    Raises: ValueError for answers outside the vocabulary.
    """
    for tokens in (answer, wrong):
        check_token_ids(tokens, model.config.d_vocab, "answers")
    if not model.unembed.linear:
        return metric_from_logits(model, lambda logits: logit_diff(logits, answer, wrong))
    W_U, b_U = model.unembed.W_U.detach(), model.unembed.b_U.detach()
    direction = at_least_float32(W_U[:, answer] - W_U[:, wrong]).T  # [batch, d_model]
    bias = b_U[answer] - b_U[wrong]
    return lambda resid: (final_norm(model, resid) * direction).sum(dim=-1) + bias


def metric_from_logits(model: HookedTransformer, metric: Callable[[Logits], Scores]) -> ResidMetric:
    """Return a metric that computes all logits first, one patch at a time to save memory."""
    return lambda resid: torch.stack(
        [metric(model.unembed(final_norm(model, one[:, None]))[:, 0]) for one in resid]
    )


@torch.no_grad()
def unpatched(
    model: HookedTransformer,
    tokens: Int[Tensor, "batch pos"],
    metric: ResidMetric,
    mask: Mask | None = None,
) -> Float[Tensor, " batch"]:
    """Compute a metric of the prompts themselves, with nothing patched.

    Raises: ValueError where it is NaN or infinite.
    """
    resid = model(tokens, stop_at_layer=len(model.blocks), mask=mask)
    scores = metric(last_token(resid, mask)[None])[0]
    check_finite(scores, "scores of the metric")
    return scores
