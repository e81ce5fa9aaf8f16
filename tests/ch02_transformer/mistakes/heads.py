"""Mistakes in the exercises of heads, and right answers written another way."""

from tests.grading.mistakes import mistakes, right_answers

REPEAT_KV_HEADS = mistakes(
    "2.11",
    "repeat_kv_heads",
    unnamed={
        "The heads are tiled": [
            "return x.repeat(1, 1, group, 1)",
            "return x[:, :, torch.arange(n_heads) % x.shape[2]]",
            "return x[:, :, None].expand(-1, -1, group, -1, -1).flatten(2, 3)",
        ],
        "not kv_heads": "return x[:, :, (torch.arange(n_heads) // x.shape[2]) % x.shape[2]]",
        "first key head": "return x[:, :, :1].expand(-1, -1, n_heads, -1)",
        "order of the heads is reversed": "return x.repeat_interleave(group, dim=2).flip(2)",
        "they use key heads": [
            "return x.mean(dim=2, keepdim=True).expand(-1, -1, n_heads, -1)",
            "return x.repeat_interleave(group, dim=2) / group",
            "return x.repeat_interleave(group, 2).transpose(1, 2).reshape(*x.shape[:2], n_heads, x.shape[3])",
        ],
        "wrong shape or type": [
            "return x.repeat_interleave(group, dim=1)",
            "return x.repeat_interleave(group, dim=0)",
            "return x.repeat_interleave(group, dim=3)",
        ],
        "6 heads are expected": ["return x", "return x.repeat_interleave(n_heads, dim=2)"],
        "Gradients must reach": "return x.detach().repeat_interleave(group, dim=2)",
    },
)
ATTENTION_APPLY_PATTERN = mistakes(
    "2.12",
    "Attention.apply_pattern",
    {
        "The pattern is transposed: each query sums over keys.": """
            axes = "batch head query key, batch key head d_head -> batch query head d_head"
            return einsum(pattern.transpose(2, 3), v, axes)
            """,
        "The values of all heads are added up for each.": """
            axes = "batch head query key, batch key head d_head -> batch query head d_head"
            return einsum(pattern, v.sum(dim=2, keepdim=True).expand_as(v), axes)
            """,
        "The patterns of all heads are added up for each.": """
            axes = "batch head query key, batch key head d_head -> batch query head d_head"
            return einsum(pattern.sum(dim=1, keepdim=True).expand_as(pattern), v, axes)
            """,
        "The values are mixed by the mean pattern of all heads.": """
            axes = "batch head query key, batch key head d_head -> batch query head d_head"
            return einsum(pattern.mean(dim=1, keepdim=True).expand_as(pattern), v, axes)
            """,
        "Every head moves the values of head 0.": """
            axes = "batch head query key, batch key head d_head -> batch query head d_head"
            return einsum(pattern, v[:, :, :1].expand_as(v), axes)
            """,
        "The values are averaged, whatever the pattern says.": """
            axes = "batch head query key, batch key head d_head -> batch query head d_head"
            return v.mean(dim=1, keepdim=True).expand(-1, pattern.shape[2], -1, -1)
            """,
        "The values come through as they are, without the pattern.": """
            axes = "batch head query key, batch key head d_head -> batch query head d_head"
            return v[:, -pattern.shape[2] :]
            """,
        "They differ by rounding alone: is something computed in lower precision?": """
            axes = "batch head query key, batch key head d_head -> batch query head d_head"
            return einsum(pattern.float(), v.float(), axes).to(v.dtype)
            """,
    },
    unnamed={
        "z[query, head] = sum over keys": """
            axes = "batch head query key, batch key head d_head -> batch query head d_head"
            return einsum(pattern / pattern.sum(dim=-1, keepdim=True), v, axes)
            """,
        "wrong shape or type": """
            axes = "batch head query key, batch key head d_head -> batch query head d_head"
            return torch.matmul(pattern, v.transpose(1, 2))
            """,
        "With weights 1/4 and 3/4": """
            axes = "batch head query key, batch key head d_head -> batch query head d_head"
            return (pattern @ v.transpose(1, 2)).reshape(*pattern.shape[::2], *v.shape[2:])
            """,
        "Gradients must reach": """
            axes = "batch head query key, batch key head d_head -> batch query head d_head"
            return einsum(pattern.detach(), v, axes)
            """,
    },
)
ATTENTION_OUTPUT_PROJECTION = mistakes(
    "2.12",
    "Attention.output_projection",
    {
        "b_O is forgotten.": {"einsum(z, self.W_O, axes) + self.b_O": "einsum(z, self.W_O, axes)"},
        "b_O is added once per head; the heads share it.": {
            "einsum(z, self.W_O, axes) + self.b_O": "sum(z[:, :, h] @ self.W_O[h] + self.b_O for h in range(z.shape[2]))"
        },
        "The heads are averaged; what they write adds up.": {
            "einsum(z, self.W_O, axes) + self.b_O": "einsum(z, self.W_O, axes) / z.shape[2] + self.b_O"
        },
        "z's axes head and d_head are confused.": {
            "einsum(z, self.W_O, axes) + self.b_O": "z.transpose(2, 3).flatten(2) @ self.W_O.flatten(0, 1) + self.b_O"
        },
        "Every head writes through W_O[0].": {
            "einsum(z, self.W_O, axes) + self.b_O": "z.sum(dim=2) @ self.W_O[0] + self.b_O"
        },
    },
    unnamed={
        "wrong shape or type": {
            "einsum(z, self.W_O, axes) + self.b_O": 'einsum(z, self.W_O, axes.replace("-> batch pos", "-> batch pos head")) + self.b_O'
        },
        "sum over heads of z[head] @ W_O[head]": {
            "einsum(z, self.W_O, axes) + self.b_O": "z.flatten(2) @ self.W_O.reshape(self.W_O.shape[2], -1).T + self.b_O"
        },
        "sum over heads of z[head]": {
            "einsum(z, self.W_O, axes) + self.b_O": "z[:, :, -1] @ self.W_O[-1] + self.b_O"
        },
        "reach b_O": {
            "einsum(z, self.W_O, axes) + self.b_O": "einsum(z, self.W_O, axes) + self.b_O.data"
        },
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
            "Attention.output_projection": "return z.flatten(2) @ self.W_O.flatten(0, 1) + self.b_O",
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
