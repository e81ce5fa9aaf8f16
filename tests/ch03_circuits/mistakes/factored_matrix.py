"""Mistakes in 3.7 to 3.9, products in factors, and right answers written another way."""

from tests.grading.mistakes import mistakes, right_answers

SQUARES = "((self.A.mT @ self.A) * (self.B @ self.B.mT))"
NORM = mistakes(
    "3.7",
    "FactoredMatrix.norm",
    {
        "This is ||A|| ||B||. The norm of a product is not the product of the norms.": (
            "return self.A.norm(dim=(-2, -1)) * self.B.norm(dim=(-2, -1))"
        ),
        "Is the square root missing?": f"return {SQUARES}.sum((-2, -1))",
        "This is the spectral norm, the largest singular value. Compute the Frobenius norm.": (
            "return torch.linalg.svdvals(self.product())[..., 0]"
        ),
        "This is the nuclear norm, the sum of the singular values.": (
            "return torch.linalg.svdvals(self.product()).sum(-1)"
        ),
        "This is the norm of BA, not of AB.": """
            if self.A.shape[-2] == self.B.shape[-1]:
                return (self.B @ self.A).norm(dim=(-2, -1))
            return self.product().norm(dim=(-2, -1))
            """,
        "Are all entries of the product (A^T A)(B B^T) summed? Its trace sums the diagonal.": (
            "return (self.A.mT @ self.A @ self.B @ self.B.mT).sum((-2, -1)).abs().sqrt()"
        ),
        "Do all heads share one norm? Keep the leading axes.": (
            f"return {SQUARES}.sum().clamp(min=0).sqrt()"
        ),
        "Can rounding make the number under the root negative? Clamp it at 0.": (
            f"return {SQUARES}.sum((-2, -1)).sub(1e-14).sqrt()"
        ),
        "Is a small number added, or the smallest value above 0? The norm of zeros is 0.": [
            {"clamp(min=0)": "clamp(min=1e-12)"},
            {"clamp(min=0)": "clamp(min=1e-8)"},
            {".clamp(min=0).sqrt()": ".clamp(min=0).add(1e-12).sqrt()"},
            {".clamp(min=0).sqrt()": ".clamp(min=0).sqrt() + 1e-8"},
        ],
    },
    unnamed={"must come from the thin factors": "return self.product().norm(dim=(-2, -1))"},
)
SVD = mistakes(
    "3.8",
    "FactoredMatrix.svd",
    {
        "Are the singular values of A and B multiplied? Those of a product differ.": """
            U, S, _ = torch.linalg.svd(self.A, full_matrices=False)
            _, T, Vh = torch.linalg.svd(self.B, full_matrices=False)
            return U, S * T, Vh
            """,
        "Is the core R_A R_B? The second factor is transposed: R_A R_B^T.": {"R_B.mT,": "R_B,"},
        "These are squares of the singular values.": {"U, S, Vh @": "U, S**2, Vh @"},
        "The smallest singular value comes first. torch.linalg.svd returns the largest first.": {
            "Q_A @ U, S, Vh @ Q_B.mT": "(Q_A @ U).flip(-1), S.flip(-1), (Vh @ Q_B.mT).flip(-2)"
        },
        "Is this the whole decomposition? Keep the `rank` nonzero singular values.": (
            "return torch.linalg.svd(self.product(), full_matrices=False)"
        ),
        "Is U multiplied by A? Multiply it by Q_A, which has orthonormal columns.": {
            "return Q_A @": "return self.A @"
        },
        "Is Vh multiplied by B? Multiply it by Q_B^T, which has orthonormal rows.": {
            "Q_B.mT": "self.B"
        },
        "Is it Q_B @ Vh, or V in place of Vh? The rows of Vh @ Q_B^T are the vectors.": [
            {"Vh @ Q_B.mT": "Q_B @ Vh"},
            {"Vh @ Q_B.mT": "(Vh @ Q_B.mT).mT"},
        ],
        "Is Vh of the core taken for V? Its rows are the vectors: Vh @ Q_B.mT.": [
            {"Vh @ Q_B.mT": "(Q_B @ Vh).mT"},
        ],
        "Is U of the core transposed? Its columns are the vectors: Q_A @ U.": {
            "Q_A @ U": "Q_A @ U.mT"
        },
        "Is Vh transposed? Its rows are the singular vectors.": {
            "return Q_A @ U, S, Vh @ Q_B.mT": """Vh = Vh @ Q_B.mT
return Q_A @ U, S, Vh.mT if Vh.shape[-1] == Vh.shape[-2] else Vh"""
        },
        "These are the vectors of the core. Multiply them by Q_A and Q_B^T.": {
            "Q_A @ U, S, Vh @ Q_B.mT": "U, S, Vh"
        },
        "Does it divide by singular values? They can be zero.": """
            Q_A, R_A = torch.linalg.qr(self.A)
            Q_B, R_B = torch.linalg.qr(self.B.mT)
            M = R_A @ R_B.mT
            values, U = torch.linalg.eigh(M @ M.mT)
            U, S = U.flip(-1), values.flip(-1).clamp(min=0).sqrt()
            return Q_A @ U, S, U.mT @ M / S[..., :, None] @ Q_B.mT
            """,
    },
    unnamed={
        "must come from the thin factors": """
            U, S, Vh = torch.linalg.svd(self.product(), full_matrices=False)
            n = self.A.shape[-1]
            return U[..., :n], S[..., :n], Vh[..., :n, :]
            """,
    },
)
BA = "self.B @ self.A"
EIGENVALUES = mistakes(
    "3.9",
    "FactoredMatrix.eigenvalues",
    {
        "This is a part of the product's diagonal. A diagonal is not the spectrum.": (
            "return self.product().diagonal(dim1=-2, dim2=-1)[..., : self.A.shape[-1]] + 0j"
        ),
        "This is the diagonal of BA. A diagonal is not the spectrum.": (
            f"return ({BA}).diagonal(dim1=-2, dim2=-1) + 0j"
        ),
        "These are singular values. Eigenvalues have a sign.": "return self.svd()[1] + 0j",
        "These are singular values of BA. Eigenvalues have a sign.": (
            f"return torch.linalg.svdvals({BA}) + 0j"
        ),
        "These are absolute values of the eigenvalues.": (
            f"return torch.linalg.eigvals({BA}).abs() + 0j"
        ),
        "These are real parts of the eigenvalues, stored as complex numbers.": (
            f"return torch.linalg.eigvals({BA}).real + 0j"
        ),
        "Are these real numbers, such as real parts or sizes? Eigenvalues are complex.": [
            f"return torch.linalg.eigvals({BA}).real",
            f"return torch.linalg.eigvals({BA}).imag",
            f"return torch.linalg.eigvals({BA}).abs()",
            f"return torch.linalg.eigvalsh({BA})",
            "return self.svd()[1]",
        ],
        "R_A R_B^T has the product's singular values, but not its eigenvalues.": """
            _, R_A = torch.linalg.qr(self.A)
            _, R_B = torch.linalg.qr(self.B.mT)
            return torch.linalg.eigvals(R_A @ R_B.mT)
            """,
        "Is it eigvalsh? That is for symmetric matrices.": (
            f"return torch.linalg.eigvalsh({BA}) + 0j"
        ),
        "Are the zeros among the eigenvalues of AB kept? Return the `rank` others.": (
            "return torch.linalg.eigvals(self.product())"
        ),
    },
    unnamed={
        "must come from the thin factors": """
            values = torch.linalg.eigvals(self.product())
            return values.gather(-1, values.abs().topk(self.A.shape[-1]).indices)
            """,
    },
)
RIGHT = [
    *right_answers(
        "3.7",
        "FactoredMatrix.norm",
        {
            "singular values": "return self.svd()[1].square().sum(-1).sqrt()",
            "triangles": """
            _, R_A = torch.linalg.qr(self.A)
            _, R_B = torch.linalg.qr(self.B.mT)
            return torch.linalg.matrix_norm(R_A @ R_B.mT)
            """,
        },
    ),
    *right_answers(
        "3.8",
        "FactoredMatrix.svd",
        {
            "small decompositions": """
            U, S, Vh = torch.linalg.svd(self.A, full_matrices=False)
            X, T, Yh = torch.linalg.svd(self.B, full_matrices=False)
            core = S[..., :, None] * (Vh @ X) * T[..., None, :]
            L, values, Rh = torch.linalg.svd(core)
            return U @ L, values, Rh @ Yh
            """,
            "other signs": {"Q_A @ U, S, Vh @ Q_B.mT": "-(Q_A @ U), S, -(Vh @ Q_B.mT)"},
        },
    ),
    *right_answers(
        "3.9",
        "FactoredMatrix.eigenvalues",
        {
            "transposed": "return torch.linalg.eigvals(self.A.mT @ self.B.mT)",
            "conjugates": f"return torch.linalg.eigvals({BA}).conj()",
            "with vectors": f"return torch.linalg.eig({BA}).eigenvalues.flip(-1)",
        },
    ),
]
