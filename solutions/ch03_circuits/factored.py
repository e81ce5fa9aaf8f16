"""Products of thin matrices that are never multiplied out.

A head reads from the stream through one matrix and writes through another. Their product says what
the head does, and is d_model x d_model, or d_vocab x d_vocab with the embeddings around it. But its
rank is d_head, and all that one wants to know of it can be had from the thin factors.
Axes: leading axes are heads or layers; left and right are the product's axes; rank is inside.
Row vectors throughout: x @ A @ B. The paper writes columns, so its W_O W_V is our W_V @ W_O.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Complex, Float
from torch import Tensor


@dataclass(frozen=True)
class FactoredMatrix:
    """The product A @ B, kept as its factors; leading axes broadcast.

    Raises: ValueError where the factors do not fit.
    """

    A: Float[Tensor, "*#lead left rank"]
    """What reads."""
    B: Float[Tensor, "*#lead rank right"]
    """What writes."""

    def __post_init__(self) -> None:
        if self.A.shape[-1] != self.B.shape[-2]:
            raise ValueError(
                f"the factors do not fit: {list(self.A.shape)} times {list(self.B.shape)}"
            )

    @property
    def T(self) -> "FactoredMatrix":  # noqa: N802 (as torch calls it)
        """The transposed product: (AB)^T = B^T A^T."""
        return FactoredMatrix(self.B.mT, self.A.mT)

    def product(self) -> Float[Tensor, "*lead left right"]:
        """The matrix itself: left x right numbers, so only for small ones."""
        return self.A @ self.B

    def __matmul__(self, other: "FactoredMatrix | Tensor") -> "FactoredMatrix":
        """This product times another, again in thin factors."""
        if isinstance(other, Tensor):
            return FactoredMatrix(self.A, self.B @ other)
        return FactoredMatrix(self.A, (self.B @ other.A) @ other.B)

    def __rmatmul__(self, other: Tensor) -> "FactoredMatrix":
        """A plain matrix times this product."""
        return FactoredMatrix(other @ self.A, self.B)

    def norm(self) -> Float[Tensor, "*lead"]:
        """Frobenius norm of the product: ||AB||^2 = trace((A^T A) (B B^T)).

        Rounding may put the trace of a product of zeros just below 0; its norm is 0 all the same.
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
        """U, S, Vh of the product, of which only `rank` singular values are not zero.

        1. A = Q_A R_A and B^T = Q_B R_B, with orthonormal columns in Q. 2. The core R_A R_B^T is
        rank x rank. 3. Its singular vectors, carried out by Q_A and Q_B, are the product's.
        """
        # exercise 3.8
        Q_A, R_A = torch.linalg.qr(self.A)
        Q_B, R_B = torch.linalg.qr(self.B.mT)
        U, S, Vh = torch.linalg.svd(R_A @ R_B.mT, full_matrices=False)
        return Q_A @ U, S, Vh @ Q_B.mT

    def eigenvalues(self) -> Complex[Tensor, "*lead rank"]:
        """Eigenvalues of the square product AB that need not be zero: those of BA, rank x rank.

        Raises: ValueError when the product is not square.
        """
        if self.A.shape[-2] != self.B.shape[-1]:
            sizes = f"{self.A.shape[-2]} x {self.B.shape[-1]}"
            raise ValueError(f"only a square matrix has eigenvalues; this one is {sizes}")
        # exercise 3.9
        return torch.linalg.eigvals(self.B @ self.A)
