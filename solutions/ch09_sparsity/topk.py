"""TopK SAEs: the k largest pre-activations of each token are active, and nothing is penalized.

What it solves: an L1 penalty shrinks every activation, and L0 follows from its coefficient only
after training. Here L0 is k by construction, and activations keep their size.
What it costs: latents that are never among the largest get no gradient and die. AuxK lets the dead
latents with the largest pre-activations explain what the others left over.

Axes: batch (tokens), d_in, d_sae.
Source: Gao et al. 2024, "Scaling and evaluating sparse autoencoders".
Differs: the auxiliary error is not divided by the variance of the residual, as the paper's code
does. Reconstruction and auxiliary error then have the same unit.
"""

from abc import abstractmethod
from collections.abc import Iterable
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from ..ch08_saes import AbstractSAE, LossParts, Reconstruction
from ..ch08_saes.sae import Acts, Scalar, squared_error
from ..ch08_saes.train import TrainingPass
from ..ch08_saes.vanilla import normalize_rows, remove_parallel_gradient
from .active_entries import (
    ActiveEntries,
    Selected,
    SelectedEncode,
    SparseDecode,
    Weights,
    encode_in_pieces,
    largest_per_token,
)

X = Float[Tensor, "*batch d_in"]
Pieces = Iterable[Float[Tensor, "_ d_sae"]]


def keep_largest(pre_acts: Acts, k: int) -> Acts:
    """Keep the k largest entries of each token, apply ReLU to them, and set the others to zero.

    A token with fewer than k positive entries has fewer active latents.
    """
    # exercise 9.1
    values, indices = pre_acts.topk(k, dim=-1, sorted=False)
    return torch.zeros_like(pre_acts).scatter(-1, indices, values.relu())


def auxiliary_loss(
    residual: Float[Tensor, "batch d_in"],
    dead_pre_acts: Float[Tensor, "batch dead"],
    W_dead: Float[Tensor, "dead d_in"],
    aux_k: int,
) -> Scalar:
    """Compute how badly the aux_k largest dead latents explain the residual, x - x_hat.

    ||e - e_hat||^2 as a mean over the batch. e_hat is the sum of decoder rows of dead latents, each
    times its activation after ReLU, without the decoder's bias. The residual is a constant here:
    the loss teaches the dead latents only. With few dead latents it is scaled down by n_dead /
    aux_k, and without any it is zero.
    """
    n_dead = len(W_dead)
    if not n_dead:
        return residual.new_zeros(())
    # exercise 9.2
    explained = keep_largest(dead_pre_acts, min(aux_k, n_dead)) @ W_dead
    return min(n_dead / aux_k, 1.0) * squared_error(residual.detach(), explained)


class ActiveActs(NamedTuple):
    """The activations of the active latents of a batch."""

    acts: Weights
    """Activation of each entry, zero or positive."""
    entries: ActiveEntries
    """Its token and latent."""
    n_active: Float[Tensor, " d_sae"]
    """Number of tokens on which each latent is active."""


class SelectingSAE(AbstractSAE):
    """Base of SAEs that select latents by size: unit decoder rows, AuxK, and a sparse pass.

    aux_k: how many dead latents explain the residual; 0 for none.
    aux_coefficient: weight of that loss.
    dead_after: steps of silence after which a latent counts as dead.
    """

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
        super().__init__(d_in, d_sae, seed)
        if not 1 <= k <= d_sae:
            raise ValueError(f"expected k from 1 to d_sae={d_sae}, got {k}")
        if aux_k < 0 or dead_after < 1:
            raise ValueError(
                f"expected aux_k >= 0 and dead_after >= 1, got {aux_k} and {dead_after}"
            )
        self.k, self.aux_k = k, aux_k
        self.aux_coefficient, self.dead_after = aux_coefficient, dead_after

    def dead(self) -> Bool[Tensor, " d_sae"]:
        """Find the latents that have been silent for `dead_after` steps."""
        return self.silent_for >= self.dead_after

    def auxiliary(self, x: X, x_hat: X, dead_pre_acts: Acts) -> Scalar:
        """Compute AuxK's loss, times its coefficient."""
        if not self.aux_k:
            return x.new_zeros(())
        residual, pre_acts = (x - x_hat).flatten(0, -2), dead_pre_acts.flatten(0, -2)
        loss = auxiliary_loss(residual, pre_acts, self.W_dec[self.dead()], self.aux_k)
        return self.aux_coefficient * loss

    def loss_parts(self, x: X, made: Reconstruction) -> LossParts:
        """Compute the squared error and AuxK's loss. There is no sparsity penalty."""
        auxiliary = self.auxiliary(x, made.x_hat, made.pre_acts[..., self.dead()])
        return LossParts(squared_error(x, made.x_hat), x.new_zeros(()), auxiliary)

    @abstractmethod
    def select(self, pieces: Pieces, n_tokens: int) -> Selected:
        """Find the entries that `activate` keeps, before ReLU; the batch comes in pieces."""

    def constrain_gradients(self) -> None:
        """Remove the component of the decoder's gradient along its rows."""
        remove_parallel_gradient(self.W_dec)

    def constrain_weights(self) -> None:
        """Normalize the decoder's rows."""
        normalize_rows(self.W_dec)


