"""Graders of answers.toml (8.20, 8.21): the named latents are removed, and the effect measured."""

import itertools

import pytest
import torch
import torch.nn.functional as F

from tests.grading import exercise
from tests.grading.own_case import (
    REFERENCE,
    case_seed,
    check_tables,
    read_numbers,
    seed_of,
)

HELD_OUT, RANDOM_SETS = 4000, 200
NOTHING, MUCH, SELECTIVE = 0.02, 1.0, 0.9


class Trial:
    """The case of a seed, and what its answers lose on new inputs."""

    def __init__(self, suspects, seed):
        self.suspects, self.case = suspects, suspects.open_case(seed)
        self.n = self.case.sae.d_sae
        generator = torch.Generator().manual_seed(1_000_000_007 + seed)
        self.x, self.present = suspects.draw_case(self.case, HELD_OUT, generator)
        self.clean = suspects.answers_of(self.case, self.x)
        self.fires = self.case.sae.encode(self.x).detach() > 0

    def change(self, latents):
        """How much each answer of each input falls without these latents."""
        return self.clean - self.suspects.answers_without(self.case, self.x, list(latents))

    def loss(self, latents, answer, where):
        """The mean fall of one answer where a condition holds."""
        return self.change(latents)[where, answer].mean().item()

    def purity(self, latent, concept):
        """The share of the inputs on which a latent fires that have the concept."""
        return self.present[self.fires[:, latent], concept].double().mean().item()


@pytest.fixture
def trial(answers, suspects, request):
    def trial(number):
        return Trial(suspects, case_seed(request, answers("ch08_saes", number), number))

    return trial


@exercise("8.20")
def test_drivers_carry_the_answer_and_fire_for_the_concept(answers, trial):
    case = trial("8.20")
    claim = read_numbers(answers("ch08_saes", "8.20"), "drivers", case.n, "latents")
    for latent in claim:
        assert case.purity(latent, 0) > SELECTIVE, (
            f"drivers: latent {latent} fires on inputs without concept 0 too: only "
            f"{case.purity(latent, 0):.0%} of the inputs on which it fires have it."
        )
    where = case.present[:, 0]
    effect = case.loss(claim, 0, where)
    generator = torch.Generator().manual_seed(1)
    random = sorted(
        case.loss(torch.randperm(case.n, generator=generator)[: len(claim)].tolist(), 0, where)
        for _ in range(RANDOM_SETS)
    )
    limit = random[int(0.95 * RANDOM_SETS)]
    assert effect > max(limit, MUCH), (
        f"drivers: without them answer 0 falls by {effect:.2f}; expected more than {MUCH:.1f}, and "
        f"more than for 95 % of random sets of this size ({limit:.2f}). Does something else that "
        "fires for the concept still carry it?"
    )
    for latent in claim:
        rest = [one for one in claim if one != latent]
        subsets = [s for k in range(len(rest) + 1) for s in itertools.combinations(rest, k)]
        gains = [case.loss([*s, latent], 0, where) - case.loss(s, 0, where) for s in subsets]
        assert max(gains) > 0.05, (
            f"drivers: latent {latent} is claimed, but removing it never changes answer 0."
        )


@exercise("8.20")
def test_bystanders_fire_for_the_concept_and_change_nothing(answers, trial):
    case = trial("8.20")
    claim = read_numbers(answers("ch08_saes", "8.20"), "bystanders", case.n, "latents")
    for latent in claim:
        assert case.purity(latent, 0) > SELECTIVE, (
            f"bystanders: latent {latent} fires on inputs without concept 0 too."
        )
    largest = case.change(claim).abs().max().item()
    assert largest < NOTHING, (
        f"bystanders: without them some answer changes by {largest:.2f}; expected no change."
    )
    for latent in set(range(case.n)) - set(claim):
        if case.fires[:, latent].any() and case.purity(latent, 0) > SELECTIVE:
            assert case.change([latent]).abs().max() > NOTHING, (
                "bystanders: some latent is missing that fires with concept 0 only and changes "
                "nothing."
            )


