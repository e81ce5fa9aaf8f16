"""Mistakes in 3.14 and 3.15, paths, and right answers written another way."""

from tests.grading.mistakes import mistakes, right_answers

PATTERN, LAST = "    pattern,", "return einsum(\n    moved,"
HEADS = mistakes(
    "3.14",
    "apply_heads_to_paths",
    {
        "Is the pattern transposed? Its axes are [batch, head, query, key]; sum over keys.": {
            "batch head query key ->": "batch head key query ->"
        },
        "Is the OV circuit transposed? Rows multiply from the left: values @ ov.A @ ov.B.": (
            "OV = (ov.A @ ov.B).mT\n"
            "return einsum(values, pattern, OV, 'p b k m, b h q k, h m n -> p h b q n')"
        ),
        "Is the pattern missing?": {LAST: LAST.replace("moved", "read")},
        "Is the OV circuit missing?": (
            "return einsum(values, pattern, 'p b k m, b h q k -> p h b q m')"
        ),
        "Are future keys masked? Use the pattern as it is.": {PATTERN: "    pattern.tril(),"},
        "Is a softmax applied? The pattern is after the softmax.": {
            PATTERN: "    pattern.softmax(-1),"
        },
        "Are the rows of the pattern normalized? Use the pattern as it is.": {
            PATTERN: "    pattern / pattern.sum(-1, keepdim=True),"
        },
        "Is the value at the query moved? A head moves the values at its keys.": {
            "path head batch key d_head, batch": "path head batch query d_head, batch"
        },
        "Are the heads added up? Each path goes through each head.": {
            LAST: "out = einsum(\n    moved,",
            'query d_model",\n)': 'query d_model",\n)\nreturn out.sum(1, keepdim=True).expand_as(out)',
        },
        "The axes are [head, path, ...]. Path comes first.": {
            "-> path head batch query d_model": "-> head path batch query d_model"
        },
        "Do all examples use the first one's pattern?": {
            PATTERN: "    pattern[:1].expand_as(pattern),"
        },
        "Is the pattern averaged over the batch? Each example has its own.": {
            PATTERN: "    pattern.mean(dim=0, keepdim=True).expand_as(pattern),"
        },
        "Do all heads use the mean pattern? Each has its own.": {
            PATTERN: "    pattern.mean(dim=1, keepdim=True).expand_as(pattern),"
        },
        "Is the path itself added? Return only the head's output.": {
            LAST: LAST.replace("return ", "return values[:, None] + ")
        },
    },
)
ROOT, SHAPE = "terms / attn.W_Q.shape[-1] ** 0.5", "attn.W_Q.shape[-1] ** 0.5"
TERMS = mistakes(
    "3.15",
    "score_terms",
    {
        "Is the division by sqrt(d_head) missing?": {ROOT: "terms"},
        "Is it divided by d_head? Divide by its square root.": {SHAPE: "attn.W_Q.shape[-1]"},
        "Is it divided by sqrt(d_model)? The inner axis is d_head.": {
            SHAPE: "attn.W_Q.shape[-2] ** 0.5"
        },
        "Are the path axes exchanged? They are [head, query_path, key_path, ...].": {
            "-> head query_path key_path": "-> head key_path query_path"
        },
        "Are the last two axes exchanged? They are [..., query, key].": {
            "key_path batch query key": "key_path batch key query"
        },
        "Are queries projected by the keys' weights? qk.A is for queries, qk.B for keys.": {
            "values, qk.A,": "values, qk.B.mT,",
            "values, qk.B,": "values, qk.A.mT,",
        },
        "Are the positions missing? They are the last path in `values`.": {
            "queries = einsum(": "values = paths.values\nqueries = einsum("
        },
        "Are future keys masked? Return scores before the mask.": {
            ROOT: f"({ROOT}).masked_fill(torch.ones(terms.shape[-2:]).triu(1).bool(), -torch.inf)"
        },
        "Is a softmax applied? Return scores.": {ROOT: f"({ROOT}).softmax(-1)"},
        "Does each path meet only itself? Each pair of paths gives a term.": {
            ROOT: f"({ROOT}).diagonal(0, 1, 2).movedim(-1, 1)[:, :, None].expand_as(terms)"
        },
        "Is it the circuit of another layer?": {
            "queries = einsum(": "qk = qk_circuit(model, 1 - layer)\nqueries = einsum("
        },
    },
)
RIGHT = [
    *right_answers(
        "3.14",
        "apply_heads_to_paths",
        {
            "OV first": """
            moved = values[:, None] @ ov.product()[None, :, None]
            return pattern.movedim(1, 0) @ moved
            """,
            "pattern first": """
            rows = []
            for head in range(pattern.shape[1]):
                mixed = pattern[:, head] @ values
                rows.append(mixed @ ov.A[head] @ ov.B[head])
            return torch.stack(rows, dim=1)
            """,
        },
    ),
    *right_answers(
        "3.15",
        "score_terms",
        {
            "loops": """
            values = values * qk.A.shape[-1] ** -0.25
            rows = []
            for A, B in zip(qk.A, qk.B):
                q, k = values @ A, (values @ B.T).mT
                rows.append(torch.stack([torch.stack([a @ b for b in k]) for a in q]))
            return torch.stack(rows)
            """,
            "the product": """
            half = values @ (qk.product() / qk.A.shape[-1] ** 0.5)[:, None, None]
            return half[:, :, None] @ values.mT[None, None]
            """,
        },
    ),
]
