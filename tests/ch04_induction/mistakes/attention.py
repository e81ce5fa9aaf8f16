"""More mistakes in 4.1 to 4.5: queries, keys, start tokens, means, and what is compared."""

from tests.grading.mistakes import mistakes

TEXT = "text = pattern[:, :, n_bos:, n_bos:]\n"
DIAGONAL, MEAN = "return text.diagonal(-1, dim1=2, dim2=3)", ".mean(dim=(0, 2))"
PREVIOUS = mistakes(
    "4.1",
    "previous_token_score",
    {
        "Are the start tokens cut from the queries alone? Cut the keys too.": (
            TEXT.replace(", n_bos:]", "]") + DIAGONAL + MEAN
        ),
        "Are the start tokens cut from the keys alone? Cut the queries too.": (
            TEXT.replace("n_bos:, n_bos:", ":, n_bos:") + DIAGONAL + MEAN
        ),
        "Is one token too many cut from the start?": (
            TEXT.replace("n_bos", "n_bos + 1") + DIAGONAL + MEAN
        ),
        "Is one token too many cut from the end?": (
            TEXT.replace("n_bos:", "n_bos:-1") + DIAGONAL + MEAN
        ),
        "Does the diagonal run over texts and heads? Give it the axes of query and key.": (
            TEXT + "return text.diagonal(-1).mean(dim=(0, 1))[: text.shape[1]]"
        ),
        "This is attention to all earlier tokens.": (
            TEXT + "return text.tril(-1).sum(dim=-1)[:, :, 1:]" + MEAN
        ),
        "This is the mean of the whole pattern.": TEXT + "return text.mean(dim=(0, 2, 3))",
        "This is how often the previous token gets most attention. Average the attention.": (
            TEXT + "top = text.argmax(dim=-1)[:, :, 1:]\n"
            "return (top == torch.arange(top.shape[-1])).to(text)" + MEAN
        ),
        "Is it a mean over heads, for each query? Average over texts and queries.": (
            TEXT + DIAGONAL + ".mean(dim=(0, 1))"
        ),
        "Is it a sum over texts? Take the mean.": TEXT + DIAGONAL + ".mean(2).sum(0)",
        "Is it a sum over texts and queries? Take the mean.": TEXT + DIAGONAL + ".sum(dim=(0, 2))",
        "Is only the first text used? Take the mean over texts.": TEXT + DIAGONAL + "[0].mean(-1)",
        "Is only the last query used? Take the mean over queries.": (
            TEXT + DIAGONAL + "[:, :, -1].mean(0)"
        ),
        "Is it a maximum over queries? Take the mean.": (
            TEXT + DIAGONAL + ".amax(dim=2).mean(dim=0)"
        ),
        "Is a softmax applied? The pattern is after the softmax.": (
            TEXT + "text = text.softmax(-1)\n" + DIAGONAL + MEAN
        ),
        "Is it divided by all attention to earlier tokens?": (
            TEXT + "seen = text.tril(-1).sum(dim=-1)[:, :, 1:]\n"
            "return (text.diagonal(-1, dim1=2, dim2=3) / seen)" + MEAN
        ),
        "Does every query and key have a number? Average over texts and queries.": (
            TEXT + "return text.mean(dim=0)"
        ),
        "Is the logarithm of attention averaged? Average the attention itself.": (
            TEXT + "return text.diagonal(-1, dim1=2, dim2=3).log()" + MEAN
        ),
    },
)
CALL = "attention_to_offset(pattern, period, n_bos, shift=0)"
KEYS = (
    TEXT + "pos = text.shape[-1]\nback = torch.arange(pos)[:, None] - torch.arange(pos)\n"
    "on = (back > 0) & (back % period == 0)\nspent = (text * on).sum(-1)\n"
)
DUPLICATE = mistakes(
    "4.2",
    "duplicate_token_score",
    {
        "Is the period one too short?": f"return {CALL.replace('period', 'period - 1')}",
        "Is the period one too long?": f"return {CALL.replace('period', 'period + 1')}",
        "Is the period doubled? Every earlier repeat counts.": (
            f"return {CALL.replace('period', '2 * period')}"
        ),
        "Are `period` and `n_bos` exchanged?": (
            f"return {CALL.replace('period, n_bos', 'n_bos, period')}"
        ),
        "Do queries of the first repeat count? They have no copy before them.": (
            KEYS + "return spent.mean(dim=(0, 2))"
        ),
        "Do only queries of the last repeat count? All from the second repeat on count.": (
            KEYS + "return spent[:, :, -period:].mean(dim=(0, 2))"
        ),
        "Does only the last query count? Average over the queries.": (
            KEYS + "return spent[:, :, -1].mean(0)"
        ),
        "Is it a mean over a query's copies? Their attention is summed.": (
            KEYS + "spent = spent / on.sum(-1).clamp(min=1)\n"
            "return spent[:, :, period:].mean(dim=(0, 2))"
        ),
        "Is it the largest attention of a query's copies? Sum them.": (
            KEYS + "return (text * on).amax(-1)[:, :, period:].mean(dim=(0, 2))"
        ),
        "Does only the first copy count? All earlier copies count together.": (
            KEYS + "first = torch.arange(pos) % period\n"
            "spent = text.gather(-1, first[:, None].expand(*text.shape[:3], 1))[..., 0]\n"
            "return spent[:, :, period:].mean(dim=(0, 2))"
        ),
        "Is it a sum over texts? Take the mean.": f"return {CALL} * len(pattern)",
        "Is it a sum over queries? Take the mean.": (
            f"return {CALL} * (pattern.shape[-1] - n_bos - period)"
        ),
        "Is only the first text used? Take the mean over texts.": (
            f"return {CALL.replace('pattern', 'pattern[:1]')}"
        ),
        "Do all heads share one score? Each has its own.": (
            f"found = {CALL}\nreturn found.mean().expand_as(found)"
        ),
        "Are later copies counted? Only earlier ones count.": (
            KEYS + "spent = (text * ((back != 0) & (back % period == 0))).sum(-1)\n"
            "return spent[:, :, period:].mean(dim=(0, 2))"
        ),
        "Is one start token too many cut?": f"return {CALL.replace('n_bos', 'n_bos + 1')}",
    },
)
PREFIX = mistakes(
    "4.3",
    "prefix_matching_score",
    {
        "Is the period one too short?": (
            "return attention_to_offset(pattern, period - 1, n_bos, shift=1)"
        ),
        "Are `period` and `n_bos` exchanged?": (
            "return attention_to_offset(pattern, n_bos, period, shift=1)"
        ),
        "Is one start token too many cut?": (
            "return attention_to_offset(pattern, period, n_bos + 1, shift=1)"
        ),
        "Is the attention to the copies themselves added?": (
            "both = [attention_to_offset(pattern, period, n_bos, shift=s) for s in (0, 1)]\n"
            "return both[0] + both[1]"
        ),
        "Is the shift the period? The token after a copy is one further.": (
            "return attention_to_offset(pattern, period, n_bos, shift=period)"
        ),
    },
)
SPENT, TARGET = "(text * target.to(text)).sum(dim=-1)", "(back > 0) & (back % period == 0)"
END = "spent[:, :, period:]"
OFFSET = mistakes(
    "4.3",
    "attention_to_offset",
    {
        "Are later positions counted? k is 1, 2, ...": {TARGET: "back % period == 0"},
        "Are later positions counted, and the query's own not? k is 1, 2, ...": {
            TARGET: "(back != 0) & (back % period == 0)"
        },
        "Is it divided by the number of all queries? Those of the first repeat do not count.": {
            f"{END}.mean(dim=(0, 2))": f"{END}.sum(dim=2).mean(dim=0) / pos"
        },
        "Is it a sum over queries? Take the mean.": {
            f"{END}.mean(dim=(0, 2))": f"{END}.sum(2).mean(0)"
        },
        "Does only the last query count? Average over the queries.": {
            f"{END}.mean(dim=(0, 2))": "spent[:, :, -1].mean(0)"
        },
        "Is it a maximum over queries? Take the mean.": {
            f"{END}.mean(dim=(0, 2))": f"{END}.amax(2).mean(0)"
        },
        "Do queries start at the third repeat? They start at the second.": {
            END: "spent[:, :, 2 * period :]"
        },
        "Do only queries of the second repeat count? Later ones count too.": {
            END: "spent[:, :, period : 2 * period]"
        },
        "Is only the first text used? Take the mean over texts.": {
            f"{END}.mean(dim=(0, 2))": f"{END}[0].mean(-1)"
        },
        "Does each text have a score of its own? Average over texts too.": {
            f"{END}.mean(dim=(0, 2))": f"{END}.mean(2)"
        },
        "Do all heads share one score? Each has its own.": {
            f"{END}.mean(dim=(0, 2))": f"{END}.mean().expand(text.shape[1])"
        },
        "Is it a mean over heads, for each query? Average over texts and queries.": {
            f"{END}.mean(dim=(0, 2))": f"{END}.mean(dim=(0, 1))"
        },
        "Are the start tokens cut from the queries alone? Cut the keys too.": {
            "text = pattern[:, :, n_bos:, n_bos:]": "text = pattern[:, :, n_bos:, : -n_bos or None]"
        },
        "Are keys of the first repeat left out? They count as any others.": {
            SPENT: "(text * target)[..., period:].sum(-1)"
        },
        "Is a softmax applied? The pattern is after the softmax.": {
            SPENT: SPENT.replace("text *", "text.softmax(-1) *")
        },
        "This is how often a target gets most attention. Sum the attention.": {
            SPENT: "target.expand_as(text).gather(-1, text.argmax(-1, keepdim=True))[..., 0].to(text)"
        },
        "Is it divided by the number of repeats? The attention is summed over them.": {
            SPENT: SPENT + " / (pos // period)"
        },
        "Does the average start `shift` queries early? It starts with the second repeat.": {
            END: "spent[:, :, period - shift :]"
        },
    },
)
EARLY, LATE = "losses[:, early].mean()", "losses[:, late].mean()"
IN_CONTEXT = mistakes(
    "4.4",
    "in_context_score",
    {
        "Do the indices select texts? The index of the token is axis 1.": [
            "return losses[late].mean() - losses[early].mean()",
            "return losses[late % len(losses)].mean() - losses[early % len(losses)].mean()",
        ],
        "Is the loss at `early` not subtracted?": f"return {LATE}",
        "Is the loss at `late` missing?": f"return -{EARLY}",
        "Is the difference divided by the loss at `early`?": (
            f"return ({LATE} - {EARLY}) / {EARLY}"
        ),
        "Is it divided by the number of tokens between the two indices?": (
            f"return ({LATE} - {EARLY}) / (late - early)"
        ),
        "Are these perplexities? Subtract the losses.": f"return {LATE}.exp() - {EARLY}.exp()",
        "Is the logarithm of the losses taken?": f"return {LATE}.log() - {EARLY}.log()",
        "Is the absolute value taken? The sign tells whether context helps.": (
            f"return ({LATE} - {EARLY}).abs()"
        ),
        "Are both indices one too large? `early` and `late` index losses.": [
            "return losses[:, late + 1].mean() - losses[:, early + 1].mean()",
            "losses = torch.cat([losses[:, 1:], losses[:, -1:]], 1)\n" + f"return {LATE} - {EARLY}",
        ],
        "Is the early index one too large?": (
            "return losses[:, late].mean() - losses[:, early + 1].mean()"
        ),
        "Is the late index counted from the end?": f"return losses[:, -late].mean() - {EARLY}",
        "Is the loss averaged from `early` to `late`?": (
            "return losses[:, early : late + 1].mean()"
        ),
        "Is all before `early` averaged? Use the loss at `early` alone.": (
            f"return {LATE} - losses[:, : early + 1].mean()"
        ),
        "Is all after `late` averaged? Use the loss at `late` alone.": (
            f"return losses[:, late:].mean() - {EARLY}"
        ),
        "Is the slope between the two indices summed over texts?": (
            "return losses[:, late].sum() - losses[:, early].mean()"
        ),
        "Is the last text alone used? Take the mean over texts.": (
            "return losses[-1, late] - losses[-1, early]"
        ),
        "Is the first loss subtracted? Subtract the loss at `early`.": (
            f"return {LATE} - losses[:, 0].mean()"
        ),
        "Is the loss at `early` subtracted from the last loss? Use the one at `late`.": (
            f"return losses[:, -1].mean() - {EARLY}"
        ),
        "Is the result a plain number? Return a tensor.": f"return ({LATE} - {EARLY}).item()",
        "Is it converted to float32? Keep the precision of the losses.": (
            f"return ({LATE} - {EARLY}).float()"
        ),
    },
)
CENTRED = "raised - raised.mean(dim=-1, keepdim=True)"
OTHERS = "of_text.masked_fill(same, 0.0) / (tokens.shape[1] - 1)"
ABOVE, SIZE = "(own - others.sum(dim=-1))", "(own.abs() + others.abs().sum(dim=-1))"
INDEX, LAST = "tokens[:, None, None, :]", "score.mean(dim=(0, 1))"
COPYING = mistakes(
    "4.5",
    "copying_score_on_text",
    {
        "Is a small number added to the denominator? The score must not depend on the scale.": [
            {".clamp(min=1e-12)": " + 1e-6"},
            {".clamp(min=1e-12)": " + 1e-8"},
            {"min=1e-12": "min=1e-6"},
            {"min=1e-12": "min=1e-8"},
        ],
        "Is it a mean over keys alone, of one text? Average over texts and keys.": [
            {LAST: "score[0].mean(0)"},
            {LAST: "score[-1].mean(0)"},
        ],
        "Does each text have a score of its own? Average over texts too.": {LAST: "score.mean(1)"},
        "Is it a sum over keys? Take the mean.": {LAST: "score.sum(1).mean(0)"},
        "Do all heads share one score? Each has its own.": {
            LAST: "score.mean().expand(score.shape[-1])"
        },
        "Does only the last key count? Average over the keys.": {LAST: "score[:, -1].mean(0)"},
        "Does only the first key count? Average over the keys.": {LAST: "score[:, 0].mean(0)"},
        "Is it the logit of the token before? A head copies the attended token itself.": {
            INDEX: f"{INDEX}.roll(1, -1)"
        },
        "Are probabilities compared? Compare logits.": [
            {CENTRED: "raised.softmax(-1)"},
            {CENTRED: "raised.softmax(-1) - 1 / raised.shape[-1]"},
        ],
        "Are log-probabilities compared? Subtract the mean over the vocabulary only.": {
            CENTRED: "raised.log_softmax(-1)"
        },
        "Is the mean over texts subtracted? Subtract that over the vocabulary.": {
            CENTRED: "raised - raised.mean(dim=0, keepdim=True)"
        },
        "Is the mean of all logits subtracted? Each key and head has its own.": {
            CENTRED: "raised - raised.mean()"
        },
        "Are the sizes of the others summed in the denominator? Take their mean.": {
            SIZE: "(own.abs() + others.abs().sum(-1) * (tokens.shape[1] - 1))"
        },
        "Is own compared with the largest of the others? Take their mean.": {
            ABOVE: "(own - of_text.masked_fill(same, -torch.inf).amax(-1))"
        },
        "Is the absolute value of the score taken? -1 lowers the token.": {
            LAST: "score.abs().mean(dim=(0, 1))"
        },
        "Is it divided by the size of own alone? Add the mean size of the others.": {
            SIZE: "own.abs()"
        },
        "Is it divided by the size of the difference? That leaves its sign alone.": {
            SIZE: "(own - others.sum(dim=-1)).abs()"
        },
        "Is it divided by the root of the squares? Add the two sizes.": {
            SIZE: "(own.square() + others.abs().sum(dim=-1).square()).sqrt()"
        },
        "Is the fraction of keys counted whose own logit is larger? Average the scores.": {
            LAST: "(own > others.sum(-1)).to(score).mean(dim=(0, 1))"
        },
        "Are the sizes in the denominator averaged with the own token? It counts apart.": {
            SIZE: "(own.abs() + of_text.abs().mean(-1))"
        },
    },
)
