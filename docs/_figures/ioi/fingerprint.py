"""Hash what the code of the main experiment computes, instead of how it is written.

The keys of cached steps use `behaviour_hash`: results on a tiny random model in float64, of every
function that the steps call. Renaming a variable or adding an option keeps hours of results; a
change of any of these numbers in the fifth digit runs the steps again.
"""

import json
from typing import Any

import torch
from torch import Tensor

from docs._figures.ioi.circuit_sweep import CircuitSweep
from docs._figures.lib.figure_files import text_hash
from solutions.ch02_transformer import HookedTransformer, TransformerConfig
from solutions.ch02_transformer.model import LLAMA
from solutions.ch05_patching import logit_diff_from_resid
from solutions.ch07_ioi import IOIPrompts, abc_corruption
from solutions.ch07_ioi.circuit import CircuitEvaluator, Node, abc_means
from solutions.ch07_ioi.counterfactuals import swap_names
from solutions.ch07_ioi.heads import copy_score, direct_and_total_effects, role_attention
from solutions.ch07_ioi.prompts import find_positions
from solutions.ch07_ioi.search import CircuitSearch

BATCH, N_POS, D_VOCAB = 6, 9, 40
NODES = (Node(0, 1, "s1_next"), Node(1, 3, "s2"), Node(2, 0, "end"), Node(2, 2, "io"))


def behaviour_hash() -> str:
    """Hash the results of the experiment's functions on a tiny model: 16 hex digits."""
    return text_hash(json.dumps(behaviour()))


@torch.no_grad()
def behaviour() -> dict[str, Any]:
    """Compute the experiment's measurements on a tiny random model and random prompts."""
    generator = torch.Generator().manual_seed(0)
    config = TransformerConfig(3, 12, 4, 6, 10, D_VOCAB, 16, n_kv_heads=2)
    model = HookedTransformer(config, LLAMA, seed=0).double()
    for parameter in model.parameters():
        noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
        parameter.add_(0.3 * noise)
    clean = draw(generator)
    corrupted = abc_corruption(clean, torch.arange(D_VOCAB), generator)
    metric = logit_diff_from_resid(model, clean.io_token, clean.s_token)
    search = CircuitSearch(model, clean, corrupted, metric, min_effect_share=0.05, min_z=1.0)
    end, s2 = ((2, 0), (2, 1)), ((1, 1), (2, 3))
    means = abc_means(model, corrupted, clean.template)
    evaluator = CircuitEvaluator(model, clean, means, metric)
    heads = [(0, 2), (2, 1)]
    results = {
        "direct": search.effects_on_logits(),
        "queries": search.effects_on_queries(end),
        "subject": search.effects_on_s2_readers(s2),
        "keys": search.effects_on_keys(s2),
        "attention": [role_attention(model, clean, "end", "io")],
        "copies": [copy_score(model, clean, heads, sign) for sign in (1.0, -1.0)],
        "ablation": direct_and_total_effects(model, clean, corrupted, heads, metric),
        "circuit": [evaluator.keep_only(NODES), evaluator.ablate(NODES), evaluator.ablate_all()],
        "sweep": [CircuitSweep(evaluator, NODES).without(NODES[1:3])],
        "clean": [search.clean_metric()],
    }
    return {name: [digits(x) for x in found] for name, found in results.items()}


def draw(generator: torch.Generator) -> IOIPrompts:
    """Draw prompts of random tokens, IO once and S twice, each with its copy of swapped names."""
    half = BATCH // 2
    order = torch.rand(half, D_VOCAB, generator=generator).argsort(dim=1)
    io, s = order[:, 0], order[:, 1]
    tokens = order[:, 2 : 2 + N_POS]
    places = torch.rand(half, N_POS - 1, generator=generator).argsort(dim=1)[:, :3]
    tokens = tokens.scatter(1, places, torch.stack([io, s, s], dim=1))
    positions = find_positions(tokens, io, s)
    template, abba = torch.tensor([0, 1, 1]), positions.io < positions.s1
    drawn = IOIPrompts(tokens, positions, io, s, template, abba)
    swapped = swap_names(drawn)
    both = type(positions)(*(torch.cat([one, one]) for one in positions))
    fields = [torch.cat(two) for two in zip(drawn[2:], swapped[2:], strict=True)]
    return IOIPrompts(torch.cat([drawn.tokens, swapped.tokens]), both, *fields)


def digits(x: Tensor) -> list[str]:
    """Write numbers with five significant digits; what is smaller than 1e-9 is 0."""
    return [f"{value:.5g}" if abs(value) > 1e-9 else "0" for value in x.flatten().tolist()]


def prompt_hash(prompts: IOIPrompts) -> str:
    """Hash the tokens, positions and names of prompts."""
    fields = [prompts.tokens, *prompts.positions, *prompts[2:]]
    return text_hash(json.dumps([field.tolist() for field in fields]))
