"""More mistakes in 3.7 to 3.9: norm, singular values and eigenvalues of a product."""

from tests.grading.mistakes import mistakes

SQUARES = "((self.A.mT @ self.A) * (self.B @ self.B.mT))"
NORM = mistakes(
    "3.7",
    "FactoredMatrix.norm",
    {
        "Do all heads share one norm, of the multiplied product? Keep the leading axes.": (
            "return self.product().norm()"
        ),
        "Are only the diagonals of A^T A and B B^T multiplied? All of their entries count.": [
            "return (self.A.square().sum(-2) * self.B.square().sum(-1)).sum(-1).sqrt()",
            {"inner.sum(dim=(-2, -1))": "inner.diagonal(dim1=-2, dim2=-1).sum(-1)"},
        ],
        "Is it a mean over the entries? The trace is a sum.": {
            "inner.sum(dim=(-2, -1))": "inner.mean(dim=(-2, -1))"
        },
        "Is it summed over one axis only? Sum over both.": [
            {"inner.sum(dim=(-2, -1))": "inner.sum(dim=-1)"},
            {"inner.sum(dim=(-2, -1))": "inner.sum(dim=-2)"},
        ],
        "This is the sum of the absolute values. The Frobenius norm sums squares.": (
            "return self.product().abs().sum((-2, -1))"
        ),
        "This is the largest entry. The norm sums the squares of all.": (
            "return self.product().abs().amax((-2, -1))"
        ),
        "Are the squares A A^T and B^T B? Those of the inner axis are A^T A and B B^T.": {
            "(self.A.mT @ self.A) * (self.B @ self.B.mT)": (
                "(self.A @ self.A.mT) * (self.B.mT @ self.B)"
            )
        },
        "Is NaN replaced by 0? Clamp the number under the root instead.": {
            ".clamp(min=0).sqrt()": ".sqrt().nan_to_num()"
        },
        "Is it divided by the root of the rank?": {".sqrt()": ".sqrt() / self.A.shape[-1] ** 0.5"},
        "Is the root taken before the sum?": (
            f"return {SQUARES}.clamp(min=0).sqrt().sum((-2, -1))"
        ),
    },
)
END = "Q_A @ U, S, Vh @ Q_B.mT"
SVD = mistakes(
    "3.8",
    "FactoredMatrix.svd",
    {
        "Is S a matrix? Return the singular values as a vector.": {
            END: "Q_A @ U, torch.diag_embed(S), Vh @ Q_B.mT"
        },
        "Are the vectors in U multiplied by the singular values? Their length is 1.": {
            END: "Q_A @ U * S[..., None, :], S, Vh @ Q_B.mT"
        },
        "Are the vectors in Vh multiplied by the singular values? Their length is 1.": {
            END: "Q_A @ U, S, S[..., None] * (Vh @ Q_B.mT)"
        },
        "Is the core R_B R_A^T? Its order is R_A R_B^T.": {"R_A @ R_B.mT": "R_B @ R_A.mT"},
        "Is B decomposed? It is B^T = Q_B R_B.": {"qr(self.B.mT)": "qr(self.B)"},
        "This is the decomposition of BA, not of AB.": (
            "return torch.linalg.svd(self.B @ self.A, full_matrices=False)"
        ),
        "Are the singular values divided by the largest one?": {
            "U, S, Vh @": "U, S / S[..., :1], Vh @"
        },
        "Are the singular values divided by their sum?": {
            "U, S, Vh @": "U, S / S.sum(-1, keepdim=True), Vh @"
        },
        "Are the singular values those of A alone?": {
            "U, S, Vh @": "U, torch.linalg.svdvals(self.A), Vh @"
        },
        "Are these the square roots of the singular values?": {"U, S, Vh @": "U, S.sqrt(), Vh @"},
        "Are U and Vh exchanged?": {END: "(Vh @ Q_B.mT).mT, S, (Q_A @ U).mT"},
        "Is the inverse of R_B used? The core is a product, R_A R_B^T.": {
            "R_A @ R_B.mT": "R_A @ torch.linalg.pinv(R_B)"
        },
    },
)
BA = "self.B @ self.A"
EIGENVALUES = mistakes(
    "3.9",
    "FactoredMatrix.eigenvalues",
    {
        "Is BA made symmetric first? Its eigenvalues change.": [
            f"M = {BA}\nreturn torch.linalg.eigvals((M + M.mT) / 2)",
            f"M = {BA}\nreturn torch.linalg.eigvalsh((M + M.mT) / 2) + 0j",
        ],
        "Are the first or last `rank` eigenvalues of AB kept? They may be zeros; use BA.": [
            "return torch.linalg.eigvals(self.product())[..., : self.A.shape[-1]]",
            "return torch.linalg.eigvals(self.product())[..., -self.A.shape[-1] :]",
        ],
        "These are entries of an eigenvector.": (
            f"return torch.linalg.eig({BA}).eigenvectors[..., 0]"
        ),
        "Are the eigenvalues divided by the largest one?": (
            f"values = torch.linalg.eigvals({BA})\n"
            "return values / values.abs().amax(-1, keepdim=True)"
        ),
        "Are the eigenvalues squared?": f"return torch.linalg.eigvals({BA}) ** 2",
        "Are these the square roots of the eigenvalues?": (
            f"return torch.linalg.eigvals({BA}).sqrt()"
        ),
        "These are eigenvalues of A^T A, squares of A's singular values.": (
            "return torch.linalg.eigvals(self.A.mT @ self.A)"
        ),
        "These are eigenvalues of B B^T, squares of B's singular values.": (
            "return torch.linalg.eigvals(self.B @ self.B.mT)"
        ),
        "Does every head get the eigenvalues of the heads' mean?": (
            f"M = {BA}\nreturn torch.linalg.eigvals(M.flatten(0, -3).mean(0).expand_as(M))"
        ),
    },
)
