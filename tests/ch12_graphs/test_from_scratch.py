"""Graders of from_scratch.py (12.21), by claims alone."""

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close, normal

TOKENS = torch.tensor([[3, 1, 4, 1, 5], [2, 7, 18, 0, 11]])


def without_biases(model):
    """Set every bias to 0, so that embeddings are the only source."""
    for name, weight in model.named_parameters():
        if name.rpartition(".")[2].startswith("b"):
            weight.data.zero_()
    return model.requires_grad_(False)


@pytest.fixture
def attribute(from_scratch, small):
    """Build a model without biases, and attribute a random direction."""

    def attribute(seed, tokens=TOKENS):
        model = without_biases(small("LLAMA", seed=seed))
        direction = normal(2, 12, seed=seed)[: len(tokens)]
        before = model(tokens)
        found = from_scratch.relp_by_autograd(model, tokens, direction)
        assert torch.equal(model(tokens), before), "The model computes something else afterwards."
        return model, direction, found

    return attribute


@exercise("12.21")
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_embeddings_times_gradients_sum_to_the_metric(attribute, seed):
    model, direction, found = attribute(seed)
    names = ["ln_final.hook_normalized", "hook_embed"]
    _, cache = model.run_with_cache(TOKENS, names=names)
    metric = (cache[names[0]][:, -1] * direction).sum(dim=1)
    assert_close(found.metric, metric, "The metric is not the model's own.", tolerance=1e-9)
    total = (found.embed * cache["hook_embed"]).sum(dim=(1, 2))
    claim = "Embeddings times gradients do not sum to the metric: is something live, or not halved?"
    assert_close(total, metric, claim, tolerance=1e-9)


@exercise("12.21")
@pytest.mark.parametrize("seed", [1, 2])
def test_neurons_of_the_last_layer_act_directly(attribute, seed):
    model, direction, found = attribute(seed)
    _, cache = model.run_with_cache(TOKENS, names="ln_final.hook_scale")
    scale = cache["ln_final.hook_scale"][:, -1]
    expected = (direction / scale) @ model.blocks[-1].mlp.W_out.T
    assert len(found.neurons) == 3, f"Expected gradients of 3 layers, got {len(found.neurons)}."
    claim = "The gradient of the last layer's neurons is wrong at the last position."
    assert_close(found.neurons[-1][:, -1], expected, claim, tolerance=1e-9)
    assert not found.neurons[-1][:, :-1].any(), (
        "Earlier positions of the last layer have no effect."
    )


@exercise("12.21")
def test_a_change_of_an_early_neuron_moves_through_later_ones(attribute):
    """In the linearized model, neurons read what earlier ones write: a sum over both layers."""
    model, _, found = attribute(4)
    names = [f"blocks.{layer}.mlp.hook_post" for layer in range(3)]
    _, cache = model.run_with_cache(TOKENS, names=names)
    sizes = [list(gradient.shape) for gradient in found.neurons]
    assert sizes == [[2, 5, 10]] * 3, f"Expected gradients of shape [2, 5, 10], got {sizes}."
    assert found.neurons[0].abs().sum() > 0, "Neurons of layer 0 have no effect."
    assert not any(x.requires_grad for x in (*found.neurons, found.embed, found.metric)), (
        "The results still require gradients."
    )
    assert cache[names[0]].shape == (2, 5, 10)


@exercise("12.21")
def test_prompts_do_not_mix(attribute):
    _, _, both = attribute(5)
    _, direction, one = attribute(5, TOKENS[:1])
    assert direction.shape == (1, 12)
    assert_close(both.embed[:1], one.embed, "A prompt's gradients depend on other prompts.")
