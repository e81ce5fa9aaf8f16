"""Mistakes in the exercises of sample, and right answers written another way."""

from tests.grading.mistakes import mistakes, right_answers

TOP_K_PROBABILITIES = mistakes(
    "2.17",
    "top_k_probabilities",
    {
        "One token too few is kept: k is 3.": {"topk(k,": "topk(k - 1,"},
        "The temperature multiplies the logits; it must divide them.": {
            "logits / temperature": "logits * temperature"
        },
        "The temperature has no effect.": {"logits / temperature": "logits"},
        "Probabilities are divided by the temperature; divide the logits, before the softmax.": {
            "logits / temperature": "logits",
            "return logits.softmax(dim=-1)": "return logits.softmax(dim=-1) / temperature",
        },
        "The logits of dropped tokens are 0, which is a probability like others; -inf is none.": {
            "torch.full_like(logits, -torch.inf)": "torch.zeros_like(logits)"
        },
        "What is left of each row does not sum to one: drop tokens before the softmax, or rescale after it.": {
            "    logits = torch.full_like(logits, -torch.inf).scatter(-1, tokens, values)": "    p = logits.softmax(dim=-1)\n    return torch.zeros_like(p).scatter(-1, tokens, p.gather(-1, tokens))"
        },
        "The k likeliest of the whole batch are kept; each row has its own k.": """
            logits = logits / temperature
            if k is not None and k < logits.shape[-1]:
                kth = logits.flatten().topk(k).values[-1]
                logits = logits.masked_fill(logits < kth, -torch.inf)
            return logits.softmax(dim=-1)
            """,
        "One threshold is used for the whole batch; each row has its own k-th logit.": """
            logits = logits / temperature
            if k is not None:
                kth = logits.topk(min(k, logits.shape[-1])).values[:, -1:]
                logits = logits.masked_fill(logits < kth.min(), -torch.inf)
            return logits.softmax(dim=-1)
            """,
        "The least likely tokens are kept.": {"dim=-1)\n": "dim=-1, largest=False)\n"},
        "These are sorted by probability; they belong at their tokens' places.": {
            "return logits.softmax(dim=-1)": "return logits.softmax(dim=-1).sort(descending=True)[0]"
        },
        "The softmax runs over the batch; it belongs over the vocabulary (dim=-1).": {
            "return logits.softmax(dim=-1)": "return logits.softmax(dim=0)"
        },
        "k has no effect: all tokens are kept.": [
            {"is not None and k <": "is not None and 1 < k <"},
            {"logits.shape[-1]:": "logits.shape[-1] - 1:"},
        ],
        "The k logits farthest from 0 are kept; the likeliest are the largest.": {
            "logits.topk(": "logits.abs().topk("
        },
        "What is kept is divided by its sum over the whole batch; each row sums to one.": """
            p = (logits / temperature).softmax(dim=-1)
            if k is not None and k < p.shape[-1]:
                values, tokens = p.topk(k, dim=-1)
                p = torch.zeros_like(p).scatter(-1, tokens, values / values.sum())
            return p
            """,
    },
    unnamed={
        "too many": {"topk(k,": "topk(k + 1,"},
        "not merely low": {"-torch.inf": "-20.0"},
        "out of range": {" and k < logits.shape[-1]": ""},
        "NoneType": {"k is not None and ": ""},
        "keeps all its equals": """
            logits = logits / temperature
            if k is not None:
                kth = logits.topk(min(k, logits.shape[-1])).values[:, -1:]
                logits = logits.masked_fill(logits < kth, -torch.inf)
            return logits.softmax(dim=-1)
            """,
        "in place": [
            {"= logits / temperature": "= logits.div_(temperature)"},
            {
                "logits = logits / temperature": "if temperature != 1:\n    logits = logits / temperature",
                "logits = torch.full_like(logits, -torch.inf).scatter(-1, tokens, values)": "logits.scatter_(-1, (-logits).topk(logits.shape[-1] - k).indices, -torch.inf)",
            },
        ],
        "exp of a large number": {
            "return logits.softmax(dim=-1)": "return logits.exp() / logits.exp().sum(-1, keepdim=True)"
        },
        "At temperature": {
            "return logits.softmax(dim=-1)": "p = logits.softmax(dim=-1)\nreturn p if k is None else p / p.sum()"
        },
        ".05": {"logits / temperature": "logits / max(temperature, 0.1)"},
        "3/7": {"k < logits.shape[-1]": "k < len(logits)"},
    },
)
RIGHT_2_17 = right_answers(
    "2.17",
    "top_k_probabilities",
    {
        "row by row": """
            rows = []
            for row in logits:
                p = (row / temperature).softmax(dim=-1)
                best = p.argsort(descending=True)[:k]
                out = torch.zeros_like(p)
                out[best] = p[best] / p[best].sum()
                rows.append(out)
            return torch.stack(rows)
            """,
        "by rank": """
            rank = logits.argsort(dim=-1, descending=True).argsort(dim=-1)
            k = logits.shape[-1] if k is None else k
            return (logits.masked_fill(rank >= k, -torch.inf) / temperature).softmax(dim=-1)
            """,
        "a power of the probabilities": """
            p = logits.softmax(dim=-1) ** (1 / temperature)
            if k is not None:
                p = p.scatter(-1, p.argsort(dim=-1, descending=True)[:, k:], 0.0)
            return p / p.sum(dim=-1, keepdim=True)
            """,
        "the least likely removed, in place on a copy": """
            x = logits.clone()
            x /= temperature
            if k:
                x.scatter_(-1, x.argsort(dim=-1)[:, : max(0, x.shape[-1] - k)], -1e9)
            return torch.nn.functional.softmax(x, dim=1)
            """,
    },
)
