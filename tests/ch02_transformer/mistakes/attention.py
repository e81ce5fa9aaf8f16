"""Mistakes in the causal mask (2.8) and the pattern (2.9), and right answers written another way."""

from tests.grading.mistakes import mistakes, right_answers

SCALED = "q / math.sqrt(q.shape[-1])"
MASKED = "scores.masked_fill_(hidden, -torch.inf)"
PATTERN = "at_least_float32(scores).softmax(dim=-1).to(q.dtype)"

CAUSAL_MASK = mistakes(
    "2.8",
    "causal_mask",
    {
        "A query sees its own position too, not only those before it.": {">=": ">"},
        "This is the other triangle: queries attend to later keys.": [
            {">=": "<="},
            """
            return torch.ones(n_queries, n_keys, dtype=torch.bool).triu()
            """,
        ],
        "True marks the keys that a query sees, not the hidden ones.": {">=": "<"},
        "Every query sees every key here.": {">= torch.arange(n_keys)": ">= torch.zeros(n_keys)"},
        "This takes the queries for the first 2 positions.": {
            "torch.arange(n_keys - n_queries, n_keys)": "torch.arange(n_queries)"
        },
        "This takes the queries for one position earlier.": (
            "return torch.ones(n_queries, n_keys).tril(n_keys - n_queries - (n_keys > n_queries)) > 0"
        ),
        "Do new queries see every key where there are earlier ones? Not those after themselves.": [
            "more = n_keys > n_queries\n"
            "return torch.ones(n_queries, n_keys).tril(n_keys if more else 0) > 0",
        ],
        "This takes the queries for one position later.": (
            "return torch.ones(n_queries, n_keys).tril(n_keys - n_queries + (n_keys > n_queries)) > 0"
        ),
        "Each query sees one key too many, the next position.": """
            return torch.ones(n_queries, n_keys, dtype=torch.bool).tril(diagonal=n_keys - n_queries + 1)
            """,
        "This takes the queries for positions before the first.": """
            return torch.ones(n_queries, n_keys, dtype=torch.bool).tril(diagonal=n_queries - n_keys)
            """,
        "The table is of numbers. It must be of booleans, True for the visible keys.": [
            """
            return torch.ones(n_queries, n_keys).tril(diagonal=n_keys - n_queries)
            """,
            """
            return torch.full((n_queries, n_keys), -torch.inf).triu(n_keys - n_queries + 1)
            """,
        ],
        "The axes are exchanged: rows are queries, columns are keys.": [
            {
                "query[:, None] >= torch.arange(n_keys)": "(query[:, None] >= torch.arange(n_keys)).T"
            },
            {"query[:, None] >= torch.arange(n_keys)": "query >= torch.arange(n_keys)[:, None]"},
        ],
        "There are as many rows as keys. There is one row per query.": """
            return torch.ones(n_keys, n_keys, dtype=torch.bool).tril()
            """,
        "There are as many columns as queries. There is one column per key.": """
            return torch.ones(n_queries, n_queries, dtype=torch.bool).tril()
            """,
        "The table is of whole numbers. It must be of booleans.": """
            return torch.ones(n_queries, n_keys, dtype=torch.int).tril(diagonal=n_keys - n_queries)
            """,
        "The cached keys, before the new ones, are hidden. Every query sees them.": """
            mask = torch.zeros(n_queries, n_keys, dtype=torch.bool)
            mask[:, n_keys - n_queries:] = torch.ones(n_queries, n_queries, dtype=torch.bool).tril()
            return mask
            """,
        "The queries are in reverse order.": {
            "torch.arange(n_keys - n_queries, n_keys)": "torch.arange(n_keys - 1, n_keys - n_queries - 1, -1)"
        },
        "A query sees its own position too. Only the first key is visible to itself here.": {
            "return query[:, None] >= torch.arange(n_keys)": "mask = query[:, None] > torch.arange(n_keys)\nmask[:, 0] = True\nreturn mask"
        },
        "Only the last two keys are visible (a sliding window). All earlier ones are.": {
            "query[:, None] >= torch.arange(n_keys)": "(query[:, None] >= torch.arange(n_keys)) & (query[:, None] - torch.arange(n_keys) < 2)"
        },
        "Each query sees its own position alone.": {">=": "=="},
        "Each query sees all keys but its own.": {">=": "!="},
        "A batch axis is in front. The table is [query, key].": {
            "return query[:, None]": "return query[None, :, None]"
        },
    },
    unnamed={
        "Bool[Tensor": {
            "query[:, None] >= torch.arange(n_keys)": "(query[:, None] >= torch.arange(n_keys)).float()"
        },
        "queries are positions 2, 3 and 4": (
            "return torch.ones(n_queries, n_keys).bool().tril(n_queries - n_keys)"
        ),
        "Expected shape [3, 5]": [
            "return torch.ones(n_keys, n_keys).bool().tril()",
            "return torch.ones(n_keys, n_queries).bool().tril()",
        ],
    },
)
ATTENTION_PATTERN = mistakes(
    "2.9",
    "Attention.pattern",
    {
        "The scores are not scaled: divide by sqrt(d_head).": {SCALED: "q"},
        "The scores are divided by d_head, not by its root (or by the root twice).": {
            SCALED: "q / q.shape[-1]"
        },
        "The scores are divided by sqrt(d_model); a head's width is d_head.": {
            SCALED: "q / math.sqrt(self.W_Q.shape[1])"
        },
        "The scores are multiplied by sqrt(d_head).": {SCALED: "q * math.sqrt(q.shape[-1])"},
        "A softmax runs over the pattern a second time.": {
            "softmax(dim=-1)": "softmax(dim=-1).softmax(dim=-1)"
        },
        "The mask does nothing.": {MASKED: "scores"},
        "Hidden keys must have -inf, not -100000.": {MASKED: "scores.masked_fill(hidden, -1e5)"},
        "Hidden keys must have -inf, not -1e+09.": {MASKED: "scores.masked_fill(hidden, -1e9)"},
        "The mask comes after the hook.": {
            "self.hook_attn_scores(scores.masked_fill_(hidden, -torch.inf))": "self.hook_attn_scores(scores).masked_fill(hidden, -torch.inf)"
        },
        "The causal mask is built in: use `hidden`.": {
            MASKED: "scores.masked_fill(~causal_mask(q.shape[1], k.shape[1]), -torch.inf)"
        },
        "The cap is forgotten.": {"softcap(einsum(": "(einsum("},
        "The cap comes after the mask: it makes -inf finite, so later keys are seen.": {
            "softcap(einsum(": "(einsum(",
            MASKED: "softcap(scores.masked_fill(hidden, -torch.inf))",
        },
        "The cap comes before the scores are divided by sqrt(d_head).": {
            "softcap(einsum(q / math.sqrt(q.shape[-1]), k, axes))": "softcap(einsum(q, k, axes)) / math.sqrt(q.shape[-1])"
        },
        "What the hook returned is lost: write scores = self.hook_attn_scores(scores).": {
            "scores = self.hook_attn_scores(scores.masked_fill_(hidden, -torch.inf))": "scores = scores.masked_fill_(hidden, -torch.inf); self.hook_attn_scores(scores)"
        },
        "These are the scores before they are divided by sqrt(d_head).": {
            SCALED: "q",
            PATTERN: "(at_least_float32(scores) / math.sqrt(q.shape[-1])).softmax(dim=-1).to(q.dtype)",
        },
        "What the hook returned is lost: return self.hook_pattern(pattern).": {
            "self.hook_pattern(at_least_float32(scores).softmax(dim=-1).to(q.dtype))": "at_least_float32(scores).softmax(dim=-1).to(q.dtype)"
        },
        "A softmax runs after the hook.": {
            "self.hook_pattern(at_least_float32(scores).softmax(dim=-1).to(q.dtype))": "self.hook_pattern(scores).softmax(dim=-1)"
        },
        "Queries and keys are exchanged: the axes are query, then key.": {
            "einsum(q / math.sqrt(q.shape[-1]), k, axes)": "einsum(q / math.sqrt(q.shape[-1]), k, axes).transpose(2, 3)"
        },
        "The pattern is transposed: the axes are query, then key.": {
            PATTERN: "at_least_float32(scores).softmax(dim=-1).to(q.dtype).transpose(2, 3)"
        },
        "Is the mask multiplied by -inf? 0 * inf is nan; fill instead.": {
            MASKED: "scores + hidden * -torch.inf"
        },
        "The scores are divided by sqrt(n_heads); it is sqrt(d_head).": {
            SCALED: "q / math.sqrt(q.shape[2])"
        },
        "The scores are divided by the root of the number of keys.": {
            SCALED: "q / math.sqrt(k.shape[1])"
        },
        "They agree to five digits: is a precision lower, or a small number added?": {
            "at_least_float32(scores)": "scores.float()"
        },
        "Does the softmax run over queries? It runs over keys.": {
            "softmax(dim=-1)": "softmax(dim=-2)"
        },
        "Does the softmax run over heads? It runs over keys.": {
            "softmax(dim=-1)": "softmax(dim=1)"
        },
        "Does the softmax run over the batch? It runs over keys.": {
            "softmax(dim=-1)": "softmax(dim=0)"
        },
        "Is the mask applied after the softmax?": {
            MASKED: "scores",
            PATTERN: "at_least_float32(scores).softmax(dim=-1).to(q.dtype).masked_fill(hidden, 0.0)",
        },
        "Is the mask reversed? True in `hidden` marks later keys.": {
            MASKED: "scores.masked_fill(~hidden, -torch.inf)"
        },
        "The scores are divided by sqrt(n_heads * d_head); it is sqrt(d_head).": {
            "q / math.sqrt(q.shape[-1])": "q / math.sqrt(q.shape[-1] * q.shape[-2])"
        },
        "The scores are divided by the root of the number of queries; it is sqrt(d_head).": {
            "q / math.sqrt(q.shape[-1])": "q / math.sqrt(q.shape[1])"
        },
        "The score of a hidden key is 0; it must be minus infinity.": {
            "scores.masked_fill_(hidden, -torch.inf)": "scores.masked_fill_(hidden, 0.0)"
        },
        "The score of a hidden key is the smallest finite number; it must be minus infinity.": {
            "scores.masked_fill_(hidden, -torch.inf)": "scores.masked_fill_(hidden, torch.finfo(scores.dtype).min)"
        },
        "The score of a hidden key is -10000; it must be minus infinity.": {
            "scores.masked_fill_(hidden, -torch.inf)": "scores.masked_fill_(hidden, -10000.0)"
        },
        "The mask is applied after the softmax, and each row rescaled: hook_attn_scores must see it.": """
            axes = "batch query head d_head, batch key head d_head -> batch head query key"
            scores = self.hook_attn_scores(softcap(einsum(q / math.sqrt(q.shape[-1]), k, axes)))
            pattern = at_least_float32(scores).softmax(dim=-1).masked_fill(hidden, 0.0)
            pattern = pattern / pattern.sum(-1, keepdim=True)
            return self.hook_pattern(pattern.to(q.dtype))
            """,
        "What hook_pattern returns is ignored.": {
            "return self.hook_pattern(at_least_float32(scores).softmax(dim=-1).to(q.dtype))": "pattern = at_least_float32(scores).softmax(dim=-1).to(q.dtype)\nself.hook_pattern(pattern)\nreturn pattern"
        },
        "hook_attn_scores is left out.": {
            "self.hook_attn_scores(scores.masked_fill_(hidden, -torch.inf))": "scores.masked_fill_(hidden, -torch.inf)"
        },
        ".to(q.dtype) is left out.": {".to(q.dtype)": ""},
        "It is a sigmoid, and not a softmax.": {
            "at_least_float32(scores).softmax(dim=-1)": "at_least_float32(scores).sigmoid()"
        },
        "It is a log-softmax, and not a softmax.": {"softmax(dim=-1)": "log_softmax(dim=-1)"},
        "The head axis is after the query axis.": {
            "-> batch head query key": "-> batch query head key"
        },
        "hook_pattern receives the pattern before .to(q.dtype), the last step before it.": {
            "return self.hook_pattern(at_least_float32(scores).softmax(dim=-1).to(q.dtype))": "return self.hook_pattern(at_least_float32(scores).softmax(dim=-1)).to(q.dtype)"
        },
        "A NaN is replaced by 0 (nan_to_num): it must stay visible.": {
            "softmax(dim=-1).to(q.dtype)": "softmax(dim=-1).nan_to_num(0.0).to(q.dtype)"
        },
        "Queries are divided by their length, as for a cosine.": {
            "q / math.sqrt(q.shape[-1])": "q / q.norm(dim=-1, keepdim=True)"
        },
        "Only the last query is masked.": {
            "scores.masked_fill_(hidden, -torch.inf)": "scores.masked_fill_(hidden & (torch.arange(q.shape[1]) == q.shape[1] - 1)[:, None], -torch.inf)"
        },
        "All texts get the scores of the first.": {
            "softcap(einsum(q / math.sqrt(q.shape[-1]), k, axes))": "softcap(einsum(q / math.sqrt(q.shape[-1]), k, axes)[:1].expand(len(q), -1, -1, -1).clone())"
        },
        "The scores of all heads are summed.": {
            "softcap(einsum(q / math.sqrt(q.shape[-1]), k, axes))": "softcap(einsum(q / math.sqrt(q.shape[-1]), k, axes).sum(1, keepdim=True).expand(-1, q.shape[2], -1, -1).clone())"
        },
        "The absolute values of the scores are taken.": {
            "softcap(einsum(q / math.sqrt(q.shape[-1]), k, axes))": "softcap(einsum(q / math.sqrt(q.shape[-1]), k, axes).abs())"
        },
    },
    unnamed={
        "softmax(q . k / sqrt(d_head))": {SCALED: "q / math.isqrt(q.shape[-1])"},
        "must sum to one over keys": {PATTERN: "at_least_float32(scores).exp()"},
        "exactly 0 to later keys": [
            {MASKED: "scores - hidden.float()"},
            {MASKED: "scores.masked_fill(hidden, 0.0)"},
        ],
        "hook_attn_scores must be called once": {
            "self.hook_attn_scores(scores.masked_fill_(hidden, -torch.inf))": "scores.masked_fill_(hidden, -torch.inf)"
        },
        "saw was changed afterwards": {
            PATTERN: "((e := scores.sub_(scores.amax(-1, True)).exp_()) / e.sum(-1, True)).to(q.dtype)"
        },
        "is changed in place. The caller": {SCALED: "q.div_(math.sqrt(q.shape[-1]))"},
        "Lift the scores to float32": {
            PATTERN: "((e := (scores - scores.amax(-1, True)).exp()) / e.sum(-1, True))"
        },
        "Subtract the largest score before exp": {
            PATTERN: "((e := at_least_float32(scores).exp()) / e.sum(-1, True)).to(q.dtype)"
        },
        "first .to(q.dtype), then the hook": {
            "at_least_float32(scores).softmax(dim=-1).to(q.dtype))": "at_least_float32(scores).softmax(dim=-1)).to(q.dtype)"
        },
        "Expected the pattern in q's": {".to(q.dtype)": ""},
        "must reach q and k": {"at_least_float32(scores)": "at_least_float32(scores).detach()"},
    },
)
RIGHT_2_8 = right_answers(
    "2.8",
    "causal_mask",
    {
        "lower triangle, shifted": (
            "return torch.ones(n_queries, n_keys).bool().tril(n_keys - n_queries)"
        ),
        "row by row": """
            rows = [[True] * (n_keys - i) + [False] * i for i in reversed(range(n_queries))]
            return torch.tensor(rows)
            """,
        "the last rows of a square": """
            later = torch.triu(torch.ones(n_keys, n_keys), diagonal=1)
            return later[-n_queries:] == 0
            """,
        "the past seen whole, then a triangle": """
            past = torch.ones(n_queries, n_keys - n_queries)
            return torch.cat([past, torch.ones(n_queries, n_queries).tril()], dim=1).bool()
            """,
    },
)
RIGHT_2_9 = right_answers(
    "2.9",
    "Attention.pattern",
    {
        "softmax of torch, in its own precision": {PATTERN: "scores.softmax(dim=-1)"},
        "matmul, a mask that is added, a softmax by hand, in float32 from the start": """
            queries, keys = at_least_float32(q).permute(0, 2, 1, 3), at_least_float32(k).permute(0, 2, 3, 1)
            scores = softcap(queries @ keys * q.shape[-1] ** -0.5)
            scores = scores + torch.zeros(hidden.shape).masked_fill(hidden, float("-inf")).to(scores)
            scores = self.hook_attn_scores(scores)
            weights = torch.exp(scores - scores.max(dim=-1, keepdim=True).values)
            return self.hook_pattern((weights / weights.sum(dim=-1, keepdim=True)).to(q.dtype))
            """,
        "one head at a time": """
            heads = []
            for h in range(q.shape[2]):
                dots = q[:, :, h] @ k[:, :, h].transpose(1, 2)
                heads.append(softcap(dots / q.shape[-1] ** 0.5).where(~hidden, -torch.inf))
            scores = self.hook_attn_scores(torch.stack(heads, dim=1))
            pattern = torch.softmax(scores.to(torch.promote_types(scores.dtype, torch.float32)), dim=3)
            pattern = pattern.type_as(q)
            pattern = self.hook_pattern(pattern)
            return pattern
            """,
    },
)
