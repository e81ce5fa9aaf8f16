"""Draw small sets of indirect-object prompts and their corruptions for chapter 5's figures.

Every set has a pool of names of its own. The second half of a set holds copies of the first half
with swapped names, so that a preference for some names cancels.
"""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from solutions.ch02_transformer import HookedTransformer, Site
from solutions.ch05_patching.interventions import Runs
from solutions.ch05_patching.sweep import (
    Patch,
    SweepBatch,
    cache_prompt,
    first_position,
    group_patches,
    run_sweep_batch,
)
from solutions.ch07_ioi.counterfactuals import abc_corruption, fresh_names, swap_names
from solutions.ch07_ioi.prompts import IOIPrompts, draw_prompts, single_tokens
from solutions.ch07_ioi.sentences import NAMES, OBJECTS, PLACES

WEIGHTS = "SmolLM2-135M-Instruct, 4-bit weights (Q4_1), dequantised"
SEEDS = (0, 1, 2)
EACH = 8
"""Prompts per seed: half of them ABBA, and half copies with swapped names."""


def pool(tokenizer: Any, seed: int) -> dict[str, int]:
    """Select the names of one seed, with their tokens; no two seeds share a name."""
    names = list(single_tokens(tokenizer, NAMES))
    order = torch.randperm(len(names), generator=torch.Generator().manual_seed(0)).tolist()
    return single_tokens(tokenizer, [names[i] for i in order[seed :: len(SEEDS)]])


def name_tokens(tokenizer: Any, seed: int) -> Int[Tensor, " n_names"]:
    """Return the tokens of one seed's names."""
    return torch.tensor(list(pool(tokenizer, seed).values()))


def draw_pairs(tokenizer: Any, seed: int, frame: int | None = None) -> IOIPrompts:
    """Draw one set, the copies with swapped names last; of one sentence frame if one is given."""
    generator = torch.Generator().manual_seed(seed)
    names = list(pool(tokenizer, seed))
    prompts = draw_prompts(tokenizer, EACH // 2 if frame is None else 200, generator, names=names)
    if frame is not None:
        groups = [(prompts.template == 2 * frame + order).nonzero()[:, 0] for order in (0, 1)]
        prompts = prompts.select(torch.cat([group[: EACH // 4] for group in groups]))
    swapped = swap_names(prompts)
    positions = type(prompts.positions)(*(torch.cat([one, one]) for one in prompts.positions))
    fields = [torch.cat(two) for two in zip(prompts[2:], swapped[2:], strict=True)]
    return IOIPrompts(torch.cat([prompts.tokens, swapped.tokens]), positions, *fields)


def third_name_twice(tokenizer: Any, prompts: IOIPrompts, seed: int) -> list[Tensor]:
    """Replace S2 by a third name, in two ways; a copy gets the same name as its prompt."""
    names, generator = name_tokens(tokenizer, seed), torch.Generator().manual_seed(seed)
    half = prompts.select(slice(0, EACH // 2))
    new = fresh_names(half, names, 2, generator).repeat(2, 1)
    where = prompts.positions.s2[:, None]
    return [prompts.tokens.scatter(1, where, new[:, i : i + 1]) for i in range(2)]


def abc_twice(tokenizer: Any, prompts: IOIPrompts, seed: int) -> list[Tensor]:
    """Draw two ABC corruptions; a copy gets the corruption of its prompt."""
    names, generator = name_tokens(tokenizer, seed), torch.Generator().manual_seed(seed)
    half = prompts.select(slice(0, EACH // 2))
    return [abc_corruption(half, names, generator).tokens.repeat(2, 1) for _ in range(2)]


def replace_things(tokenizer: Any, tokens: Tensor) -> Tensor:
    """Replace place and object by the next ones in their lists, as a control.

    The names stay, so a patch from these prompts should have no effect.
    """
    for words in (PLACES, OBJECTS):
        known = torch.tensor(list(single_tokens(tokenizer, words).values()))
        same = tokens[..., None] == known  # [batch, pos, word]
        following = known.roll(-1)[same.int().argmax(dim=-1)]
        tokens = torch.where(same.any(dim=-1), following, tokens)
    return tokens


def head_outputs_at_end(model: HookedTransformer, prompts: IOIPrompts) -> list[Site]:
    """List the output of every head at the last position, layer by layer."""
    end = prompts.tokens.shape[1] - 1
    heads = range(model.config.n_heads)
    layers = range(len(model.blocks))
    return [
        Site("attn.hook_z", layer, head=head, position=end) for layer in layers for head in heads
    ]


@torch.no_grad()
def last_resids(
    model: HookedTransformer,
    tokens: Int[Tensor, "batch pos"],
    patches: Sequence[Patch],
    runs: Runs,
) -> Float[Tensor, "patch batch d_model"]:
    """Return the residual stream after the last block at the last position, for every patch.

    Like `patch_sweep`, for several metrics of one sweep.
    """
    prompt = cache_prompt(model, tokens)
    found = prompt.resids[-1].new_empty(len(patches), *prompt.resids[-1][:, -1].shape)
    for indices in group_patches(prompt, patches, 1024):
        group = [patches[index] for index in indices]
        batch = SweepBatch(prompt, group, first_position(group[0], prompt), runs, {})
        resid = run_sweep_batch(model, batch).resid
        found[indices] = resid[:, -1].unflatten(0, (len(group), -1))
    return found
