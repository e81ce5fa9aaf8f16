"""Answers to 7.4 to 7.7."""

from tests.grading.variants import Right, Wrong


def looks(name: str, answer: str, says: str) -> Wrong:
    """A mistake in attention_between."""
    return Wrong("7.4", name, body={"attention_between": answer}, says=says)


def copies(name: str, answer: str, says: str) -> Wrong:
    """A mistake in copied."""
    return Wrong("7.5", name, body={"in_top_k": answer}, says=says)


def counts(name: str, replace: dict[str, str], says: str) -> Wrong:
    """A mistake in important."""
    return Wrong("7.6", name, replace, says=says)


def repairs(name: str, answer: str, says: str) -> Wrong:
    """A mistake in self_repair."""
    return Wrong("7.7", name, body={"self_repair": answer}, says=says)


ROWS = "prompt = torch.arange(len(pattern))\n"
TOP = "logits.topk(k, dim=-1).indices"
LARGE = "large = mean.abs() >= min_effect_share * clean.mean().abs()"
CERTAIN = "large & (mean.abs() >= min_z * error)"
ERROR = "effects.std(dim=1) / effects.shape[1] ** 0.5"
ORDER = "mean[found].abs().argsort(descending=True)"

WRONG = [
    looks("key and query", ROWS + "return pattern[prompt, :, key, query]", "Query and key are"),
    looks(
        "mean over prompts",
        ROWS + "x = pattern[prompt, :, query, key]\nreturn x.mean(0, keepdim=True).expand_as(x)",
        "It is a mean over prompts",
    ),
    looks(
        "a row for all prompts",
        ROWS + "return pattern[prompt, :, query, key].mean(dim=0)",
        "wrong shape or type",
    ),
    looks("all pairs", "return pattern[:, :, query, key]", "wrong shape or type"),
    looks("the first's", "return pattern[:, :, query[0], key[0]]", "the first one's positions"),
    looks(
        "all queries",
        ROWS + "return pattern[prompt, :, :, key].mean(dim=-1)",
        "It is the mean over queries",
    ),
    looks("the first's key", ROWS + "return pattern[prompt, :, query, key[0]]", "first one's key"),
    copies(
        "ranked among prompts",
        "own = logits.gather(1, names[:, None])\n"
        "return ((logits[:, names] > own.T).sum(dim=0) < k).to(logits)",
        "Prompts are ranked among each other",
    ),
    copies(
        "topk over prompts",
        "return (logits.topk(k, dim=0).indices == names[:k, None]).any(dim=-1).to(logits)",
        "wrong shape or type",
    ),
    copies(
        "lowest",
        "return ((-logits).topk(k).indices == names[:, None]).any(-1).to(logits)",
        "LOWEST",
    ),
    copies(
        "size",
        "return (logits.abs().topk(k).indices == names[:, None]).any(-1).to(logits)",
        "largest SIZE",
    ),
    copies(
        "always 5",
        "return (logits.topk(5).indices == names[:, None]).any(-1).to(logits)",
        "It is always 5",
    ),
    copies("likeliest", "return (logits.argmax(-1) == names).to(logits)", "Only the likeliest"),
    copies(
        "one too many",
        "own = logits.gather(1, names[:, None])\n"
        "return ((logits > own).sum(dim=-1) <= k).to(logits)",
        "one too many",
    ),
    copies(
        "one too few",
        "own = logits.gather(1, names[:, None])\n"
        "return ((logits >= own).sum(dim=-1) < k).to(logits)",
        "one too few",
    ),
    copies(
        "anybody's name",
        f"return torch.isin({TOP}, names).any(dim=-1).to(logits)",
        "Other names of the batch",
    ),
    copies("not copied", f"return ({TOP} != names[:, None]).all(dim=-1).to(logits)", "exchanged"),
    copies("a mean", f"return ({TOP} == names[:, None]).any(-1).to(logits).mean()", "wrong shape"),
    copies("bools", f"return ({TOP} == names[:, None]).any(-1)", "wrong shape or type"),
    counts("variance", {ERROR: "effects.var(dim=1)"}, "Variances are taken"),
    counts("deviation", {ERROR: "effects.std(dim=1)"}, "Standard deviations are taken"),
    counts("root forgotten", {" ** 0.5": ""}, "divided by n, not by its root"),
    counts("root of heads", {"effects.shape[1]": "len(effects)"}, "how many heads there are"),
    counts("over senders", {"std(dim=1) /": "std(dim=0).mean() /"}, "heads"),
    counts(
        "only helpers",
        {LARGE: "large = mean <= -min_effect_share * clean.mean()"},
        "positive effect are",
    ),
    counts(
        "signed",
        {LARGE: "large = mean >= min_effect_share * clean.mean()"},
        "negative effect are missing",
    ),
    counts("signed certainty", {"(mean.abs() >= min_z": "(mean >= min_z"}, "negative effect are"),
    counts("or", {"large & (": "large | ("}, "Large OR certain"),
    counts("never certain", {CERTAIN: "large"}, "certain or not"),
    counts("never large", {CERTAIN: "(mean.abs() >= min_z * error)"}, "large or not"),
    counts("smallest first", {"descending=True": "descending=False"}, "The smallest comes first"),
    counts("by sign", {"mean[found].abs().arg": "mean[found].arg"}, "ordered by sign"),
    counts("as they come", {f"found[{ORDER}]": "found"}, "in the order of the heads"),
    counts("of sizes", {"clean.mean().abs()": "clean.abs().mean()"}, "metric's mean SIZE"),
    counts("of nothing", {" * clean.mean().abs()": ""}, "The share is not of the clean metric"),
    counts("of the largest", {"clean.mean().abs()": "mean.abs().max()"}, "of the largest effect"),
    counts(
        "mean sizes",
        {"mean.abs() >= min_effect_share": "effects.abs().mean(1) >= min_effect_share"},
        "Sizes are averaged",
    ),
    counts("places in the list", {f"found[{ORDER}]": ORDER}, "are expected in this order"),
    repairs("sizes", "return direct.mean(-1).abs() - total.mean(-1).abs()", "keep signs"),
    repairs(
        "size of total", "return direct.mean(-1) - total.mean(-1).abs()", "total effect's sign"
    ),
    repairs("backwards", "return total.mean(-1) - direct.mean(-1)", "It is total minus direct"),
    repairs("gap", "return (direct.mean(-1) - total.mean(-1)).abs()", "the size of the gap"),
    repairs("ratio", "return total.mean(-1) / direct.mean(-1)", "ratio of total to direct"),
    repairs("share", "return 1 - total.mean(-1) / direct.mean(-1)", "share of the direct effect"),
    repairs("sum over prompts", "return (direct - total).sum(-1)", "sum over prompts"),
    repairs("over heads", "return (direct - total).mean()", "wrong shape or type"),
    repairs("over the heads' axis", "return (direct - total).mean(0)", "wrong shape or type"),
    repairs("each prompt's size", "return (direct - total).abs().mean(-1)", "prompts' own sizes"),
    repairs("median", "return direct.median(-1).values - total.median(-1).values", "median"),
]

