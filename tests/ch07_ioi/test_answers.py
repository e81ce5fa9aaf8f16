"""Graders of 7.12: test a claimed circuit on new sentences."""

import functools
import re
from typing import NamedTuple

import pytest
import torch

import toy_models
from tests.grading import exercise
from tests.grading.once import once

from .circuit_trials import ROLES, CircuitTrial, held_out

NODE = re.compile(r"(\d+)\.(\d+) (\w+)")
LOW, HIGH = 0.8, 1.2
"""F(C) / F(M) of a faithful circuit."""


class Limits(NamedTuple):
    """Requirements for a circuit of one model."""

    size: int
    """Largest number of nodes."""
    share: float
    """Least change of F(C \\ K) by each node, for some K, as a share of F(M)."""
    prompts: int
    """Number of held-out prompts."""
    random: tuple[int, int]
    """Number of random circuits, and of the prompts they are scored on."""


LIMITS = {
    "toy": Limits(size=20, share=0.05, prompts=64, random=(100, 64)),
    "smollm2": Limits(size=30, share=0.01, prompts=16, random=(20, 16)),
}
each_model = pytest.mark.parametrize(
    "key", ["toy", pytest.param("smollm2", marks=[pytest.mark.weights, pytest.mark.heavy])]
)


@pytest.fixture(scope="module")
def trials(impl):
    """Load each model once, with held-out prompts: `trials("toy")`."""

    def opened(key):
        load, parts = impl("ch02_transformer").load_pretrained, impl("ch07_ioi.pointer").POINTER
        toy = {"name_or_path": toy_models.folder("ioi_pointer"), "parts": parts}
        model, tokenizer = load(**toy) if key == "toy" else load("smollm2-135m")
        known = impl("ch07_ioi.prompts").single_tokens
        names = list(known(tokenizer, impl("ch07_ioi.sentences").NAMES))
        drawn = held_out(impl, tokenizer, names, LIMITS[key].prompts, seed=7_12)
        return CircuitTrial.open(impl, model, *drawn)

    return functools.cache(lambda key: once(("7.12", key), lambda: opened(key)))


@pytest.fixture
def claim(answers, impl, trials):
    """Read the nodes of an answer; anything else fails before a model is loaded."""
    Node = impl("ch07_ioi.circuit").Node

    def read(key):
        value = answers("ch07_ioi", "7.12")[key]
        right = isinstance(value, list) and all(isinstance(one, str) for one in value)
        assert right, (
            f'{key}: expected a list of nodes as strings, ["1.3 s2"], got {str(value)[:80]}.'
        )
        assert value, f"{key} has no nodes: an empty circuit computes nothing."
        nodes = []
        for one in value:
            parts = NODE.fullmatch(one.strip())
            assert parts and parts[3] in ROLES, (
                f"{key}: expected layer, dot, head, a space and a role, as in '1.3 s2', with roles "
                f"{', '.join(ROLES)}, got {one!r}."
            )
            nodes.append(Node(int(parts[1]), int(parts[2]), parts[3]))
        again = {f"{n.layer}.{n.head} {n.position_role}" for n in nodes if nodes.count(n) > 1}
        assert not again, f"{key} lists a node twice: {', '.join(sorted(again))}."
        limit = LIMITS[key].size
        assert len(nodes) <= limit, (
            f"{key}: expected at most {limit} nodes, got {len(nodes)}: a circuit of everything "
            "explains nothing."
        )
        config = trials(key).evaluator.model.config
        for layer, head, _ in nodes:
            assert layer < config.n_layers and head < config.n_heads, (
                f"{key}: expected layers 0..{config.n_layers - 1} and heads "
                f"0..{config.n_heads - 1}, got head {layer}.{head}. Are layer and head exchanged?"
            )
        return nodes

    return read


def account(trial, nodes, share):
    """Describe where an unfaithful circuit goes wrong, by experiments."""
    if share > HIGH:
        return "It exceeds the model: heads that work against the answer are missing."
    Node, words = type(nodes[0]), []
    heads = sorted({(node.layer, node.head) for node in nodes})
    everywhere = trial.share([Node(*head, role) for head in heads for role in ROLES])
    if LOW <= everywhere <= HIGH:
        words.append(
            f"Kept at every role the same heads have {everywhere:.2f}: right heads, wrong roles."
        )
    if not any(node.position_role == "s2" for node in nodes):
        words.append("No node is at s2: where is the repeated name detected?")
    more = {
        role: trial.share(list(dict.fromkeys([*nodes, *trial.every_head(role)]))) for role in ROLES
    }
    best = min(more, key=lambda role: abs(1 - more[role]))
    if abs(1 - more[best]) < abs(1 - share) - 0.1:
        enough = LOW <= more[best] <= HIGH
        so = f"something is missing at {best}" if enough else "no single role brings it closer to 1"
        words.append(f"With every head kept at {best} as well it would be {more[best]:.2f}: {so}.")
    return " ".join(words or ["Heads are missing at more than one role, or these are other heads."])


@exercise("7.12")
@each_model
def test_the_circuit_alone_does_what_the_model_does(claim, trials, key):
    nodes, trial = claim(key), trials(key)
    share = trial.share(nodes)
    assert LOW <= share <= HIGH, (
        f"{key}: on held-out prompts F(C) / F(M) of the {len(nodes)} nodes is {share:.2f}; "
        f"{LOW} to {HIGH} is faithful. {account(trial, nodes, share)}"
    )


