"""Edits of the toy world's facts, and how to judge one.

An edit works if the new answer comes (success), also to other wordings after prefixes of other
lengths (paraphrases), while other people keep their answers (neighbours) and the person keeps its
other three facts. While the value is looked for, one wording with prefixes of two words is seen.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..ch02_transformer import HookedTransformer
from .fact_world import N_SUBJECTS, OBJECTS, RELATIONS, WORDS, Prompts, World, ask, draw, prefixes
from .rome import Search, optimize_value, keys_at

SUBJECT_END = -3
"""Where the subject's last word stands in every question; the first one stands before it."""
LENGTHS = (1, 2, 3, 4)


class Edit(NamedTuple):
    """One fact, and what should be said instead."""

    subject: int
    """Whose."""
    relation: int
    """Which, an index of RELATIONS."""
    new: int
    """The token of the new answer."""


class Entry(NamedTuple):
    """What an edit writes into the memory of one layer."""

    key: Float[Tensor, " d_mlp"]
    """Neurons at the place, averaged over prefixes."""
    change: Float[Tensor, " d_model"]
    """What the MLP should write there in addition to what it writes."""


class Scores(NamedTuple):
    """How an edited model answers: shares of questions."""

    success: float
    """New answers to the question of the edit, after fresh prefixes of the same length."""
    paraphrases: float
    """New answers to the two other wordings, after prefixes of all lengths."""
    neighbours: float
    """Right answers to the same question about all other subjects."""
    namesakes: float
    """The same, for those who share a name with the subject only."""
    other_facts: float
    """Right answers to the other questions about the subject."""


def sample_edit(facts: World, generator: torch.Generator) -> Edit:
    """A random fact with a random other answer of the same kind."""
    subject = int(torch.randint(N_SUBJECTS, (1,), generator=generator))
    relation = int(torch.randint(len(RELATIONS), (1,), generator=generator))
    old = int(facts.objects[subject, relation])
    others = [WORDS.index(word) for word in OBJECTS[RELATIONS[relation]]]
    others.remove(old)
    return Edit(
        subject, relation, others[int(torch.randint(len(others), (1,), generator=generator))]
    )


def about(
    facts: World,
    subjects: Int[Tensor, " n"],
    how: tuple[int, int],
    length: int,
    generator: torch.Generator,
) -> Prompts:
    """The same question, how = (relation, wording), about some subjects after random prefixes."""
    n = len(subjects)
    relation, wording = (torch.full((n,), number) for number in how)
    return ask(facts, subjects, relation, wording, prefixes(n, length, generator))


def key_samples(
    model: HookedTransformer, facts: World, layer: int, generator: torch.Generator
) -> Float[Tensor, "n d_mlp"]:
    """Keys at all positions of random questions, in float64: what an edit should not disturb."""
    texts = [draw(facts, 400, generator, length).tokens for length in LENGTHS]
    return torch.cat([keys_at(model, text, layer).flatten(0, 1) for text in texts]).double()


def entry(
    model: HookedTransformer,
    facts: World,
    edit: Edit,
    place: tuple[int, int],
    generator: torch.Generator,
    search: Search | None = None,
) -> Entry:
    """Key and change for an edit at a place: a layer, and a position counted from the end.

    What should be kept is asked in the same wording: the subject's other three facts.
    """
    layer, position = place
    who = torch.full((12,), edit.subject)
    same = [about(facts, who, (edit.relation, 0), n, generator).tokens for n in LENGTHS]
    rest = [other for other in range(len(RELATIONS)) if other != edit.relation]
    kept = [about(facts, who[:4], (other, 0), 2, generator).tokens for other in rest]
    change = optimize_value(model, same[1], edit.new, torch.cat(kept), place, search or Search())
    keys = torch.cat([keys_at(model, text, layer)[:, position] for text in same])
    return Entry(keys.mean(dim=0).double(), change.double())


@torch.no_grad()
def judge(model: HookedTransformer, facts: World, edit: Edit, generator: torch.Generator) -> Scores:
    """Ask an edited model what it says now."""

    def share(prompts: Prompts, answer: int | None = None) -> Tensor:
        said = model(prompts.tokens)[:, -1].argmax(dim=-1)
        return (said == (prompts.answers if answer is None else answer)).double()

    who = torch.full((8,), edit.subject)
    others = torch.tensor([number for number in range(N_SUBJECTS) if number != edit.subject])
    namesake = (facts.names[others] == facts.names[edit.subject]).any(dim=1)
    rest = [other for other in range(len(RELATIONS)) if other != edit.relation]
    new = share(about(facts, who, (edit.relation, 0), 2, generator), edit.new)
    rephrased = [
        share(about(facts, who, (edit.relation, wording), length, generator), edit.new)
        for wording in (1, 2)
        for length in LENGTHS
    ]
    near = [share(about(facts, others, (edit.relation, way), 3, generator)) for way in range(3)]
    own = [
        share(about(facts, who, (other, way), 3, generator)) for other in rest for way in range(3)
    ]
    by_subject = torch.stack(near).mean(dim=0)
    parts = (new, torch.cat(rephrased), by_subject, by_subject[namesake], torch.cat(own))
    return Scores(*(part.mean().item() for part in parts))
