"""Mistakes in the score of the answer (0.3), and right answers written another way."""

from tests.grading.mistakes import mistakes, right_answers

GATHERED = "logits.gather(-1, answer[:, None]).squeeze(-1)"
OWN = f"own = {GATHERED}\n"
REST = OWN + "rest = (logits.sum(-1) - own) / (logits.shape[-1] - 1)\n"
SCORE = mistakes(
    "0.3",
    "score_of_answer",
    {
        "Is this minus the mean of ALL logits? The answer's own does not count.": (
            OWN + "return own - logits.mean(-1)"
        ),
        "Are the others found by their value? A logit equal to the answer's is one of them.": [
            OWN + "other = logits != own[:, None]\n"
            "return own - (logits * other).sum(-1) / other.sum(-1)",
            OWN + "other = logits != own[:, None]\n"
            "return own - (logits * other).sum(-1) / (logits.shape[-1] - 1)",
        ],
        "Is the sum of the others divided by d_out? There are d_out - 1 others.": (
            OWN + "return own - (logits.sum(-1) - own) / logits.shape[-1]"
        ),
        "This is minus the SUM of the others. Take their mean.": (
            OWN + "return own - (logits.sum(-1) - own)"
        ),
        "This is minus the LARGEST of the others. Take their mean.": (
            OWN + "others = logits.scatter(-1, answer[:, None], -torch.inf)\n"
            "return own - others.max(-1).values"
        ).replace("-torch.inf", "float('-inf')"),
        "This is minus the median of the others. Take their mean.": [
            OWN + "others = [r[r != x] for r, x in zip(logits, own)]\n"
            "return own - logits.new_tensor([float(r.median()) if len(r) else 0 for r in others])",
            OWN + "others = logits.scatter(-1, answer[:, None], float('nan'))\n"
            "return own - others.nanmedian(dim=-1).values",
        ],
        "This is minus the logsumexp of the others, the log-odds of the answer. Take their mean.": [
            OWN + "others = logits.scatter(-1, answer[:, None], float('-inf'))\n"
            "return own - others.logsumexp(-1)",
            "p = logits.softmax(-1).gather(-1, answer[:, None]).squeeze(-1)\n"
            "return p.log() - (1 - p).log()",
        ],
        "Is ONE other logit subtracted? Subtract the mean of all others.": [
            OWN + f"return own - logits.gather(-1, {other}).squeeze(-1)"
            for other in (
                "1 - answer[:, None]",
                "(1 - answer[:, None]) % logits.shape[-1]",
                "(1 - answer[:, None]).clamp(min=0)",
                "(1 - answer[:, None]).abs()",
                "(answer[:, None] + 1) % logits.shape[-1]",
                "(answer[:, None] - 1) % logits.shape[-1]",
                "(answer[:, None] == 0).long()",
            )
        ],
        "This is minus the SMALLEST logit. Subtract the mean of the others.": (
            OWN + "return own - logits.amin(-1)"
        ),
        "This is minus the SECOND largest logit. Subtract the mean of the others.": (
            OWN + "return own - logits.topk(2, dim=-1).values[:, 1]"
        ),
        "Is the sign flipped, and the mean over ALL logits? Subtract the others from the answer.": (
            OWN + "return logits.mean(-1) - own"
        ),
        "Is the answer's own logit added to the sum? Subtract it, then divide.": (
            OWN + "return own - (logits.sum(-1) + own) / (logits.shape[-1] - 1)"
        ),
        "Are the others every logit but the first? The answer's own is left out.": [
            OWN + "return own - logits[:, 1:].mean(-1)",
            OWN + "return own - logits[:, :-1].mean(-1)",
        ],
        "Is the sum of the others always divided by 2? There are d_out - 1 others.": (
            OWN + "return own - (logits.sum(-1) - own) / 2"
        ),
        "This is the mean of the others alone. Subtract it from the logit of the answer.": (
            REST + "return rest"
        ),
        "Is the answer's own logit among the others? Subtract it from the sum first.": (
            OWN + "return own - logits.sum(-1) / (logits.shape[-1] - 1)"
        ),
        "Is the sum of the others divided by d_out - 2? There are d_out - 1 others.": [
            OWN + "return own - (logits.sum(-1) - own) / (logits.shape[-1] - 2)",
            OWN + "return own - (logits.sum(-1) - own) / max(logits.shape[-1] - 2, 1)",
        ],
        "Is the sum of the others divided by a number of examples? There are d_out - 1 others.": [
            OWN + f"return own - (logits.sum(-1) - own) / {n}"
            for n in ("(len(logits) - 1)", "len(logits)", "max(len(logits) - 1, 1)")
        ],
        "Are brackets missing around d_out - 1?": (
            OWN + "return own - (logits.sum(-1) - own) / logits.shape[-1] - 1"
        ),
        "Are brackets missing around the sum of the others?": [
            OWN + "return own - logits.sum(-1) - own / (logits.shape[-1] - 1)",
            OWN + "return own - (logits.sum(-1) - own / (logits.shape[-1] - 1))",
        ],
        "Is all of the difference divided by d_out - 1? Only the sum of the others is.": (
            OWN + "return (own - (logits.sum(-1) - own)) / (logits.shape[-1] - 1)"
        ),
        "Are the logits of all examples summed? Each example has its own sum.": (
            OWN + "return own - (logits.sum() - own) / (logits.shape[-1] - 1)"
        ),
        "Is the mean over the batch (axis 0)? The logits of one example are axis 1.": [
            OWN + f"return own - {rest}"
            for rest in (
                "(logits.sum(0) - own) / (logits.shape[-1] - 1)",
                "(logits.sum(0) - own) / (len(logits) - 1)",
                "logits.mean(0)",
            )
        ],
        "Is it divided by the standard deviation? The score is in logits.": [
            OWN + "return (own - logits.mean(-1)) / logits.std(-1)",
            REST + "return (own - rest) / logits.std(-1)",
        ],
        "Are probabilities compared? The score is in logits.": (
            "logits = logits.softmax(-1)\n" + REST + "return own - rest"
        ),
        "Are log-probabilities averaged over ALL logits? The answer's own does not count.": (
            OWN + "return own - logits.log_softmax(-1).mean(-1)"
        ),
        "Does `logits[answer]` choose rows? Choose one column of each row.": [
            REST.replace(GATHERED, rows) + "return own - rest"
            for rows in ("logits[answer, 0]", "logits[answer][:, 0]", "logits[answer].sum(-1)")
        ],
        "Does gather run along the batch (axis 0)? The logits are axis 1.": [
            REST.replace(GATHERED, f"logits.gather(0, answer[{new}]).squeeze({axis})")
            + "return own - rest"
            for new, axis in ((":, None", "-1"), ("None", "0"))
        ],
        "Is every answer looked up in the first row? Each example has its own row.": (
            REST.replace(GATHERED, "logits[0, answer]") + "return own - rest"
        ),
        "Is the column before the answer's chosen? Indices count from 0.": (
            REST.replace("answer[:, None]", "(answer[:, None] - 1) % logits.shape[-1]")
            + "return own - rest"
        ),
        "The result has an axis of length 1 too many: squeeze what gather returns.": (
            "own = logits.gather(-1, answer[:, None])\n"
            "return own - (logits.sum(-1, keepdim=True) - own) / (logits.shape[-1] - 1)"
        ),
        "The result pairs every row with every answer. `logits[:, answer]` and a gather without "
        "squeeze do so.": "return logits[:, answer] - logits.mean(-1)",
        "This is one number for the whole batch. Each example has its own score.": (
            REST + "return (own - rest).mean()"
        ),
        "This is the logit of the answer alone. A constant added to every logit must cancel.": (
            OWN + "return own"
        ),
        "This is the log-probability of the answer. The score subtracts the mean of the others.": (
            "return logits.log_softmax(-1).gather(-1, answer[:, None]).squeeze(-1)"
        ),
        "This is the probability of the answer. The score is in logits.": (
            "return logits.softmax(-1).gather(-1, answer[:, None]).squeeze(-1)"
        ),
        "Is the sign flipped? A higher logit of the answer is a higher score.": (
            REST + "return rest - own"
        ),
        "Is this an absolute value? An unlikely answer has a negative score.": (
            REST + "return (own - rest).abs()"
        ),
        "This is the score of the largest logit (argmax), not of the answer.": (
            REST.replace(GATHERED, "logits.max(-1).values") + "return own - rest"
        ),
        "Do all examples use the first one's answer? Each has its own.": (
            REST.replace(GATHERED, "logits[:, answer[0]]") + "return own - rest"
        ),
        "This is the score of class 0. Each example has its own answer.": (
            REST.replace(GATHERED, "logits[:, 0]") + "return own - rest"
        ),
        "Is the mean of the others taken over the whole batch? Each example has its own.": (
            REST + "return own - rest.mean()"
        ),
        "This is averaged over the batch. Each example has its own score.": (
            REST + "return (own - rest).mean().expand(len(logits)).clone()"
        ),
    },
    unnamed={
        "changed in place": (
            OWN + "n = logits.shape[-1]\nlogits.scatter_(-1, answer[:, None], 0.0)\n"
            "return own - logits.sum(-1) / (n - 1)"
        ),
        "without its graph": REST + "return (own - rest).detach()",
    },
)
ROWS = "import torch\nrows = torch.arange(len(logits))\n"
RIGHT = right_answers(
    "0.3",
    "score_of_answer",
    {
        "mask": (
            "import torch\nn = logits.shape[-1]\n"
            "mine = torch.arange(n, device=logits.device) == answer[:, None]\n"
            "return logits[mine] - logits[~mine].view(len(logits), n - 1).mean(-1)"
        ),
        "scaled distance from the mean of all": (
            ROWS + "n = logits.shape[-1]\n"
            "return (logits[rows, answer] - logits.mean(-1)) * n / (n - 1)"
        ),
    },
)
