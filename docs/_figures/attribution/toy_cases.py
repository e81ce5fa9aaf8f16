"""Case studies of hand-set models: their graphs, and what happens if latents are set.

All models have latents without error, their neurons, so their graphs are known. A change sets
latents at positions; the control adds a random direction of the same length to the same MLP's
output at the same position, DRAWS times.
Axes: prompt, pos, unit.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from solutions.ch02_transformer import HookedTransformer, HookPoint
from solutions.ch12_graphs import attribution_graph, clt_basis, freeze, logit_targets
from solutions.ch12_graphs.edges import direct_effects
from solutions.ch12_graphs.graph import Graph
from solutions.ch12_graphs.nodes import Targets
from toy_models.hand_set import blank, entities, languages, rhymes
from toy_models.hand_set.blank import blocks_of, neurons_as_latents

DRAWS = 200
SOURCES = [__file__, *(str(one.__file__) for one in (blank, entities, languages, rhymes))]
Tokens = Int[Tensor, "prompt pos"]


class Change(NamedTuple):
    """Latents of one layer at one position, and their new activations."""

    layer: int
    """Layer."""
    pos: int
    """Position."""
    units: Mapping[int, float]
    """Latent -> activation."""


def graph_of(model: HookedTransformer, tokens: Tokens) -> Graph:
    """Build the graph of one prompt's most likely token."""
    frozen = freeze(model, tokens)
    basis = clt_basis(frozen, neurons_as_latents(model))
    return attribution_graph(frozen, basis, logit_targets(frozen, most=1))


def inputs_of(model: HookedTransformer, tokens: Tokens, layer: int, pos: int, unit: int) -> Targets:
    """Describe what one neuron reads, active or not, as a target of edges."""
    mlp = blocks_of(model)[layer].mlp
    value = freeze(model, tokens).layers[layer].mlp_in[pos] @ mlp.W_in[:, unit] + mlp.b_in[unit]
    zero = torch.zeros(1, dtype=torch.float64)
    return Targets(
        torch.tensor([layer]),
        torch.tensor([pos]),
        mlp.W_in[None, :, unit],
        torch.stack([zero, mlp.b_in[unit : unit + 1]], dim=1),
        value[None],
    )


def edges_into(model: HookedTransformer, tokens: Tokens, target: Targets) -> dict[str, float]:
    """List the edges into one target that are not zero."""
    frozen = freeze(model, tokens)
    basis = clt_basis(frozen, neurons_as_latents(model))
    effects = direct_effects(frozen, basis, target)
    named = {f"token {pos}": effects.tokens[0, pos] for pos in range(tokens.shape[1])}
    for node, (layer, unit) in enumerate(zip(basis.nodes.layer, basis.nodes.unit, strict=True)):
        named[f"latent {layer}.{unit}"] = effects.nodes[0, node]
    named["own bias"] = effects.constants[0, 1]
    return {name: float(value) for name, value in named.items() if value != 0}


@torch.no_grad()
def logits_with(
    model: HookedTransformer, tokens: Tokens, changes: list[Change]
) -> Float[Tensor, "prompt pos d_vocab"]:
    """Return the logits with latents set."""

    def setting(change: Change) -> Callable[[Tensor, HookPoint], Tensor]:
        def hook(post: Tensor, _point: HookPoint) -> Tensor:
            post = post.clone()
            for unit, value in change.units.items():
                post[:, change.pos, unit] = value
            return post

        return hook

    hooks = {f"blocks.{one.layer}.mlp.hook_post": setting(one) for one in changes}
    return model.run_with_hooks(tokens, hooks=hooks)


@torch.no_grad()
def logits_with_noise(
    model: HookedTransformer, tokens: Tokens, changes: list[Change], seed: int
) -> Float[Tensor, "draw pos d_vocab"]:
    """Return one prompt's logits with random directions of the changes' lengths, DRAWS times."""
    generator = torch.Generator().manual_seed(seed)
    names = [f"blocks.{one.layer}.mlp.hook_post" for one in changes]
    _, cache = model.run_with_cache(tokens, names=names)
    hooks = {}
    for one, name in zip(changes, names, strict=True):
        change = torch.zeros(model.config.d_mlp, dtype=torch.float64)
        for unit, value in one.units.items():
            change[unit] = value - cache[name][0, one.pos, unit]
        length = (change @ blocks_of(model)[one.layer].mlp.W_out).norm()
        noise = torch.randn(DRAWS, model.config.d_model, generator=generator, dtype=torch.float64)
        noise *= length / noise.norm(dim=1, keepdim=True)

        def add(
            out: Tensor, _point: HookPoint, noise: Tensor = noise, pos: int = one.pos
        ) -> Tensor:
            out = out.clone()
            out[:, pos] += noise
            return out

        hooks[f"blocks.{one.layer}.hook_mlp_out"] = add
    return model.run_with_hooks(tokens.expand(DRAWS, -1), hooks=hooks)


class Rates(NamedTuple):
    """Shares of prompts whose answer becomes the expected one."""

    prompts: int
    """Prompts, or prompts times alternatives."""
    changed: float
    """With the latents set."""
    random: float
    """With random directions of the same length: mean over prompts and draws."""


Trial = tuple[Tokens, list[Change], dict[int, int]]
"""Prompt, changes, and the expected token at each position that counts."""


