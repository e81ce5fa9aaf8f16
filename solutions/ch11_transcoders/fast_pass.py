"""Training steps that compute with the active latents alone, for transcoders and CLTs with TopK.

Chapter 9's sums over active entries serve here too: encoders touch every latent, decoders and all
weight gradients only the active ones. A CLT gains most, because each of its latents has several
decoders. Loss and gradients equal those of `pair_pass` and `clt_pass` up to rounding.
Axes: entry (active pairs of token and latent), batch (tokens).
"""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from ..ch08_saes import LossParts
from ..ch08_saes.sae import squared_error
from ..ch08_saes.train import TrainingPass
from ..ch09_sparsity.active_entries import (
    ActiveEntries,
    SelectedEncode,
    SparseDecode,
    encode_in_pieces,
    largest_per_token,
)
from .crosslayer import TopKCLT
from .skip import SkipTranscoder
from .transcoder import TopKTranscoder


class Active(NamedTuple):
    """The active latents of one layer."""

    acts: Float[Tensor, " entry"]
    """Activation of each entry."""
    entries: ActiveEntries
    """Its token and latent."""

    def count(self) -> Float[Tensor, " d_sae"]:  # type: ignore[override]
        """Count the tokens on which each latent is active."""
        chosen = self.entries.latent[self.acts.detach() > 0]
        return chosen.bincount(minlength=self.entries.d_sae).to(self.acts.dtype)

    def decode(self, W_dec: Float[Tensor, "d_sae d_out"]) -> Float[Tensor, "batch d_out"]:
        """Add the active latents' decoder rows."""
        y_hat: Tensor = SparseDecode.apply(self.acts, W_dec, self.entries)
        return y_hat


def encode_active(
    x: Float[Tensor, "batch d_in"],
    W_enc: Float[Tensor, "d_in d_sae"],
    b_enc: Float[Tensor, " d_sae"],
    k: int,
) -> Active:
    """Select the k largest pre-activations of each token, and apply ReLU."""
    found = largest_per_token(encode_in_pieces(x, W_enc, b_enc), k)
    entries = ActiveEntries(found.token, found.latent, len(x), len(b_enc))
    no_shift = x.new_zeros(x.shape[1])
    values = SelectedEncode.apply(x, no_shift, W_enc, b_enc, found.values, entries)
    return Active(values.relu(), entries)


def sparse_pair_pass(
    transcoder: TopKTranscoder | SkipTranscoder, rows: Float[Tensor, "batch row"]
) -> TrainingPass:
    """Run a transcoder on rows of inputs and outputs side by side."""
    x, y = rows.split([transcoder.d_in, transcoder.d_out], dim=-1)
    active = encode_active(x, transcoder.W_enc, transcoder.b_enc, transcoder.k)
    y_hat = active.decode(transcoder.W_dec) + transcoder.b_dec + transcoder.bypass(x)
    zero = y.new_zeros(())
    return TrainingPass(LossParts(squared_error(y, y_hat), zero, zero), active.count())


def sparse_clt_pass(clt: TopKCLT, rows: Float[Tensor, "batch row"]) -> TrainingPass:
    """Run a CLT on rows of all MLPs' inputs, then outputs."""
    x, y = rows.unflatten(1, (2, *clt.b_dec.shape)).unbind(dim=1)
    active = [
        encode_active(x[:, layer], clt.W_enc[layer], clt.b_enc[layer], clt.k)
        for layer in range(clt.n_layers)
    ]
    error = y.new_zeros(())
    for target in range(clt.n_layers):
        y_hat = clt.b_dec[target]
        for source in range(target + 1):
            y_hat = y_hat + active[source].decode(clt.W_dec[source][target - source])
        error = error + squared_error(y[:, target], y_hat)
    zero = y.new_zeros(())
    counts = torch.cat([one.count() for one in active])
    return TrainingPass(LossParts(error, zero, zero), counts)
