"""Mistakes in the metrics of 5.2 to 5.5, and right answers written another way."""

from tests.grading.mistakes import mistakes, right_answers

BOTH = "return gather_answer({0}, answer) - gather_answer({0}, wrong)"
LOGS = "p, q = clean.log_softmax(-1), patched.log_softmax(-1)\n"
PROBABILITIES = "p, q = clean.softmax(-1), patched.softmax(-1)\n"
ANSWER = "own = gather_answer(logits, answer)[..., None]\n"

DIFFERENCE = mistakes(
    "5.2",
    "logit_diff",
    {
        "Is the sign flipped? It is the answer's logit minus the wrong one's.": (
            "return gather_answer(logits, wrong) - gather_answer(logits, answer)"
        ),
        "Are these differences of probabilities? Subtract logits.": BOTH.format(
            "logits.softmax(-1)"
        ),
        "Are these logarithms of probabilities? One that underflows is -inf: subtract logits.": (
            "return probability(logits, answer).log() - probability(logits, wrong).log()"
        ),
        "Is a probability kept above a small number? Subtract logits.": [
            BOTH.format("logits.softmax(-1).clamp(min=1e-9).log()"),
            BOTH.format("logits.softmax(-1).clamp(min=1e-12).log()"),
            BOTH.format("(logits.softmax(-1) + 1e-9).log()"),
        ],
        "Are the logits centered in place? The caller still uses them.": (
            "logits -= logits.mean(-1, keepdim=True)\n" + BOTH.format("logits")
        ),
        "This is the answer's logit alone. Subtract the logit of the wrong answer.": (
            "return gather_answer(logits, answer)"
        ),
        "This is the wrong answer's logit alone.": "return gather_answer(logits, wrong)",
        "This is the probability of the answer.": "return probability(logits, answer)",
        "This is the log-probability of the answer.": (
            "return gather_answer(logits.log_softmax(-1), answer)"
        ),
        "Is this an absolute value? A difference below 0 means that the wrong answer leads.": (
            BOTH.format("logits").replace("return ", "return (") + ").abs()"
        ),
        "Do all prompts use the first one's answer? Each has its own.": (
            "return logits[..., answer[0]] - logits[..., wrong[0]]"
        ),
        "This is the mean over prompts. Each prompt has its own difference.": (
            BOTH.format("logits").replace("return", "each =")
            + "\nreturn torch.zeros_like(each) + each.mean()"
        ),
        "This is the lead over the best other token. The wrong answer is an argument.": (
            "others = logits.scatter(-1, answer.expand(logits.shape[:-1])[..., None], -torch.inf)\n"
            "return gather_answer(logits, answer) - others.max(dim=-1).values"
        ),
        "Is this the logit of the best token, and not of the answer?": (
            "return logits.amax(-1) - gather_answer(logits, wrong)"
        ),
    },
)
DIVERGENCE = mistakes(
    "5.3",
    "kl_divergence",
    {
        "This is KL(patched || clean): the clean distribution gives the weights.": [
            LOGS + "return (q.exp() * (q - p)).sum(dim=-1)",
            "p, q = clean.log_softmax(-1).expand_as(patched), patched.softmax(-1)\n"
            "return torch.nn.functional.kl_div(p, q, reduction='none').sum(-1)",
        ],
        "The log-ratio is right, but the patched distribution gives the weights.": (
            LOGS + "return (q.exp() * (p - q)).sum(dim=-1)"
        ),
        "Is the sign flipped?": LOGS + "return (p.exp() * (q - p)).sum(dim=-1)",
        "Are both directions averaged? Only the clean distribution gives weights.": (
            LOGS + "return ((p.exp() - q.exp()) * (p - q)).sum(dim=-1) / 2"
        ),
        "Are both directions added? Only the clean distribution gives weights.": (
            LOGS + "return ((p.exp() - q.exp()) * (p - q)).sum(dim=-1)"
        ),
        "This is the mean over tokens. A divergence is a sum over them.": (
            LOGS + "return (p.exp() * (p - q)).mean(dim=-1)"
        ),
        "Is this in bits? Return nats.": (
            LOGS + "return (p.exp() * (p - q)).sum(dim=-1) / 0.6931471805599453"
        ),
        "This is the cross-entropy. Subtract the entropy of the clean run.": (
            LOGS + "return -(p.exp() * q).sum(dim=-1)"
        ),
        "Are the log-ratios summed without weights?": LOGS + "return (p - q).sum(dim=-1)",
        "Are these logits instead of log-probabilities? A shift of all logits must cancel.": (
            "return (clean.softmax(-1) * (clean - patched)).sum(dim=-1)"
        ),
        "Are these absolute or squared differences of probabilities?": [
            PROBABILITIES + "return (p - q).pow(2).sum(dim=-1)",
            PROBABILITIES + "return (p - q).abs().sum(dim=-1)",
        ],
        "Are the patches averaged? Each patch has its own divergence.": (
            "if patched.ndim > clean.ndim:\n"
            "    patched = patched.mean(dim=0, keepdim=True).expand_as(patched)\n"
            + LOGS
            + "return (p.exp() * (p - q)).sum(dim=-1)"
        ),
        "This is the mean over prompts. Each prompt has its own divergence.": (
            LOGS + "each = (p.exp() * (p - q)).sum(-1)\nreturn 0 * each + each.mean()"
        ),
        "The logarithm of a probability that underflows is -inf: use log_softmax.": (
            PROBABILITIES + "return (p * (p.log() - q.log())).sum(dim=-1)"
        ),
        "Is something added inside the logarithm? It cuts the divergence off: use log_softmax.": [
            PROBABILITIES + "return (p * ((p + 1e-12) / (q + 1e-12)).log()).sum(dim=-1)",
            PROBABILITIES + "return (p * ((p + 1e-9) / (q + 1e-9)).log()).sum(dim=-1)",
            PROBABILITIES + "return (p * (p.clamp(min=1e-12) / q.clamp(min=1e-12)).log()).sum(-1)",
        ],
    },
)
RANK = mistakes(
    "5.4",
    "rank_of_answer",
    {
        "Do the ranks count from 1? The best rank is 0.": ANSWER
        + "return (logits > own).sum(-1) + 1",
        "Are ties counted, the answer itself among them? Only higher logits count.": (
            ANSWER + "return (logits >= own).sum(-1)"
        ),
        "Are tokens counted that tie with the answer?": ANSWER
        + "return (logits >= own).sum(-1) - 1",
        "Are ties decided by the order of the tokens? Tokens that tie do not count.": (
            "order = logits.argsort(dim=-1, descending=True, stable=True)\n"
            "return gather_answer(order.argsort(dim=-1), answer)"
        ),
        "Probabilities that underflow all tie at 0: compare logits.": (
            "p = logits.softmax(-1)\nreturn (p > probability(logits, answer)[..., None]).sum(-1)"
        ),
        "These are the tokens below the answer.": ANSWER + "return (logits < own).sum(-1)",
        "argsort gives the token at each place, not the place of each token.": (
            "order = logits.argsort(dim=-1, descending=True, stable=True)\n"
            "return gather_answer(order, answer)"
        ),
        "argsort in ascending order gives the token at each place.": (
            "return gather_answer(logits.argsort(dim=-1, stable=True), answer)"
        ),
        "This is whether the answer is the best token, not its rank.": (
            "return (logits.argmax(-1) != answer).long()"
        ),
    },
)
SHARE = "(patched.mean(dim=-1) - corrupted.mean()) / span"
RECOVERY = mistakes(
    "5.5",
    "normalized_recovery",
    {
        "This is the mean of ratios: average first, then divide.": (
            "return ((patched - corrupted) / (clean - corrupted)).mean(dim=-1)"
        ),
        "This is the median of ratios: average first, then divide.": (
            "return ((patched - corrupted) / (clean - corrupted)).median(dim=-1).values"
        ),
        "Are clean and corrupted exchanged? 1 is the clean run.": (
            "return (clean.mean() - patched.mean(dim=-1)) / span"
        ),
        "Is the sign flipped? Is one of the two differences reversed?": f"return -{SHARE}",
        "Is the corrupted score missing in the denominator? It is clean minus corrupted.": (
            "return (patched.mean(dim=-1) - corrupted.mean()) / clean.mean()"
        ),
        "Is the corrupted score missing in the numerator?": "return patched.mean(dim=-1) / span",
        "This is patched divided by clean. Subtract the corrupted score from both.": (
            "return patched.mean(-1) / clean.mean()"
        ),
        "Is the share cut to 0..1? Below 0 and above 1 are possible.": (
            f"return ({SHARE}).clamp(0, 1)"
        ),
        "Is the share cut at 1? More is possible.": f"return ({SHARE}).clamp(max=1)",
        "Is the share cut at 0? Less is possible.": f"return ({SHARE}).clamp(min=0)",
        "Is this an absolute value? A patch may lead away from the clean run.": (
            f"return ({SHARE}).abs()"
        ),
        "Did the denominator lose its sign? With KL the clean score is below the corrupted one.": (
            f"return {SHARE}.abs()"
        ),
        "Are the patched scores changed in place? The caller still uses them.": (
            "patched -= corrupted\nreturn patched.mean(dim=-1) / span"
        ),
        "This is the gain itself, not a share of the gap.": (
            "return patched.mean(dim=-1) - corrupted.mean()"
        ),
        "Is the mean taken over all axes? Prompts are the last one.": (
            "return ((patched.mean() - corrupted.mean()) / span).expand(patched.shape[:-1])"
        ),
    },
)
RIGHT = [
    *right_answers(
        "5.2",
        "logit_diff",
        {
            "log-probabilities": BOTH.format("logits.log_softmax(-1)"),
            "a one-hot product": (
                "eye = torch.eye(logits.shape[-1], dtype=logits.dtype)\n"
                "return (logits * (eye[answer] - eye[wrong])).sum(dim=-1)"
            ),
            "an index": (
                "row = torch.arange(len(answer))\n"
                "return logits[..., row, answer] - logits[..., row, wrong]"
            ),
        },
    ),
    *right_answers(
        "5.3",
        "kl_divergence",
        {
            "by hand": LOGS + "return (p.exp() * (p - q)).sum(dim=-1)",
            "kl_div": LOGS + "return torch.nn.functional.kl_div(\n"
            "    q, p.expand_as(q), reduction='none', log_target=True\n).sum(-1)",
            "cross-entropy minus entropy": (
                LOGS + "weights = p.exp()\nreturn (weights * p).sum(-1) - (weights * q).sum(-1)"
            ),
        },
    ),
    *right_answers(
        "5.4",
        "rank_of_answer",
        {
            "a difference": ANSWER + "return (logits - own > 0).sum(-1)",
            "sorted values": (
                "ordered = (-logits).sort(dim=-1).values.contiguous()\n"
                "own = -gather_answer(logits, answer)[..., None].contiguous()\n"
                "return torch.searchsorted(ordered, own)[..., 0]"
            ),
        },
    ),
    *right_answers(
        "5.5",
        "normalized_recovery",
        {
            "sums": "return (patched - corrupted).sum(-1) / (clean - corrupted).sum(-1)",
            "one minus the rest": "return 1 - (clean.mean() - patched.mean(dim=-1)) / span",
        },
    ),
]
