"""Read the residual stream before the model has finished: the logit lens and the tuned lens.

The stream after any layer has the shape of the last one, so the final norm and the unembedding can
be applied to it (logit lens). Early layers write in directions that are turned later; a tuned lens
learns one affine map a layer that undoes it, trained to predict the model's own final answer.
Axes: layer, batch, pos, d_model, d_vocab.
Source: nostalgebraist 2020, "interpreting GPT: the logit lens"; Belrose et al. 2023, "Eliciting
Latent Predictions from Transformers with the Tuned Lens".
"""

from collections.abc import Iterator

import torch
from einops import einsum
from jaxtyping import Float, Int
from torch import Tensor, nn

from ..ch02_transformer import HookedTransformer

Stream = Float[Tensor, "layer batch pos d_model"]


@torch.no_grad()
def residual_stream(model: HookedTransformer, tokens: Int[Tensor, "batch pos"]) -> Stream:
    """The stream before each block and after the last one: n_layers + 1 of them."""
    stream = [model.embedding(tokens)]
    for layer in range(len(model.blocks)):
        stream.append(model.through(stream[-1], layer, layer + 1))
    return torch.stack(stream)


def logit_lens(
    model: HookedTransformer, stream: Stream
) -> Float[Tensor, "layer batch pos d_vocab"]:
    """Logits if the model stopped after each layer; each with a final norm of its own scale."""
    # exercise 3.5
    layers, batch = stream.shape[:2]
    return model.read_out(stream.flatten(0, 1)).unflatten(0, (layers, batch))


def kl_from(
    guess: Float[Tensor, "*batch d_vocab"], final: Float[Tensor, "*batch d_vocab"]
) -> Float[Tensor, "*batch"]:
    """KL(final || guess): what is lost by expecting the guess where the final answer is drawn.

    Units: nats; 0 where they agree.
    """
    # exercise 3.6
    expected = final.log_softmax(dim=-1)
    return (expected.exp() * (expected - guess.log_softmax(dim=-1))).sum(dim=-1)


class TunedLens(nn.Module):
    """One affine map a layer, x + x @ W + b, which starts as the identity."""

    W: Float[Tensor, "layer d_model d_model"]
    b: Float[Tensor, "layer d_model"]

    def __init__(self, n_layers: int, d_model: int) -> None:
        super().__init__()
        self.W = nn.Parameter(torch.zeros(n_layers, d_model, d_model))
        self.b = nn.Parameter(torch.zeros(n_layers, d_model))

    def forward(self, stream: Stream) -> Stream:
        """What each layer's stream will become, as far as an affine map can tell."""
        moved = einsum(
            stream, self.W, "layer batch pos d_in, layer d_in d_out -> layer batch pos d_out"
        )
        return stream + moved + self.b[:, None, None, :]


def train_tuned_lens(
    model: HookedTransformer,
    batches: Iterator[Int[Tensor, "batch pos"]],
    lens: TunedLens,
    steps: int,
    lr: float = 1e-3,
) -> Iterator[Float[Tensor, " layer"]]:
    """Train a lens in place, all layers at once, and yield each layer's loss at each step.

    Nothing of the model is trained. The loss of a layer is KL from the model's final answer to the
    lens's, the mean over positions, in nats.
    """
    optimizer = torch.optim.Adam(lens.parameters(), lr=lr)
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = lr * (1 - step / steps)
        stream = residual_stream(model, next(batches))
        with torch.no_grad():
            final = model.read_out(stream[-1])
        guess = logit_lens(model, lens(stream[:-1]))
        losses = kl_from(guess, final.expand_as(guess)).mean(dim=(1, 2))
        optimizer.zero_grad()
        losses.sum().backward(inputs=list(lens.parameters()))
        optimizer.step()
        yield losses.detach()
