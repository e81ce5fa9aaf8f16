"""Patch every head of the real model at the last position, and compare metrics and corruptions.

Logit difference and probability, noised and denoised; and two corruptions: names exchanged (ABC),
and Gaussian noise on the names' embeddings.
"""

from typing import Any

import torch
from matplotlib.axes import Axes
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
    last_resids,
    replace_things,
)
from docs._figures.lib.plotting import publish
from docs._figures.lib.scatter import scatter
from solutions.ch02_transformer import HookedTransformer, Site, load_pretrained
from solutions.ch05_patching import (
    Intervention,
    apply_interventions,
    cache_sites,
    logit_diff,
    logit_diff_from_resid,
    probability,
)
from solutions.ch05_patching.tracing import corrupt_subject
from solutions.ch07_ioi.prompts import IOIPrompts

TOP, FLOOR, LARGE = 5, 0.02, 0.3
"""Length of a list of heads; a probability that is too small to see; a large logit difference."""
NAMED = ("19.2", "20.0", "23.0", "23.2", "23.7")
"""Heads that chapter 7 finds: two S-inhibition heads, three that write names."""
SCALE = 3.0
"""Noise in standard deviations of the entries of W_E, as in the paper."""
SHIFTS = {
    "noise": {},
    "denoise": {
        "24.5": (-6.0, 7.0),
        "29.0": (-30.0, 6.0),
        "24.4": (-30.0, -14.0),
        "23.2": (-30.0, -10.0),
        "29.1": (6.0, -11.0),
    },
}
"""Direction -> places of labels of heads with nearly the same effects, in points."""


def main() -> None:
    """Measure three sets of prompts, both directions, three corruptions."""
    model, tokenizer = load_pretrained("smollm2-135m")
    found = [measure(model, tokenizer, seed) for seed in tqdm(SEEDS, desc="name seeds")]
    facts = {key: torch.stack([one[key] for one in found]) for key in found[0]}
    heads = [f"{layer}.{head}" for layer in range(30) for head in range(9)]
    seen = {way: overlooked(facts, way, heads) for way in ("noise", "denoise")}
    lists = compare_lists(facts, heads)

    def draw_all(figure: Figure) -> None:
        left, right = figure.subplots(1, 2)
        draw_effects(left, facts, "noise", heads)
        draw_effects(right, facts, "denoise", heads)

    said = "; ".join(
        f"{verb}: " + ", ".join(f"{one['head']} {one['logit_diff']:.2f}" for one in seen[way])
        for way, verb in (("noise", "noised"), ("denoise", "denoised"))
    )
    draw_directions(facts, heads)
    publish(
        "ch05_metrics",
        draw_all,
        alt="Effect of every head at the last position on logit difference and on probability. "
        f"Heads of more than {LARGE} logits and less than {FLOOR} probability, {said}.",
        numbers={
            "model": WEIGHTS,
            "prompts": EACH,
            "floor": FLOOR,
            "large": LARGE,
            "top": TOP,
            "ends": {key: facts[key] for key in facts if key.startswith(("clean", "corrupted"))},
            "overlooked": seen,
            "movers_and_inhibitors": {
                way: [entry(facts, way, heads, heads.index(head)) for head in NAMED]
                for way in ("noise", "denoise")
            },
            "null_largest": largest(facts, "null", heads)[:3],
            "largest": {way: largest(facts, way, heads) for way in ("noise", "denoise")},
            **lists,
        },
        sources=[__file__],
        seeds=SEEDS,
        size=(9.4, 4.2),
    )


def draw_directions(facts: dict[str, Tensor], heads: list[str]) -> None:
    """Draw each head in both directions, as shares of the gap between clean and corrupted."""
    span = (facts["clean_logit_diff"] - facts["corrupted_logit_diff"])[:, None]
    lost, back = -facts["noise_logit_diff"] / span, facts["denoise_logit_diff"] / span
    null = -facts["null_logit_diff"] / span
    named = {
        head: {"lost": lost[:, i], "back": back[:, i]}
        for head, i in ((head, heads.index(head)) for head in NAMED)
    }

    def draw_all(figure: Figure) -> None:
        axes = figure.subplots()
        scatter(axes, lost, back, heads)
        axes.plot(null.mean(dim=0), torch.zeros(null.shape[1]), "x", ms=3, color="0.5")
        axes.set(xlabel="noised: share lost", ylabel="denoised: share recovered")

    said = "; ".join(
        f"{head} {one['lost'].mean():.2f} and {one['back'].mean():.2f}"
        for head, one in named.items()
    )
    publish(
        "ch05_directions",
        draw_all,
        alt="Heads at the last position, share lost when noised and recovered when denoised: "
        f"{said}.",
        numbers={
            "model": WEIGHTS,
            "prompts": EACH,
            "named": named,
            "spread_of_others": back.mean(dim=0).abs().median(),
            "null": [
                {"head": heads[i], "mean": null[:, i].mean(), "each": null[:, i]}
                for i in null.mean(dim=0).abs().argsort(descending=True)[:5].tolist()
            ],
        },
        sources=[__file__],
        seeds=SEEDS,
        size=(6.2, 4.2),
    )


