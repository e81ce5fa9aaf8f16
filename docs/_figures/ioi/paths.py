"""Measure the circuit's paths on prompts on which no head was chosen, and other heads as a control.

`python -m docs._figures.ioi.paths` takes about a minute after experiment.py, and writes
docs/figures/ch07_paths.json: the effect of each head along the path that found it, and attention
and copying of heads that are not in the circuit.
"""

from typing import Any

import torch
from torch import Tensor

from docs._figures.ioi.circuit_tests import pair_interval, select_pairs
from docs._figures.ioi.experiment import PATHS, SEEDS, Half, draw_halves
from docs._figures.ioi.fingerprint import behaviour_hash, prompt_hash
from docs._figures.ioi.style import STEP_OF, STEPS, STYLES, WEIGHTS, load
from docs._figures.lib.cached_steps import CachedSteps
from docs._figures.lib.figure_files import FIGURES, hash_sources, write_metadata
from solutions.ch02_transformer import HookedTransformer, Site, load_pretrained
from solutions.ch05_patching import logit_diff_from_resid, path_patch
from solutions.ch05_patching.metrics import unpatched
from solutions.ch07_ioi.heads import copy_score, receivers, role_attention, site_positions
from solutions.ch07_ioi.prompts import IOIPrompts

SENDER_ROLE = {"direct": "end", "queries": "end", "subject": "s2", "keys": "s1_next"}
N_OTHER = 30
"""Heads outside the circuit whose copying is measured."""
FEW = 40
"""Prompts for the attention of the others."""

Heads = dict[str, list[tuple[int, int]]]


def receivers_of(
    model: HookedTransformer, prompts: IOIPrompts, heads: Heads, step: str
) -> list[Site]:
    """List the receivers of a step; none means the logits."""
    where = prompts.positions
    if step == "direct":
        return []
    if step == "queries":
        return receivers(model, heads["name mover"], "q", where.end)
    if step == "keys":
        return receivers(model, heads["induction"], "k", where.s1_next)
    readers = heads["S-inhibition"] + heads.get("subject suppressor", [])
    keys, values = (receivers(model, readers, side, where.s2) for side in ("k", "v"))
    return keys + values


def losses_along_paths(
    model: HookedTransformer, half: Half, heads: Heads, step: str
) -> dict[str, Tensor]:
    """Measure the loss along the path of each head of a step, per prompt: clean minus patched.

    Above 0 the head works for the answer.
    """
    clean, corrupted = half
    mine = [h for name in heads if STEP_OF.get(name, "direct") == step for h in heads[name]]
    if not mine:
        return {}
    position = site_positions(clean.positions._asdict()[SENDER_ROLE[step]])
    senders = [[Site("attn.hook_z", a, head=b, position=position)] for a, b in mine]
    metric = logit_diff_from_resid(model, clean.io_token, clean.s_token)
    into = receivers_of(model, clean, heads, step)
    patched = path_patch(model, clean.tokens, corrupted.tokens, senders, into, metric)
    losses = unpatched(model, clean.tokens, metric) - patched
    return {f"{a}.{b}": one for (a, b), one in zip(mine, losses, strict=True)}


def measure_others(
    model: HookedTransformer, prompts: IOIPrompts, heads: Heads, steps: CachedSteps
) -> dict:
    """Measure attention between roles, and copying, of heads outside the circuit."""
    found = {head for one in heads.values() for head in one}
    n_heads = model.config.n_heads
    left = [(a, b) for a in range(len(model.blocks)) for b in range(n_heads) if (a, b) not in found]
    few = prompts.select(select_pairs(prompts, FEW))
    attention = {}
    for name in sorted({style.attention for style in STYLES.values() if style.attention}):
        query, key = name.split(" to ")
        values = steps(
            name,
            lambda q=query, k=key: role_attention(model, few, q, k),  # type: ignore[misc]
        )
        mean = torch.stack([values[a, b].mean() for a, b in left])
        attention[name] = {"mean": mean.mean().item(), "95 %": mean.quantile(0.95).item()}
    order = torch.randperm(len(left), generator=torch.Generator().manual_seed(0))[:N_OTHER]
    drawn = [left[i] for i in order.tolist()]
    copies = steps("others copy", lambda: copy_score(model, few, drawn), drawn).mean(dim=1)
    return {"attention": attention, "copies": {"mean": copies.mean().item(), "most": copies.max()}}


def main() -> None:
    """Measure, and write the numbers."""
    sources = hash_sources([*PATHS, __file__])
    heads: dict[str, Any] = {
        name: [tuple(map(int, head.split("."))) for head in one]
        for name, one in load()["classes"].items()
    }
    model, tokenizer = load_pretrained("smollm2-135m")
    half = draw_halves(tokenizer)[1]
    given = [WEIGHTS, behaviour_hash(), *(prompt_hash(one) for one in half)]
    steps = CachedSteps("ioi_paths", 10, given, [__file__])
    found: dict[str, Any] = {
        step: steps(
            step,
            lambda s=step: losses_along_paths(model, half, heads, s),  # type: ignore[misc]
            heads,
        )
        for step in STEPS
    }
    numbers = {
        "model": WEIGHTS,
        "prompts": len(half.clean.tokens),
        "paths": {
            step: {head: pair_interval(one, half.clean) for head, one in losses.items()}
            for step, losses in found.items()
        },
        "others": measure_others(model, half.clean, heads, steps),
    }
    alt = "Effects of the circuit's heads along their paths, on prompts of the other half."
    write_metadata(FIGURES / "ch07_paths.json", alt, sources, numbers, SEEDS)


if __name__ == "__main__":
    main()
