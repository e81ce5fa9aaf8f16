"""Draws what a model without layers knows: W_E W_U against the chain that wrote its text."""

import torch
from matplotlib.figure import Figure

from docs._figures.plotting import bars, publish
from solutions.ch02_transformer import HookedTransformer, load_pretrained
from toy_models.attn_0l.train import RECIPE, bigram_logits, centred, report, start
from toy_models.corpus import bigrams, stationary
from toy_models.toys import of_seed

SEEDS, POINTS = (0, 1, 2), 700


def main() -> None:
    """Measure three models, an untrained one and a unigram model; draw both panels."""
    models = [load_pretrained(of_seed("attn_0l", seed))[0] for seed in SEEDS]
    found = [report(model) for model in models]
    P = bigrams()
    share = stationary(P)
    before = HookedTransformer(RECIPE.sizes, models[0].parts)
    start(before, seed=0, std_embed=RECIPE.std_embed)
    other = torch.stack([bigram_logits(models[0]).flatten(), centred(bigrams(seed=1)).flatten()])
    kl = {
        "trained": sum(one["KL"] for one in found) / len(found),
        "knows only frequencies": (share @ (P * (P / share).log()).sum(dim=-1)).item(),
        "untrained": report(before)["KL"],
    }
    spread = {"trained": (min(one["KL"] for one in found), max(one["KL"] for one in found))}
    generator = torch.Generator().manual_seed(0)
    some = torch.randperm(P.numel(), generator=generator)[:POINTS]
    x, y = (z.flatten()[some].tolist() for z in (centred(P), bigram_logits(models[0])))

    def draw(figure: Figure) -> None:
        left, right = figure.subplots(1, 2, width_ratios=(1, 1.05))
        ends = (min(x + y), max(x + y))
        left.plot(ends, ends, linewidth=0.8, color=left.xaxis.label.get_color(), alpha=0.5)
        left.scatter(x, y, s=5, linewidths=0, alpha=0.7)
        left.set(xlabel="log P, each row centred", ylabel="W_E W_U, each row centred")
        left.set_aspect("equal")
        bars(right, kl, errors=spread, label="KL(P || model), nats a token", number="{:.4f}")

    correlations = [one["correlation"] for one in found]
    publish(
        "ch03_bigram",
        draw,
        alt="Left: the products of embedding and unembedding lie along the diagonal against the "
        f"chain's log probabilities (correlation {min(correlations):.3f} at least, three seeds). "
        f"Right: the trained models are {kl['trained']:.4f} nats a token from the chain; a model "
        f"of frequencies alone is {kl['knows only frequencies']:.2f}, an untrained one "
        f"{kl['untrained']:.2f} away.",
        numbers={
            "kl": [one["KL"] for one in found],
            "correlation": correlations,
            "correlation_with_another_chain": torch.corrcoef(other)[0, 1].item(),
            "kl_unigram": kl["knows only frequencies"],
            "kl_untrained": kl["untrained"],
        },
        seeds=SEEDS,
        sources=[__file__],
        size=(7.4, 3.3),
    )


if __name__ == "__main__":
    main()
