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
        "Are these products of keys with keys, [n, n]? Average the outer products, keys.T @ keys.": (
            "moment = keys @ keys.T / len(keys)\n"
            "return moment + ridge * moment.diagonal().mean() * torch.eye(len(moment)).to(keys)"
        ),
        "This is the outer product of the mean key. Average the outer products.": (
            "key = keys.mean(0)\nC = torch.outer(key, key)\n" + RIDGE
        ),
        "Does the ridge multiply the mean of all entries? Use the mean of the diagonal.": (
            MEAN + "return moment + ridge * moment.mean() * eye"
        ),
        "Does the ridge multiply the largest entry of the diagonal? Use its mean.": (
            MEAN + "return moment + ridge * moment.diagonal().max() * eye"
        ),
        "Is the ridge divided by the number of keys?": (
            MEAN + "return moment + ridge * moment.diagonal().mean() * eye / len(keys)"
        ),
        "Is the moment shrunk by 1 - ridge? The ridge is only added.": (
            MEAN + "return (1 - ridge) * moment + ridge * moment.diagonal().mean() * eye"
        ),
        "Does the ridge multiply the median of the diagonal? Use its mean.": (
            MEAN + "return moment + ridge * moment.diagonal().median() * eye"
        ),
        "Is the ridge a lower bound of the diagonal? Add it.": (
            MEAN + "moment.diagonal().clamp_(min=ridge * moment.diagonal().mean().item())\n"
            "return moment"
        ),
        "Is the matrix diagonal? Products of different neurons count too.": [
            MEAN + "return (1 + ridge) * moment.diagonal().diag()",
            MEAN + "moment = moment.diagonal().diag()\n" + SCALED.format("1"),
        ],
        "Is it divided by the root of the number of keys? A mean divides by the number.": (
            MEAN + SCALED.format("len(keys) ** 0.5")
        ),
        "Is the ridge subtracted? Add it.": (
            MEAN + "return moment - ridge * moment.diagonal().mean() * eye"
        ),
        "Are the keys divided by their norms? Use them as they are.": (
            "keys = keys / keys.norm(dim=1, keepdim=True)\nC = keys.T @ keys / len(keys)\n" + RIDGE
        ),
        "This is the correlation of neurons. Keys are not centered or scaled.": (
            "C = torch.corrcoef(keys.T)\n" + RIDGE
        ),
        "Is the matrix not symmetric?": MEAN + "moment = moment.triu()\n" + SCALED.format("1"),
        "Is the ridge's diagonal taken of the keys? It is the mean diagonal of the moment.": [
            MEAN + "return moment + ridge * keys.mean() * eye",
            MEAN + "return moment + ridge * keys.diagonal().mean() * eye",
        ],
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
        "Is the denominator the sum of C^-1 k? It is k C^-1 k.": {BELOW: "/ direction.sum()"},
        "Is the denominator the norm of the key? It is k C^-1 k.": {BELOW: "/ key.norm()"},
        "Is the denominator a mean over neurons? It is the sum k C^-1 k.": {
            BELOW: "/ (key * direction).mean()"
        },
        "Is the value divided by its norm? Use it as it is.": {
            MISSING: "(value / value.norm() - key @ W)"
        },
        "Is W multiplied by C^-1 too? Only the key is.": {
            "return W + ": "return torch.linalg.solve(C, W) + "
        },
        "Is the denominator the root of k C^-1 k?": {BELOW: "/ (key @ direction).sqrt()"},
        "Is a small number added to the denominator? Divide by k C^-1 k itself.": [
            {BELOW: f"/ (key @ direction + {small})"} for small in ("1e-6", "1e-8", "1e-10")
        ],
        "Is a ridge added to C? second_moment has added it.": [
            {SOLVE: f"torch.linalg.solve(C + {small} * torch.eye(len(C)).to(C), key)"}
            for small in ("1e-3", "1e-4", "1e-5", "1e-6", "1e-8")
        ],
        "Is only the diagonal of C inverted?": {SOLVE: "key / C.diagonal()"},
        "Are the entries of C inverted one by one? Solve C x = key.": {SOLVE: "(1 / C) @ key"},
        "Is the change twice as large? It is divided by k C^-1 k once.": {
            "torch.outer(": "2 * torch.outer("
        },
        "Is the change added to every row of W? It is an outer product with C^-1 k.": {
            OUTER: "change"
        },
        "Is the key divided by its norm? Use it as it is.": {
            "direction = ": "key = key / key.norm()\ndirection = "
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
