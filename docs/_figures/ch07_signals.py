"""Measure which signal S-inhibition heads carry: the repeated name, or where it occurred first.

Their output at END is replaced by that on a corrupted prompt in which one signal, or both, are
changed (counterfactuals.py). The prompts are those on which no head was chosen, of three seeds.
"""

from typing import Any, get_args

import matplotlib as mpl
import torch
from matplotlib.figure import Figure
from torch import Tensor

from docs._figures.ioi.circuit_tests import interval
from docs._figures.ioi.experiment import EACH, PATHS, draw_halves
from docs._figures.ioi.fingerprint import behaviour_hash
from docs._figures.ioi.style import WEIGHTS, interval_text, load, whisker
from docs._figures.lib.cached_steps import CachedSteps
from docs._figures.lib.models import load_with_tokenizer
from docs._figures.lib.plotting import publish
from solutions.ch02_transformer import HookedTransformer, Site
from solutions.ch05_patching import Intervention, cache_sites, logit_diff_from_resid, patch_sweep
from solutions.ch07_ioi import IOIPrompts, name_corruption, single_tokens
from solutions.ch07_ioi.counterfactuals import PositionSignal, TokenSignal, mirror_pairs
from solutions.ch07_ioi.heads import average_pairs
from solutions.ch07_ioi.sentences import NAMES

SEEDS, N_RANDOM = (0, 1, 2), 20
KINDS = [
    (token, position) for token in get_args(TokenSignal) for position in get_args(PositionSignal)
]
PAPER = (3.55, -0.99, 2.45, -1.96, 1.77, -3.16)
"""Wang et al. 2022, the same table on GPT-2 small, in the order of KINDS."""
Heads = list[tuple[int, int]]


def main() -> None:
    """Patch, with random heads as a control, and draw."""
    classes = {
        name: sorted((int(a), int(b)) for a, b in (head.split(".") for head in heads))
        for name, heads in load()["classes"].items()
    }
    mine = classes["S-inhibition"]
    sets = {"S-inhibition": mine}
    if "subject suppressor" in classes:
        sets["and subject suppressors"] = [*mine, *classes["subject suppressor"]]
    steps = CachedSteps("ioi_signals", 1, [SEEDS, EACH, WEIGHTS, behaviour_hash()], [__file__])
    found = steps("signals", lambda: measure(sets), sets)

    def over_pairs(values: Tensor) -> Tensor:
        return average_pairs(values, found["pair"])

    rows = {f"{token} {position}": place for place, (token, position) in enumerate(KINDS)}
    table = {
        name: {row: interval(over_pairs(values[place])) for row, place in rows.items()}
        for name, values in found["sets"].items()
    }

    def draw(figure: Figure) -> None:
        draw_table(figure, rows, table, found["random"])

    each = found["sets"]["S-inhibition"].view(len(KINDS), len(SEEDS), EACH).mean(dim=2)
    publish(
        "ch07_signals",
        draw,
        alt=alt_text(table["S-inhibition"]),
        numbers={
            "model": WEIGHTS,
            "prompts": len(SEEDS) * EACH,
            "pairs": len(SEEDS) * EACH // 2,
            "fit": {name: additive_fit(of) for name, of in table.items()},
            "heads": {name: [f"{a}.{b}" for a, b in one] for name, one in sets.items()},
            "table": table,
            "seeds": {row: each[place] for row, place in rows.items()},
            "paper": dict(zip(rows, PAPER, strict=True)),
            "random heads, inverted inverted": found["random"],
        },
        sources=[*PATHS, __file__],
        seeds=SEEDS,
        size=(5.4, 3.9),
    )


def alt_text(rows: dict[str, Any]) -> str:
    """List the table."""
    return (
        "Mean logit difference with the S-inhibition heads' output from corrupted prompts, "
        "token signal then position signal: "
        + "; ".join(f"{row} {interval_text(one)}" for row, one in rows.items())
        + "."
    )


