"""JumpReLU transcoders: a threshold per latent, and an affine bypass that may stay zero.

Many published sets are of this kind, so `formats.py` needs it. The threshold is chapter 9's, the
penalty that of the CLT: close to lambda for a latent that writes much, whatever its strength.
Axes: batch, d_in, d_out, d_sae (latents).
Source: Rajamanoharan et al. 2024, "Jumping Ahead"; Lieberum et al. 2024, "Gemma Scope".
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ..ch08_saes.sae import Scalar
from ..ch08_saes.vanilla import check_coefficient
from ..ch09_sparsity.jumprelu import JumpReLU
from .transcoder import AbstractTranscoder, Acts, X, Y


class JumpReLUTranscoder(AbstractTranscoder):
    """y_hat = acts @ W_dec + x @ W_skip + b_dec, where acts exceed a threshold per latent.

    coefficient: lambda. threshold: first value of all thresholds; they are trained as logarithms.
    """

    W_skip: Float[Tensor, "d_in d_out"]
    log_threshold: Float[Tensor, " d_sae"]

    def __init__(
        self,
        d_in: int,
        d_out: int,
        d_sae: int,
        coefficient: float,
        seed: int = 0,
        threshold: float = 0.03,
    ) -> None:
        super().__init__(d_in, d_out, d_sae, seed)
        if not threshold > 0:
            raise ValueError(f"expected a positive threshold, got {threshold}")
        self.coefficient, self.width = check_coefficient(coefficient), 1.0
        self.W_skip = nn.Parameter(torch.zeros(d_in, d_out))
        self.log_threshold = nn.Parameter(torch.full((d_sae,), threshold).log())

    def activate(self, pre_acts: Acts) -> Acts:
        """Keep what exceeds the thresholds."""
        acts: Acts = JumpReLU.apply(pre_acts, self.log_threshold.exp(), self.width)
        return acts

    def bypass(self, x: X) -> Y:
        """Map x to the output directly. The decoder adds the bias."""
        return x @ self.W_skip

    def penalty(self, acts: Acts) -> Scalar:
        """Compute lambda sum_i tanh(4 f_i ||W_dec,i||), as a mean over the batch."""
        return self.coefficient * (4.0 * acts * self.W_dec.norm(dim=-1)).tanh().sum(dim=-1).mean()
