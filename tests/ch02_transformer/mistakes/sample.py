"""Mistakes in the exercises of sample, and right answers written another way."""

from tests.grading.mistakes import mistakes, right_answers

DROP = "logits = torch.full_like(logits, -torch.inf).scatter(-1, tokens, values)"
END = "return logits.softmax(dim=-1)"
TOP_K_PROBABILITIES = mistakes(
    "2.17",
    "top_k_probabilities",
    {
        "One token too few is kept per row.": [
            {"topk(k,": "topk(k - 1,"},
            {"logits.topk(k, dim=-1)": "logits.topk(max(1, k - 1), dim=-1)"},
        ],
        "One token too many is kept per row.": {"topk(k,": "topk(k + 1,"},
        "Is it multiplied by the temperature? Divide the logits by it.": {
            "logits / temperature": "logits * temperature"
        },
        "Is the temperature ignored, or are probabilities divided by it? Divide the logits.": {
            "logits / temperature": "logits"
        },
        "Are the probabilities divided by the temperature? Divide the logits, before the softmax.": {
            "logits / temperature": "logits",
            END: f"{END} / temperature",
        },
        "Is a low temperature raised? Every temperature above 0 counts as it is.": [
            {"logits / temperature": "logits / max(temperature, 0.01)"},
            {"logits / temperature": "logits / (temperature + 0.01)"},
        ],
        "Is a high temperature lowered? Every temperature above 0 counts as it is.": {
            "logits / temperature": "logits / min(temperature, 100.0)"
        },
        "Are the logits of dropped tokens 0? Their probability is 0 at -inf.": {
            "torch.full_like(logits, -torch.inf)": "torch.zeros_like(logits)"
        },
        "The rows do not sum to one. Drop tokens before the softmax, or rescale after it.": {
            DROP: "p = logits.softmax(dim=-1)\n    return torch.zeros_like(p).scatter(-1, tokens, p.gather(-1, tokens))"
        },
        "Are the k likeliest of the whole batch kept? Each row has its own k.": """
            logits = logits / temperature
            if k is not None and k < logits.shape[-1]:
                kth = logits.flatten().topk(k).values[-1]
                logits = logits.masked_fill(logits < kth, -torch.inf)
            return logits.softmax(dim=-1)
            """,
        "Is one threshold used for the whole batch? Each row has its own k-th logit.": """
            logits = logits / temperature
            if k is not None:
                kth = logits.topk(min(k, logits.shape[-1])).values[:, -1:]
                logits = logits.masked_fill(logits < kth.min(), -torch.inf)
            return logits.softmax(dim=-1)
            """,
        "Are the k least likely tokens kept?": {"dim=-1)\n": "dim=-1, largest=False)\n"},
        "These are sorted by probability. Scatter them to their tokens.": {
            END: f"{END}.sort(descending=True)[0]"
        },
        "Is the softmax over the batch? Take it over the vocabulary (dim=-1).": {
            END: "return logits.softmax(dim=0)"
        },
        "Are all tokens kept for some k? Only k=None and k >= d_vocab keep all.": [
            {"is not None and k <": "is not None and 1 < k <"},
            {"logits.shape[-1]:": "logits.shape[-1] - 1:"},
        ],
        "Are the k logits farthest from 0 kept? The likeliest are the largest.": {
            "logits.topk(": "logits.abs().topk("
        },
        "Is it divided by the sum over the whole batch? Each row sums to one.": """
            p = (logits / temperature).softmax(dim=-1)
            if k is not None and k < p.shape[-1]:
                values, tokens = p.topk(k, dim=-1)
                p = torch.zeros_like(p).scatter(-1, tokens, values / values.sum())
            return p
            """,
        "Is each row compared with its k-th logit? That keeps all tokens equal to it.": """
            logits = logits / temperature
            if k is not None:
                kth = logits.topk(min(k, logits.shape[-1])).values[:, -1:]
                logits = logits.masked_fill(logits < kth, -torch.inf)
            return logits.softmax(dim=-1)
            """,
        "Does exp overflow? softmax subtracts the maximum first.": {
            END: "return logits.exp() / logits.exp().sum(-1, keepdim=True)"
        },
        "Are tokens that tie with the k-th left out?": {
            "values, tokens = logits.topk(k, dim=-1)\n    logits = torch.full_like(logits, -torch.inf).scatter(-1, tokens, values)": "logits = logits.masked_fill(logits <= logits.topk(k, dim=-1).values[..., -1:], -torch.inf)"
        },
        "Is the threshold that of the first row for all rows?": {
            "values, tokens = logits.topk(k, dim=-1)\n    logits = torch.full_like(logits, -torch.inf).scatter(-1, tokens, values)": "logits = logits.masked_fill(logits < logits.topk(k, dim=-1).values[0, -1], -torch.inf)"
        },
        "Are the k likeliest of all rows together kept?": {
            "values, tokens = logits.topk(k, dim=-1)\n    logits = torch.full_like(logits, -torch.inf).scatter(-1, tokens, values)": "flat = logits.flatten()\n    values, tokens = flat.topk(k)\n    logits = torch.full_like(flat, -torch.inf).scatter(-1, tokens, values).view_as(logits)"
        },
        "Does k above the vocabulary fail in topk?": {
            "if k is not None and k < logits.shape[-1]:": "if k is not None:"
        },
        "Is k ignored?": """
            logits = logits / temperature
            return logits.softmax(dim=-1)
            """,
        "Is k compared with the number of texts?": {"k < logits.shape[-1]": "k < logits.shape[0]"},
        "Is the k-th largest chosen along the batch?": {
            "logits.topk(k, dim=-1)": "logits.topk(min(k, len(logits)), dim=0)",
            "scatter(-1,": "scatter(0,",
        },
        "Are logits returned, and not probabilities?": {
            "return logits.softmax(dim=-1)": "return logits"
        },
        "Are log-probabilities returned?": {
            "return logits.softmax(dim=-1)": "return logits.log_softmax(dim=-1)"
        },
        "Are only the k kept probabilities returned?": {
            "values, tokens = logits.topk(k, dim=-1)\n    logits = torch.full_like(logits, -torch.inf).scatter(-1, tokens, values)": "logits = logits.topk(k, dim=-1).values"
        },
        "Is the logit of dropped tokens -10? Their probability is 0 at -inf.": {
            "-torch.inf": "-10.0"
        },
        "Is the softmax taken twice?": {
            "logits = logits / temperature": "logits = (logits / temperature).softmax(dim=-1)"
        },
        "Are the caller's logits divided in place?": {
            "logits = logits / temperature": "logits /= temperature"
        },
        "Is a small number added to the temperature?": {"/ temperature": "/ (temperature + 1e-3)"},
        "Are all but k tokens kept? k of them are kept.": {
            "logits.topk(k, dim=-1)": "logits.topk(logits.shape[-1] - k, dim=-1)"
        },
        "Is a temperature below 1 taken for 1?": {"/ temperature": "/ max(temperature, 1.0)"},
        "Is every kept token equally likely?": """
            logits = logits / temperature
            if k is not None and k < logits.shape[-1]:
                values, tokens = logits.topk(k, dim=-1)
                return torch.zeros_like(logits).scatter(-1, tokens, torch.full_like(values, 1 / k))
            return logits.softmax(dim=-1)
            """,
        "Is it exp of the logits? Divide by their sum: a softmax.": {
            "return logits.softmax(dim=-1)": "return logits.exp()"
        },
        "Is it divided by the temperature squared?": {"/ temperature": "/ temperature**2"},
    },
    unnamed={
        "is -inf, not low": {"-torch.inf": "-20.0"},
        "out of range": {" and k < logits.shape[-1]": ""},
        "NoneType": {"k is not None and ": ""},
        "is changed in place": [
            {"= logits / temperature": "= logits.div_(temperature)"},
            {
                "logits = logits / temperature": "if temperature != 1:\n    logits = logits / temperature",
                DROP: "logits.scatter_(-1, (-logits).topk(logits.shape[-1] - k).indices, -torch.inf)",
            },
        ],
        "At temperature": {
            END: "p = logits.softmax(dim=-1)\nreturn p if k is None else p / p.sum()"
        },
        "At temperature 0.05": {"logits / temperature": "logits / max(temperature, 0.1)"},
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
