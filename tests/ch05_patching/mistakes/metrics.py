"""Mistakes in the logit difference (5.2) and the rank (5.4), and right answers."""

from tests.grading.mistakes import mistakes, right_answers

BOTH = "return gather_answer({0}, answer) - gather_answer({0}, wrong)"
EACH = BOTH.format("logits").replace("return", "each =") + "\n"
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
        "Is it one number for all prompts? Each prompt has its own difference.": [
            EACH + "return each.mean(-1)",
            EACH + "return each.mean()",
        ],
        "Is every prompt paired with every answer? Each has its own: use gather_answer.": (
            "return logits[..., answer] - logits[..., wrong]"
        ),
        "Is the first axis taken for the prompts? Patches may come before them.": (
            "row = torch.arange(len(answer))\nreturn logits[row, answer] - logits[row, wrong]"
        ),
        "Is the largest logit subtracted? Subtract the wrong answer's.": (
            "return gather_answer(logits, answer) - logits.amax(-1)"
        ),
        "Is a mean over tokens subtracted? Subtract the wrong answer's logit.": [
            "return gather_answer(logits, answer) - logits.mean(-1)",
            "own = gather_answer(logits, answer)\n"
            "return own - (logits.sum(-1) - own) / (logits.shape[-1] - 1)",
        ],
        "These are the log-odds of the answer. Subtract the logit of the wrong answer.": [
            "return probability(logits, answer).logit()",
            "own = probability(logits, answer)\nreturn (own / (1 - own)).log()",
            "own = probability(logits, answer)\nreturn own.log() - (1 - own).log()",
        ],
        "Is this the logarithm of a difference of probabilities? Subtract logits.": (
            "return (probability(logits, answer) - probability(logits, wrong)).log()"
        ),
        "Is this a log-probability minus a logit? Subtract logits.": [
            "return gather_answer(logits.log_softmax(-1), answer) - gather_answer(logits, wrong)",
            "return gather_answer(logits, answer) - gather_answer(logits.log_softmax(-1), wrong)",
        ],
        "Are these probabilities among the two answers alone? Subtract logits.": [
            EACH + "return each.sigmoid()",
            EACH + "return (each / 2).tanh()",
        ],
        "This is a ratio of the two logits. Subtract them.": (
            BOTH.format("logits").replace(" - ", " / ")
        ),
        "This is the sum of the two logits. Subtract them.": (
            BOTH.format("logits").replace(" - ", " + ")
        ),
        "Is the difference halved? It is a plain difference of two logits.": EACH
        + "return each / 2",
        "Is the difference divided by the size of the logits? It is a plain difference.": [
            EACH + "return each / (gather_answer(logits, answer) + gather_answer(logits, wrong))",
            EACH + "return each / logits.std(-1)",
            EACH + "return each / logits.norm(dim=-1)",
        ],
        "This is 0 everywhere. Is the answer's logit subtracted from itself?": (
            EACH + "return 0 * each"
        ),
        "Is a softmax taken over another axis than the tokens? None is needed.": [
            BOTH.format(f"logits.{name}({axis})")
            for name in ("softmax", "log_softmax")
            for axis in (0, -2)
        ],
        "Is the difference cut off at 0? Below 0 the wrong answer leads.": (
            EACH + "return each.clamp(min=0)"
        ),
        "Is the mean over prompts subtracted? Return the difference of each prompt.": (
            EACH + "return each - each.mean(-1, keepdim=True)"
        ),
        "Is the precision lower than that of the logits?": [
            EACH + "return each.half()",
            EACH + "return each.bfloat16()",
        ],
        "Is the difference squared? It may have any sign.": EACH + "return each**2",
        "This is the lead over the best other token. The wrong answer is an argument.": (
            "others = logits.scatter(-1, answer.expand(logits.shape[:-1])[..., None], -torch.inf)\n"
            "return gather_answer(logits, answer) - others.max(dim=-1).values"
        ),
        "Is this the logit of the best token, and not of the answer?": (
            "return logits.amax(-1) - gather_answer(logits, wrong)"
        ),
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
        "Do the ranks count from the lowest logit? Rank 0 is the highest.": [
            ANSWER + "return logits.shape[-1] - (logits > own).sum(-1)",
            ANSWER + "return logits.shape[-1] - 1 - (logits > own).sum(-1)",
            "return gather_answer(logits.argsort(-1, stable=True).argsort(-1), answer)",
            "return (logits.argsort(-1, stable=True) == answer[:, None]).int().argmax(-1)",
        ],
        "A rank is a whole number. Is it divided, or a float?": [
            ANSWER + "return (logits > own).float().sum(-1)",
            ANSWER + "return (logits > own).double().sum(-1)",
        ],
        "Is the axis of tokens kept with size 1? Drop it.": (
            ANSWER + "return (logits > own).sum(-1, keepdim=True)"
        ),
        "Is there one rank for all prompts? Each prompt has its own.": (
            ANSWER + "return (logits > own).sum()"
        ),
        "Is the sum taken over prompts? Count tokens, the last axis.": (
            ANSWER + "return (logits > own).sum(dim=-2)"
        ),
        "Does the answer's logit lack an axis? With [..., None] it lines up with all tokens.": (
            "return (logits > gather_answer(logits, answer)).sum(dim=-1)"
        ),
        "Are logits compared with the number of the token? Compare them with its logit.": (
            "return (logits > answer[:, None]).sum(dim=-1)"
        ),
        "Do tokens with equal logits count once? Each token counts.": (
            ANSWER + "ordered = logits.sort(dim=-1).values\n"
            "first = torch.ones_like(ordered, dtype=torch.bool)\n"
            "first[..., 1:] = ordered[..., 1:] != ordered[..., :-1]\n"
            "return (first & (ordered > own)).sum(-1)"
        ),
        "Are sizes compared without their signs?": (
            ANSWER + "return (logits.abs() > own.abs()).sum(-1)"
        ),
        "Do all prompts use the first one's answer? Each has its own.": (
            "return (logits > logits[..., answer[0], None]).sum(-1)"
        ),
        "Is the first axis taken for the prompts? Patches may come before them.": [
            "return torch.stack([(row > row[a]).sum() for row, a in zip(logits, answer)])",
            "own = logits[torch.arange(len(answer)), answer]\n"
            "return (logits > own[..., None]).sum(-1)",
        ],
        "argsort in ascending order gives the token at each place.": (
            "return gather_answer(logits.argsort(dim=-1, stable=True), answer)"
        ),
        "This is whether the answer is the best token, not its rank.": [
            "return (logits.argmax(-1) != answer).long()",
            ANSWER + "return (logits.amax(-1, keepdim=True) > own).sum(-1)",
            ANSWER + "return (logits > own).any(-1).long()",
        ],
        "Are only some of the best tokens searched (topk)? The rank may be larger.": [
            f"top = logits.topk(min({k}, logits.shape[-1])).indices == answer[:, None]\n"
            "return top.int().argmax(-1)"
            for k in (5, 10)
        ],
        "Is a small difference taken for a tie?": [
            ANSWER + "return ((logits > own) & ~torch.isclose(logits, own)).sum(-1)",
            ANSWER + "return (logits > own + 1e-6).sum(-1)",
            ANSWER + "return (logits - own > 1e-8).sum(-1)",
        ],
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
]
