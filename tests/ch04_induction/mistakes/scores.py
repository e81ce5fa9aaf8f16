"""Mistakes in 4.1 to 4.5, scores of heads, and right answers written another way."""

from tests.grading.mistakes import mistakes, right_answers

TEXT = "text = pattern[:, :, n_bos:, n_bos:]\n"
DIAGONAL = TEXT + "return text.diagonal({}, dim1=2, dim2=3){}"
MEAN = ".mean(dim=(0, 2))"
PREVIOUS = mistakes(
    "4.1",
    "previous_token_score",
    {
        "This is attention to the token itself.": DIAGONAL.format(0, MEAN),
        "This is attention two tokens back.": DIAGONAL.format(-2, MEAN),
        "This is attention to the next token. Is the diagonal +1?": DIAGONAL.format(1, MEAN),
        "Is the first token averaged in as a zero? It has no token before it.": [
            DIAGONAL.format(-1, ".sum(dim=(0, 2)) / len(text) / text.shape[-1]"),
            TEXT + "return text.roll(1, -1).diagonal(0, dim1=2, dim2=3)" + MEAN,
        ],
        "Is `n_bos` ignored? Start tokens count neither as queries nor as keys.": (
            "return pattern.diagonal(-1, dim1=2, dim2=3)" + MEAN
        ),
        "Does the start token count as a key? It is not a part of the text.": (
            "rows = pattern.diagonal(-1, dim1=2, dim2=3)\n"
            "return rows[:, :, max(n_bos - 1, 0):]" + MEAN
        ),
        "Are the rows normalized again without the start token? That attention is lost.": (
            TEXT + "text = text / text.sum(-1, keepdim=True)\n"
            "return text.diagonal(-1, dim1=2, dim2=3)" + MEAN
        ),
        "Is it a sum over queries? Take the mean.": DIAGONAL.format(-1, ".sum(2).mean(0)"),
        "Do all heads share one score? Each has its own.": (
            DIAGONAL.format(-1, ".mean().expand(text.shape[1])")
        ),
        "Does each text have a score of its own? Average over texts too.": (
            DIAGONAL.format(-1, ".mean(2)")
        ),
    },
)
CALL = "return attention_to_offset({}, period, {}, shift={})"
DUPLICATE = mistakes(
    "4.2",
    "duplicate_token_score",
    {
        "This is attention to the token after an earlier copy: prefix matching.": (
            CALL.format("pattern", "n_bos", 1)
        ),
        "This is attention to the token before an earlier copy.": (
            CALL.format("pattern", "n_bos", -1)
        ),
        "Is `n_bos` ignored? Start tokens shift the text, and are neither queries nor keys.": (
            CALL.format("pattern", 0, 0)
        ),
        "Does the query's own position count? k starts at 1.": (
            CALL.format("pattern", "n_bos", 0).replace("return ", "found = ")
            + "\nown = pattern[:, :, n_bos:, n_bos:].diagonal(0, dim1=2, dim2=3)[:, :, period:]\n"
            "return found + own.mean(dim=(0, 2))"
        ),
        "Does only the nearest copy count? All earlier copies count together.": (
            DIAGONAL.format("-period", MEAN)
        ),
        "Is each copy averaged over its own queries? All have the same queries, from period on.": (
            TEXT + "backs = range(period, text.shape[-1], period)\n"
            "return sum(text.diagonal(-k, dim1=2, dim2=3).mean(dim=(0, 2)) for k in backs)"
        ),
        "Is it a mean over the copies? Their attention counts together: a sum.": (
            TEXT + "pos = text.shape[-1]\nbacks = range(period, pos, period)\n"
            "all = sum(text.diagonal(-k, dim1=2, dim2=3).sum(-1) for k in backs)\n"
            "return all.mean(0) / (pos - period) / len(backs)"
        ),
        "Are query and key exchanged? The pattern is [batch, head, query, key].": (
            CALL.format("pattern.mT", "n_bos", 0)
        ),
        "Do the queries begin too early? Count the period from the end of the start tokens.": (
            "moved = pattern.clone()\nmoved[:, :, :, :n_bos] = 0\n"
            "back = torch.arange(pattern.shape[-1])[:, None] - torch.arange(pattern.shape[-1])\n"
            "on = (back > 0) & (back % period == 0)\n"
            "return (moved * on).sum(-1)[:, :, period:]" + MEAN
        ),
    },
)
PREFIX = mistakes(
    "4.3",
    "prefix_matching_score",
    {
        "Is the shift 0? That is attention to the copy itself.": (
            CALL.format("pattern", "n_bos", 0)
        ),
        "Is the shift 2? That is one token too late.": CALL.format("pattern", "n_bos", 2),
        "Is the shift -1? That is attention to the token before the copy.": (
            CALL.format("pattern", "n_bos", -1)
        ),
        "Is `n_bos` ignored by prefix_matching_score?": CALL.format("pattern", 0, 1),
        "Is the period one too long?": (
            "return attention_to_offset(pattern, period + 1, n_bos, shift=1)"
        ),
    },
)
SPENT, TARGET = "(text * target.to(text)).sum(dim=-1)", "(back > 0) & (back % period == 0)"
END = "spent[:, :, period:]"
OFFSET = mistakes(
    "4.3",
    "attention_to_offset",
    {
        "Has the shift the wrong sign?": {"+ shift": "- shift"},
        "Is the shift missing?": {" + shift": ""},
        "Is the shift added twice?": {"+ shift": "+ 2 * shift"},
        "Does only the nearest repeat count? All earlier repeats count together.": {
            TARGET: "back == period"
        },
        "Does only the farthest repeat count? All earlier repeats count together.": {
            TARGET: "(back > 0) & (back == (torch.arange(pos)[:, None] + shift) // period * period)"
        },
        "Is it a mean over a query's keys? Their attention is summed.": {
            SPENT: SPENT + " / target.sum(-1).clamp(min=1)"
        },
        "Is it the largest attention of a query's keys? Sum them.": {
            SPENT: "(text * target).amax(-1)"
        },
        "Do queries of the first repeat count? They have no copy before them.": {END: "spent"},
        "Do the queries begin one too early?": {END: "spent[:, :, period - 1 :]"},
        "Do the queries begin one too late?": {END: "spent[:, :, period + 1 :]"},
        "Do only queries of the last repeat count? All from the second repeat on count.": {
            END: "spent[:, :, -period:]"
        },
        "Does the query's own position count? k starts at 1.": {"back > 0": "back >= 0"},
        "Are query and key exchanged? The pattern is [batch, head, query, key].": {
            SPENT: SPENT.replace("text *", "text.mT *")
        },
        "Is `n_bos` ignored by attention_to_offset?": {
            "text = pattern[:, :, n_bos:, n_bos:]": "text = pattern"
        },
        "Does attention to the start tokens count? They are not keys.": {
            SPENT: SPENT + " + pattern[:, :, n_bos:, :n_bos].sum(-1)"
        },
        "Are the rows normalized again without the start tokens? That attention is lost.": {
            SPENT: "(text / text.sum(-1, keepdim=True) * target).sum(dim=-1)"
        },
        "Is the first token of the text left out as a key? It counts as any other.": {
            TARGET: f"{TARGET} & (torch.arange(pos) > 0)"
        },
        "Is it a sum over texts? Take the mean.": {
            f"{END}.mean(dim=(0, 2))": f"{END}.mean(2).sum(0)"
        },
    },
)
IN_CONTEXT = mistakes(
    "4.4",
    "in_context_score",
    {
        "Is the sign flipped? It is late minus early, negative when context helps.": (
            "return losses[:, early].mean() - losses[:, late].mean()"
        ),
        "Are whole stretches of the text averaged? Use the two indices only.": (
            "return losses[:, late:].mean() - losses[:, :early + 1].mean()"
        ),
        "Is everything up to each index averaged? Use the two indices only.": (
            "return losses[:, :late + 1].mean() - losses[:, :early + 1].mean()"
        ),
        "Are both indices one too small? `early` and `late` index losses.": (
            "return losses[:, late - 1].mean() - losses[:, early - 1].mean()"
        ),
        "Is the late index one too large?": (
            "return losses[:, min(late + 1, losses.shape[1] - 1)].mean() - losses[:, early].mean()"
        ),
        "Is the late index one too small?": (
            "return losses[:, late - 1].mean() - losses[:, early].mean()"
        ),
        "Is the early index one too small?": (
            "return losses[:, late].mean() - losses[:, early - 1].mean()"
        ),
        "Is the mean of all losses subtracted? Subtract the loss at `early`.": (
            "return losses[:, late].mean() - losses.mean()"
        ),
        "Is only the first text used? Take the mean over texts.": (
            "return losses[0, late] - losses[0, early]"
        ),
        "Is it a sum over texts? Take the mean.": (
            "return (losses[:, late] - losses[:, early]).sum()"
        ),
        "This is a ratio. Subtract the losses.": (
            "return losses[:, late].mean() / losses[:, early].mean()"
        ),
        "Are absolute differences averaged? They keep their signs.": (
            "return (losses[:, late] - losses[:, early]).abs().mean()"
        ),
        "Does each text have a score of its own? Take the mean over texts.": (
            "return losses[:, late] - losses[:, early]"
        ),
        "Is it a median over texts? Take the mean.": (
            "return losses[:, late].median() - losses[:, early].median()"
        ),
    },
)
CENTRED = "raised - raised.mean(dim=-1, keepdim=True)"
OTHERS = "of_text.masked_fill(same, 0.0) / (tokens.shape[1] - 1)"
ABOVE, BELOW = (
    "(own - others.sum(dim=-1))",
    "(own.abs() + others.abs().sum(dim=-1)).clamp(min=1e-12)",
)
INDEX = "tokens[:, None, None, :]"
COPYING = mistakes(
    "4.5",
    "copying_score_on_text",
    {
        "Is the mean over the vocabulary not subtracted?": {CENTRED: "raised"},
        "Is the mean over the text's tokens subtracted? Subtract that over the vocabulary.": {
            f"others = {OTHERS}": (
                "of_text = of_text - of_text.mean(-1, keepdim=True)\n"
                "own = of_text.masked_fill(~same, 0.0).sum(dim=-1)\n"
                f"others = {OTHERS}"
            )
        },
        "Is the mean over keys subtracted? Subtract that over the vocabulary.": {
            "mean(dim=-1,": "mean(dim=1,"
        },
        "Is the mean over heads subtracted? Subtract that over the vocabulary.": {
            "mean(dim=-1,": "mean(dim=2,"
        },
        "Is the key's own token among the others?": {OTHERS: "of_text / tokens.shape[1]"},
        "Is the others' sum divided by the number of all tokens? One of them is the own.": {
            OTHERS: OTHERS.replace(" - 1", "")
        },
        "Are the others summed? Take their mean.": {OTHERS: "of_text.masked_fill(same, 0.0)"},
        "Is it the size of the mean in the denominator? Take the mean of the sizes.": {
            "others.abs().sum(dim=-1)": "others.sum(dim=-1).abs()"
        },
        "Are signs kept in the denominator? It takes sizes.": {BELOW: "(own + others.sum(-1))"},
        "Are negative contributions dropped, as in the paper? Here the signs stay.": {
            CENTRED: f"({CENTRED}).relu()"
        },
        "Are sizes taken in the numerator? It keeps signs.": {
            ABOVE: "(own.abs() - others.abs().sum(-1))"
        },
        "Are the others not subtracted in the numerator?": {ABOVE: "own"},
        "Is the sign of the copying score flipped?": {ABOVE: "(others.sum(-1) - own)"},
        "Are means over keys divided? Each key has a score, and those are averaged.": {
            "return score.mean(dim=(0, 1))": (
                "top = (own - others.sum(-1)).mean((0, 1))\n"
                "return top / (own.abs() + others.abs().sum(-1)).mean((0, 1))"
            )
        },
        "Is it the logit of the next token? A head copies the attended token itself.": {
            INDEX: f"{INDEX}.roll(-1, -1)"
        },
        "Are logits selected by position? Gather them by token.": {
            INDEX: "torch.arange(tokens.shape[1]).expand_as(tokens)[:, None, None, :]"
        },
        "Are the first text's tokens used for all texts?": {
            INDEX: "tokens[:1].expand_as(tokens)[:, None, None, :]"
        },
        "Is the own token compared with the whole vocabulary? Use the text's tokens.": {
            f"score = {ABOVE} / {BELOW}": (
                "n = raised.shape[-1] - 1\n"
                "rest, size = (centred.sum(-1) - own) / n, (centred.abs().sum(-1) - own.abs()) / n\n"
                "score = (own - rest) / (own.abs() + size)"
            )
        },
        "Is the division by the sizes missing?": {f" / {BELOW}": ""},
    },
)
RIGHT = [
    *right_answers(
        "4.1",
        "previous_token_score",
        {
            "one by one": """
            queries = range(n_bos + 1, pattern.shape[-1])
            return torch.stack([pattern[:, :, i, i - 1] for i in queries]).mean(dim=(0, 1))
            """,
            "by index": """
            query = torch.arange(n_bos + 1, pattern.shape[-1])
            return pattern[..., query, query - 1].mean(-1).mean(0)
            """,
        },
    ),
    *right_answers(
        "4.2",
        "duplicate_token_score",
        {
            "diagonals": """
            text = pattern[:, :, n_bos:, n_bos:]
            pos = text.shape[-1]
            found = [text.diagonal(-k, dim1=2, dim2=3).sum(-1) for k in range(period, pos, period)]
            return sum(found).mean(0) / (pos - period)
            """
        },
    ),
    *right_answers(
        "4.3",
        "attention_to_offset",
        {
            "diagonals": """
            text = pattern[:, :, n_bos:, n_bos:]
            pos = text.shape[-1]
            total = torch.zeros_like(pattern[0, :, 0, 0])
            for back in range(period - shift, pos, period):
                spent = text.diagonal(-back, dim1=2, dim2=3)  # of the queries from `back` on
                total = total + spent[:, :, max(period - back, 0) :].sum(dim=(0, 2))
            return total / len(text) / (pos - period)
            """,
            "a loop over queries": """
            spent = []
            for query in range(n_bos + period, pattern.shape[-1]):
                start = (query - n_bos + shift) % period + n_bos
                keys = list(range(start, query - period + shift + 1, period))
                spent.append(pattern[:, :, query, keys].sum(-1))
            return torch.stack(spent).mean(dim=(0, 1))
            """,
            "a loop over queries and keys": """
            text = pattern[:, :, n_bos:, n_bos:]
            pos, total = text.shape[-1], 0
            for query in range(period, pos):
                for key in range(query - period + shift, -1, -period):
                    total = total + text[:, :, query, key].mean(dim=0)
            return total / (pos - period)
            """,
        },
    ),
    *right_answers(
        "4.4",
        "in_context_score",
        {
            "difference first": "return (losses[:, late] - losses[:, early]).mean()",
            "means of all": "mean = losses.mean(dim=0)\nreturn mean[late] - mean[early]",
        },
    ),
    *right_answers(
        "4.5",
        "copying_score_on_text",
        {
            "key by key": """
            centred = raised - raised.mean(-1, keepdim=True)
            found = []
            for rows, words in zip(centred, tokens):
                for place, word in enumerate(words.tolist()):
                    own = rows[place, :, word]
                    rest = rows[place][:, [t for t in words.tolist() if t != word]]
                    size = own.abs() + rest.abs().mean(-1)
                    found.append((own - rest.mean(-1)) / size)
            return torch.stack(found).mean(0)
            """,
            "totals minus own": """
            raised = raised - raised.mean(-1, keepdim=True)
            n = tokens.shape[1]
            picked = torch.stack([row[..., t] for row, t in zip(raised, tokens)])
            own = picked.diagonal(dim1=1, dim2=3).transpose(1, 2)
            mean = (picked.sum(-1) - own) / (n - 1)
            size = own.abs() + (picked.abs().sum(-1) - own.abs()) / (n - 1)
            return ((own - mean) / size).flatten(0, 1).mean(0)
            """,
        },
    ),
]
