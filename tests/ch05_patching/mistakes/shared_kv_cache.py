"""Mistakes in attention with a shared past (5.8), and right answers written another way."""

from tests.grading.mistakes import mistakes, right_answers

SCORES = """
past_scores = einsum(q, self.k, f"{q_axes}, {past_axes} -> {pattern_axes}")
new_scores = einsum(q, k, f"{q_axes}, {new_axes} -> {pattern_axes}")
"""
FUTURE = ".triu(1)"
MASK = "new_scores = new_scores.masked_fill(future, -torch.inf)"
JOIN = "scores = torch.cat([past_scores, new_scores], dim=-1)"
SOFTMAX = "pattern = at_least_float32(scores).softmax(dim=-1).to(q.dtype)"
SPLIT = "past_pattern, new_pattern = pattern.split([self.length, n_new], dim=-1)"
PAST = 'z = einsum(past_pattern, self.v, f"{pattern_axes}, {past_axes} -> {q_axes}")'
NEW = 'z = z + einsum(new_pattern, v, f"{pattern_axes}, {new_axes} -> {q_axes}")'
QUERIES = "past_scores = einsum(q, self.k"

ATTEND = mistakes(
    "5.8",
    "SharedKVCache.attend",
    {
        "Do the past and the new tokens have a softmax each? Take one over both.": {
            SOFTMAX: "pattern = torch.cat([past_scores.softmax(-1), new_scores.softmax(-1)], dim=-1)"
        },
        "Are the new scores divided by sqrt(d_head) again? q is divided by it already.": {
            MASK: "new_scores = new_scores.masked_fill(future, -torch.inf) / q.shape[-1] ** 0.5"
        },
        "Is the mask moved by the length of the past? It covers the new keys alone (triu(1)).": {
            FUTURE: ".triu(1 + self.length)"
        },
        "Is there no mask? A new token must not attend to later ones.": {MASK: "pass"},
        "Does a new token not attend to itself? Only later ones are masked (triu(1)).": {
            FUTURE: ".triu(0)"
        },
        "Is the mask one too wide? A new token attends to the next one.": {FUTURE: ".triu(2)"},
        "Is the mask transposed? Later tokens are masked, earlier ones are not.": {
            FUTURE: ".tril(-1)"
        },
        "Does a new token attend to itself alone, of the new ones?": {
            MASK: "new_scores = new_scores.masked_fill(future | future.T, -torch.inf)"
        },
        "Is the past masked too? Every new token attends to all of it.": {
            JOIN: JOIN + "\nfuture = torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1)\n"
            "scores = scores.masked_fill(future, -torch.inf)"
        },
        "Is the future masked by a large number? Scores can be lower: use -inf.": {
            "-torch.inf": "-1e4"
        },
        "Do masked scores become 0? They must be -inf.": {"-torch.inf": "0.0"},
        "Are scores scaled twice? q is divided by sqrt(d_head) above.": {
            QUERIES: "q = q / q.shape[-1] ** 0.5\n" + QUERIES
        },
        "Is the scale of q undone?": {QUERIES: "q = q * q.shape[-1] ** 0.5\n" + QUERIES},
        "Are the past's keys taken for its values?": {
            "past_pattern, self.v": "past_pattern, self.k"
        },
        "Are the new keys taken for the new values?": {"new_pattern, v": "new_pattern, k"},
        "Are the past's values taken for its keys?": {"einsum(q, self.k": "einsum(q, self.v"},
        "Are keys and values of the past exchanged?": {
            "einsum(q, self.k": "einsum(q, self.v",
            "past_pattern, self.v": "past_pattern, self.k",
        },
        "Are the past's values not summed?": {NEW: NEW.replace("z + ", "")},
        "Are the new values not summed?": {NEW: "pass"},
        "Is the pattern not split in the order in which the scores are joined?": [
            {SPLIT: "new_pattern, past_pattern = pattern.split([n_new, self.length], dim=-1)"},
            {JOIN: "scores = torch.cat([new_scores, past_scores], dim=-1)"},
        ],
        "Is the softmax over queries? It is over keys.": {"softmax(dim=-1)": "softmax(dim=-2)"},
        "Are the rows ordered by prompt? A row is (patch batch), patch first.": {
            "-> (patch batch) new": "-> (batch patch) new"
        },
        "Is a key head's group of heads not kept together?": {
            "(kv_head group) d_head": "(group kv_head) d_head"
        },
        "Do all rows continue the first prompt?": {
            QUERIES: "past_k = self.k[:1].expand_as(self.k)\n"
            + QUERIES.replace("self.k", "past_k"),
            PAST: PAST.replace("self.v", "self.v[:1].expand_as(self.v)"),
        },
        "Is exp taken of the scores themselves? It overflows: use softmax.": {
            SOFTMAX: "pattern = scores.exp() / scores.exp().sum(-1, keepdim=True)"
        },
        "Is the softmax taken over the past and the new tokens apart, each divided by 2?": {
            SOFTMAX: "pattern = torch.cat([past_scores.softmax(-1), new_scores.softmax(-1)], -1) / 2"
        },
        "Is the mask applied to the past's scores? It belongs to those of the new tokens.": {
            MASK: "past_scores = past_scores.masked_fill(future, -torch.inf)"
        },
        "Is there no softmax? The pattern sums to one.": {SOFTMAX: "pattern = scores"},
        "Is 1 subtracted from masked scores? They must be -inf.": {
            MASK: "new_scores = new_scores - future.to(new_scores)"
        },
        "Are scores divided by d_head? q is divided by its root already.": {
            JOIN: JOIN + "\nscores = scores / q.shape[-1]"
        },
        "Is the softmax computed in half precision?": {
            SOFTMAX: "pattern = scores.half().softmax(-1).to(q.dtype)"
        },
        "Is the softmax over another axis than keys, the last one?": [
            {"softmax(dim=-1)": f"softmax(dim={axis})"} for axis in (0, 1, -3)
        ],
        "Do all patches use the first one's pattern?": {
            SPLIT: "pattern = pattern[:1].expand_as(pattern)\n" + SPLIT
        },
        "Is the mask applied after the softmax? Then rows do not sum to one.": {
            MASK: "pass",
            SPLIT: SPLIT + "\nnew_pattern = new_pattern.masked_fill(future, 0.0)",
        },
        "Are masked scores +inf? They must be -inf.": {"-torch.inf": "torch.inf"},
        "Are the allowed scores masked, and not the future?": {"(future,": "(~future,"},
        "Is the pattern split at the number of new tokens? Past keys come first.": {
            SPLIT: "past_pattern, new_pattern = "
            "pattern[..., : pattern.shape[-1] - self.length], pattern[..., -self.length :]"
        },
        "Is the past not attended to?": {
            JOIN: "scores = torch.cat([past_scores - torch.inf, new_scores], dim=-1)"
        },
        "Are the two results averaged? Add them: the pattern sums to one over both.": {
            NEW: NEW.replace("z + ", "z / 2 + 0.5 * ")
        },
        "Are the new keys and values those of the first patch? Each row has its own.": {
            QUERIES: "k, v = k[:1].expand_as(k), v[:1].expand_as(v)\n" + QUERIES
        },
        "Are the axes of the result in another order? It is [row, new, head, d_head].": {
            "-> (patch batch) new (kv_head group) d_head": (
                "-> (patch batch) (kv_head group) new d_head"
            )
        },
        "Are the heads joined into one axis? The result is [row, new, head, d_head].": {
            "-> (patch batch) new (kv_head group) d_head": (
                "-> (patch batch) new (kv_head group d_head)"
            )
        },
        "Are patches and prompts left apart? A row is (patch batch), one axis.": {
            "-> (patch batch) new (kv_head group) d_head": (
                "-> patch batch new (kv_head group) d_head"
            )
        },
        "Is the softmax computed in float32 for float64 scores?": {
            SOFTMAX: "pattern = scores.float().softmax(-1).to(q.dtype)"
        },
    },
    unnamed={
        "expected no tensor as large as a copy of the past": """
            past_k, past_v = (x.expand(n_patches, *x.shape).clone() for x in (self.k, self.v))
            k, v = torch.cat([past_k, k], dim=2), torch.cat([past_v, v], dim=2)
            scores = einsum(q, k, f"{q_axes}, {new_axes} -> {pattern_axes}")
            future = torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1 + self.length)
            weights = scores.masked_fill(future, -torch.inf).softmax(-1)
            z = einsum(weights, v, f"{pattern_axes}, {new_axes} -> {q_axes}")
            return rearrange(z, f"{q_axes} -> (patch batch) new (kv_head group) d_head")
            """,
        "`attention.attend` is called": """
            q, k, v = (x.flatten(0, 1) for x in (q * q.shape[-1] ** 0.5, k, v))
            past_k, past_v = (x.repeat(n_patches, 1, 1, 1) for x in (self.k, self.v))
            q = q.permute(0, 3, 1, 2, 4).flatten(2, 3)
            return attention.attend(q, torch.cat([past_k, k], dim=1), torch.cat([past_v, v], dim=1))
            """,
    },
)
RIGHT = right_answers(
    "5.8",
    "SharedKVCache.attend",
    {
        "two softmaxes, weighted by their sums": SCORES
        + """
new = torch.arange(new_scores.shape[-1], device=q.device)
new_scores = new_scores + torch.where(new[:, None] < new, -torch.inf, 0.0)
sums = [x.logsumexp(-1, keepdim=True) for x in (past_scores, new_scores)]
share = (sums[0] - sums[1]).sigmoid()
past_pattern, new_pattern = share * past_scores.softmax(-1), (1 - share) * new_scores.softmax(-1)
z = einsum(past_pattern, self.v, f"{pattern_axes}, {past_axes} -> {q_axes}")
z += einsum(new_pattern, v, f"{pattern_axes}, {new_axes} -> {q_axes}")
return rearrange(z, f"{q_axes} -> (patch batch) new (kv_head group) d_head")
""",
        "patch by patch": """
            found = []
            for one, new_k, new_v in zip(q, k, v):
                keys, values = torch.cat([self.k, new_k], 1), torch.cat([self.v, new_v], 1)
                scores = torch.einsum("bhgqd,bkhd->bhgqk", one, keys)
                seen = torch.ones(scores.shape[-2:], dtype=torch.bool).tril(self.length)
                weights = scores.masked_fill(~seen, float("-inf")).softmax(-1)
                z = torch.einsum("bhgqk,bkhd->bqhgd", weights, values)
                found.append(z.flatten(2, 3))
            return torch.cat(found)
            """,
    },
)
