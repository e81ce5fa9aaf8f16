"""Graders of answers.toml (7.13, 7.15, 7.16) and of from_scratch.py (7.14): heads are ablated."""

import functools
import re

import pytest
import torch

import toy_models
from tests.grading import exercise
from tests.grading.own_case import REFERENCE, case_seed, seed_of
from toy_models.impostors import own_pointer

from .circuit_trials import ROLES, CircuitTrial, held_out
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


class Names:
    """A learner's hand-set model, with F for any set of heads that are zero at END."""

    def __init__(self, module, seed):
        self.model = module.open_names(seed)
        self.sizes = (self.model.config.n_layers, self.model.config.n_heads)
        self.prompts = module.draw_names(128, torch.Generator().manual_seed(7_000_003 + seed))
        self.every = frozenset((x, h) for x in range(self.sizes[0]) for h in range(self.sizes[1]))

    @torch.no_grad()
    def at_end(self, removed):
        """Average logit(IO) and logit(S) over prompts, without these heads."""

        def cut(z, point):
            for layer, head in removed:
                if point.name == f"blocks.{layer}.attn.hook_z":
                    z[:, -1, head] = 0.0

        hooks = {f"blocks.{layer}.attn.hook_z": cut for layer, _ in removed}
        logits = self.model.run_with_hooks(self.prompts.tokens, hooks=hooks)[:, -1]
        names = (self.prompts.io_token, self.prompts.s_token)
        return [logits.gather(1, name[:, None]).mean().item() for name in names]

    def without(self, removed):
        """Compute F, the mean logit difference, without these heads."""
        right, wrong = self.at_end(removed)
        return right - wrong

    @functools.cached_property
    def full(self):
        return self.without([])

    def share(self, removed):
        """F without these heads, as a share of F(M)."""
        return self.without(removed) / self.full


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


def shown(heads):
    """Write heads as in the table."""
    return ", ".join(f"{layer}.{head}" for layer, head in sorted(heads))


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


def find(from_scratch, counterfactuals, model, prompts, names):
    """Run the answer on ABC corruptions, in the form of a list of pairs."""
    corrupted = counterfactuals.abc_corruption(prompts, names, torch.Generator().manual_seed(3))
    found = from_scratch.find_name_movers(model, prompts, corrupted)
    return [tuple(int(part) for part in head) for head in found]


@torch.no_grad()
def direct_effects(trial):
    """Read each head's share of F off the logits, which are linear: {head: (effect, attention)}."""
    model, tokens = trial.model, trial.prompts.tokens
    _, cache = model.run_with_cache(tokens)
    rows, found = torch.arange(len(tokens)), {}
    for layer, head in trial.every:
        z = cache[f"blocks.{layer}.attn.hook_z"][:, -1, head]
        logits = z @ model.blocks[layer].attn.W_O[head] @ model.unembed.W_U
        gap = logits[rows, trial.prompts.io_token] - logits[rows, trial.prompts.s_token]
        pattern = cache[f"blocks.{layer}.attn.hook_pattern"][:, head, -1]
        attention = pattern[rows, trial.prompts.positions.io]
        found[layer, head] = (gap.mean().item(), attention.mean().item())
    return found


@exercise("7.14")
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_name_movers_of_a_known_model_are_found(from_scratch, counterfactuals, own_names, seed):
    trial = Names(own_names, seed)
    found = find(
        from_scratch, counterfactuals, trial.model, trial.prompts, torch.arange(own_names.N_NAMES)
    )
    parts = direct_effects(trial)
    expected = sorted(head for head, (gap, seen) in parts.items() if gap > 0.05 and seen > 0.3)
    idle = set(found) - set(expected)
    assert not idle, (
        f"{shown(idle)} are found, but add {[round(parts[h][0], 2) for h in sorted(idle)]} to the "
        f"logit difference and attend to IO with {[round(parts[h][1], 2) for h in sorted(idle)]}."
    )
    assert sorted(found) == expected, f"Found {shown(found) or 'none'}, expected {shown(expected)}."


