"""SAEs with an L1 penalty: the form of 2023, and that of 2024 without a constraint.

The penalty sum_i f_i can be lowered for free: shrink every f_i and lengthen its decoder row. The
two forms prevent this in different ways:

- VanillaSAE keeps each decoder row at length 1. The component of its gradient along the row would
  only be undone by the next normalization, so it is removed before Adam averages it.
- NormWeightedSAE penalizes f_i ||W_dec,i||, which does not change when f_i and its row are scaled
  against each other.

Axes: batch, d_in, d_sae.
Sources: Bricken et al. 2023, "Towards Monosemanticity"; Templeton et al. 2024, "Scaling
Monosemanticity", section "Sparse autoencoders".
"""

import torch
from jaxtyping import Float
from torch import Tensor

from .sae import AbstractSAE, Acts, LossParts, Reconstruction, squared_error

Decoder = Float[Tensor, "d_sae d_in"]


@torch.no_grad()
def remove_parallel_gradient(W_dec: Decoder) -> None:
    """Subtract from the gradient of each row its component along the row, in place.

    Without this, Adam's averages hold a force along the row that the next normalization undoes. A
    row of zeros has no direction, so its gradient stays.

    Raises: ValueError when there is no gradient.
    """
    if W_dec.grad is None:
        raise ValueError("expected W_dec with a gradient, got none; call backward first")
    # exercise 8.3
    unit = torch.nn.functional.normalize(W_dec, dim=-1)
    W_dec.grad -= (W_dec.grad * unit).sum(dim=-1, keepdim=True) * unit


@torch.no_grad()
def normalize_rows(W_dec: Decoder) -> None:
    """Scale each row to length 1, in place. A row of zeros stays."""
    # exercise 8.3
    norms = W_dec.norm(dim=-1, keepdim=True)
    W_dec /= torch.where(norms > 0, norms, 1)


class VanillaSAE(AbstractSAE):
    """ReLU, an L1 penalty, and a decoder with unit rows.

    Source: Bricken et al. 2023.
    """

    def __init__(self, d_in: int, d_sae: int, l1_coefficient: float, seed: int = 0) -> None:
        super().__init__(d_in, d_sae, seed)
        self.l1_coefficient = check_coefficient(l1_coefficient)

    def activate(self, pre_acts: Acts) -> Acts:
        """Set negative pre-activations to zero."""
        return pre_acts.relu()

    def loss_parts(self, x: Float[Tensor, "*batch d_in"], made: Reconstruction) -> LossParts:
        """Compute ||x - x_hat||^2 and lambda sum_i f_i, both as means over the batch."""
        auxiliary = x.new_zeros(())
        # exercise 8.2
        sparsity = self.l1_coefficient * made.acts.sum(dim=-1).mean()
        return LossParts(squared_error(x, made.x_hat), sparsity, auxiliary)

    def constrain_gradients(self) -> None:
        """Remove the component of the decoder's gradient along its rows."""
        remove_parallel_gradient(self.W_dec)

    def constrain_weights(self) -> None:
        """Normalize the decoder's rows."""
        normalize_rows(self.W_dec)


class NormWeightedSAE(AbstractSAE):
    """ReLU, an L1 penalty weighted by the length of decoder rows, and a free decoder.

    Source: Templeton et al. 2024.
    """

    def __init__(self, d_in: int, d_sae: int, l1_coefficient: float, seed: int = 0) -> None:
        super().__init__(d_in, d_sae, seed)
        self.l1_coefficient = check_coefficient(l1_coefficient)

    def activate(self, pre_acts: Acts) -> Acts:
        """Set negative pre-activations to zero."""
        return pre_acts.relu()

    def loss_parts(self, x: Float[Tensor, "*batch d_in"], made: Reconstruction) -> LossParts:
        """Compute ||x - x_hat||^2 and lambda sum_i f_i ||W_dec,i||, as means over the batch."""
        auxiliary = x.new_zeros(())
        # exercise 8.4
        lengths = self.W_dec.norm(dim=-1)
        sparsity = self.l1_coefficient * (made.acts @ lengths).mean()
        return LossParts(squared_error(x, made.x_hat), sparsity, auxiliary)

    def constrain_gradients(self) -> None:
        """Leave gradients as they are."""

    def constrain_weights(self) -> None:
        """Leave weights as they are."""


@torch.no_grad()
def fold_decoder_norm(sae: AbstractSAE) -> None:
    """Scale each latent so that its decoder row has length 1, and x_hat stays the same, in place.

    Only for a ReLU: it commutes with positive factors. A latent's activation is then the length
    of what it writes. A row of zeros stays.
    """
    # exercise 8.4
    norms = sae.W_dec.norm(dim=-1)
    norms = torch.where(norms > 0, norms, 1)
    sae.W_dec /= norms[:, None]
    sae.W_enc *= norms
    sae.b_enc *= norms


@torch.no_grad()
def fold_input_scale(sae: AbstractSAE, scale: float) -> None:
    """Turn an SAE of scale * x into one of x itself, with the same activations, in place.

    SAEs are trained on scaled activations, so that one learning rate and one lambda suit any layer
    of any model. Afterwards the factor belongs into the weights.

    Raises: ValueError unless the scale is positive and finite.
    """
    if not 0 < scale < float("inf"):
        raise ValueError(f"expected a positive scale, got {scale}")
    # exercise 8.5
    sae.W_enc *= scale
    sae.W_dec /= scale
    sae.b_dec /= scale


def check_coefficient(l1_coefficient: float) -> float:
    """Return the coefficient of a penalty as a float.

    Raises: ValueError when it is negative or not finite.
    """
    if not 0 <= l1_coefficient < float("inf"):
        raise ValueError(f"expected an L1 coefficient of zero or more, got {l1_coefficient}")
    return float(l1_coefficient)
