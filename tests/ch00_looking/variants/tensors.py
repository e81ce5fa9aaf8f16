"""Answers to 0.1, 0.2 and 0.3."""

from tests.grading.variants import Right, Wrong

MEAN = "embedded.mean(dim=1)"


def wrong(number, name, answer, says):
    return Wrong(number, name, body={FUNCTIONS[number]: answer}, says=says)


def right(number, name, answer):
    return Right(number, name, body={FUNCTIONS[number]: answer})


FUNCTIONS = {"0.1": "mean_over_positions", "0.2": "per_head", "0.3": "score_of_answer"}
OWN = "own = logits.gather(-1, answer[:, None]).squeeze(-1)\n"
ROWS = "import torch\nrows = torch.arange(len(logits))\n"

WRONG = [
    wrong("0.1", "sum", "return embedded.sum(dim=1)", "This is the sum"),
    wrong("0.1", "over the batch", "return embedded.mean(dim=0)", "the mean over the batch"),
    wrong("0.1", "over d_model", "return embedded.mean(dim=-1)", "the mean over d_model"),
    wrong("0.1", "largest", "return embedded.amax(dim=1)", "the largest entry"),
    wrong("0.1", "last position", "return embedded[:, -1]", "the last position alone"),
    wrong("0.1", "first position", "return embedded[:, 0]", "the first position alone"),
    wrong("0.1", "median", "return embedded.median(dim=1).values", "This is the median"),
    wrong(
        "0.1",
        "divided by d_model",
        "return embedded.sum(dim=1) / embedded.shape[-1]",
        "divided by the size of d_model",
    ),
    wrong(
        "0.1",
        "divided by the batch",
        "return embedded.sum(dim=1) / len(embedded)",
        "divided by the size of the batch",
    ),
    wrong("0.1", "without the first", "return embedded[:, 1:].mean(dim=1)", "A position is left"),
    wrong("0.1", "over everything", "return embedded.mean()", "wrong shape or type"),
    wrong("0.1", "keepdim", "return embedded.mean(dim=1, keepdim=True)", "wrong shape or type"),
    wrong("0.1", "no graph", "return embedded.detach().mean(dim=1)", "without its graph"),
    wrong(
        "0.1",
        "adds up in place",
        "total = embedded[:, 0]\nfor p in range(1, embedded.shape[1]):\n"
        "    total += embedded[:, p]\nreturn total / embedded.shape[1]",
        "edited in place",
    ),
    wrong(
        "0.2",
        "transposed",
        "return einsum(x, W.mT, 'b p d_model, h d_model d_head -> b p h d_head')",
        "W is used the wrong way round",
    ),
    wrong(
        "0.2",
        "reshaped",
        "h, m, d = W.shape\nreturn (x @ W.reshape(m, h * d)).reshape(*x.shape[:2], h, d)",
        "a reshape moves no numbers",
    ),
    wrong(
        "0.2",
        "head before position",
        "return einsum(x, W, 'b p m, h m d -> b h p d')",
        "this is [batch, head, pos, d_head]",
    ),
    wrong(
        "0.2",
        "head last",
        "return einsum(x, W, 'b p m, h m d -> b p d h')",
        "this is [batch, pos, d_head, head]",
    ),
    wrong("0.2", "matmul alone", "return x @ W", "wrong shape or type"),
    wrong(
        "0.2",
        "scaled",
        "return einsum(x, W, 'b p m, h m d -> b p h d') / W.shape[-1] ** 0.5",
        "root of d_head",
    ),
    wrong(
        "0.2",
        "positions summed",
        "return einsum(x, W, 'b q m, h m d -> b h d')[:, None].expand(-1, x.shape[1], -1, -1)",
        "The positions are mixed",
    ),
    wrong(
        "0.2",
        "first head only",
        "return (x @ W[0])[:, :, None].repeat(1, 1, len(W), 1)",
        "the first head's matrix",
    ),
    wrong(
        "0.2",
        "heads summed",
        "return (x @ W.sum(0))[:, :, None].repeat(1, 1, len(W), 1)",
        "The heads are added up",
    ),
    wrong(
        "0.2",
        "no graph",
        "return einsum(x, W.detach(), 'b p m, h m d -> b p h d')",
        "respect to W",
    ),
    wrong("0.3", "mean of all", OWN + "return own - logits.mean(-1)", "the mean of ALL logits"),
    wrong(
        "0.3",
        "divided by d_out",
        OWN + "return own - (logits.sum(-1) - own) / logits.shape[-1]",
        "there are d_out - 1 others",
    ),
    wrong("0.3", "sum of others", OWN + "return own - (logits.sum(-1) - own)", "the SUM of the"),
    wrong("0.3", "alone", OWN + "return own", "the answer's logit alone"),
    wrong(
        "0.3",
        "log-probability",
        "return logits.log_softmax(-1).gather(-1, answer[:, None]).squeeze(-1)",
        "That is the log-probability",
    ),
    wrong(
        "0.3",
        "largest other",
        OWN + "others = logits.scatter(-1, answer[:, None], -1e9)\n"
        "return own - others.max(-1).values",
        "the LARGEST of the others",
    ),
    wrong(
        "0.3",
        "sign",
        OWN + "return (logits.sum(-1) - own) / (logits.shape[-1] - 1) - own",
        "The sign is turned round",
    ),
    wrong(
        "0.3",
        "argmax",
        "own = logits.max(-1).values\nreturn own - (logits.sum(-1) - own) / (logits.shape[-1] - 1)",
        "the model's own first choice",
    ),
    wrong("0.3", "pairs", "return logits[:, answer] - logits.mean(-1)", "wrong shape or type"),
    wrong(
        "0.3",
        "pairs of a square batch",
        "own = logits[:, answer][:, 0]\n"
        "return own - (logits.sum(-1) - own) / (logits.shape[-1] - 1)",
        "each row has its own",
    ),
    wrong(
        "0.3",
        "two classes only",
        OWN + "return own - logits.gather(-1, (1 - answer[:, None]) % logits.shape[-1])[:, 0]",
        "The score of each of",
    ),
    wrong(
        "0.3",
        "edits the logits",
        OWN + "n = logits.shape[-1]\nlogits.scatter_(-1, answer[:, None], 0.0)\n"
        "return own - logits.sum(-1) / (n - 1)",
        "edited in place",
    ),
    wrong(
        "0.3",
        "no graph",
        OWN + "return (own - (logits.sum(-1) - own) / (logits.shape[-1] - 1)).detach()",
        "without its graph",
    ),
    wrong(
        "0.3",
        "others of the whole batch",
        OWN + "n = logits.shape[-1]\nreturn own - ((logits.sum(-1) - own) / (n - 1)).mean()",
        "over the whole batch",
    ),
]

