"""Graders of answers.toml (7.13, 7.15, 7.16): heads of a learner's own models are ablated."""

import functools
import re

import pytest

from tests.grading import exercise
from tests.grading.own_case import REFERENCE, case_seed, seed_of
from toy_models.impostors import own_pointer

from .circuit_trials import ROLES, CircuitTrial, held_out
from .hand_set_names import Names, direct_effects, shown
from .test_answers import HIGH, LOW, NODE, account, idle_node

MOST_NODES, LEAST = 32, 0.05
"""Most nodes of a circuit of 7.13, and the least share of F(M) by which each must change F."""
HEAD = re.compile(r"(\d+)\.(\d+)")


@functools.cache
def pointer_trial(impl, seed):
    """Open a learner's own pointer on sentences of its own."""
    load, parts = impl("ch02_transformer").load_pretrained, impl("ch07_ioi.pointer").POINTER
    model, tokenizer = load(own_pointer(seed), parts=parts)
    known = impl("ch07_ioi.prompts").single_tokens
    names = list(known(tokenizer, impl("ch07_ioi.sentences").NAMES))
    return CircuitTrial.open(impl, model, *held_out(impl, tokenizer, names, 64, seed % 2**31))


@pytest.fixture
def circuit_claim(answers, impl, request):
    """Read the nodes of 7.13, with the learner's model; anything else fails."""
    values, Node = answers("ch07_ioi", "7.13"), impl("ch07_ioi.circuit").Node
    trial = pointer_trial(impl, case_seed(request, values, "7.13"))
    value, config = values["circuit"], trial.evaluator.model.config
    parts = [NODE.fullmatch(str(one).strip()) for one in value] if isinstance(value, list) else []
    nodes = [Node(int(one[1]), int(one[2]), one[3]) for one in parts if one]
    fits = nodes and len(nodes) == len(parts) == len(set(nodes))
    assert fits and all(
        n.layer < config.n_layers and n.head < config.n_heads and n.position_role in ROLES
        for n in nodes
    ), f'circuit: expected different nodes such as "1.3 s2", got {str(value)[:80]}.'
    assert len(nodes) <= MOST_NODES, (
        f"circuit: expected at most {MOST_NODES} nodes, got {len(nodes)}: a circuit of everything "
        "explains nothing."
    )
    return trial, nodes


@exercise("7.13")
def test_the_circuit_of_your_pointer_is_faithful(circuit_claim):
    trial, nodes = circuit_claim
    share = trial.share(nodes)
    assert LOW <= share <= HIGH, (
        f"circuit: on held-out prompts F(C) / F(M) of the {len(nodes)} nodes is {share:.2f}; {LOW} "
        f"to {HIGH} is faithful. {account(trial, nodes, share)}"
    )
    chance = trial.shares([trial.random_circuit(nodes, seed) for seed in range(20)])
    nearer = sum(abs(1 - one) <= abs(1 - share) for one in chance)
    assert nearer <= 1, f"circuit: {nearer} of 20 random circuits of this size are as faithful."


@exercise("7.13")
def test_every_node_of_your_pointer_is_needed(circuit_claim):
    trial, nodes = circuit_claim
    idle, most = idle_node(trial, nodes, LEAST)
    assert idle is None, (
        f"circuit: node {idle.layer}.{idle.head} {idle.position_role} changes F by {most:.1%} of "
        "F(M) at most, whichever K is removed. An impostor attends like a head that works."
    )


@pytest.fixture
def names_claim(answers, own_names, request):
    """Read lists of heads: `names_claim("7.15", {"name_movers": 1})`; None is any layer."""

    def read(number, keys):
        values = answers("ch07_ioi", number)
        trial, found = Names(own_names, case_seed(request, values, number)), []
        for key, layer in keys.items():
            value, of = values[key], f" of layer {layer}" if layer is not None else ""
            parts = [HEAD.fullmatch(str(x).strip()) for x in value] if type(value) is list else []
            heads = [(int(one[1]), int(one[2])) for one in parts if one]
            fits = heads and len(heads) == len(parts) == len(set(heads))
            assert (
                fits and set(heads) <= trial.every and all(layer in (None, x) for x, _ in heads)
            ), f'{key}: expected different heads{of}, such as "{layer or 0}.7", got {value!r}.'
            found.append(sorted(heads))
        return (trial, *found)

    return read


KEYS = {"s_inhibition": 0, "name_movers": 1, "backups": 2}


