"""The given code around 3.14 and 3.15: path expansion, losses by order, skip-trigrams."""

import pytest
import torch

from tests.grading.assertions import assert_close
from tests.grading.tiny_models import TOKENS, without_query_and_key_biases

pytestmark = pytest.mark.project
HEADS = 6
SIZES = {0: dict(n_layers=0), 1: dict(n_layers=1), 2: {}, 3: dict(n_layers=3, n_heads=2)}


@pytest.mark.parametrize("layers", SIZES)
@torch.no_grad()
def test_all_paths_sum_to_the_logits(paths, build, layers):
    model = build("attention-only", **SIZES[layers])
    expanded = paths.expand_paths(model, TOKENS)
    assert len(set(expanded.names)) == len(expanded.names) == len(expanded.values)
    whole = model.unembed_resid(expanded.values.sum(0))
    assert_close(whole, model(TOKENS), "All paths, biases too, sum to the logits.")


def test_two_layers_have_one_plus_h_squared_paths(paths, build):
    names = paths.expand_paths(build("attention-only"), TOKENS).names
    assert len([name for name in names if name[0] == "embed"]) == (1 + HEADS) ** 2
    assert [name for name in names if name[0] == "bias 0"][0] == ("bias 0",)
    assert len([name for name in names if name[0] == "bias 0"]) == 1 + HEADS
    assert len([name for name in names if name[0] == "bias 1"]) == 1
    assert [paths.path_order(name) for name in names].count(2) == HEADS**2


def test_a_virtual_head_is_the_product_of_two(paths, circuits, build):
    model = build("attention-only")
    expanded = paths.expand_paths(model, TOKENS)
    points = [f"blocks.{layer}.attn.hook_pattern" for layer in (0, 1)]
    _, cache = model.run_with_cache(TOKENS, names=points)
    first, second = (circuits.ov_circuit(model, layer).product() for layer in (0, 1))
    pattern = cache[points[1]][:, 5] @ cache[points[0]][:, 2]
    expected = pattern @ model.embed.W_E[TOKENS] @ first[2] @ second[5]
    actual = expanded.values[expanded.names.index(("embed", "0.2", "1.5"))]
    assert_close(actual, expected, "Head 2, then head 5.")


@torch.no_grad()
def test_pairs_of_expanded_paths_sum_to_the_scores(paths, build):
    model = without_query_and_key_biases(build("attention-only"))
    expanded = paths.expand_paths(model, TOKENS)
    kept = [i for i, name in enumerate(expanded.names) if all(n[0] != "1" for n in name[1:])]
    kept = [i for i in kept if expanded.names[i] != ("bias 1",)]
    inputs = paths.Paths([expanded.names[i] for i in kept], expanded.values[kept])
    terms = paths.score_terms(model, inputs, 1)
    assert terms.shape[1] == terms.shape[2] == (1 + HEADS) + 1 + 1, "paths, a bias, the positions"
    point = "blocks.1.attn.hook_attn_scores"
    _, cache = model.run_with_cache(TOKENS, names=point)
    actual = terms.sum((1, 2)).transpose(0, 1)
    visible = cache[point].isfinite()
    claim = "All pairs of paths must sum to the scores."
    assert_close(actual[visible], cache[point][visible], claim)


@torch.no_grad()
def test_losses_by_order_end_at_the_models_loss(paths, build):
    model = build("attention-only")
    losses = paths.losses_by_order(model, TOKENS)
    own = model(TOKENS)[:, :-1].log_softmax(-1).gather(-1, TOKENS[:, 1:, None])
    assert_close(losses[-1], -own.mean(), "With all paths kept the loss must be the model's.")
    expanded = paths.expand_paths(model, TOKENS)
    direct = sum(v for n, v in zip(expanded.names, expanded.values, strict=True) if len(n) == 1)
    kept = model.unembed_resid(direct)[:, :-1].log_softmax(-1).gather(-1, TOKENS[:, 1:, None])
    assert_close(losses[0], -kept.mean(), "Order 0 is the direct path and the biases.")
    assert len(losses) == 3


def test_skip_trigrams_of_two_tables_have_the_bug(paths):
    """Tokens 0 keep, 1 in, 2 at, 3 mind, 4 bay: `in` and `at` attend to keep, which raises both."""
    scores, logits = torch.zeros(5, 5), torch.zeros(5, 5)
    scores[1, 0] = scores[2, 0] = 20.0
    logits[0, 3], logits[0, 4] = 2.0, 1.5
    found = paths.skip_trigrams(scores, logits, 4)
    strongest = {(t.source, t.destination, t.out) for t in found}
    assert strongest == {(0, 1, 3), (0, 2, 3), (0, 1, 4), (0, 2, 4)}
    assert [round(t.strength, 3) for t in found] == [2.0, 2.0, 1.5, 1.5]


@pytest.mark.parametrize("family", ["gpt2", "llama"])
def test_expansion_rejects_models_with_norms_or_mlps(paths, build, family):
    model = build(family)
    inputs = paths.Paths([("embed",)], model.embed_tokens(TOKENS)[None])
    with pytest.raises(ValueError, match="without norms and MLPs"):
        paths.expand_paths(model, TOKENS)
    with pytest.raises(ValueError, match="without norms and MLPs"):
        paths.score_terms(model, inputs, 0)
    with pytest.raises(ValueError, match=r"layer in 0\.\.1, got 2"):
        paths.score_terms(build("attention-only"), inputs, 2)
