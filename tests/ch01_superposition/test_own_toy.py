"""Graders of answers.toml (1.17, 1.18): features are turned on, and outputs measured."""

import itertools

import pytest

from tests.grading import exercise
from tests.grading.own_case import case_seed, check_tables, read_numbers, seed_of

HARDLY, CLEARLY = 0.1, 0.3


class Trial:
    """The weights of a seed, in float64."""

    def __init__(self, own_toy, seed):
        self.own = own_toy.open_toy(seed)
        self.overlap = self.own.model.W[0].double().T @ self.own.model.W[0].double()
        self.n = len(self.overlap)

    def output(self, feature, *on):
        """One feature's output with some features at strength 1."""
        return self.overlap[feature, list(on)].sum().relu().item()

    def falls(self, feature):
        """By how much each other feature lowers the output of one that is on."""
        alone = self.output(feature, feature)
        others = [i for i in range(self.n) if i != feature]
        return {i: alone - self.output(feature, feature, i) for i in others}


@pytest.fixture
def trial(answers, own_toy, request):
    def trial(number):
        values = answers("ch01_superposition", number)
        return Trial(own_toy, case_seed(request, values, number)), values

    return trial


def read_feature(values, key, n):
    """One feature."""
    value = values[key]
    assert type(value) is int and 0 <= value < n, (
        f"{key}: expected a feature from 0 to {n - 1}, got {value!r}."
    )
    return value


@exercise("1.17")
def test_the_partner_cancels_the_pairs_feature(trial):
    case, values = trial("1.17")
    partner, asked = read_feature(values, "partner", case.n), case.own.in_pair
    assert partner != asked, f"partner: {asked} is the feature itself."
    alone, both = case.output(asked, asked), case.output(asked, asked, partner)
    assert both < HARDLY, (
        f"partner: with feature {partner} on, too, the output of feature {asked} is {both:.2f}, "
        f"against {alone:.2f} alone; an antipodal feature would cancel it."
    )


@exercise("1.17")
def test_each_feature_of_the_triangle_interferes(trial):
    case, values = trial("1.17")
    claim, asked = read_numbers(values, "triangle", case.n, "features", 2), case.own.in_triangle
    assert asked not in claim, f"triangle: name the two features besides {asked}."
    falls = case.falls(asked)
    for feature in claim:
        assert falls[feature] > CLEARLY, (
            f"triangle: feature {feature} changes the output of feature {asked} by "
            f"{-falls[feature]:+.2f} when both are on; a feature of the same triangle lowers it by "
            f"more than {CLEARLY}."
        )


@exercise("1.17")
def test_a_feature_alone_meets_no_interference(trial):
    case, values = trial("1.17")
    alone = read_feature(values, "alone", case.n)
    output = case.output(alone, alone)
    assert output > 0.5, (
        f"alone: feature {alone} on at strength 1 gives an output of {output:.3f}; it is hardly "
        "represented."
    )
    most = max(abs(fall) for fall in case.falls(alone).values())
    assert most < HARDLY, (
        f"alone: another feature changes the output of feature {alone} by {most:.2f}."
    )


@exercise("1.18")
@pytest.mark.parametrize("key", ["raises", "lowers"])
def test_the_pair_moves_the_output_further_than_any_other(trial, key):
    case, values = trial("1.18")
    claim, asked = read_numbers(values, key, case.n, "features", 2), case.own.in_crowd
    assert asked not in claim, f"{key}: name two features besides {asked}."
    others = [i for i in range(case.n) if i != asked]
    on = [asked] if key == "lowers" else []
    raw = {
        pair: case.overlap[asked, [*on, *pair]].sum().item()
        for pair in itertools.combinations(others, 2)
    }
    best = min(raw.values()) if key == "lowers" else max(raw.values())
    found, word = raw[tuple(claim)], "lowest" if key == "lowers" else "highest"
    assert abs(found - best) < 1e-6, (
        f"{key}: with {claim} on, the input of feature {asked}'s ReLU is {found:.2f}; for the best "
        f"pair it is {best:.2f}, the {word}. The overlap W_i . W_j counts, not the cosine."
    )


def solve(own_toy, seed):
    """The right answers to both questions for a seed."""
    case = Trial(own_toy, seed)
    own, overlap = case.own, case.overlap
    norms = overlap.diagonal().sqrt()
    shared = (overlap.fill_diagonal_(0).abs().amax(dim=1) < HARDLY) & (norms > 0.5)
    ordered = overlap[own.in_crowd].argsort().tolist()
    triangle = (overlap[own.in_triangle] < -CLEARLY).nonzero().flatten().tolist()
    return {
        "partner": int(overlap[own.in_pair].argmin()),
        "triangle": triangle,
        "alone": int(shared.nonzero()),
        "raises": sorted(ordered[-2:]),
        "lowers": sorted(ordered[:2]),
    }


def passes(own_toy, seed, table):
    """Whether the graders accept a table for a seed."""
    given = lambda _: (Trial(own_toy, seed), table)  # noqa: E731
    try:
        test_the_partner_cancels_the_pairs_feature(given)
        test_each_feature_of_the_triangle_interferes(given)
        test_a_feature_alone_meets_no_interference(given)
        for key in ("raises", "lowers"):
            test_the_pair_moves_the_output_further_than_any_other(given, key)
    except AssertionError:
        return False
    return True


@pytest.mark.project
def test_right_answers_pass_and_copied_ones_fail(own_toy):
    seeds = [seed_of(f"learner {n}", "1.17") for n in range(30)]
    tables = [solve(own_toy, seed) for seed in seeds]
    for keys in (("partner", "triangle", "alone"), ("raises", "lowers")):
        assert len({str([table[key] for key in keys]) for table in tables}) == len(tables)
    check_tables(seeds, tables, lambda seed, table: passes(own_toy, seed, table))


@pytest.mark.project
def test_the_crowd_is_decided_by_overlap_and_not_by_cosine(own_toy):
    for number in range(20):
        seed = seed_of(f"learner {number}", "1.18")
        case, table = Trial(own_toy, seed), solve(own_toy, seed)
        cosine = case.overlap[case.own.in_crowd] / case.overlap.diagonal().sqrt()
        cosine[case.own.in_crowd] = 0.0
        by_cosine = cosine.argsort().tolist()
        assert (
            sorted(by_cosine[-2:]) != table["raises"] and sorted(by_cosine[:2]) != table["lowers"]
        )
        on = [case.own.in_crowd, *table["lowers"]]
        given = own_toy.output_of(case.own, case.own.in_crowd, on)
        assert given == pytest.approx(case.output(case.own.in_crowd, *on), abs=1e-6)
