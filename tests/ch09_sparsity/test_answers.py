"""Graders of answers.toml (9.19, 9.20): latents are removed and thresholds moved on new inputs."""

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

HELD_OUT, MUCH, LEFT, SELECTIVE = 4000, 0.5, 0.15, 0.9


class Trial:
    """The dictionary of a seed, and what it does on new inputs."""

    def __init__(self, own_dictionary, seed):
        self.module, self.own = own_dictionary, own_dictionary.open_dictionary(seed)
        self.n = self.own.sae.d_sae
        generator = torch.Generator().manual_seed(1_000_000_009 + seed)
        self.x, self.present = own_dictionary.draw_concepts(self.own, HELD_OUT, generator)
        self.acts = self.own.sae.encode(self.x).detach()
        self.parent = self.present[:, own_dictionary.PARENT]
        self.children = self.present[:, own_dictionary.CHILDREN]
        self.alone = self.parent & ~self.children.any(dim=1)

    def written(self, latents):
        """How much of the parent's direction each input loses without these latents."""
        edited = self.module.without_latents(self.own, self.x, list(latents))
        return (self.x - edited) @ self.own.concepts[self.module.PARENT]

    def change(self, latent, factor):
        """How much the error rises, and active latents per token fall, at another threshold."""
        error = self.module.error_with_threshold(self.own, self.x, latent, factor)
        before = self.module.error_with_threshold(self.own, self.x, latent, 1.0)
        limit = factor * self.own.sae.threshold[latent]
        stays = self.own.sae.pre_activations(self.x)[:, latent] > limit
        saved = (self.acts[:, latent] > 0).double().mean() - stays.double().mean()
        return error - before, saved.item()


@pytest.fixture
def trial(answers, own_dictionary, request):
    def trial(number):
        return Trial(own_dictionary, case_seed(request, answers("ch09_sparsity", number), number))

    return trial


def read_parent(values, n):
    parent = values["parent"]
    assert type(parent) is int and 0 <= parent < n, (
        f"parent: expected a latent from 0 to {n - 1}, got {parent!r}."
    )
    return parent


@exercise("9.19")
def test_the_parents_latent_writes_the_parent_where_it_is_alone(answers, trial):
    case = trial("9.19")
    parent = read_parent(answers("ch09_sparsity", "9.19"), case.n)
    lost = case.written([parent])[case.alone].mean().item()
    assert lost > MUCH, (
        f"parent: without latent {parent} an input with the parent alone loses {lost:.2f} of the "
        f"parent's direction; expected more than {MUCH}."
    )
    fires = case.acts[:, parent] > 0
    purity = case.parent[fires].double().mean().item()
    assert purity > SELECTIVE, f"parent: latent {parent} is active without the parent too."


@exercise("9.19")
def test_each_absorber_writes_the_parent_in_the_holes(answers, trial):
    case, values = trial("9.19"), answers("ch09_sparsity", "9.19")
    parent = read_parent(values, case.n)
    holes = case.parent & ~(case.acts[:, parent] > 0)
    for latent in read_numbers(values, "absorbers", case.n, "latents"):
        there = holes & (case.acts[:, latent] > 0)
        lost = case.written([latent])[there].mean().item() if there.any() else 0.0
        assert lost > MUCH, (
            f"absorbers: where the parent's latent is silent, removing latent {latent} takes "
            f"{lost:.2f} of the parent's direction away; expected more than {MUCH}."
        )
        everywhere = case.acts[:, latent] > 0
        assert (everywhere & holes).sum() > SELECTIVE * everywhere.sum(), (
            f"absorbers: latent {latent} is active outside the holes of the parent's latent too."
        )


@exercise("9.19")
def test_nothing_else_writes_the_parent(answers, trial):
    case, values = trial("9.19"), answers("ch09_sparsity", "9.19")
    claim = [read_parent(values, case.n), *read_numbers(values, "absorbers", case.n, "latents")]
    left = (case.x @ case.own.concepts[0] - case.written(claim))[case.parent]
    kept = left.mean().item() / (case.x @ case.own.concepts[0])[case.parent].mean().item()
    assert kept < LEFT, (
        f"absorbers: without the claimed latents {kept:.0%} of the parent's direction is left "
        "where the parent occurs; some latent that writes it is missing."
    )


