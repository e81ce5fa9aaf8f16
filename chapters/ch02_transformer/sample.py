"""Generate text, one token at a time.

1. Logits at the last position, divided by the temperature, are converted to probabilities.
2. Top-k keeps the k likeliest tokens; top-p keeps the fewest that have probability p together.
3. One of these tokens is drawn and appended; the next step uses the KV cache (`stream_tokens`).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..ch00_looking.checks import check_finite
from .kv_cache import KVCache
from .layers import Tokens
from .model import HookedTransformer
from .norms import at_least_float32
from .padding import Mask, last_token

COLDEST = 1e-30
"""Temperatures below this one are greedy: divided by them, float32 is infinite or NaN."""
PerToken = Float[Tensor, "batch d_vocab"]


@dataclass(frozen=True)
class SampleConfig:
    """How the next token is chosen. The default is greedy: always the likeliest.

    Raises: ValueError for a temperature that is not a number of 0 or more, k below 1, or p outside
        (0, 1].
    """

    temperature: float = 0.0
    """0 takes the likeliest token; 1 draws from the model's own distribution; more is flatter."""
    top_k: int | None = None
    """Draw among the k likeliest tokens only."""
    top_p: float | None = None
    """Draw among the fewest tokens that have this probability together."""
    seed: int = 0
    """Seed of the draws."""

    def __post_init__(self) -> None:
        if not 0 <= self.temperature < math.inf:
            raise ValueError(f"expected temperature 0 (greedy) or more, got {self.temperature}")
        if self.top_k is not None and not (type(self.top_k) is int and self.top_k >= 1):
            raise ValueError(f"expected top_k of at least 1, got {self.top_k}")
        if self.top_p is not None and not 0 < self.top_p <= 1:
            raise ValueError(f"expected top_p in (0, 1], got {self.top_p}")


def top_k_probabilities(logits: PerToken, temperature: float, k: int | None = None) -> PerToken:
    """Compute probabilities at a temperature above 0, all but the k likeliest tokens set to 0.

    The kept ones sum to 1; exactly k are kept, whichever of several equal ones. k may be larger
    than the vocabulary; None keeps everything.
    """
    # exercise 2.17
    raise NotImplementedError("exercise 2.17")


def keep_top_p(probabilities: PerToken, p: float) -> PerToken:
    """Keep the fewest likeliest tokens whose probability reaches p, rescaled to sum to 1.

    The token at which the sum crosses p is kept, so at least one always is.

    Source: Holtzman et al. 2019, "The Curious Case of Neural Text Degeneration".
    """
    # exercise 2.18
    raise NotImplementedError("exercise 2.18")


def next_token(
    logits: PerToken, config: SampleConfig, generator: torch.Generator
) -> Int[Tensor, "batch 1"]:
    """Choose a token for each sequence of the batch.

    Raises: ValueError for logits that are NaN or infinite; -inf forbids a token, but not all.
    """
    check_finite(logits, "logits", allow_minus_inf=True)
    if logits.isneginf().all(dim=-1).any():
        raise ValueError("expected a logit above -inf in each row, got a row that has none")
    if config.temperature < COLDEST:
        return logits.argmax(dim=-1, keepdim=True)
    # The largest logit becomes 0, so that no temperature makes it overflow.
    logits = at_least_float32(logits)
    logits = logits - logits.amax(dim=-1, keepdim=True)
    probabilities = top_k_probabilities(logits, config.temperature, config.top_k)
    if config.top_p is not None:
        probabilities = keep_top_p(probabilities, config.top_p)
    return torch.multinomial(probabilities.cpu(), 1, generator=generator).to(logits.device)


def stream_tokens(
    model: HookedTransformer,
    tokens: Tokens,
    n_new: int,
    config: SampleConfig = SampleConfig(),
    mask: Mask | None = None,
) -> Iterator[Int[Tensor, "batch 1"]]:
    """Generate n_new tokens per sequence, yielding each as soon as it is chosen.

    Each step runs the model on the new token alone and takes the rest from a KV cache: hooks see
    the whole prompt once, and then one position at a time.

    mask: True for the prompts' tokens, where prompts are padded.

    Raises: ValueError for an empty prompt, a negative number of new tokens, or when prompt and new
        tokens are more than n_ctx.
    """
    if not isinstance(n_new, int) or n_new < 0:
        raise ValueError(f"expected n_new as a whole number from 0 on, got {n_new!r:.40}")
    if tokens.ndim == 2 and not tokens.shape[1]:
        raise ValueError("expected prompts of at least one token, got none; begin with a BOS token")
    if tokens.shape[-1] + n_new - 1 > model.config.n_ctx:
        raise ValueError(
            f"expected at most n_ctx={model.config.n_ctx} tokens, got {tokens.shape[-1]} of the "
            f"prompt and {n_new} new ones"
        )
    generator = torch.Generator().manual_seed(config.seed)
    past = KVCache(model.config.n_layers)
    for _ in range(n_new):
        with torch.no_grad():
            logits = last_token(model(tokens, past=past, mask=mask), mask)
        tokens, mask = next_token(logits, config, generator), None
        yield tokens


def generate(
    model: HookedTransformer,
    tokens: Tokens,
    n_new: int,
    config: SampleConfig = SampleConfig(),
    mask: Mask | None = None,
) -> Int[Tensor, "batch total"]:
    """Return the prompt with n_new generated tokens after it, also after padding on the right."""
    return torch.cat([tokens, *stream_tokens(model, tokens, n_new, config, mask)], dim=1)
