"""Mistakes in 0.1, 0.2 and 0.3, and right answers written another way."""

from tests.grading.mistakes import mistakes, right_answers

MEAN = mistakes(
    "0.1",
    "mean_over_positions",
    {
        "This is the sum. Divide by the number of positions.": "return embedded.sum(dim=1)",
        "This is the mean over the batch (axis 0). Positions are axis 1.": {"dim=1": "dim=0"},
        "This is the mean over d_model (axis 2). Positions are axis 1.": {"dim=1": "dim=-1"},
        "This is the largest entry over the positions.": "return embedded.amax(dim=1)",
        "This is the smallest entry over the positions.": "return embedded.amin(dim=1)",
        "This is the middle position alone.": "return embedded[:, embedded.shape[1] // 2]",
        "Is it divided by the number of positions twice?": (
            "return embedded.mean(dim=1) / embedded.shape[1]"
        ),
        "This is the median over the positions.": "return embedded.median(dim=1).values",
        "This is the last position alone.": "return embedded[:, -1]",
        "This is the first position alone.": "return embedded[:, 0]",
        "Is the first position left out?": "return embedded[:, 1:].sum(1) / len(embedded[0, 1:])",
        "Is the last position left out?": "return embedded[:, :-1].sum(1) / len(embedded[0, 1:])",
        "Is it divided by pos - 1? A mean divides by the number of positions.": (
            "return embedded.sum(dim=1) / max(embedded.shape[1] - 1, 1)"
        ),
        "Is it divided by d_model? Divide by the number of positions.": (
            "return embedded.sum(dim=1) / embedded.shape[-1]"
        ),
        "Is it divided by the batch? Divide by the number of positions.": (
            "return embedded.sum(dim=1) / len(embedded)"
        ),
        "Is it divided by the root of the number of positions? Divide by the number itself.": (
            "return embedded.sum(dim=1) / embedded.shape[1] ** 0.5"
        ),
        "Are tokens of zeros left out? Every position counts.": [
            "n = (embedded != 0).any(dim=-1).sum(dim=1, keepdim=True)" + rest
            for rest in (
                ".clamp(min=1)\nreturn embedded.sum(dim=1) / n",
                "\nreturn embedded.sum(dim=1) / n",
            )
        ],
        "Are entries of zero left out? Every position counts.": [
            "return embedded.sum(dim=1) / (embedded != 0).sum(dim=1)",
            "return embedded.sum(dim=1) / (embedded != 0).sum(dim=1).clamp(min=1)",
        ],
        "Are the first and the last position left out?": {"embedded.": "embedded[:, 1:-1]."},
        "Is the first position missing in the sum, but counted in the divisor?": (
            "return embedded[:, 1:].sum(dim=1) / embedded.shape[1]"
        ),
        "Is the last position missing in the sum, but counted in the divisor?": (
            "return embedded[:, :-1].sum(dim=1) / embedded.shape[1]"
        ),
        "Is this the mean of the first and the last position alone?": (
            "return (embedded[:, 0] + embedded[:, -1]) / 2"
        ),
        "Is half of the sum taken at each position? Then later positions count more.": (
            "mean = embedded[:, 0]\nfor p in range(1, embedded.shape[1]):\n"
            "    mean = (mean + embedded[:, p]) / 2\nreturn mean"
        ),
        "Are positions and d_model exchanged by a reshape? A reshape does not move an axis.": (
            "b, p, d = embedded.shape\nreturn embedded.reshape(b, d, p).mean(dim=-1)"
        ),
        "Are batch and positions exchanged by a reshape? A reshape does not move an axis.": (
            "b, p, d = embedded.shape\nreturn embedded.reshape(p, b, d).mean(dim=0)"
        ),
        "Does every review get the mean of the first one? Each has its own.": (
            "return embedded[0].mean(dim=0).expand(len(embedded), -1)"
        ),
        "Does every review get the mean of the last one? Each has its own.": (
            "return embedded[-1].mean(dim=0).expand(len(embedded), -1)"
        ),
        "Does every review get the mean of all reviews? Each has its own.": (
            "return embedded.mean(dim=(0, 1)).expand(len(embedded), -1)"
        ),
        "Are absolute values averaged?": {"embedded.": "embedded.abs()."},
        "This is the standard deviation over the positions.": [
            {"mean(dim=1)": "std(dim=1)"},
            {"mean(dim=1)": "std(dim=1, correction=0)"},
        ],
        "Is the mean divided by its norm? Return the mean itself.": [
            "mean = embedded.mean(dim=1)\nreturn mean / mean.norm(dim=-1, keepdim=True)",
            "mean = embedded.mean(dim=1)\n"
            "return mean / mean.norm(dim=-1, keepdim=True).clamp(min=1e-12)",
        ],
        "Is each token's vector divided by its norm? Average the vectors as they are.": (
            "return (embedded / embedded.norm(dim=-1, keepdim=True)).mean(dim=1)"
        ),
        "Is the result transposed? Its axes are [batch, d_model].": {"dim=1)": "dim=1).mT"},
        "The axis of positions is still there, of length 1: is keepdim set?": {
            "dim=1": "dim=1, keepdim=True"
        },
        "This is one number for the whole batch. Average over axis 1 alone.": (
            "return embedded.mean()"
        ),
        "The batch axis is gone: each review has its own mean.": {"dim=1": "dim=(0, 1)"},
        "The axis d_model is gone: each entry of the vector has its own mean.": {
            "dim=1": "dim=(1, 2)"
        },
    },
    unnamed={
        "without its graph": "return embedded.detach().mean(dim=1)",
        "changed in place": (
            "total = embedded[:, 0]\nfor p in range(1, embedded.shape[1]):\n"
            "    total += embedded[:, p]\nreturn total / embedded.shape[1]"
        ),
    },
)
MERGED = "h, m, d = W.shape\n"
HEAD = "return einsum(x, W, 'b p m, h m d -> {}')"
PER_HEAD = mistakes(
    "0.2",
    "per_head",
    {
        "Is W transposed? Its axes are [head, d_model, d_head], and the sum is over d_model.": (
            "return einsum(x, W.mT, 'b p d_model, h d_model d_head -> b p h d_head')"
        ),
        "Is W reshaped to [d_model, head * d_head]? A reshape does not move the head axis.": (
            MERGED + "return (x @ W.reshape(m, h * d)).reshape(*x.shape[:2], h, d)"
        ),
        "The axes are [batch, head, pos, d_head]; expected [batch, pos, head, d_head].": (
            HEAD.format("b h p d")
        ),
        "The axes are [batch, pos, d_head, head]; expected [batch, pos, head, d_head].": (
            HEAD.format("b p d h")
        ),
        "The axes are [head, batch, pos, d_head]; expected [batch, pos, head, d_head].": (
            HEAD.format("h b p d")
        ),
        "Are position and batch mixed up?": HEAD.format("p b h d"),
        "Is it divided by the root of d_head? That belongs to attention scores.": (
            HEAD.format("b p h d") + " / W.shape[-1] ** 0.5"
        ),
        "This is a mean over d_model. einsum sums.": HEAD.format("b p h d") + " / x.shape[-1]",
        "Are the positions summed? Each has its own result.": (
            "return einsum(x, W, 'b q m, h m d -> b h d')[:, None].expand(-1, x.shape[1], -1, -1)"
        ),
        "Every head uses the matrix of the first head.": (
            "return (x @ W[0])[:, :, None].repeat(1, 1, len(W), 1)"
        ),
        "Are the heads averaged? Each has its own result.": [
            "return (x @ W.mean(0))[:, :, None].repeat(1, 1, len(W), 1)",
            HEAD.format("b p h d") + ".mean(2, keepdim=True)",
        ],
        "Every head uses the matrix of the last head.": (
            "return (x @ W[-1])[:, :, None].repeat(1, 1, len(W), 1)"
        ),
        "Does every position get the result of the first one? Each has its own.": (
            "return einsum(x[:, 0], W, 'b m, h m d -> b h d')[:, None].repeat(1, x.shape[1], 1, 1)"
        ),
        "Is it divided by the root of d_model? The result is the product itself.": (
            HEAD.format("b p h d") + " / x.shape[-1] ** 0.5"
        ),
        "Is d_model called by two names in the pattern? Then x and W are summed apart.": (
            "return einsum(x, W, 'b p n, h m d -> b p h d')"
        ),
        "Is d_head summed, and d_model kept? The sum is over d_model.": (
            "return einsum(x, W, 'b p m, h m d -> b p h m')"
        ),
        "Are W's axes called [d_model, head, d_head]? They are [head, d_model, d_head].": (
            "return einsum(x, W, 'b p m, m h d -> b p h d')"
        ),
        "Is the pattern the first argument? In einops it comes last.": (
            "return einsum('b p m, h m d -> b p h d', x, W)"
        ),
        "Are heads and positions exchanged by a reshape? A reshape does not move an axis.": (
            "return (x[:, None] @ W).reshape(*x.shape[:2], len(W), W.shape[-1])"
        ),
        "Is the last axis split in another order than it was merged in?": [
            MERGED + "return (x @ W.permute(1, 0, 2).reshape(m, -1)).unflatten(-1, (d, h)).mT",
            MERGED + "return (x @ W.permute(1, 2, 0).reshape(m, -1)).unflatten(-1, (h, d))",
            MERGED + "return (x @ W.permute(1, 0, 2).reshape(m, -1)).unflatten(-1, (d, h))",
        ],
        "Is d_model split over the heads? Every head reads all of d_model.": (
            "parts = x.unflatten(-1, (len(W), -1))\n"
            "return einsum(parts, W[:, : parts.shape[-1]], 'b p h m, h m d -> b p h d')"
        ),
        "Does `x @ W` pair each review with one head? Give x an axis for the heads.": (
            "return x @ W"
        ),
        "Is each position paired with one head? Give x an axis for the heads, between them.": [
            "return (x[:, :, None] @ W).squeeze(2)",
            "return x[:, :, None] @ W",
            "return einsum(x, W, 'b h m, h m d -> b h d')",
        ],
        "An axis of length 1 is left in the result. Remove it with squeeze.": (
            "return x[:, :, None, None] @ W"
        ),
        "The head axis is gone: each head has its own result.": HEAD.format("b p d"),
        "The axis of positions is gone: each position has its own result.": HEAD.format("b h d"),
        "The batch axis is gone: each example has its own result.": HEAD.format("p h d"),
        "Are heads and d_head merged into one axis? The result has both.": (
            HEAD.format("b p h d") + ".flatten(2)"
        ),
        "Are the heads summed? Each has its own result.": (
            "return (x @ W.sum(0))[:, :, None].repeat(1, 1, len(W), 1)"
        ),
    },
    unnamed={
        "respect to W": "return einsum(x, W.detach(), 'b p m, h m d -> b p h d')",
    },
)
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
RIGHT = [
    *right_answers(
        "0.1",
        "mean_over_positions",
        {
            "sum over count": "return embedded.sum(-2) / embedded.shape[-2]",
            "a loop": (
                "total = 0\nfor p in range(embedded.shape[1]):\n"
                "    total = total + embedded[:, p]\nreturn total / embedded.shape[1]"
            ),
            "einsum": "return einsum(embedded / embedded.shape[1], 'b p d -> b d')",
        },
    ),
    *right_answers(
        "0.2",
        "per_head",
        {
            "matmul and stack": "import torch\nreturn torch.stack([x @ w for w in W], dim=2)",
            "broadcast": "return (x[:, :, None, None] @ W).squeeze(-2)",
            "permuted, then reshaped": (
                "h, m, d = W.shape\n"
                "return (x @ W.permute(1, 0, 2).reshape(m, h * d)).unflatten(-1, (h, d))"
            ),
        },
    ),
    *right_answers(
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
    ),
]
