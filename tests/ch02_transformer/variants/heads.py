"""Variants of grouped queries (2.11) and of what heads move and write (2.12)."""

from tests.grading.variants import Right, Wrong

SHARED = {
    "tiled": ("x.repeat(1, 1, group, 1)", "The heads are tiled"),
    "tiled by an index": ("x[:, :, torch.arange(n_heads) % x.shape[2]]", "The heads are tiled"),
    "groups as large as there are key heads": (
        "x[:, :, (torch.arange(n_heads) // x.shape[2]) % x.shape[2]]",
        "not kv_heads",
    ),
    "the first key head for all": ("x[:, :, :1].expand(-1, -1, n_heads, -1)", "first key head"),
    "reversed": ("x.repeat_interleave(group, dim=2).flip(2)", "order of the heads is reversed"),
    "the mean key head for all": (
        "x.mean(dim=2, keepdim=True).expand(-1, -1, n_heads, -1)",
        "they use key heads",
    ),
    "positions repeated": ("x.repeat_interleave(group, dim=1)", "wrong shape or type"),
    "batch repeated": ("x.repeat_interleave(group, dim=0)", "wrong shape or type"),
    "d_head repeated": ("x.repeat_interleave(group, dim=3)", "wrong shape or type"),
    "returned as it is": ("x", "6 heads are expected"),
    "repeated n_heads times": ("x.repeat_interleave(n_heads, dim=2)", "6 heads are expected"),
    "shared out among the group": (
        "x.repeat_interleave(group, dim=2) / group",
        "they use key heads",
    ),
    "expanded before the heads": (
        "x[:, :, None].expand(-1, -1, group, -1, -1).flatten(2, 3)",
        "The heads are tiled",
    ),
    "positions and heads mixed": (
        "x.repeat_interleave(group, 2).transpose(1, 2).reshape(*x.shape[:2], n_heads, x.shape[3])",
        "they use key heads",
    ),
    "no gradient": ("x.detach().repeat_interleave(group, dim=2)", "Gradients must reach"),
}

AXES = '"batch head query key, batch key head d_head -> batch query head d_head"'
MOVED = {
    "pattern transposed": (
        "einsum(pattern.transpose(2, 3), v, axes)",
        "The pattern is transposed",
    ),
    "values of all heads": (
        "einsum(pattern, v.sum(dim=2, keepdim=True).expand_as(v), axes)",
        "values of all heads are added up",
    ),
    "patterns of all heads": (
        "einsum(pattern.sum(dim=1, keepdim=True).expand_as(pattern), v, axes)",
        "patterns of all heads are added up",
    ),
    "mean pattern": (
        "einsum(pattern.mean(dim=1, keepdim=True).expand_as(pattern), v, axes)",
        "by the mean pattern of all heads",
    ),
    "values of head 0": (
        "einsum(pattern, v[:, :, :1].expand_as(v), axes)",
        "moves the values of head 0",
    ),
    "uniform": (
        "v.mean(dim=1, keepdim=True).expand(-1, pattern.shape[2], -1, -1)",
        "whatever the pattern says",
    ),
    "rows summed to one again": (
        "einsum(pattern / pattern.sum(dim=-1, keepdim=True), v, axes)",
        "z[query, head] = sum over keys",
    ),
    "no pattern at all": ("v[:, -pattern.shape[2] :]", "without the pattern"),
    "mixed in float32": (
        "einsum(pattern.float(), v.float(), axes).to(v.dtype)",
        "differ by rounding alone",
    ),
    "axes of the result exchanged": (
        "torch.matmul(pattern, v.transpose(1, 2))",
        "wrong shape or type",
    ),
    "reshaped instead of transposed": (
        "(pattern @ v.transpose(1, 2)).reshape(*pattern.shape[::2], *v.shape[2:])",
        "With weights 1/4 and 3/4",
    ),
    "pattern without gradient": ("einsum(pattern.detach(), v, axes)", "Gradients must reach"),
}

SUMMED = "einsum(z, self.W_O, axes) + self.b_O"
WRITTEN = {
    "b_O forgotten": ("einsum(z, self.W_O, axes)", "b_O is forgotten"),
    "b_O once per head": (
        "sum(z[:, :, h] @ self.W_O[h] + self.b_O for h in range(z.shape[2]))",
        "b_O is added once per head",
    ),
    "heads averaged": (
        "einsum(z, self.W_O, axes) / z.shape[2] + self.b_O",
        "The heads are averaged",
    ),
    "heads not summed": (
        'einsum(z, self.W_O, axes.replace("-> batch pos", "-> batch pos head")) + self.b_O',
        "wrong shape or type",
    ),
    "head and d_head confused": (
        "z.transpose(2, 3).flatten(2) @ self.W_O.flatten(0, 1) + self.b_O",
        "z's axes head and d_head are confused",
    ),
    "one W_O for all": ("z.sum(dim=2) @ self.W_O[0] + self.b_O", "through W_O[0]"),
    "W_O of another layout": (
        "z.flatten(2) @ self.W_O.reshape(self.W_O.shape[2], -1).T + self.b_O",
        "sum over heads of z[head] @ W_O[head]",
    ),
    "only the last head": ("z[:, :, -1] @ self.W_O[-1] + self.b_O", "sum over heads of z[head]"),
    "bias without gradient": ("einsum(z, self.W_O, axes) + self.b_O.data", "reach b_O"),
}

WRONG = [
    Wrong("2.11", name, body={"repeat_kv_heads": f"return {value}"}, says=says)
    for name, (value, says) in SHARED.items()
]
WRONG += [
    Wrong(
        "2.12", name, body={"Attention.apply_pattern": f"axes = {AXES}\nreturn {value}"}, says=says
    )
    for name, (value, says) in MOVED.items()
]
WRONG += [Wrong("2.12", name, {SUMMED: new}, says=says) for name, (new, says) in WRITTEN.items()]

RIGHT = [
    Right(
        "2.11",
        "repeat_interleave",
        body={"repeat_kv_heads": "return x.repeat_interleave(group, dim=2)"},
    ),
    Right(
        "2.11",
        "an index",
        body={"repeat_kv_heads": "return x[:, :, torch.arange(n_heads) // group]"},
    ),
    Right(
        "2.11",
        "expanded behind the heads, by a reshape",
        body={
            "repeat_kv_heads": """
batch, pos, kv_head, d_head = x.shape
return x[:, :, :, None, :].expand(-1, -1, -1, group, -1).reshape(batch, pos, n_heads, d_head)
"""
        },
    ),
    Right(
        "2.11",
        "a table of ones and zeros",
        body={
            "repeat_kv_heads": """
served = torch.eye(x.shape[2]).repeat_interleave(group, dim=0).to(x)
return torch.einsum("hk,bpkd->bphd", served, x)
"""
        },
    ),
    Right(
        "2.12",
        "added up in place, key by key and head by head",
        body={
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
    ),
    Right(
        "2.12",
        "matmul",
        body={
            "Attention.apply_pattern": "return (pattern @ v.transpose(1, 2)).transpose(1, 2)",
            "Attention.output_projection": "return z.flatten(2) @ self.W_O.flatten(0, 1) "
            "+ self.b_O",
        },
    ),
    Right(
        "2.12",
        "one head at a time",
        body={
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
    ),
]
