"""Train attn_0l, the attention-only toy without a layer, and compare it with its bigram chain.

`python -m toy_models train attn_0l` takes half a minute of one core. `--seed` trains the models in
seed_1 and seed_2.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from solutions.ch02_transformer import HookedTransformer
from solutions.ch02_transformer.train import TrainConfig
from toy_models.recipes.attention_only import Recipe, run, sizes
from toy_models.synthetic_text import bigrams, stationary

RECIPE = Recipe(
    sizes(n_layers=0),
    TrainConfig(
        steps=1_500,
        batch_size=256,
        window=64,
        lr=0.01,
        weight_decay=0.0,
        betas=(0.9, 0.999),
        eval_every=500,
    ),
)


def bigram_logits(model: HookedTransformer) -> Float[Tensor, "here next"]:
    """Compute the direct path W_E W_U, each row centred."""
    logits = (model.embed.W_E @ model.unembed.W_U).detach().double()
    return logits - logits.mean(dim=-1, keepdim=True)


def centred(P: Float[Tensor, "here next"]) -> Float[Tensor, "here next"]:
    """Compute log probabilities, each row centred."""
    return P.log() - P.log().mean(dim=-1, keepdim=True)


def report(model: HookedTransformer) -> dict[str, float]:
    """Compare the model with the chain: KL divergence in nats per token, correlation of logits."""
    P, logits = bigrams(), bigram_logits(model)
    kl = (P * (P.log() - logits.log_softmax(dim=-1))).sum(dim=-1)
    both = torch.stack([logits.flatten(), centred(P).flatten()])
    return {"KL": (stationary(P) @ kl).item(), "correlation": torch.corrcoef(both)[0, 1].item()}


def main(arguments: list[str] | None = None) -> None:
    """Train one model."""
    run("attn_0l", RECIPE, report, arguments or [])


if __name__ == "__main__":
    main()
