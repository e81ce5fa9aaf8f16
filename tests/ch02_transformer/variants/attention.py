"""Variants of the causal mask (2.8) and the attention pattern (2.9)."""

from tests.grading.variants import Right, Wrong

SCALED = "q / math.sqrt(q.shape[-1])"
MASKED = "scores.masked_fill_(hidden, -torch.inf)"
HOOKED = "self.hook_attn_scores(scores.masked_fill_(hidden, -torch.inf))"
SOFTMAX = "at_least_float32(scores).softmax(dim=-1).to(q.dtype)"
SEES = "query[:, None] >= torch.arange(n_keys)"

MASK = {
    "strict: a query does not see itself": ({">=": ">"}, "sees its own position too"),
    "the other triangle": ({">=": "<="}, "the other triangle"),
    "True means hidden": ({">=": "<"}, "True stands for seen"),
    "everything is seen": ({">= torch.arange(n_keys)": ">= torch.zeros(n_keys)"}, "sees every key"),
    "queries are the first positions": (
        {"torch.arange(n_keys - n_queries, n_keys)": "torch.arange(n_queries)"},
        "takes the queries for the first 2 positions",
    ),
    "numbers instead of booleans": ({SEES: f"({SEES}).float()"}, "Bool[Tensor"),
}

MASK_BODIES = {
    "queries one position early": (
        "return torch.ones(n_queries, n_keys).tril(n_keys - n_queries - (n_keys > n_queries)) > 0",
        "for one position earlier",
    ),
    "queries one position late": (
        "return torch.ones(n_queries, n_keys).tril(n_keys - n_queries + (n_keys > n_queries)) > 0",
        "for one position later",
    ),
    "offset with the wrong sign": (
        "return torch.ones(n_queries, n_keys).bool().tril(n_queries - n_keys)",
        "queries are positions 3 and 4",
    ),
    "a square mask": (
        "return torch.ones(n_keys, n_keys).bool().tril()",
        "Shape [2, 5] is expected",
    ),
    "keys and queries exchanged": (
        "return torch.ones(n_keys, n_queries).bool().tril()",
        "Shape [2, 5] is expected",
    ),
}

PATTERN = {
    "unscaled scores": ({SCALED: "q"}, "divide by sqrt(d_head)"),
    "scaled by d_head": ({SCALED: "q / q.shape[-1]"}, "divided by d_head, not by its root"),
    "scaled by sqrt(d_model)": ({SCALED: "q / math.sqrt(self.W_Q.shape[1])"}, "sqrt(d_model)"),
    "the root as a whole number": (
        {SCALED: "q / math.isqrt(q.shape[-1])"},
        "softmax(q . k / sqrt(d_head))",
    ),
    "multiplied by the root": ({SCALED: "q * math.sqrt(q.shape[-1])"}, "multiplied by sqrt"),
    "softmax over queries": ({"softmax(dim=-1)": "softmax(dim=-2)"}, "softmax runs over queries"),
    "softmax over heads": ({"softmax(dim=-1)": "softmax(dim=1)"}, "is its axis the keys"),
    "softmax over the batch": ({"softmax(dim=-1)": "softmax(dim=0)"}, "is its axis the keys"),
    "softmax twice": (
        {"softmax(dim=-1)": "softmax(dim=-1).softmax(dim=-1)"},
        "softmax runs over the pattern a second time",
    ),
    "no softmax": ({SOFTMAX: "at_least_float32(scores).exp()"}, "must sum to one over keys"),
    "mask left out": ({MASKED: "scores"}, "The mask does nothing"),
    "mask added as True and False": (
        {MASKED: "scores - hidden.float()"},
        "exactly 0 to later keys",
    ),
    "hidden scores are 0": ({MASKED: "scores.masked_fill(hidden, 0.0)"}, "exactly 0 to later keys"),
    "mask the wrong way round": ({MASKED: "scores.masked_fill(~hidden, -torch.inf)"}, "may see"),
    "hidden scores are -1e5": ({MASKED: "scores.masked_fill(hidden, -1e5)"}, "-inf, not -100000"),
    "hidden scores are -1e9": ({MASKED: "scores.masked_fill(hidden, -1e9)"}, "-inf, not -1e+09"),
    "mask after the softmax": (
        {MASKED: "scores", SOFTMAX: f"{SOFTMAX}.masked_fill(hidden, 0.0)"},
        "mask applied after the softmax",
    ),
    "mask after the hook": (
        {HOOKED: "self.hook_attn_scores(scores).masked_fill(hidden, -torch.inf)"},
        "mask comes after the hook",
    ),
    "a causal mask of its own": (
        {MASKED: "scores.masked_fill(~causal_mask(q.shape[1], k.shape[1]), -torch.inf)"},
        "The causal mask is built in",
    ),
    "cap forgotten": ({"softcap(einsum(": "(einsum("}, "The cap is forgotten"),
    "cap after the mask": (
        {"softcap(einsum(": "(einsum(", MASKED: "softcap(scores.masked_fill(hidden, -torch.inf))"},
        "The cap comes after the mask",
    ),
    "cap before scaling": (
        {
            f"softcap(einsum({SCALED}, k, axes))": "softcap(einsum(q, k, axes)) / "
            "math.sqrt(q.shape[-1])",
        },
        "The cap comes before the scores are divided",
    ),
    "what hook_attn_scores returns is lost": (
        {f"scores = {HOOKED}": f"scores = {MASKED}; self.hook_attn_scores(scores)"},
        "write scores = self.hook_attn_scores(scores)",
    ),
    "hook_attn_scores is skipped": ({HOOKED: MASKED}, "hook_attn_scores must be called once"),
    "hook_attn_scores before scaling": (
        {
            SCALED: "q",
            SOFTMAX: "(at_least_float32(scores) / math.sqrt(q.shape[-1])).softmax(dim=-1)"
            ".to(q.dtype)",
        },
        "before they are divided by sqrt(d_head)",
    ),
    "hook_pattern is skipped": (
        {f"self.hook_pattern({SOFTMAX})": SOFTMAX},
        "return self.hook_pattern(pattern)",
    ),
    "hook_pattern sees the scores": (
        {f"self.hook_pattern({SOFTMAX})": "self.hook_pattern(scores).softmax(dim=-1)"},
        "softmax runs after the hook",
    ),
    "queries and keys exchanged": (
        {f"einsum({SCALED}, k, axes)": f"einsum({SCALED}, k, axes).transpose(2, 3)"},
        "Queries and keys have changed places",
    ),
    "pattern transposed": (
        {SOFTMAX: f"{SOFTMAX}.transpose(2, 3)"},
        "The pattern is transposed",
    ),
    "scores changed in place after the hook": (
        {
            SOFTMAX: "((e := scores.sub_(scores.amax(-1, True)).exp_())"
            " / e.sum(-1, True)).to(q.dtype)"
        },
        "showed was changed afterwards",
    ),
    "q changed in place": (
        {SCALED: "q.div_(math.sqrt(q.shape[-1]))"},
        "q and k came out changed",
    ),
    "softmax by hand in low precision": (
        {SOFTMAX: "((e := (scores - scores.amax(-1, True)).exp()) / e.sum(-1, True))"},
        "Lift the scores to float32",
    ),
    "exp overflows": (
        {SOFTMAX: "((e := at_least_float32(scores).exp()) / e.sum(-1, True)).to(q.dtype)"},
        "Take the largest away before exp",
    ),
    "hook_pattern sees float32": (
        {f"{SOFTMAX})": "at_least_float32(scores).softmax(dim=-1)).to(q.dtype)"},
        "first .to(q.dtype), then the hook point",
    ),
    "mask multiplied by -inf": ({MASKED: "scores + hidden * -torch.inf"}, "0 * inf is nan"),
    "scaled by the number of heads": ({SCALED: "q / math.sqrt(q.shape[2])"}, "by sqrt(n_heads)"),
    "scaled by the number of keys": ({SCALED: "q / math.sqrt(k.shape[1])"}, "number of keys"),
    "pattern stays in float32": ({".to(q.dtype)": ""}, "the pattern must come in q's"),
    "float64 lowered to float32": (
        {"at_least_float32(scores)": "scores.float()"},
        "differ by rounding alone",
    ),
    "no gradient": (
        {"at_least_float32(scores)": "at_least_float32(scores).detach()"},
        "must let gradients through",
    ),
}

