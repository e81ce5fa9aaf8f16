"""Graders of answers.toml (0.16, 0.17): directions are swapped, neurons ablated, on new reviews."""

import itertools

import pytest
import torch

from tests.grading import exercise
from tests.grading.own_case import case_seed, check_tables, read_numbers, seed_of

DECODED, FLIPS, NO_FLIPS = 0.95, 0.9, 0.05
NOTHING, SOME = 1e-3, 0.3


class Trial:
    """The model of a seed, and reviews that the learner has not seen."""

    def __init__(self, own_reviews, sentiment_data, seed):
        self.own = own_reviews.open_reviews(seed)
        self.model = self.own.model.double()
        generator = torch.Generator().manual_seed(1_000_000_007 + seed)
        reviews = sentiment_data.draw_reviews(1500, generator, agree=0.5, irony=0.3)
        other = sentiment_data.swap(reviews, self.own.asked)
        self.value = getattr(reviews, self.own.asked)
        self.pooled = [self.model.W_E[side.tokens].mean(dim=1) for side in (reviews, other)]
        self.hidden = [self.neurons(pooled) for pooled in self.pooled]

    def neurons(self, pooled):
        return (pooled @ self.model.W_in + self.model.b_in).relu()

    def score(self, hidden):
        logits = hidden @ self.model.W_out + self.model.b_out
        return logits[:, 1] - logits[:, 0]

    def flips(self, direction):
        """Share of predictions that flip when the averages are swapped along a direction."""
        here, there = self.pooled
        unit = (direction / direction.norm()).double()
        moved = here + ((there - here) @ unit)[:, None] * unit
        before, after = (self.score(self.neurons(pooled)) > 0 for pooled in (here, moved))
        return (before != after).double().mean().item()

    def accuracy(self, direction):
        """Accuracy of the best threshold on the coordinate along a direction."""
        coordinate = self.pooled[0] @ direction.double()
        ordered = self.value[coordinate.argsort()].double()
        ones_below = torch.cat([ordered.new_zeros(1), ordered.cumsum(0)])
        places = torch.arange(len(ordered) + 1)
        right = places - ones_below + (ordered.sum() - ones_below)
        best = torch.maximum(right, len(ordered) - right).max()
        return best.item() / len(ordered)

    def effect(self, ablated):
        """By how much the property changes the score without some neurons: mean absolute value."""
        mean = torch.cat(self.hidden).mean(dim=0)
        scores = []
        for hidden in self.hidden:
            acts = hidden.clone()
            acts[:, list(ablated)] = mean[list(ablated)]
            scores.append(self.score(acts))
        return (scores[1] - scores[0]).abs().mean().item()


@pytest.fixture
def trial(answers, own_reviews, sentiment_data, request):
    def trial(number):
        values = answers("ch00_looking", number)
        return Trial(own_reviews, sentiment_data, case_seed(request, values, number)), values

    return trial


@exercise("0.16")
def test_swaps_along_used_directions_flip_predictions(trial):
    case, values = trial("0.16")
    directions = case.own.directions
    claim = read_numbers(values, "used", len(directions), "directions")
    for index in claim:
        flips = case.flips(directions[index])
        assert flips > FLIPS, (
            f"used: a swap along direction {index} flips {flips:.0%} of the predictions; expected "
            f"more than {FLIPS:.0%}. The coordinate has accuracy "
            f"{case.accuracy(directions[index]):.2f} as a probe: does it only contain the property?"
        )
    left = [case.flips(directions[i]) for i in range(len(directions)) if i not in claim]
    assert max(left) < 0.5, (
        f"used: a swap along some other direction flips {max(left):.0%} of the predictions."
    )


