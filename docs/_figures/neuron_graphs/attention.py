"""Why does the name mover 23.0 attend to the indirect object? Predictions, and patching.

Every prompt names two people, and then the second one again (S2). Its partner repeats the first one
instead. The names of a prompt have one gender, so that gender cannot tell them apart. Three prompts
are those of an earlier trial of this experiment (names of two genders); the others are new.
"""

from functools import partial
from typing import Any, NamedTuple

import torch
from jaxtyping import Int
from torch import Tensor

from docs._figures.lib.cached_steps import CachedSteps
from docs._figures.lib.models import load_with_tokenizer
from solutions.ch02_transformer import HookedTransformer
from solutions.ch12_graphs import contrast, intervene, qk, relp, secant
from solutions.ch12_graphs.contrast import Pair
from solutions.ch12_graphs.qk import KeyContrast

FRAMES = (
    "When {A} and {B} went to the store, {S} gave a drink to",
    "After {A} and {B} left the old library, {S} handed a letter to",
    "While {A} and {B} waited at the station, {S} passed a ticket to",
    "As {A} and {B} sat in the garden, {S} offered a flower to",
    "The day {A} and {B} met, {S} decided to give a coat to",
    "When {A} and {B} finished the long talk, {S} brought a gift to",
)
NAMES = (
    ("Mary", "Anna"),
    ("Tom", "Peter"),
    ("Sarah", "Julia"),
    ("David", "Simon"),
    ("Lucy", "Kate"),
    ("Robert", "Henry"),
)
TRIED = (
    ("When {A} and {B} went to the store, {S} gave a drink to", ("Mary", "John")),
    ("When {A} and {B} went to the park, {S} gave a book to", ("Tom", "Anna")),
    ("After {A} and {B} went to the school, {S} gave a ring to", ("Sarah", "Peter")),
)
MOVERS = ((23, 0),)
FIRST_LAYER = 15
MODULES = (contrast, intervene, qk, relp, secant)
SOURCES = [__file__, *(str(module.__file__) for module in MODULES)]


class Prompt(NamedTuple):
    """One prompt with its partner."""

    text: str
    """The prompt."""
    tokens: Int[Tensor, "2 pos"]
    """The prompt, and the one in which the other name is repeated."""
    answers: Int[Tensor, "2"]
    """The indirect object of each."""
    where: KeyContrast
    """Last position; IO; S1."""


def make_prompt(tokenizer: Any, frame: str, names: tuple[str, str]) -> Prompt:
    """Fill a frame: the second name is the subject, and the first the indirect object."""
    first, second = names
    texts = [frame.format(A=first, B=second, S=repeated) for repeated in (second, first)]
    tokens = torch.tensor([tokenizer.encode(text).ids for text in texts])
    io, subject = (tokenizer.encode(" " + name).ids[0] for name in names)
    ids = tokens[0].tolist()
    where = KeyContrast(len(ids) - 1, ids.index(io), ids.index(subject))
    return Prompt(texts[0], tokens, torch.tensor([io, subject]), where)


def prompts(tokenizer: Any) -> dict[str, list[Prompt]]:
    """Make the tried prompts and the new ones."""
    new = zip(FRAMES, NAMES, strict=True)
    return {
        "tried": [make_prompt(tokenizer, frame, names) for frame, names in TRIED],
        "new": [make_prompt(tokenizer, frame, names) for frame, names in new],
    }


def study(model: HookedTransformer, prompt: Prompt) -> dict[str, Any]:
    """Predict and measure for each mover, and open the change of the logit difference."""
    tokens, where = prompt.tokens, prompt.where
    found: dict[str, Any] = {"text": prompt.text}
    for mover in MOVERS:
        layer = mover[0]
        heads = [
            (early, head)
            for early in range(FIRST_LAYER, layer)
            for head in range(model.config.n_heads)
        ]
        queries, keys = (qk.head_parts(model, tokens[:1], mover, side) for side in ("query", "key"))
        other = qk.head_parts(model, tokens[1:], mover, "query")
        contributions = qk.query_contributions(queries, keys, where)
        change = contributions - qk.query_contributions(other, keys, where)
        predicted = qk.predicted_changes(model, tokens, mover, where)
        chosen = torch.tensor([predicted[f"head {early}.{head}"] for early, head in heads])
        best = [heads[index] for index in chosen.abs().topk(2).indices.tolist()]
        sets = [[one] for one in heads] + [best]
        measured = qk.measured_changes(model, tokens, mover, where, sets)
        found[f"{mover[0]}.{mover[1]}"] = {
            "heads": [f"{early}.{head}" for early, head in heads],
            "predicted": chosen,
            "measured": measured[:-1],
            "best": [f"{early}.{head}" for early, head in best],
            "both": measured[-1].item(),
            "difference": contributions.sum().item(),
            "names": queries.names,
            "change": change,
        }
    return found | open_change(model, prompt)


def open_change(model: HookedTransformer, prompt: Prompt) -> dict[str, Any]:
    """Write the change of the logit difference as an exact sum, with 300 neurons shown."""
    pair = Pair(prompt.tokens, prompt.answers)
    run, other = (contrast.run_prompt(model, tokens) for tokens in pair.tokens)
    change = secant.change_model(run, other)
    where = contrast.largest_nodes(contrast.contrast_scores(model, pair), 300)
    basis = secant.change_basis(change, where)
    target = secant.change_target(change, *pair.answers.tolist())
    effects = secant.change_effects(change, basis, target)
    moved = effects.moved[0]
    best = moved.flatten().abs().topk(6).indices.tolist()
    names = [divmod(index, moved.shape[1]) for index in best]
    return {
        "parts": {
            "neurons shown": effects.nodes.sum().item(),
            "other neurons": effects.remainders.sum().item(),
            "token": effects.tokens.sum().item(),
            "attention moved": moved.sum().item(),
            "norms": effects.norms.sum().item(),
        },
        "total": target.values.item(),
        "gap": (effects.total() - target.values).abs().item(),
        "moved": [[f"{layer}.{head}", moved[layer, head].item()] for layer, head in names],
    }


def study_all() -> dict[str, list[dict[str, Any]]]:
    """Study every prompt, or load it from the cache."""
    model, tokenizer = load_with_tokenizer("smollm2-135m")
    model.requires_grad_(False)
    made = prompts(tokenizer)
    total = sum(map(len, made.values()))
    steps = CachedSteps("ch12_attention", total, [FRAMES, NAMES, TRIED, MOVERS], SOURCES)
    return {
        kind: [steps(one.text, partial(study, model, one), kind) for one in some]
        for kind, some in made.items()
    }
