"""The model under study: it classifies a review as good or bad.

    tokens -> embed -> pool -> hidden -> output -> two logits

1. embed: each token selects its vector, a row of W_E;
2. pool: the vectors of a review are averaged (exercise 0.1), so their order is lost;
3. hidden: one layer of ReLU neurons;
4. output: two logits, index 0 for bad and index 1 for good.

Every stage is a method, so its output can be probed (probe.py), differentiated (saliency.py) or
replaced (interventions.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from .checks import check_finite, check_tokens
from .tensors import mean_over_positions

Logits = Float[Tensor, "batch two"]


@dataclass(frozen=True)
class SentimentModelConfig:
    """Sizes of a SentimentModel.

    Raises: ValueError when a size is below 1.
    """

    d_vocab: int
    """Number of tokens in the vocabulary."""
    d_model: int
    """Width of a token vector and of their average."""
    d_hidden: int
    """Number of ReLU neurons."""

    def __post_init__(self) -> None:
        for name, size in vars(self).items():
            if size < 1:
                raise ValueError(f"expected {name} >= 1, got {size}")


class SentimentModel(nn.Module):
    """Bag of words with one hidden layer.

    logits = ReLU(mean(W_E[tokens]) @ W_in + b_in) @ W_out + b_out
    """

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
        """Build a model from a config and weights, as `toy_models.load("shortcut")` returns them.

        Raises: ValueError when a name or a shape of the tensors does not fit the config.
        """
        model = cls(
            SentimentModelConfig(**{k: config[k] for k in ("d_vocab", "d_model", "d_hidden")})
        )
        expected = {name: list(w.shape) for name, w in model.named_parameters()}
        shapes = {name: list(tensor.shape) for name, tensor in tensors.items()}
        if shapes != expected:
            raise ValueError(f"expected tensors of the shapes {expected}, got {shapes}")
        model.load_state_dict(dict(tensors))
        return model

    def embed(self, tokens: Int[Tensor, "batch pos"]) -> Float[Tensor, "batch pos d_model"]:
        """Look up the vector of each token.

        Raises: ValueError for anything but a batch of tokens of the vocabulary.
        """
        check_tokens(tokens, len(self.W_E))
        return self.W_E[tokens]

    def pool(self, embedded: Float[Tensor, "batch pos d_model"]) -> Float[Tensor, "batch d_model"]:
        """Average the vectors of each review."""
        return mean_over_positions(embedded)

    def hidden(self, pooled: Float[Tensor, "batch d_model"]) -> Float[Tensor, "batch d_hidden"]:
        """Compute the activations of the ReLU neurons."""
        return (pooled @ self.W_in + self.b_in).relu()

    def output(self, hidden: Float[Tensor, "batch d_hidden"]) -> Logits:
        """Project the neurons to the two logits."""
        return hidden @ self.W_out + self.b_out

    def logits_from_embedded(self, embedded: Float[Tensor, "batch pos d_model"]) -> Logits:
        """Compute the logits from token vectors, original or changed."""
        return self.logits_from_pooled(self.pool(embedded))

    def logits_from_pooled(self, pooled: Float[Tensor, "batch d_model"]) -> Logits:
        """Compute the logits from averaged vectors, original or changed."""
        return self.output(self.hidden(pooled))

    def forward(self, tokens: Int[Tensor, "batch pos"]) -> Logits:
        """Compute the logits of bad and good for each review."""
        return self.logits_from_embedded(self.embed(tokens))

    @torch.no_grad()
    def predict(self, tokens: Int[Tensor, "batch pos"]) -> Int[Tensor, " batch"]:
        """Predict the class of each review: 1 for good, 0 for bad."""
        logits: Logits = self(tokens)
        check_finite(logits, "logits")
        return logits.argmax(dim=-1)