@exercise("0.16")
def test_decodable_directions_change_nothing(trial):
    case, values = trial("0.16")
    directions = case.own.directions
    claim = read_numbers(values, "decodable_only", len(directions), "directions")
    judged = [(case.accuracy(d), case.flips(d)) for d in directions]
    for index in claim:
        accuracy, flips = judged[index]
        assert accuracy > DECODED and flips < NO_FLIPS, (
            f"decodable_only: the best threshold along direction {index} has accuracy "
            f"{accuracy:.2f}, and a swap along it flips {flips:.0%}; expected an accuracy above "
            f"{DECODED}, and hardly a flip."
        )
    missed = [i for i, (a, f) in enumerate(judged) if a > DECODED and f < NO_FLIPS]
    assert set(missed) <= set(claim), (
        "decodable_only: some direction is missing that contains the property and is not used."
    )


@exercise("0.17")
def test_the_carriers_are_all_that_carry_the_property(trial):
    case, values = trial("0.17")
    claim = read_numbers(values, "carriers", case.model.config.d_hidden, "neurons")
    left, whole = case.effect(claim), case.effect([])
    assert left < NOTHING, (
        f"carriers: without them the property still changes the score by {left:.2f}, against "
        f"{whole:.2f} in the whole model."
    )
    assert len(claim) < 10, f"carriers: {len(claim)} neurons; fewer are enough."
    for size in range(len(claim)):
        for kept in itertools.combinations(claim, size):
            assert case.effect(kept) > SOME, (
                f"carriers: without {list(kept)} alone the property changes nothing either; the "
                "others that you name are not needed."
            )


@exercise("0.17")
def test_opposites_cancel_each_other(trial):
    case, values = trial("0.17")
    pair = read_numbers(values, "opposites", case.model.config.d_hidden, "neurons", size=2)
    whole = case.effect([])
    for neuron in pair:
        change = abs(case.effect([neuron]) - whole)
        assert change > SOME, (
            f"opposites: without neuron {neuron} the property changes the score as before, by "
            f"{whole:.2f}."
        )
    both = case.effect(pair)
    assert abs(both - whole) < NOTHING, (
        f"opposites: without both the property changes the score by {both:.2f} instead of "
        f"{whole:.2f}."
    )


def solve(own_reviews, sentiment_data, seed):
    """The right answers to both questions for a seed, by trying every single part and pair."""
    case = Trial(own_reviews, sentiment_data, seed)
    judged = [(case.accuracy(d), case.flips(d)) for d in case.own.directions]
    whole, n = case.effect([]), case.model.config.d_hidden
    active = [i for i in range(n) if abs(case.effect([i]) - whole) > SOME]
    pairs = itertools.combinations(active, 2)
    opposites = next(p for p in pairs if abs(case.effect(p) - whole) < NOTHING)
    return {
        "used": [i for i, (_, flips) in enumerate(judged) if flips > FLIPS],
        "decodable_only": [i for i, (a, f) in enumerate(judged) if a > DECODED and f < NO_FLIPS],
        "carriers": [i for i in active if i not in opposites],
        "opposites": list(opposites),
    }


def passes(case, table):
    """Whether the graders accept a table for a case."""
    given = lambda _: (case, table)  # noqa: E731
    try:
        test_swaps_along_used_directions_flip_predictions(given)
        test_decodable_directions_change_nothing(given)
        test_the_carriers_are_all_that_carry_the_property(given)
        test_opposites_cancel_each_other(given)
    except AssertionError:
        return False
    return True


@pytest.mark.project
def test_right_answers_pass_and_copied_ones_fail(own_reviews, sentiment_data):
    seeds = [seed_of(f"learner {n}", "0.16") for n in range(12)]
    tables = [solve(own_reviews, sentiment_data, seed) for seed in seeds]
    assert len({str(table) for table in tables}) == len(tables)
    check_tables(
        seeds,
        tables,
        lambda seed, table: passes(Trial(own_reviews, sentiment_data, seed), table),
    )


@pytest.mark.project
def test_score_change_is_what_the_graders_measure(own_reviews, sentiment_data):
    case = Trial(own_reviews, sentiment_data, 3)
    reviews = sentiment_data.draw_reviews(500, torch.Generator().manual_seed(1), agree=0.5)
    for ablated in ([], [0], [3, 5, 8]):
        change = own_reviews.score_change(case.own, reviews, ablated).mean().item()
        assert abs(change) == pytest.approx(case.effect(ablated), abs=1e-6)
