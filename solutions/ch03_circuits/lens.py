"""The logit lens and the tuned lens: decode the residual stream of intermediate layers.

The residual stream has the same shape after every layer, so the final norm and the unembedding can
be applied to any of them (logit lens). Early layers may use another basis than the last one. A
tuned lens learns one affine map per layer into the last layer's basis, trained so that the lens's
prediction is close to the model's own final output.
Axes: layer, batch, pos, d_model, d_vocab.
Source: nostalgebraist 2020, "interpreting GPT: the logit lens"; Belrose et al. 2023, "Eliciting
Latent Predictions from Transformers with the Tuned Lens".
"""

from collections.abc import Iterator

import torch
from einops import einsum
from jaxtyping import Float, Int
from torch import Tensor, nn

from ..ch00_looking.checks import check_finite
from ..ch02_transformer import HookedTransformer
from ..ch02_transformer.norms import at_least_float32

Stream = Float[Tensor, "layer batch pos d_model"]


@torch.no_grad()
def residual_stream(model: HookedTransformer, tokens: Int[Tensor, "batch pos"]) -> Stream:
    """Return the residual stream before each block and after the last: n_layers + 1 entries."""
    stream = [model.embed_tokens(tokens)]
    for layer in range(len(model.blocks)):
        stream.append(model.run_blocks(stream[-1], layer, layer + 1))
    return torch.stack(stream)


def logit_lens(
    model: HookedTransformer, stream: Stream
) -> Float[Tensor, "layer batch pos d_vocab"]:
    """Decode each layer's residual stream by the final norm and the unembedding.

    Each layer is divided by a scale of its own, not by that of the last layer.
    """
    # exercise 3.5
    layers, batch = stream.shape[:2]
    return model.unembed_resid(stream.flatten(0, 1)).unflatten(0, (layers, batch))


def kl_divergence(
    guess: Float[Tensor, "*batch d_vocab"], final: Float[Tensor, "*batch d_vocab"]
) -> Float[Tensor, "*batch"]:
    """Compute KL(final || guess) from two tensors of logits, at each position.

    It is the extra cost, in nats, of predicting with `guess` what is drawn from `final`.

    Units: nats; 0 where the distributions are equal, never negative.
    Raises: ValueError for logits that are NaN or infinite; -inf is a probability of 0.
    """
    for logits in (guess, final):
        check_finite(logits, "logits", allow_minus_inf=True)
    guess, final = at_least_float32(guess), at_least_float32(final)
    # exercise 3.6
    expected = final.log_softmax(dim=-1)
    weights, ratios = expected.exp(), expected - guess.log_softmax(dim=-1)
    # A token of probability 0 contributes 0, but 0 times an infinite log-ratio is NaN.
    return (weights * ratios.where(weights > 0, 0.0)).sum(dim=-1)


class TunedLens(nn.Module):
    """One affine map per layer, x + x @ W + b, initialized to the identity."""

    W: Float[Tensor, "layer d_model d_model"]
    b: Float[Tensor, "layer d_model"]

    def __init__(self, n_layers: int, d_model: int) -> None:
        super().__init__()
        self.W = nn.Parameter(torch.zeros(n_layers, d_model, d_model))
        self.b = nn.Parameter(torch.zeros(n_layers, d_model))

    def forward(self, stream: Stream) -> Stream:
        """Map each layer's residual stream to a prediction of the last layer's."""
        wide = stream.to(self.W.dtype)
        moved = einsum(
            wide, self.W, "layer batch pos d_in, layer d_in d_out -> layer batch pos d_out"
        )
        return (wide + moved + self.b[:, None, None, :]).to(stream.dtype)


def train_tuned_lens(
    model: HookedTransformer,
    batches: Iterator[Int[Tensor, "batch pos"]],
    lens: TunedLens,
    steps: int,
    lr: float = 1e-3,
) -> Iterator[Float[Tensor, " layer"]]:
    """Train a lens in place, all layers at once, and yield each layer's loss at each step.

    The model itself is not trained. The loss of a layer is the KL divergence of the lens's output
    from the model's final output, averaged over positions, in nats.
    """
    optimizer = torch.optim.Adam(lens.parameters(), lr=lr)
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = lr * (1 - step / steps)
        stream = residual_stream(model, next(batches))
        with torch.no_grad():
            final = model.unembed_resid(stream[-1])
        guess = logit_lens(model, lens(stream[:-1]))
        losses = kl_divergence(guess, final.expand_as(guess)).mean(dim=(1, 2))
        optimizer.zero_grad()
        losses.sum().backward(inputs=list(lens.parameters()))
        optimizer.step()
        yield losses.detach()
