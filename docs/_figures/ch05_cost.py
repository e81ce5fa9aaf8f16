"""Time sweeps of patches against a naive loop, in units of one forward of the same prompts.

Each is timed between two plain forwards, on one thread, so that other load on the machine affects
both alike. The naive loop is timed on a few of its forwards and multiplied. The numbers include the
blocks times positions that a sweep has to compute, divided by those of one forward.
"""

import statistics
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from matplotlib.figure import Figure
from torch import Tensor
from tqdm import tqdm

from docs._figures.lib.dot_plot import dot_plot, legend_above
from docs._figures.lib.plotting import publish
from solutions.ch02_transformer import HookedTransformer, TransformerConfig, load_pretrained
from solutions.ch05_patching import (
    Intervention,
    Site,
    apply_interventions,
    cache_sites,
    logit_diff_from_resid,
    patch_sweep,
)
from solutions.ch05_patching.activation import head_sites, residual_sites
from solutions.ch05_patching.interventions import Runs

TURNS, SAMPLE = 3, 4
"""Pairs of runs for each ratio; patches of the naive loop that are timed, and compared."""
GPT2_SMALL = TransformerConfig(
    n_layers=12, d_model=768, n_heads=12, d_head=64, d_mlp=3072, d_vocab=50257, n_ctx=1024
)
SHAPES = {"GPT-2-small shape": (8, 16), "smollm2-135m": (8, 16)}
"""Prompts and tokens per prompt."""


class Sweep(NamedTuple):
    """Cost of one sweep."""

    patches: int
    """Number of patches."""
    naive: list[float]
    """Time of the naive loop in forwards, once per pair of runs."""
    reuse: list[float]
    """Time of the sweep in forwards, once per pair of runs."""
    counted: float
    """Blocks times positions that the patches change, divided by those of one forward."""
    difference: float
    """Largest difference between the two ways, in logits."""


def main() -> None:
    """Time two sweeps on two models."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        found = measure_all()
    finally:
        torch.set_num_threads(threads)

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        series = {"naive loop": [one.naive for one in found.values()]}
        series["patch_sweep"] = [one.reuse for one in found.values()]
        most = max(max(one.naive) for one in found.values())
        label = "time, in forwards of the same prompts"
        dot_plot(axes, list(found), series, label=label, number="{:.1f}", reach=(1, 2.5 * most))
        axes.set_xscale("log")
        legend_above(axes)

    said = "; ".join(
        f"{name}, {one.patches} patches: naive {statistics.median(one.naive):.0f}, "
        f"patch_sweep {statistics.median(one.reuse):.1f}"
        for name, one in found.items()
    )
    publish(
        "ch05_cost",
        draw,
        alt=f"Cost of sweeps in forwards of the same prompts. {said}.",
        numbers={
            "shapes": SHAPES,
            "clock": "processor time of one thread, a machine shared with others",
            **{name: one._asdict() for name, one in found.items()},
        },
        sources=[__file__],
        seeds=[0],
        size=(8.6, 3.2),
    )


def measure_all() -> dict[str, Sweep]:
    """Time all sweeps, by name."""
    found = {}
    with tqdm(total=3, desc="sweeps") as bar:
        for name, (batch, pos) in SHAPES.items():
            torch.manual_seed(0)
            small = name.startswith("GPT-2")
            model = HookedTransformer(GPT2_SMALL) if small else load_pretrained("smollm2-135m")[0]
            model = model.eval().requires_grad_(False)
            generator = torch.Generator().manual_seed(0)
            texts = torch.randint(1000, 40_000, (2, batch, pos), generator=generator)
            kinds = {
                "heads, last position": head_sites(model, position=pos - 1),
                "stream, all positions": residual_sites(model, pos),
            }
            if not small:
                del kinds["stream, all positions"]  # minutes
            for kind, sites in kinds.items():
                found[f"{kind}: {name}"] = measure(model, texts, sites)
                bar.update()
    return found


def measure(model: HookedTransformer, texts: Tensor, sites: list[Site]) -> Sweep:
    """Time one sweep in both ways, each between two forwards."""
    clean, other = texts
    metric = logit_diff_from_resid(model, clean[:, 0], other[:, 0])
    runs = {"other": cache_sites(model, other, sites)}
    patches = [[Intervention.patch(site, "other")] for site in sites]
    chosen = torch.randperm(len(sites), generator=torch.Generator().manual_seed(1)).tolist()
    scores: list[Tensor] = []

    def forward() -> None:
        model(clean)

    def naive() -> None:
        for index in chosen[:SAMPLE]:
            one_by_one(model, clean, patches[index], runs)

    def reuse() -> None:
        scores.append(patch_sweep(model, clean, patches, metric, runs))

    logits = torch.stack([one_by_one(model, clean, patches[i], runs) for i in chosen[:SAMPLE]])
    rows = torch.arange(len(clean))
    asked = logits[:, rows, clean[:, 0]] - logits[:, rows, other[:, 0]]
    took = ratios(reuse, forward)
    off = (scores[0][chosen[:SAMPLE]] - asked).abs().max()
    return Sweep(
        len(sites),
        [len(sites) * ratio / SAMPLE for ratio in ratios(naive, forward)],
        took,
        counted(model, sites, clean.shape[1]),
        off.item(),
    )


@torch.no_grad()
def one_by_one(
    model: HookedTransformer, tokens: Tensor, patch: list[Intervention], runs: Runs
) -> Tensor:
    """Compute the logits of one patch by a whole forward."""
    with apply_interventions(model, patch, runs):
        return model(tokens)[:, -1]


def ratios(call: Callable[[], Any], forward: Callable[[], Any]) -> list[float]:
    """Measure the time of a call in forwards, each time between two forwards."""
    found = []
    for _ in range(TURNS):
        before = timed(forward)
        took = timed(call)
        found.append(2 * took / (before + timed(forward)))
    return found


def timed(call: Callable[[], Any]) -> float:
    """Measure the processor seconds of one call."""
    start = time.process_time()
    with torch.no_grad():
        call()
    return time.process_time() - start


def counted(model: HookedTransformer, sites: list[Site], pos: int) -> float:
    """Count the blocks times positions that the patches change, in units of one forward."""
    layers = len(model.blocks)
    cells = sum((layers - site.layer) * (pos - site.position) for site in sites)  # type: ignore[operator, misc]
    return cells / (layers * pos)


if __name__ == "__main__":
    main()
