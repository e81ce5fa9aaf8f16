"""Answers to 4.1, 4.2 and 4.3."""

from tests.grading.variants import Right, Wrong

TEXT = "text = pattern[:, :, n_bos:, n_bos:]\n"
MEAN = ".mean(dim=(0, 2))"


def previous(name: str, answer: str, says: str) -> Wrong:
    """A mistake in previous_token_score."""
    return Wrong("4.1", name, body={"previous_token_score": TEXT + answer}, says=says)


def duplicate(name: str, answer: str, says: str) -> Wrong:
    """A mistake in duplicate_token_score."""
    return Wrong("4.2", name, body={"duplicate_token_score": answer}, says=says)


def prefix(name: str, answer: str, says: str) -> Wrong:
    """A mistake in prefix_matching_score."""
    return Wrong("4.3", name, body={"prefix_matching_score": answer}, says=says)


def back(name: str, old: str, new: str, says: str) -> Wrong:
    """A mistake in attention_to_offset."""
    return Wrong("4.3", name, {old: new}, says=says)


DIAGONAL = "return text.diagonal({}, dim1=2, dim2=3)" + MEAN
SPENT = "spent = (text * target.to(text)).sum(dim=-1)"
TARGET = "target = (back > 0) & (back % period == 0)"
END = "return spent[:, :, period:].mean(dim=(0, 2))"
CALL = "return attention_to_offset({}, period, {}, shift={})"

WRONG = [
    previous("itself", DIAGONAL.format(0), "attention to the token itself"),
    previous("two back", DIAGONAL.format(-2), "two tokens back"),
    previous("next", DIAGONAL.format(1), "This is attention to the NEXT token"),
    previous(
        "first counted as a zero",
        "return text.diagonal(-1, dim1=2, dim2=3).sum(dim=(0, 2)) / len(text) / text.shape[-1]",
        "The first token is averaged in as a zero",
    ),
    previous(
        "first ignored",
        "return pattern.diagonal(-1, dim1=2, dim2=3)" + MEAN,
        "`n_bos` is ignored",
    ),
    previous(
        "start as a key",
        "rows = pattern.diagonal(-1, dim1=2, dim2=3)\nreturn rows[:, :, max(n_bos - 1, 0):]" + MEAN,
        "The start token counts as a key",
    ),
    previous(
        "start shared out",
        "return (text / text.sum(-1, keepdim=True)).diagonal(-1, dim1=2, dim2=3)" + MEAN,
        "shared out to the others",
    ),
    previous(
        "rolled",
        "return text.roll(1, -1).diagonal(0, dim1=2, dim2=3)" + MEAN,
        "The pattern is rolled round",
    ),
    previous(
        "sum", "return text.diagonal(-1, dim1=2, dim2=3).sum(2).mean(0)", "the sum over queries"
    ),
    previous(
        "one number",
        "return text.diagonal(-1, dim1=2, dim2=3).mean().expand(text.shape[1])",
        "each has a score of its own",
    ),
    previous(
        "texts apart", "return text.diagonal(-1, dim1=2, dim2=3).mean(2)", "wrong shape or type"
    ),
    duplicate("after", CALL.format("pattern", "n_bos", 1), "the token AFTER an earlier copy"),
    duplicate("before", CALL.format("pattern", "n_bos", -1), "the token BEFORE an earlier copy"),
    duplicate("first ignored", CALL.format("pattern", 0, 0), "`n_bos` is ignored"),
    duplicate(
        "itself",
        CALL.format("pattern", "n_bos", 0).replace("return ", "found = ")
        + "\nown = pattern[:, :, n_bos:, n_bos:].diagonal(0, dim1=2, dim2=3)[:, :, period:]\n"
        "return found + own.mean(dim=(0, 2))",
        "The query's own position is counted",
    ),
    duplicate(
        "nearest alone",
        "text = pattern[:, :, n_bos:, n_bos:]\n"
        "return text.diagonal(-period, dim1=2, dim2=3).mean(dim=(0, 2))",
        "Only the nearest repeat is counted",
    ),
    duplicate("exchanged", CALL.format("pattern.mT", "n_bos", 0), "Query and key are exchanged"),
    duplicate(
        "keys not shifted",
        "moved = pattern.clone()\nmoved[:, :, :, :n_bos] = 0\n"
        "back = torch.arange(pattern.shape[-1])[:, None] - torch.arange(pattern.shape[-1])\n"
        "on = (back > 0) & (back % period == 0)\n"
        "return (moved * on).sum(-1)[:, :, period:]" + MEAN,
        "The queries begin too early",
    ),
    prefix("copy itself", CALL.format("pattern", "n_bos", 0), "off by -1"),
    prefix("one late", CALL.format("pattern", "n_bos", 2), "off by +1"),
    prefix("wrong sign", CALL.format("pattern", "n_bos", -1), "the token BEFORE an earlier copy"),
    prefix("first ignored", CALL.format("pattern", 0, 1), "`n_bos` is ignored"),
    prefix(
        "period too long",
        "return attention_to_offset(pattern, period + 1, n_bos, shift=1)",
        "expected",
    ),
    back("sign of the shift", "+ shift", "- shift", "the token BEFORE an earlier copy"),
    back("no shift", " + shift", "", "off by -1"),
    back("shift twice", "+ shift", "+ 2 * shift", "off by +1"),
    back("nearest alone", TARGET, "target = back == period", "Only the nearest repeat is counted"),
    back(
        "farthest alone",
        TARGET,
        "k = (torch.arange(pos)[:, None] + shift) // period\n"
        "    target = (back > 0) & (back == k * period)",
        "Only the farthest repeat is counted",
    ),
    back(
        "mean over keys",
        SPENT,
        SPENT + " / target.sum(-1).clamp(min=1)",
        "The mean over keys is taken",
    ),
    back("largest", SPENT, "spent = (text * target).amax(-1)", "The largest share"),
    back("all queries", END, "return spent.mean(dim=(0, 2))", "The queries of the first repeat"),
    back(
        "first query early",
        END,
        END.replace("period:", "period - 1 :"),
        "The queries begin one too early",
    ),
    back(
        "first query late",
        END,
        END.replace("period:", "period + 1 :"),
        "The queries begin one too late",
    ),
    back(
        "last repeat",
        END,
        "return spent[:, :, -period:].mean(dim=(0, 2))",
        "Only the queries of the last repeat",
    ),
    back("k from 0", "back > 0", "back >= 0", "The query's own position is counted"),
    back("exchanged", SPENT, SPENT.replace("text *", "text.mT *"), "Query and key are exchanged"),
    back(
        "first ignored",
        "text = pattern[:, :, n_bos:, n_bos:]",
        "text = pattern",
        "`n_bos` is ignored",
    ),
    back(
        "sink counted",
        SPENT,
        SPENT + "\n    spent = spent + pattern[:, :, n_bos:, :n_bos].sum(-1)",
        "What is spent on the start token is counted",
    ),
    back(
        "sink shared out",
        SPENT,
        "text = text / text.sum(-1, keepdim=True)\n    " + SPENT,
        "shared out to the others",
    ),
    back(
        "without key 0",
        TARGET,
        TARGET + "\n    target[:, 0] = False",
        "The first token of the text is left out as a key",
    ),
    back("sum over texts", END, "return spent[:, :, period:].mean(2).sum(0)", "sum over texts"),
]

