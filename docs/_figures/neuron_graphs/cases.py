"""Three pairs of prompts and their neurons: what each writes, its predicted and measured effect.

A neuron writes its output weights, times its activation; the label has the tokens that it promotes
most where it is active, in the first prompt or, if it is more active there, in the second. For the
capitals a group is found on one sentence frame and swapped in others.
"""

from functools import partial
from typing import Any, NamedTuple

import torch

from docs._figures.lib.cached_steps import CachedSteps
from docs._figures.lib.models import load_with_tokenizer
from solutions.ch02_transformer import HookedTransformer
from solutions.ch12_graphs import contrast, intervene, relp
from solutions.ch12_graphs.contrast import Pair

N_NODES, N_TOKENS = 8, 4
CAPITAL_SIZES = (10, 30, 100, 300)
CAPITAL_FRAMES = (
    "I have learned at school that the capital of {} is",
    "As every child knows, the largest city in {} is",
    "If you travel to {}, you will certainly visit",
    "The embassy of {} has its main office in",
)
CAPITAL_PAIRS = (
    (("France", " Paris"), ("Italy", " Rome")),
    (("Japan", " Tokyo"), ("Russia", " Moscow")),
    (("Spain", " Madrid"), ("Egypt", " Cairo")),
)
MODULES = (contrast, intervene, relp)
SOURCES = [__file__, *(str(module.__file__) for module in MODULES)]


class Case(NamedTuple):
    """A pair of prompts in words."""

    texts: tuple[str, str]
    """The prompts."""
    answers: tuple[str, str]
    """Their next tokens."""


CASES = {
    "gender": Case(("People admire Susan because", "People admire Henry because"), (" she", " he")),
    "number": Case(("The doors next to the hotel", "The door next to the hotel"), (" are", " is")),
    "capital": Case(("The capital of France is", "The capital of Italy is"), (" Paris", " Rome")),
}


def make_pair(tokenizer: Any, case: Case) -> Pair:
    """Encode a pair of prompts."""
    answers = [tokenizer.encode(answer).ids[0] for answer in case.answers]
    tokens = torch.tensor([tokenizer.encode(text).ids for text in case.texts])
    return Pair(tokens, torch.tensor(answers))


def study(model: HookedTransformer, tokenizer: Any, case: Case) -> dict[str, Any]:
    """List the largest nodes of a pair."""
    pair = make_pair(tokenizer, case)
    scores = contrast.contrast_scores(model, pair)
    where = contrast.largest_nodes(scores, N_NODES)
    effects = intervene.predicted_and_measured(model, pair, where)
    acts = torch.stack([contrast.run_prompt(model, tokens).acts() for tokens in pair.tokens])
    gain, nodes = model.ln_final.affine().gain.detach(), []
    for index, (layer, pos, unit) in enumerate(zip(*(x.tolist() for x in where), strict=True)):
        own = acts[:, layer, pos, unit]
        active = int(own.abs().argmax())
        W_out = model.blocks[layer].get_submodule("mlp").W_out[unit].detach()
        written = (own[active].sign() * W_out * gain) @ model.unembed.W_U.detach()
        nodes.append(
            {
                "neuron": f"{layer}.{unit}",
                "at": tokenizer.decode([int(pair.tokens[active, pos])]),
                "acts": own.tolist(),
                "score": scores[layer, pos, unit].item(),
                "predicted": effects.predicted[index].item(),
                "measured": effects.measured[index].item(),
                "writes": [tokenizer.decode([i]) for i in written.topk(N_TOKENS).indices.tolist()],
            }
        )
    nodes.sort(key=lambda node: -abs(node["score"]))
    positive = scores[:, 1:].abs().flatten()
    return {
        "prompts": case.texts,
        "metric": intervene.swap(model, pair, [[(0, 0)]]).before.tolist(),
        "nodes": nodes,
        "share": (positive.topk(300).values.sum() / positive.sum()).item(),
    }


def capital_swaps(model: HookedTransformer, tokenizer: Any, number: int) -> dict[str, Any]:
    """Find groups for two countries on one frame, and swap them in other frames."""
    (first, one), (second, two) = CAPITAL_PAIRS[number]
    frames = ("The capital of {} is", *CAPITAL_FRAMES)
    pairs = [
        make_pair(tokenizer, Case((frame.format(first), frame.format(second)), (one, two)))
        for frame in frames
    ]
    scores = contrast.group_scores([contrast.contrast_scores(model, pairs[0])])
    groups = [contrast.top_neurons(scores, k) for k in CAPITAL_SIZES]
    generator = torch.Generator().manual_seed(number)
    groups.append(intervene.random_group(groups[-1], scores.shape[1], generator))
    swaps = [intervene.swap(model, pair, groups) for pair in pairs[1:]]
    rates = intervene.switch_rates(swaps)
    return {"countries": [first, second], **rates._asdict()}


def study_all() -> dict[str, Any]:
    """Study all cases, or load them from the cache."""
    model, tokenizer = load_with_tokenizer("smollm2-135m")
    model.requires_grad_(False)
    total = len(CASES) + len(CAPITAL_PAIRS)
    steps = CachedSteps("ch12_cases", total, [CASES, CAPITAL_FRAMES, CAPITAL_PAIRS], SOURCES)
    found = {
        name: steps(name, partial(study, model, tokenizer, case)) for name, case in CASES.items()
    }
    swaps = [
        steps(f"capital {number}", partial(capital_swaps, model, tokenizer, number))
        for number in range(len(CAPITAL_PAIRS))
    ]
    return {"cases": found, "capital swaps": swaps, "sizes": [*CAPITAL_SIZES, "random 300"]}
