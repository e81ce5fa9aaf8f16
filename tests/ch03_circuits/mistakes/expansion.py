"""More mistakes in 3.14, 3.15 and 3.18: paths, pairs of paths, and path expansion."""

from tests.grading.mistakes import mistakes

PATTERN, READ, LAST = "    pattern,", "    values, ov.A,", "return einsum(\n    moved,"
HEADS = mistakes(
    "3.14",
    "apply_heads_to_paths",
    {
        "Do all heads use the first one's pattern? Each has its own.": {
            PATTERN: "    pattern[:, :1].expand_as(pattern),"
        },
        "Do all heads use the first one's W_V? Each has its own.": {
            READ: "    values, ov.A[:1].expand_as(ov.A),"
        },
        "Do all heads use the first one's W_O? Each has its own.": {
            "    ov.B,": "    ov.B[:1].expand_as(ov.B),"
        },
        "Does every path get the sum of all paths? Each is moved by itself.": {
            READ: "    values.sum(0, keepdim=True).expand_as(values), ov.A,"
        },
        "Do all paths show the first one?": {READ: "    values[:1].expand_as(values), ov.A,"},
        "Do all examples use the first one's values?": {
            READ: "    values[:, :1].expand_as(values), ov.A,"
        },
        "Are the values averaged over all positions? The pattern weights them.": {
            PATTERN: "    torch.full_like(pattern, 1 / pattern.shape[-1]),"
        },
        "Is it divided by the number of heads? Their outputs are a sum.": {
            LAST: LAST.replace("moved", "moved / moved.shape[1]")
        },
        "Is it divided by sqrt(d_head)? Only attention scores are.": {
            LAST: LAST.replace("moved", "moved / moved.shape[-1] ** 0.5")
        },
        "Is it divided by the number of positions? The pattern's rows are weights already.": {
            LAST: LAST.replace("moved", "moved / moved.shape[-2]")
        },
        "Are the heads in reverse order?": {PATTERN: "    pattern.flip(1),"},
        "Is W_O missing? The result is in the residual stream, not in a head.": {
            LAST: "return (\n    moved,"
        },
        "Does the softmax of the pattern run over queries?": {PATTERN: "    pattern.softmax(-2),"},
        "Is the attention to the query itself left out?": {
            PATTERN: "    pattern - torch.diag_embed(pattern.diagonal(dim1=-2, dim2=-1)),"
        },
        "Is only the key with most attention moved? The pattern weights all keys.": {
            PATTERN: "    (pattern == pattern.amax(-1, keepdim=True)).to(pattern),"
        },
    },
)
ROOT, START = "terms / attn.W_Q.shape[-1] ** 0.5", "queries = einsum("
OTHER = "values[:-1], torch.zeros_like(values[:1])"
TERMS = mistakes(
    "3.15",
    "score_terms",
    {
        "Are the positions the first path? They are the last one.": {
            START: f"values = values.roll(1, 0)\n{START}"
        },
        "Do only queries read the positions? Keys read them too.": {
            "    values, qk.B,": f"    torch.cat([{OTHER}]), qk.B,"
        },
        "Do only keys read the positions? Queries read them too.": {
            "    values, qk.A,": f"    torch.cat([{OTHER}]), qk.A,"
        },
        "Are the positions added to every path? They are one path more, the last.": {
            START: f"values = paths.values.to(qk.A) + positions\n{START}"
        },
        "Do keys use the queries' weights? The keys' are qk.B.": {
            "    values, qk.B,": "    values, qk.A.mT,"
        },
        "Do queries use the keys' weights? The queries' are qk.A.": {
            "    values, qk.A,": "    values, qk.B.mT,"
        },
        "Is it multiplied by sqrt(d_head)? Divide by it.": {ROOT: ROOT.replace("/", "*")},
        "Is it divided by the number of pairs of paths? The terms sum to the scores.": {
            ROOT: f"{ROOT} / len(values) ** 2"
        },
        "Are a term and its transpose averaged? Query and key have different weights.": {
            ROOT: f"({ROOT} + ({ROOT}).transpose(1, 2)) / 2"
        },
        "Do all heads use the first one's circuit?": {
            START: f"qk = FactoredMatrix(qk.A[:1].expand_as(qk.A), qk.B[:1].expand_as(qk.B))\n{START}"
        },
        "Do all examples use the first one's values?": {
            START: f"values = values[:, :1].expand_as(values)\n{START}"
        },
        "Does every pair get the whole score? Each pair has its own term.": {
            ROOT: f"({ROOT}).sum((1, 2), keepdim=True).expand_as(terms)"
        },
        "Are future keys set to zero? Return scores before the mask.": {ROOT: f"({ROOT}).tril()"},
        "Is the positions' scale changed? Use W_pos as it is.": {
            START: f"values[-1] /= values[-1].norm(dim=-1, keepdim=True)\n{START}"
        },
    },
)
MOVED, ADD, MASK = "moved = pattern @", "paths |= extended", "diagonal=1"
PATHS = "for path, value in paths.items():\n            moved"
PART = "scores.masked_fill(future, -torch.inf).softmax(dim=-1)"
SCRATCH = mistakes(
    "3.18",
    "expand_logits",
    {
        "Is it divided by sqrt(d_model)? The queries have d_head numbers.": {
            "q.shape[-1] ** 0.5": "read.shape[-1] ** 0.5"
        },
        "Is it divided by d_head? Divide by its square root.": {
            "q.shape[-1] ** 0.5": "q.shape[-1]"
        },
        "Does the mask hide the query itself? Only later positions are hidden.": {
            MASK: "diagonal=0"
        },
        "Does the mask show the next token?": {MASK: "diagonal=2"},
        "Does the mask hide earlier positions? It hides later ones.": [
            {f".triu({MASK})": ".tril(diagonal=-1)"},
        ],
        "Are masked scores set to 0? A score of 0 still gets attention; use -inf.": {
            "future, -torch.inf": "future, 0.0"
        },
        "Is the mask applied after the softmax? Then the rows do not sum to 1.": {
            PART: "scores.softmax(dim=-1).masked_fill(future, 0.0)"
        },
        "Does the softmax run over queries? Each query's row sums to 1.": {
            PART: PART.replace("-1)", "-2)")
        },
        "Are query and key exchanged in the score?": {"q @ k.mT": "k @ q.mT"},
        "Do heads of one layer read each other? They all read the layer's input.": {
            f"    {ADD}": "    pass",
            'extended[(*path, f"{layer}.{head}")]': 'paths[(*path, f"{layer}.{head}")]',
            PATHS: PATHS.replace("paths.items()", "list(paths.items())"),
        },
        "Is the order of the heads in a path reversed? The earlier layer comes first.": {
            '(*path, f"{layer}.{head}")': '(f"{layer}.{head}", *path)'
        },
        "Are layer and head exchanged in the names? Head 1 of layer 0 is 0.1.": {
            'f"{layer}.{head}"': 'f"{head}.{layer}"'
        },
        "Are heads or layers numbered from 1? The first is 0.": [
            {'f"{layer}.{head}"': 'f"{layer}.{head + 1}"'},
            {'f"{layer}.{head}"': 'f"{layer + 1}.{head + 1}"'},
        ],
        "Is a path a string? It is a tuple of heads.": {
            "return {path: value": "return {'.'.join(path): value"
        },
        "Is the direct path called `embed`? It is the empty tuple, ().": {
            "return {path: value": "return {path or ('embed',): value"
        },
        "Is the unembedding missing? The terms are logits.": {"value @ weights.W_U": "value"},
        "Is a softmax applied to the terms? They are logits.": {
            "value @ weights.W_U": "(value @ weights.W_U).softmax(-1)"
        },
        "Does a head move the whole residual stream on every path? It moves the path's own part.": {
            MOVED + " (value": MOVED + " (resid"
        },
        "Does a head move what queries and keys read? It moves the path's own part.": {
            MOVED + " (value": MOVED + " (read"
        },
        "Are positions added to the embedding? Only queries and keys read them.": [
            {
                "{(): weights.W_E[tokens]}": "{(): weights.W_E[tokens] + weights.W_pos[0, :len(tokens[0])]}"
            },
        ],
        "Do all heads use the W_V of the first one?": {"W_V[layer, head]": "W_V[layer, 0]"},
        "Do all heads use the W_O of the first one?": {"W_O[layer, head]": "W_O[layer, 0]"},
        "Do both layers use the W_V of the first one?": {"W_V[layer, head]": "W_V[0, head]"},
        "Do both layers use the W_O of the first one?": {"W_O[layer, head]": "W_O[0, head]"},
        "Do both layers use the patterns of the first one's weights?": {
            "W_Q[layer, head]": "W_Q[0, head]",
            "W_K[layer, head]": "W_K[0, head]",
        },
        "Do queries alone read the positions? Keys read them too.": {
            "read @ weights.W_K": "resid @ weights.W_K"
        },
        "Do keys alone read the positions? Queries read them too.": {
            "read @ weights.W_Q": "resid @ weights.W_Q"
        },
        "Do values use W_K?": {"weights.W_V": "weights.W_K"},
        "Does layer 1 attend without the direct path? It reads the whole stream.": {
            "read = resid +": "resid = resid - layer * paths[()]\n    read = resid +"
        },
        "Is each pattern that of the path alone? Patterns are those of the whole model.": {
            "moved = pattern @": """x = value + weights.W_pos[layer, :n_pos]
            own = (x @ weights.W_Q[layer, head]) @ (x @ weights.W_K[layer, head]).mT
            own = (own / q.shape[-1] ** 0.5).masked_fill(future, -torch.inf).softmax(dim=-1)
            moved = own @"""
        },
        "Does layer 1 extend the direct path only? It extends those through layer 0, too.": {
            PATHS: PATHS.replace("paths", "{(): paths[()]}")
        },
        "Do paths through layer 1 alone miss? A path may skip layer 0.": {
            PATHS: PATHS.replace(
                "paths.items()", "[p for p in paths.items() if layer == 0 or p[0]]"
            )
        },
        "Is the direct path missing? Its term is the embedding times W_U.": {
            "in paths.items()}": "in paths.items() if path}"
        },
        "Are the texts averaged? Each has its own terms.": {
            "value @ weights.W_U": "(value @ weights.W_U).mean(0, keepdim=True).expand(len(tokens), -1, -1)"
        },
    },
)
