"""Graders of relp.py: the half rule (12.11), neurons as nodes (12.12), all paths (12.13)."""

import pytest
import torch
import torch.nn.functional as F

from tests.ch12_graphs.conftest import SIZES
from tests.ch12_graphs.linearized import activations, gradients
from tests.grading import exercise
from tests.grading.assertions import assert_close, check, normal
from tests.grading.odd_inputs import check_odd

FAMILIES = ("GPT2", "LLAMA")
TEXT = torch.tensor([[3, 1, 4, 1, 5]])


@pytest.fixture
def half_rule(relp):
    def half_rule(gate, *linear):
        return relp.half_rule(F.silu, torch.stack([gate, *linear]))

    return half_rule


@exercise("12.11")
def test_gated_neurons_on_odd_inputs(half_rule):
    def oracle(gate, linear):
        slope = 1 / (1 + torch.exp(-gate))
        return torch.stack([slope * linear * 0.5, slope * gate * 0.5])

    def make(pos, d_mlp):
        return normal(pos, d_mlp, seed=1), normal(pos, d_mlp, seed=2)

    check_odd(half_rule, oracle, make, pos=3, d_mlp=5)


@exercise("12.11")
def test_neurons_without_a_gate_on_odd_inputs(half_rule):
    oracle = lambda gate: (1 / (1 + torch.exp(-gate)))[None]  # noqa: E731
    check_odd(half_rule, oracle, lambda pos, d_mlp: (normal(pos, d_mlp, seed=1),), pos=3, d_mlp=5)


@exercise("12.11")
@pytest.mark.parametrize("activation", [F.relu, F.gelu, F.silu, torch.tanh])
def test_coefficients_add_up_to_the_activation(relp, activation):
    for factors in (normal(1, 4, 6, seed=3), normal(2, 4, 6, seed=4)):
        actual = (relp.half_rule(activation, factors) * factors).sum(dim=0)
        expected = activation(factors[0]) * factors[1:].prod(dim=0)
        assert_close(actual, expected, "Coefficients times factors must add up to the activation.")


def reads_by_hand(model, layer, pos, unit, x):
    """What a neuron's linear factors make of x, by the half rule, and its two constants."""
    names = ("ln2.hook_scale", "mlp.hook_pre", "mlp.hook_post", "mlp.hook_pre_linear")
    points = [n for n in (f"blocks.{layer}.{name}" for name in names) if n in model.hook_points()]
    cache = {k: v[0, pos] for k, v in model.run_with_cache(TEXT, names=points)[1].items()}
    norm, mlp = model.blocks[layer].ln2, model.blocks[layer].mlp
    gain, bias = (one.detach() for one in norm.affine())
    gate = cache[f"blocks.{layer}.mlp.hook_pre"][unit]
    slope = gate.sigmoid()
    if len(mlp.readers) == 1:
        shares = [(slope, mlp.W_in, mlp.b_in)]
    else:
        linear = cache[f"blocks.{layer}.mlp.hook_pre_linear"][unit]
        shares = [(slope * linear / 2, mlp.W_gate, mlp.b_gate)]
        shares.append((slope * gate / 2, mlp.W_in, mlp.b_in))
    centered = x - x.mean() if norm.centers else x
    normed = centered / cache[f"blocks.{layer}.ln2.hook_scale"] * gain
    read = sum(share * (normed * W[:, unit]).sum() for share, W, _ in shares)
    of_norm = sum(share * (bias * W[:, unit]).sum() for share, W, _ in shares)
    own = sum(share * b[unit] for share, _, b in shares)
    return torch.stack([read, of_norm, own]), cache[f"blocks.{layer}.mlp.hook_post"][unit]


@exercise("12.12")
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("size, scale", SIZES)
def test_a_neuron_reads_directions_and_constants(relp, local, small, family, size, scale):
    """size: of the weights of the last factor."""
    model = small(family)
    for mlp in (block.mlp for block in model.blocks):
        mlp.W_in.data *= size
        mlp.b_in.data *= size
    frozen, x = local.freeze(model, TEXT), normal(12, seed=9)
    pos, unit = torch.tensor([0, 4, 4, 2]), torch.tensor([3, 9, 0, 3])
    for layer, neurons in enumerate(relp.neuron_layers(model, frozen)):
        read = relp.neuron_reads(neurons, frozen.layers[layer], pos, unit)
        by_hand = [reads_by_hand(model, layer, p, n, x) for p, n in zip(pos, unit, strict=True)]
        expected = torch.stack([numbers for numbers, _ in by_hand])
        parts = torch.stack([read.directions @ x, *read.constants.T], dim=1)
        claims = ["The direction is not what the neuron reads.", "The norm's bias reads wrong."]
        claims += ["The neuron's own bias is wrong."]
        for part, one, claim in zip(parts.T, expected.T, claims, strict=True):
            assert_close(part, one, claim, scale=scale)
        values = torch.stack([value for _, value in by_hand])
        assert_close(read.values, values, "values are not the activations.", scale=scale)


@exercise("12.12")
@pytest.mark.parametrize("family", FAMILIES)
def test_incoming_edges_sum_to_the_activation(relp, local, edges, small, family):
    model = small(family)
    frozen = local.freeze(model, TEXT)
    where = relp.Where(*torch.tensor([[0, 0, 1, 2, 2, 2], [1, 4, 0, 4, 3, 4], [2, 7, 5, 0, 9, 1]]))
    basis = relp.neuron_basis(model, frozen, where)
    effects = edges.direct_effects(frozen, basis, basis.nodes.targets)
    expected = activations(model, TEXT)[tuple(where)]
    claim = "The edges into a neuron do not sum to its activation."
    assert_close(effects.total(), expected, claim, tolerance=1e-9)


@exercise("12.13")
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("seed, length", [(1, 5), (2, 1)])
def test_effects_along_all_paths(relp, local, small, family, seed, length):
    model, tokens = small(family, seed=seed), TEXT[:, :length]
    frozen, row = local.freeze(model, tokens), normal(length, 12, seed=5)
    neurons, embed = gradients(model, tokens, row)
    layers = relp.neuron_layers(model, frozen)
    for size, scale in SIZES:
        check(
            lambda given: list(relp.total_effects(layers, frozen, given)),
            size * row,
            expected=[size * neurons, size * embed],
            claim="Gradients in the linearized model are wrong.",
            scale=scale,
        )


@pytest.mark.project
def test_nodes_must_be_ordered_by_layer(relp, local, small):
    model = small("LLAMA")
    where = relp.Where(torch.tensor([1, 0]), torch.tensor([0, 0]), torch.tensor([0, 0]))
    with pytest.raises(ValueError, match="ordered by layer"):
        relp.neuron_basis(model, local.freeze(model, TEXT), where)
