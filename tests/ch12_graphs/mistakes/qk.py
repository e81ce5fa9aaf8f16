"""Mistakes with terms of a score (12.19) and predictions (12.20)."""

from tests.grading.mistakes import mistakes, right_answers

PROJECTION = mistakes(
    "12.19",
    "linear_projection",
    {
        "Are key heads assigned in turn? Heads of a group are neighbors.": {
            "head // (len(attn.W_Q) // len(attn.W_K))": "head % len(attn.W_K)"
        },
        "Is every key that of head 0?": {"head // (len(attn.W_Q) // len(attn.W_K))": "0 * head"},
        "Is the head divided by the number of key heads? Divide by the size of a group.": {
            "head // (len(attn.W_Q) // len(attn.W_K))": (
                "min(head // len(attn.W_K), len(attn.W_K) - 1)"
            )
        },
    },
)
PARTS = mistakes(
    "12.19",
    "head_parts",
    {
        "Is the norm's divisor missing?": {
            "apply_frozen_norm(values[kept], block.ln1, scale)": (
                "apply_frozen_norm(values[kept], block.ln1, torch.ones_like(scale))"
            )
        },
        "Is the norm left out?": {
            "apply_frozen_norm(values[kept], block.ln1, scale)[:, 0]": "values[kept][:, 0]"
        },
        "Is the rotation missing, or every position rotated like the first one?": [
            {"block.attn.rotate(vectors[:, :, None], 0)[:, :, 0]": "vectors"},
            {
                "block.attn.rotate(vectors[:, :, None], 0)[:, :, 0]": (
                    "torch.cat([block.attn.rotate(vectors[:, p : p + 1, None], 0)[:, :, 0] "
                    "for p in range(vectors.shape[1])], dim=1)"
                )
            },
        ],
        "Are biases added without the rotation?": {
            "vectors = torch.cat([normed @ W, fixed])": "vectors = normed @ W",
            "rotated = block.attn.rotate(vectors[:, :, None], 0)[:, :, 0]": (
                "rotated = torch.cat([block.attn.rotate(vectors[:, :, None], 0)[:, :, 0], fixed])"
            ),
        },
        "Is the head's own bias missing?": {
            "torch.stack([block.ln1.affine().bias @ W, b])": (
                "torch.stack([block.ln1.affine().bias @ W, 0 * b])"
            )
        },
        "Is the norm's bias missing?": {
            "torch.stack([block.ln1.affine().bias @ W, b])": "torch.stack([0 * b, b])"
        },
        "Are the second norm's numbers used?": {"block.ln1.affine()": "block.ln2.affine()"},
    },
    unnamed={
        "Expected the parts": {
            "if written_before(name, layer)]": "if written_before(name, layer + 1)]"
        },
    },
)
TERMS = mistakes(
    "12.19",
    "score_terms",
    {
        "Is the division by the root of d_head missing?": {" / math.sqrt(q.shape[-1])": ""},
        "Is the score divided by d_head? Divide by its root.": {
            "math.sqrt(q.shape[-1])": "q.shape[-1]"
        },
        "Are query and key positions exchanged?": {
            "q @ k.T": ("queries.vectors[:, key] @ keys.vectors[:, query].T")
        },
        "Is the root that of the number of parts?": {"q.shape[-1]": "q.shape[0]"},
    },
)
CONTRIBUTIONS = mistakes(
    "12.20",
    "query_contributions",
    {
        "Is the score of one key taken? Subtract the other key's.": {
            "k[where.key] - k[where.than]": "k[where.key]"
        },
        "Is the sign reversed?": {"k[where.key] - k[where.than]": "k[where.than] - k[where.key]"},
        "Is the division by the root of d_head missing?": {" / math.sqrt(k.shape[-1])": ""},
        "Is the query at the key's position?": {
            "queries.vectors[:, where.query]": "queries.vectors[:, where.key]"
        },
    },
)
PREDICTED = mistakes(
    "12.20",
    "predicted_changes",
    {
        "Is the sign reversed? A patch puts the other prompt's value in place.": {
            "other.values - clean.values": "clean.values - other.values"
        },
        "Is this the other prompt's contribution? A patch changes it from the clean one.": {
            "other.values - clean.values": "other.values"
        },
        "Is the norm live? Hold the first prompt's divisor.": (
            "_, second = model.run_with_cache(tokens[1:], names=name)\n"
            "change = (apply_frozen_norm(other.values, block.ln1, second[name])\n"
            "    - apply_frozen_norm(clean.values, block.ln1, cache[name]))[:, 0] @ W\n"
            "parts = HeadParts(clean.names, block.attn.rotate(change[:, :, None], 0)[:, :, 0])\n"
            "found = query_contributions(parts, keys, where).tolist()\n"
            "return {name: value for name, value in zip(clean.names, found)\n"
            "    if written_before(name, layer)}"
        ),
        "Is the rotation missing?": {"block.attn.rotate(change[:, :, None], 0)[:, :, 0]": "change"},
        "Is the norm left out?": {
            "apply_frozen_norm(other.values - clean.values, block.ln1, cache[name])[:, 0]": (
                "(other.values - clean.values)[:, 0]"
            )
        },
    },
    unnamed={
        "Expected the entries": {"if written_before(name, layer)": "if True"},
    },
)
RIGHT = [
    *right_answers(
        "12.19",
        "linear_projection",
        {
            "repeated": (
                "group = attn.W_Q.shape[0] // attn.W_K.shape[0]\n"
                "W = attn.W_K.detach().repeat_interleave(group, dim=0)\n"
                "return W[head], attn.b_K.detach().repeat_interleave(group, dim=0)[head]"
            )
        },
    ),
    *right_answers(
        "12.19",
        "head_parts",
        {
            "one part at a time": (
                "found, chosen = [], []\n"
                "def turn(x):\n"
                "    return block.attn.rotate(x[None, :, None], 0)[0, :, 0]\n"
                "for name, value in zip(names, values):\n"
                "    if written_before(name, layer):\n"
                "        x = apply_frozen_norm(value[None], block.ln1, scale)[0, 0]\n"
                "        chosen.append(name)\n"
                "        found.append(turn(x @ W))\n"
                "ones = torch.ones(tokens.shape[1], 1).to(b)\n"
                "found += [turn(ones * (block.ln1.affine().bias @ W)), turn(ones * b)]\n"
                'return HeadParts([*chosen, "norm bias", "own bias"], torch.stack(found))'
            )
        },
    ),
    *right_answers(
        "12.19",
        "score_terms",
        {"einsum": 'return torch.einsum("ad,bd->ab", q, k) * q.shape[1] ** -0.5'},
    ),
    *right_answers(
        "12.20",
        "query_contributions",
        {
            "from terms": (
                "first = score_terms(queries, keys, where.query, where.key)\n"
                "second = score_terms(queries, keys, where.query, where.than)\n"
                "return (first - second).sum(dim=1)"
            )
        },
    ),
    *right_answers(
        "12.20",
        "predicted_changes",
        {
            "two projections": (
                "def parts(made):\n"
                "    read = apply_frozen_norm(made.values, block.ln1, cache[name])[:, 0] @ W\n"
                "    return HeadParts(made.names, block.attn.rotate(read[:, :, None], 0)[:, :, 0])\n"
                "after, before = (query_contributions(parts(m), keys, where) for m in (other, clean))\n"
                "change = (after - before).tolist()\n"
                "return {n: c for n, c in zip(clean.names, change) if written_before(n, layer)}"
            )
        },
    ),
]
