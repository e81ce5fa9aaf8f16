"""Answers to 5.8."""

from tests.grading.variants import Right, Wrong

HIDDEN = ".triu(1)"
SOFTMAX = "pattern = at_least_float32(scores).softmax(dim=-1).to(q.dtype)"
BEFORE = 'past_scores = einsum(q, self.k, f"{q_axes}, {past_axes} -> {pattern_axes}")'
SPLIT = "past_pattern, new_pattern = pattern.split([self.length, n_new], dim=-1)"
OWN = 'z = z + einsum(new_pattern, v, f"{pattern_axes}, {new_axes} -> {q_axes}")'
BACK = 'rows: Tensor = rearrange(z, f"{q_axes} -> (patch batch) new (kv_head group) d_head")'
MASKED = "new_scores = new_scores.masked_fill(future, -torch.inf)"
JOINED = "scores = torch.cat([past_scores, new_scores], dim=-1)"


def slip(name: str, old: str, new: str, says: str) -> Wrong:
    """A mistake in SharedKVCache.attend."""
    return Wrong("5.8", name, {old: new}, says=says)


WRONG = [
    slip(
        "a softmax each",
        SOFTMAX,
        "pattern = torch.cat([past_scores.softmax(-1), new_scores.softmax(-1)], dim=-1)",
        "Past and new tokens have a softmax each",
    ),
    slip("no mask", MASKED, "pass", "No mask among the new tokens"),
    slip("not itself", HIDDEN, ".triu(0)", "A new token does not see itself"),
    slip("one too wide", HIDDEN, ".triu(2)", "A new token sees the next one too"),
    slip("turned round", HIDDEN, ".tril(-1)", "The mask is turned round"),
    slip(
        "mask over past too",
        JOINED,
        JOINED + "\n        hidden = torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1)\n"
        "        scores = scores.masked_fill(hidden, -torch.inf)",
        "The past is masked too",
    ),
    slip("masked with a large number", "-torch.inf", "-1e4", "Scores can be lower still"),
    slip("masked with zero", "-torch.inf", "0.0", "gets the score 0"),
    slip("scaled twice", BEFORE, "q = q / q.shape[-1] ** 0.5\n        " + BEFORE, "scaled twice"),
    slip("scaled back", BEFORE, "q = q * q.shape[-1] ** 0.5\n        " + BEFORE, "are not scaled"),
    slip(
        "keys for values",
        "einsum(past_pattern, self.v",
        "einsum(past_pattern, self.k",
        "are its keys",
    ),
    slip(
        "own keys for values",
        "einsum(new_pattern, v",
        "einsum(new_pattern, k",
        "new tokens' values belong",
    ),
    slip(
        "values for keys", "einsum(q, self.k", "einsum(q, self.v", "Keys of the past are its values"
    ),
    slip("past forgotten", OWN, OWN.replace("z + ", ""), "but its values are not added"),
    slip("own forgotten", OWN, "pass", "new tokens, but their values are not added"),
    slip(
        "split the wrong way",
        SPLIT,
        "new_pattern, past_pattern = pattern.split([n_new, self.length], dim=-1)",
        "z is wrong for",
    ),
    slip("weights over queries", "softmax(dim=-1)", "softmax(dim=-2)", "every z must be 1"),
    slip(
        "not back in rows",
        "-> (patch batch) new",
        "-> (batch patch) new",
        "rows come back text",
    ),
    slip("heads in turn", "(kv_head group) d_head", "(group kv_head) d_head", "another order"),
    slip(
        "no softmax of torch",
        SOFTMAX,
        "pattern = scores.exp() / scores.exp().sum(-1, keepdim=True)",
        "exp taken of the scores themselves",
    ),
    slip("lowered", SOFTMAX, "pattern = scores.float().softmax(-1).to(q.dtype)", "rounding alone"),
    Wrong(
        "5.8",
        "past copied for every row",
        body={
            "SharedKVCache.attend": """
            past_k, past_v = (x.expand(n_patches, *x.shape).clone() for x in (self.k, self.v))
            k, v = torch.cat([past_k, k], dim=2), torch.cat([past_v, v], dim=2)
            pattern_axes = "patch batch kv_head group new key"
            new_axes = "patch batch key kv_head d_head"
            scores = einsum(q, k, f"{q_axes}, {new_axes} -> {pattern_axes}")
            hidden = torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1 + self.length)
            weights = scores.masked_fill(hidden, -torch.inf).softmax(-1)
            z = einsum(weights, v, f"{pattern_axes}, {new_axes} -> {q_axes}")
            return rearrange(z, f"{q_axes} -> (patch batch) new (kv_head group) d_head")
            """
        },
        says="is the past copied for each of them?",
    ),
    Wrong(
        "5.8",
        "left to attend",
        body={
            "SharedKVCache.attend": """
            q, k, v = (x.flatten(0, 1) for x in (q * q.shape[-1] ** 0.5, k, v))
            past_k, past_v = (x.repeat(n_patches, 1, 1, 1) for x in (self.k, self.v))
            q = q.permute(0, 3, 1, 2, 4).flatten(2, 3)
            return attention.attend(q, torch.cat([past_k, k], dim=1), torch.cat([past_v, v], dim=1))
            """
        },
        says="`attention.attend` is called although no hook needs the pattern",
    ),
]

RIGHT = [
    Right(
        "5.8",
        "two softmaxes, weighed by their sums",
        body={
            "SharedKVCache.attend": """
            past_axes, new_axes = "batch key kv_head d_head", "patch batch key kv_head d_head"
            pattern_axes = "patch batch kv_head group new key"
            before = einsum(q, self.k, f"{q_axes}, {past_axes} -> {pattern_axes}")
            among = einsum(q, k, f"{q_axes}, {new_axes} -> {pattern_axes}")
            new = torch.arange(among.shape[-1], device=q.device)
            among = among + torch.where(new[:, None] < new, -torch.inf, 0.0)
            sums = [x.logsumexp(-1, keepdim=True) for x in (before, among)]
            share = (sums[0] - sums[1]).sigmoid()
            z = einsum(share * before.softmax(-1), self.v, f"{pattern_axes}, {past_axes} -> {q_axes}")
            z += einsum((1 - share) * among.softmax(-1), v, f"{pattern_axes}, {new_axes} -> {q_axes}")
            return rearrange(z, f"{q_axes} -> (patch batch) new (kv_head group) d_head")
            """
        },
    ),
    Right(
        "5.8",
        "version by version",
        body={
            "SharedKVCache.attend": """
            found = []
            n = self.length
            for one, new_k, new_v in zip(q, k, v):
                keys, values = torch.cat([self.k, new_k], 1), torch.cat([self.v, new_v], 1)
                scores = torch.einsum("bhgqd,bkhd->bhgqk", one, keys)
                seen = torch.ones(scores.shape[-2:], dtype=torch.bool).tril(n)
                weights = scores.masked_fill(~seen, float("-inf")).softmax(-1)
                z = torch.einsum("bhgqk,bkhd->bqhgd", weights, values)
                found.append(z.flatten(2, 3))
            return torch.cat(found)
            """
        },
    ),
]
