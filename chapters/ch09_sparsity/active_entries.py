"""Compute with the active latents alone: the fast path of SAEs that select their latents.

An SAE of 6,144 latents of which 32 are active multiplies, in its decoder and in both weight
gradients, almost only zeros. Only the encoder has to touch every latent, since it decides which
ones are largest. Everything else is a sum over the active entries (token, latent):

    x_hat[token]  = sum over the latents active there of acts * W_dec[latent]
    dW_dec[latent] = sum over the tokens at which it is active of acts * d_x_hat[token]

Both are weighted sums of rows, one sum per token or per latent: the operation of `embedding_bag`,
which never makes the table [entries, d_in]. For the second, the entries are sorted by latent.
`index_add_` gives the same numbers many times slower on a CPU.

The encoder runs on a piece of the batch at a time, in one buffer: the table [token, d_sae] of a
whole batch is never made, and a piece is still in the processor's cache when its largest entries
are looked for.
Axes: entry (active pairs of token and latent, ordered by token), token, piece (some tokens), d_in,
d_sae.
"""

from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

Weights = Float[Tensor, " entry"]
TOKENS_AT_ONCE = 1024


class LatentOrder(NamedTuple):
    """The entries in the order of their latents."""

    order: Int[Tensor, " entry"]
    """Place of each entry among the entries ordered by token."""
    starts: Int[Tensor, " d_sae"]
    """Place of the first entry of each latent in this order."""


class ActiveEntries:
    """Which latents are active at which token.

    Entries are ordered by token. A latent that is active nowhere has an empty sum, which is zero.
    """

    def __init__(
        self, token: Int[Tensor, " entry"], latent: Int[Tensor, " entry"], n_tokens: int, d_sae: int
    ) -> None:
        self.token, self.latent = token, latent
        self.n_tokens, self.d_sae = n_tokens, d_sae

    @cached_property
    def token_starts(self) -> Int[Tensor, " token"]:
        """Compute the place of the first entry of each token."""
        return starts_of(self.token, self.n_tokens)

    @cached_property
    def by_latent(self) -> LatentOrder:
        """Sort the entries by latent, once for all gradients of a step."""
        # exercise 9.4
        raise NotImplementedError("exercise 9.4")

    def sum_per_token(
        self, weights: Weights, rows: Float[Tensor, "d_sae d"]
    ) -> Float[Tensor, "token d"]:
        """Sum, for each token, the rows of its active latents, each times the entry's weight."""
        # exercise 9.4
        raise NotImplementedError("exercise 9.4")

    def sum_per_latent(
        self, weights: Weights, rows: Float[Tensor, "token d"]
    ) -> Float[Tensor, "d_sae d"]:
        """Sum, for each latent, the rows of the tokens at which it is active, times the weight."""
        # exercise 9.4
        raise NotImplementedError("exercise 9.4")


def starts_of(index: Int[Tensor, " entry"], n: int) -> Int[Tensor, " n"]:
    """Compute where each value from 0 to n - 1 starts among the sorted indices."""
    counts = index.bincount(minlength=n)
    return counts.cumsum(0) - counts


class SparseEncode(torch.autograd.Function):
    """Pre-activations at the active entries, with gradients of these entries alone.

    `centered` is x - b_dec without a graph, and `pre_acts` the dense product with W_enc, computed
    before; no gradient flows to x.
    """

    @staticmethod
    def forward(
        ctx: Any,
        centered: Float[Tensor, "token d_in"],
        b_dec: Float[Tensor, " d_in"],  # noqa: ARG004 (an input, so that it gets a gradient)
        W_enc: Float[Tensor, "d_in d_sae"],
        b_enc: Float[Tensor, " d_sae"],  # noqa: ARG004
        pre_acts: Float[Tensor, "token d_sae"],
        entries: ActiveEntries,
    ) -> Weights:
        """Select the entries."""
        ctx.save_for_backward(centered, W_enc)
        ctx.entries = entries
        return pre_acts[entries.token, entries.latent]

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        """Compute the gradients of b_dec, W_enc and b_enc."""
        centered, W_enc = ctx.saved_tensors
        entries: ActiveEntries = ctx.entries
        (grad,) = grads
        # exercise 9.5
        raise NotImplementedError("exercise 9.5")


