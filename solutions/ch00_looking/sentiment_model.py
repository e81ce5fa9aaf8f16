"""The model under study: it reads a review and says good or bad.

    tokens -> embed -> pool -> hidden -> output -> two logits

1. each token becomes a vector, a row of W_E;
2. the vectors of a review are averaged (exercise 0.1), so the model cannot know their order;
3. one layer of ReLU neurons reads the average;
4. two logits are read off the neurons: bad is 0, good is 1.

Every stage is a method, so its output can be probed (probe.py), differentiated (saliency.py) or
replaced (interventions.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from .tensors import mean_over_positions


@dataclass(frozen=True)
class SentimentModelConfig:
    """The sizes of a SentimentModel.

    Raises: ValueError when one of them is below 1.
    """

    d_vocab: int
    """Number of tokens it can read."""
    d_model: int
    """Width of an embedding and of the average."""
    d_hidden: int
    """ReLU neurons."""

    def __post_init__(self) -> None:
        for name, size in vars(self).items():
            if size < 1:
                raise ValueError(f"{name} must be at least 1, but it is {size}")


class SentimentModel(nn.Module):
    """A bag of words with one hidden layer: logits = W_out ReLU(W_in mean(W_E[tokens]) + b) + b."""

    W_E: Float[Tensor, "d_vocab d_model"]
    W_in: Float[Tensor, "d_model d_hidden"]
    b_in: Float[Tensor, " d_hidden"]
    W_out: Float[Tensor, "d_hidden two"]
    b_out: Float[Tensor, " two"]

    def __init__(self, config: SentimentModelConfig, seed: int = 0) -> None:
        super().__init__()
        self.config = config
        generator = torch.Generator().manual_seed(seed)

        def normal(*shape: int, scale: float) -> nn.Parameter:
            return nn.Parameter(torch.randn(*shape, generator=generator) * scale)

        self.W_E = normal(config.d_vocab, config.d_model, scale=1.0)
        self.W_in = normal(config.d_model, config.d_hidden, scale=config.d_model**-0.5)
        self.b_in = nn.Parameter(torch.zeros(config.d_hidden))
        self.W_out = normal(config.d_hidden, 2, scale=config.d_hidden**-0.5)
        self.b_out = nn.Parameter(torch.zeros(2))

    @classmethod
    def from_tensors(
        cls, config: Mapping[str, Any], tensors: Mapping[str, Tensor]
    ) -> "SentimentModel":
        """Build a model from data, such as `toy_models.load("shortcut")` gives.

        Raises: ValueError when the names or shapes of the tensors are not those of the sizes.
        """
        model = cls(
            SentimentModelConfig(**{k: config[k] for k in ("d_vocab", "d_model", "d_hidden")})
        )
        expected = {name: list(w.shape) for name, w in model.named_parameters()}
        came = {name: list(tensor.shape) for name, tensor in tensors.items()}
        if came != expected:
            raise ValueError(f"expected the tensors {expected}, but {came} came")
        model.load_state_dict(dict(tensors))
        return model

    def embed(self, tokens: Int[Tensor, "batch pos"]) -> Float[Tensor, "batch pos d_model"]:
        """Look up the vector of each token."""
        return self.W_E[tokens]

    def pool(self, embedded: Float[Tensor, "batch pos d_model"]) -> Float[Tensor, "batch d_model"]:
        """Average the vectors of each review."""
        return mean_over_positions(embedded)

    def hidden(self, pooled: Float[Tensor, "batch d_model"]) -> Float[Tensor, "batch d_hidden"]:
        """Fire the neurons on the average."""
        return (pooled @ self.W_in + self.b_in).relu()

    def output(self, hidden: Float[Tensor, "batch d_hidden"]) -> Float[Tensor, "batch two"]:
        """Read the two logits off the neurons."""
        return hidden @ self.W_out + self.b_out

    def logits_from_embedded(
        self, embedded: Float[Tensor, "batch pos d_model"]
    ) -> Float[Tensor, "batch two"]:
        """Go on from the tokens' vectors, whoever made them."""
        return self.logits_from_pooled(self.pool(embedded))

    def logits_from_pooled(
        self, pooled: Float[Tensor, "batch d_model"]
    ) -> Float[Tensor, "batch two"]:
        """Go on from the averages, whoever made them."""
        return self.output(self.hidden(pooled))

    def forward(self, tokens: Int[Tensor, "batch pos"]) -> Float[Tensor, "batch two"]:
        """Logits of bad and good for each review."""
        return self.logits_from_embedded(self.embed(tokens))

    @torch.no_grad()
    def predict(self, tokens: Int[Tensor, "batch pos"]) -> Int[Tensor, " batch"]:
        """What the model says: 1 for good."""
        return self(tokens).argmax(dim=-1)
