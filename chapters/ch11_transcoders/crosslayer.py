"""Cross-layer transcoders (CLTs): latents that read at one layer and write to all later MLPs too.

1. acts_l = activate(x_l @ W_enc_l + b_enc_l) for each layer l
2. y_hat_l = b_dec_l + sum over s <= l of acts_s @ W_dec_{s->l}

A feature that an ordinary transcoder must find again at every layer is here one latent with several
decoders, so paths through the replaced model get shorter. A decoder to an earlier layer would let
the model know the future; there is none.
Axes: batch (tokens), layer (source or target), d_model, d_sae (latents per layer).
Source: Ameisen et al. 2025, "Circuit Tracing", section 2.
"""

from abc import abstractmethod
from collections.abc import Sequence
from typing import NamedTuple, cast

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from ..ch08_saes import LossParts
from ..ch08_saes.sae import Scalar, TrainedModule
from ..ch08_saes.train import TrainingPass, count_active
from ..ch08_saes.vanilla import check_coefficient
from ..ch09_sparsity.jumprelu import JumpReLU
from ..ch09_sparsity.topk import keep_largest
from .transcoder import AbstractTranscoder, Acts

Resids = Float[Tensor, "batch layer d_model"]
LayerActs = Float[Tensor, "batch layer d_sae"]


class CLTOutput(NamedTuple):
    """What a CLT computes from the MLPs' inputs."""

    y_hat: Resids
    """Prediction of each MLP's output."""
    acts: LayerActs
    """Activation of each latent, zero or positive."""
    pre_acts: LayerActs
    """The same before the activation function."""


class AbstractCLT(TrainedModule):
    """Encoders of all layers, decoders from each layer to itself and later ones.

    W_dec[s] holds the decoders of source layer s; its first axis is the target layer, counted from
    s. Decoders start at zero, encoders at random unit columns.

    Raises: ValueError for sizes below 1.
    """

    W_enc: Float[Tensor, "layer d_model d_sae"]
    b_enc: Float[Tensor, "layer d_sae"]
    W_dec: Sequence[Float[Tensor, "target d_sae d_model"]]
    b_dec: Float[Tensor, "layer d_model"]

    def __init__(self, n_layers: int, d_model: int, d_sae: int, seed: int = 0) -> None:
        super().__init__()
        if min(n_layers, d_model, d_sae) < 1:
            raise ValueError(f"expected sizes of at least 1, got {n_layers}, {d_model} and {d_sae}")
        generator = torch.Generator().manual_seed(seed)
        columns = F.normalize(torch.randn(n_layers, d_model, d_sae, generator=generator), dim=1)
        self.W_enc = nn.Parameter(columns)
        self.b_enc = nn.Parameter(torch.zeros(n_layers, d_sae))
        targets = (torch.zeros(n_layers - source, d_sae, d_model) for source in range(n_layers))
        parameters = nn.ParameterList(map(nn.Parameter, targets))
        self.W_dec = cast(Sequence[Tensor], parameters)
        self.b_dec = nn.Parameter(torch.zeros(n_layers, d_model))
        self.register_buffer("silent_for", torch.zeros(n_layers * d_sae, dtype=torch.long))

    @property
    def n_layers(self) -> int:
        """Number of layers."""
        return len(self.b_dec)

    @property
    def row_size(self) -> int:
        """Numbers in one row of its training data: inputs of all MLPs, then outputs."""
        return 2 * self.b_dec.numel()

    @abstractmethod
    def activate(self, pre_acts: Acts, layer: int) -> Acts:
        """Compute acts from the pre_acts of one layer."""

    @abstractmethod
    def penalty(self, acts: LayerActs) -> Scalar:
        """Compute the sparsity loss."""

    def pre_activations(self, x: Float[Tensor, "*batch d_model"], layer: int) -> Acts:
        """Project the MLP input of a layer to that layer's latents, and add the bias."""
        # exercise 11.9
        raise NotImplementedError("exercise 11.9")

    def decode_layer(self, acts: Sequence[Acts], target: int) -> Float[Tensor, "*batch d_model"]:
        """Add what the latents of all layers up to the target write to its MLP's output.

        acts: activations per source layer; those after the target are not needed.
        """
        # exercise 11.9
        raise NotImplementedError("exercise 11.9")

    def forward(self, x: Resids) -> CLTOutput:
        """Predict all MLPs' outputs from their inputs."""
        layers = range(self.n_layers)
        pre_acts = [self.pre_activations(x[:, layer], layer) for layer in layers]
        acts = [self.activate(pre_acts[layer], layer) for layer in layers]
        y_hat = [self.decode_layer(acts, target) for target in layers]
        return CLTOutput(*(torch.stack(parts, dim=1) for parts in (y_hat, acts, pre_acts)))

    def decoder_norms(self) -> Float[Tensor, "layer d_sae"]:
        """Compute the length of each latent's decoders, concatenated over target layers.

        Decoders start at zero, where the square root has no gradient; a norm has one, zero.
        """
        # exercise 11.10
        raise NotImplementedError("exercise 11.10")

    def loss_parts(self, y: Resids, made: CLTOutput) -> LossParts:
        """Compute the squared error, summed over layers, and the sparsity loss."""
        auxiliary = y.new_zeros(())
        # exercise 11.10
        raise NotImplementedError("exercise 11.10")

    def constrain_gradients(self) -> None:
        """Leave gradients as they are."""

    def constrain_weights(self) -> None:
        """Leave weights as they are."""


