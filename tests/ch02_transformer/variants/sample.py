"""Variants of exercise 2.17."""

from tests.grading.variants import Right, Wrong

COLD = "logits / temperature"
OUT = "torch.full_like(logits, -torch.inf)"
SOFT = "return logits.softmax(dim=-1)"


def top_k(*lines: str) -> dict[str, str]:
    """A whole answer to 2.17."""
    return {"top_k_probabilities": "\n".join(lines)}


THRESHOLD = (
    "logits = logits / temperature",
    "if k is not None:",
    "    kth = logits.topk(min(k, logits.shape[-1])).values[:, -1:]",
)

WRONG = [
    Wrong("2.17", "one too many", {"topk(k,": "topk(k + 1,"}, says="too many"),
    Wrong("2.17", "one too few", {"topk(k,": "topk(k - 1,"}, says="too few"),
    Wrong("2.17", "temperature multiplies", {COLD: "logits * temperature"}, says="multiplies"),
    Wrong("2.17", "temperature forgotten", {COLD: "logits"}, says="temperature has no effect"),
    Wrong(
        "2.17",
        "temperature after the softmax",
        {COLD: "logits", SOFT: f"{SOFT} / temperature"},
        says="divide the logits, before the softmax",
    ),
    Wrong("2.17", "zero logits", {OUT: "torch.zeros_like(logits)"}, says="-inf is none"),
    Wrong("2.17", "merely low logits", {"-torch.inf": "-20.0"}, says="not merely low"),
    Wrong(
        "2.17",
        "not rescaled",
        {
            "    logits = torch.full_like(logits, -torch.inf).scatter(-1, tokens, values)": (
                "    p = logits.softmax(dim=-1)\n"
                "        return torch.zeros_like(p).scatter(-1, tokens, p.gather(-1, tokens))"
            )
        },
        says="does not sum to one",
    ),
    Wrong(
        "2.17",
        "over the whole batch",
        body=top_k(
            "logits = logits / temperature",
            "if k is not None and k < logits.shape[-1]:",
            "    kth = logits.flatten().topk(k).values[-1]",
            "    logits = logits.masked_fill(logits < kth, -torch.inf)",
            "return logits.softmax(dim=-1)",
        ),
        says="whole batch",
    ),
    Wrong(
        "2.17",
        "one threshold for all rows",
        body=top_k(
            *THRESHOLD,
            "    logits = logits.masked_fill(logits < kth.min(), -torch.inf)",
            "return logits.softmax(dim=-1)",
        ),
        says="each row has its own",
    ),
    Wrong("2.17", "large k crashes", {" and k < logits.shape[-1]": ""}, says="out of range"),
    Wrong("2.17", "k=None crashes", {"k is not None and ": ""}, says="NoneType"),
    Wrong("2.17", "least likely", {"dim=-1)\n": "dim=-1, largest=False)\n"}, says="least likely"),
    Wrong("2.17", "sorted", {SOFT: f"{SOFT}.sort(descending=True)[0]"}, says="tokens' places"),
    Wrong(
        "2.17",
        "equals of the k-th stay",
        body=top_k(
            *THRESHOLD,
            "    logits = logits.masked_fill(logits < kth, -torch.inf)",
            "return logits.softmax(dim=-1)",
        ),
        says="keeps all its equals",
    ),
    Wrong("2.17", "edits its input", {f"= {COLD}": "= logits.div_(temperature)"}, says="in place"),
    Wrong(
        "2.17",
        "exp by hand",
        {SOFT: "return logits.exp() / logits.exp().sum(-1, keepdim=True)"},
        says="exp of a large number",
    ),
    Wrong("2.17", "over the batch", {SOFT: "return logits.softmax(dim=0)"}, says="over the batch"),
    Wrong(
        "2.17",
        "k of 1 ignored",
        {"is not None and k <": "is not None and 1 < k <"},
        says="k has no",
    ),
    Wrong(
        "2.17",
        "k one below all ignored",
        {"logits.shape[-1]:": "logits.shape[-1] - 1:"},
        says="k has no",
    ),
    Wrong(
        "2.17",
        "edits its input at temperature 1",
        {
            f"logits = {COLD}": f"if temperature != 1:\n        logits = {COLD}",
            f"logits = {OUT}.scatter(-1, tokens, values)": (
                "logits.scatter_(-1, (-logits).topk(logits.shape[-1] - k).indices, -torch.inf)"
            ),
        },
        says="in place",
    ),
    Wrong("2.17", "by magnitude", {"logits.topk(": "logits.abs().topk("}, says="farthest from 0"),
    Wrong(
        "2.17",
        "rescaled over the batch",
        {SOFT: "p = logits.softmax(dim=-1)\n    return p if k is None else p / p.sum()"},
        says="At temperature",
    ),
    Wrong(
        "2.17",
        "divided by the sum of the batch",
        body=top_k(
            "p = (logits / temperature).softmax(dim=-1)",
            "if k is not None and k < p.shape[-1]:",
            "    values, tokens = p.topk(k, dim=-1)",
            "    p = torch.zeros_like(p).scatter(-1, tokens, values / values.sum())",
            "return p",
        ),
        says="sum over the whole batch",
    ),
    Wrong("2.17", "temperature at least .1", {COLD: "logits / max(temperature, 0.1)"}, says=".05"),
    Wrong(
        "2.17", "k below the batch only", {"k < logits.shape[-1]": "k < len(logits)"}, says="3/7"
    ),
]

RIGHT = [
    Right(
        "2.17",
        "row by row",
        body=top_k(
            "rows = []",
            "for row in logits:",
            "    p = (row / temperature).softmax(dim=-1)",
            "    best = p.argsort(descending=True)[:k]",
            "    out = torch.zeros_like(p)",
            "    out[best] = p[best] / p[best].sum()",
            "    rows.append(out)",
            "return torch.stack(rows)",
        ),
    ),
    Right(
        "2.17",
        "by rank",
        body=top_k(
            "rank = logits.argsort(dim=-1, descending=True).argsort(dim=-1)",
            "k = logits.shape[-1] if k is None else k",
            "return (logits.masked_fill(rank >= k, -torch.inf) / temperature).softmax(dim=-1)",
        ),
    ),
    Right(
        "2.17",
        "a power of the probabilities",
        body=top_k(
            "p = logits.softmax(dim=-1) ** (1 / temperature)",
            "if k is not None:",
            "    p = p.scatter(-1, p.argsort(dim=-1, descending=True)[:, k:], 0.0)",
            "return p / p.sum(dim=-1, keepdim=True)",
        ),
    ),
    Right(
        "2.17",
        "the least likely removed, in place on a copy",
        body=top_k(
            "x = logits.clone()",
            "x /= temperature",
            "if k:",
            "    x.scatter_(-1, x.argsort(dim=-1)[:, : max(0, x.shape[-1] - k)], -1e9)",
            "return torch.nn.functional.softmax(x, dim=1)",
        ),
    ),
]
