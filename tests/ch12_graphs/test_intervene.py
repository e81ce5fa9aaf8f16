"""Graders of intervene.py: swaps (12.17), keeping and removing, agreement (12.18)."""

import pytest
import torch

from tests.ch12_graphs.conftest import SIZES
from tests.grading import exercise
from tests.grading.assertions import check, normal
from tests.grading.odd_inputs import check_odd

TOKENS = torch.tensor([[3, 1, 4, 1, 5], [3, 7, 4, 1, 5]])
ANSWERS = torch.tensor([6, 11])
GROUPS = [[(2, 9), (0, 1), (2, 3)], [(1, 0)], [(0, 4), (0, 2)]]


def run_with(model, tokens, new):
    """Logits at the last position with posts replaced: layer -> function of the activation."""
    hooks = {
        f"blocks.{layer}.mlp.hook_post": lambda x, _, change=change: change(x)
        for layer, change in new.items()
    }
    return model.run_with_hooks(tokens, hooks=hooks)[:, -1].detach()


def posts_of(model, tokens):
    """Activations of neurons, by layer."""
    names = [f"blocks.{layer}.mlp.hook_post" for layer in range(len(model.blocks))]
    _, cache = model.run_with_cache(tokens, names=names)
    return [cache[name] for name in names]


def own_minus_other(logits):
    """Each prompt's own answer against the other's."""
    rows = torch.arange(2)
    return logits[rows, ANSWERS] - logits[rows, ANSWERS.flip(0)]


@exercise("12.17")
def test_a_group_is_one_intervention_per_layer(intervene):
    made = intervene.swap_interventions(GROUPS[0], n_pos=4)
    actual = sorted(
        (
            one.site.layer,
            one.site.hook,
            one.site.position,
            tuple(sorted(one.site.neuron)),
            one.action,
        )
        for one in made
    )
    hook, places = "mlp.hook_post", (1, 2, 3)
    expected = [(0, hook, places, (1,), "replace"), (2, hook, places, (3, 9), "replace")]
    assert actual == expected, (
        f"Expected one replacement per layer, at positions 1, 2 and 3, of neuron 1 of layer 0 and "
        f"neurons 3 and 9 of layer 2; got {actual}."
    )
    assert all(one.source.run == "other" for one in made), "The operands are not the other run's."


@exercise("12.17")
@pytest.mark.parametrize("family", ["GPT2", "LLAMA"])
def test_neurons_take_the_other_prompts_values(intervene, contrast, small, family):
    model = small(family)
    posts, after = posts_of(model, TOKENS), []
    for group in GROUPS:
        new = {}
        for layer in {layer for layer, _ in group}:
            chosen = torch.zeros(10, dtype=torch.bool)
            chosen[[neuron for place, neuron in group if place == layer]] = True
            place = torch.arange(5)[:, None] > 0

            def change(x, chosen=chosen & place, other=posts[layer].flip(0)):
                return torch.where(chosen, other, x)

            new[layer] = change
        after.append(own_minus_other(run_with(model, TOKENS, new)))
    before = own_minus_other(model(TOKENS)[:, -1].detach())
    for n in (3, 1):
        check(
            lambda tokens: list(intervene.swap(model, contrast.Pair(tokens, ANSWERS), GROUPS[:n])),
            TOKENS,
            expected=[before, torch.stack(after[:n])],
            claim="Logit differences with a group swapped are wrong.",
        )


@exercise("12.17")
def test_rates_count_pairs_that_the_model_gets_right(intervene):
    rows = [
        ([2.0, 1.0], [[-1.0, 0.5], [2.0, 1.0]]),
        ([3.0, -0.5], [[-9.0, -9.0], [-9.0, -9.0]]),  # wrong in one prompt: does not count
        ([-3.0, -0.5], [[9.0, 9.0], [9.0, 9.0]]),  # wrong in both
        ([1.0, 4.0], [[-3.0, -1.0], [0.0, 3.0]]),
    ]
    results = [intervene.Swaps(*map(torch.tensor, row)) for row in rows]
    moved = [(3 / 3 + 0.5 / 3 + 4 / 5 + 5 / 5) / 4, (0 + 0 + 1 / 5 + 1 / 5) / 4]
    check_rates(intervene, results, [4, [0.75, 0.0], moved], tolerance=1e-6)


def check_rates(intervene, results, expected, **near):
    claim = "Switch rates are wrong."
    found = lambda given: list(intervene.switch_rates(given))  # noqa: E731
    check(found, results, expected=expected, claim=claim, **near)


