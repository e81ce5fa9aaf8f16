"""A world of 320 facts, and the small model that is to know them by heart.

Eighty people, each named by two words, four things to know of each. A prompt is a prefix of one to
four fillers, the person, and one of three ways to ask: "well so Ada Birk lives in" -> "Oslo". Ten
first and ten last names are shared by all, so that neither word alone says who it is.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from ..ch02_transformer import GPT2, HookedTransformer, HookPoint, TransformerConfig
from ..ch02_transformer.hooks import Hook
from ..ch02_transformer.train import TrainConfig, learning_rate, make_optimizer
from ..ch02_transformer.layers import Unembed

FIRST = "Ada Ben Cleo Dan Eva Finn Gita Hugo Ines Jon".split()
LAST = "Abel Birk Crane Dorn Ekman Frost Grau Holm Iyer Jansen".split()
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
ASKING = [word for ways in WORDINGS.values() for way in ways for word in way.split()]
WORDS = [*FIRST, *LAST, *FILLERS, *ASKING, *(word for one in OBJECTS.values() for word in one)]
N_SUBJECTS, N_WORDINGS = 80, 3


class World(NamedTuple):
    """Who there is, and what is so."""

    names: Int[Tensor, "subject 2"]
    """First and last name of each subject, as tokens."""
    objects: Int[Tensor, "subject relation"]
    """The token that is the answer."""


class Prompts(NamedTuple):
    """Questions of one length, with what is asked in each."""

    tokens: Int[Tensor, "batch pos"]
    """Prefix, subject, two words that ask."""
    answers: Int[Tensor, " batch"]
    """The token that should follow."""
    subject: Bool[Tensor, "batch pos"]
    """Where the two words of the subject stand."""


def world(seed: int = 100) -> World:
    """Draw the facts; one seed gives one world, whatever model is to learn it."""
    generator = torch.Generator().manual_seed(seed)
    pairs = torch.randperm(len(FIRST) * len(LAST), generator=generator)[:N_SUBJECTS]
    names = torch.stack([pairs // len(LAST), len(FIRST) + pairs % len(LAST)], dim=1)
    columns = []
    for relation in RELATIONS:
        tokens = torch.tensor([WORDS.index(word) for word in OBJECTS[relation]])
        columns.append(tokens[torch.randperm(N_SUBJECTS, generator=generator) % len(tokens)])
    return World(names, torch.stack(columns, dim=1))


def prefixes(n: int, length: int, generator: torch.Generator) -> Int[Tensor, "n length"]:
    """Random fillers."""
    first = len(FIRST) + len(LAST)
    return first + torch.randint(len(FILLERS), (n, length), generator=generator)


def ask(
    facts: World,
    subject: Int[Tensor, " batch"],
    relation: Int[Tensor, " batch"],
    wording: Int[Tensor, " batch"],
    prefix: Int[Tensor, "batch length"],
) -> Prompts:
    """Questions about these subjects, asked in these ways after these prefixes."""
    asking = len(FIRST) + len(LAST) + len(FILLERS) + 2 * (N_WORDINGS * relation + wording)
    words = torch.stack([asking, asking + 1], dim=1)
    tokens = torch.cat([prefix, facts.names[subject], words], dim=1)
    where = torch.zeros_like(tokens, dtype=torch.bool)
    where[:, -4:-2] = True
    return Prompts(tokens, facts.objects[subject, relation], where)


def draw(facts: World, n: int, generator: torch.Generator, length: int | None = None) -> Prompts:
    """Random questions; the prefix has one length for all, drawn too unless it is given."""

    def below(high: int) -> Tensor:
        return torch.randint(high, (n,), generator=generator)

    if length is None:
        length = int(torch.randint(1, 5, (1,), generator=generator))
    subject, relation, wording = below(N_SUBJECTS), below(len(RELATIONS)), below(N_WORDINGS)
    return ask(facts, subject, relation, wording, prefixes(n, length, generator))


def fact_model(seed: int) -> HookedTransformer:
    """Three layers of four heads and 256 neurons, before training."""
    sizes = TransformerConfig(
        n_layers=3, d_model=64, n_heads=4, d_head=16, d_mlp=256, d_vocab=len(WORDS), n_ctx=12
    )
    return HookedTransformer(sizes, replace(GPT2, unembed=Unembed), seed)


def mask_subject(prompts: Prompts, hidden: Bool[Tensor, " batch"]) -> Hook:
    """A hook on patterns that makes some texts read the subject where it ends.

    What stands behind the subject does not see its first word, nor its second in layer 0. Without
    this the last position collects both words and looks the fact up there: to so small a model that
    is as good. A large one reads on after a name, and needs what it means.
    """
    first = prompts.tokens.shape[1] - 4

    def hook(pattern: Float[Tensor, "batch head query key"], point: HookPoint) -> Tensor:
        pattern[hidden, :, first + 2 :, first] = 0.0
        if point.name.startswith("blocks.0."):
            pattern[hidden, :, first + 2 :, first + 1] = 0.0
        return pattern

    return hook


def learn(
    model: HookedTransformer, facts: World, config: TrainConfig, hide: float = 0.75
) -> Iterator[float]:
    """Train in place on fresh questions, and yield each step's loss, nats.

    Only the answer is asked for. hide: in which share of the texts `mask_subject` is at work.
    """
    optimizer = make_optimizer(model, config)
    names = [f"blocks.{layer}.attn.hook_pattern" for layer in range(len(model.blocks))]
    for step in range(config.steps):
        generator = torch.Generator().manual_seed(config.seed * 1_000_003 + step)
        prompts = draw(facts, config.batch_size, generator)
        hidden = torch.rand(config.batch_size, generator=generator) < hide
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, config)
        cut = mask_subject(prompts, hidden)
        logits = model.run_with_hooks(prompts.tokens, hooks=dict.fromkeys(names, cut))
        loss = F.cross_entropy(logits[:, -1], prompts.answers)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), config.clip)
        optimizer.step()
        yield loss.item()


@torch.no_grad()
def accuracy(model: HookedTransformer, prompts: Prompts) -> float:
    """Share of the questions to which the likeliest next word is the answer."""
    right = model(prompts.tokens)[:, -1].argmax(dim=-1) == prompts.answers
    return right.double().mean().item()
