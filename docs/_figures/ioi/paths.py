"""Measures the circuit's paths on prompts on which no head was chosen, and what other heads do.

`python -m docs._figures.ioi.paths` takes about a minute after `experiment.py`, and writes
docs/figures/ch07_paths.json: the effect of each head along the path that found it; and as nulls,
attention and copying of heads that are not in the circuit.
"""

from typing import Any

import torch
from torch import Tensor

from docs._figures.ioi.circuit_tests import N_SMALL, interval
from docs._figures.ioi.experiment import EACH, PATHS, SEEDS, draw_halves
from docs._figures.ioi.style import LOOKS, STEP_OF, STEPS, WEIGHTS, load
from docs._figures.lib.cached_steps import CachedSteps
from docs._figures.lib.figure_files import FIGURES, write_metadata
from solutions.ch02_transformer import HookedTransformer, Site, load_pretrained
from solutions.ch05_patching import logit_diff_from_resid, path_patch
from solutions.ch05_patching.sweep import cache_prompt
from solutions.ch07_ioi.heads import copy_score, receivers, role_attention, site_positions
from solutions.ch07_ioi.prompts import IOIPrompts

FROM = {"direct": "end", "queries": "end", "subject": "s2", "keys": "s1_next"}
N_OTHER = 30
"""Heads outside of the circuit whose copying is measured."""
FEW = 40
"""Prompts for the attention of the others."""

Heads = dict[str, list[tuple[int, int]]]


def listening(model: HookedTransformer, prompts: IOIPrompts, heads: Heads, step: str) -> list[Site]:
    """What the senders of a step reach; nothing means the logits."""
    where = prompts.positions
    readers = heads["S-inhibition"] + heads.get("subject suppressor", [])
    return {
        "direct": lambda: [],
        "queries": lambda: receivers(model, heads["name mover"], "q", where.end),
        "subject": lambda: [s for side in "kv" for s in receivers(model, readers, side, where.s2)],
        "keys": lambda: receivers(model, heads["induction"], "k", where.s1_next),
    }[step]()


def along(
    model: HookedTransformer, half: tuple[IOIPrompts, IOIPrompts], heads: Heads, step: str
) -> dict[str, Tensor]:
    """What each head of a step loses the answer along its path, prompt by prompt: clean - patched.

    Above 0 the head works for the answer.
    """
    clean, partner = half
    mine = [h for name in heads if STEP_OF.get(name, "direct") == step for h in heads[name]]
    if not mine:
        return {}
    position = site_positions(clean.positions._asdict()[FROM[step]])
    senders = [[Site("attn.hook_z", a, head=b, position=position)] for a, b in mine]
    read = logit_diff_from_resid(model, clean.io_token, clean.s_token)
    base = read(cache_prompt(model, clean.tokens).streams[-1][None, :, -1])
    into = listening(model, clean, heads, step)
    patched = path_patch(model, clean.tokens, partner.tokens, senders, into, read)
    return {f"{a}.{b}": one for (a, b), one in zip(mine, base - patched, strict=True)}


def others(model: HookedTransformer, prompts: IOIPrompts, heads: Heads, steps: CachedSteps) -> dict:
    """Attention between roles, and copying, of heads that are not in the circuit."""
    found = {head for one in heads.values() for head in one}
    n_heads = model.config.n_heads
    left = [(a, b) for a in range(len(model.blocks)) for b in range(n_heads) if (a, b) not in found]
    few = prompts.select(torch.linspace(0, len(prompts.tokens) - 1, FEW).round().long())
    looks = {}
    for name in sorted({look.looks for look in LOOKS.values() if look.looks}):
        query, key = name.split(" to ")
        values = steps(name, lambda q=query, k=key: role_attention(model, few, q, k))
        mean = torch.stack([values[a, b].mean() for a, b in left])
        looks[name] = {"mean": mean.mean().item(), "95 %": mean.quantile(0.95).item()}
    order = torch.randperm(len(left), generator=torch.Generator().manual_seed(0))[:N_OTHER]
    drawn = [left[i] for i in order.tolist()]
    copies = steps("others copy", lambda: copy_score(model, few, drawn), drawn).mean(dim=1)
    return {"attention": looks, "copies": {"mean": copies.mean().item(), "most": copies.max()}}


def whole(model: HookedTransformer, prompts: IOIPrompts) -> float:
    """F of the whole model on those prompts on which sets K are tried (circuit_tests.subset)."""
    few = prompts.select(torch.linspace(0, len(prompts.tokens) - 1, N_SMALL).round().long())
    stream = cache_prompt(model, few.tokens).streams[-1][None, :, -1]
    return logit_diff_from_resid(model, few.io_token, few.s_token)(stream).mean().item()


def main() -> None:
    """Measure, and write the numbers."""
    heads = {
        name: [tuple(map(int, head.split("."))) for head in one]
        for name, one in load()["classes"].items()
    }
    model, tokenizer = load_pretrained("smollm2-135m")
    half = draw_halves(tokenizer)[1]
    steps = CachedSteps("ioi_paths", 10, [SEEDS, EACH], [*PATHS, __file__])
    found: dict[str, Any] = {
        step: steps(step, lambda s=step: along(model, half, heads, s), heads) for step in STEPS
    }
    numbers = {
        "model": WEIGHTS,
        "prompts": len(half[0].tokens),
        "paths": {
            step: {head: interval(one) for head, one in effects.items()}
            for step, effects in found.items()
        },
        "others": others(model, half[0], heads, steps),
        "whole, sets K": whole(model, half[0]),
    }
    alt = "Effects of the circuit's heads along their paths, on prompts of the other half."
    write_metadata(FIGURES / "ch07_paths.json", alt, [*PATHS, __file__], numbers, SEEDS)


if __name__ == "__main__":
    main()