def clt_pass(clt: AbstractCLT, rows: Float[Tensor, "batch row"]) -> TrainingPass:
    """Run a CLT on rows of all MLPs' inputs, then outputs; for chapter 8's trainer."""
    x, y = rows.unflatten(1, (2, *clt.b_dec.shape)).unbind(dim=1)
    made = clt(x)
    return TrainingPass(clt.loss_parts(y, made), count_active(made.acts.flatten(1)))


class TopKCLT(AbstractCLT):
    """The k largest pre-activations of each token and layer are active; there is no penalty.

    Differs: the paper uses JumpReLU. With k fixed, variants can be compared at equal L0.
    """

    def __init__(self, n_layers: int, d_model: int, d_sae: int, k: int, seed: int = 0) -> None:
        super().__init__(n_layers, d_model, d_sae, seed)
        if not 1 <= k <= d_sae:
            raise ValueError(f"expected k from 1 to d_sae={d_sae}, got {k}")
        self.k = k

    def activate(self, pre_acts: Acts, layer: int) -> Acts:
        """Keep the k largest per token, in every layer alike."""
        del layer
        return keep_largest(pre_acts, self.k)

    def penalty(self, acts: LayerActs) -> Scalar:
        """Return zero: k decides how many latents are active."""
        return acts.new_zeros(())


class JumpReLUCLT(AbstractCLT):
    """A threshold per latent, and a tanh penalty on activation times decoder length.

    lambda sum_i tanh(c f_i ||W_dec,i||): close to lambda for a latent that writes much, whatever
    its strength, so that strong activations are not shrunk.

    coefficient: lambda. steepness: c. threshold, width: see chapter 9's JumpReLU.
    """

    def __init__(
        self,
        n_layers: int,
        d_model: int,
        d_sae: int,
        coefficient: float,
        seed: int = 0,
        steepness: float = 4.0,
        threshold: float = 0.03,
    ) -> None:
        super().__init__(n_layers, d_model, d_sae, seed)
        if not (threshold > 0 and steepness > 0):
            raise ValueError(
                f"expected a positive threshold and steepness, got {threshold} and {steepness}"
            )
        self.coefficient, self.steepness = check_coefficient(coefficient), float(steepness)
        self.width = 1.0
        self.log_threshold = nn.Parameter(torch.full((n_layers, d_sae), threshold).log())

    def activate(self, pre_acts: Acts, layer: int) -> Acts:
        """Keep what exceeds the layer's thresholds."""
        acts: Acts = JumpReLU.apply(pre_acts, self.log_threshold[layer].exp(), self.width)
        return acts

    def penalty(self, acts: LayerActs) -> Scalar:
        """Compute lambda sum tanh(c f_i ||W_dec,i||) over all layers, as a mean over the batch."""
        # exercise 11.10
        raise NotImplementedError("exercise 11.10")


@torch.no_grad()
def as_crosslayer(transcoders: Sequence[AbstractTranscoder], k: int) -> TopKCLT:
    """Write transcoders, one per layer, as a CLT that computes the same.

    Only the decoders from a layer to itself are used; the others stay zero.

    Raises: ValueError for transcoders of different sizes.
    """
    shapes = {(t.d_in, t.d_out, t.d_sae) for t in transcoders}
    if len(shapes) != 1 or next(iter(shapes))[0] != next(iter(shapes))[1]:
        raise ValueError(f"expected transcoders of one size with d_in = d_out, got {shapes}")
    d_model, _, d_sae = next(iter(shapes))
    clt = TopKCLT(len(transcoders), d_model, d_sae, k).to(transcoders[0].W_enc)
    # exercise 11.11
    raise NotImplementedError("exercise 11.11")
