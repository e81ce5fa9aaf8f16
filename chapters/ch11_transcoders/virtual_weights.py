"""Weights between latents of different layers, which are the same for every prompt.

Both sides of a transcoder's latent are in the residual stream: its decoder row is added to it, and
its encoder reads it through a norm. So an early latent i and a late latent j are connected by

    V_ij = W_dec,i . e_j                directly
    V_ij = W_dec,i W_OV e_j             through a head, times its attention

where e_j is the direction that the late latent reads. The contribution in one forward pass is
acts_i V_ij, divided by the scale of the late layer's norm: an activation that depends on the input,
times a weight that does not. MLP neurons have such weights too; SAE latents of one layer do not.
Axes: early and late (latents of two layers), token, d_model.
Source: Dunefsky et al. 2024, section 4.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from ..ch02_transformer.norms import Norm

Virtual = Float[Tensor, "early late"]
Reads = Float[Tensor, "d_model late"]


@torch.no_grad()
def reading_directions(norm: Norm, W_enc: Float[Tensor, "d_model late"]) -> Reads:
    """Return the directions of the residual stream that latents read through a norm.

    A norm centers (LayerNorm alone), divides by a scale, and multiplies with its gain. The scale is
    left out: it depends on the input, and it is one number for all latents.
    """
    gain, _ = norm.affine()
    # exercise 11.6
    raise NotImplementedError("exercise 11.6")


def direct_weights(W_dec: Float[Tensor, "early d_model"], reads: Reads) -> Virtual:
    """Compute the weights from early latents to late ones along the residual stream."""
    # exercise 11.7
    raise NotImplementedError("exercise 11.7")


def weights_through_head(
    W_dec: Float[Tensor, "early d_model"],
    reads_of_head: Float[Tensor, "d_model d_head"],
    W_O: Float[Tensor, "d_head d_model"],
    reads: Reads,
) -> Virtual:
    """Compute the weights from early latents to late ones through one head's values and output.

    reads_of_head: W_V seen through the norm before attention (`reading_directions`). In a forward
    pass the contribution is multiplied with the attention from the late latent's position.
    """
    # exercise 11.7
    raise NotImplementedError("exercise 11.7")


def token_weights(W_E: Float[Tensor, "token d_model"], reads: Reads) -> Float[Tensor, "token late"]:
    """Compute the weights from token embeddings to latents, the latents' de-embeddings.

    The largest entries of a column name the tokens that activate a latent directly.
    """
    # exercise 11.7
    raise NotImplementedError("exercise 11.7")
