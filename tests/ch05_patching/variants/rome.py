"""Answers to 5.12."""

from tests.grading.variants import Right, Wrong


def moment(name: str, answer: str, says: str) -> Wrong:
    """A mistake in second_moment."""
    return Wrong("5.12", name, body={"second_moment": answer}, says=says)


def edit(name: str, replace: dict[str, str], says: str) -> Wrong:
    """A mistake in rome_edit."""
    return Wrong("5.12", name, replace=replace, says=says)


EYE = "eye = torch.eye(keys.shape[1]).to(keys)\nmoment = keys.T @ keys / len(keys)\n"
SOLVE = "torch.linalg.solve(C, key)"
BELOW = "/ (key @ direction)"
LACK = "(value - key @ W)"
ADD = "torch.outer(direction, change)"

WRONG = [
    moment(
        "covariance",
        "C = torch.cov(keys.T, correction=0)\n"
        "return C + ridge * C.diagonal().mean() * torch.eye(len(C)).to(C)",
        "This is the covariance: nothing is centred",
    ),
    moment(
        "torch's covariance",
        "C = torch.cov(keys.T)\nreturn C + ridge * C.diagonal().mean() * torch.eye(len(C)).to(C)",
        "divided by n - 1: nothing is centred",
    ),
    moment(
        "sums",
        EYE + "return len(keys) * (moment + ridge * moment.diagonal().mean() * eye)",
        "These are sums over keys",
    ),
    moment(
        "n - 1",
        EYE
        + "n = len(keys)\n"
        + "return n / (n - 1) * (moment + ridge * moment.diagonal().mean() * eye)",
        "divided by n - 1",
    ),
    moment("absolute ridge", EYE + "return moment + ridge * eye", "The ridge is added as it is"),
    moment(
        "trace", EYE + "return moment + ridge * moment.trace() * eye", "the SUM of the diagonal"
    ),
    moment(
        "ridge everywhere",
        EYE + "return moment + ridge * moment.diagonal().mean()",
        "added to every entry",
    ),
    moment("no ridge", EYE + "return moment", "The ridge is missing"),
    moment(
        "each its own ridge",
        EYE + "return moment + ridge * moment.diagonal().diag()",
        "The ridge multiplies each diagonal entry",
    ),
    edit("outer product transposed", {ADD: "torch.outer(change, direction)"}, "is transposed"),
    edit("W @ key", {LACK: "(value - W @ key)"}, "measured with W @ key"),
    edit(
        "the paper's convention",
        {LACK: "(value - W @ key)", ADD: "torch.outer(change, direction)"},
        "whose weights multiply from the left",
    ),
    edit("C not inverted", {SOLVE: "C @ key"}, "C is not inverted: the direction is C^-1 k"),
    edit(
        "C not inverted above",
        {
            SOLVE: "C @ key",
            BELOW: "/ (key @ torch.linalg.solve(C, key))",
        },
        "C is not inverted in the direction",
    ),
    edit("C inverted twice", {SOLVE: "torch.linalg.solve(C @ C, key)"}, "C is inverted twice"),
    edit("C left out", {SOLVE: "key"}, "C is left out"),
    edit(
        "root of C",
        {SOLVE: "(lambda e, U: U @ (U.T @ key / e.sqrt()))(*torch.linalg.eigh(C))"},
        "The root of C is inverted",
    ),
    edit("no denominator", {BELOW: "/ 1"}, "The denominator k C^-1 k is missing"),
    edit("k k below", {BELOW: "/ (key @ key)"}, "The denominator is k k"),
    edit("|u|^2 below", {BELOW: "/ (direction @ direction)"}, "squared length of C^-1 k"),
    edit("|u| below", {BELOW: "/ direction.norm()"}, "The denominator is |C^-1 k|"),
    edit("k C k below", {BELOW: "/ (key @ C @ key)"}, "The denominator is k C k"),
    edit("value alone", {LACK: "value"}, "not taken away from the value"),
    edit("sign", {LACK: "(key @ W - value)"}, "The sign is turned"),
    edit(
        "key and value exchanged",
        {
            SOLVE: "torch.linalg.solve(C, value)",
            LACK: "(key - value @ W)",
            BELOW: "/ (value @ direction)",
        },
        "Key and value are exchanged",
    ),
    edit("the change alone", {"return W + ": "return "}, "Only the change came"),
    edit(
        "W changed in place",
        {"return W + torch.outer(": "return W.addr_("},
        "was changed",
    ),
    edit(
        "least squares of the key",
        {SOLVE: "torch.linalg.pinv(key[None])[:, 0]", BELOW: ""},
        "C is left out",
    ),
]

RIGHT = [
    Right(
        "5.12",
        "inverted, and column by column",
        body={
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
    ),
    Right(
        "5.12",
        "in whitened keys",
        body={
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
    ),
]
