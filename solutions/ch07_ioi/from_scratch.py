"""Name movers from an empty file: a model and prompts in, heads out.

Axes: batch, pos, head; all heads are measured at END.
Source: Wang et al. 2022, "Interpretability in the Wild", section 3.1 and appendix B.
"""

import torch
from torch import Tensor

from ..ch02_transformer import HookedTransformer
from ..ch02_transformer.hooks import HookPoint
from .prompts import IOIPrompts

Head = tuple[int, int]


@torch.no_grad()
def find_name_movers(
    model: HookedTransformer, prompts: IOIPrompts, corrupted: IOIPrompts
) -> list[Head]:
    """List the name movers of a model, the one with the largest effect first; they may be none.

    A name mover is a head that, in the intact model,

    1. attends from END to IO with at least .3 of its attention, on average over prompts; and
    2. works for the answer without another head in between: if its output at END is taken from
       `corrupted` (ABC) and all other heads are frozen at their clean outputs, the mean logit
       difference falls by at least 2 % of the clean one, and by at least three standard errors
       over prompts.
    """
    # exercise 7.14
    rows, end = torch.arange(len(prompts.tokens)), prompts.positions.end
    layers = range(len(model.blocks))
    outputs = [f"blocks.{layer}.attn.hook_z" for layer in layers]
    patterns = [f"blocks.{layer}.attn.hook_pattern" for layer in layers]
    _, theirs = model.run_with_cache(corrupted.tokens, names=outputs)
    logits, ours = model.run_with_cache(prompts.tokens, names=[*outputs, *patterns])

    def difference(logits: Tensor) -> Tensor:
        last = logits[rows, end]
        return last[rows, prompts.io_token] - last[rows, prompts.s_token]

    clean, effect = difference(logits), {}
    for layer in layers:
        for head in range(model.config.n_heads):
            attention = ours[patterns[layer]][rows, head, end, prompts.positions.io]
            if attention.mean() < 0.3:
                continue

            def freeze(_: Tensor, point: HookPoint, sender: Head = (layer, head)) -> Tensor:
                z = ours[point.name].clone()
                if point.name == outputs[sender[0]]:
                    z[rows, end, sender[1]] = theirs[point.name][rows, end, sender[1]]
                return z

            frozen = dict.fromkeys(outputs, freeze)
            lost = clean - difference(model.run_with_hooks(prompts.tokens, hooks=frozen))
            large = lost.mean() >= 0.02 * clean.mean()
            if large and lost.mean() >= 3 * lost.std() / len(rows) ** 0.5:
                effect[layer, head] = lost.mean().item()
    return sorted(effect, key=effect.__getitem__, reverse=True)
