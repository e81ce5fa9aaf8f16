"""Graders of answers.toml (5.17, 5.18) and from_scratch.py (5.16): heads and paths are patched."""

import itertools

import pytest
import torch

from tests.ch05_patching.patching_reference import CLEAN, CORRUPTED, Place, path_patched
from tests.grading import exercise
from tests.grading.assertions import assert_close
from tests.grading.own_case import REFERENCE, case_seed, read_numbers, seed_of

ALL, NONE = 0.99, 0.01
"""Share of an effect that counts as the whole of it, and as nothing."""


def read_heads(value, what, n):
    """A list of different heads; anything else fails."""
    return read_numbers({what: value}, what, n, "heads")


class Gates:
    """A learner's gates: what remains of the answer when heads are patched, by whole forwards."""

    def __init__(self, module, seed):
        self.own = module.open_gates(seed)
        self.n = self.own.model.config.n_heads
        self.z = {}
        for name, tokens in (("clean", self.own.clean), ("corrupted", self.own.corrupted)):
            _, cache = self.own.model.run_with_cache(tokens, names=["blocks.0.attn.hook_z"])
            self.z[name] = cache["blocks.0.attn.hook_z"]

    def answer(self, run, heads):
        """The answer of one run with these heads of the other run at the last position."""
        other = self.z["clean" if run == "corrupted" else "corrupted"]

        def patch(z, _):
            z[:, -1, list(heads)] = other[:, -1, list(heads)]

        hooks = {"blocks.0.attn.hook_z": patch}
        return self.own.model.run_with_hooks(getattr(self.own, run), hooks=hooks)[0, -1, 1].item()

    def restored(self, heads):
        return self.answer("corrupted", heads)

    def lost(self, heads):
        return 1 - self.answer("clean", heads)

    def minimal(self, share, most):
        """All sets up to a size whose share is whole, and that hold no smaller such set."""
        found = []
        for size in range(1, most + 1):
            for one in itertools.combinations(range(self.n), size):
                if not any(set(part) <= set(one) for part in found) and share(one) > ALL:
                    found.append(one)
        return found


@pytest.fixture
def gates(answers, own_gates, request):
    values = answers("ch05_patching", "5.17")
    return Gates(own_gates, case_seed(request, values, "5.17")), values


@exercise("5.17")
def test_each_set_is_sufficient_and_all_of_it_is_needed(gates):
    trial, values = gates
    sets = values["sufficient_sets"]
    assert isinstance(sets, list) and sets, f"sufficient_sets: expected lists, got {sets!r}."
    for one in sets:
        heads = read_heads(one, "sufficient_sets", trial.n)
        share = trial.restored(heads)
        assert share > ALL, (
            f"sufficient_sets: denoising {heads} restores {share:.2f} of the answer, expected 1."
        )
        for head in heads:
            rest = [other for other in heads if other != head]
            assert trial.restored(rest) < ALL, f"sufficient_sets: {heads} works without {head} too."


@exercise("5.17")
def test_no_sufficient_set_is_missing(gates):
    trial, values = gates
    sets = [set(read_heads(one, "sufficient_sets", trial.n)) for one in values["sufficient_sets"]]
    for broken in itertools.product(*map(sorted, sets)):
        left = [head for head in range(trial.n) if head not in broken]
        share = trial.restored(left)
        assert share < ALL, (
            f"sufficient_sets: denoising all heads but {sorted(set(broken))}, one of each of your "
            f"sets, restores {share:.2f} of the answer: a sufficient set is missing."
        )


@exercise("5.17")
def test_the_necessary_set_is_a_smallest_one(gates):
    trial, values = gates
    heads = read_heads(values["necessary_set"], "necessary_set", trial.n)
    share = trial.lost(heads)
    assert share > ALL, (
        f"necessary_set: noising {heads} takes {share:.2f} of the answer away, expected all of it."
    )
    for size in range(1, len(heads)):
        for one in itertools.combinations(range(trial.n), size):
            assert trial.lost(one) < ALL, (
                f"necessary_set: {heads} is not a smallest set; there is one of {size} heads."
            )


class Routes:
    """A learner's routes: how much of the answer is lost when paths are corrupted together."""

    def __init__(self, module, seed):
        self.model = module.open_routes(seed)
        self.n = self.model.config.n_heads
        generator = torch.Generator().manual_seed(5_000_011 + seed)
        self.questions = module.draw_questions(16, generator)
        self.runs = (self.questions.tokens, module.corrupt(self.questions))

    @torch.no_grad()
    def lost(self, senders, side, head):
        """Share of the answer's logit that is lost on the paths of these heads to one input."""
        places = [Place("attn.hook_z", 0, sender) for sender in senders]
        end = path_patched(self.model, self.runs, places, [Place(f"attn.hook_{side}", 1, head)])
        logits = self.model.unembed_resid(end)[:, -1]
        return 1 - logits.gather(1, self.questions.answer[:, None]).mean().item() / 10


