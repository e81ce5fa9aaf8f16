"""Low-rank products that are never multiplied out.

A head reads from the residual stream through one matrix and writes to it through another. Their
product describes the head, and is d_model x d_model, or d_vocab x d_vocab with the embedding and
unembedding around it. Its rank is only d_head, so its norm, singular values and eigenvalues can be
computed from the two factors.
Axes: leading axes are heads or layers; left and right are the product's axes; rank is inside.
Row vectors throughout: x @ A @ B. The paper uses columns, so its W_O W_V is our W_V @ W_O.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Complex, Float
from torch import Tensor

from ..ch00_looking.checks import check_finite
from ..ch02_transformer.norms import at_least_float32


@dataclass(frozen=True)
class FactoredMatrix:
    """The product A @ B, kept as its two factors, in float32 at least; leading axes broadcast.

    Raises: ValueError where the inner axes of the factors differ.
    """

    A: Float[Tensor, "*#lead left rank"]
    """The left factor, which reads."""
    B: Float[Tensor, "*#lead rank right"]
    """The right factor, which writes."""

    def __post_init__(self) -> None:
        for name in ("A", "B"):
            object.__setattr__(self, name, at_least_float32(getattr(self, name)))
        if self.A.shape[-1] != self.B.shape[-2]:
            raise ValueError(
                "expected factors [..., left, rank] and [..., rank, right], got "
                f"{list(self.A.shape)} and {list(self.B.shape)}"
            )

    def check_finite_factors(self) -> None:
        """Raise ValueError for a factor that is NaN or infinite."""
        for factor in (self.A, self.B):
            check_finite(factor, "entries of both factors")

    @property
    def T(self) -> "FactoredMatrix":  # the name that torch uses
        """Transpose the product: (AB)^T = B^T A^T."""
        return FactoredMatrix(self.B.mT, self.A.mT)

    def product(self) -> Float[Tensor, "*lead left right"]:
        """Multiply the factors: left x right numbers, so only for small matrices."""
        return self.A @ self.B

    def __matmul__(self, other: "FactoredMatrix | Tensor") -> "FactoredMatrix":
        """Multiply this product by another matrix on the right; the result stays factored."""
        if isinstance(other, Tensor):
            return FactoredMatrix(self.A, self.B @ other.to(self.B))
        return FactoredMatrix(self.A, (self.B @ other.A) @ other.B)

    def __rmatmul__(self, other: Tensor) -> "FactoredMatrix":
        """Multiply a plain matrix by this product; the result stays factored."""
        return FactoredMatrix(other.to(self.A) @ self.A, self.B)

    def norm(self) -> Float[Tensor, "*lead"]:
        """Compute the Frobenius norm of the product: ||AB||^2 = trace((A^T A) (B B^T)).

        Rounding may make the trace slightly negative where the product is zero; the norm is then 0.
        """
        # exercise 3.7
        inner = (self.A.mT @ self.A) * (self.B @ self.B.mT)
        return inner.sum(dim=(-2, -1)).clamp(min=0).sqrt()

    def svd(
        self,
    ) -> tuple[
        Float[Tensor, "*lead left rank"],
        Float[Tensor, "*lead rank"],
        Float[Tensor, "*lead rank right"],
    ]:
        """Compute U, S, Vh of the product, which has at most `rank` nonzero singular values.

        1. A = Q_A R_A and B^T = Q_B R_B, with orthonormal columns in Q. 2. The core R_A R_B^T is
        rank x rank. 3. Multiplied by Q_A and Q_B, its singular vectors are the product's.

        Raises: ValueError for a factor that is NaN or infinite.
        """
        self.check_finite_factors()
        # exercise 3.8
        Q_A, R_A = torch.linalg.qr(self.A)
        Q_B, R_B = torch.linalg.qr(self.B.mT)
        U, S, Vh = torch.linalg.svd(R_A @ R_B.mT, full_matrices=False)
        return Q_A @ U, S, Vh @ Q_B.mT

    def eigenvalues(self) -> Complex[Tensor, "*lead rank"]:
        """Compute the `rank` eigenvalues of BA; the others of the product AB are zero.

        Raises: ValueError when the product is not square, or a factor is NaN or infinite.
        """
        self.check_finite_factors()
        if self.A.shape[-2] != self.B.shape[-1]:
            raise ValueError(
                f"expected a square product, got {self.A.shape[-2]} x {self.B.shape[-1]}; "
                "only a square matrix has eigenvalues"
            )
        # exercise 3.9
        return torch.linalg.eigvals(self.B @ self.A)
