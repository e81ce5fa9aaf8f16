"""Transcoders: sparse replacements of an MLP, from its input to its output.

1. pre_acts = x @ W_enc + b_enc: the input is not shifted, unlike an SAE's
2. acts = activate(pre_acts): zero for most latents
3. y_hat = acts @ W_dec + b_dec + bypass(x): compared with the MLP's output y

An SAE of the MLP's output describes what the MLP wrote. A transcoder describes how the output
depends on the input: a latent's encoder reads from the residual stream and its decoder writes to
it, so latents of two layers are connected by a product of weights (`virtual_weights.py`).
Axes: batch (any number of axes before the last), d_in, d_out, d_sae (latents).
Source: Dunefsky, Chlenski, Nanda 2024, "Transcoders Find Interpretable LLM Feature Circuits".
"""

from abc import abstractmethod
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from ..ch02_transformer.layers import MLP
from ..ch08_saes import LossParts
from ..ch08_saes.sae import Scalar, TrainedModule, squared_error
from ..ch08_saes.train import TrainingPass, count_active
from ..ch08_saes.vanilla import check_coefficient
from ..ch09_sparsity.topk import keep_largest

X = Float[Tensor, "*batch d_in"]
Y = Float[Tensor, "*batch d_out"]
Acts = Float[Tensor, "*batch d_sae"]


class TranscoderOutput(NamedTuple):
    """What a transcoder computes from an MLP's input."""

    y_hat: Y
    """Prediction of the MLP's output."""
    acts: Acts
    """Activation of each latent, zero or positive."""
    pre_acts: Acts
    """The same before the activation function."""


class AbstractTranscoder(TrainedModule):
    """Encoder, decoder, and what a variant decides: activation, bypass and loss.

    The decoder starts at zero, so that the first prediction is zero, and the encoder at random unit
    columns.

    Raises: ValueError for sizes below 1.
    """

    W_enc: Float[Tensor, "d_in d_sae"]
    b_enc: Float[Tensor, " d_sae"]
    W_dec: Float[Tensor, "d_sae d_out"]
    b_dec: Float[Tensor, " d_out"]

    def __init__(self, d_in: int, d_out: int, d_sae: int, seed: int = 0) -> None:
        super().__init__()
        if min(d_in, d_out, d_sae) < 1:
            raise ValueError(f"expected sizes of at least 1, got {d_in}, {d_out} and {d_sae}")
        generator = torch.Generator().manual_seed(seed)
        columns = F.normalize(torch.randn(d_in, d_sae, generator=generator), dim=0)
        self.W_enc = nn.Parameter(columns)
        self.b_enc = nn.Parameter(torch.zeros(d_sae))
        self.W_dec = nn.Parameter(torch.zeros(d_sae, d_out))
        self.b_dec = nn.Parameter(torch.zeros(d_out))
        self.register_buffer("silent_for", torch.zeros(d_sae, dtype=torch.long))

    @property
    def d_in(self) -> int:
        """Size of the MLP's input."""
        return self.W_enc.shape[0]

    @property
    def d_out(self) -> int:
        """Size of the MLP's output."""
        return self.W_dec.shape[1]

    @property
    def d_sae(self) -> int:
        """Number of latents."""
        return self.W_dec.shape[0]

    @property
    def row_size(self) -> int:
        """Numbers in one row of its training data: an input, then the output."""
        return self.d_in + self.d_out

    @abstractmethod
    def activate(self, pre_acts: Acts) -> Acts:
        """Compute acts from pre_acts."""

    @abstractmethod
    def bypass(self, x: X) -> Y:
        """Compute what reaches the output around the latents."""

    @abstractmethod
    def penalty(self, acts: Acts) -> Scalar:
        """Compute the sparsity loss."""

    def pre_activations(self, x: X) -> Acts:
        """Project x to the latents and add the encoder's bias.

        b_dec belongs to the output here: subtracting it from the input, as an SAE does, would mix
        two spaces.

        Raises: ValueError when the last axis of x is not d_in.
        """
        if x.shape[-1] != self.d_in:
            raise ValueError(f"expected inputs of d_in={self.d_in}, got shape {list(x.shape)}")
        # exercise 11.1
        return x @ self.W_enc + self.b_enc

    def decode(self, acts: Acts) -> Y:
        """Add the decoder rows, each times the activation of its latent, and the decoder's bias."""
        # exercise 11.1
        return acts @ self.W_dec + self.b_dec

    def forward(self, x: X) -> TranscoderOutput:
        """Predict the MLP's output from its input."""
        pre_acts = self.pre_activations(x)
        acts = self.activate(pre_acts)
        return TranscoderOutput(self.decode(acts) + self.bypass(x), acts, pre_acts)

    def loss_parts(self, y: Y, made: TranscoderOutput) -> LossParts:
        """Compute the squared error of the prediction of y, and the sparsity loss."""
        auxiliary = y.new_zeros(())
        # exercise 11.2
        return LossParts(squared_error(y, made.y_hat), self.penalty(made.acts), auxiliary)

    def constrain_gradients(self) -> None:
        """Leave gradients as they are."""

    def constrain_weights(self) -> None:
        """Leave weights as they are."""