def measure(sets: dict[str, Heads]) -> dict[str, Any]:
    """Measure the logit difference of every set and corruption, [kind, prompt], and the control."""
    model, tokenizer = load_with_tokenizer("smollm2-135m")
    prompts = draw_halves(tokenizer)[1].clean.select(slice(0, len(SEEDS) * EACH))
    names = torch.tensor(list(single_tokens(tokenizer, NAMES).values()))
    generator = torch.Generator().manual_seed(0)
    mine = sorted({head for heads in sets.values() for head in heads})
    below = [(a, b) for a in range(mine[-1][0] + 1) for b in range(model.config.n_heads)]
    free = [head for head in below if head not in mine]
    size = len(sets["S-inhibition"])
    drawn = [
        [free[i] for i in torch.randperm(len(free), generator=generator)[:size].tolist()]
        for _ in range(N_RANDOM)
    ]
    corrupted = {
        f"{token} {position}": name_corruption(prompts, token, position, names, generator).tokens
        for token, position in KINDS
    }
    runs = {kind: cache_sites(model, tokens, at_end(mine)) for kind, tokens in corrupted.items()}
    runs["null"] = cache_sites(model, corrupted["inverted inverted"], at_end(below))
    kinds = list(corrupted)
    chosen = [[heads, kind] for heads in sets.values() for kind in kinds]
    values = sweep(model, prompts, [*chosen, *([heads, "null"] for heads in drawn)], runs)
    split = values[: len(chosen)].split(len(kinds))
    return {
        "sets": dict(zip(sets, split, strict=True)),
        "random": values[len(chosen) :].mean(dim=1).tolist(),
        "pair": mirror_pairs(prompts),
    }


def additive_fit(rows: dict[str, list[float]]) -> dict[str, float]:
    """Fit a row's mean by a token and a position signal, least squares, as the paper does.

    A signal is 1 if kept, -1 if inverted, 0 if random.
    """
    size = {"original": 1.0, "random": 0.0, "inverted": -1.0}
    signals = torch.tensor([[size[token], size[position], 1.0] for token, position in KINDS])
    means = torch.tensor([rows[f"{token} {position}"][1] for token, position in KINDS])
    token, position, constant = torch.linalg.lstsq(signals, means).solution.tolist()
    largest = (signals @ torch.tensor([token, position, constant]) - means).abs().max().item()
    return {"token": token, "position": position, "constant": constant, "largest error": largest}


def at_end(heads: Heads) -> list[Site]:
    """List the outputs of these heads at the last position."""
    return [Site("attn.hook_z", layer, head=head, position=-1) for layer, head in heads]


def sweep(model: HookedTransformer, prompts: IOIPrompts, chosen: list, runs: dict) -> Tensor:
    """Measure the logit difference with heads patched from a run, [patch, prompt]."""
    metric = logit_diff_from_resid(model, prompts.io_token, prompts.s_token)
    patches = [[Intervention.patch(s, run) for s in at_end(heads)] for heads, run in chosen]
    return patch_sweep(model, prompts.tokens, patches, metric, runs)


def draw_table(
    figure: Figure, rows: dict[str, int], table: dict[str, Any], null: list[float]
) -> None:
    """Draw a row per corruption: our heads, the paper's numbers, random heads in the last row."""
    axes, soft = figure.subplots(), mpl.rcParams["axes.edgecolor"]
    colours = mpl.rcParams["axes.prop_cycle"].by_key()["color"]
    for index, (name, found) in enumerate(table.items()):
        colour, marker = (colours[2], "s") if index == 0 else (colours[5], "D")
        for row, place in rows.items():
            whisker(axes, place - 0.14 + 0.28 * index, found[row], colour, marker)
        axes.plot([], [], marker=marker, color=colour, label=name)
    axes.plot(PAPER, list(rows.values()), "*", ms=9, mfc="none", color=soft, label="paper (GPT-2)")
    heights = [rows["inverted inverted"] + 0.38] * len(null)
    axes.plot(null, heights, "|", ms=7, color=colours[1], label="random heads")
    labels = [f"{token}, {position}" for token, position in KINDS]
    axes.set(yticks=range(len(rows)), yticklabels=labels, ylim=(len(rows) - 0.4, -0.5))
    axes.axvline(0, color=soft, lw=0.8)
    axes.set_xlabel("mean logit difference")
    style: dict[str, Any] = {
        "transform": axes.transAxes,
        "ha": "right",
        "fontsize": 9,
        "weight": "bold",
    }
    axes.text(-0.02, 1.02, "token, position", **style)
    axes.grid(axis="x", linewidth=0.5, alpha=0.3)
    axes.tick_params(axis="y", length=0)
    axes.legend(frameon=False, fontsize=8.5, ncols=2, loc="upper right", bbox_to_anchor=(1, 1.22))


if __name__ == "__main__":
    main()
