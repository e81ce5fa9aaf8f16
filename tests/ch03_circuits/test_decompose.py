"""Graders of decompose.py: components (3.1), frozen norm (3.2), contributions (3.3 and 3.4)."""

import pytest
import torch

from tests.grading import exercise
from tests.grading.assertions import assert_close, check, normal, randomise
from tests.grading.odd_inputs import check_odd
from tests.grading.peak_memory import largest_made
from tests.grading.tiny_models import TOKENS, authors

FAMILIES = ["gpt2", "parallel", "llama", "attention-only"]
TOKEN = torch.tensor([[7, 0, 12, 3, 3], [1, 1, 2, 11, 5], [6, 4, 0, 9, 10]])
AGAINST = torch.tensor([[2, 5, 1, 3, 8], [0, 12, 2, 4, 4], [6, 7, 9, 10, 1]])


def z_and_weights(batch, pos, heads, d_head, d_model):
    return normal(batch, pos, heads, d_head, seed=1), normal(heads, d_head, d_model, seed=2)


def results_by_loop(z, W_O):
    """Sum z times a row of W_O over d_head, one head at a time: [head, batch, pos, d_model]."""
    sizes = range(W_O.shape[1])
    return torch.stack([sum(z[:, :, h, i, None] * W[i] for i in sizes) for h, W in enumerate(W_O)])


@exercise("3.1")
@pytest.mark.parametrize("shape", [(2, 5, 3, 4, 7), (3, 3, 3, 3, 3)])
def test_head_results_use_each_heads_own_W_O(decompose, shape):
    z, W_O = z_and_weights(*shape)
    claim = "Each head's output must be its z times its own W_O."
    check(decompose.head_results, z, W_O, expected=results_by_loop(z, W_O), claim=claim)


@exercise("3.1")
def test_head_results_on_odd_inputs(decompose):
    sizes = dict(batch=2, pos=5, heads=3, d_head=4, d_model=7)
    check_odd(decompose.head_results, results_by_loop, z_and_weights, **sizes)


def check_names(actual: list[str], expected: list[str]) -> None:
    missing = [name for name in expected if name not in actual]
    extra = [name for name in actual if name not in expected]
    assert not missing and not extra, f"Missing components: {missing}; unexpected: {extra}."
    assert actual == expected, f"Expected the order of computation, {expected}, got {actual}."


@exercise("3.1")
@pytest.mark.parametrize("family", FAMILIES)
def test_components_sum_to_the_residual_stream(decompose, build, family):
    model = build(family)
    _, cache = model.run_with_cache(TOKENS, names="blocks.1.hook_resid_post")
    actual = decompose.decompose(model, TOKENS)
    written = authors(model, TOKENS)
    check_names(list(actual.names), list(written))
    values = dict(zip(actual.names, actual.values, strict=True))
    assert_close(values, written, f"Components of the {family} model are wrong.")
    last = cache["blocks.1.hook_resid_post"]
    assert_close(actual.values.sum(0), last, "All components must sum to the residual stream.")


@exercise("3.1")
@pytest.mark.parametrize("layers", [0, 11])
def test_components_of_models_with_other_numbers_of_layers(decompose, build, layers):
    model = build("attention-only", n_layers=layers, n_heads=2, n_kv_heads=1)
    check_names(list(decompose.decompose(model, TOKENS).names), list(authors(model, TOKENS)))


@pytest.fixture(params=["LayerNorm", "RMSNorm", "NoNorm"])
def norm(request, config, norms, attention_only):
    """A norm of each kind, with random gain and bias."""
    sizes = dict(n_layers=1, n_heads=1, d_head=1, d_mlp=1, d_vocab=1, n_ctx=1)
    module = attention_only if request.param == "NoNorm" else norms
    made = getattr(module, request.param)(config.TransformerConfig(d_model=5, **sizes))
    return randomise(made, seed=7)


def frozen_by_loop(values, norm, scale):
    """Center each vector by itself, then divide by the given scale."""
    gain, _ = norm.affine()
    rows = [x - sum(x) / len(x) if norm.centers else x for x in values.flatten(0, 2)]
    return torch.stack(rows).view_as(values) * gain / scale


@exercise("3.2")
def test_frozen_norm_divides_by_the_given_scale(decompose, norm):
    def components(component, batch, pos):
        values = normal(component, batch, pos, 5, seed=1) + 1
        return values, norm, normal(batch, pos, 1, seed=2).abs() + 0.5

    values, _, scale = components(4, 2, 3)
    expected = frozen_by_loop(values, norm, scale)
    claim = f"{type(norm).__name__} with a fixed scale is wrong."
    check(decompose.apply_frozen_norm, values, norm, scale, expected=expected, claim=claim)
    sizes = dict(component=4, batch=2, pos=3)
    skip = "sparse float32"  # a scale of 0, and a norm in another precision
    check_odd(decompose.apply_frozen_norm, frozen_by_loop, components, skip, **sizes)
    with torch.no_grad():
        for parameter in norm.parameters():
            parameter.mul_(1e6)
    expected, claim = frozen_by_loop(values, norm, scale), "A gain of a million is used as it is."
    check(decompose.apply_frozen_norm, values, norm, scale, expected=expected, claim=claim)


