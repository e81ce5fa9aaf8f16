"""Answers to 3.7, 3.8 and 3.9."""

from tests.grading.variants import Right, Wrong

A, B = "self.A", "self.B"
METHODS = {"3.7": "norm", "3.8": "svd", "3.9": "eigenvalues"}
QRS = "Q_A, R_A = torch.linalg.qr(self.A)\nQ_B, R_B = torch.linalg.qr(self.B.mT)\n"
SVD = "U, S, Vh = torch.linalg.svd(R_A @ R_B.mT, full_matrices=False)\n"
CORE = "R_A @ R_B.mT"


def wrong(number: str, name: str, answer: str, says: str) -> Wrong:
    """A mistake in a method."""
    return Wrong(number, name, body={f"FactoredMatrix.{METHODS[number]}": answer}, says=says)


def right(number: str, name: str, answer: str) -> Right:
    """Another right answer."""
    return Right(number, name, body={f"FactoredMatrix.{METHODS[number]}": answer})


WRONG = [
    wrong(
        "3.7",
        "product of the norms",
        "return self.A.norm(dim=(-2, -1)) * self.B.norm(dim=(-2, -1))",
        "This is ||A|| ||B||",
    ),
    wrong(
        "3.7",
        "no root",
        "return ((self.A.mT @ self.A) * (self.B @ self.B.mT)).sum((-2, -1))",
        "The square root is missing",
    ),
    wrong("3.7", "spectral", "return self.svd()[1][..., 0]", "This is the spectral norm"),
    wrong("3.7", "nuclear", "return self.svd()[1].sum(-1)", "This is the nuclear norm"),
    wrong(
        "3.7",
        "of BA",
        "if self.A.shape[-2] == self.B.shape[-1]:\n"
        "    return (self.B @ self.A).norm(dim=(-2, -1))\nreturn self.product().norm(dim=(-2, -1))",
        "This is the norm of BA",
    ),
    wrong(
        "3.7", "multiplied out", "return self.product().norm(dim=(-2, -1))", "from the thin factors"
    ),
    wrong(
        "3.7",
        "sum of the matrix product",
        "return (self.A.mT @ self.A @ self.B @ self.B.mT).sum((-2, -1)).abs().sqrt()",
        "This is the sum of all entries",
    ),
    wrong(
        "3.7",
        "one for all heads",
        "return ((self.A.mT @ self.A) * (self.B @ self.B.mT)).sum().clamp(min=0).sqrt()",
        "All heads share one norm",
    ),
    wrong(
        "3.7",
        "below zero",
        "inner = (self.A.mT @ self.A) * (self.B @ self.B.mT)\n"
        "return inner.sum((-2, -1)).sub(1e-14).sqrt()",
        "Clamp it",
    ),
    wrong(
        "3.8",
        "multiplied out",
        "return torch.linalg.svd(self.product(), full_matrices=False)",
        "are not zero; keep those alone",
    ),
    wrong(
        "3.8",
        "multiplied out and cut",
        "U, S, Vh = torch.linalg.svd(self.product(), full_matrices=False)\n"
        "n = self.A.shape[-1]\nreturn U[..., :n], S[..., :n], Vh[..., :n, :]",
        "The singular value decomposition must come from the thin factors",
    ),
    wrong(
        "3.8",
        "of each factor",
        "U, S, _ = torch.linalg.svd(self.A, full_matrices=False)\n"
        "_, T, Vh = torch.linalg.svd(self.B, full_matrices=False)\nreturn U, S * T, Vh",
        "they do not multiply",
    ),
    wrong(
        "3.8",
        "core not transposed",
        QRS + SVD.replace("R_B.mT", "R_B") + "return Q_A @ U, S, Vh @ Q_B.mT",
        "R_A R_B^T",
    ),
    wrong(
        "3.8",
        "carried out by A",
        QRS + SVD + "return self.A @ U, S, Vh @ Q_B.mT",
        "U's columns must be orthonormal",
    ),
    wrong(
        "3.8",
        "carried out by B",
        QRS + SVD + "return Q_A @ U, S, Vh @ self.B",
        "Vh's rows must be orthonormal",
    ),
    wrong("3.8", "V for Vh", QRS + SVD + "return Q_A @ U, S, Q_B @ Vh.mT", "wrong shape or type"),
    wrong(
        "3.8",
        "V for Vh where it fits",
        QRS + SVD + "Vh = Vh @ Q_B.mT\n"
        "return Q_A @ U, S, Vh.mT if Vh.shape[-1] == Vh.shape[-2] else Vh",
        "the rows of Vh are the vectors",
    ),
    wrong(
        "3.8", "not carried out", QRS + SVD + "return U, S, Vh", "Carry the vectors of the core out"
    ),
    wrong(
        "3.8",
        "squared",
        QRS + SVD + "return Q_A @ U, S**2, Vh @ Q_B.mT",
        "These are the squares",
    ),
    wrong(
        "3.8",
        "smallest first",
        QRS + SVD + "return (Q_A @ U).flip(-1), S.flip(-1), (Vh @ Q_B.mT).flip(-2)",
        "smallest first",
    ),
    wrong(
        "3.8",
        "divided by S",
        QRS + "M = R_A @ R_B.mT\n"
        "values, U = torch.linalg.eigh(M @ M.mT)\n"
        "U, S = U.flip(-1), values.flip(-1).clamp(min=0).sqrt()\n"
        "return Q_A @ U, S, U.mT @ M / S[..., :, None] @ Q_B.mT",
        "or dividing by S, fails",
    ),
    wrong(
        "3.9",
        "diagonal",
        "return self.product().diagonal(dim1=-2, dim2=-1)[..., : self.A.shape[-1]] + 0j",
        "a diagonal is not the spectrum",
    ),
    wrong(
        "3.9",
        "diagonal of BA",
        "return (self.B @ self.A).diagonal(dim1=-2, dim2=-1) + 0j",
        "This is the diagonal of BA",
    ),
    wrong("3.9", "singular values", "return self.svd()[1] + 0j", "These are singular values"),
    wrong(
        "3.9",
        "singular values of BA",
        "return torch.linalg.svdvals(self.B @ self.A) + 0j",
        "These are singular values of BA",
    ),
    wrong(
        "3.9",
        "sizes",
        "return torch.linalg.eigvals(self.B @ self.A).abs() + 0j",
        "These are the eigenvalues' sizes",
    ),
    wrong(
        "3.9",
        "real parts",
        "return torch.linalg.eigvals(self.B @ self.A).real + 0j",
        "These are the real parts alone",
    ),
    wrong(
        "3.9", "real", "return torch.linalg.eigvals(self.B @ self.A).real", "wrong shape or type"
    ),
    wrong(
        "3.9",
        "all of the big matrix",
        "return torch.linalg.eigvals(self.product())",
        "the others of AB are zero",
    ),
    wrong(
        "3.9",
        "largest of the big matrix",
        "values = torch.linalg.eigvals(self.product())\n"
        "return values.gather(-1, values.abs().topk(self.A.shape[-1]).indices)",
        "The spectrum must come from the thin factors",
    ),
    wrong(
        "3.9",
        "of the core",
        QRS + "return torch.linalg.eigvals(R_A @ R_B.mT)",
        "but not its eigenvalues",
    ),
    wrong(
        "3.9",
        "as if symmetric",
        "return torch.linalg.eigvalsh(self.B @ self.A) + 0j",
        "eigvalsh reads one triangle",
    ),
]

