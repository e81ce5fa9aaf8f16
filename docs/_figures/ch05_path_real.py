"""Path patching on the real model: which heads affect the queries of heads that write the name?

Both variants: MLPs on the way recomputed, or frozen. Senders after the receivers are a null.
"""

from typing import Any

import torch
from matplotlib.figure import Figure
from torch import Tensor
from tqdm import tqdm

from docs._figures.ioi.pairs import (
    EACH,
    SEEDS,
    WEIGHTS,
    abc_twice,
    draw_pairs,
    head_outputs_at_end,
    replace_things,
)
from docs._figures.lib.plotting import publish
from docs._figures.lib.scatter import scatter
from solutions.ch02_transformer import HookedTransformer, Site, load_pretrained
from solutions.ch05_patching import logit_diff_from_resid, path_patch
from solutions.ch05_patching.metrics import unpatched
from solutions.ch05_patching.path import MLPs

MLPS: tuple[MLPs, MLPs] = ("recomputed", "frozen")
MOVERS = ((23, 0), (23, 2), (23, 7))
"""Heads that write the name to the answer; chapter 7 finds them."""


def main() -> None:
    """Patch the paths from every head at END to the movers' queries, in both variants."""
    model, tokenizer = load_pretrained("smollm2-135m")
    found = [measure(model, tokenizer, seed) for seed in tqdm(SEEDS, desc="name seeds")]
    facts = {key: torch.stack([one[key] for one in found]) for key in found[0]}
    heads = [f"{layer}.{head}" for layer in range(30) for head in range(9)]
    recomputed, frozen = (facts[kind] for kind in MLPS)
    reached = MOVERS[0][0] * 9

    def draw_all(figure: Figure) -> None:
        axes = figure.subplots()
        scatter(axes, frozen[:, :reached], recomputed[:, :reached], heads, named=3)
        ends = [frozen.min().item(), frozen.max().item()]
        axes.plot(ends, ends, ls=":", lw=1, color="0.5")
        axes.set(xlabel="MLPs frozen: change of logit difference", ylabel="MLPs recomputed")

    facts_shown = numbers(facts, heads, reached)
    said = ", ".join(f"{x['head']} {x['mean']:.2f}" for x in facts_shown["largest"][MLPS[0]][:4])
    publish(
        "ch05_path_real",
        draw_all,
        alt="Effect of each head at END through the queries of three name movers, MLPs recomputed "
        f"against frozen. Largest, recomputed: {said}.",
        numbers=facts_shown,
        sources=[__file__],
        seeds=SEEDS,
        size=(6.2, 4.2),
    )


def numbers(facts: dict[str, Tensor], heads: list[str], reached: int) -> dict[str, Any]:
    """Collect the numbers of the page; `reached` counts the senders before the receivers."""
    recomputed, frozen = (facts[kind] for kind in MLPS)
    correlation = [
        torch.corrcoef(torch.stack([a[:reached], b[:reached]]))[0, 1]
        for a, b in zip(frozen, recomputed, strict=True)
    ]
    behind = {kind: facts[kind][:, reached:].abs().amax(dim=1) for kind in MLPS}
    return {
        "model": WEIGHTS,
        "prompts": EACH,
        "receivers": [f"{a}.{b}" for a, b in MOVERS],
        "clean": facts["clean"],
        "correlation": correlation,
        "largest": {kind: largest(facts[kind], heads) for kind in MLPS},
        "largest_difference": largest(recomputed - frozen, heads, 6),
        "summed": {kind: facts[kind].sum(dim=1) for kind in MLPS},
        "behind_the_receivers": behind,
        "null": {
            "largest_of_each_set": facts["null"].abs().amax(dim=1),
            "largest_mean": largest(facts["null"], heads, 3),
        },
    }


def measure(model: HookedTransformer, tokenizer: Any, seed: int) -> dict[str, Tensor]:
    """Compute the mean change of the logit difference for every sender, [layer x head]."""
    prompts = draw_pairs(tokenizer, seed)
    partner = abc_twice(tokenizer, prompts, seed)[0]
    sites = head_outputs_at_end(model, prompts)
    end = prompts.tokens.shape[1] - 1
    into = [Site("attn.hook_q", layer, head=head, position=end) for layer, head in MOVERS]
    metric = logit_diff_from_resid(model, prompts.io_token, prompts.s_token)
    senders = [[site] for site in sites]
    null = replace_things(tokenizer, prompts.tokens)
    with torch.no_grad():
        clean = unpatched(model, prompts.tokens, metric)
        runs = {"recomputed": (partner, MLPS[0]), "frozen": (partner, MLPS[1])}
        runs["null"] = (null, MLPS[0])
        effects = {
            name: path_patch(model, prompts.tokens, source, senders, into, metric, mlps=mlps)
            for name, (source, mlps) in runs.items()
        }
    changes = {name: (one - clean).mean(dim=1) for name, one in effects.items()}
    return {"clean": clean.mean(), **changes}


def largest(effects: Tensor, heads: list[str], n: int = 8) -> list[dict[str, Any]]:
    """List the heads with the largest mean effect, with the effect on each set of prompts."""
    order = effects.mean(dim=0).abs().argsort(descending=True)[:n].tolist()
    return [{"head": heads[i], "mean": effects[:, i].mean(), "each": effects[:, i]} for i in order]


if __name__ == "__main__":
    main()
