"""Mistakes in 7.4 to 7.7, and right answers written another way."""

from tests.grading.mistakes import mistakes, right_answers

PROMPT = "prompt = torch.arange(len(pattern))\n"
OWN = "own = logits.gather(1, names[:, None])\n"
TOP = "return (logits.topk(k, dim=-1).indices == names[:, None])"
LARGE = "large = mean.abs() >= min_effect_share * clean.mean().abs()"
CERTAIN = "large & (mean.abs() >= min_z * error)"
ERROR = "effects.std(dim=1) / effects.shape[1] ** 0.5"
ORDERED = "found[mean[found].abs().argsort(descending=True)]"

ATTENTION = mistakes(
    "7.4",
    "attention_between",
    {
        "Are query and key exchanged? The pattern is [batch, head, query, key].": (
            PROMPT + "return pattern[prompt, :, key, query]"
        ),
        "This is a mean over prompts. Each prompt has a value of its own.": [
            PROMPT + "x = pattern[prompt, :, query, key]\n"
            "return x.mean(0, keepdim=True).expand_as(x)",
        ],
        "Is the axis of prompts averaged away?": (
            PROMPT + "return pattern[prompt, :, query, key].mean(dim=0)"
        ),
        "Do all prompts use the first one's positions?": "return pattern[:, :, query[0], key[0]]",
        "Do all prompts use the first one's key?": (
            PROMPT + "return pattern[prompt, :, query, key[0]]"
        ),
        "Do all prompts use the first one's query?": (
            PROMPT + "return pattern[prompt, :, query[0], key]"
        ),
        "Are all prompts read from the first one's pattern?": (
            PROMPT + "return pattern[:1].expand_as(pattern)[prompt, :, query, key]"
        ),
        "This is the mean over queries. Select one of them.": (
            PROMPT + "return pattern[prompt, :, :, key].mean(dim=-1)"
        ),
        "This is the sum over queries. Select one of them.": (
            PROMPT + "return pattern[prompt, :, :, key].sum(dim=-1)"
        ),
        "Is every prompt read at every other one's positions? Index the prompts as well.": (
            "return pattern[:, :, query, key]"
        ),
        "Are heads and prompts mixed by a reshape? Exchange axes by a transpose.": (
            "x = pattern[:, :, query, key].diagonal(dim1=0, dim2=2)\n"
            "return x.reshape(pattern.shape[:2])"
        ),
        "The axes are [head, batch]. Prompts come first.": (
            "return pattern[:, :, query, key].diagonal(dim1=0, dim2=2)"
        ),
    },
)
TOP_K = mistakes(
    "7.5",
    "in_top_k",
    {
        "Are prompts ranked among each other? Rank tokens within a prompt (dim=-1).": [
            OWN + "return ((logits[:, names] > own.T).sum(dim=0) < k).to(logits)",
        ],
        "Is topk taken over prompts (dim=0)?": (
            "return (logits.topk(k, dim=0).indices == names[:k, None]).any(dim=-1).to(logits)"
        ),
        "Are these the LOWEST logits?": (
            "return ((-logits).topk(k).indices == names[:, None]).any(-1).to(logits)"
        ),
        "Are these the logits of largest SIZE, whatever their sign?": (
            "return (logits.abs().topk(k).indices == names[:, None]).any(-1).to(logits)"
        ),
        "Is it always 5? k is an argument.": (
            "return (logits.topk(5).indices == names[:, None]).any(-1).to(logits)"
        ),
        "Is it the highest logit only?": "return (logits.argmax(-1) == names).to(logits)",
        "Does a name with exactly k higher logits count? It is the k + 1st.": OWN
        + "return ((logits > own).sum(dim=-1) <= k).to(logits)",
        "Is it one too few? The name may be the k-th itself.": (
            OWN + "return ((logits >= own).sum(dim=-1) < k).to(logits)"
        ),
        "Do other names of the batch count too? Each prompt has its own.": (
            "return torch.isin(logits.topk(k, dim=-1).indices, names).any(dim=-1).to(logits)"
        ),
        "Are 0 and 1 exchanged?": TOP.replace("==", "!=") + ".all(dim=-1).to(logits)",
        "This is one number for all prompts. Each prompt has its own 0 or 1.": [
            TOP + ".any(-1).to(logits).mean()",
            TOP + ".any(-1).to(logits).sum()",
        ],
        "Are these Booleans? Convert to the logits' dtype.": TOP + ".any(-1)",
    },
)
SIGNIFICANT = mistakes(
    "7.6",
    "select_significant",
    {
        "Are these variances instead of standard errors?": {ERROR: "effects.var(dim=1)"},
        "Are these standard deviations? Divide by the root of the number of prompts.": {
            ERROR: "effects.std(dim=1)"
        },
        "Is the standard error divided by n, not by its root?": {" ** 0.5": ""},
        "Is it divided by the root of the number of senders? Prompts count.": {
            "effects.shape[1]": "len(effects)"
        },
        "Is the deviation taken over senders (dim=0)?": {"std(dim=1) /": "std(dim=0).mean() /"},
        "Are heads with large OR certain effects selected? Both are required.": {
            "large & (": "large | ("
        },
        "Are positive effects left out? A head that works against the answer counts too.": {
            LARGE: "large = mean <= -min_effect_share * clean.mean()"
        },
        "Are negative effects left out? The sign does not matter.": [
            {LARGE: "large = mean >= min_effect_share * clean.mean()"},
            {"(mean.abs() >= min_z": "(mean >= min_z"},
        ],
        "Are large effects selected, certain or not?": {CERTAIN: "large"},
        "Are certain effects selected, large or not?": {CERTAIN: "(mean.abs() >= min_z * error)"},
        "Is the smallest effect first? The largest must be.": {
            "descending=True": "descending=False"
        },
        "Are they ordered by sign, not by size?": {"mean[found].abs().arg": "mean[found].arg"},
        "Are they in the order of the heads? The largest effect must be first.": {ORDERED: "found"},
        "Are these places in the list of selected heads, and not the heads?": {
            ORDERED: ORDERED.removeprefix("found[").removesuffix("]")
        },
        "Is the share one of the clean metric's mean SIZE? It is one of its mean.": {
            "clean.mean().abs()": "clean.abs().mean()"
        },
        "Is the share not multiplied by the clean metric's mean?": {" * clean.mean().abs()": ""},
        "Is the share one of the largest effect? It is one of the clean metric.": {
            "clean.mean().abs()": "mean.abs().max()"
        },
        "Are sizes averaged? Effects that cancel over prompts then count as large.": {
            "mean.abs() >= min_effect_share": "effects.abs().mean(1) >= min_effect_share"
        },
        "Is a negative clean metric forgotten? The limit is a size.": {
            "clean.mean().abs()": "clean.mean()"
        },
    },
)
REPAIR = mistakes(
    "7.7",
    "self_repair",
    {
        "Are the signs dropped? They belong to the effects.": [
            "return direct.mean(-1).abs() - total.mean(-1).abs()",
        ],
        "Is the total effect's sign dropped?": "return direct.mean(-1) - total.mean(-1).abs()",
        "Is the direct effect's sign dropped?": "return direct.mean(-1).abs() - total.mean(-1)",
        "This is total minus direct. Repair is what the direct effect has MORE.": (
            "return total.mean(-1) - direct.mean(-1)"
        ),
        "Is this an absolute value? Below 0 other components depended on the head.": (
            "return (direct.mean(-1) - total.mean(-1)).abs()"
        ),
        "This is the ratio of total to direct. Subtract them.": (
            "return total.mean(-1) / direct.mean(-1)"
        ),
        "This is a share of the direct effect. Its units are those of the metric.": (
            "return 1 - total.mean(-1) / direct.mean(-1)"
        ),
        "This is the sum of both effects.": "return direct.mean(-1) + total.mean(-1)",
        "This is the sum over prompts. Take the mean.": "return (direct - total).sum(-1)",
        "This is the mean of the prompts' sizes. Repair may cancel between prompts.": (
            "return (direct - total).abs().mean(-1)"
        ),
        "Is this a difference of medians? Take means.": (
            "return direct.median(-1).values - total.median(-1).values"
        ),
        "Is the mean taken over heads as well? Each has its own.": [
            "return (direct - total).mean()",
            "return (direct - total).mean().expand(direct.shape[:-1])",
        ],
        "Is the mean taken over heads, not over prompts?": "return (direct - total).mean(0)",
    },
)
RIGHT_ATTENTION = right_answers(
    "7.4",
    "attention_between",
    {
        "gather": """
            n, head, _, last = pattern.shape
            rows = pattern.gather(2, query[:, None, None, None].expand(n, head, 1, last))[:, :, 0]
            return rows.gather(2, key[:, None, None].expand(n, head, 1))[..., 0]
            """,
        "a loop": "return torch.stack([one[:, q, k] for one, q, k in zip(pattern, query, key)])",
    },
)
RIGHT_TOP_K = right_answers(
    "7.5",
    "in_top_k",
    {
        "ranks": """
            own = logits.gather(-1, names[:, None])
            return ((logits > own).sum(dim=-1) < k).to(logits.dtype)
            """,
        "sorted": """
            best = logits.argsort(dim=-1, descending=True)[:, :k]
            return torch.tensor([float(n in row) for n, row in zip(names.tolist(), best.tolist())])
            """,
    },
)
RIGHT_SIGNIFICANT = right_answers(
    "7.6",
    "select_significant",
    {
        "biased": {"std(dim=1)": "std(dim=1, unbiased=False)"},
        "sorted first": """
            z = mean.abs() * effects.shape[1] ** 0.5 / effects.std(dim=1)
            least = min_effect_share * clean.mean().abs()
            order = mean.abs().sort(descending=True).indices
            chosen = [int(i) for i in order if z[i] > min_z and mean[i].abs() > least]
            return torch.tensor(chosen, dtype=torch.long)
            """,
    },
)
RIGHT_REPAIR = right_answers(
    "7.7",
    "self_repair",
    {
        "prompt by prompt": "return (direct - total).mean(dim=-1)",
        "sums": "n = direct.shape[-1]\nreturn (direct.sum(-1) - total.sum(-1)) / n",
    },
)

ORDER_AND_SPREAD = mistakes(
    "7.6",
    "select_significant",
    {
        "Are senders ordered by z? Order them by the size of their mean effect.": """
            mean, error = effects.mean(dim=1), effects.std(dim=1) / effects.shape[1] ** 0.5
            large = mean.abs() >= min_effect_share * clean.mean().abs()
            found = (large & (mean.abs() >= min_z * error)).nonzero()[:, 0]
            return found[(mean[found].abs() / error[found]).argsort(descending=True)]
            """,
    },
)
