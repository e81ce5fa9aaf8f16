"""Variants of exercise 2.18."""

from tests.grading.variants import Right, Wrong

KEPT = "ordered.where(before < p, 0.0)"
BACK = "torch.zeros_like(probabilities).scatter(-1, tokens, kept)"
BEFORE = "ordered.cumsum(dim=-1) - ordered"
SUM = "kept / kept.sum(dim=-1, keepdim=True)"


def top_p(*lines: str) -> dict[str, str]:
    """A whole answer to 2.18."""
    return {"keep_top_p": "\n".join(lines)}


WRONG = [
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
    Wrong(
        "2.18",
        "nothing reaches p",
        body=top_p(
            "ordered, tokens = probabilities.sort(dim=-1, descending=True)",
            "last = (ordered.cumsum(dim=-1) >= p).int().argmax(dim=-1, keepdim=True)",
            "kept = ordered.where(torch.arange(ordered.shape[-1]) <= last, 0.0)",
            f"kept = {SUM}",
            f"return {BACK}",
        ),
        says="so nothing ever reaches p=1",
    ),
    Wrong("2.18", "rescaled over the batch", {SUM: "kept / kept.sum()"}, says="sum over the whole"),
    Wrong(
        "2.18", "gathers back", {BACK: "kept.gather(-1, tokens)"}, says="to go back takes scatter"
    ),
    Wrong(
        "2.18",
        "as many as the row that needs most",
        {"before < p": "(before < p).any(dim=0)"},
        says="the row that needs most",
    ),
    Wrong(
        "2.18",
        "shifted by one, and > for >=",
        {
            f"before = {BEFORE}": "remove = ordered.cumsum(dim=-1) > p",
            KEPT: "ordered.masked_fill(remove.roll(1, dims=-1).index_fill("
            "-1, torch.tensor(0), False), 0.0)",
        },
        says="One token too many",
    ),
    Wrong("2.18", "divided by p", {SUM: "kept / p"}, says="the fewest that reach p"),
    Wrong(
        "2.18",
        "a share of the likeliest",
        body=top_p(
            "best = probabilities.amax(dim=-1, keepdim=True)",
            "kept = probabilities.where(probabilities >= p * best, 0.0)",
            f"return {SUM}",
        ),
        says="the fewest that reach p",
    ),
]

RIGHT = [
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
    Right(
        "2.18",
        "from the small end",
        body=top_p(
            "ordered, tokens = probabilities.sort(dim=-1)",
            "drop = ordered.cumsum(dim=-1) <= 1 - p",
            "drop[:, -1] = False",
            "kept = probabilities.masked_fill(drop.scatter(-1, tokens, drop), 0.0)",
            f"return {SUM}",
        ),
    ),
    Right(
        "2.18",
        "by searchsorted, in place on its own",
        body=top_p(
            "ordered, tokens = torch.sort(probabilities, descending=True)",
            "last = torch.searchsorted(ordered.cumsum(-1), torch.full_like(ordered[:, :1], p))",
            "ordered[torch.arange(ordered.shape[-1]) > last] = 0",
            "ordered /= ordered.sum(dim=-1, keepdim=True)",
            "return ordered.gather(-1, tokens.argsort(dim=-1))",
        ),
    ),
    Right(
        "2.18",
        "k grows until p is reached",
        body=top_p(
            "out = torch.zeros_like(probabilities)",
            "for row, new in zip(probabilities, out):",
            "    for k in range(1, len(row) + 1):",
            "        best = row.topk(k)",
            "        if best.values.sum() >= p:",
            "            break",
            "    new[best.indices] = best.values / best.values.sum()",
            "return out",
        ),
    ),
]