class SelectedEncode(SparseEncode):
    """`SparseEncode` of values that were selected before, piece by piece."""

    @staticmethod
    def forward(
        ctx: Any,
        centered: Float[Tensor, "token d_in"],
        b_dec: Float[Tensor, " d_in"],  # noqa: ARG004
        W_enc: Float[Tensor, "d_in d_sae"],
        b_enc: Float[Tensor, " d_sae"],  # noqa: ARG004
        values: Weights,
        entries: ActiveEntries,
    ) -> Weights:
        """Return the values, with a graph."""
        ctx.save_for_backward(centered, W_enc)
        ctx.entries = entries
        return values.clone()


class SparseDecode(torch.autograd.Function):
    """The sum of decoder rows per token, without the decoder's bias."""

    @staticmethod
    def forward(
        ctx: Any, acts: Weights, W_dec: Float[Tensor, "d_sae d_in"], entries: ActiveEntries
    ) -> Float[Tensor, "token d_in"]:
        """Sum the rows, and keep the graph from the weights to the sum for `backward`."""
        with torch.enable_grad():
            leaf = acts.detach().requires_grad_()
            x_hat = entries.sum_per_token(leaf, W_dec.detach())
        ctx.save_for_backward(acts, W_dec)
        ctx.entries, ctx.leaf, ctx.x_hat = entries, leaf, x_hat
        return x_hat.detach()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        """Compute the gradients of acts and W_dec."""
        acts, W_dec = ctx.saved_tensors
        entries: ActiveEntries = ctx.entries
        grad = grads[0].contiguous()
        # exercise 9.5
        raise NotImplementedError("exercise 9.5")


class Selected(NamedTuple):
    """The entries that were selected, ordered by token."""

    token: Int[Tensor, " entry"]
    """Token of each entry."""
    latent: Int[Tensor, " entry"]
    """Its latent."""
    values: Weights
    """Its pre-activation."""


def encode_in_pieces(
    centered: Float[Tensor, "token d_in"],
    W_enc: Float[Tensor, "d_in d_sae"],
    b_enc: Float[Tensor, " d_sae"],
) -> Iterator[Float[Tensor, "piece d_sae"]]:
    """Yield the pre-activations of a piece of the batch at a time, without a graph.

    All pieces are in one buffer: the next one overwrites the last. Fresh memory for the whole batch
    would cost a CPU a quarter of the matrix product. A GPU gets the batch in one piece.
    """
    on_cpu = centered.device.type == "cpu"
    size = max(1, min(len(centered), TOKENS_AT_ONCE if on_cpu else len(centered)))
    buffer = centered.new_empty(size, len(b_enc))
    for rows in centered.detach().split(size):
        yield torch.addmm(b_enc.detach(), rows, W_enc.detach(), out=buffer[: len(rows)])


def largest_per_token(pieces: Iterable[Float[Tensor, "_ d_sae"]], k: int) -> Selected:
    """Select the k largest entries of each token."""
    found = [pre_acts.topk(k, dim=-1, sorted=False) for pre_acts in pieces]
    latent = torch.cat([piece.indices for piece in found])
    token = torch.arange(len(latent), device=latent.device).repeat_interleave(k)
    return Selected(token, latent.flatten(), torch.cat([p.values for p in found]).flatten())


def largest_in_batch(pieces: Iterable[Float[Tensor, "*_ d_sae"]], n: int) -> Selected:
    """Select the n largest entries of the whole batch.

    A partial sort of all entries is slow. A bound leaves few candidates of each piece: the smallest
    of the n largest so far, and before there are n, an estimate from a sample of the piece's
    entries. Where the estimate leaves fewer than n, all entries of the piece are candidates.
    """
    values, place, before, d_sae = torch.empty(0), torch.empty(0, dtype=torch.long), 0, 1
    for pre_acts in pieces:
        flat, d_sae = pre_acts.flatten(), pre_acts.shape[-1]
        full = len(values) == n
        chosen = (flat >= (values.min() if full else estimate_bound(flat, n))).nonzero().squeeze(1)
        if not full and len(chosen) < n:
            chosen = torch.arange(len(flat), device=flat.device)
        values = torch.cat([values.to(flat), flat[chosen]])
        place = torch.cat([place.to(chosen), chosen + before])
        best = values.topk(min(n, len(values)), sorted=False).indices
        values, place, before = values[best], place[best], before + len(flat)
    order = place.argsort()
    return Selected(place[order] // d_sae, place[order] % d_sae, values[order])


def estimate_bound(flat: Float[Tensor, " entry"], n: int) -> Float[Tensor, ""]:
    """Estimate the n-th largest entry from a sample, lower by a margin."""
    sample = flat[:: max(1, len(flat) // 100_000)]
    wanted = min(len(sample), int(1.1 * n * len(sample) / len(flat)) + 50)
    return sample.topk(wanted, sorted=False).values.min()