def pair_pass(transcoder: AbstractTranscoder, rows: Float[Tensor, "batch row"]) -> TrainingPass:
    """Run a transcoder on rows of inputs and outputs side by side; for chapter 8's trainer."""
    x, y = rows.split([transcoder.d_in, transcoder.d_out], dim=-1)
    made = transcoder(x)
    return TrainingPass(transcoder.loss_parts(y, made), count_active(made.acts))


class L1Transcoder(AbstractTranscoder):
    """ReLU, and an L1 penalty weighted by the length of decoder rows.

    Differs: the paper's penalty is not weighted. Without the weight it falls when an encoder
    shrinks and its decoder grows, and nothing has been made sparser.
    """

    def __init__(
        self, d_in: int, d_out: int, d_sae: int, l1_coefficient: float, seed: int = 0
    ) -> None:
        super().__init__(d_in, d_out, d_sae, seed)
        self.l1_coefficient = check_coefficient(l1_coefficient)

    def activate(self, pre_acts: Acts) -> Acts:
        """Set negative pre-activations to zero."""
        return pre_acts.relu()

    def bypass(self, x: X) -> Y:
        """Return zeros: everything goes through the latents."""
        return x.new_zeros(*x.shape[:-1], self.d_out)

    def penalty(self, acts: Acts) -> Scalar:
        """Compute lambda sum_i f_i ||W_dec,i||, as a mean over the batch."""
        # exercise 11.2
        return self.l1_coefficient * (acts @ self.W_dec.norm(dim=-1)).mean()


class TopKTranscoder(AbstractTranscoder):
    """The k largest pre-activations of each token are active; there is no penalty."""

    def __init__(self, d_in: int, d_out: int, d_sae: int, k: int, seed: int = 0) -> None:
        super().__init__(d_in, d_out, d_sae, seed)
        if not 1 <= k <= d_sae:
            raise ValueError(f"expected k from 1 to d_sae={d_sae}, got {k}")
        self.k = k

    def activate(self, pre_acts: Acts) -> Acts:
        """Keep the k largest per token."""
        return keep_largest(pre_acts, self.k)

    def bypass(self, x: X) -> Y:
        """Return zeros: everything goes through the latents."""
        return x.new_zeros(*x.shape[:-1], self.d_out)

    def penalty(self, acts: Acts) -> Scalar:
        """Return zero: k decides how many latents are active."""
        return acts.new_zeros(())


@torch.no_grad()
def exact_transcoder(mlp: MLP) -> L1Transcoder:
    """Turn an MLP with ReLU into a transcoder without error: its neurons are the latents.

    Sparse it is only as far as the neurons are. It shows that error zero proves nothing about
    interpretability, and it is a basis in which a graph can be checked exactly.

    Raises: ValueError for an MLP with another nonlinearity.
    """
    if mlp.activation is not F.relu:
        raise ValueError("expected an MLP with activation relu, got another nonlinearity")
    d_in, d_mlp = mlp.W_in.shape
    made = L1Transcoder(d_in, mlp.W_out.shape[1], d_mlp, l1_coefficient=0.0).to(mlp.W_in)
    # exercise 11.3
    made.W_enc.copy_(mlp.W_in)
    made.b_enc.copy_(mlp.b_in)
    made.W_dec.copy_(mlp.W_out)
    made.b_dec.copy_(mlp.b_out)
    return made