@exercise("9.20")
def test_low_thresholds_can_be_raised_for_nothing(answers, trial):
    case = trial("9.20")
    claim = read_numbers(answers("ch09_sparsity", "9.20"), "too_low", case.n, "latents")
    for latent in range(case.n):
        cost, saved = case.change(latent, 4.0)
        free = cost < 0.01 and saved > 0.1
        assert cost < 0.01 or latent not in claim, (
            f"too_low: with four times the threshold of latent {latent} the error rises by "
            f"{cost:.3f}; expected less than .01."
        )
        assert free or latent not in claim, (
            f"too_low: latent {latent} is active on {abs(saved):.0%} fewer of the inputs with four "
            "times its threshold; expected more than 10%. Is it active at all?"
        )
        assert latent in claim or not free, (
            "too_low: a latent is missing that is active less often with four times its threshold, "
            "at no cost."
        )


@exercise("9.20")
def test_high_thresholds_should_be_lowered(answers, trial):
    case = trial("9.20")
    claim = read_numbers(answers("ch09_sparsity", "9.20"), "too_high", case.n, "latents")
    for latent in range(case.n):
        gain = -case.change(latent, 0.5)[0]
        assert gain > 0.02 or latent not in claim, (
            f"too_high: with half the threshold of latent {latent} the error "
            f"{'falls' if gain > 0 else 'rises'} by {abs(gain):.3f}; expected a fall of more than "
            ".02."
        )
        assert latent in claim or gain < 0.02, (
            "too_high: a latent is missing with which the error falls when its threshold is halved."
        )


def indices(mask):
    return mask.nonzero().flatten().tolist()


def solve(own_dictionary, seed):
    """The right answers to both questions for a seed, from the weights."""
    own = own_dictionary.open_dictionary(seed)
    lengths = own.sae.W_enc.detach().norm(dim=0)
    reads = F.normalize(own.sae.W_enc.detach().T, dim=1) @ own.concepts.T
    writes = F.normalize(own.sae.W_dec.detach(), dim=1) @ own.concepts.T
    parent = own_dictionary.PARENT
    of_child = reads[:, own_dictionary.CHILDREN].amax(dim=1) > 0.95
    thresholds = own.sae.threshold.detach() / lengths
    return {
        "parent": int((writes[:, parent] > 0.95).nonzero()),
        "absorbers": indices(of_child & (writes[:, parent] > 0.6)),
        "too_low": indices(thresholds < 0.06),
        "too_high": indices((thresholds > 0.9) & (thresholds < 1.1)),
    }


def passes(own_dictionary, seed, table):
    """Whether the graders accept answers for the dictionary of a seed."""
    given = (lambda *_: table), (lambda _: Trial(own_dictionary, seed))
    try:
        test_the_parents_latent_writes_the_parent_where_it_is_alone(*given)
        test_each_absorber_writes_the_parent_in_the_holes(*given)
        test_nothing_else_writes_the_parent(*given)
        test_low_thresholds_can_be_raised_for_nothing(*given)
        test_high_thresholds_should_be_lowered(*given)
    except AssertionError:
        return False
    return True


@pytest.mark.project
def test_right_answers_of_a_learner_pass_and_copied_ones_fail(own_dictionary):
    seeds = [seed_of(f"learner {number}", "9.19") for number in range(6)]
    tables = [solve(own_dictionary, seed) for seed in seeds]
    check_tables(seeds, tables, lambda seed, table: passes(own_dictionary, seed, table))


@pytest.mark.project
def test_rows_that_contain_the_parent_are_not_enough(own_dictionary):
    for n in range(6):
        seed = seed_of(f"learner {n}", "9.19")
        own, table = own_dictionary.open_dictionary(seed), solve(own_dictionary, seed)
        contains = own.sae.W_dec.detach() @ own.concepts[own_dictionary.PARENT] > 0.1
        named = table | {"absorbers": sorted(set(indices(contains)) - {table["parent"]})}
        assert len(named["absorbers"]) == len(table["absorbers"]) + 4, "four impostors"
        assert not passes(own_dictionary, seed, named)


@pytest.mark.project
def test_learners_have_different_answers(own_dictionary):
    tables = [solve(own_dictionary, seed_of(f"learner {n}", "9.19")) for n in range(100)]
    absorbed = {(t["parent"], *t["absorbers"]) for t in tables}
    wrong = {(*t["too_low"], -1, *t["too_high"]) for t in tables}
    assert len(absorbed) > 85 and len(wrong) > 90
    assert {len(t["absorbers"]) for t in tables} == {1, 2, 3}


@pytest.mark.project
def test_the_two_exercises_have_different_dictionaries(own_dictionary):
    seeds = [seed_of(REFERENCE, number) for number in ("9.19", "9.20")]
    encoders = [own_dictionary.open_dictionary(seed).sae.W_enc for seed in seeds]
    assert not torch.allclose(*encoders)
