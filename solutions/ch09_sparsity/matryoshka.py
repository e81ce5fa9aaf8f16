"""Matryoshka SAEs: each prefix of the latents reconstructs alone.

What it solves: a wide SAE gains sparsity by merging a parent feature into its children: the
latent of "starts with S" leaves out the word "short", which has a latent of its own that absorbed
it. Here the first latents must reconstruct without the later ones, so they cannot leave gaps.
What it costs: a slightly higher error at the same L0.

    loss = mean over prefixes m of ||x - (acts[:m] @ W_dec[:m] + b_dec)||^2

Axes: batch (tokens), d_in, d_sae.
Source: Bussmann et al. 2025, "Learning Multi-Level Features with Matryoshka Sparse Autoencoders".
Differs: a mean over prefixes where the paper writes a sum, so that losses compare with BatchTopK's.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from ..ch08_saes import AbstractSAE, LossParts, Reconstruction
from ..ch08_saes.sae import Acts, Scalar, squared_error
from ..ch08_saes.train import TrainingPass
from .active_entries import ActiveEntries, SparseDecode
from .batch_topk import BatchTopKSAE
from .topk import encode_active, sparse_auxiliary

X = Float[Tensor, "*batch d_in"]


class MatryoshkaSAE(BatchTopKSAE):
    """BatchTopK whose loss is the mean over nested prefixes of its latents.

    prefixes: sizes, rising; the last one is d_sae.

    Raises: ValueError for other prefixes.
    """

    def __init__(
        self, d_in: int, d_sae: int, k: int, prefixes: Sequence[int], seed: int = 0, aux_k: int = 0
    ) -> None:
        super().__init__(d_in, d_sae, k, seed, aux_k)
        rising = all(a < b for a, b in zip([0, *prefixes], prefixes, strict=False))
        if not prefixes or not rising or prefixes[-1] != d_sae:
            raise ValueError(
                f"expected rising prefixes that end with d_sae={d_sae}, got {list(prefixes)}"
            )
        self.prefixes = tuple(prefixes)

    def loss_parts(self, x: X, made: Reconstruction) -> LossParts:
        """Compute the mean error of all prefixes, and AuxK's loss."""
        auxiliary = self.auxiliary(x, made.x_hat, made.pre_acts[..., self.dead()])
        return LossParts(self.nested_error(x, made.acts), x.new_zeros(()), auxiliary)

    def nested_error(self, x: X, acts: Acts) -> Scalar:
        """Average the squared error over the prefixes.

        Each prefix adds the rows of its own new latents to the reconstruction of the one before.
        """
        # exercise 9.14
        x_hat, errors, start = self.b_dec.expand_as(x), [], 0
        for end in self.prefixes:
            x_hat = x_hat + acts[..., start:end] @ self.W_dec[start:end]
            errors.append(squared_error(x, x_hat))
            start = end
        return torch.stack(errors).mean()


def nested_sparse_pass(sae: AbstractSAE, x: Float[Tensor, "batch d_in"]) -> TrainingPass:
    """Compute the loss of a step with the active latents alone; `sparse_pass` for Matryoshka.

    Raises: TypeError for another SAE.
    """
    if not isinstance(sae, MatryoshkaSAE):
        raise TypeError(f"expected a Matryoshka SAE, got {type(sae).__name__}")
    acts, entries, n_active = encode_active(sae, x)
    x_hat, errors, start = sae.b_dec.expand_as(x), [], 0
    for end in sae.prefixes:
        new = (entries.latent >= start) & (entries.latent < end)
        own = ActiveEntries(entries.token[new], entries.latent[new] - start, len(x), end - start)
        x_hat = x_hat + SparseDecode.apply(acts[new], sae.W_dec[start:end], own)
        errors.append(squared_error(x, x_hat))
        start = end
    auxiliary = sparse_auxiliary(sae, x, x_hat)
    return TrainingPass(LossParts(torch.stack(errors).mean(), x.new_zeros(()), auxiliary), n_active)