WRONG = [Wrong("2.8", name, old, says=says) for name, (old, says) in MASK.items()]
WRONG += [
    Wrong("2.8", name, body={"causal_mask": body}, says=says)
    for name, (body, says) in MASK_BODIES.items()
]
WRONG += [Wrong("2.9", name, old, says=says) for name, (old, says) in PATTERN.items()]

RIGHT = [
    Right(
        "2.8",
        "lower triangle, shifted",
        body={
            "causal_mask": "return torch.ones(n_queries, n_keys).bool().tril(n_keys - n_queries)"
        },
    ),
    Right(
        "2.8",
        "row by row",
        body={
            "causal_mask": """
rows = [[True] * (n_keys - i) + [False] * i for i in reversed(range(n_queries))]
return torch.tensor(rows)
"""
        },
    ),
    Right(
        "2.8",
        "the last rows of a square",
        body={
            "causal_mask": """
later = torch.triu(torch.ones(n_keys, n_keys), diagonal=1)
return later[-n_queries:] == 0
"""
        },
    ),
    Right(
        "2.8",
        "the past seen whole, then a triangle",
        body={
            "causal_mask": """
past = torch.ones(n_queries, n_keys - n_queries)
return torch.cat([past, torch.ones(n_queries, n_queries).tril()], dim=1).bool()
"""
        },
    ),
    Right("2.9", "softmax of torch, in its own precision", {SOFTMAX: "scores.softmax(dim=-1)"}),
    Right(
        "2.9",
        "matmul, a mask that is added, a softmax by hand, in float32 from the start",
        body={
            "Attention.pattern": """
queries, keys = at_least_float32(q).permute(0, 2, 1, 3), at_least_float32(k).permute(0, 2, 3, 1)
scores = softcap(queries @ keys * q.shape[-1] ** -0.5)
scores = scores + torch.zeros(hidden.shape).masked_fill(hidden, float("-inf")).to(scores)
scores = self.hook_attn_scores(scores)
weights = torch.exp(scores - scores.max(dim=-1, keepdim=True).values)
return self.hook_pattern((weights / weights.sum(dim=-1, keepdim=True)).to(q.dtype))
"""
        },
    ),
    Right(
        "2.9",
        "one head at a time",
        body={
            "Attention.pattern": """
heads = []
for h in range(q.shape[2]):
    dots = q[:, :, h] @ k[:, :, h].transpose(1, 2)
    heads.append(softcap(dots / q.shape[-1] ** 0.5).where(~hidden, -torch.inf))
scores = self.hook_attn_scores(torch.stack(heads, dim=1))
pattern = torch.softmax(scores.to(torch.promote_types(scores.dtype, torch.float32)), dim=3)
pattern = pattern.type_as(q)
pattern = self.hook_pattern(pattern)
return pattern
"""
        },
    ),
]
