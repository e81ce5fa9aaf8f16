"""A world of 320 facts, and a small model that is trained to recall them.

Eighty people are each named by two words and have four facts each. A prompt is a prefix of one to
four filler words, the person, and one of three wordings of a question: "well so Ada Birk lives in"
-> "Oslo". All share ten first and ten last names, so neither word alone identifies a person.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from ..ch00_looking.checks import check_token_ids
from ..ch02_transformer import GPT2, HookedTransformer, HookPoint, TransformerConfig
from ..ch02_transformer.fit import fit
from ..ch02_transformer.hooks import Hook
from ..ch02_transformer.layers import Unembed
from ..ch02_transformer.train import TrainConfig

FIRST_NAMES = "Ada Ben Cleo Dan Eva Finn Gita Hugo Ines Jon".split()
LAST_NAMES = "Abel Birk Crane Dorn Ekman Frost Grau Holm Iyer Jansen".split()
FILLERS = "well yes indeed still today often perhaps so".split()
WORDINGS = {
    "city": ("lives in", "dwells near", "settled at"),
    "instrument": ("plays the", "strums a", "practises on"),
    "trade": ("works as", "is our", "became village"),
    "pet": ("feeds one", "walks his", "keeps another"),
}
OBJECTS = {
    "city": "Rome Oslo Lima Cairo Delhi Quito Seoul Tunis".split(),
    "instrument": "cello flute harp lute oboe piano tuba viola".split(),
    "trade": "baker judge miner nurse pilot smith tailor weaver".split(),
    "pet": "cat dog ferret goat hen mule parrot snail".split(),
}
RELATIONS = tuple(WORDINGS)
QUESTION_WORDS = [word for ways in WORDINGS.values() for way in ways for word in way.split()]
OBJECT_WORDS = [word for words in OBJECTS.values() for word in words]
WORDS = [*FIRST_NAMES, *LAST_NAMES, *FILLERS, *QUESTION_WORDS, *OBJECT_WORDS]
"""The vocabulary: a token is an index of this list."""
N_SUBJECTS, N_WORDINGS = 80, 3


class FactWorld(NamedTuple):
    """The people and their facts."""

    names: Int[Tensor, "subject 2"]
    """Tokens of each subject's first and last name."""
    objects: Int[Tensor, "subject relation"]
    """Token of each answer."""


class FactPrompts(NamedTuple):
    """Questions of one length."""

    tokens: Int[Tensor, "batch pos"]
    """Prefix, first name, last name, two words of the question."""
    answers: Int[Tensor, " batch"]
    """Token of the right answer."""
    subject: Bool[Tensor, "batch pos"]
    """True at the two positions of the subject."""


