"""Graders of nodes.py (12.3): active latents as readers, a CLT's latents as writers."""

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close, normal

from .conftest import TEXT

FAMILIES = ["GPT2", "LLAMA"]


@exercise("12.3")
@pytest.mark.parametrize("family", FAMILIES)
def test_active_latents_read_their_pre_activations(local, nodes, small, family):
    made = small(family)
    frozen = local.freeze(made, TEXT)
    W_enc, b_enc = normal(12, 7, seed=1), normal(7, seed=2)
    layer = frozen.layers[1]
    pre_acts = layer.mlp_in @ W_enc + b_enc
    acts = 2 * pre_acts.relu()
    read = nodes.ReadLatents(W_enc, b_enc, pre_acts, acts)
    targets, unit = nodes.active_latents(1, layer.norm2, read)
    expected = [(p, u) for p in range(5) for u in range(7) if acts[p, u] != 0]
    places = list(zip(targets.pos.tolist(), unit.tolist(), strict=True))
    assert places == expected, "List the latents with an activation, position by position."
    assert targets.layer.tolist() == [1] * len(unit), "The layer is the one that is read."
    values = torch.stack([pre_acts[place] for place in expected])
    assert_close(targets.values, values, "A latent's value is its pre-activation.")
    resid = local.run_local(frozen).resid_mid[1, targets.pos]
    seen = (resid * targets.directions).sum(dim=1)
    claim = "Direction times residual stream, plus constants, is not the pre-activation."
    assert_close(seen + targets.constants.sum(dim=1), values, claim)
    assert_close(targets.constants[:, 1], b_enc[unit], "The last constant is b_enc.")


@exercise("12.3")
def test_without_active_latents_the_lists_are_empty(local, nodes, small):
    layer = local.freeze(small("LLAMA"), TEXT).layers[0]
    read = nodes.ReadLatents(
        normal(12, 7, seed=1), normal(7, seed=2), normal(5, 7, seed=3), torch.zeros(5, 7).double()
    )
    targets, unit = nodes.active_latents(0, layer.norm2, read)
    assert len(unit) == len(targets.values) == 0, "Nothing is active, so there is no target."
    assert targets.directions.shape == (0, 12), "Without targets there are no directions."


@exercise("12.3")
@pytest.mark.parametrize("family", FAMILIES)
def test_clt_latents_write_to_their_own_and_later_layers(local, nodes, small, dictionary, family):
    frozen = local.freeze(small(family), TEXT)
    clt = dictionary("clt")
    basis = nodes.clt_basis(frozen, clt)
    layer, unit = basis.nodes.layer, basis.nodes.unit
    for target, (node, rows) in enumerate(basis.nodes.writes):
        writers = (layer <= target).nonzero()[:, 0]
        assert sorted(node.tolist()) == writers.tolist(), (
            f"To the MLP output of layer {target} write the latents of layers 0 to {target}."
        )
        expected = [clt.W_dec[layer[i]][target - layer[i], unit[i]] for i in node]
        assert_close(rows, torch.stack(expected), f"Decoder rows to layer {target} are wrong.")


@exercise("12.3")
@pytest.mark.parametrize("family, n_layers", [("GPT2", 3), ("LLAMA", 3), ("LLAMA", 1)])
def test_latents_bias_and_error_sum_to_each_mlp_output(
    local, nodes, small, dictionary, family, n_layers
):
    frozen = local.freeze(small(family, n_layers=n_layers), TEXT)
    clt = dictionary("clt", n_layers=n_layers)
    basis = nodes.clt_basis(frozen, clt)
    assert_close(basis.bias, clt.b_dec, "The bias is b_dec.")
    for number, (node, rows) in enumerate(basis.nodes.writes):
        written = basis.bias[number] + basis.error[number]
        for place, row in zip(node.tolist(), rows, strict=True):
            written[basis.nodes.pos[place]] += basis.nodes.acts[place] * row
        claim = f"What is written in layer {number} does not sum to the MLP's output."
        assert_close(written, frozen.layers[number].mlp_out, claim)


@pytest.mark.project
@pytest.mark.parametrize("kind", ["clt", "per layer"])
def test_hidden_nodes_are_only_hidden(local, edges, nodes, small, basis, kind):
    frozen = local.freeze(small("LLAMA"), TEXT)
    whole = basis(frozen, kind)
    some = torch.randperm(len(whole.nodes.unit), generator=torch.Generator().manual_seed(0))[:9]
    part = nodes.choose(whole, some)
    assert_close(part.nodes.targets.values, whole.nodes.targets.values[some], "Another node.")
    assert_close(edges.remainder_writes(frozen, whole), torch.zeros(3, 5, 12), "All are shown.")
    assert edges.remainder_writes(frozen, part).abs().max() > 0.1


@pytest.mark.project
def test_missing_layers_raise(local, nodes, small, dictionary):
    frozen = local.freeze(small("GPT2"), TEXT)
    with pytest.raises(ValueError, match="expected transcoders of layers 0 to 2"):
        nodes.transcoder_basis(frozen, {0: dictionary("per layer")[0]})
    with pytest.raises(ValueError, match="expected a CLT of 3 layers, got 2"):
        nodes.clt_basis(frozen, dictionary("clt", n_layers=2))
