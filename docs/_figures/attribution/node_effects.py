"""Is a node with much influence one whose removal changes the answer?

1. On each prompt, build the graph of a difference of logits, and take the MOST latents with the
   largest influence (all of them on the toys).
2. Subtract what each one writes from the MLPs' outputs of the model, one at a time.
3. Compare influence with the size of the change, and the predicted effect over all paths with the
   change. Controls: the graph with shuffled decoders, the length of what a latent writes, and a
   random order.
Axes: prompt, node, d_vocab.
"""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from scipy.stats import spearmanr
from torch import Tensor

from docs._figures.attribution.addition import exact_clt
from docs._figures.attribution.text_cases import (
    CASES,
    Traced,
    load,
    run_without,
    total_effects,
    written,
)
from docs._figures.attribution.two_hop_clts import TwoCLTs
from solutions.ch02_transformer import HookedTransformer, load_pretrained
from solutions.ch11_transcoders.crosslayer import AbstractCLT
from solutions.ch11_transcoders.geography import make_geography
from solutions.ch12_graphs import attribution_graph, clt_basis, direction_targets, freeze
from solutions.ch12_graphs.influence import node_influence
from solutions.ch12_graphs.intervene import agreement
from solutions.ch12_graphs.logits import LogitTargets
from solutions.ch12_graphs.scores import shuffle_decoders
from toy_models.addition.train import FIRST_ONES, all_pairs
from toy_models.toys import folder

MOST, TOY_PROMPTS = 300, 32


class Prompt(NamedTuple):
    """A prompt, its model, and the number that its graph explains."""

    model: HookedTransformer
    """Model."""
    clt: AbstractCLT
    """Its dictionary."""
    tokens: Int[Tensor, " pos"]
    """Text."""
    readout: Float[Tensor, " d_vocab"]
    """Weight of each logit at the last position."""
    first: int
    """First position whose latents are removed."""


def toy_prompts(toys: list[TwoCLTs]) -> Iterator[tuple[str, Prompt]]:
    """List held-out prompts of two_hop (the answer's logit around the mean) and addition."""
    world = make_geography()
    questions = world.questions(held_out=True)[:: 128 // TOY_PROMPTS]
    pairs = all_pairs()
    held_out = pairs.held_out.nonzero()[:, 0][:: int(pairs.held_out.sum()) // TOY_PROMPTS]
    for seed, toy in enumerate(toys):
        for tokens in questions:
            readout = torch.full((toy.model.config.d_vocab,), -1 / toy.model.config.d_vocab)
            readout[world.answers(tokens[None])] += 1
            yield "two_hop", Prompt(toy.model, toy.clts[0], tokens, readout, 0)
        model = load_pretrained(folder("addition", seed))[0].requires_grad_(False)
        neurons = exact_clt(model)
        for pair in held_out[:TOY_PROMPTS].tolist():
            readout = torch.zeros(model.config.d_vocab)
            readout[FIRST_ONES : FIRST_ONES + 10] = -0.1
            readout[FIRST_ONES + int(pairs.digits[pair, 0])] += 1
            yield "addition", Prompt(model, neurons, pairs.tokens[pair], readout, 0)


def text_prompts() -> Iterator[tuple[str, Prompt]]:
    """List the prompts of text_4l on which no group was chosen; position 0 is left out."""
    model, tokenizer, clt = load()
    for name, case in CASES.items():
        readout = torch.zeros(model.config.d_vocab)
        readout[tokenizer.encode(case.answer).ids[0]] = 1
        readout[tokenizer.encode(case.against).ids[0]] = -1
        for text in case.tested_on:
            tokens = torch.tensor(tokenizer.encode(text).ids)
            yield name, Prompt(model, clt, tokens, readout, 1)


@torch.no_grad()
def compare(prompt: Prompt, generator: torch.Generator) -> dict[str, float]:
    """Compare influence and predicted effects with measured ones on one prompt."""
    frozen = freeze(prompt.model, prompt.tokens[None])
    basis = clt_basis(frozen, prompt.clt)
    row, bias = prompt.readout @ frozen.W_U.T, prompt.readout @ frozen.b_U
    ends = direction_targets(frozen, row[None], bias[None])
    target = LogitTargets(torch.tensor([0]), torch.ones(1), ends)
    influences, effects = [], []
    for shown in (basis, shuffle_decoders(frozen, basis, generator)):
        made = attribution_graph(frozen, shown, target)
        influences.append(node_influence(made.edges, made.weights)[made.indices("latent")])
        effects.append(total_effects(made))
        if shown is basis:
            traced = Traced(prompt.tokens, frozen, basis, made, effects[0])
    late = influences[0].where(basis.nodes.pos >= prompt.first, -1.0)
    chosen = late.topk(min(MOST, int((late >= 0).sum()))).indices
    writes = torch.stack([written(traced, node[None]) for node in chosen])
    nothing = torch.zeros_like(writes[:1])
    logits = run_without(prompt.model, prompt.tokens, torch.cat([nothing, writes]))
    values = (logits @ prompt.readout).double()
    measured = values[0] - values[1:]
    order = torch.randperm(len(chosen), generator=generator)
    by = {
        "influence": influences[0][chosen],
        "shuffled decoders": influences[1][chosen],
        "length": writes.flatten(1).norm(dim=1),
        "random order": influences[0][chosen][order],
    }
    predicted = effects[0][chosen]
    found = {
        f"rank, {name}": float(spearmanr(value, measured.abs()).statistic)
        for name, value in by.items()
    }
    line = torch.corrcoef(torch.stack([by["influence"].double(), measured.abs()]))[0, 1]
    whole, wrong = agreement(predicted, measured), agreement(effects[1][chosen], measured)
    mixed = agreement(predicted[order], measured)
    return found | {
        "pearson, influence": float(line),
        "rank, predicted": float(spearmanr(predicted.abs(), measured.abs()).statistic),
        **{f"predicted, {key}": value for key, value in whole._asdict().items()},
        **{f"shuffled, {key}": value for key, value in wrong._asdict().items()},
        "random, correlation": mixed.correlation,
        "random, sign": mixed.sign,
        "nodes": float(len(chosen)),
    }


def measure_effects(toys: list[TwoCLTs]) -> dict[str, list[dict[str, float]]]:
    """Compare on all prompts: graph -> one record per prompt."""
    generator = torch.Generator().manual_seed(0)
    found: dict[str, list[dict[str, float]]] = {}
    for source in (toy_prompts(toys), text_prompts()):
        for name, prompt in source:
            found.setdefault(name, []).append(compare(prompt, generator))
    return found