def rates(model: HookedTransformer, trials: list[Trial]) -> Rates:
    """Make the changes, and count how often every expected token is the most likely one."""
    changed: list[float] = []
    random: list[float] = []
    for seed, (tokens, changes, expected) in enumerate(trials):
        for found, logits in (
            (changed, logits_with(model, tokens, changes)),
            (random, logits_with_noise(model, tokens, changes, seed)),
        ):
            right = [logits[:, pos].argmax(dim=-1) == token for pos, token in expected.items()]
            found.append(torch.stack(right).all(dim=0).double().mean().item())
    return Rates(len(trials), sum(changed) / len(changed), sum(random) / len(random))


def study_entities() -> dict[str, dict[str, float]]:
    """Switch "known" off and on, and swap sports."""
    model, last = entities.entity_model(), 1
    known = entities.KNOWN_UNIT

    def trial(name: int, units: dict[int, float], expected: int) -> Trial:
        return entities.prompts(range(name, name + 1)), [Change(0, 0, units)], {last: expected}

    sports = range(entities.N_SPORTS)
    trials = {
        "known names, 'known' off: declines": [
            trial(name, {known: 0.0}, entities.DECLINE) for name in entities.KNOWN
        ],
        "known names, sport off instead: declines": [
            trial(name, {entities.sport_of(name): 0.0}, entities.DECLINE) for name in entities.KNOWN
        ],
        "unknown names, 'known' on: guesses": [
            trial(name, {known: 1.0}, entities.GUESS) for name in entities.UNKNOWN
        ],
        "known names, another sport: its answer": [
            trial(
                name,
                {entities.sport_of(name): 0.0, sport: 1.0},
                entities.FIRST_ANSWER + sport,
            )
            for name in entities.KNOWN
            for sport in sports
            if sport != entities.sport_of(name)
        ],
    }
    return {name: rates(model, some)._asdict() for name, some in trials.items()}


def study_languages() -> dict[str, dict[str, float]]:
    """Swap the concept, the operation or the language of every question for every other one."""
    model = languages.language_model()
    sizes = {
        "concept": languages.N_CONCEPTS,
        "operation": languages.N_OPERATIONS,
        "language": languages.N_LANGUAGES,
    }
    found = {}
    for kind, size in sizes.items():
        trials: list[Trial] = []
        for question in languages.all_questions():
            old, first = getattr(question, kind), languages.FIRST_UNIT[kind]
            pos = 0 if kind == "operation" else 1
            for new in range(size):
                if new != old:
                    units = {first + old: 0.0, first + new: 1.0}
                    expected = languages.answer_to(question._replace(**{kind: new}))
                    change = Change(0, pos, units)
                    trials.append((languages.prompt(question), [change], {1: expected}))
        found[kind] = rates(model, trials)._asdict()
    return found


def shared_latents() -> dict[str, dict[str, float]]:
    """Compare the active latents of questions, layer by layer: shared ones, as a share of all.

    "languages": one question in two languages. "control": two questions of one language that
    differ in concept and operation.
    """
    model = languages.language_model()
    active: dict[languages.Question, list[set[tuple[int, int]]]] = {}
    for question in languages.all_questions():
        names = [f"blocks.{layer}.mlp.hook_post" for layer in range(3)]
        _, cache = model.run_with_cache(languages.prompt(question), names=names)
        active[question] = [
            {(int(pos), int(unit)) for pos, unit in cache[name][0].nonzero()} for name in names
        ]

    def mean(pairs: list[tuple[languages.Question, languages.Question]], layer: int) -> float:
        shares = [
            len(active[a][layer] & active[b][layer]) / len(active[a][layer] | active[b][layer])
            for a, b in pairs
        ]
        return sum(shares) / len(shares)

    both = [(a, b) for a in active for b in active]
    same = [(a, b) for a, b in both if a[:2] == b[:2] and a.language != b.language]
    other = [
        (a, b)
        for a, b in both
        if a.language == b.language and a.concept != b.concept and a.operation != b.operation
    ]
    return {
        f"layer {layer}": {"languages": mean(same, layer), "control": mean(other, layer)}
        for layer in range(3)
    }


def study_rhymes() -> dict[str, dict[str, float]]:
    """Set all latents at the line break to those of another rhyme, in both models.

    The middle word is given, so that the end can only change through the line break.
    """
    found = {}
    for name, plans in (("planner", True), ("improviser", False)):
        model, prompts = rhymes.rhyme_model(plans), rhymes.all_prompts()
        names = [f"blocks.{layer}.mlp.hook_post" for layer in (1, 2)]
        _, cache = model.run_with_cache(prompts, names=names)
        middles: list[Trial] = []
        ends: list[Trial] = []
        for row, tokens in enumerate(prompts):
            rhyme = rhymes.rhyme_of(row)
            for other in range(rhymes.N_RHYMES):
                if other == rhyme:
                    continue
                # row `other` has the rhyme `other`
                changes = [
                    Change(layer, 1, dict(enumerate(cache[one][other, 1].tolist())))
                    for layer, one in zip((1, 2), names, strict=True)
                ]
                ends.append((tokens[None], changes, {2: rhymes.FIRST_END + other}))
                if rhymes.middle_of(other) != rhymes.middle_of(rhyme):
                    middles.append((tokens[None], changes, {1: rhymes.middle_of(other)}))
        found[f"{name}, middle word"] = rates(model, middles)._asdict()
        found[f"{name}, end word"] = rates(model, ends)._asdict()
    return found
