"""Draws how much paths through 0, 1 and 2 heads matter, in models of 0, 1 and 2 layers."""

import torch
from jaxtyping import Int
from matplotlib.figure import Figure
from torch import Tensor

from docs._figures.plotting import publish
from solutions.ch02_transformer import HookedTransformer, load_pretrained
from solutions.ch02_transformer.attention_only import ATTENTION_ONLY
from solutions.ch03_circuits.paths import losses_by_order
from toy_models.attn_0l import train as attn_0l
from toy_models.attn_1l import train as attn_1l
from toy_models.attn_2l import train as attn_2l
from toy_models.corpus import REACH, SURE, bigrams, nearest_rule, rule_table
from toy_models.toys import of_seed

SEEDS, WINDOWS = (0, 1, 2), 256
RECIPES = {
    "attn_0l": attn_0l.RECIPE,
    "attn_1l": attn_1l.recipe(n_heads=1),
    "attn_2l": attn_2l.RECIPE,
}


def main() -> None:
    """Measure nine models and three untrained ones, each on its own kind of text."""
    found, before, best = {}, {}, {}
    for name, recipe in RECIPES.items():
        tokens = recipe.text(WINDOWS * 64, seed=4_000).tokens[: WINDOWS * 64].view(WINDOWS, 64)
        models = [load_pretrained(of_seed(name, seed))[0] for seed in SEEDS]
        found[name] = torch.stack([losses_by_order(model, tokens) for model in models])
        untrained = HookedTransformer(recipe.sizes, ATTENTION_ONLY)
        attn_0l.start(untrained, seed=0, std_embed=recipe.std_embed)
        before[name] = losses_by_order(untrained, tokens)
        if not recipe.repeats:
            best[name] = best_loss(tokens, recipe.skips)
    draw_terms(found, before, best)


def best_loss(tokens: Int[Tensor, "batch pos"], skips: bool) -> float:
    """What a reader who knows the chain and the rules loses, nats a token; windows are whole.

    A source that stands before the window is not seen, by this reader as by the models.
    """
    P, table = bigrams(), rule_table()
    chosen = P[tokens[:, :-1], tokens[:, 1:]]
    if skips:
        for t in range(1, tokens.shape[1] - 1):
            word = nearest_rule(tokens[:, max(0, t - REACH) : t + 1], table)
            right = SURE * (word == tokens[:, t + 1]) + (1 - SURE) * chosen[:, t]
            chosen[:, t] = torch.where(word >= 0, right, chosen[:, t])
    return -chosen.log().mean().item()


def draw_terms(found: dict, before: dict, best: dict) -> None:
    """A group of bars for each model: its loss with paths of at most so many heads."""
    names = {"attn_0l": "no layer", "attn_1l": "one layer", "attn_2l": "two layers"}
    uniform = torch.tensor(64.0).log().item()

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        ink, at, ticks = axes.xaxis.label.get_color(), 0.0, []
        for name, losses in found.items():
            first = at
            for order, column in enumerate(losses.T):
                label = f"paths through at most {order}" if name == "attn_2l" else None
                mean = column.mean().item()
                axes.bar(at, mean, width=0.8, color=f"C{order}", label=label)
                axes.plot([at] * 2, [column.min(), column.max()], color=ink, linewidth=1.4)
                axes.annotate(f"{mean:.2f}", (at, column.max()), (0, 3),
                              textcoords="offset points", ha="center")  # fmt: skip
                at += 1
            if name in best:
                axes.plot([first - 0.45, at - 0.55], [best[name]] * 2, "--", color=ink, lw=0.9)
            ticks.append((first + at - 1) / 2)
            at += 0.8
        axes.axhline(uniform, linewidth=0.8, linestyle=":", color=ink)
        axes.annotate("guessing", (at - 0.9, uniform), (0, -11), textcoords="offset points",
                      ha="right")  # fmt: skip
        axes.set_xticks(ticks, names.values())
        axes.set(ylabel="loss (nats a token)", ylim=(0, max(uniform, 6.2)))
        axes.legend(frameon=False, loc="upper left")

    mean = {name: [round(x, 2) for x in losses.mean(dim=0).tolist()] for name, losses in
            found.items()}  # fmt: skip
    publish(
        "ch03_terms",
        draw,
        alt=f"Loss with paths through at most 0, 1, 2 heads: no layer {mean['attn_0l']}; one layer "
        f"{mean['attn_1l']}; two layers {mean['attn_2l']}. Guessing gives {uniform:.2f}. "
        "In each model nearly all of the gain of heads comes with paths through one head.",
        numbers={
            "losses": found,
            "untrained": before,
            "best_possible": best,
            "uniform": uniform,
        },
        seeds=SEEDS,
        sources=[__file__],
        size=(6.8, 3.6),
    )


if __name__ == "__main__":
    main()
