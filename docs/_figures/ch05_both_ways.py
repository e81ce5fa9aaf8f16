"""Patch the residual stream of the real model at every layer and position, in both directions."""

from typing import Any

import matplotlib as mpl
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor
from tqdm import tqdm

from docs._figures.ioi.pairs import (
    EACH,
    SEEDS,
    WEIGHTS,
    draw_pairs,
    replace_things,
    third_name_twice,
)
from docs._figures.lib.plotting import publish
from docs._figures.lib.theme import colour_scale
from solutions.ch02_transformer import HookedTransformer, load_pretrained
from solutions.ch05_patching import (
    Intervention,
    Site,
    cache_sites,
    logit_diff_from_resid,
    patch_sweep,
)
from solutions.ch05_patching.activation import denoise_and_noise
from solutions.ch05_patching.metrics import normalized_recovery

FRAME = 0
"""The frame "When N and N walked to the place, S2 handed a object to"."""
FIRST = 9
"""Position of S2. Before it, both prompts of a pair are the same."""
COLUMNS = ["S2", " handed", " a", "object", " to (END)"]
EVERY = 3
"""The null is run in every third layer, at S2 and END."""


def main() -> None:
    """Patch three sets of prompts with their partners, and draw the shares."""
    model, tokenizer = load_pretrained("smollm2-135m")
    found = [measure(model, tokenizer, seed) for seed in tqdm(SEEDS, desc="name seeds")]
    mean = {
        way: torch.stack([one[way] for one in found]).mean(dim=0) for way in ("denoise", "noise")
    }
    layers = len(model.blocks)

    def draw_all(figure: Figure) -> None:
        left, middle, right = figure.subplots(1, 3, width_ratios=(1, 1, 1.5))
        draw_map(left, mean["denoise"], "denoised: recovered")
        draw_map(middle, mean["noise"], "noised: lost")
        left.set_ylabel("layer")
        draw_lines(right, found, layers)
        figure.colorbar(left.images[0], ax=[left, middle], label="share", shrink=0.6)

    publish(
        "ch05_both_ways",
        draw_all,
        alt=words(found),
        numbers=numbers(found),
        sources=[__file__],
        seeds=SEEDS,
        size=(9.6, 4.4),
    )


def measure(model: HookedTransformer, tokenizer: Any, seed: int) -> dict[str, Any]:
    """Compute the shares of one set and of its nulls, [layer, position]."""
    prompts = draw_pairs(tokenizer, seed, FRAME)
    partner, other = third_name_twice(tokenizer, prompts, seed)
    metric = logit_diff_from_resid(model, prompts.io_token, prompts.s_token)
    n_pos, n_layers = prompts.tokens.shape[1], len(model.blocks)
    sites = [
        Site("hook_resid_pre", layer, position=position)
        for layer in range(n_layers)
        for position in range(FIRST, n_pos)
    ]
    with torch.no_grad():
        result = denoise_and_noise(model, prompts.tokens, partner, sites, metric)
    ends = (result.clean, result.corrupted)
    shape = (n_layers, n_pos - FIRST)
    few = [
        Site("hook_resid_pre", layer, position=position)
        for layer in range(0, n_layers, EVERY)
        for position in (FIRST, n_pos - 1)
    ]
    moved = replace_things(tokenizer, prompts.tokens)
    nulls = {
        "denoise": sweep(model, partner, other, few, metric),
        "noise": sweep(model, prompts.tokens, moved, few, metric),
    }
    same = [Site("hook_resid_pre", n_layers // 3, position=p) for p in range(1, FIRST)]
    before = sweep(model, prompts.tokens, partner, same, metric)
    return {
        "denoise": normalized_recovery(result.denoised, *ends).view(shape),
        "noise": 1 - normalized_recovery(result.noised, *ends).view(shape),
        "null_denoise": normalized_recovery(nulls["denoise"], *ends).view(-1, 2),
        "null_noise": 1 - normalized_recovery(nulls["noise"], *ends).view(-1, 2),
        "clean": result.clean.mean().item(),
        "corrupted": result.corrupted.mean().item(),
        "before_s2": (before - result.clean).abs().max().item(),
    }


def sweep(
    model: HookedTransformer, tokens: Tensor, source: Tensor, sites: list[Site], metric: Any
) -> Tensor:
    """Compute the metric on `tokens` with each site patched from a run of `source`."""
    patches = [[Intervention.patch(site, "source")] for site in sites]
    runs = {"source": cache_sites(model, source, sites)}
    return patch_sweep(model, tokens, patches, metric, runs)


def draw_map(axes: Axes, shares: Tensor, title: str) -> None:
    """Draw one map, layer 0 at the bottom: information flows up and to the right."""
    scale, colours = colour_scale(torch.tensor([0.0, 1.0]).numpy(), diverging=False)
    axes.imshow(shares.numpy(), cmap=colours, norm=scale, aspect="auto", origin="lower")
    axes.set_xticks(
        range(len(COLUMNS)), [name.strip() for name in COLUMNS], rotation=50, ha="right"
    )
    axes.set(title=title)
    axes.tick_params(length=0)


def draw_lines(axes: Axes, found: list[dict[str, Any]], layers: int) -> None:
    """Draw S2 and END over the layers in both directions, with nulls as crosses."""
    colours = mpl.rcParams["axes.prop_cycle"].by_key()["color"]
    for number, (column, name) in enumerate(((0, "S2"), (-1, "END"))):
        for way, style in (("denoise", "-"), ("noise", "--")):
            values = torch.stack([one[way][:, column] for one in found])
            look = {"color": colours[number], "ls": style, "lw": 1.8, "label": f"{name}, {way}d"}
            axes.plot(range(layers), values.mean(dim=0), **look)
            band = {"color": colours[number], "alpha": 0.15, "lw": 0}
            axes.fill_between(range(layers), values.amin(dim=0), values.amax(dim=0), **band)
    null = torch.stack(
        [torch.cat([one["null_denoise"], one["null_noise"]], dim=1) for one in found]
    )
    at = torch.arange(0, layers, EVERY)
    for column in range(null.shape[2]):
        label = "nulls" if column == 0 else None
        axes.plot(at, null[:, :, column].mean(dim=0), "x", ms=4, color="0.5", label=label)
    axes.set(xlabel="layer", ylabel="share")
    axes.grid(axis="y", linewidth=0.5, alpha=0.35)
    axes.legend(frameon=False, fontsize=8, loc="center left")


def numbers(found: list[dict[str, Any]]) -> dict[str, Any]:
    """Collect the numbers of the page, seed by seed."""
    facts = {key: [one[key] for one in found] for key in found[0]}
    return {"model": WEIGHTS, "prompts": EACH, "columns": COLUMNS, "null_every": EVERY, **facts}


def words(found: list[dict[str, Any]]) -> str:
    """Describe the maps in words."""
    shares = {way: sum(one[way] for one in found) / len(found) for way in ("denoise", "noise")}
    said = [
        f"{verb}, layer {layer}: S2 {shares[way][layer, 0]:.2f}, END {shares[way][layer, -1]:.2f}"
        for way, verb in (("denoise", "denoised"), ("noise", "noised"))
        for layer in (0, 15, 18, 21, 29)
    ]
    first = "Share of the logit difference that a patch of the residual stream recovers or loses. "
    return first + "; ".join(said) + "."


if __name__ == "__main__":
    main()
