"""Mistakes in 0.1 and 0.2, and right answers written another way."""

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
]