@exercise("8.21")
@pytest.mark.parametrize("key, other", [("carries_alone", False), ("carries_with_child", True)])
def test_the_carrier_changes_with_the_child(answers, trial, key, other):
    case = trial("8.21")
    latent = answers("ch08_saes", "8.21")[key]
    assert type(latent) is int and 0 <= latent < case.n, (
        f"{key}: expected a latent from 0 to {case.n - 1}, got {latent!r}."
    )
    child = case.present[:, 1] & case.present[:, 2]
    alone = case.present[:, 1] & ~case.present[:, 2]
    here, there = (child, alone) if other else (alone, child)
    words = ["where concept 1 occurs alone", "where concept 2 occurs too"]
    effect = case.loss([latent], 1, here)
    others = sorted(case.loss([i], 1, here) for i in range(case.n) if i != latent)
    assert effect > max(MUCH, others[int(0.95 * len(others))]), (
        f"{key}: without latent {latent} answer 1 falls by {effect:.2f} {words[other]}; expected "
        f"more than {MUCH:.1f}, and more than for 95 % of the other latents."
    )
    elsewhere = case.loss([latent], 1, there)
    assert abs(elsewhere) < 0.2, (
        f"{key}: latent {latent} also matters {words[not other]}: answer 1 falls by "
        f"{elsewhere:.2f} there."
    )
    assert case.fires[here][:, latent].double().mean() > SELECTIVE, (
        f"{key}: latent {latent} is silent on many inputs {words[other]}."
    )


def cosines(case):
    """Cosines of what each latent reads and writes with each concept, [latent, concept]."""
    rows = [case.sae.W_enc.detach().T, case.sae.W_dec.detach()]
    return [F.normalize(row, dim=1) @ case.concepts.T for row in rows]


def solve(suspects, seed):
    """The right answers to both questions for a seed, from the weights."""
    reads, writes = cosines(suspects.open_case(seed))
    of_concept = reads[:, 0] > 0.95
    alone = (reads[:, 1] > 0.3) & (reads[:, 2] < -0.5) & (writes[:, 1] > 0.95)
    both = (reads[:, 2] > 0.95) & (writes[:, 1] > 0.6)
    return {
        "drivers": (of_concept & (writes[:, 0] > 0.95)).nonzero().flatten().tolist(),
        "bystanders": (of_concept & (writes.abs().amax(1) < 0.05)).nonzero().flatten().tolist(),
        "carries_alone": int(alone.nonzero()),
        "carries_with_child": int(both.nonzero()),
    }


def passes(suspects, seed, table):
    """Whether the graders accept answers for the case of a seed."""
    given = (lambda *_: table), (lambda _: Trial(suspects, seed))
    try:
        test_drivers_carry_the_answer_and_fire_for_the_concept(*given)
        test_bystanders_fire_for_the_concept_and_change_nothing(*given)
        test_the_carrier_changes_with_the_child(*given, "carries_alone", False)
        test_the_carrier_changes_with_the_child(*given, "carries_with_child", True)
    except AssertionError:
        return False
    return True


@pytest.mark.project
def test_right_answers_of_a_learner_pass_and_copied_ones_fail(suspects):
    seeds = [seed_of(f"learner {number}", "8.20") for number in range(4)]
    tables = [solve(suspects, seed) for seed in seeds]
    check_tables(seeds, tables, lambda seed, table: passes(suspects, seed, table))


@pytest.mark.project
def test_learners_have_different_answers(suspects):
    tables = [solve(suspects, seed_of(f"learner {n}", "8.20")) for n in range(100)]
    own = {(*map(tuple, (t["drivers"], t["bystanders"])),) for t in tables}
    carriers = {(t["carries_alone"], t["carries_with_child"]) for t in tables}
    assert len(own) > 95 and len(carriers) > 80
    assert {len(t["drivers"]) for t in tables} == {2, 3}, "the numbers differ too"
    assert {len(t["bystanders"]) for t in tables} == {1, 2, 3}


@pytest.mark.project
def test_the_two_exercises_have_different_cases(suspects):
    encoders = [suspects.open_case(seed_of(REFERENCE, n)).sae.W_enc for n in ("8.20", "8.21")]
    assert not torch.allclose(*encoders)