@exercise("7.14")
def test_an_effect_that_varies_over_prompts_does_not_count(
    from_scratch, counterfactuals, own_names
):
    """The negative head raises half of the names and lowers the others: +.3 on average."""
    trial = Names(own_names, 1)
    parts, io = direct_effects(trial), trial.prompts.io_token
    negative = min((head for head in parts if parts[head][1] > 0.3), key=lambda x: parts[x][0])
    signs = torch.ones(own_names.N_NAMES).double()
    signs[::2] = -1.0
    mean, chance = 0.3, 4 * signs[io].std() / len(io) ** 0.5
    strength = 4 * signs + mean - 4 * signs[io].mean()
    logits = slice(own_names.LOGIT, own_names.LOGIT + own_names.N_NAMES)
    trial.model.blocks[negative[0]].attn.W_O[negative[1], : len(strength), logits] = strength.diag()
    assert 0.02 * trial.full < mean < 2 * chance, "the case is not between the two limits"
    found = find(
        from_scratch, counterfactuals, trial.model, trial.prompts, torch.arange(own_names.N_NAMES)
    )
    assert negative not in found, (
        f"{shown([negative])} is found; expected no head whose mean effect, here {mean}, is less "
        f"than three standard errors over prompts, here {3 * chance:.2f}."
    )
    expected = [head for head, (gap, seen) in parts.items() if gap > 0.05 and seen > 0.3]
    assert sorted(found) == sorted(expected), f"Found {shown(found)}, expected {shown(expected)}."


@exercise("7.14")
def test_a_head_that_acts_through_another_does_not_count(from_scratch, counterfactuals, own_names):
    """A head of layer 1 attends to IO, but only a head of layer 2 carries its output further."""
    trial = Names(own_names, 1)
    parts, (_, middle, last) = direct_effects(trial), trial.model.blocks
    impostors = [head for head in sorted(parts) if abs(parts[head][0]) < 1e-6]
    relay = next(h for h in impostors if h[0] == 1 and parts[h][1] > 0.9)
    carrier = next(h for h in impostors if h[0] == 2)
    size, unread, logit = own_names.N_NAMES, own_names.UNREAD, own_names.LOGIT
    names, (_, head) = torch.eye(size).double(), carrier
    for block in trial.model.blocks[:2]:
        block.attn.W_O[:, :, unread : unread + size] = 0.0
    middle.attn.W_O[relay[1], :size, unread : unread + size] = names
    for weight in (last.attn.W_Q, last.attn.W_K, last.attn.W_V, last.attn.W_O):
        weight[head] = 0.0
    last.attn.W_Q[head, own_names.ONES, own_names.LOOK] = own_names.SHARP
    last.attn.W_K[head, own_names.POSITION + own_names.END, own_names.LOOK] = own_names.SHARP
    last.attn.W_V[head, unread : unread + size, :size] = names
    last.attn.W_O[head, :size, logit : logit + size] = names
    assert 1 - trial.share([relay]) > 0.2, "the relay has no effect"
    found = find(
        from_scratch, counterfactuals, trial.model, trial.prompts, torch.arange(own_names.N_NAMES)
    )
    assert relay not in found, (
        f"{shown([relay])} is found, but its output reaches the logits only through "
        f"{shown([carrier])}. Freeze all other heads at their clean outputs."
    )
    expected = [one for one in parts if parts[one][0] > 0.05 and parts[one][1] > 0.3]
    assert sorted(found) == sorted(expected), f"Found {shown(found)}, expected {shown(expected)}."


@exercise("7.14")
@pytest.mark.parametrize("queries", [1.0, 0.0])
def test_name_movers_of_a_trained_toy_are_found(
    from_scratch, counterfactuals, prompts, impl, queries
):
    """The last layer of the pointer points at IO; without queries its heads attend to all alike."""
    load, parts = impl("ch02_transformer").load_pretrained, impl("ch07_ioi.pointer").POINTER
    model, tokenizer = load(toy_models.folder("ioi_pointer"), parts=parts)
    model.requires_grad_(False)
    for block in model.blocks:
        block.attn.W_Q.mul_(queries)
        block.attn.b_Q.mul_(queries)
    drawn = prompts.draw_prompts(tokenizer, 48, torch.Generator().manual_seed(1))
    names = prompts.single_tokens(tokenizer, impl("ch07_ioi.sentences").NAMES)
    found = find(from_scratch, counterfactuals, model, drawn, torch.tensor(list(names.values())))
    expected = [(2, head) for head in range(4)] if queries else []
    assert sorted(found) == expected, (
        f"ioi_pointer, queries times {queries}: found {shown(found) or 'none'}, expected "
        f"{shown(expected) or 'none'}."
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
