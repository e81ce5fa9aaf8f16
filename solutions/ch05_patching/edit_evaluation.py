"""Edit facts of the toy world with ROME, and evaluate the edits.

An edit works if the model gives the new answer (success), also for other wordings after prefixes of
other lengths (paraphrases), while other people keep their answers (neighbors) and the person keeps
its other three facts. The search for the value sees one wording with prefixes of two words.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..ch00_looking.checks import check_finite
from ..ch02_transformer import HookedTransformer
from .fact_world import (
    N_SUBJECTS,
    N_WORDINGS,
    OBJECTS,
    RELATIONS,
    WORDS,
    FactPrompts,
    FactWorld,
    make_prompts,
    sample_prefixes,
    sample_prompts,
)
from .rome import EditLocation, ValueSearch, keys_at, optimize_value

SUBJECT_LAST = -3
"""Position of the subject's last word in every prompt; its first word is before it."""
PREFIX_LENGTHS = (1, 2, 3, 4)


class FactEdit(NamedTuple):
    """One fact and its new answer."""

    subject: int
    """Index of the subject."""
    relation: int
    """Index of the relation in RELATIONS."""
    new: int
    """Token of the new answer."""


class RomeUpdate(NamedTuple):
    """Key and change of value that an edit writes into the MLP of one layer."""

    key: Float[Tensor, " d_mlp"]
    """MLP activations at the edited position, averaged over prefixes."""
    change: Float[Tensor, " d_model"]
    """Change of the MLP's output there."""


class EditScores(NamedTuple):
    """Accuracy of an edited model, as shares of prompts."""

    success: float
    """New answers to the edited wording, after new prefixes of the same length."""
    paraphrases: float
    """New answers to the two other wordings, after prefixes of all lengths."""
    neighbors: float
    """Right answers to the same question about all other subjects."""
    namesakes: float
    """The same, for subjects that share a name with the edited one."""
    other_facts: float
    """Right answers to the other questions about the subject."""


def sample_edit(facts: FactWorld, generator: torch.Generator) -> FactEdit:
    """Draw a random fact with a random other answer of the same kind."""
    subject = int(torch.randint(N_SUBJECTS, (1,), generator=generator))
    relation = int(torch.randint(len(RELATIONS), (1,), generator=generator))
    others = [WORDS.index(word) for word in OBJECTS[RELATIONS[relation]]]
    others.remove(int(facts.objects[subject, relation]))
    new = others[int(torch.randint(len(others), (1,), generator=generator))]
    return FactEdit(subject, relation, new)


def prompts_about(
    facts: FactWorld,
    subjects: Int[Tensor, " n"],
    generator: torch.Generator,
    *,
    relation: int,
    wording: int,
    length: int,
) -> FactPrompts:
    """Ask one question about some subjects, after random prefixes of `length` words."""
    n = len(subjects)
    relations, wordings = (torch.full((n,), index) for index in (relation, wording))
    prefix = sample_prefixes(n, length, generator)
    return make_prompts(facts, subjects, relations, wordings, prefix)


def key_samples(
    model: HookedTransformer, facts: FactWorld, layer: int, generator: torch.Generator
) -> Float[Tensor, "n d_mlp"]:
    """Return keys at all positions of random prompts, in float64, for `second_moment`."""
    prompts = [sample_prompts(facts, 400, generator, n).tokens for n in PREFIX_LENGTHS]
    return torch.cat([keys_at(model, tokens, layer).flatten(0, 1) for tokens in prompts]).double()


def rome_update(
    model: HookedTransformer,
    facts: FactWorld,
    edit: FactEdit,
    location: EditLocation,
    generator: torch.Generator,
    search: ValueSearch | None = None,
) -> RomeUpdate:
    """Compute the key and the change of value of an edit at a location.

    The predictions to keep are the subject's other three facts, in the same wording.
    """
    subject = torch.full((12,), edit.subject)
    edited = [
        prompts_about(facts, subject, generator, relation=edit.relation, wording=0, length=n).tokens
        for n in PREFIX_LENGTHS
    ]
    kept = [
        prompts_about(facts, subject[:4], generator, relation=other, wording=0, length=2).tokens
        for other in range(len(RELATIONS))
        if other != edit.relation
    ]
    change = optimize_value(
        model, edited[1], edit.new, torch.cat(kept), location, search or ValueSearch()
    )
    keys = [keys_at(model, tokens, location.layer)[:, location.position] for tokens in edited]
    return RomeUpdate(torch.cat(keys).mean(dim=0).double(), change.double())


@torch.no_grad()
def evaluate_edit(
    model: HookedTransformer, facts: FactWorld, edit: FactEdit, generator: torch.Generator
) -> EditScores:
    """Evaluate the predictions of an edited model."""

    def ask(
        subjects: Tensor, relation: int, wording: int, length: int, answer: int | None = None
    ) -> Float[Tensor, " batch"]:
        prompts = prompts_about(
            facts, subjects, generator, relation=relation, wording=wording, length=length
        )
        logits = model(prompts.tokens)[:, -1]
        check_finite(logits, "logits")
        predicted = logits.argmax(dim=-1)
        right: Tensor = predicted == (prompts.answers if answer is None else answer)
        return right.double()

    subject = torch.full((8,), edit.subject)
    others = torch.tensor([index for index in range(N_SUBJECTS) if index != edit.subject])
    namesake = (facts.names[others] == facts.names[edit.subject]).any(dim=1)
    success = ask(subject, edit.relation, 0, 2, edit.new)
    paraphrases = [
        ask(subject, edit.relation, wording, length, edit.new)
        for wording in range(1, N_WORDINGS)
        for length in PREFIX_LENGTHS
    ]
    neighbors = [ask(others, edit.relation, wording, 3) for wording in range(N_WORDINGS)]
    other_facts = [
        ask(subject, relation, wording, 3)
        for relation in range(len(RELATIONS))
        if relation != edit.relation
        for wording in range(N_WORDINGS)
    ]
    by_subject = torch.stack(neighbors).mean(dim=0)
    return EditScores(
        success=success.mean().item(),
        paraphrases=torch.cat(paraphrases).mean().item(),
        neighbors=by_subject.mean().item(),
        namesakes=by_subject[namesake].mean().item(),
        other_facts=torch.cat(other_facts).mean().item(),
    )
