"""Graders of answers.toml (12.24, 12.25): neurons are swapped in sentences of the graders' own."""

import functools

import pytest
import torch

from tests.ch12_graphs.held_out_prompts import GENDER_FRAMES, GENDER_WORDS, OPEN_FRAMES
from tests.ch12_graphs.swap_all import swap_all
from tests.grading import exercise
from tests.grading.assertions import assert_close
from tests.grading.once import once
from tests.grading.own_case import case_seed

N_LAYERS, D_MLP = 30, 1536
N_PAIRS, N_RANDOM, CHANCE = 10, 2, 0.05
real_model = [pytest.mark.weights, pytest.mark.heavy]


@pytest.fixture(scope="module")
def real(impl):
    """Load the model once."""

    @functools.cache
    def load():
        given = impl("ch02_transformer").load_pretrained
        model, tokenizer = once("smollm2-135m", lambda: given("smollm2-135m"))
        return model.requires_grad_(False), tokenizer

    return load


def read_neurons(values, most):
    """A list of different neurons; anything else fails before a model is loaded."""
    value = values["neurons"]
    fits = isinstance(value, list) and all(
        isinstance(one, list)
        and len(one) == 2
        and all(type(number) is int for number in one)
        and 0 <= one[0] < N_LAYERS
        and 0 <= one[1] < D_MLP
        for one in value
    )
    assert fits and value, (
        f"neurons: expected a list of [layer, neuron], such as [[3, 17], [20, 5]], got "
        f"{str(value)[:80]}."
    )
    group = [(layer, neuron) for layer, neuron in value]
    assert len(set(group)) == len(group), "neurons: a neuron is named twice."
    assert len(group) <= most, f"neurons: expected at most {most}, got {len(group)}."
    return group


@exercise("12.24")
def test_at_most_five_neurons_are_named(answers):
    assert read_neurons(answers("ch12_graphs", "12.24"), most=5)


@exercise("12.25")
def test_at_most_a_hundred_neurons_are_named(answers):
    assert read_neurons(answers("ch12_graphs", "12.25"), most=100)


@pytest.fixture
def switch(intervene, impl, real):
    """Shares of held-out cases that switch: with a group, and with random ones of its layers."""

    def switch(group, behaviour, seed):
        model, tokenizer = real()
        pairs = impl("ch12_graphs.pairs")
        generator = torch.Generator().manual_seed(seed)
        random = [intervene.random_group(group, D_MLP, generator) for _ in range(N_RANDOM)]
        tested = pairs.draw_pairs(pairs.all_pairs(behaviour, tokenizer), N_PAIRS, generator)
        swaps = swap_all(intervene, model, tested, [group, *random])
        rates = intervene.switch_rates(swaps)
        own, *by_chance = rates.switched
        assert max(by_chance) <= CHANCE, (
            f"Random neurons of the same layers switch {max(by_chance):.0%} of the cases: your "
            "group is so large that any would do."
        )
        return own, rates.cases

    return switch


@exercise("12.24")
@pytest.mark.parametrize("model", [pytest.param("smollm2", marks=real_model)])
def test_five_neurons_switch_she_and_he(answers, impl, switch, request, model):
    values = answers("ch12_graphs", "12.24")
    group, seed = read_neurons(values, most=5), case_seed(request, values, "12.24")
    gender = impl("ch12_graphs.pairs").GENDER
    behaviour = gender._replace(frames=GENDER_FRAMES, words=GENDER_WORDS)
    share, cases = switch(group, behaviour, seed)
    assert share >= 0.75, (
        f"neurons: {share:.0%} of {cases} held-out cases switch; expected 75 % or more."
    )


@exercise("12.25")
@pytest.mark.parametrize("model", [pytest.param("smollm2", marks=real_model)])
def test_neurons_switch_the_answers_of_your_behaviour(answers, impl, switch, request, model):
    values = answers("ch12_graphs", "12.25")
    group, seed = read_neurons(values, most=100), case_seed(request, values, "12.25")
    own = impl("ch12_graphs.own_pairs")
    name = own.own_behaviour(seed)
    share, cases = switch(group, own.OPEN[name]._replace(frames=OPEN_FRAMES[name]), seed)
    assert share >= 0.8, (
        f"neurons: for {name}, {share:.0%} of {cases} held-out cases switch; expected 80 % or more."
    )


@pytest.mark.project
@pytest.mark.parametrize("family", ["GPT2", "LLAMA"])
def test_pairs_together_give_the_swaps_of_each_alone(intervene, contrast, small, family):
    model, drawn = small(family), torch.Generator().manual_seed(3)
    shapes = [(2, 5), (2, 4), (2, 5), (2, 6)]
    tokens = [torch.randint(0, model.config.d_vocab, one, generator=drawn) for one in shapes]
    pairs = [contrast.Pair(one, torch.tensor([1, 2])) for one in tokens]
    groups = [[(2, 1), (0, 1), (2, 3)], [(1, 0)], [(0, 4), (0, 2)]]
    for actual, pair in zip(swap_all(intervene, model, pairs, groups), pairs, strict=True):
        for one, other in zip(actual, intervene.swap(model, pair, groups), strict=True):
            assert_close(one, other, "A swap in one pair.")
