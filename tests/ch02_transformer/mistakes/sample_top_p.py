"""Mistakes in the exercises of sample_top_p, and right answers written another way."""

from tests.grading.mistakes import mistakes, right_answers

SCALED = "kept / kept.sum(dim=-1, keepdim=True)"
UNSORT = "return torch.zeros_like(probabilities).scatter(-1, tokens, kept)"
KEEP_TOP_P = mistakes(
    "2.18",
    "keep_top_p",
    {
        "Is the token that crosses p dropped? Without it p is not reached.": {
            "ordered.cumsum(dim=-1) - ordered": "ordered.cumsum(dim=-1)"
        },
        "Is one token too many kept? p was reached before it.": [
            {"before < p": "before - ordered < p"},
            {"before < p": "before <= p"},
            {
                "before = ordered.cumsum(dim=-1) - ordered": "remove = ordered.cumsum(dim=-1) > p",
                "ordered.where(before < p, 0.0)": "ordered.masked_fill(remove.roll(1, dims=-1).index_fill(-1, torch.tensor(0), False), 0.0)",
            },
        ],
        "These are sorted by probability. Scatter them to their tokens.": {UNSORT: "return kept"},
        "Is a mask in sorted order used in the order of the vocabulary? Scatter it back.": {
            "ordered.where(before < p, 0.0)": "probabilities.where(before < p, 0.0)",
            UNSORT: "return kept",
        },
        "Are probabilities summed in the order of the vocabulary? Sort them first.": """
            before = probabilities.cumsum(dim=-1) - probabilities
            kept = probabilities.where(before < p, 0.0)
            return kept / kept.sum(dim=-1, keepdim=True)
            """,
        "The rows do not sum to one. Divide each by its sum.": {SCALED: "kept"},
        "Are the least likely tokens kept? Sort in descending order.": {", descending=True": ""},
        "Are tokens below probability p dropped? p is the sum that the likeliest reach.": """
            kept = probabilities.where(probabilities >= p, 0.0)
            return kept / kept.sum(dim=-1, keepdim=True)
            """,
        "Does every row keep as many tokens as the first?": {
            "ordered.where(before < p, 0.0)": "ordered.where(before[0] < p, 0.0)"
        },
        "Is it divided by the sum over the whole batch? Each row sums to one.": {
            SCALED: "kept / kept.sum()"
        },
        "Is gather used to undo the sort? Use scatter.": {
            "torch.zeros_like(probabilities).scatter(-1, tokens, kept)": "kept.gather(-1, tokens)"
        },
        "Does every row keep as many tokens as the row that needs most?": {
            "before < p": "(before < p).any(dim=0)"
        },
        "Is it compared with the last kept probability? That keeps all tokens equal to it.": {
            UNSORT: "last = ordered.where(kept > 0, 1.0).amin(dim=-1, keepdim=True)\nkept = probabilities.where(probabilities >= last, 0.0)\nreturn kept / kept.sum(dim=-1, keepdim=True)"
        },
        "Is the first token kept, and the one that crosses p dropped? Without it p is not reached.": {
            "before = ordered.cumsum(dim=-1) - ordered": "before = ordered.cumsum(dim=-1)",
            "kept = ordered.where(before < p, 0.0)": "keep = before <= p\nkeep[..., 0] = True\nkept = ordered.where(keep, 0.0)",
        },
        "Are the tokens with a probability of at least p times the largest kept (min-p)?": """
            kept = probabilities.where(probabilities >= p * probabilities.amax(-1, keepdim=True), 0.0)
            return kept / kept.sum(dim=-1, keepdim=True)
            """,
        "Is it sorted over the batch? Sort over the vocabulary (dim=-1).": {
            "sort(dim=-1,": "sort(dim=0,"
        },
        "Is the sum over the batch? Sum over the vocabulary (dim=-1).": {
            "ordered.cumsum(dim=-1)": "ordered.cumsum(dim=0)"
        },
        "Is the order of the first row used for all rows?": {
            "return torch.zeros_like(probabilities).scatter(-1, tokens, kept)": "return torch.zeros_like(probabilities).scatter(-1, tokens[:1].expand_as(tokens), kept)"
        },
        "Are the likeliest tokens dropped, and the rest kept?": {"before < p": "before >= p"},
        "Is a softmax taken to rescale? Divide by the sum.": {
            "kept = kept / kept.sum(dim=-1, keepdim=True)": "kept = kept.softmax(dim=-1)"
        },
        "Is a softmax taken of what is kept? Divide by the sum.": {
            "kept = kept / kept.sum(dim=-1, keepdim=True)": "kept = kept.masked_fill(kept == 0, -torch.inf).softmax(dim=-1)"
        },
        "Is 1 - p used in place of p?": {"before < p": "before < 1 - p"},
        "Is one token too many kept after the one that crosses p?": {
            "kept = ordered.where(before < p, 0.0)": "keep = before < p\nkeep = torch.cat([torch.ones_like(keep[..., :1]), keep[..., :-1]], -1)\nkept = ordered.where(keep, 0.0)"
        },
        "Is it divided by p, and not by the sum of what is kept?": {
            "kept = kept / kept.sum(dim=-1, keepdim=True)": "kept = kept / p"
        },
        "Are the caller's probabilities changed in place?": {
            "return torch.zeros_like(probabilities).scatter(-1, tokens, kept)": "return probabilities.zero_().scatter_(-1, tokens, kept)"
        },
        "Is only the likeliest token kept?": {
            "kept = ordered.where(before < p, 0.0)": "kept = ordered.where(ordered == ordered[..., :1], 0.0)"
        },
    },
    unnamed={
        "the fewest that reach p": [
            {SCALED: "kept.softmax(dim=-1)"},
            {SCALED: "kept / p"},
            """
            best = probabilities.amax(dim=-1, keepdim=True)
            kept = probabilities.where(probabilities >= p * best, 0.0)
            return kept / kept.sum(dim=-1, keepdim=True)
            """,
        ],
        "is changed in place": {
            "torch.zeros_like(probabilities).scatter(-1, tokens, kept)": "probabilities.zero_().scatter_(-1, tokens, kept)"
        },
        "p=1 is never reached": """
            ordered, tokens = probabilities.sort(dim=-1, descending=True)
            last = (ordered.cumsum(dim=-1) >= p).int().argmax(dim=-1, keepdim=True)
            kept = ordered.where(torch.arange(ordered.shape[-1]) <= last, 0.0)
            kept = kept / kept.sum(dim=-1, keepdim=True)
            return torch.zeros_like(probabilities).scatter(-1, tokens, kept)
            """,
    },
)
RIGHT_2_18 = right_answers(
    "2.18",
    "keep_top_p",
    {
        "token by token": """
            out = torch.zeros_like(probabilities)
            for row, p_row in enumerate(probabilities):
                total = 0.0
                for token in p_row.argsort(descending=True).tolist():
                    if total >= p:
                        break
                    out[row, token] = p_row[token]
                    total += p_row[token].item()
            return out / out.sum(dim=-1, keepdim=True)
            """,
        "by count and rank": """
            order = probabilities.argsort(dim=-1, descending=True)
            reached = probabilities.gather(-1, order).cumsum(dim=-1) >= p
            count = (~reached).sum(dim=-1, keepdim=True) + 1
            kept = probabilities.masked_fill(order.argsort(dim=-1) >= count, 0.0)
            return kept / kept.sum(dim=-1, keepdim=True)
            """,
        "from the small end": """
            ordered, tokens = probabilities.sort(dim=-1)
            drop = ordered.cumsum(dim=-1) <= 1 - p
            drop[:, -1] = False
            kept = probabilities.masked_fill(drop.scatter(-1, tokens, drop), 0.0)
            return kept / kept.sum(dim=-1, keepdim=True)
            """,
        "by searchsorted, in place on its own": """
            ordered, tokens = torch.sort(probabilities, descending=True)
            last = torch.searchsorted(ordered.cumsum(-1), torch.full_like(ordered[:, :1], p))
            ordered[torch.arange(ordered.shape[-1]) > last] = 0
            ordered /= ordered.sum(dim=-1, keepdim=True)
            return ordered.gather(-1, tokens.argsort(dim=-1))
            """,
        "k grows until p is reached": """
            out = torch.zeros_like(probabilities)
            for row, new in zip(probabilities, out):
                for k in range(1, len(row) + 1):
                    best = row.topk(k)
                    if best.values.sum() >= p:
                        break
                new[best.indices] = best.values / best.values.sum()
            return out
            """,
    },
)
