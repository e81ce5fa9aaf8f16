"""Draw three cases of text_4l: their graphs, and what is left of the answer without a group."""

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import torch
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from tokenizers import Tokenizer
from torch import Tensor

from docs._figures.attribution import text_cases
from docs._figures.attribution.text_cases import (
    CASES,
    SIZE,
    SIZES,
    SOURCES,
    Case,
    Traced,
    load,
    study,
)
from docs._figures.lib.plotting import publish, show_token
from docs._figures.transcoders.kinds import held_out_windows
from solutions.ch00_looking import bootstrap_interval
from solutions.ch02_transformer import HookedTransformer
from solutions.ch11_transcoders.crosslayer import AbstractCLT
from solutions.ch12_graphs.intervene import agreement

SHOWN, N_WORDS = 9, 3
"""Latents that are drawn, and words that are listed for each."""


def main() -> None:
    """Study the cases, and draw both figures."""
    model, tokenizer, clt = load()
    studied = {name: study(model, tokenizer, clt, case) for name, case in CASES.items()}
    numbers = {
        name: summarize(one, CASES[name]) | {"group": described(model, tokenizer, clt, one)}
        for name, one in studied.items()
    }
    draw_graphs({name: one["drawn"] for name, one in studied.items()}, tokenizer)
    draw_removed(numbers)


def summarize(studied: dict[str, Any], case: Case) -> dict[str, Any]:
    """Summarize what is left without the group, over the prompts where the model is right."""
    ends = studied["ends"]
    rows: dict[str, list[Any]] = {key: [] for key in ("before", "p", "after", "p after", "moved")}
    switched: dict[str, list[Tensor]] = {}
    agreements, prompts, predicted, moved = [], [], [], []
    for prompt, test in zip(case.tested_on, studied["tests"], strict=True):
        parts = test["logits"]
        before, groups = difference(parts["none"], ends)[0], difference(parts["groups"], ends)
        if before <= 0:
            continue
        prompts.append(prompt)
        place = SIZES.index(SIZE)
        rows["before"].append(before)
        rows["after"].append(groups)
        rows["p"].append(parts["none"].softmax(dim=-1)[0, ends[0]])
        rows["p after"].append(parts["groups"].softmax(dim=-1)[place, ends[0]])
        for name in ("other latents", "random directions"):
            found = difference(parts[name], ends)
            switched.setdefault(name, []).append((found < 0).double().mean())
            moved.append((name, (before - found).mean()))
        effects = before - difference(test["node logits"], ends)
        agreements.append(agreement(test["nodes predicted"], effects))
        predicted.append((test["predicted"][place], before - groups[place]))
    after = torch.stack(rows["after"])  # [prompt, size]
    return {
        "prompts": prompts,
        "left out": [one for one in case.tested_on if one not in prompts],
        "before": rows["before"],
        "after": after,
        "p": interval(rows["p"]),
        "p after": interval(rows["p after"]),
        "switched": {str(n): (after[:, i] < 0).double().mean() for i, n in enumerate(SIZES)},
        "controls switched": {name: interval(found) for name, found in switched.items()},
        "controls moved": {
            name: interval([value for key, value in moved if key == name]) for name in switched
        },
        "moved": interval([b - a for b, a in zip(rows["before"], after[:, place], strict=True)]),
        "predicted": interval([one for one, _ in predicted]),
        "agreement": {
            key: interval([torch.tensor(getattr(one, key)) for one in agreements])
            for key in ("correlation", "slope", "sign")
        },
        "closure": studied["closure"],
        "latents": len(studied["drawn"].effects),
    }


def difference(
    logits: Float[Tensor, "set d_vocab"], ends: tuple[int, int]
) -> Float[Tensor, " set"]:
    """Subtract the other token's logit from the answer's."""
    answer, against = ends
    return logits[:, answer] - logits[:, against]


def interval(values: Sequence[Tensor]) -> dict[str, float]:
    """Return the mean over prompts and its 95 % bootstrap interval."""
    generator = torch.Generator().manual_seed(0)
    low, mean, high = bootstrap_interval(torch.stack(list(values)).double(), 2000, 0.95, generator)
    return {"low": low, "mean": mean, "high": high}


@torch.no_grad()
def described(
    model: HookedTransformer, tokenizer: Tokenizer, clt: AbstractCLT, studied: dict[str, Any]
) -> list[dict[str, Any]]:
    """List the group's latents: the tokens they fire on most, and the tokens they write."""
    windows = held_out_windows(tokenizer)
    names = [f"blocks.{layer}.ln2.hook_normalized" for layer in range(clt.n_layers)]
    _, cache = model.run_with_cache(windows, names=names)
    words, gain = windows[:, 1:].flatten(), model.ln_final.affine()[0]
    listed = []
    for layer, unit, effect in studied["group"][:SIZE]:
        acts = clt.activate(clt.pre_activations(cache[names[layer]], layer), layer)
        acts = acts[:, 1:, unit].flatten()
        per_word = torch.zeros(model.config.d_vocab).index_add_(0, words, acts)
        rows = torch.stack([W[unit] for W in clt.W_dec[layer]]).sum(dim=0)
        raised = ((rows - rows.mean()) * gain @ model.unembed.W_U).topk(N_WORDS).indices
        most = per_word.topk(N_WORDS)
        listed.append({
            "latent": f"{layer}.{unit}",
            "effect": effect,
            "fires on": [tokenizer.decode([i]) for i in most.indices.tolist()],
            "share": (most.values.sum() / per_word.sum()).item(),
            "density": (acts > 0).double().mean().item(),
            "writes": [tokenizer.decode([i]) for i in raised.tolist()],
        })  # fmt: skip
    return listed