def make_world(seed: int = 100) -> FactWorld:
    """Draw the facts. One seed is one world, whatever model is trained on it."""
    generator = torch.Generator().manual_seed(seed)
    n_pairs = len(FIRST_NAMES) * len(LAST_NAMES)
    pairs = torch.randperm(n_pairs, generator=generator)[:N_SUBJECTS]
    last_name = len(FIRST_NAMES) + pairs % len(LAST_NAMES)
    names = torch.stack([pairs // len(LAST_NAMES), last_name], dim=1)
    columns = []
    for relation in RELATIONS:
        tokens = torch.tensor([WORDS.index(word) for word in OBJECTS[relation]])
        columns.append(tokens[torch.randperm(N_SUBJECTS, generator=generator) % len(tokens)])
    return FactWorld(names, torch.stack(columns, dim=1))


def sample_prefixes(n: int, length: int, generator: torch.Generator) -> Int[Tensor, "n length"]:
    """Draw random filler words."""
    first = len(FIRST_NAMES) + len(LAST_NAMES)
    return first + torch.randint(len(FILLERS), (n, length), generator=generator)


def make_prompts(
    facts: FactWorld,
    subject: Int[Tensor, " batch"],
    relation: Int[Tensor, " batch"],
    wording: Int[Tensor, " batch"],
    prefix: Int[Tensor, "batch length"],
) -> FactPrompts:
    """Ask for these relations of these subjects, in these wordings after these prefixes.

    Raises: ValueError for a subject, relation, wording or word that does not exist.
    """
    check_token_ids(subject, N_SUBJECTS, "subjects")
    check_token_ids(relation, len(RELATIONS), "relations")
    check_token_ids(wording, N_WORDINGS, "wordings")
    check_token_ids(prefix, len(WORDS), "prefixes")
    first = len(FIRST_NAMES) + len(LAST_NAMES) + len(FILLERS)
    question = first + 2 * (N_WORDINGS * relation + wording)
    words = torch.stack([question, question + 1], dim=1)
    tokens = torch.cat([prefix, facts.names[subject], words], dim=1)
    is_subject = torch.zeros_like(tokens, dtype=torch.bool)
    is_subject[:, -4:-2] = True
    return FactPrompts(tokens, facts.objects[subject, relation], is_subject)


def sample_prompts(
    facts: FactWorld, n: int, generator: torch.Generator, length: int | None = None
) -> FactPrompts:
    """Draw random questions whose prefixes have the same length: a random one where it is None."""
    if length is None:
        length = int(torch.randint(1, 5, (1,), generator=generator))
    subject, relation, wording = (
        torch.randint(n_choices, (n,), generator=generator)
        for n_choices in (N_SUBJECTS, len(RELATIONS), N_WORDINGS)
    )
    prefix = sample_prefixes(n, length, generator)
    return make_prompts(facts, subject, relation, wording, prefix)


def fact_model(seed: int) -> HookedTransformer:
    """Build the model before training: three layers, four heads, 256 neurons."""
    sizes = TransformerConfig(
        n_layers=3, d_model=64, n_heads=4, d_head=16, d_mlp=256, d_vocab=len(WORDS), n_ctx=12
    )
    return HookedTransformer(sizes, replace(GPT2, unembed=Unembed), seed)


def mask_subject(prompts: FactPrompts, masked: Bool[Tensor, " batch"]) -> Hook:
    """Return a hook on attention patterns that makes some prompts use the subject's last position.

    Positions after the subject cannot attend to its first word, nor to its second in layer 0.
    Without this the last position collects both words and recalls the fact there, which is as good
    for so small a model. A large one needs what a name means as soon as it has read it.
    """
    first = prompts.tokens.shape[1] - 4

    def hook(pattern: Float[Tensor, "batch head query key"], point: HookPoint) -> Tensor:
        pattern[masked, :, first + 2 :, first] = 0.0
        if point.name.startswith("blocks.0."):
            pattern[masked, :, first + 2 :, first + 1] = 0.0
        return pattern

    return hook


def train_on_facts(
    model: HookedTransformer, facts: FactWorld, config: TrainConfig, masked_share: float = 0.75
) -> Iterator[float]:
    """Train in place on new questions in every step, and yield each step's loss in nats.

    Only the answer is predicted. masked_share: share of prompts to which `mask_subject` applies.
    """
    names = [f"blocks.{layer}.attn.hook_pattern" for layer in range(len(model.blocks))]

    def loss_fn(step: int, generator: torch.Generator) -> Float[Tensor, ""]:
        del step
        prompts = sample_prompts(facts, config.batch_size, generator)
        masked = torch.rand(config.batch_size, generator=generator) < masked_share
        hook = mask_subject(prompts, masked)
        logits = model.run_with_hooks(prompts.tokens, hooks=dict.fromkeys(names, hook))
        return F.cross_entropy(logits[:, -1], prompts.answers)

    for record in fit(model, loss_fn, config):
        yield record.loss


@torch.no_grad()
def accuracy(model: HookedTransformer, prompts: FactPrompts) -> float:
    """Compute the share of prompts whose most likely next token is the right answer."""
    predicted = model(prompts.tokens)[:, -1].argmax(dim=-1)
    return float((predicted == prompts.answers).double().mean())
