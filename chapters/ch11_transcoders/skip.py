"""Skip transcoders: an affine map next to the latents computes what is linear in the MLP.

y_hat = acts @ W_dec + x @ W_skip + b_dec

Part of what an MLP does is linear in its input, and a sparse code is a poor way to write a dense
linear map. With a bypass the latents explain what is left. What it costs: the linear part is not
explained by anything, and in an attribution graph its edges go from everywhere to everywhere.
Axes: batch, d_in, d_out.
Source: Paulo, Shabalin, Belrose 2025, "Transcoders Beat Sparse Autoencoders for Interpretability".
"""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ..ch08_saes.sae import Scalar
from ..ch09_sparsity.topk import keep_largest
from .transcoder import AbstractTranscoder, Acts, X, Y


class AffineMap(NamedTuple):
    """y = x @ W + b."""

    W: Float[Tensor, "d_in d_out"]
    """Matrix."""
    b: Float[Tensor, " d_out"]
    """Offset."""


class SkipTranscoder(AbstractTranscoder):
    """TopK latents and an affine bypass, which starts at zero."""

    W_skip: Float[Tensor, "d_in d_out"]

    def __init__(self, d_in: int, d_out: int, d_sae: int, k: int, seed: int = 0) -> None:
        super().__init__(d_in, d_out, d_sae, seed)
        if not 1 <= k <= d_sae:
            raise ValueError(f"expected k from 1 to d_sae={d_sae}, got {k}")
        self.k = k
        self.W_skip = nn.Parameter(torch.zeros(d_in, d_out))

    def activate(self, pre_acts: Acts) -> Acts:
        """Keep the k largest per token."""
        return keep_largest(pre_acts, self.k)

    def bypass(self, x: X) -> Y:
        """Map x to the output directly. The decoder adds the bias."""
        # exercise 11.4
        raise NotImplementedError("exercise 11.4")

    def penalty(self, acts: Acts) -> Scalar:
        """Return zero: k decides how many latents are active."""
        return acts.new_zeros(())


def fit_affine(
    x: Float[Tensor, "batch d_in"], y: Float[Tensor, "batch d_out"], ridge: float = 0.0
) -> AffineMap:
    """Fit y = x @ W + b by least squares, in float64: the best that a bypass alone can do.

    ridge: this fraction of the mean squared singular value of the centered inputs is added to each
    of them, so that directions with little variance are not fitted to noise. The offset is not
    penalized.

    Raises: ValueError for fewer than two rows, a negative ridge, or numbers that are not finite.
    """
    if len(x) < 2 or ridge < 0:
        raise ValueError(
            f"expected at least two rows and ridge >= 0, got {len(x)} rows and {ridge}"
        )
    if not (x.isfinite().all() and y.isfinite().all()):
        raise ValueError("expected finite inputs and outputs, got NaN or infinity")
    wide_x, wide_y = x.double(), y.double()
    # exercise 11.5
    raise NotImplementedError("exercise 11.5")
