"""Small sets of indirect-object prompts and partners for chapter 5's figures.

Every set comes from a pool of names of its own, and half of its prompts are mirror images of the
other half, so that a liking for a name cancels.
"""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor

from solutions.ch02_transformer import HookedTransformer, Site
from solutions.ch05_patching.interventions import Runs
from solutions.ch05_patching.sweep import (
    Patch,
    SweepBatch,
    cache_prompt,
    first_position,
    groups,
    run_sweep_batch,
)
from solutions.ch07_ioi.counterfactuals import abc_corruption, fresh_names, swap_names
from solutions.ch07_ioi.prompts import IOIPrompts, draw_prompts, single_tokens
from solutions.ch07_ioi.sentences import NAMES, OBJECTS, PLACES

WEIGHTS = "SmolLM2-135M-Instruct, 4-bit weights (Q4_1), dequantised"
SEEDS = (0, 1, 2)
EACH = 8
"""Prompts of one seed: half of them ABBA, and half mirror images."""


def pool(tokenizer: Any, seed: int) -> dict[str, int]:
    """Names of one seed with their tokens; no two seeds share one."""
    names = list(single_tokens(tokenizer, NAMES))
    order = torch.randperm(len(names), generator=torch.Generator().manual_seed(0)).tolist()
    return single_tokens(tokenizer, [names[i] for i in order[seed :: len(SEEDS)]])


def names_of(tokenizer: Any, seed: int) -> Tensor:
    """The tokens of one seed's names."""
    return torch.tensor(list(pool(tokenizer, seed).values()))


def draw(tokenizer: Any, seed: int, frame: int | None = None) -> IOIPrompts:
    """One set, the mirror images behind; of one sentence frame if one is given."""
    generator = torch.Generator().manual_seed(seed)
    names = list(pool(tokenizer, seed))
    prompts = draw_prompts(tokenizer, EACH // 2 if frame is None else 200, generator, names=names)
    if frame is not None:
        groups = [(prompts.template == 2 * frame + order).nonzero()[:, 0] for order in (0, 1)]
        prompts = prompts.select(torch.cat([group[: EACH // 4] for group in groups]))
    image = swap_names(prompts)
    where = type(prompts.positions)(*(torch.cat([one, one]) for one in prompts.positions))
    fields = [torch.cat(two) for two in zip(prompts[2:], image[2:], strict=True)]
    return IOIPrompts(torch.cat([prompts.tokens, image.tokens]), where, *fields)


def third(tokenizer: Any, prompts: IOIPrompts, seed: int) -> list[Tensor]:
    """Two partners in which S2 is a third name, another one in each; images have the same name."""
    names, generator = names_of(tokenizer, seed), torch.Generator().manual_seed(seed)
    half = prompts.select(slice(0, EACH // 2))
    new = fresh_names(half, names, 2, generator).repeat(2, 1)
    where = prompts.positions.s2[:, None]
    return [prompts.tokens.scatter(1, where, new[:, i : i + 1]) for i in range(2)]


def abc_twice(tokenizer: Any, prompts: IOIPrompts, seed: int) -> list[Tensor]:
    """Two ABC partners, drawn one after the other; an image has the partner of its prompt."""
    names, generator = names_of(tokenizer, seed), torch.Generator().manual_seed(seed)
    half = prompts.select(slice(0, EACH // 2))
    return [abc_corruption(half, names, generator).tokens.repeat(2, 1) for _ in range(2)]


def elsewhere(tokenizer: Any, tokens: Tensor) -> Tensor:
    """The same prompts with another place and another object: the next ones in the lists.

    As a null: who is named where stays, so nothing that a patch brings from there should matter.
    """
    for words in (PLACES, OBJECTS):
        known = torch.tensor(list(single_tokens(tokenizer, words).values()))
        same = tokens[..., None] == known
        following = known.roll(-1)[same.int().argmax(dim=-1)]
        tokens = torch.where(same.any(dim=-1), following, tokens)
    return tokens


def at_end(model: HookedTransformer, prompts: IOIPrompts) -> list[Site]:
    """The output of every head at the last position, layer by layer."""
    end = prompts.tokens.shape[1] - 1
    heads = range(model.config.n_heads)
    layers = range(len(model.blocks))
    return [
        Site("attn.hook_z", layer, head=head, position=end) for layer in layers for head in heads
    ]


@torch.no_grad()
def ends(
    model: HookedTransformer,
    tokens: Int[Tensor, "batch pos"],
    versions: Sequence[Patch],
    runs: Runs,
) -> Tensor:
    """The stream after the last block at the last position, [version, batch, d_model].

    As `patch_sweep`, for readers of several metrics.
    """
    text = cache_prompt(model, tokens)
    found = text.streams[0].new_empty(len(versions), *text.streams[-1][:, -1].shape)
    for numbers in groups(text, versions, 1024):
        chosen = [versions[number] for number in numbers]
        stream, _ = run_sweep_batch(
            model, SweepBatch(text, chosen, first_position(chosen[0], text), runs, {})
        )
        found[numbers] = stream[:, -1].unflatten(0, (len(chosen), -1))
    return found