def measure(model: HookedTransformer, tokenizer: Any, seed: int) -> dict[str, Tensor]:
    """Measure the mean effects of all heads on one set of prompts, and the unpatched runs."""
    prompts = draw_pairs(tokenizer, seed)
    partner, another = abc_twice(tokenizer, prompts, seed)
    sites = head_outputs_at_end(model, prompts)
    noisy = with_noise(model, prompts, sites, seed)
    with torch.no_grad():
        clean, corrupted = (model(tokens)[:, -1] for tokens in (prompts.tokens, partner))
    found = {
        "clean_logit_diff": logit_diff(clean, prompts.io_token, prompts.s_token).mean(),
        "clean_probability": probability(clean, prompts.io_token).mean(),
        "corrupted_logit_diff": logit_diff(corrupted, prompts.io_token, prompts.s_token).mean(),
        "corrupted_probability": probability(corrupted, prompts.io_token).mean(),
    }
    operands = {
        "noise": (prompts.tokens, cache_sites(model, partner, sites)),
        "denoise": (partner, cache_sites(model, prompts.tokens, sites)),
        "redrawn": (prompts.tokens, cache_sites(model, another, sites)),
        "gaussian": (prompts.tokens, noisy),
        "null": (
            prompts.tokens,
            cache_sites(model, replace_things(tokenizer, prompts.tokens), sites),
        ),
    }
    patches = [[Intervention.patch(site, "other")] for site in sites]
    metric = logit_diff_from_resid(model, prompts.io_token, prompts.s_token)
    for way, (tokens, operand) in operands.items():
        base = "corrupted" if way == "denoise" else "clean"
        resid = last_resids(model, tokens, patches, {"other": operand})
        with torch.no_grad():
            change = metric(resid).mean(dim=1) - found[f"{base}_logit_diff"]
        found[f"{way}_logit_diff"] = change
        if way in ("noise", "denoise"):
            answer = answer_probability(model, resid, prompts)
            found[f"{way}_probability"] = answer - found[f"{base}_probability"]
    return found


@torch.no_grad()
def answer_probability(model: HookedTransformer, resid: Tensor, prompts: IOIPrompts) -> Tensor:
    """Compute the mean probability of the answer for each patch."""
    logits = (model.unembed_resid(one[:, None])[:, 0] for one in resid)
    return torch.stack([probability(one, prompts.io_token).mean() for one in logits])


def with_noise(
    model: HookedTransformer, prompts: IOIPrompts, sites: list[Site], seed: int
) -> dict[str, Tensor]:
    """Cache activations of a run with Gaussian noise on the embeddings of IO, S1 and S2."""
    where = torch.stack([prompts.positions.io, prompts.positions.s1, prompts.positions.s2], dim=1)
    names = torch.zeros_like(prompts.tokens, dtype=torch.bool).scatter(1, where, True)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        noisy = corrupt_subject(model, prompts.tokens, names, 1, generator, SCALE)[0]
    with apply_interventions(model, [Intervention.put(Site("hook_embed"), noisy)]):
        return cache_sites(model, prompts.tokens, sites)


def overlooked(facts: dict[str, Tensor], way: str, heads: list[str]) -> list[dict[str, Any]]:
    """List heads with a large mean effect on the logit difference but not on the probability."""
    diff, share = (facts[f"{way}_{kind}"] for kind in ("logit_diff", "probability"))
    mask = (diff.mean(dim=0).abs() > LARGE) & (share.mean(dim=0).abs() < FLOOR)
    return [entry(facts, way, heads, i) for i in mask.nonzero()[:, 0].tolist()]


def largest(facts: dict[str, Tensor], way: str, heads: list[str]) -> list[dict[str, Any]]:
    """List the ten heads with the largest mean effect on the logit difference."""
    order = facts[f"{way}_logit_diff"].mean(dim=0).abs().argsort(descending=True)[:10]
    return [entry(facts, way, heads, i) for i in order.tolist()]


def entry(facts: dict[str, Tensor], way: str, heads: list[str], i: int) -> dict[str, Any]:
    """Collect the mean effects of one head, and those on each set of prompts."""
    found: dict[str, Any] = {"head": heads[i]}
    for kind in ("logit_diff", "probability"):
        if f"{way}_{kind}" in facts:
            each = facts[f"{way}_{kind}"][:, i]
            found |= {kind: each.mean(), f"each_{kind}": each}
    return found


def compare_lists(facts: dict[str, Tensor], heads: list[str]) -> dict[str, Any]:
    """Compare the lists of the largest heads, for each set of prompts."""
    pairs = {
        "probability": ("noise_logit_diff", "noise_probability"),
        "gaussian": ("noise_logit_diff", "gaussian_logit_diff"),
        "redrawn": ("noise_logit_diff", "redrawn_logit_diff"),
        "denoised": ("noise_logit_diff", "denoise_logit_diff"),
    }
    lists = {
        key: [[heads[i] for i in one.abs().topk(TOP).indices.tolist()] for one in facts[key]]
        for key in {key for pair in pairs.values() for key in pair}
    }
    jaccard = {
        name: [share(set(a), set(b)) for a, b in zip(lists[one], lists[other], strict=True)]
        for name, (one, other) in pairs.items()
    }
    base = lists["noise_logit_diff"]
    jaccard["other names"] = [
        share(set(base[i]), set(base[j])) for i, j in ((0, 1), (0, 2), (1, 2))
    ]
    return {"lists": dict(sorted(lists.items())), "jaccard": jaccard}


def share(one: set, other: set) -> float:
    """Compute the Jaccard index: the share of all entries that are in both."""
    return len(one & other) / len(one | other)


def draw_effects(axes: Axes, facts: dict[str, Tensor], way: str, heads: list[str]) -> None:
    """Draw a dot per head, the mean of the sets; the grey band is below the floor."""
    axes.axhspan(-FLOOR, FLOOR, color="0.5", alpha=0.18, lw=0)
    both = (facts[f"{way}_logit_diff"], facts[f"{way}_probability"])
    scatter(axes, *both, heads, shifts=SHIFTS[way])
    if way == "denoise":  # every head is in the band
        axes.set_ylim(-0.3 * FLOOR, 1.05 * FLOOR)
    axes.set(xlabel="change of logit difference", ylabel="change of probability")
    axes.set_title(f"{way}d")


if __name__ == "__main__":
    main()