RIGHT = [
    Right(
        "7.4",
        "gather",
        body={
            "attention_between": """
            n, head, _, last = pattern.shape
            rows = pattern.gather(2, query[:, None, None, None].expand(n, head, 1, last))[:, :, 0]
            return rows.gather(2, key[:, None, None].expand(n, head, 1))[..., 0]
            """
        },
    ),
    Right(
        "7.4",
        "a loop",
        body={
            "attention_between": """
            return torch.stack([one[:, q, k] for one, q, k in zip(pattern, query, key)])
            """
        },
    ),
    Right(
        "7.5",
        "ranks",
        body={
            "in_top_k": """
            own = logits.gather(-1, names[:, None])
            return ((logits > own).sum(dim=-1) < k).to(logits.dtype)
            """
        },
    ),
    Right(
        "7.5",
        "sorted",
        body={
            "in_top_k": """
            best = logits.argsort(dim=-1, descending=True)[:, :k]
            return torch.tensor([float(n in row) for n, row in zip(names.tolist(), best.tolist())])
            """
        },
    ),
    Right("7.6", "biased", {"std(dim=1)": "std(dim=1, unbiased=False)"}),
    Right(
        "7.6",
        "sorted first",
        body={
            "select_significant": """
            n = effects.shape[1]
            t = mean.abs() * n**0.5 / effects.std(dim=1)
            order = mean.abs().sort(descending=True).indices
            keep = [i for i in order if t[i] > min_z and mean[i].abs() > min_effect_share * clean.mean()]
            return torch.tensor([int(i) for i in keep], dtype=torch.long)
            """
        },
    ),
    Right("7.7", "prompt by prompt", body={"self_repair": "return (direct - total).mean(dim=-1)"}),
    Right(
        "7.7",
        "sums",
        body={"self_repair": "n = direct.shape[-1]\nreturn (direct.sum(-1) - total.sum(-1)) / n"},
    ),
]
