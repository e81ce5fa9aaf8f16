"""Draw the loss saved by paths through 0, 1 and 2 heads, in models of 0, 1 and 2 layers."""

import torch
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from torch import Tensor

from docs._figures.lib.plotting import publish
from solutions.ch02_transformer import HookedTransformer, load_pretrained
from solutions.ch02_transformer.attention_only import ATTENTION_ONLY
from solutions.ch03_circuits.paths import losses_by_order
from toy_models import folder
from toy_models.attn_0l import train as attn_0l
from toy_models.attn_1l import train as attn_1l
from toy_models.attn_2l import train as attn_2l
from toy_models.recipes.attention_only import initialize
from toy_models.synthetic_text import (
    REACH,
    RULE_PROBABILITY,
    WORDS,
    bigrams,
    nearest_rule,
    rule_table,
)

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
        models = [load_pretrained(folder(name, seed))[0] for seed in SEEDS]
        found[name] = torch.stack([losses_by_order(model, tokens) for model in models])
        untrained = HookedTransformer(recipe.sizes, ATTENTION_ONLY)
        initialize(untrained, seed=0, std_embed=recipe.std_embed)
        before[name] = losses_by_order(untrained, tokens)
        if not recipe.repeats:
            best[name] = best_loss(tokens, recipe.skips)
    draw_terms(found, before, best)


def best_loss(tokens: Int[Tensor, "batch pos"], skips: bool) -> float:
    """Compute the loss of a predictor that has the chain and the rules, in nats per token.

    Like the models, it does not see a source before the window.
    """
    P, table = bigrams(), rule_table()
    chosen = P[tokens[:, :-1], tokens[:, 1:]]
    if skips:
        for t in range(1, tokens.shape[1] - 1):
            word = nearest_rule(tokens[:, max(0, t - REACH) : t + 1], table)
            right = (
                RULE_PROBABILITY * (word == tokens[:, t + 1])
                + (1 - RULE_PROBABILITY) * chosen[:, t]
            )
            chosen[:, t] = torch.where(word >= 0, right, chosen[:, t])
    return -chosen.log().mean().item()


def savings(losses: Float[Tensor, "seed order"]) -> Float[Tensor, "seed order"]:
    """Compute what the paths of each order save, added to lower orders; first over guessing."""
    guessing = torch.full_like(losses[:, :1], len(WORDS)).log()
    return -torch.cat([guessing, losses], dim=1).diff(dim=1)


def draw_bars(axes: Axes, saved: dict) -> None:
    """Draw a bar for each model and order, with its number and the range over seeds."""
    ink, at, ticks = axes.xaxis.label.get_color(), 0.0, []
    for name, values in saved.items():
        first = at
        for order, column in enumerate(values.T):
            label = f"paths through {order or 'no'} head{'s' * (order != 1)}"
            shown = label if name == "attn_2l" else None
            axes.bar(at, column.mean(), width=0.8, color=f"C{order}", label=shown)
            axes.plot([at] * 2, [column.min(), column.max()], color=ink, linewidth=1.4)
            place, number = (at, max(column.max().item(), 0)), f"{column.mean():.3f}"
            axes.annotate(number, place, (0, 3), textcoords="offset points", ha="center")
            at += 1
        ticks.append((first + at - 1) / 2)
        at += 0.8
    axes.axhline(0, linewidth=0.8, color=ink)
    axes.set_xticks(ticks, ("no layer", "one layer", "two layers"))
    axes.set(ylabel="loss saved (nats per token)")
    axes.margins(y=0.12)
    axes.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.1), ncols=3)


def draw_terms(found: dict, before: dict, best: dict) -> None:
    """Publish a group of bars for each model: what its paths of each order save."""
    saved = {name: savings(losses) for name, losses in found.items()}

    uniform = torch.tensor(float(len(WORDS))).log().item()
    mean = {name: [round(x, 2) for x in v.mean(dim=0).tolist()] for name, v in saved.items()}
    publish(
        "ch03_terms",
        lambda figure: draw_bars(figure.subplots(), saved),
        alt="Nats saved by paths through 0, 1, 2 heads, each added to the lower ones: no layer "
        f"{mean['attn_0l']}; one layer {mean['attn_1l']}; two layers {mean['attn_2l']}. Paths "
        "through two heads in a row save next to nothing.",
        numbers={
            "losses": found,
            "saved": saved,
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