RIGHT = [
    Right(
        "4.1",
        "one by one",
        body={
            "previous_token_score": """
            queries = range(n_bos + 1, pattern.shape[-1])
            return torch.stack([pattern[:, :, i, i - 1] for i in queries]).mean(dim=(0, 1))
            """
        },
    ),
    Right(
        "4.1",
        "by index",
        body={
            "previous_token_score": """
            query = torch.arange(n_bos + 1, pattern.shape[-1])
            return pattern[..., query, query - 1].mean(-1).mean(0)
            """
        },
    ),
    Right(
        "4.2",
        "diagonals",
        body={
            "duplicate_token_score": """
            text = pattern[:, :, n_bos:, n_bos:]
            pos = text.shape[-1]
            found = [text.diagonal(-k, dim1=2, dim2=3).sum(-1) for k in range(period, pos, period)]
            return sum(found).mean(0) / (pos - period)
            """
        },
    ),
    Right(
        "4.3",
        "diagonals",
        body={
            "prefix_matching_score": "return attention_to_offset(pattern, period, n_bos, 1)",
            "attention_to_offset": """
            text = pattern[:, :, n_bos:, n_bos:]
            pos = text.shape[-1]
            total = torch.zeros_like(pattern[0, :, 0, 0])
            for back in range(period - shift, pos, period):
                spent = text.diagonal(-back, dim1=2, dim2=3)  # of the queries from `back` on
                total = total + spent[:, :, max(period - back, 0) :].sum(dim=(0, 2))
            return total / len(text) / (pos - period)
            """,
        },
    ),
    Right(
        "4.3",
        "a loop over queries",
        body={
            "prefix_matching_score": "return attention_to_offset(pattern, period, n_bos, shift=1)",
            "attention_to_offset": """
            spent = []
            for query in range(n_bos + period, pattern.shape[-1]):
                start = (query - n_bos + shift) % period + n_bos
                keys = list(range(start, query - period + shift + 1, period))
                spent.append(pattern[:, :, query, keys].sum(-1))
            return torch.stack(spent).mean(dim=(0, 1))
            """,
        },
    ),
]