RIGHT = [
    right("0.1", "sum over count", "return embedded.sum(-2) / embedded.shape[-2]"),
    right(
        "0.1",
        "a loop",
        "total = 0\nfor p in range(embedded.shape[1]):\n    total = total + embedded[:, p]\n"
        "return total / embedded.shape[1]",
    ),
    right("0.1", "einsum", "return einsum(embedded / embedded.shape[1], 'b p d -> b d')"),
    right("0.2", "matmul and stack", "import torch\nreturn torch.stack([x @ w for w in W], dim=2)"),
    right("0.2", "broadcast", "return (x[:, :, None, None] @ W).squeeze(-2)"),
    right(
        "0.2",
        "permuted, then reshaped",
        "h, m, d = W.shape\n"
        "return (x @ W.permute(1, 0, 2).reshape(m, h * d)).unflatten(-1, (h, d))",
    ),
    right(
        "0.3",
        "mask",
        "import torch\nn = logits.shape[-1]\n"
        "mine = torch.arange(n, device=logits.device) == answer[:, None]\n"
        "return logits[mine] - logits[~mine].view(len(logits), n - 1).mean(-1)",
    ),
    right(
        "0.3",
        "scaled distance from the mean of all",
        ROWS
        + "n = logits.shape[-1]\nreturn (logits[rows, answer] - logits.mean(-1)) * n / (n - 1)",
    ),
]
