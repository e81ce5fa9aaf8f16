"""Variants of exercises 2.17 and 2.18."""

from tests.grading.variants import Right, Wrong

COLD = "logits / temperature"
OUT = "torch.full_like(logits, -torch.inf)"
SOFT = "return logits.softmax(dim=-1)"
KEPT = "ordered.where(before < p, 0.0)"
BACK = "torch.zeros_like(probabilities).scatter(-1, tokens, kept)"
BEFORE = "ordered.cumsum(dim=-1) - ordered"
SUM = "kept / kept.sum(dim=-1, keepdim=True)"


def top_k(*lines: str) -> dict[str, str]:
    """A whole answer to 2.17."""
    return {"top_k_probabilities": "\n".join(lines)}


def top_p(*lines: str) -> dict[str, str]:
    """A whole answer to 2.18."""
    return {"keep_top_p": "\n".join(lines)}


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
        "2.18",
        "drops the token that crosses",
        {BEFORE: "ordered.cumsum(dim=-1)"},
        says="The token that crosses p was dropped",
    ),
    Wrong(
        "2.18", "one too many", {"before < p": "before - ordered < p"}, says="One token too many"
    ),
    Wrong("2.18", "one too many when exact", {"before < p": "before <= p"}, says="too many"),
    Wrong(
        "2.18",
        "never unsorted",
        {f"return {BACK}": "return kept"},
        says="they belong at their tokens' places",
    ),
    Wrong(
        "2.18",
        "sorted choice on the unsorted",
        {KEPT: "probabilities.where(before < p, 0.0)", f"return {BACK}": "return kept"},
        says="scatter it back",
    ),
    Wrong(
        "2.18",
        "never sorted",
        body=top_p(
            "before = probabilities.cumsum(dim=-1) - probabilities",
            "kept = probabilities.where(before < p, 0.0)",
            f"return {SUM}",
        ),
        says="sort them first",
    ),
    Wrong("2.18", "not rescaled", {SUM: "kept"}, says="not rescaled"),
    Wrong("2.18", "ascending", {", descending=True": ""}, says="ascending"),
    Wrong("2.18", "softmax again", {SUM: "kept.softmax(dim=-1)"}, says="the fewest that reach p"),
    Wrong(
        "2.18",
        "every token above p",
        body=top_p("kept = probabilities.where(probabilities >= p, 0.0)", f"return {SUM}"),
        says="p is for the sum",
    ),
    Wrong(
        "2.18",
        "as many as the first row",
        {KEPT: "ordered.where(before[0] < p, 0.0)"},
        says="as many tokens as the first",
    ),
    Wrong(
        "2.18",
        "equals of the last stay",
        {
            f"return {BACK}": "last = ordered.where(kept > 0, 1.0).amin(dim=-1, keepdim=True)\n"
            "    kept = probabilities.where(probabilities >= last, 0.0)\n"
            f"    return {SUM}"
        },
        says="keeps all its equals",
    ),
    Wrong(
        "2.18",
        "edits its input",
        {BACK: "probabilities.zero_().scatter_(-1, tokens, kept)"},
        says="in place",
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
        "2.18",
        "token by token",
        body=top_p(
            "out = torch.zeros_like(probabilities)",
            "for row, p_row in enumerate(probabilities):",
            "    total = 0.0",
            "    for token in p_row.argsort(descending=True).tolist():",
            "        if total >= p:",
            "            break",
            "        out[row, token] = p_row[token]",
            "        total += p_row[token].item()",
            "return out / out.sum(dim=-1, keepdim=True)",
        ),
    ),
    Right(
        "2.18",
        "by count and rank",
        body=top_p(
            "order = probabilities.argsort(dim=-1, descending=True)",
            "reached = probabilities.gather(-1, order).cumsum(dim=-1) >= p",
            "count = (~reached).sum(dim=-1, keepdim=True) + 1",
            "kept = probabilities.masked_fill(order.argsort(dim=-1) >= count, 0.0)",
            f"return {SUM}",
        ),
    ),
]
