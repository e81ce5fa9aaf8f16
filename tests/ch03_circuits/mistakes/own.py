"""Wrong and right answers to 3.16 to 3.18."""

from tests.grading.mistakes import mistakes, right_answers

COPIES = mistakes(
    "3.16",
    "3.16",
    unnamed={
        "head 1 raises the logit": "copies = [0, 1, 2]\nsuppresses = [4]",
        "head 5 lowers the logit": "copies = [0, 2]\nsuppresses = [4, 5]",
        "missing from this list, copies": "copies = [0]\nsuppresses = [4]",
        "copies: head 3": "copies = [3]\nsuppresses = [2, 4]",  # another learner's
        "expected a list of different heads": "copies = [0, 6]\nsuppresses = [4]",
    },
)
READS = mistakes(
    "3.17",
    "3.17",
    unnamed={
        "for_queries: without what head 3": "for_queries = 3\nfor_keys = 1\nfor_values = 0",
        "for_keys: without what head 1": "for_queries = 1\nfor_keys = 1\nfor_values = 0",
        "not what is": "for_queries = 1\nfor_keys = 3\nfor_values = 5",
        "expected a list of 1 different heads": "for_queries = 1\nfor_keys = 3\nfor_values = 9",
    },
)
SCRATCH = mistakes(
    "3.18",
    "expand_logits",
    {
        "Do values read the positions? Only queries and keys do.": {
            "(value @ weights.W_V": "((value + weights.W_pos[layer, :n_pos]) @ weights.W_V"
        },
        "Does layer 1 attend by the embedding? Its queries and keys read what layer 0 wrote.": {
            "torch.stack(list(paths.values())).sum(dim=0)": "paths[()]"
        },
        "Do both layers use the same row of W_pos? Each layer has its own.": [
            {"weights.W_pos[layer, :n_pos]": "weights.W_pos[0, :n_pos]"},
            {"weights.W_pos[layer, :n_pos]": "weights.W_pos[1, :n_pos]"},
        ],
        "Do queries and keys not read the positions?": {" + weights.W_pos[layer, :n_pos]": ""},
        "Is the score not divided by the square root of d_head?": {" / q.shape[-1] ** 0.5": ""},
        "Is the mask left out?": {"scores.masked_fill(future, -torch.inf)": "scores"},
        "Is the pattern transposed? A query's row sums over keys.": {
            "moved = pattern @": "moved = pattern.mT @"
        },
    },
    unnamed={
        "expected the paths": [
            {"extended[(*path, ": "extended[(", 'f"{layer}.{head}")]': 'f"{layer}.{head}",)]'},
            {
                "for path, value in paths.items():\n": "for path, value in paths.items():\n"
                "            if path and path[0][0] == '1':\n"
                "                continue\n",
                "for layer in range(2):": "for layer in range(1):",
            },
        ],
    },
)
RIGHT = [
    *right_answers("3.16", "3.16", {"in another order": "suppresses = [4]\ncopies = [2, 0]"}),
    *right_answers(
        "3.17", "3.17", {"in another order": "for_values = 0\nfor_keys = 3\nfor_queries = 1"}
    ),
    *right_answers(
        "3.18",
        "expand_logits",
        {
            "patterns first": """
            heads, width = range(weights.W_Q.shape[1]), weights.W_Q.shape[-1]
            x = weights.W_E[tokens]
            n = tokens.shape[1]
            mask = torch.full((n, n), float("-inf"), dtype=x.dtype).triu(1)
            A, OV = {}, {}
            resid = x
            for layer in (0, 1):
                seen = resid + weights.W_pos[layer][:n]
                for h in heads:
                    q = torch.einsum("bpd,de->bpe", seen, weights.W_Q[layer, h])
                    k = torch.einsum("bpd,de->bpe", seen, weights.W_K[layer, h])
                    A[layer, h] = (torch.einsum("bqe,bke->bqk", q, k) / width**0.5 + mask).softmax(2)
                    OV[layer, h] = weights.W_V[layer, h] @ weights.W_O[layer, h]
                resid = resid + sum(A[layer, h] @ resid @ OV[layer, h] for h in heads)
            terms = {(): x @ weights.W_U}
            for a in heads:
                for layer in (0, 1):
                    one = A[layer, a] @ x @ OV[layer, a]
                    terms[(f"{layer}.{a}",)] = one @ weights.W_U
                first = A[0, a] @ x @ OV[0, a]
                for b in heads:
                    terms[f"0.{a}", f"1.{b}"] = A[1, b] @ first @ OV[1, b] @ weights.W_U
            return terms
            """
        },
    ),
]