RIGHT = [
    right("3.7", "singular values", "return self.svd()[1].square().sum(-1).sqrt()"),
    right(
        "3.7",
        "triangles",
        "_, R_A = torch.linalg.qr(self.A)\n_, R_B = torch.linalg.qr(self.B.mT)\n"
        "return torch.linalg.matrix_norm(R_A @ R_B.mT)",
    ),
    right(
        "3.8",
        "small decompositions",
        "U, S, Vh = torch.linalg.svd(self.A, full_matrices=False)\n"
        "X, T, Yh = torch.linalg.svd(self.B, full_matrices=False)\n"
        "core = S[..., :, None] * (Vh @ X) * T[..., None, :]\n"
        "L, values, Rh = torch.linalg.svd(core)\nreturn U @ L, values, Rh @ Yh",
    ),
    right(
        "3.8",
        "other signs",
        QRS + SVD + "return -(Q_A @ U), S, -(Vh @ Q_B.mT)",
    ),
    right("3.9", "transposed", "return torch.linalg.eigvals(self.A.mT @ self.B.mT)"),
    right("3.9", "conjugates", "return torch.linalg.eigvals(self.B @ self.A).conj()"),
    right("3.9", "with vectors", "return torch.linalg.eig(self.B @ self.A).eigenvalues.flip(-1)"),
]