def draw_graphs(drawn: dict[str, Traced], tokenizer: Tokenizer) -> None:
    """Draw each case's first graph: latents with the largest effects, by layer and token."""
    shown = {name: chosen_nodes(traced) for name, traced in drawn.items()}

    def draw(figure: Figure) -> None:
        for axes, (name, traced) in zip(figure.subplots(1, len(drawn)), drawn.items(), strict=True):
            draw_one(axes, traced, shown[name], tokenizer)
            axes.set_title(name, fontsize=9)

    said = "; ".join(
        f"{name}: "
        + ", ".join(
            f"{traced.basis.nodes.layer[i]}.{traced.basis.nodes.unit[i]} {traced.effects[i]:+.1f}"
            for i in shown[name][:4]
        )
        for name, traced in drawn.items()
    )
    publish(
        "ch12_text_graphs",
        draw,
        alt=f"Latents with the largest effects on three differences of logits. {said}.",
        numbers={
            name: [
                {
                    "latent": f"{traced.basis.nodes.layer[i]}.{traced.basis.nodes.unit[i]}",
                    "pos": traced.basis.nodes.pos[i],
                    "effect": traced.effects[i],
                }
                for i in shown[name]
            ]
            for name, traced in drawn.items()
        },
        sources=[__file__, text_cases.__file__, *SOURCES],
        size=(9.0, 3.6),
    )


def chosen_nodes(traced: Traced) -> list[int]:
    """List the latents with the largest effects, either sign."""
    return list(traced.effects.abs().topk(SHOWN).indices.tolist())


def draw_one(axes: Axes, traced: Traced, shown: list[int], tokenizer: Tokenizer) -> None:
    """Draw one graph: tokens at the bottom, the answer on top; width of a line is its edge."""
    colors = mpl.rcParams["axes.prop_cycle"].by_key()["color"]
    made, units = traced.graph, traced.basis.nodes
    first, n_layers = int(made.indices("latent")[0]), len(traced.frozen.layers)
    cells: dict[tuple[int, int], list[int]] = {}
    for node in shown:
        cells.setdefault((int(units.pos[node]), int(units.layer[node])), []).append(node)
    columns = range(len(traced.tokens))
    widths = [
        max([1, *(len(found) for (pos, _), found in cells.items() if pos == at)]) for at in columns
    ]
    x = [sum(widths[:at]) + widths[at] / 2 for at in columns]
    end = len(made.nodes) - 1
    places = {pos: (x[pos], -1.0) for pos in columns} | {end: (x[-1], float(n_layers))}
    for (pos, layer), found in cells.items():
        for number, node in enumerate(found):
            places[first + node] = (x[pos] + number - (len(found) - 1) / 2, float(layer))
    largest = made.edges[end].abs().max()
    for target in [first + node for node in shown] + [end]:
        for source, at in places.items():
            weight = float(made.edges[target, source])
            if abs(weight) > 0.08 * float(made.edges[target].abs().max()):
                width = 0.4 + 2.2 * min(1.0, abs(weight) / float(largest))
                color = colors[0] if weight > 0 else colors[1]
                axes.plot(*zip(at, places[target], strict=True), color=color, lw=width, alpha=0.7,
                          zorder=1)  # fmt: skip
    for node in shown:
        at, effect = places[first + node], float(traced.effects[node])
        axes.scatter(*at, s=30 + 50 * abs(effect), zorder=2,
                     color=colors[0] if effect > 0 else colors[1])  # fmt: skip
        axes.annotate(str(int(units.unit[node])), at, (0, 8), textcoords="offset points",
                      fontsize=6.5, ha="center", rotation=35)  # fmt: skip
    axes.scatter(*places[end], marker="s", s=60, color=colors[2], zorder=2)
    words = [show_token(tokenizer.decode([token])) for token in traced.tokens.tolist()]
    axes.set_xticks(x, words, fontsize=7.5, rotation=45)
    names = ["tokens", *(f"layer {layer}" for layer in range(n_layers)), "answer"]
    axes.set_yticks(range(-1, n_layers + 1), names, fontsize=7.5)
    axes.set(xlim=(-0.2, sum(widths) + 0.2), ylim=(-1.4, n_layers + 0.5))


def draw_removed(numbers: dict[str, dict[str, Any]]) -> None:
    """Draw the difference of logits against the number of latents that are taken out."""

    def draw(figure: Figure) -> None:
        for axes, (name, one) in zip(
            figure.subplots(1, len(numbers)), numbers.items(), strict=True
        ):
            for before, after in zip(one["before"], one["after"], strict=True):
                axes.plot([0, *range(1, len(SIZES) + 1)], [before, *after], marker="o", ms=3, lw=1)
            axes.axhline(0, color="0.5", lw=0.8)
            axes.set_xticks(range(len(SIZES) + 1), ["0", *map(str, SIZES)])
            axes.set_title(name, fontsize=9)
            axes.set(xlabel="latents taken out")
            axes.grid(axis="y", linewidth=0.5, alpha=0.35)
        figure.axes[0].set_ylabel("answer minus other token (logits)")

    said = "; ".join(
        f"{name}: {float(one['switched'][str(SIZE)]):.0%} of prompts switch without {SIZE} latents"
        for name, one in numbers.items()
    )
    publish(
        "ch12_text_removed",
        draw,
        alt=f"Difference of logits against the latents that are taken out. {said}.",
        numbers=numbers,
        sources=[__file__, text_cases.__file__, *SOURCES],
        size=(8.6, 3.0),
    )


if __name__ == "__main__":
    main()