class TopKSAE(SelectingSAE):
    """The k largest latents of each token are active.

    Source: Gao et al. 2024, section 2.3 and appendix A.2 (AuxK).
    """

    def activate(self, pre_acts: Acts) -> Acts:
        """Keep the k largest per token."""
        return keep_largest(pre_acts, self.k)

    def select(self, pieces: Pieces, n_tokens: int) -> Selected:  # noqa: ARG002
        """Find the k largest per token."""
        return largest_per_token(pieces, self.k)


class MultiTopKSAE(TopKSAE):
    """TopK that also reconstructs with 4 k latents, so that it can be used at other k.

    A TopK SAE fails when more latents are kept than it was trained with. Here the error with 4 k
    latents is added, times 1/8.

    Source: Gao et al. 2024, section 5.3.
    """

    def loss_parts(self, x: X, made: Reconstruction) -> LossParts:
        """Compute L(k) + L(4 k) / 8, and AuxK's loss."""
        parts = super().loss_parts(x, made)
        # exercise 9.3
        more = keep_largest(made.pre_acts, min(4 * self.k, self.d_sae))
        wide = squared_error(x, self.decode(more))
        return parts._replace(reconstruction=parts.reconstruction + wide / 8)


def encode_active(sae: SelectingSAE, x: Float[Tensor, "batch d_in"]) -> ActiveActs:
    """Compute the activations of the active latents alone, with a graph."""
    sae.check_input(x)
    centered = x - sae.b_dec.detach()
    found = sae.select(encode_in_pieces(centered, sae.W_enc, sae.b_enc), len(x))
    entries = ActiveEntries(found.token, found.latent, len(x), sae.d_sae)
    kept = SelectedEncode.apply(centered, sae.b_dec, sae.W_enc, sae.b_enc, found.values, entries)
    acts = kept.relu()
    n_active = entries.latent[acts.detach() > 0].bincount(minlength=sae.d_sae)
    return ActiveActs(acts, entries, n_active.to(x.dtype))


def sparse_auxiliary(
    sae: SelectingSAE, x: Float[Tensor, "batch d_in"], x_hat: Float[Tensor, "batch d_in"]
) -> Scalar:
    """Compute AuxK's loss, times its coefficient, with the dead latents alone."""
    dead = sae.dead()
    if not (sae.aux_k and dead.any()):
        return x.new_zeros(())
    return sae.auxiliary(x, x_hat, (x - sae.b_dec) @ sae.W_enc[:, dead] + sae.b_enc[dead])


def sparse_pass(sae: AbstractSAE, x: Float[Tensor, "batch d_in"]) -> TrainingPass:
    """Compute the loss of a step with the active latents alone; for `train_saes`.

    The dense product with the encoder is the only one left; the loss and all gradients equal those
    of the dense pass up to rounding.

    Raises: TypeError for an SAE that does not select its latents, or has a loss of its own.
    """
    if not isinstance(sae, SelectingSAE) or type(sae).loss_parts is not SelectingSAE.loss_parts:
        raise TypeError(f"expected an SAE with a sparse pass, got {type(sae).__name__}")
    acts, entries, n_active = encode_active(sae, x)
    x_hat = SparseDecode.apply(acts, sae.W_dec, entries) + sae.b_dec
    auxiliary = sparse_auxiliary(sae, x, x_hat)
    return TrainingPass(LossParts(squared_error(x, x_hat), x.new_zeros(()), auxiliary), n_active)
