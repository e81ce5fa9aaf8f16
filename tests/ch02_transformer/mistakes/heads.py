"""Mistakes in grouped queries (2.11) and in what heads move and write (2.12)."""

from tests.grading.mistakes import mistakes, right_answers

AXES = 'axes = "batch head query key, batch key head d_head -> batch query head d_head"\n'
OUT = "affine(z.flatten(2), self.W_O.flatten(0, 1), self.b_O)"
SUM = "z.flatten(2) @ self.W_O.flatten(0, 1)"

REPEAT_KV_HEADS = mistakes(
    "2.11",
    "repeat_kv_heads",
    {
        "The heads are tiled; each key head belongs to neighbouring query heads.": [
            "return x.repeat(1, 1, group, 1)",
            "return x[:, :, torch.arange(n_heads) % x.shape[2]]",
            "return x[:, :, None].expand(-1, -1, group, -1, -1).flatten(2, 3)",
        ],
        "A group has n_heads / kv_heads query heads, not kv_heads.": (
            "return x[:, :, (torch.arange(n_heads) // x.shape[2]) % x.shape[2]]"
        ),
        "Every query head gets the first key head.": (
            "return x[:, :, :1].expand(-1, -1, n_heads, -1)"
        ),
        "The order of the heads is reversed.": "return x.repeat_interleave(group, dim=2).flip(2)",
        "Every query head gets the mean of the key heads.": (
            "return x.mean(dim=2, keepdim=True).expand(-1, -1, n_heads, -1)"
        ),
        "The key heads are divided by the size of the group; they are copied.": (
            "return x.repeat_interleave(group, dim=2) / group"
        ),
        "The axes of positions and heads are confused in a reshape.": (
            "return x.repeat_interleave(group, 2).transpose(1, 2).reshape(*x.shape[:2], n_heads, x.shape[3])"
        ),
        "The positions are repeated, and not the heads.": """
            return x.repeat_interleave(group, dim=1)
            """,
        "The numbers of a head are repeated, and not the heads.": """
            return x.repeat_interleave(group, dim=3)
            """,
        "Each key head is repeated n_heads times; it is `group` times.": """
            return x.repeat_interleave(n_heads, dim=2)
            """,
        "Each key head is repeated as often as there are key heads; it is `group` times.": """
            return x.repeat_interleave(x.shape[2], dim=2)
            """,
        "x is returned as it is.": """
            return x
            """,
        "The texts are repeated, and not the heads.": """
            return x.repeat_interleave(group, dim=0)
            """,
        "The copies are detached.": """
            return x.detach().repeat_interleave(group, dim=2)
            """,
        "The axis of the group is left: kv_head and group become one axis.": """
            return x[:, :, :, None].expand(-1, -1, -1, group, -1)
            """,
        "Head h gets key head h modulo the group; it is h // group.": """
            index = torch.arange(n_heads) % group % x.shape[2]
            return x[:, :, index]
            """,
        "The other heads of a group are zero; they are copies.": """
            out = x.new_zeros(*x.shape[:2], n_heads, x.shape[3])
            out[:, :, ::group] = x
            return out
            """,
        "The missing heads are zeros; they are copies.": """
            return torch.nn.functional.pad(x, (0, 0, 0, n_heads - x.shape[2]))
            """,
        "The missing heads are copies of the last; each head has a group.": """
            return torch.cat([x, x[:, :, -1:].expand(-1, -1, n_heads - x.shape[2], -1)], dim=2)
            """,
    },
    unnamed={
        "wrong shape or type": [
            "return x.repeat_interleave(group, dim=1)",
            "return x.repeat_interleave(group, dim=0)",
            "return x.repeat_interleave(group, dim=3)",
        ],
        "Expected 6 heads": ["return x", "return x.repeat_interleave(n_heads, dim=2)"],
        "Gradients must reach": "return x.detach().repeat_interleave(group, dim=2)",
    },
)
ATTENTION_APPLY_PATTERN = mistakes(
    "2.12",
    "Attention.apply_pattern",
    {
        "The pattern is transposed: each query sums over keys.": AXES
        + "return einsum(pattern.transpose(2, 3), v, axes)",
        "The values of all heads are added up for each.": AXES
        + "return einsum(pattern, v.sum(dim=2, keepdim=True).expand_as(v), axes)",
        "The patterns of all heads are added up for each.": AXES
        + "return einsum(pattern.sum(dim=1, keepdim=True).expand_as(pattern), v, axes)",
        "The values are mixed by the mean pattern of all heads.": AXES
        + "return einsum(pattern.mean(dim=1, keepdim=True).expand_as(pattern), v, axes)",
        "Every head moves the values of head 0.": AXES
        + "return einsum(pattern, v[:, :, :1].expand_as(v), axes)",
        "The values are averaged, without the pattern.": "return v.mean(dim=1, keepdim=True).expand(-1, pattern.shape[2], -1, -1)",
        "The values are returned unchanged, without the pattern.": [
            "return v[:, -pattern.shape[2] :]",
            "return v[:, : pattern.shape[2]]",
        ],
        "Each query gets its own value alone, times its weight; it sums over all keys.": [
            "n = pattern.shape[2]\n"
            "own = pattern.diagonal(pattern.shape[3] - n, dim1=2, dim2=3).transpose(1, 2)\n"
            "return own[..., None] * v[:, -n:]",
            "n = min(pattern.shape[2:])\n"
            "return pattern[:, :, :n, :n].diagonal(dim1=2, dim2=3).transpose(1, 2)[..., None] * v[:, :n]",
        ],
        "They agree to five digits: is a precision lower, or a small number added?": AXES
        + "return einsum(pattern.float(), v.float(), axes).to(v.dtype)",
        "The sum runs over queries, and not over keys.": """
            return einsum(pattern, v, "batch head query key, batch query head d_head -> batch key head d_head")
            """,
        "The axes are [batch, head, query, d_head]; they must be [batch, query, head, d_head].": """
            return pattern @ v.transpose(1, 2)
            """,
        "The axes of the pattern are exchanged: each key is averaged over queries.": """
            return (pattern.mT @ v.transpose(1, 2)).transpose(1, 2)
            """,
        "The sum runs over heads as well.": """
            return einsum(pattern, v, "batch head query key, batch key head d_head -> batch query d_head")[:, :, None].expand(-1, -1, v.shape[2], -1)
            """,
        "A softmax is applied to the pattern again.": """
            return einsum(pattern.softmax(-1), v, "batch head query key, batch key head d_head -> batch query head d_head")
            """,
        "Each row of the pattern is divided by its sum; the pattern is used as it is.": """
            return einsum(pattern / pattern.sum(-1, keepdim=True), v, "batch head query key, batch key head d_head -> batch query head d_head")
            """,
        "The sum is divided by the number of keys; it is a sum.": """
            return einsum(pattern, v, "batch head query key, batch key head d_head -> batch query head d_head") / v.shape[1]
            """,
        "The axes of z are reshaped; they must be exchanged (transpose).": """
            z = pattern @ v.transpose(1, 2)
            return z.reshape(z.shape[0], z.shape[2], z.shape[1], z.shape[3])
            """,
        "Only the value of the likeliest key is taken.": """
            best = pattern.argmax(-1)
            return torch.stack([torch.stack([v[b, best[b, h], h] for h in range(v.shape[2])], 1) for b in range(len(v))])
            """,
        "z is divided by sqrt(d_head); only scores are.": """
            return einsum(pattern, v, "batch head query key, batch key head d_head -> batch query head d_head") / v.shape[-1] ** 0.5
            """,
        "The values of the query's own position are added to z.": """
            return v[:, -pattern.shape[2]:] + einsum(pattern, v, "batch head query key, batch key head d_head -> batch query head d_head")
            """,
        "All texts get the pattern of the first.": """
            return einsum(pattern[0], v, "head query key, batch key head d_head -> batch query head d_head")
            """,
    },
    unnamed={
        "z[query, head] = sum over keys": AXES
        + "return einsum(pattern / pattern.sum(dim=-1, keepdim=True), v, axes)",
        "wrong shape or type": "return torch.matmul(pattern, v.transpose(1, 2))",
        "With weights 1/4 and 3/4": "return (pattern @ v.transpose(1, 2)).reshape(*pattern.shape[::2], *v.shape[2:])",
        "Gradients must reach": AXES + "return einsum(pattern.detach(), v, axes)",
    },
)
ATTENTION_OUTPUT_PROJECTION = mistakes(
    "2.12",
    "Attention.output_projection",
    {
        "b_O is forgotten.": {OUT: SUM},
        "b_O is added once per head; the heads share it.": {
            OUT: "sum(z[:, :, h] @ self.W_O[h] + self.b_O for h in range(z.shape[2]))"
        },
        "The heads are averaged; what they write adds up.": {OUT: f"{SUM} / z.shape[2] + self.b_O"},
        "z's axes head and d_head are confused.": {
            OUT: "z.transpose(2, 3).flatten(2) @ self.W_O.flatten(0, 1) + self.b_O"
        },
        "Every head writes through W_O[0].": {OUT: "z.sum(dim=2) @ self.W_O[0] + self.b_O"},
        "b_O is divided by the number of heads; it is added once.": """
            return z.flatten(2) @ self.W_O.flatten(0, 1) + self.b_O / z.shape[2]
            """,
        "W_O's axes head and d_head are confused.": """
            return affine(z.flatten(2), self.W_O.transpose(0, 1).flatten(0, 1), self.b_O)
            """,
        "The sum over heads is left out.": """
            return einsum(z, self.W_O, "batch pos head d_head, head d_head d_model -> batch pos head d_model") + self.b_O
            """,
        "z and W_O are summed over heads apart from each other.": """
            return z.sum(2) @ self.W_O.sum(0) + self.b_O
            """,
        "b_O is subtracted.": """
            return z.flatten(2) @ self.W_O.flatten(0, 1) - self.b_O
            """,
        "z's axes of heads and positions are confused.": """
            return affine(z.transpose(1, 2).reshape(z.shape[0], z.shape[1], -1), self.W_O.flatten(0, 1), self.b_O)
            """,
        "The mean of b_O is added; it is b_O itself.": """
            return (z.flatten(2) + 0) @ self.W_O.flatten(0, 1) + self.b_O.mean()
            """,
        "The last head is left out.": """
            return affine(z[:, :, :-1].flatten(2), self.W_O[:-1].flatten(0, 1), self.b_O)
            """,
        "W_O's axes d_head and d_model are confused.": """
            return einsum(z, self.W_O.mT.reshape(self.W_O.shape), "batch pos head d_head, head d_head d_model -> batch pos d_model") + self.b_O
            """,
        "The heads of W_O are in reverse order.": """
            return affine(z.flatten(2), self.W_O.flip(0).flatten(0, 1), self.b_O)
            """,
    },
    unnamed={
        "wrong shape or type": {OUT: "(z[..., None] * self.W_O).sum(dim=3) + self.b_O"},
        "sum over heads of z[head] @ W_O[head]": {
            OUT: "z.flatten(2) @ self.W_O.reshape(self.W_O.shape[2], -1).T + self.b_O"
        },
        "sum over heads of z[head]": {OUT: "z[:, :, -1] @ self.W_O[-1] + self.b_O"},
        "reach b_O": {OUT: f"{SUM} + self.b_O.data"},
    },
)
RIGHT_2_11 = right_answers(
    "2.11",
    "repeat_kv_heads",
    {
        "repeat_interleave": "return x.repeat_interleave(group, dim=2)",
        "an index": "return x[:, :, torch.arange(n_heads) // group]",
        "expanded behind the heads, by a reshape": """
            batch, pos, kv_head, d_head = x.shape
            return x[:, :, :, None, :].expand(-1, -1, -1, group, -1).reshape(batch, pos, n_heads, d_head)
            """,
        "a table of ones and zeros": """
            served = torch.eye(x.shape[2]).repeat_interleave(group, dim=0).to(x)
            return torch.einsum("hk,bpkd->bphd", served, x)
            """,
    },
)
RIGHT_2_12 = right_answers(
    "2.12",
    "Attention.apply_pattern",
    {
        "added up in place, key by key and head by head": {
            "Attention.apply_pattern": """
            z = v.new_zeros(v.shape[0], pattern.shape[2], *v.shape[2:])
            for query in range(pattern.shape[2]):
                for key in range(pattern.shape[3]):
                    z[:, query] += pattern[:, :, query, key, None] * v[:, key]
            return z
            """,
            "Attention.output_projection": """
            out = self.b_O.repeat(*z.shape[:2], 1)
            for head in range(z.shape[2]):
                out += z[:, :, head] @ self.W_O[head]
            return out
            """,
        },
        "matmul": {
            "Attention.apply_pattern": "return (pattern @ v.transpose(1, 2)).transpose(1, 2)",
            "Attention.output_projection": f"return {SUM} + self.b_O",
        },
        "one head at a time": {
            "Attention.apply_pattern": """
            heads = [pattern[:, h] @ v[:, :, h] for h in range(v.shape[2])]
            return torch.stack(heads, dim=2)
            """,
            "Attention.output_projection": """
            out = self.b_O
            for head, W in enumerate(self.W_O):
                out = out + z[:, :, head] @ W
            return out
            """,
        },
    },
)
