"""BatchTopK SAEs: the batch shares its active latents, k per token on average.

What it solves: TopK gives an easy token as many latents as a hard one. Here the k * batch largest
pre-activations of the whole batch are active, so that a token gets as many as it needs.
What it costs: a token's activations depend on its neighbours in the batch. For use, the SAE
therefore has one threshold, fitted after training, and is then a JumpReLU SAE.

Axes: batch (tokens), d_in, d_sae.
Source: Bussmann et al. 2024, "BatchTopK Sparse Autoencoders".
Differs: the paper fits the threshold as a running mean during training; early batches, whose
pre-activations are larger, distort it in short runs. Here it is a mean over batches at the end.
"""

from collections.abc import Iterable

import torch
from jaxtyping import Float
from torch import Tensor

from ..ch08_saes.sae import Acts
from .active_entries import Selected, largest_in_batch
from .topk import Pieces, SelectingSAE


def keep_largest_in_batch(pre_acts: Acts, k: int) -> Acts:
    """Keep the k * batch largest entries of the whole batch, after ReLU; set the others to zero."""
    # exercise 9.6
    raise NotImplementedError("exercise 9.6")


class BatchTopKSAE(SelectingSAE):
    """Keeps the largest latents of a batch in training, and those above a threshold in use.

    `train()` and `eval()` switch between the two, as for any PyTorch module.
    """

    threshold: Float[Tensor, ""]

    def __init__(
        self,
        d_in: int,
        d_sae: int,
        k: int,
        seed: int = 0,
        aux_k: int = 0,
        aux_coefficient: float = 1 / 32,
        dead_after: int = 1000,
    ) -> None:
        super().__init__(d_in, d_sae, k, seed, aux_k, aux_coefficient, dead_after)
        self.register_buffer("threshold", torch.tensor(float("nan")))

    def activate(self, pre_acts: Acts) -> Acts:
        """Keep the largest of the batch in training, and those above the threshold in use.

        Raises: ValueError in use before `fit_threshold`.
        """
        if self.training:
            return keep_largest_in_batch(pre_acts, self.k)
        if self.threshold.isnan():
            raise ValueError("expected a threshold, got none; call fit_threshold after training")
        # exercise 9.7
        raise NotImplementedError("exercise 9.7")

    def select(self, pieces: Pieces, n_tokens: int) -> Selected:
        """Find the k * batch largest of the batch."""
        return largest_in_batch(pieces, self.k * n_tokens)


@torch.no_grad()
def fit_threshold(sae: BatchTopKSAE, batches: Iterable[Float[Tensor, "_ d_in"]]) -> float:
    """Set the threshold to the mean over batches of the smallest positive activation kept.

    Batches of the training size: the smallest activation kept depends on the size of a batch. The
    SAE is left in the mode that it was in, also where this raises.

    Raises: ValueError without batches, or when no latent is active in any.
    """
    was_training = sae.training
    sae.train()
    # exercise 9.7
    raise NotImplementedError("exercise 9.7")
