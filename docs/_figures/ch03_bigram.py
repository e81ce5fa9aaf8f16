"""Draw the bigrams of a model without layers: W_E W_U against the chain of its text."""

import torch
from jaxtyping import Float
from matplotlib.figure import Figure
from torch import Tensor

from docs._figures.lib.plotting import bars, publish
from solutions.ch02_transformer import HookedTransformer, load_pretrained
from solutions.ch02_transformer.attention_only import ATTENTION_ONLY
from toy_models import folder
from toy_models.attn_0l.train import RECIPE, bigram_logits, centred, report
from toy_models.recipes.attention_only import initialize
from toy_models.synthetic_text import bigrams, stationary

SEEDS, POINTS = (0, 1, 2), 700


def main() -> None:
    """Measure three models, an untrained one and a unigram model; draw both panels."""
    models = [load_pretrained(folder("attn_0l", seed))[0] for seed in SEEDS]
    found = [report(model) for model in models]
    trained, correlations = ([one[key] for one in found] for key in ("KL", "correlation"))
    P, frequency = bigrams(), stationary(bigrams())
    other = torch.stack([bigram_logits(models[0]).flatten(), centred(bigrams(seed=1)).flatten()])
    kl = {
        "trained": sum(trained) / len(trained),
        "knows only frequencies": (frequency @ (P * (P / frequency).log()).sum(dim=-1)).item(),
        "untrained": report(untrained())["KL"],
    }
    spread = {"trained": (min(trained), max(trained))}
    points = [sample(centred(P)), sample(bigram_logits(models[0]))]

    def draw(figure: Figure) -> None:
        left, right = figure.subplots(1, 2, width_ratios=(1, 1.05))
        left.axline((0, 0), slope=1, linewidth=0.8, color="0.5")
        left.scatter(*points, s=5, linewidths=0, alpha=0.7)
        names = {"xlabel": "log P, each row centered", "ylabel": "W_E W_U, each row centered"}
        left.set(aspect="equal", **names)
        bars(right, kl, errors=spread, label="KL(P || model), nats per token", number="{:.4f}")

    publish(
        "ch03_bigram",
        draw,
        alt="Left: the products of embedding and unembedding lie along the diagonal against the "
        f"chain's log probabilities (correlation {min(correlations):.3f} at least, three seeds). "
        f"Right: the KL divergence from the chain is {kl['trained']:.4f} nats per token for the "
        f"trained models, {kl['knows only frequencies']:.2f} for frequencies alone and "
        f"{kl['untrained']:.2f} for an untrained model.",
        numbers={
            "kl": trained,
            "correlation": correlations,
            "correlation_with_another_chain": torch.corrcoef(other)[0, 1].item(),
            "kl_of_nulls": kl,
        },
        seeds=SEEDS,
        sources=[__file__],
        size=(7.4, 3.3),
    )


def sample(table: Float[Tensor, "current next"]) -> list[float]:
    """Select some entries, the same in every table: all 4,096 would make a large file."""
    some = torch.randperm(table.numel(), generator=torch.Generator().manual_seed(0))[:POINTS]
    return table.flatten()[some].tolist()


def untrained() -> HookedTransformer:
    """Build a model before training."""
    model = HookedTransformer(RECIPE.sizes, ATTENTION_ONLY)
    initialize(model, seed=0, std_embed=RECIPE.std_embed)
    return model


if __name__ == "__main__":
    main()
