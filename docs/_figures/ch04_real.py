"""Draws the heads of the real model by their scores, and what taking them out costs."""

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor
from tqdm import tqdm

from docs._figures.plotting import publish
from docs._figures.spread import dots, legend_above
from solutions.ch00_looking import bootstrap_interval
from solutions.ch02_transformer import HookedTransformer, load_pretrained
from solutions.ch04_induction import (
    full_ablation,
    head_scores,
    random_heads,
    repeated_segments,
    token_losses,
)

WEIGHTS = "SmolLM2-135M-Instruct, 4-bit weights (Q4_1), dequantised"
PERIOD, REPEATS, TEXTS = 25, 4, 8
LOWEST, HIGHEST = 1000, 40_000
"""Tokens are drawn from these: neither the commonest nor the rarest."""
N_SETS, SIZES = 6, (4, 16)


def texts(seed: int, n: int) -> Tensor:
    """Random segments of 25 tokens, four times, after the token that starts a text."""
    generator = torch.Generator().manual_seed(seed)
    tokens = repeated_segments(HIGHEST - LOWEST, n, PERIOD, REPEATS, generator) + LOWEST
    return torch.cat([torch.zeros(n, 1, dtype=torch.long), tokens], dim=1)


def main() -> None:
    """Score every head on three sets of texts, then ablate the best and random ones."""
    model, _ = load_pretrained("smollm2-135m")
    scores = [head_scores(model, texts(seed, TEXTS), PERIOD, first=1) for seed in range(3)]
    draw_scores(scores)
    best = torch.stack([score.prefix for score in scores]).mean(dim=0)
    draw_ablation(model, best)


def draw_scores(scores: list) -> None:
    """Three maps of layers by heads, and the strongest heads of each kind."""
    kinds = {"prefix": "induction", "previous": "previous token", "duplicate": "duplicate token"}
    means = {
        kind: torch.stack([getattr(score, kind) for score in scores]).mean(dim=0) for kind in kinds
    }
    spread = {
        kind: torch.stack([getattr(score, kind) for score in scores]).std(dim=0) for kind in kinds
    }
    top = {}
    for kind, values in means.items():
        order = values.flatten().argsort(descending=True)[:8].tolist()
        pairs = [divmod(number, values.shape[1]) for number in order]
        top[kind] = [
            {"head": f"{a}.{b}", "score": values[a, b].item(), "std": spread[kind][a, b].item()}
            for a, b in pairs
        ]

    def draw(figure: Figure) -> None:
        for axes, (kind, title) in zip(figure.subplots(1, 3), kinds.items(), strict=True):
            image = axes.imshow(means[kind].numpy(), vmin=0, vmax=1, aspect="auto")
            axes.set_xticks(range(0, 9, 2))
            axes.set(title=title, xlabel="head", ylabel="layer" if kind == "prefix" else "")
        figure.colorbar(image, ax=figure.axes, label="share of attention")

    publish(
        "ch04_real_heads",
        draw,
        alt="Three maps of the 30 layers by 9 heads. "
        + " ".join(
            f"Best {kinds[kind]} head: {top[kind][0]['head']}, {top[kind][0]['score']:.2f}."
            for kind in kinds
        ),
        numbers={
            "model": WEIGHTS,
            "texts": TEXTS,
            "period": PERIOD,
            "repeats": REPEATS,
            "top": top,
        },
        sources=[__file__],
        seeds=range(3),
        size=(8.0, 5.2),
    )


def draw_ablation(model: HookedTransformer, best: Tensor) -> None:
    """In-context score without the best induction heads, and without as many random others."""
    tokens, generator = texts(100, 5), torch.Generator().manual_seed(0)
    order = [divmod(n, best.shape[1]) for n in best.flatten().argsort(descending=True).tolist()]
    early, late = PERIOD // 2, 3 * PERIOD + PERIOD // 2

    def score(logits: Tensor) -> tuple[float, list[float]]:
        losses = token_losses(logits, tokens)
        later = losses[:, late - 6 : late + 6].mean(dim=1)
        per_text = later - losses[:, early - 6 : early + 6].mean(dim=1)
        return later.mean().item(), per_text.tolist()

    with torch.no_grad():
        whole = score(model(tokens))
    found, chance = {}, {}
    for size in tqdm(SIZES, desc="sets of heads", unit="size"):
        found[size] = score(full_ablation(model, tokens, order[:size]))
        sets = random_heads(model, size, N_SETS, generator, but=order[: max(SIZES)])
        chance[size] = [score(full_ablation(model, tokens, one)) for one in sets]
    rows = [f"{size} heads" for size in SIZES]

    def mean(pair: tuple[float, list[float]]) -> float:
        return float(np.mean(pair[1]))

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        dots(
            axes,
            ["none taken out", *rows],
            {
                "best induction heads": [[mean(whole)], *([mean(found[s])] for s in SIZES)],
                "random heads": [[mean(whole)], *([mean(p) for p in chance[s]] for s in SIZES)],
            },
            label="in-context score (nats)",
            reach=(min(mean(p) for size in SIZES for p in chance[size]) - 1, 2.5),
        )
        legend_above(axes)

    intervals = {
        size: bootstrap_interval(torch.tensor(found[size][1]), 2000, 0.95, generator)._asdict()
        for size in SIZES
    }
    publish(
        "ch04_real_ablation",
        draw,
        alt=f"In-context score of the real model: whole {mean(whole):.1f} nats; "
        + "; ".join(
            f"without the {size} best induction heads {mean(found[size]):.1f}, without {size} "
            f"random heads {np.mean([mean(p) for p in chance[size]]):.1f} on average"
            for size in SIZES
        )
        + ".",
        numbers={
            "model": WEIGHTS,
            "whole": mean(whole),
            "without_best": {size: mean(found[size]) for size in SIZES},
            "interval_over_texts": intervals,
            "without_random": {size: [mean(p) for p in chance[size]] for size in SIZES},
            "late_loss": {
                "whole": whole[0],
                "without_best": {size: found[size][0] for size in SIZES},
                "without_random": {size: [p[0] for p in chance[size]] for size in SIZES},
            },
            "heads": [f"{a}.{b}" for a, b in order[: max(SIZES)]],
        },
        sources=[__file__],
        seeds=[100],
    )


if __name__ == "__main__":
    main()