@pytest.fixture
def routes(answers, own_routes, request):
    values = answers("ch05_patching", "5.18")
    trial = Routes(own_routes, case_seed(request, values, "5.18"))
    head = values["answering_head"]
    assert type(head) is int and 0 <= head < trial.n, (
        f"answering_head: expected one head from 0 to {trial.n - 1}, got {head!r}."
    )
    return trial, values, head


@exercise("5.18")
@pytest.mark.parametrize("key", ["query_heads", "key_heads", "value_heads"])
def test_the_named_paths_carry_the_answer(routes, key):
    trial, values, head = routes
    senders = read_heads(values[key], key, trial.n)
    every = trial.lost(range(trial.n), key[0], head)
    assert every > NONE, (
        f"answering_head: no head of layer 0 matters to head {head} through {key[0]}."
    )
    share = trial.lost(senders, key[0], head) / every
    assert share > ALL, (
        f"{key}: corrupting the paths of {senders} loses {share:.2f} of what the paths of all "
        "heads lose; a head is missing."
    )
    for sender in senders:
        assert trial.lost([sender], key[0], head) > NONE, (
            f"{key}: the path from head {sender} carries nothing of the answer."
        )


RECEIVERS = [None, (1, 1, "q"), (2, 0, "k"), (2, 1, "v")]


def totals(logits):
    """A metric that depends on all logits."""
    return (logits * torch.linspace(-1, 1, logits.shape[-1]).to(logits)).sum(dim=-1)


@pytest.fixture
def effect(from_scratch):
    """Run the answer: `effect(model, (0, 1), (2, 0, "k"))`."""

    def effect(model, sender, receiver, runs=(CLEAN, CORRUPTED)):
        end = None if receiver is None else from_scratch.HeadInput(*receiver)
        return from_scratch.path_effect(model, *runs, sender, end, totals)

    return effect


def expected_effect(model, sender, receiver):
    """The same by whole forwards, one per run."""
    layer, head = sender
    ends = [] if receiver is None else [Place(f"attn.hook_{receiver[2]}", *receiver[:2])]
    runs = (CLEAN, CORRUPTED)
    resid = path_patched(model, runs, [Place("attn.hook_z", layer, head)], ends)
    with torch.no_grad():
        return totals(model.unembed_resid(resid)[:, -1]) - totals(model(CLEAN)[:, -1])


@exercise("5.16")
@pytest.mark.parametrize("family", ["gpt2", "llama", "attention-only"])
def test_paths_agree_with_four_whole_runs(effect, build, family):
    model = build(family, n_layers=3)
    for receiver in RECEIVERS:
        for sender in ((0, 1), (1, 3)):
            actual, expected = (
                effect(model, sender, receiver),
                expected_effect(model, sender, receiver),
            )
            to = "the logits" if receiver is None else f"input {receiver[2]} of head {receiver[:2]}"
            assert_close(actual, expected, f"Path from head {sender} to {to}, in a {family} model.")


@exercise("5.16")
def test_a_sender_reaches_no_earlier_input(effect, build):
    model = build("gpt2", n_layers=3)
    for receiver in ((1, 0, "q"), (0, 1, "v")):
        change = effect(model, (1, 2), receiver).abs().max().item()
        assert change < 1e-5, (
            f"Head (1, 2) cannot reach {receiver}, but the metric changes by {change}."
        )


@exercise("5.16")
def test_equal_prompts_have_no_effect(effect, build):
    model = build("llama", n_layers=3)
    with torch.no_grad():
        before = model(CLEAN)
    change = effect(model, (0, 0), (2, 1, "k"), (CLEAN, CLEAN)).abs().max().item()
    assert change < 1e-5, (
        f"Clean and corrupted prompts are equal, but the metric changes by {change}."
    )
    with torch.no_grad():
        assert torch.equal(before, model(CLEAN)), "The model predicts something else afterwards."


@pytest.mark.project
def test_learners_have_different_right_answers(own_gates, own_routes):
    tables = []
    for learner in (REFERENCE, *(f"learner {n}" for n in range(2))):
        trial = Routes(own_routes, seed_of(learner, "5.18"))
        found = [
            (side, head, sender)
            for side in "qkv"
            for head in range(trial.n)
            if trial.lost(range(trial.n), side, head) > NONE
            for sender in range(trial.n)
            if trial.lost([sender], side, head) > NONE
        ]
        assert {side for side, _, _ in found} == set("qkv"), "each input has a writer"
        assert len({head for _, head, _ in found}) == 1, "one head answers"
        gates = Gates(own_gates, seed_of(learner, "5.17"))
        sets = gates.minimal(gates.restored, 3)
        assert 2 <= len(sets) <= 3 and gates.minimal(gates.lost, len(sets))
        tables.append((tuple(found), tuple(sets)))
    assert len(set(tables)) == len(tables)
