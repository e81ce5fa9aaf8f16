"""Graders of the embeddings of tokens and positions (2.6), and of the gated MLP (2.7)."""

import math

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import (
    assert_close,
    check,
    normal,
    randomise,
    seen_at,
    wrong_gradients,
)

BATCH, POS, WIDTH, NEURONS, VOCAB, CONTEXT = 2, 3, 5, 7, 11, 13

ACTIVATIONS = {
    "relu": lambda x: max(x, 0.0),
    "silu": lambda x: x / (1 + math.exp(-x)),
    "gelu": lambda x: x * (1 + math.erf(x / math.sqrt(2))) / 2,
    "gelu_tanh": lambda x: x * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))) / 2,
}


def build(config, part, seed, activation="silu"):
    """A part of a model with random weights and biases in float64."""
    sizes = {"n_layers": 1, "n_heads": 2, "d_head": 3, "d_model": WIDTH, "d_mlp": NEURONS}
    sizes |= {"d_vocab": VOCAB, "n_ctx": CONTEXT, "activation": activation}
    return randomise(part(config.TransformerConfig(**sizes)), seed)


def read_rows(table, rows):
    """The vectors of a table [row, d_model] that a list of lists of row numbers names."""
    return torch.stack([torch.stack([table[row] for row in sequence]) for sequence in rows])


TOKENS = [
    [[4, 0, 7], [10, 4, 1]],
    [[3, 3, 3, 9, 2]],
    [[1], [8], [0], [10]],
]


@exercise("2.6")
@pytest.mark.parametrize("tokens", TOKENS)
def test_each_token_gets_its_own_row(config, layers, tokens):
    embed = build(config, layers.Embed, seed=1)
    table = embed.W_E.detach()
    table[4] *= 1e-8
    expected = read_rows(table, tokens)
    claim = f"The tokens {tokens} must give these rows of W_E."
    check(embed, torch.tensor(tokens), expected=expected, claim=claim)


@exercise("2.6")
def test_a_repeated_token_adds_up_its_gradients(config, layers):
    embed = build(config, layers.Embed, seed=2)
    tokens = torch.tensor([[4, 0, 4], [10, 4, 1]])
    wrong = wrong_gradients(lambda: embed(tokens), {"W_E": embed.W_E})
    assert not wrong, (
        "The gradient of the embedding with respect to W_E disagrees with finite differences. "
        "Is W_E used without its graph (data, detach, no_grad)?"
    )


@exercise("2.6")
@pytest.mark.parametrize("start", [4, 0, 1, CONTEXT - POS])
@pytest.mark.parametrize("batch", [4, 1])
def test_positions_count_from_start_in_every_sequence(config, layers, start, batch):
    positions = build(config, layers.LearnedPositions, seed=3)
    table = positions.W_pos.detach()
    tokens = torch.tensor([[9, 2, 9], [0, 5, 1], [7, 7, 3], [11, 4, 6]])[:batch]
    rows = [start + place for place in range(POS)]
    claim = f"With start={start} the positions are {rows}: these rows of W_pos are right."
    check(positions, tokens, start, expected=read_rows(table, [rows] * batch), claim=claim)


@exercise("2.6")
def test_a_position_collects_the_gradients_of_all_sequences(config, layers):
    positions = build(config, layers.LearnedPositions, seed=4)
    tokens = torch.tensor([[4, 0, 4], [10, 4, 1]])
    wrong = wrong_gradients(lambda: positions(tokens, 2), {"W_pos": positions.W_pos})
    assert not wrong, (
        "The gradient of the positions with respect to W_pos disagrees with finite differences. "
        "Is W_pos used without its graph (data, detach, no_grad)?"
    )


def act(name, x):
    """An activation, number by number."""
    numbers = [ACTIVATIONS[name](entry) for entry in x.flatten().tolist()]
    return torch.tensor(numbers, dtype=torch.float64).reshape(x.shape)


def parts_of(mlp):
    """The weights and biases of a gated MLP, without their graph."""
    return {name: weight.detach() for name, weight in mlp.named_parameters()}


def factors(w, x):
    """(gate, linear): both projections of x before the activation, neuron by neuron."""
    gate, linear = torch.zeros(2, *x.shape[:2], NEURONS, dtype=torch.float64)
    for neuron in range(NEURONS):
        gate[..., neuron] = (x * w["W_gate"][:, neuron]).sum(-1) + w["b_gate"][neuron]
        linear[..., neuron] = (x * w["W_in"][:, neuron]).sum(-1) + w["b_in"][neuron]
    return gate, linear


def write(w, post):
    """The output of the neurons, added up one by one."""
    out = w["b_out"].repeat(*post.shape[:2], 1)
    for neuron in range(NEURONS):
        out += post[..., neuron : neuron + 1] * w["W_out"][neuron]
    return out


@exercise("2.7")
@pytest.mark.parametrize("seed, name", list(enumerate(ACTIVATIONS)))
def test_gated_mlp_multiplies_activated_gate_and_linear_factor(config, layers, seed, name):
    mlp = build(config, layers.GatedMLP, seed, name)
    x, w = normal(BATCH, POS, WIDTH, seed=20 + seed), parts_of(mlp)
    gate, linear = factors(w, x)
    expected = write(w, act(name, gate) * linear)
    check(mlp, x, expected=expected, claim=f"The gated MLP with {name} is wrong.")


@exercise("2.7")
@pytest.mark.parametrize("point", ["hook_pre", "hook_pre_linear", "hook_post"])
def test_hook_points_of_a_gated_mlp_show_and_replace(config, layers, point):
    mlp = build(config, layers.GatedMLP, seed=5, activation="gelu")
    x, w = normal(BATCH, POS, WIDTH, seed=25), parts_of(mlp)
    gate, linear = factors(w, x)
    on = act("gelu", gate)
    values = {"hook_pre": gate, "hook_pre_linear": linear, "hook_post": on * linear}
    assert_close(seen_at(mlp, point, x), values[point], f"{point} sees the wrong tensor.")
    new = normal(BATCH, POS, NEURONS, seed=26)
    getattr(mlp, point).hooks = [lambda tensor, _: new]
    expected = {
        "hook_pre": act("gelu", new) * linear,
        "hook_pre_linear": on * new,
        "hook_post": new,
    }
    claim = f"What a hook at {point} returns must be used in place of what it saw."
    assert_close(mlp(x), write(w, expected[point]), claim)


@exercise("2.7")
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_gradients_flow_through_the_gated_mlp(config, layers, name):
    mlp = build(config, layers.GatedMLP, seed=6, activation=name)
    x = normal(BATCH, POS, WIDTH, seed=27).requires_grad_()
    wrong = wrong_gradients(lambda: mlp(x), {"x": x, **dict(mlp.named_parameters())})
    assert not wrong, (
        f"The gradient of the gated MLP with respect to {', '.join(wrong)} disagrees with finite "
        "differences. Is something taken without its graph (detach, no_grad, data)?"
    )
