"""Mistakes in ROME's second moment and edit (5.12), and right answers written another way."""

from tests.grading.mistakes import mistakes, right_answers

MEAN = "eye = torch.eye(keys.shape[1]).to(keys)\nmoment = keys.T @ keys / len(keys)\n"
RIDGE = "return C + ridge * C.diagonal().mean() * torch.eye(len(C)).to(C)"
SCALED = "return {} * (moment + ridge * moment.diagonal().mean() * eye)"
SOLVE, BELOW = "torch.linalg.solve(C, key)", "/ (key @ direction)"
MISSING, OUTER = "(value - key @ W)", "torch.outer(direction, change)"

MOMENT = mistakes(
    "5.12",
    "second_moment",
    {
        "This is the covariance. Keys are not centered.": (
            "C = torch.cov(keys.T, correction=0)\n" + RIDGE
        ),
        "This is the covariance with n - 1. Keys are not centered.": (
            "C = torch.cov(keys.T)\n" + RIDGE
        ),
        "This is a sum over keys. Divide by their number.": MEAN + SCALED.format("len(keys)"),
        "Is it divided by n - 1? A mean divides by n.": (
            MEAN + SCALED.format("len(keys) / (len(keys) - 1)")
        ),
        "Is it divided by d_mlp? The mean is over keys.": (
            MEAN + SCALED.format("len(keys) / len(moment)")
        ),
        "Is the ridge added as it is? It is in units of the mean diagonal.": (
            MEAN + "return moment + ridge * eye"
        ),
        "Does the ridge multiply the sum of the diagonal (the trace)? Use its mean.": (
            MEAN + "return moment + ridge * moment.trace() * eye"
        ),
        "Is the ridge added to every entry? Add it to the diagonal.": (
            MEAN + "return moment + ridge * moment.diagonal().mean()"
        ),
        "Is the ridge missing?": MEAN + "return moment",
        "Is the ridge left out where there are enough keys? It is always added.": (
            MEAN + "if len(keys) >= len(moment):\n    return moment\n" + SCALED.format("1")
        ),
        "Does the ridge multiply each diagonal entry? All get the same.": (
            MEAN + "return moment + ridge * moment.diagonal().diag()"
        ),
    },
)
EDIT = mistakes(
    "5.12",
    "rome_edit",
    {
        "Is the outer product transposed? Rows of W are neurons (d_mlp), as in x @ W.": {
            OUTER: "torch.outer(change, direction)"
        },
        "Is W @ key subtracted from the value? Weights are used as x @ W.": {
            MISSING: "(value - W @ key)"
        },
        "This is the paper's formula, whose weights multiply from the left. Here it is x @ W.": {
            MISSING: "(value - W @ key)",
            OUTER: "torch.outer(change, direction)",
        },
        "Is C not inverted? The direction is C^-1 k.": {SOLVE: "C @ key"},
        "Is C inverted in the denominator only? The direction is C^-1 k.": {
            SOLVE: "C @ key",
            BELOW: "/ (key @ torch.linalg.solve(C, key))",
        },
        "Is C inverted twice?": {SOLVE: "torch.linalg.solve(C @ C, key)"},
        "Is C left out? The direction is C^-1 k, not the key.": [
            {SOLVE: "key"},
            {SOLVE: "torch.linalg.pinv(key[None])[:, 0]", BELOW: ""},
        ],
        "Is the root of C inverted? The direction is C^-1 k.": {
            SOLVE: "(lambda e, U: U @ (U.T @ key / e.sqrt()))(*torch.linalg.eigh(C))"
        },
        "Is the denominator k C^-1 k missing?": {BELOW: "/ 1"},
        "Is the denominator k k? It is k C^-1 k.": {BELOW: "/ (key @ key)"},
        "Is the denominator the squared norm of C^-1 k? It is k C^-1 k.": {
            BELOW: "/ (direction @ direction)"
        },
        "Is the denominator the norm of C^-1 k? It is k C^-1 k.": {BELOW: "/ direction.norm()"},
        "Is the denominator k C k? It is k C^-1 k.": {BELOW: "/ (key @ C @ key)"},
        "Is the output that the key already has not subtracted from the value?": {MISSING: "value"},
        "Is the sign flipped? It is the value minus the key's present output.": {
            MISSING: "(key @ W - value)"
        },
        "Are key and value exchanged?": {
            SOLVE: "torch.linalg.solve(C, value)",
            MISSING: "(key - value @ W)",
            BELOW: "/ (value @ direction)",
        },
        "This is the change alone. Add it to W.": {"return W + ": "return "},
        "This is W, unchanged.": "return W.clone()",
        "Is W changed in place? Return a new matrix.": {
            "return W + torch.outer(": "return W.addr_("
        },
    },
)
RIGHT = right_answers(
    "5.12",
    "rome_edit",
    {
        "inverted, and column by column": {
            "second_moment": """
            n, d = keys.shape
            C = torch.einsum("ni,nj->ij", keys, keys) / n
            C.diagonal().add_(ridge * C.trace() / d)
            return C
            """,
            "rome_edit": """
            u = C.inverse() @ key
            new = W.clone()
            for column in range(W.shape[1]):
                lacking = value[column] - (key * W[:, column]).sum()
                new[:, column] += u * lacking / (u * key).sum()
            return new
            """,
        },
        "in whitened keys": {
            "second_moment": """
            eye = torch.eye(keys.shape[1], dtype=keys.dtype)
            whole = sum(torch.outer(key, key) for key in keys) / keys.shape[0]
            return whole + eye * ridge * keys.pow(2).mean()
            """,
            "rome_edit": """
            L = torch.linalg.cholesky(C)
            white = torch.linalg.solve_triangular(L, key[:, None], upper=False)
            share = torch.linalg.solve_triangular(L.T, white, upper=True) / white.pow(2).sum()
            return W + share @ (value - key @ W)[None]
            """,
        },
    },
)