CHUNK = 6
"""Nodes that are removed one at a time in one sweep."""


def idle_node(trial, nodes, least):
    """Find a node that changes F(C \\ K) by less, and by how much at most; (None, 0) if none does.

    K is empty, then all other nodes of its role, then any one of these. The search ends at the
    first such node, so that a claim of many idle nodes takes hardly longer than a right one.
    """
    full, alone = trial.share(nodes), {}
    for start in range(0, len(nodes), CHUNK):
        chunk = nodes[start : start + CHUNK]
        alone |= dict(zip(chunk, trial.without_each(nodes, [[v] for v in chunk]), strict=True))
        small = {v: abs(full - alone[v]) for v in chunk if abs(full - alone[v]) < least}
        for v in sorted(small, key=small.__getitem__):
            most = max(small[v], most_without_others(trial, nodes, v, alone, least))
            if most < least:
                return v, most
    return None, 0.0


def most_without_others(trial, nodes, v, alone, least):
    """Measure the largest change of F by one node without others of its role, up to `least`."""
    alike = [u for u in nodes if u.position_role == v.position_role and u != v]
    if not alike:
        return 0.0
    before, after = trial.without_each(nodes, [alike, [*alike, v]])
    if abs(before - after) >= least:
        return abs(before - after)
    new = [u for u in alike if u not in alone]
    alone |= dict(zip(new, trial.without_each(nodes, [[u] for u in new]), strict=True))
    pairs = trial.without_each(nodes, [[u, v] for u in alike])
    return max(abs(alone[u] - pair) for u, pair in zip(alike, pairs, strict=True))


@exercise("7.12")
@each_model
def test_every_node_changes_the_score(claim, trials, key):
    nodes, trial, least = claim(key), trials(key), LIMITS[key].share
    idle, most = idle_node(trial, nodes, least)
    assert idle is None, (
        f"{key}: node {idle.layer}.{idle.head} {idle.position_role} changes F by {most:.1%} of "
        f"F(M) at most, whichever K is removed (none, all others of the role, one of them). "
        f"Leave it out, and the others that change F by less than {least:.0%}."
    )


@pytest.mark.project
def test_sets_are_removed_as_by_keeping_the_rest(impl, trials):
    """The sweep reuses a run that was cached under the circuit's own hooks."""
    Node, trial = impl("ch07_ioi.circuit").Node, trials("toy")
    nodes = [Node(0, 0, "s2"), Node(0, 1, "end"), Node(1, 3, "s2"), Node(1, 2, "s1_next")]
    sets = [[node] for node in nodes] + [nodes[1:3]]
    actual = trial.without_each(nodes, sets)
    expected = [trial.share([node for node in nodes if node not in one]) for one in sets]
    assert actual == pytest.approx(expected, abs=1e-5)


@pytest.mark.project
@pytest.mark.parametrize("family", ["gpt2", "llama", "parallel", "attention-only"])
def test_positions_of_roles_give_the_scores_of_whole_forwards(impl, build, draw, family):
    prompts, corrupted = draw(6), draw(24, seed=1)
    model = build(family, n_layers=3, d_vocab=int(prompts.tokens.max()) + 40)
    prompts = prompts.select(torch.isin(prompts.template, corrupted.template))
    trial = CircuitTrial.open(impl, model, prompts, corrupted)
    assert trial.ablated.can_run() == (family in ("gpt2", "llama"))
    heads = [trial.every_head(role) for role in ROLES]
    circuits = [[], heads[4][:3], heads[2][1:4] + heads[3][:2], sum(heads, [])]
    circuits += [trial.random_circuit(circuits[2], seed) for seed in range(4)]
    whole = [trial.evaluator.keep_only(one) for one in circuits[1:]]
    expected = [x.mean().item() / trial.full for x in [trial.evaluator.ablate_all(), *whole]]
    assert trial.shares(circuits) == pytest.approx(expected, abs=1e-4)


class OfFewNodes:
    """A trial in which only the first few nodes matter; it counts the sets that are removed."""

    sets = 0

    def __init__(self, nodes, few):
        self.few = nodes[:few]

    def share(self, nodes):
        return sum(node in self.few for node in nodes) / len(self.few)

    def without_each(self, nodes, sets):
        self.sets += len(sets)
        return [self.share([node for node in nodes if node not in one]) for one in sets]


@pytest.mark.project
@pytest.mark.parametrize("few, work", [(28, 28), (6, 80), (1, 80)])
def test_work_is_bounded_for_a_claim_of_many_idle_nodes(impl, few, work):
    Node = impl("ch07_ioi.circuit").Node
    nodes = [Node(layer, head, "end") for layer in range(4) for head in range(7)]
    trial = OfFewNodes(nodes, few)
    idle, _ = idle_node(trial, nodes, least=0.01)
    assert (idle is None) == (few == 28) and trial.sets <= work


@exercise("7.12")
@each_model
@pytest.mark.heavy
def test_random_circuits_are_further_from_the_model(claim, trials, key):
    n, prompts = LIMITS[key].random
    nodes, trial = claim(key), trials(key).first(prompts)
    own = abs(1 - trial.share(nodes))
    drawn = trial.shares([trial.random_circuit(nodes, seed) for seed in range(n)])
    beaten = sum(own < abs(1 - share) for share in drawn)
    assert beaten >= 0.95 * n, (
        f"{key}: F(C) / F(M) is {own:.2f} from 1, and only {beaten} of {n} random circuits with as "
        f"many nodes at each role are further away; 95 % must be."
    )
