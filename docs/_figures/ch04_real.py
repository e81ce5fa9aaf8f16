"""Draw the scores of the real model's heads, and the cost of ablating them."""

from typing import Any, NamedTuple

import torch
from matplotlib.figure import Figure
from torch import Tensor
from tqdm import tqdm

from docs._figures.lib.dot_plot import dot_plot, legend_above
from docs._figures.lib.plotting import publish
from docs._figures.lib.theme import sequential_colormap
from solutions.ch00_looking import bootstrap_interval
from solutions.ch02_transformer import HookedTransformer, load_pretrained
from solutions.ch04_induction import (
    HeadScores,
    full_ablation,
    head_scores,
    random_heads,
    repeated_segments,
    token_losses,
)

WEIGHTS = "SmolLM2-135M-Instruct, 4-bit weights (Q4_1), dequantised"
PERIOD, REPEATS, TEXTS = 25, 4, 8
LOWEST, HIGHEST = 1000, 40_000
"""Range of the drawn tokens: neither the most common nor the rarest."""
KINDS = {"prefix": "induction", "previous": "previous token", "duplicate": "duplicate token"}
N_SETS, SIZES = 6, (4, 16)


def texts(seed: int, n: int) -> Tensor:
    """Draw random segments of 25 tokens, repeated four times after a start token."""
    generator = torch.Generator().manual_seed(seed)
    tokens = repeated_segments(HIGHEST - LOWEST, n, PERIOD, REPEATS, generator) + LOWEST
    return torch.cat([torch.zeros(n, 1, dtype=torch.long), tokens], dim=1)


def main() -> None:
    """Score every head on three sets of texts, then ablate the best and random ones."""
    model, _ = load_pretrained("smollm2-135m")
    scores = [head_scores(model, texts(seed, TEXTS), PERIOD, n_bos=1) for seed in range(3)]
    draw_scores(scores)
    best = torch.stack([score.prefix for score in scores]).mean(dim=0)
    draw_ablation(model, best)


def strongest(scores: list[HeadScores], kind: str) -> list[dict[str, Any]]:
    """List the eight heads with the highest scores, with their spread over sets of texts."""
    values = torch.stack([getattr(score, kind) for score in scores])
    mean, spread = values.mean(dim=0), values.std(dim=0)
    found = []
    for index in mean.flatten().argsort(descending=True)[:8].tolist():
        layer, head = divmod(index, mean.shape[1])
        score, std = mean[layer, head].item(), spread[layer, head].item()
        found.append({"head": f"{layer}.{head}", "score": score, "std": std})
    return found


def draw_scores(scores: list[HeadScores]) -> None:
    """Draw three maps of layers by heads, and list the strongest heads of each kind."""
    means = {
        kind: torch.stack([getattr(score, kind) for score in scores]).mean(dim=0) for kind in KINDS
    }
    top = {kind: strongest(scores, kind) for kind in KINDS}

    def draw(figure: Figure) -> None:
        for axes, (kind, title) in zip(figure.subplots(1, 3), KINDS.items(), strict=True):
            look: dict[str, Any] = {
                "cmap": sequential_colormap(),
                "vmin": 0,
                "vmax": 1,
                "aspect": "auto",
            }
            image = axes.imshow(means[kind].numpy(), **look)
            axes.set_xticks(range(0, 9, 2))
            axes.set(title=title, xlabel="head", ylabel="layer" if kind == "prefix" else "")
        figure.colorbar(image, ax=figure.axes, label="share of attention")

    sizes = {"texts": TEXTS, "period": PERIOD, "repeats": REPEATS}
    publish(
        "ch04_real_heads",
        draw,
        alt="Three maps of the 30 layers by 9 heads. "
        + " ".join(
            f"Best {KINDS[kind]} head: {best[0]['head']}, {best[0]['score']:.2f}."
            for kind, best in top.items()
        ),
        numbers={"model": WEIGHTS, **sizes, "top": top},
        sources=[__file__],
        seeds=range(3),
        size=(8.0, 5.2),
    )


class Context(NamedTuple):
    """Losses late in the texts, and relative to early, as means over twelve tokens."""

    score: list[float]
    """In-context score of each text, in nats."""
    late: float
    """Loss of the late tokens, in nats."""


def context(logits: Tensor, tokens: Tensor) -> Context:
    """Compare losses in the middle of the last repeat and of the first."""
    early, late = PERIOD // 2, 3 * PERIOD + PERIOD // 2
    losses = token_losses(logits, tokens)
    later = losses[:, late - 6 : late + 6].mean(dim=1)
    score = later - losses[:, early - 6 : early + 6].mean(dim=1)
    return Context(score.tolist(), later.mean().item())


def measure_ablation(model: HookedTransformer, best: Tensor) -> dict[str, Any]:
    """Measure the model whole, without its best induction heads, and without random others."""
    tokens, generator = texts(100, 5), torch.Generator().manual_seed(0)
    order = [divmod(n, best.shape[1]) for n in best.flatten().argsort(descending=True).tolist()]
    with torch.no_grad():
        whole = context(model(tokens), tokens)
    found, chance = {}, {}
    for size in tqdm(SIZES, desc="sets of heads", unit="size"):
        found[size] = context(full_ablation(model, tokens, order[:size]), tokens)
        sets = random_heads(model, size, N_SETS, generator, exclude=order[: max(SIZES)])
        chance[size] = [context(full_ablation(model, tokens, one), tokens) for one in sets]
    return {
        "whole": mean(whole.score),
        "without_best": {size: mean(one.score) for size, one in found.items()},
        "interval_over_texts": {
            size: bootstrap_interval(torch.tensor(one.score), 2000, 0.95, generator)._asdict()
            for size, one in found.items()
        },
        "without_random": {size: [mean(one.score) for one in chance[size]] for size in SIZES},
        "late_loss": {
            "whole": whole.late,
            "without_best": {size: one.late for size, one in found.items()},
            "without_random": {size: [one.late for one in chance[size]] for size in SIZES},
        },
        "heads": [f"{a}.{b}" for a, b in order[: max(SIZES)]],
    }


def draw_ablation(model: HookedTransformer, best: Tensor) -> None:
    """Draw the in-context score without the best induction heads and without random others."""
    facts = measure_ablation(model, best)
    whole, without, chance = (facts[key] for key in ("whole", "without_best", "without_random"))

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        series = {
            "best induction heads": [[whole], *([without[size]] for size in SIZES)],
            "random heads": [[whole], *(chance[size] for size in SIZES)],
        }
        rows = ["none ablated", *(f"{size} heads" for size in SIZES)]
        reach = (min(map(min, chance.values())) - 1, 2.5)
        dot_plot(axes, rows, series, label="in-context score (nats)", reach=reach)
        legend_above(axes)

    said = "; ".join(
        f"without the {size} best induction heads {without[size]:.1f}, without {size} random heads "
        f"{mean(chance[size]):.1f} on average"
        for size in SIZES
    )
    publish(
        "ch04_real_ablation",
        draw,
        alt=f"In-context score of the real model: whole {whole:.1f} nats; {said}.",
        numbers={"model": WEIGHTS, **facts},
        sources=[__file__],
        seeds=[100],
    )


def mean(values: list[float]) -> float:
    """Return the mean as a plain number."""
    return sum(values) / len(values)


if __name__ == "__main__":
    main()
