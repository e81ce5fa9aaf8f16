"""More mistakes in 7.4, 7.5 and 7.7."""

from tests.grading.mistakes import mistakes

PROMPT = "prompt = torch.arange(len(pattern))\n"
TOP = "top = logits.topk(k, dim=-1).indices\n"
RANK = "rank = (logits > logits.gather(1, names[:, None])).sum(-1)\n"

ATTENTION = mistakes(
    "7.4",
    "attention_between",
    {
        "Is this the mean over heads? Each head has a value of its own.": (
            PROMPT + "x = pattern[prompt, :, query, key]\n"
            "return x.mean(1, keepdim=True).expand_as(x)"
        ),
        "Is this the first head, for all of them?": (
            PROMPT + "return pattern[prompt, :1, query, key].expand(pattern.shape[:2])"
        ),
        "Is this the sum over all keys up to this one? Select one of them.": (
            PROMPT + "return pattern.cumsum(dim=-1)[prompt, :, query, key]"
        ),
        "Is the last query used for all prompts? Each has its own.": (
            PROMPT + "return pattern[prompt, :, -1, key]"
        ),
        "Is the query one position too early?": PROMPT
        + "return pattern[prompt, :, query - 1, key]",
        "Is the query one position too late?": (
            PROMPT + "return pattern[prompt, :, (query + 1) % pattern.shape[2], key]"
        ),
        "Is the key one position too late?": (
            PROMPT + "return pattern[prompt, :, query, (key + 1) % pattern.shape[3]]"
        ),
        "Is the key one position too early?": PROMPT + "return pattern[prompt, :, query, key - 1]",
        "Is this the largest attention from this query? Select the key.": (
            PROMPT + "return pattern[prompt, :, query].amax(dim=-1)"
        ),
        "Is this the mean attention from this query? Select the key.": (
            PROMPT + "return pattern[prompt, :, query].mean(dim=-1)"
        ),
        "Are both directions added? Attention goes from the query to the key.": (
            PROMPT + "return pattern[prompt, :, query, key] + pattern[prompt, :, key, query]"
        ),
        "Is this whether the key gets the most attention? Return the attention itself.": (
            PROMPT + "return (pattern[prompt, :, query].argmax(-1) == key[:, None]).to(pattern)"
        ),
        "Do all prompts use the last one's positions?": "return pattern[:, :, query[-1], key[-1]]",
        "Is there a softmax over the attention? It is normalised already.": (
            PROMPT + "return pattern.softmax(dim=-1)[prompt, :, query, key]"
        ),
        "Is the attention divided by the largest one of its query? Return it as it is.": (
            PROMPT + "row = pattern[prompt, :, query]\n"
            "return row[prompt, :, key] / row.amax(dim=-1)"
        ),
        "Is this the logarithm of the attention?": (
            PROMPT + "return pattern[prompt, :, query, key].log()"
        ),
        "Is an axis of positions left? Select one query and one key.": [
            PROMPT + "return pattern[prompt, :, query]",
            PROMPT + "return pattern[prompt, :, :, key]",
        ],
        "Is this the sum over heads? Each head has a value of its own.": (
            PROMPT + "x = pattern[prompt, :, query, key]\n"
            "return x.sum(1, keepdim=True).expand_as(x)"
        ),
        "Is this the key's attention to itself?": PROMPT + "return pattern[prompt, :, key, key]",
        "Is this the query's attention to itself?": PROMPT
        + "return pattern[prompt, :, query, query]",
        "Do all prompts get the attention of the last one?": (
            "return pattern[-1, :, query[-1], key[-1]].expand(pattern.shape[:2])"
        ),
        "Is the key given as a distance from the query? It is a position.": (
            PROMPT + "return pattern[prompt, :, query, (query - key).abs()]"
        ),
        "Is it divided by the attention in both directions? Return it as it is.": (
            PROMPT + "x, y = pattern[prompt, :, query, key], pattern[prompt, :, key, query]\n"
            "return x / (x + y)"
        ),
    },
)
TOP_K = mistakes(
    "7.5",
    "in_top_k",
    {
        "Are names compared with the logits? `topk` has `.indices` as well as `.values`.": (
            "return (logits.topk(k, dim=-1).values == names[:, None]).any(dim=-1).to(logits)"
        ),
        "Is this a share of the k tokens? One hit counts 1.": (
            TOP + "return (top == names[:, None]).to(logits).mean(dim=-1)"
        ),
        "Do all k tokens have to be the name? One of them is enough.": (
            TOP + "return (top == names[:, None]).all(dim=-1).to(logits)"
        ),
        "Is it the k-th token alone? The name may be any of the first k.": (
            TOP + "return (top[:, -1] == names).to(logits)"
        ),
        "Are the tokens ranked over prompts (dim=0)?": [
            "return (logits.topk(k, dim=0).indices.T == names[:, None]).any(dim=-1).to(logits)",
            "return (logits.argsort(dim=0, descending=True)[:k].T == names[:, None]).any(-1).to(logits)",
        ],
        "Do all prompts use the first one's name?": (
            TOP + "return (top == names[:1]).any(dim=-1).to(logits)"
        ),
        "Do all prompts use the first one's logits?": (
            "return torch.isin(names, logits[0].topk(k).indices).to(logits)"
        ),
        "Do all prompts use the mean of their logits? Each has its own.": (
            "return torch.isin(names, logits.mean(0).topk(k).indices).to(logits)"
        ),
        "Is `argsort` taken for the ranks? It lists tokens; the ranks are its own argsort.": (
            "rank = logits.argsort(dim=-1, descending=True).gather(1, names[:, None])[:, 0]\n"
            "return (rank < k).to(logits)"
        ),
        "Is this 1 divided by the rank? A name among the first k counts 1.": [
            RANK + "return torch.where(rank < k, 1.0 / (rank + 1), 0.0).to(logits)",
            RANK + "return (1.0 / (rank + 1)).to(logits)",
        ],
        "Is this the name's probability? Return 1 or 0.": (
            "return logits.softmax(-1).gather(1, names[:, None])[:, 0]"
        ),
        "Is this the name's logit? Return 1 or 0.": "return logits.gather(1, names[:, None])[:, 0]",
        "Is this the name's rank? Return 1 or 0.": RANK + "return rank.to(logits)",
        "Are these the logits of the row with the name's number?": (
            "top = logits[names % len(logits)].topk(k, dim=-1).indices\n"
            "return (top == names[:, None]).any(dim=-1).to(logits)"
        ),
        "Is this the number of prompts that count? Each prompt has its own 0 or 1.": (
            TOP + "return (top == names[:, None]).sum().to(logits).expand(len(names))"
        ),
        "Is this the share of prompts that count? Each prompt has its own 0 or 1.": (
            TOP + "x = (top == names[:, None]).any(-1).to(logits)\nreturn x.mean().expand_as(x)"
        ),
        "Are these whole numbers? Convert to the logits' dtype.": (
            TOP + "return (top == names[:, None]).any(dim=-1).long()"
        ),
        "Is there an axis of size 1 too many?": (
            TOP + "return (top == names[:, None]).any(dim=-1, keepdim=True).to(logits)"
        ),
        "Is there a value for each of the k tokens? Each prompt has ONE 0 or 1.": (
            TOP + "return (top == names[:, None]).to(logits)"
        ),
        "Is the name's probability compared with a limit? Its rank counts.": [
            "p = logits.softmax(-1).gather(1, names[:, None])[:, 0]\n"
            "return (p >= 1 / k).to(logits)",
            "p = logits.softmax(-1).gather(1, names[:, None])[:, 0]\nreturn (p > 1 / k).to(logits)",
            "p = logits.softmax(-1).gather(1, names[:, None])[:, 0]\nreturn (p > 0.5).to(logits)",
        ],
        "Do all prompts use the k-th logit of the first one?": (
            "own = logits.gather(1, names[:, None])[:, 0]\n"
            "return (own >= logits[0].topk(k).values[-1]).to(logits)"
        ),
        "Are the k highest logits those of the whole batch? Each prompt has its own.": [
            "top = logits.flatten().topk(k).indices % logits.shape[1]\n"
            "return torch.isin(names, top).to(logits)",
            "own = logits.gather(1, names[:, None])[:, 0]\n"
            "return (own >= logits.flatten().topk(k).values[-1]).to(logits)",
        ],
        "Do all prompts use the last one's name?": (
            TOP + "return (top == names[-1]).any(dim=-1).to(logits)"
        ),
        "Is this the name's place among the k? A name among them counts 1.": (
            TOP + "return (top == names[:, None]).int().argmax(dim=-1).to(logits)"
        ),
        "Is the name compared with the largest k token numbers?": (
            "return (names >= logits.shape[-1] - k).to(logits)"
        ),
        "Is a logit above 0 or above the mean enough? Its rank counts.": [
            "return (logits.gather(1, names[:, None])[:, 0] > 0).to(logits)",
            "return (logits.gather(1, names[:, None])[:, 0] > logits.mean(dim=-1)).to(logits)",
        ],
    },
)
REPAIR = mistakes(
    "7.7",
    "self_repair",
    {
        "Is the axis of prompts left? Average both effects over it.": [
            "return direct - total",
            "return direct - total.mean(-1, keepdim=True)",
        ],
        "Are negative values cut off? Below 0 other components depended on the head.": (
            "return (direct.mean(-1) - total.mean(-1)).clamp(min=0)"
        ),
        "Are negative values of single prompts cut off? Take the mean of all.": (
            "return (direct - total).clamp(min=0).mean(-1)"
        ),
        "Is this the direct effect alone? Subtract the total one.": "return direct.mean(-1)",
        "Is this the total effect alone? Repair is direct minus total.": "return total.mean(-1)",
        "Are the signs of single prompts dropped? They belong to the effects.": (
            "return (direct.abs() - total.abs()).mean(-1)"
        ),
        "Is this the median over prompts? Take the mean.": (
            "return (direct - total).median(-1).values"
        ),
        "Is the sign of the direct effect divided out? A negative head's repair is below 0.": (
            "return (direct.mean(-1) - total.mean(-1)) * direct.mean(-1).sign()"
        ),
        "Is there an axis of size 1 too many?": "return (direct - total).mean(-1, keepdim=True)",
        "Is it divided by the size of the direct effect? Its units are those of the metric.": (
            "return (direct.mean(-1) - total.mean(-1)) / direct.mean(-1).abs()"
        ),
        "Is this a mean of ratios? Subtract the effects.": [
            "return (1 - total / direct).mean(-1)",
            "return (total / direct).mean(-1)",
            "return (direct / total).mean(-1)",
        ],
        "Is this the ratio of direct to total? Subtract them.": (
            "return direct.mean(-1) / total.mean(-1)"
        ),
        "Is this the first prompt alone? Take the mean over prompts.": [
            "return direct[..., 0] - total[..., 0]",
            "return direct[..., 0] - total.mean(-1)",
        ],
        "Is the mean of all heads subtracted? Each head has its own total effect.": (
            "return direct.mean(-1) - total.mean()"
        ),
        "Is this the negative of the sum of both?": "return -(direct.mean(-1) + total.mean(-1))",
        "Is the difference squared? It keeps its sign.": [
            "return ((direct - total) ** 2).mean(-1)",
            "return ((direct - total) ** 2).mean(-1).sqrt()",
            "return (direct.mean(-1) - total.mean(-1)) ** 2",
        ],
        "Is it divided by n - 1? A mean divides by n.": (
            "return (direct - total).sum(-1) / (direct.shape[-1] - 1)"
        ),
        "Is it the deviation over prompts? Take the mean.": "return (direct - total).std(-1)",
        "Is the mean divided by its deviation or error? Its units are those of the metric.": [
            "return (direct - total).mean(-1) / (direct - total).std(-1)",
            "gap = direct - total\nreturn gap.mean(-1) / gap.std(-1) * gap.shape[-1] ** 0.5",
        ],
        "Is this the largest difference of a prompt? Take the mean.": (
            "return (direct - total).amax(-1)"
        ),
        "Are the signs of single total effects dropped?": (
            "return direct.mean(-1) - total.abs().mean(-1)"
        ),
        "Is the repair 0 where the direct effect is negative? It is a difference there too.": [
            "return (direct.mean(-1) - total.mean(-1)) * (direct.mean(-1) > 0)",
        ],
        "Are positive values cut off?": "return (direct.mean(-1) - total.mean(-1)).clamp(max=0)",
        "Is the first head's total effect used for all? Each head has its own.": (
            "return direct.mean(-1) - total.mean(-1).flatten()[0]"
        ),
        "Is it divided by 2? Subtract the effects.": (
            "return (direct.mean(-1) - total.mean(-1)) / 2"
        ),
        "Is the total effect subtracted from 1? Subtract it from the direct effect.": (
            "return 1 - total.mean(-1)"
        ),
        "Are prompts selected whose direct effect is above 0? All of them count.": (
            "chosen = direct > 0\nreturn ((direct - total) * chosen).sum(-1) / chosen.sum(-1)"
        ),
    },
)
