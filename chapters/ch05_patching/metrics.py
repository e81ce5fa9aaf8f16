"""What a patch did, as one number for each prompt.

Logits are those at the position of the prediction. Each docstring says the range and which way is
better. Averages over prompts come last: normalise a mean effect by a mean effect (`normalized_recovery`),
never average normalised effects, because a prompt on which clean and corrupted hardly differ would
outweigh all others.
Source: Zhang and Nanda 2023, "Towards Best Practices of Activation Patching in Language Models".
"""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from ..ch02_transformer import HookedTransformer

Logits = Float[Tensor, "*version batch d_vocab"]
Scores = Float[Tensor, "*version batch"]
Answers = Int[Tensor, " batch"]
Read = Callable[[Float[Tensor, "version batch d_model"]], Float[Tensor, "version batch"]]


def gather_answer(
    x: Shaped[Tensor, "*version batch d_vocab"], answer: Answers
) -> Shaped[Tensor, "*version batch"]:
    """The entry of each prompt's own answer."""
    return x.gather(-1, answer.expand(x.shape[:-1])[..., None])[..., 0]


def logit_diff(logits: Logits, answer: Answers, wrong: Answers) -> Scores:
    """Logit of the right answer minus the logit of the wrong one.

    What raises or lowers both alike drops out. A head that writes against the answer shows, which a
    probability near its floor or ceiling hides.

    Units: logits; any sign, higher is better, 0 is a tie.
    """
    # exercise 5.2
    raise NotImplementedError("exercise 5.2")


def probability(logits: Logits, answer: Answers) -> Scores:
    """Probability of the answer: 0 to 1, higher is better."""
    return gather_answer(logits.softmax(dim=-1), answer)


def kl_divergence(patched: Logits, clean: Float[Tensor, "batch d_vocab"]) -> Scores:
    """KL(clean || patched): what it costs to predict with the patched model when the clean is true.

    The clean distribution weighs. The other way round a token that the patch made impossible would
    cost nothing.

    Units: nats, 0 or more; lower is better, 0 means that nothing has changed.
    """
    # exercise 5.3
    raise NotImplementedError("exercise 5.3")


def rank_of_answer(logits: Logits, answer: Answers) -> Int[Tensor, "*version batch"]:
    """How many tokens are likelier than the answer: 0 is the best, d_vocab - 1 the worst.

    Tokens that tie with the answer do not count.
    """
    # exercise 5.4
    raise NotImplementedError("exercise 5.4")


def normalized_recovery(
    patched: Scores, clean: Float[Tensor, " batch"], corrupted: Float[Tensor, " batch"]
) -> Float[Tensor, "*version"]:
    """Share of the way from corrupted to clean that a patch goes, over all prompts together.

    (mean patched - mean corrupted) / (mean clean - mean corrupted): a ratio of means.

    Units: 1 is the clean run, 0 the corrupted one; below 0 and above 1 are possible and legitimate.
    Raises: ValueError when clean and corrupted score the same.
    """
    span = clean.mean(dim=-1) - corrupted.mean(dim=-1)
    if (span == 0).any():
        raise ValueError("clean and corrupted runs score the same, so there is nothing to recover")
    # exercise 5.5
    raise NotImplementedError("exercise 5.5")


def logit_diff_from_resid(model: HookedTransformer, answer: Answers, wrong: Answers) -> Read:
    """Logit difference from the stream after the last block, without any other logit.

    A vocabulary of 49,152 costs more than several layers; a difference needs one direction of it.
    """
    W_U, b_U = model.unembed.W_U.detach(), model.unembed.b_U.detach()
    direction, bias = (W_U[:, answer] - W_U[:, wrong]).T, b_U[answer] - b_U[wrong]
    return lambda stream: (model.ln_final(stream) * direction).sum(dim=-1) + bias


def metric_from_logits(model: HookedTransformer, metric: Callable[[Logits], Scores]) -> Read:
    """Any metric, from all logits, one version at a time to spare memory."""
    return lambda stream: torch.stack(
        [metric(model.unembed_resid(one[:, None])[:, 0]) for one in stream]
    )