@exercise("7.15")
def test_one_s_inhibition_head_is_needed(names_claim):
    trial, inhibition, _, _ = names_claim("7.15", KEYS)
    left = trial.share(inhibition)
    assert left < 0.5, (
        f"s_inhibition: without {shown(inhibition)} there is {left:.2f} of F(M) left; another head "
        "does the same."
    )
    layer = {(0, head) for head in range(trial.sizes[1])}
    for head in inhibition:
        alone = trial.share(layer - {head})
        assert alone > 0.9, (
            f"s_inhibition: with {shown([head])} as the only head of layer 0 there is {alone:.2f} "
            "of F(M) left: it does nothing of use."
        )


@exercise("7.15")
def test_name_movers_carry_the_answer_and_backups_replace_them(names_claim):
    trial, _, movers, backups = names_claim("7.15", KEYS)
    quiet = trial.share(backups)
    assert abs(quiet - 1) < 0.02, (
        f"backups: without {shown(backups)} alone there is {quiet:.2f} of F(M) left; a backup does "
        "nothing while the name movers work."
    )
    left = trial.share([*movers, *backups])
    assert left < 0.3, (
        f"Without {shown(movers)} and {shown(backups)} there is {left:.2f} of F(M) left: a name "
        "mover or a backup is missing."
    )
    awake = trial.share(movers)
    assert awake > 0.9, (
        f"Without {shown(movers)} there is {awake:.2f} of F(M) left, but the backups make up for "
        "all name movers: one is missing, or another head is named."
    )
    later = [(2, head) for head in range(trial.sizes[1])]  # a negative head may hide a name mover
    silent = trial.share([*movers, *later])
    for head in movers:
        others = [one for one in movers if one != head]
        change = trial.share([*others, *later]) - silent
        assert change > 0.1, f"name_movers: {shown([head])} adds nothing to the answer."
        raised = trial.at_end([*others, *later])[0] - trial.at_end([*movers, *later])[0]
        assert raised > 0.1, (
            f"name_movers: expected heads that raise logit(IO), got {shown([head])}, which only "
            "lowers logit(S); leave it out."
        )
    for head in backups:
        change = trial.share(movers) - trial.share([*movers, head])
        assert change > 0.1, (
            f"backups: once the name movers are ablated, F does not fall without {shown([head])}."
        )


@exercise("7.16")
def test_two_circuits_without_a_common_head_are_faithful(names_claim):
    trial, *circuits = names_claim("7.16", {"first_circuit": None, "second_circuit": None})
    common = set(circuits[0]) & set(circuits[1])
    assert not common, f"first_circuit, second_circuit: {shown(common)} is in both circuits."
    for key, circuit in zip(("first_circuit", "second_circuit"), circuits, strict=True):
        share = trial.share(trial.every - set(circuit))
        assert 0.75 <= share <= 1.25, (
            f"{key}: with only {shown(circuit)} kept, F(C) / F(M) is {share:.2f}, expected .75 to "
            "1.25."
        )
        for head in circuit:
            rest = trial.share(trial.every - set(circuit) | {head})
            assert abs(rest - share) > 0.05, (
                f"{key}: without {shown([head])} the circuit still has {rest:.2f} of F(M)."
            )


def solve(trial):
    """The right answers of 7.15: S-inhibition heads, name movers, backups."""
    layers = [[(layer, head) for head in range(trial.sizes[1])] for layer in range(3)]
    parts = direct_effects(trial)
    movers = [head for head in layers[1] if parts[head][0] > 0.05 and parts[head][1] > 0.3]
    inhibition = [one for one in layers[0] if trial.share(set(layers[0]) - {one}) > 0.9]
    awake = trial.share(movers)
    return inhibition, movers, [x for x in layers[2] if awake - trial.share([*movers, x]) > 0.1]


@pytest.mark.project
def test_learners_have_different_right_answers(own_names):
    """Two or three name movers; of three, one alone is weaker than the negative head."""
    tables, numbers = set(), set()
    for learner in (REFERENCE, *(f"student {n}" for n in range(1, 5))):
        trial = Names(own_names, seed_of(learner, "7.15"))
        found = solve(trial)
        circuits = ([found[0][0], *found[1]], [found[0][1], *found[2]])
        test_one_s_inhibition_head_is_needed(lambda *_, given=(trial, *found): given)
        test_name_movers_carry_the_answer_and_backups_replace_them(
            lambda *_, given=(trial, *found): given
        )
        test_two_circuits_without_a_common_head_are_faithful(
            lambda *_, given=(trial, *circuits): given
        )
        tables.add(tuple(map(tuple, found)))
        numbers.add(len(found[1]))
    assert len(tables) == 5 and numbers == {2, 3}
