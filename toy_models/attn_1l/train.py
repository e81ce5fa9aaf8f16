"""Train attn_1l: one layer with a single head, on a text with skip-trigrams.

`python -m toy_models train attn_1l` takes half a minute of one core. `--heads 2` trains the models
of the folders two_heads_*: two heads can carry out two rules of one source separately.
"""

import argparse
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from solutions.ch02_transformer import HookedTransformer
from solutions.ch02_transformer.train import TrainConfig
from toy_models.recipes.attention_only import Recipe, run, sizes
from toy_models.synthetic_text import REACH, RULES, TOKEN, bigrams, bugs, draw_text, rule_table


def recipe(n_heads: int) -> Recipe:
    """Make the recipe for one or more heads of 32 dimensions each."""
    training = TrainConfig(
        steps=2_000, batch_size=32, window=64, lr=0.01, weight_decay=0.01, eval_every=500
    )
    return Recipe(sizes(n_layers=1, n_heads=n_heads, d_head=32), training, skips=True)


class Row(NamedTuple):
    """Probability of a word after `here`, with and without a source before it."""

    source: str
    """The word that may occur among the last REACH."""
    here: str
    """The current word."""
    out: str
    """The word whose probability is measured."""
    base: float
    """Probability in the chain, which is the truth where no rule applies."""
    without: float
    """The model's mean where neither this source nor another one with a rule is within reach."""
    with_source: float
    """The model's mean where this source is within reach, and no other one with a rule."""


def contexts(
    tokens: Int[Tensor, "batch pos"], source: str, here: str
) -> tuple[Bool[Tensor, "batch pos"], Bool[Tensor, "batch pos"]]:
    """Mark where `here` occurs with only this source within reach, and where with no source."""
    ruled = rule_table()[:, TOKEN[here]] >= 0
    ruled[TOKEN[source]] = False
    with_source, with_other = (torch.zeros_like(tokens, dtype=torch.bool) for _ in range(2))
    for back in range(1, REACH + 1):
        with_source[:, back:] |= tokens[:, :-back] == TOKEN[source]
        with_other[:, back:] |= ruled[tokens[:, :-back]]
    reads = tokens == TOKEN[here]
    reads[:, :REACH] = False  # a source may lie before the window
    alone = reads & ~with_other
    return alone & with_source, alone & ~with_source


@torch.no_grad()
def skip_rows(model: HookedTransformer, planted: tuple[tuple[str, str, str], ...]) -> list[Row]:
    """Measure each (source, here, out) on the same held-out text of 200,000 tokens."""
    tokens = draw_text(200_000, seed=3_000, skips=True).tokens
    tokens = tokens[: len(tokens) // 64 * 64].view(-1, 64)
    probabilities = torch.cat([model(batch).softmax(dim=-1) for batch in tokens.split(512)])
    P, rows = bigrams(), []
    for source, here, out in planted:
        masks = contexts(tokens, source, here)
        base = P[TOKEN[here], TOKEN[out]].item()
        found, clear = (probabilities[mask][:, TOKEN[out]].mean().item() for mask in masks)
        rows.append(Row(source, here, out, base, without=clear, with_source=found))
    return rows


def ratios(rows: list[Row]) -> Float[Tensor, " row"]:
    """Divide each word's probability after its source by its base rate."""
    return torch.tensor([row.with_source / row.base for row in rows])


def report(model: HookedTransformer) -> str:
    """Format a table of rules and bugs, with the factor over the base rate."""
    lines = ["source here out         base  without  with  factor"]
    for row in skip_rows(model, (*RULES, *bugs())):
        numbers = f"{row.base:8.4f} {row.without:8.4f} {row.with_source:8.4f}"
        factor = row.with_source / row.base
        lines.append(f"{row.source:6} {row.here:4} {row.out:6} {numbers} {factor:7.1f}")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    """Train one model."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--heads", type=int, default=1)
    chosen, rest = parser.parse_known_args(arguments)
    run("attn_1l", recipe(chosen.heads), report, rest)


if __name__ == "__main__":
    main()
