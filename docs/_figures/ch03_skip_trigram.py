"""Draw the skip-trigrams of a single head: its two tables, and their bug."""

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from tqdm import tqdm

from docs._figures.lib.plotting import heatmap, publish
from solutions.ch02_transformer import HookedTransformer, load_pretrained
from solutions.ch03_circuits.circuits import full_ov, full_qk
from toy_models import folder
from toy_models.attn_1l.train import Row, skip_rows
from toy_models.synthetic_text import RULES, TOKEN, bugs

SEEDS, KINDS = (0, 1, 2), {"one head": "seed", "two heads": "two_heads"}
SOURCES, DESTINATIONS, OUTS = (list(dict.fromkeys(rule[i] for rule in RULES)) for i in range(3))
NEVER = [
    (source, here, out)
    for source in SOURCES
    for here in DESTINATIONS
    for out in OUTS
    if not any(rule[2] == out and (rule[0] == source or rule[1] == here) for rule in RULES)
]
"""The null: triples whose word no rule of this source or destination predicts."""
GROUPS = {"planted": RULES, "bug": tuple(bugs()), "never": tuple(NEVER)}


def main() -> None:
    """Compute the tables of seed 0, measure all models, draw both figures."""
    models = {
        (name, seed): load_pretrained(folder("attn_1l", seed, variant=kind))[0]
        for name, kind in KINDS.items()
        for seed in SEEDS
    }
    rows = {key: by_group(model) for key, model in tqdm(models.items(), unit="model")}
    draw_tables(models["one head", 0])
    draw_factors(rows)


def by_group(model: HookedTransformer) -> dict[str, list[Row]]:
    """Measure all triples on one text."""
    rows = skip_rows(model, tuple(triple for group in GROUPS.values() for triple in group))
    remaining = iter(rows)
    return {group: [next(remaining) for _ in triples] for group, triples in GROUPS.items()}


def tables(model: HookedTransformer) -> tuple[torch.Tensor, torch.Tensor]:
    """Compute full QK, [destination, source], and full OV, [source, out], rows centered."""
    scores = full_qk(model, 0).product()[0] / model.config.d_head**0.5
    logits = full_ov(model, 0).product()[0]
    destination, source, out = (
        [TOKEN[word] for word in words] for words in (DESTINATIONS, SOURCES, OUTS)
    )
    scores, logits = (table - table.mean(dim=-1, keepdim=True) for table in (scores, logits))
    return scores[destination][:, source], logits[source][:, out]


def draw_tables(model: HookedTransformer) -> None:
    """Draw the scores of destinations with sources, and the logits that each source raises."""
    scores, logits = tables(model)

    def draw(figure: Figure) -> None:
        left, right = figure.subplots(1, 2, width_ratios=(1, 1.5))
        heatmap(
            left,
            scores.numpy(),
            rows=DESTINATIONS,
            columns=SOURCES,
            label="score (QK)",
            diverging=True,
        )
        heatmap(
            right, logits.numpy(), rows=SOURCES, columns=OUTS, label="logit (OV)", diverging=True
        )
        left.set_title("attends to")
        right.set_title("raises, when attended to")

    publish(
        "ch03_skip_tables",
        draw,
        alt="Two tables of one head. Each of in, at and by scores highest with the sources of its "
        "rules. Each source raises all words that it has rules for: keep raises both "
        "mind and bay, whichever token attends to it.",
        numbers={"looks": scores, "raises": logits, "words": [DESTINATIONS, SOURCES, OUTS]},
        seeds=[0],
        sources=[__file__],
        size=(8.6, 2.9),
    )


def factors(rows: list[Row]) -> list[float]:
    """Divide each word's probability after its source by its base rate."""
    return [row.with_source / row.base for row in rows]


def geometric(values: list[float]) -> float:
    """Compute the geometric mean: a factor of 2 and one of 1/2 cancel."""
    return torch.tensor(values).log().mean().exp().item()


def draw_dots(axes: Axes, shown: dict, means: dict) -> None:
    """Draw a column of dots for each group, number of heads and seed; a line at their mean."""
    for place, label in enumerate(means):
        group, name = label.split(", ")
        for seed in SEEDS:
            values = shown[name, seed][group]
            spots = [place + 0.22 * (seed - 1)] * len(values)
            axes.scatter(spots, values, s=9, alpha=0.45, linewidths=0, color=f"C{place % 2}")
            middle = means[label][seed]
            axes.plot([spots[0] - 0.09, spots[0] + 0.09], [middle] * 2, color=f"C{place % 2}")
    axes.axhline(1, linewidth=0.8, alpha=0.6, color=axes.xaxis.label.get_color())
    axes.set_xticks(range(len(means)), [label.replace(", ", "\n") for label in means])
    axes.set(yscale="log", ylabel="probability after the source / base rate")


def draw_factors(rows: dict) -> None:
    """Draw each triple's factor over its base rate, by group and number of heads."""
    shown = {key: {g: factors(r) for g, r in groups.items()} for key, groups in rows.items()}
    means = {
        f"{group}, {name}": [geometric(shown[name, seed][group]) for seed in SEEDS]
        for group in GROUPS
        for name in KINDS
    }

    bug = {name: [round(x, 1) for x in means[f"bug, {name}"]] for name in KINDS}
    publish(
        "ch03_skip_trigram",
        lambda figure: draw_dots(figure.subplots(), shown, means),
        alt="After their source, words of planted rules are far above their base rate, with one "
        "head and with two. With one head the bugs are too: their factors over three seeds are "
        f"{bug['one head']}; with two heads {bug['two heads']}. Triples of the null are below 1 "
        "on average.",
        numbers={
            "factors": {f"{name} {seed}": groups for (name, seed), groups in shown.items()},
            "geometric_means": means,
            "triples": {group: [" ".join(t) for t in triples] for group, triples in GROUPS.items()},
            "rows": {
                f"{name} {seed}": [
                    row._asdict() for group in ("planted", "bug") for row in r[group]
                ]
                for (name, seed), r in rows.items()
            },
        },
        seeds=SEEDS,
        sources=[__file__],
        size=(7.2, 3.6),
    )


if __name__ == "__main__":
    main()