@exercise("3.2")
@torch.no_grad()
def test_frozen_norms_sum_to_the_norm_of_the_sum(decompose, norm):
    values, seen = 3 * normal(4, 2, 3, 5, seed=3) - 1, []
    norm.hook_scale.observers = [lambda scale, _: seen.append(scale)]
    whole = norm(values.sum(0))
    norm.hook_scale.observers = []
    actual = decompose.apply_frozen_norm(values, norm, seen[0]).sum(0) + norm.affine()[1]
    assert_close(actual, whole, "The components and the norm's bias must sum to the norm.")


@torch.no_grad()
def attribution_by_parts(model, against):
    """Names, contributions and their sum, from the parts of one forward pass."""
    written = authors(model, TOKENS)
    _, cache = model.run_with_cache(TOKENS, names="ln_final.hook_scale")
    logits, W_U, b_U = model(TOKENS), model.unembed.W_U, model.unembed.b_U
    direction, bias = W_U[:, TOKEN].movedim(0, -1), b_U[TOKEN]
    total = logits.gather(-1, TOKEN[..., None])[..., 0]
    if against is not None:
        direction, bias = direction - W_U[:, against].movedim(0, -1), bias - b_U[against]
        total = total - logits.gather(-1, against[..., None])[..., 0]
    normed = frozen_by_loop(
        torch.stack(list(written.values())), model.ln_final, cache["ln_final.hook_scale"]
    )
    _, norm_bias = model.ln_final.affine()
    rows = [(vector * direction).sum(-1) for vector in [*normed, norm_bias]]
    return [*written, "norm bias", "unembed bias"], torch.stack([*rows, bias]), total


@exercise("3.3")
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("against", [None, AGAINST], ids=["logit", "difference"])
def test_contributions_sum_to_the_logit(decompose, build, family, against):
    model = build(family)
    names, contributions, total = attribution_by_parts(model, against)
    actual = decompose.direct_logit_attribution(model, TOKENS, TOKEN, against)
    assert list(actual.names) == names, f"Expected {names}, got {list(actual.names)}."
    of = "logit" if against is None else "difference of two logits"
    claim = f"Contributions to a {of} of the {family} model are wrong."
    assert_close(actual.contributions, contributions, claim)
    assert_close(actual.contributions.sum(0), total, f"They must sum to the {of}.")


@exercise("3.3")
def test_large_contributions_are_returned_as_they_are(decompose, build):
    model = build("parallel")
    with torch.no_grad():
        for weight in (model.embed.W_E, model.unembed.W_U, model.unembed.b_U, model.ln_final.b):
            weight.mul_(1e6)
    _, contributions, _ = attribution_by_parts(model, None)
    actual = decompose.direct_logit_attribution(model, TOKENS, TOKEN).contributions
    claim = "With embeddings, W_U and biases a million times larger, contributions are wrong."
    assert_close(actual, contributions, claim, scale=1e6)


def z_weights_direction(batch, pos, heads, d_head, d_model):
    direction = normal(batch, pos, d_model, seed=3)
    return *z_and_weights(batch, pos, heads, d_head, d_model), direction


def dot_products(z, W_O, direction):
    """Build each head's output, then take its dot product with the direction."""
    return (results_by_loop(z, W_O) * direction).sum(-1).movedim(0, -1)


@exercise("3.4")
@pytest.mark.parametrize("sizes", [(2, 5, 3, 4, 7), (3, 3, 3, 3, 3)])
def test_head_contribution_is_output_times_direction(decompose, sizes):
    given = z_weights_direction(*sizes)
    claim = "A head's contribution must be (z @ W_O) . direction."
    expected = dot_products(*given)
    check(decompose.head_logit_contributions, *given, expected=expected, claim=claim)


@exercise("3.4")
def test_head_contributions_on_odd_inputs(decompose):
    sizes = dict(batch=2, pos=5, heads=3, d_head=4, d_model=7)
    check_odd(decompose.head_logit_contributions, dot_products, z_weights_direction, **sizes)


@exercise("3.4")
def test_head_contributions_need_no_head_outputs(decompose):
    given = z_weights_direction(7, 9, 6, 2, 50)
    most = largest_made(lambda: decompose.head_logit_contributions(*given))
    outputs = 7 * 9 * 6 * 50
    assert most < outputs / 2, (
        f"Expected no tensor of {outputs} numbers, as all head outputs have, got one of {most}. "
        "Project the direction back through W_O first: vectors of size d_head are enough."
    )
