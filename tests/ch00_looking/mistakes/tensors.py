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
        "Are tokens of zeros left out? Every position counts.": (
            "n = (embedded != 0).any(dim=-1).sum(dim=1, keepdim=True).clamp(min=1)\n"
            "return embedded.sum(dim=1) / n"
        ),
    },
    unnamed={
        "wrong shape or type": ["return embedded.mean()", {"dim=1": "dim=1, keepdim=True"}],
        "without its graph": "return embedded.detach().mean(dim=1)",
        "changed in place": (
            "total = embedded[:, 0]\nfor p in range(1, embedded.shape[1]):\n"
            "    total += embedded[:, p]\nreturn total / embedded.shape[1]"
        ),
    },
)
HEAD = "return einsum(x, W, 'b p m, h m d -> {}')"
PER_HEAD = mistakes(
    "0.2",
    "per_head",
    {
        "Is W transposed? Its axes are [head, d_model, d_head], and the sum is over d_model.": (
            "return einsum(x, W.mT, 'b p d_model, h d_model d_head -> b p h d_head')"
        ),
        "Is W reshaped to [d_model, head * d_head]? A reshape does not move the head axis.": (
            "h, m, d = W.shape\nreturn (x @ W.reshape(m, h * d)).reshape(*x.shape[:2], h, d)"
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
        "Are the heads summed? Each has its own result.": (
            "return (x @ W.sum(0))[:, :, None].repeat(1, 1, len(W), 1)"
        ),
    },
    unnamed={
        "wrong shape or type": "return x @ W",
        "respect to W": "return einsum(x, W.detach(), 'b p m, h m d -> b p h d')",
    },
)
OWN = "own = logits.gather(-1, answer[:, None]).squeeze(-1)\n"
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
        "This is minus the median of the others. Take their mean.": (
            OWN + "others = [r[r != x] for r, x in zip(logits, own)]\n"
            "return own - logits.new_tensor([float(r.median()) if len(r) else 0 for r in others])"
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
            REST.replace("logits.gather(-1, answer[:, None]).squeeze(-1)", "logits.max(-1).values")
            + "return own - rest"
        ),
        "Do all examples use the first one's answer? Each has its own.": (
            REST.replace("logits.gather(-1, answer[:, None]).squeeze(-1)", "logits[:, answer[0]]")
            + "return own - rest"
        ),
        "This is the score of class 0. Each example has its own answer.": (
            REST.replace("logits.gather(-1, answer[:, None]).squeeze(-1)", "logits[:, 0]")
            + "return own - rest"
        ),
        "Is the mean of the others taken over the whole batch? Each example has its own.": (
            REST + "return own - rest.mean()"
        ),
        "This is averaged over the batch. Each example has its own score.": (
            REST + "return (own - rest).mean().expand(len(logits)).clone()"
        ),
    },
    unnamed={
        "wrong shape or type": "return logits[:, answer] - logits.mean(-1)",
        "The score of each of": (
            OWN + "return own - logits.gather(-1, (1 - answer[:, None]) % logits.shape[-1])[:, 0]"
        ),
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