@exercise("12.17")
def test_a_group_may_move_answers_a_little_or_away(intervene):
    before = torch.tensor([3.0, 1.0]).double()
    for size in (1.0, -(2.0**-24)):
        results = [intervene.Swaps(before, (before - 4 * size)[None])]
        expected = [2, [float(size > 0)], [size]]
        check_rates(intervene, results, expected, tolerance=1e-6, scale=1e-8)


@exercise("12.17")
def test_rates_without_a_pair_that_counts_raise(intervene):
    with pytest.raises(ValueError):
        intervene.switch_rates([intervene.Swaps(torch.tensor([-1.0, 1.0]), torch.zeros(1, 2))])


@exercise("12.18")
@pytest.mark.parametrize("family, n_sets", [("GPT2", 2), ("LLAMA", 2), ("LLAMA", 1)])
def test_sets_are_kept_and_removed(intervene, contrast, small, family, n_sets):
    model, answers = small(family), ANSWERS.roll(n_sets)  # both orders: one score is below zero
    kept = normal(n_sets, 3, 5, 10, seed=1) > 0.3
    other = posts_of(model, TOKENS[1:])

    def score(live):
        def make(layer):
            return lambda x: torch.where(live[layer], x, other[layer])

        logits = run_with(model, TOKENS[:1], {layer: make(layer) for layer in range(3)})[0]
        return logits[answers[0]] - logits[answers[1]]

    everything = torch.ones_like(kept[0])
    expected = [
        torch.stack([score(one) for one in kept]),
        torch.stack([score(~one) for one in kept]),
        score(everything).item(),
        score(~everything).item(),
    ]
    check(
        lambda sets: list(intervene.keep_and_remove(model, contrast.Pair(TOKENS, answers), sets)),
        kept,
        expected=expected,
        claim="Logit differences with neurons kept or removed are wrong.",
    )


@pytest.fixture
def agreement(intervene):
    def agreement(predicted, measured):
        return list(intervene.agreement(predicted, measured))

    return agreement


def agreement_by_loops(predicted, measured):
    """Pearson correlation, slope through zero, share of equal signs."""
    x, y = predicted.double().tolist(), measured.double().tolist()
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    pairs = list(zip(x, y, strict=True))
    covariance = sum((a - mean_x) * (b - mean_y) for a, b in pairs)
    spread = sum((a - mean_x) ** 2 for a in x) * sum((b - mean_y) ** 2 for b in y)
    signs = [(a > 0) - (a < 0) == (b > 0) - (b < 0) for a, b in pairs]
    slope = sum(a * b for a, b in pairs) / sum(a * a for a in x)
    return [covariance / spread**0.5, slope, sum(signs) / len(signs)]


@exercise("12.18")
def test_agreement_on_odd_inputs(agreement):
    def make(node):
        x = normal(node, seed=1) + 0.4
        return x, 0.6 * x + normal(node, seed=2)

    check_odd(agreement, agreement_by_loops, make, skip="node=1 zeros nan close", node=7)
    x, y = make(7)
    for size, scale in SIZES:
        expected = agreement_by_loops(x, size * y)
        claim = f"Agreement with {size} times the measured effects is wrong."
        check(agreement, x, size * y, expected=expected, claim=claim, scale=scale)


@pytest.mark.project
@pytest.mark.parametrize("family", ["GPT2", "LLAMA"])
def test_predictions_of_small_changes_are_right(intervene, contrast, relp, small, family):
    """A direct effect of the last layer on the logits is linear up to the norm's divisor."""
    model = small(family, n_layers=1)
    where = relp.Where(torch.zeros(10, dtype=torch.long), torch.full((10,), 4), torch.arange(10))
    found = intervene.predicted_and_measured(model, contrast.Pair(TOKENS, ANSWERS), where)
    assert intervene.agreement(*found).correlation > 0.9


@pytest.mark.project
def test_matched_sets_have_the_same_counts(intervene):
    kept = normal(3, 4, 20, seed=1) > 1
    drawn = intervene.matched_random(kept, torch.Generator().manual_seed(0))
    assert torch.equal(drawn.sum(dim=-1), kept.sum(dim=-1)) and not (drawn & kept).any()


@pytest.mark.project
def test_wrong_inputs_raise(intervene):
    with pytest.raises(ValueError, match="at least one neuron"):
        intervene.swap_interventions([], 5)
